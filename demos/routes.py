"""Where the demo ``transfer`` sends a token: which chains, and from where to where over the hub."""

from dataclasses import dataclass

from isthmus.config import ChainSpec, NetSpec, PathEndSpec

HUB = "hub"


@dataclass(frozen=True, slots=True)
class Route:
    """Two chains that the hub joins; the start's own token goes to the end and comes home.

    Nothing here or in the demo names a kind of chain: any that the network's description
    can hold may stand at either end.
    """

    summary: str
    told: str
    """What is said of it to the person who watches, as the network starts."""
    spec: NetSpec
    start: str
    end: str
    voting: tuple[str, ...]
    """The chains whose blocks are committed by votes, a configured wait apart."""
    max_seconds_to_ready: float
    max_seconds_to_first_delivery: float
    """Limits on two idle cores."""


def _spec(start: ChainSpec, end: ChainSpec) -> NetSpec:
    hub = ChainSpec(name=HUB, kind="hub", validators=4, denom="uisth")
    return NetSpec(
        chains=(hub, start, end),
        paths=(PathEndSpec(a=start.name, b=HUB), PathEndSpec(a=HUB, b=end.name)),
    )


COIN_TO_ZONE = Route(
    summary="a coin of Bitcoin blocks crosses two hops by proof and comes home",
    told=(
        "coin has two miners and a block a second; they begin with 102 blocks, as coins can be "
        "spent after 100; the hub takes a block for final when it is 3 deep"
    ),
    spec=_spec(
        ChainSpec(name="coin", kind="utxo", validators=2, denom="sat"),
        ChainSpec(name="zone", denom="utok"),
    ),
    start="coin",
    end="zone",
    voting=(HUB, "zone"),
    max_seconds_to_ready=90.0,
    max_seconds_to_first_delivery=30.0,
)
"""Two miners at a block a second, final at depth 3, and four validators between them and a zone."""

ZONE_TO_ZONE = Route(
    summary="a zone's token crosses two hops by proof and comes home",
    told="two zones of one validator each, whose every block is final",
    spec=_spec(ChainSpec(name="zone-a", denom="utoka"), ChainSpec(name="zone-b", denom="utokb")),
    start="zone-a",
    end="zone-b",
    voting=(HUB, "zone-a", "zone-b"),
    max_seconds_to_ready=40.0,
    max_seconds_to_first_delivery=20.0,
)
"""Without waiting for depth: as fast as the hub's rounds."""
