"""A picture of a DAG for people, as SVG: blue and red, the selected chain, the finality line.

A node tells the newest blocks of its DAG as a :class:`Window`; whoever has one can draw it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from chainkit.formats.ghostdag.dag import Dag, selected_chain
from chainkit.formats.ghostdag.limits import HASH_BYTES
from chainkit.formats.ghostdag.order import known
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Hash32

MAX_DRAWN_BLOCKS = 500
MAX_SCORE = 2**63 - 1
COLUMN, ROW, SIZE, MARGIN = 90, 60, 36, 60
BLUE, RED, OPEN, LINE, FINAL = "#2f6fde", "#d64545", "#9aa4b2", "#c3cad6", "#1a9c5b"
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
)


class Colour(Enum):
    """What the selected chain makes of a block."""

    BLUE = "blue"
    RED = "red"
    OPEN = "open"
    """It has not merged the block."""


_FILLS = {Colour.BLUE: BLUE, Colour.RED: RED, Colour.OPEN: OPEN}


@dataclass(frozen=True, slots=True)
class WindowBlock:
    """A block of a window."""

    hash: Hash32
    parents: tuple[Hash32, ...]
    """Also those that are older than the window."""
    selected_parent: Hash32 | None
    blue_score: int
    timestamp_ms: int
    colour: Colour
    is_chain: bool
    """Whether it is on the selected chain."""
    is_final: bool
    """Whether it is on the selected chain at the finality depth or below."""
    blues: int
    """Blue blocks that it merges, its selected parent one of them."""
    reds: int


@dataclass(frozen=True, slots=True)
class Window:
    """The newest blocks of a DAG, parents before children, as the chain of one tip sees them."""

    tip: Hash32
    finality_depth: int
    """Blue scores below the tip from which on blocks of the selected chain are final."""
    blocks: tuple[WindowBlock, ...]


def window(dag: Dag, tip: Hash32, finality_depth: int, most: int = 60) -> Window:
    """Return the newest blocks of a DAG, in the colours that the selected chain of ``tip`` gives.

    Args:
        dag: The blocks.
        tip: One of them: the end of the selected chain.
        finality_depth: Blue scores below the tip from which on blocks are final.
        most: Blocks, 1 to 500.
    """
    assert 1 <= most <= MAX_DRAWN_BLOCKS
    newest = sorted(dag, key=lambda block: block.sort_key, reverse=True)[:most]
    wanted = {block.hash for block in newest}
    colours: dict[Hash32, Colour] = {}
    chain: set[Hash32] = set()
    for block in selected_chain(dag, tip):
        chain.add(block.hash)
        colours.setdefault(block.hash, Colour.BLUE)
        colours.update(dict.fromkeys(block.order.blues, Colour.BLUE))
        colours.update(dict.fromkeys(block.order.reds, Colour.RED))
        if wanted <= colours.keys():
            break
    final = known(dag, tip).order.blue_score - finality_depth
    return Window(
        tip,
        finality_depth,
        tuple(
            WindowBlock(
                hash=block.hash,
                parents=block.header.parents,
                selected_parent=block.order.selected_parent,
                blue_score=block.order.blue_score,
                timestamp_ms=block.header.timestamp,
                colour=colours.get(block.hash, Colour.OPEN),
                is_chain=block.hash in chain,
                is_final=block.hash in chain and block.order.blue_score <= final,
                blues=len(block.order.blues),
                reds=len(block.order.reds),
            )
            for block in reversed(newest)
        ),
    )


# --- as JSON --------------------------------------------------------------------------------


def window_to_json(seen: Window) -> dict[str, object]:
    """Return a window in JSON's values; hashes are hex."""
    return {
        "tip": seen.tip.hex(),
        "finality_depth": seen.finality_depth,
        "blocks": [
            {
                "hash": block.hash.hex(),
                "parents": [parent.hex() for parent in block.parents],
                "selected_parent": block.selected_parent.hex() if block.selected_parent else None,
                "blue_score": block.blue_score,
                "timestamp_ms": block.timestamp_ms,
                "colour": block.colour.value,
                "is_chain": block.is_chain,
                "is_final": block.is_final,
                "blues": block.blues,
                "reds": block.reds,
            }
            for block in seen.blocks
        ],
    }


def window_from_json(value: object) -> Window:
    """Return the window in JSON's values.

    Raises:
        MalformedMessage: It is not of its form, has no block or over 500, or one twice.
    """
    blocks = _member(value, "blocks", list)
    if not 1 <= len(blocks) <= MAX_DRAWN_BLOCKS:
        raise MalformedMessage(f"a window has 1 to {MAX_DRAWN_BLOCKS} blocks")
    found = tuple(map(_block_from_json, blocks))
    if len({block.hash for block in found}) != len(found):
        raise MalformedMessage("a window has no block twice")
    tip = _hash(_member(value, "tip", str))
    return Window(tip, _number(value, "finality_depth"), found)


def _block_from_json(value: object) -> WindowBlock:
    selected = _member(value, "selected_parent", str | None)
    try:
        colour = Colour(_member(value, "colour", str))
    except ValueError as error:
        raise MalformedMessage("colour: expected blue, red or open") from error
    return WindowBlock(
        hash=_hash(_member(value, "hash", str)),
        parents=tuple(_hash(parent) for parent in _member(value, "parents", list)),
        selected_parent=None if selected is None else _hash(selected),
        blue_score=_number(value, "blue_score"),
        timestamp_ms=_number(value, "timestamp_ms"),
        colour=colour,
        is_chain=_member(value, "is_chain", bool),
        is_final=_member(value, "is_final", bool),
        blues=_number(value, "blues"),
        reds=_number(value, "reds"),
    )


def _member(value: object, name: str, kind: Any) -> Any:
    found = value.get(name, ...) if isinstance(value, Mapping) else ...
    if not isinstance(found, kind):
        raise MalformedMessage(f"{name}: missing, or of another type")
    return found


def _number(value: object, name: str) -> int:
    found = _member(value, name, int)
    if isinstance(found, bool) or not 0 <= found <= MAX_SCORE:
        raise MalformedMessage(f"{name}: expected a whole number, 0 or more")
    assert isinstance(found, int)
    return found


def _hash(text: object) -> Hash32:
    try:
        data = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError as error:
        raise MalformedMessage("a hash is a text of hex digits") from error
    if len(data) != HASH_BYTES:
        raise MalformedMessage(f"a hash has {HASH_BYTES} bytes")
    return Hash32(data)


# --- as SVG ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Picture:
    """Where each block is drawn, by column and row."""

    blocks: tuple[WindowBlock, ...]
    places: Mapping[Hash32, tuple[int, int]]
    chain: frozenset[Hash32]


def draw(seen: Window) -> str:
    """Return a window as an SVG document.

    Blocks left of the green line are final. The title of a block, which browsers show under
    the pointer, names its hash and scores.
    """
    chain = frozenset(block.hash for block in seen.blocks if block.is_chain)
    picture = _Picture(seen.blocks, _places(seen.blocks), chain)
    rows = [row for _, row in picture.places.values()]
    columns = [column for column, _ in picture.places.values()]
    height = (max(rows) - min(rows)) * ROW + 2 * MARGIN + 20
    width = max(columns) * COLUMN + 2 * MARGIN
    middle = MARGIN - min(rows) * ROW
    body = [_edges(picture, middle), _nodes(picture, middle), _finality(picture, height)]
    legend = (
        f'<text x="{MARGIN}" y="{height - 12}">blue, '
        f'<tspan fill="{RED}">red</tspan>, <tspan fill="{OPEN}">not merged yet</tspan>; '
        "the selected chain has a thick edge</text>"
    )
    head = _HEAD.format(width=width, height=height)
    return "\n".join([head, *body, legend, "</svg>"]) + "\n"


def _places(blocks: Iterable[WindowBlock]) -> dict[Hash32, tuple[int, int]]:
    """Give each block the column after its highest parent, and the free row nearest the chain's."""
    places: dict[Hash32, tuple[int, int]] = {}
    taken: set[tuple[int, int]] = set()
    for block in blocks:
        before = [places[parent][0] for parent in block.parents if parent in places]
        column = max(before, default=-1) + 1
        row = 0
        if not block.is_chain:
            row = 1
            while (column, row) in taken:
                row = -row if row > 0 else 1 - row
        places[block.hash] = (column, row)
        taken.add((column, row))
    return places


def _at(picture: _Picture, block: Hash32, middle: int) -> tuple[int, int]:
    column, row = picture.places[block]
    return MARGIN + column * COLUMN, middle + row * ROW


def _edges(picture: _Picture, middle: int) -> str:
    lines = []
    for block in picture.blocks:
        x, y = _at(picture, block.hash, middle)
        for parent in block.parents:
            if parent not in picture.places:
                continue
            above_x, above_y = _at(picture, parent, middle)
            is_chain = {block.hash, parent} <= picture.chain
            is_selected = parent == block.selected_parent
            width = 4 if is_chain and is_selected else 1
            colour = BLUE if width > 1 else LINE
            lines.append(
                f'<line x1="{x}" y1="{y}" x2="{above_x}" y2="{above_y}" '
                f'stroke="{colour}" stroke-width="{width}"/>'
            )
    return "\n".join(lines)


def _nodes(picture: _Picture, middle: int) -> str:
    nodes = []
    for block in picture.blocks:
        x, y = _at(picture, block.hash, middle)
        half = SIZE // 2
        border = "#111" if block.is_chain else "none"
        nodes.append(
            f"<g><title>{block.hash.hex()} blue score {block.blue_score}, "
            f"merges {block.blues} blue and {block.reds} red</title>"
            f'<rect x="{x - half}" y="{y - half}" width="{SIZE}" height="{SIZE}" rx="6" '
            f'fill="{_FILLS[block.colour]}" stroke="{border}" stroke-width="2"/>'
            f'<text x="{x}" y="{y + 4}" text-anchor="middle" fill="#fff">'
            f"{block.hash.hex()[:4]}</text></g>"
        )
    return "\n".join(nodes)


def _finality(picture: _Picture, height: int) -> str:
    """Return the line right of the newest final block of the selected chain, if it is drawn."""
    columns = [picture.places[block.hash][0] for block in picture.blocks if block.is_final]
    if not columns:
        return ""
    x = MARGIN + max(columns) * COLUMN + COLUMN // 2
    return (
        f'<line id="finality" x1="{x}" y1="10" x2="{x}" y2="{height - 30}" stroke="{FINAL}" '
        f'stroke-width="2" stroke-dasharray="6 4"/>'
        f'<text x="{x - 6}" y="20" text-anchor="end" fill="{FINAL}">final</text>'
    )
