"""A picture of a DAG for people, as SVG: blue and red, the selected chain, the finality line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.dag import Dag, selected_chain
from chainkit.primitives.types import Hash32

MAX_DRAWN_BLOCKS = 500
COLUMN, ROW, SIZE, MARGIN = 90, 60, 36, 60
BLUE, RED, OPEN, LINE, FINAL = "#2f6fde", "#d64545", "#9aa4b2", "#c3cad6", "#1a9c5b"
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
    'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
)


@dataclass(frozen=True, slots=True)
class _Picture:
    """Where each block is drawn, by column and row, and what it is."""

    blocks: tuple[DagBlock, ...]
    places: Mapping[Hash32, tuple[int, int]]
    colours: Mapping[Hash32, str]
    chain: frozenset[Hash32]


def draw(dag: Dag, tip: Hash32, finality_depth: int, most: int = 60) -> str:
    """Return the last blocks of a DAG as an SVG document.

    Colours are those that the selected chain of ``tip`` gives; a block that it has not merged
    is grey. Blocks left of the green line are final. The title of a block, which browsers
    show under the pointer, names its hash and scores.

    Args:
        dag: The blocks.
        tip: One of them: the end of the selected chain that is drawn.
        finality_depth: Blue scores below the tip from which on blocks are final.
        most: Blocks, 1 to 500.
    """
    assert 1 <= most <= MAX_DRAWN_BLOCKS
    picture = _arrange(dag, tip, most)
    rows = [row for _, row in picture.places.values()]
    columns = [column for column, _ in picture.places.values()]
    height = (max(rows) - min(rows)) * ROW + 2 * MARGIN + 20
    width = max(columns) * COLUMN + 2 * MARGIN
    middle = MARGIN - min(rows) * ROW
    final = dag.find(tip)
    assert final is not None
    last = final.order.blue_score - finality_depth
    body = [_edges(picture, middle), _nodes(picture, middle), _finality(picture, last, height)]
    legend = (
        f'<text x="{MARGIN}" y="{height - 12}">blue, '
        f'<tspan fill="{RED}">red</tspan>, <tspan fill="{OPEN}">not merged yet</tspan>; '
        "the selected chain has a thick edge</text>"
    )
    head = _HEAD.format(width=width, height=height)
    return "\n".join([head, *body, legend, "</svg>"]) + "\n"


def _arrange(dag: Dag, tip: Hash32, most: int) -> _Picture:
    chain = tuple(selected_chain(dag, tip))
    colours = dict.fromkeys((block.hash for block in chain), BLUE)
    for block in chain:
        colours.update(dict.fromkeys(block.order.blues, BLUE))
        colours.update(dict.fromkeys(block.order.reds, RED))
    newest = sorted(dag, key=lambda block: block.sort_key, reverse=True)[:most]
    blocks = tuple(reversed(newest))
    on_chain = frozenset(block.hash for block in chain)
    return _Picture(blocks, _places(blocks, on_chain), colours, on_chain)


def _places(blocks: Iterable[DagBlock], chain: frozenset[Hash32]) -> dict[Hash32, tuple[int, int]]:
    """Give each block the column after its highest parent, and the free row nearest the chain's."""
    places: dict[Hash32, tuple[int, int]] = {}
    taken: set[tuple[int, int]] = set()
    for block in blocks:
        before = [places[parent][0] for parent in block.header.parents if parent in places]
        column = max(before, default=-1) + 1
        row = 0
        if block.hash not in chain:
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
        for parent in block.header.parents:
            if parent not in picture.places:
                continue
            above_x, above_y = _at(picture, parent, middle)
            is_chain = {block.hash, parent} <= picture.chain
            is_selected = parent == block.order.selected_parent
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
        border = "#111" if block.hash in picture.chain else "none"
        nodes.append(
            f"<g><title>{block.hash.hex()} blue score {block.order.blue_score}, "
            f"merges {len(block.order.blues)} blue and {len(block.order.reds)} red</title>"
            f'<rect x="{x - half}" y="{y - half}" width="{SIZE}" height="{SIZE}" rx="6" '
            f'fill="{picture.colours.get(block.hash, OPEN)}" stroke="{border}" stroke-width="2"/>'
            f'<text x="{x}" y="{y + 4}" text-anchor="middle" fill="#fff">'
            f"{block.hash.hex()[:4]}</text></g>"
        )
    return "\n".join(nodes)


def _finality(picture: _Picture, last: int, height: int) -> str:
    """Return the line right of the newest final block of the selected chain, if it is drawn."""
    columns = [
        picture.places[block.hash][0]
        for block in picture.blocks
        if block.hash in picture.chain and block.order.blue_score <= last
    ]
    if not columns:
        return ""
    x = MARGIN + max(columns) * COLUMN + COLUMN // 2
    return (
        f'<line id="finality" x1="{x}" y1="10" x2="{x}" y2="{height - 30}" stroke="{FINAL}" '
        f'stroke-width="2" stroke-dasharray="6 4"/>'
        f'<text x="{x - 6}" y="20" text-anchor="end" fill="{FINAL}">final</text>'
    )
