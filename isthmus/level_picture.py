"""The network as a picture: chains by level, and which flows are allowed. Pure; SVG 1.1."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 190, 54
GAP_X, GAP_Y = 60, 70
LEFT, TOP = 110, 60
ALLOWED, REFUSED = "#1a7f37", "#cf222e"


@dataclass(frozen=True, slots=True)
class PicturedChain:
    """A chain in the picture."""

    name: str
    level: int
    is_hub: bool = False
    isolated: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class PicturedFlow:
    """A flow from one chain to another."""

    source: str
    destination: str
    allowed: bool


def flows(chains: Sequence[PicturedChain]) -> tuple[PicturedFlow, ...]:
    """Return every flow between two chains: allowed downward and between equals, not upward.

    Nothing goes above the hub's own level, and nothing to or from a chain that is cut off.
    """
    hub = max((chain.level for chain in chains if chain.is_hub), default=0)
    found = []
    for source in chains:
        for destination in chains:
            if source.name != destination.name and not (source.is_hub or destination.is_hub):
                falls = destination.level <= min(source.level, hub)
                joined = not (source.isolated or destination.isolated)
                found.append(PicturedFlow(source.name, destination.name, falls and joined))
    return tuple(found)


def draw(chains: Sequence[PicturedChain], shown: Sequence[PicturedFlow]) -> str:
    """Return the picture: a row for each level, the highest on top; green flows, red refusals."""
    levels = sorted({chain.level for chain in chains}, reverse=True)
    rows = {level: [chain for chain in chains if chain.level == level] for level in levels}
    widest = max((len(row) for row in rows.values()), default=1)
    width = LEFT + widest * (WIDTH + GAP_X) + 20
    height = TOP + len(levels) * (HEIGHT + GAP_Y) + 30
    places = {
        chain.name: (
            LEFT + column * (WIDTH + GAP_X) + (30 if row % 2 else 0),
            TOP + row * (HEIGHT + GAP_Y),
        )
        for row, level in enumerate(levels)
        for column, chain in enumerate(rows[level])
    }
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
        "<style>text { font: 13px sans-serif }</style>",
        "<title>Integrity levels and flows</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *_markers(),
        f'<text x="12" y="24" fill="{ALLOWED}">allowed</text>',
        f'<text x="72" y="24" fill="{REFUSED}">refused</text>',
    ]
    for row, level in enumerate(levels):
        y = TOP + row * (HEIGHT + GAP_Y)
        lines.append(f'<text x="12" y="{y + HEIGHT // 2 + 5}">level {level}</text>')
    lines += [
        _arrow(places[flow.source], places[flow.destination], flow)
        for flow in shown
        if {flow.source, flow.destination} <= places.keys()
    ]
    for chain in chains:
        lines += _box(chain, *places[chain.name])
    return "\n".join([*lines, "</svg>", ""])


def _markers() -> Iterator[str]:
    for name, colour in (("allowed", ALLOWED), ("refused", REFUSED)):
        yield (
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="{colour}"/>'
            "</marker>"
        )


def _arrow(start: tuple[int, int], end: tuple[int, int], flow: PicturedFlow) -> str:
    """Return an arrow between two boxes; the two directions of a pair lie beside one another."""
    down = end[1] > start[1]
    side = end[0] > start[0]
    shift = 14 if down or (end[1] == start[1] and side) else -14
    if start[1] == end[1]:
        x1, x2 = (start[0] + WIDTH, end[0]) if side else (start[0], end[0] + WIDTH)
        y1 = y2 = start[1] + HEIGHT // 2 + shift
    else:
        x1, x2 = start[0] + WIDTH // 2 + shift, end[0] + WIDTH // 2 + shift
        y1, y2 = (start[1] + HEIGHT, end[1]) if down else (start[1], end[1] + HEIGHT)
    name, colour = ("allowed", ALLOWED) if flow.allowed else ("refused", REFUSED)
    dashes = "" if flow.allowed else ' stroke-dasharray="6 4"'
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="1.6"'
        f'{dashes} marker-end="url(#{name})"/>'
    )


def _box(chain: PicturedChain, x: int, y: int) -> Iterator[str]:
    fill = "#ffebe9" if chain.isolated else "#ddf4ff" if chain.is_hub else "#f6f8fa"
    stroke = ' stroke-dasharray="4 3"' if chain.isolated else ""
    yield (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{fill}" '
        f'stroke="#57606a"{stroke}/>'
    )
    yield f'<text x="{x + 12}" y="{y + 22}" font-weight="bold">{escape(chain.name)}</text>'
    note = "isolated" if chain.isolated else chain.note
    yield f'<text x="{x + 12}" y="{y + 41}" fill="#57606a">{escape(note[:26])}</text>'
