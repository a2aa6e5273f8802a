"""Where the demo ``transfer`` sends a token: which chains, and from where to where over the hub."""

from dataclasses import dataclass

from isthmus.config import ChainSpec, NetSpec, PathEndSpec

HUB = "hub"

HUB_CHAIN = ChainSpec(name=HUB, kind="hub", validators=4, denom="uisth")
COIN = ChainSpec(name="coin", kind="utxo", validators=2, denom="sat")
"""Two miners at a block a second."""

VAULT = ChainSpec(name="vault", kind="account", validators=4, denom="wei")
"""Four validators of Ethereum's blocks."""

COIN_TOLD = (
    "coin has two miners and a block a second; they begin with 102 blocks, as coins can be "
    "spent after 100; the hub takes a block for final when it is 3 deep"
)
VAULT_TOLD = (
    "vault has Ethereum's blocks, which three of its four validators seal; the hub checks the seals"
)


def star(*chains: ChainSpec) -> NetSpec:
    """Return a network in which the hub's four validators join chains of any kind."""
    return NetSpec(
        chains=(HUB_CHAIN, *chains),
        paths=tuple(PathEndSpec(a=chain.name, b=HUB) for chain in chains),
    )


@dataclass(frozen=True, slots=True)
class Route:
    """Two chains that the hub joins; the start's own token goes to the end and comes home.

    Nothing here or in the demo names a kind of chain: any that the network's description
    can hold may stand at either end.
    """

    summary: str
    told: tuple[str, ...]
    """What is said of it to the person who watches, as the network starts."""
    spec: NetSpec
    start: str
    end: str
    voting: tuple[str, ...]
    """The chains whose blocks are committed by votes, a configured wait apart."""
    max_seconds_to_ready: float
    max_seconds_to_first_delivery: float
    """Limits on two idle cores."""


COIN_TO_VAULT = Route(
    summary="a coin of Bitcoin blocks goes to a chain of Ethereum blocks by proof and comes home",
    told=(COIN_TOLD, VAULT_TOLD),
    spec=star(COIN, VAULT),
    start=COIN.name,
    end=VAULT.name,
    voting=(HUB,),
    max_seconds_to_ready=90.0,
    max_seconds_to_first_delivery=30.0,
)
"""Two miners, and four validators at either side of their coin's way: work, votes, seals."""

COIN_TO_ZONE = Route(
    summary="a coin of Bitcoin blocks goes to a Tendermint zone by proof and comes home",
    told=(COIN_TOLD,),
    spec=star(COIN, ChainSpec(name="zone", denom="utok")),
    start=COIN.name,
    end="zone",
    voting=(HUB, "zone"),
    max_seconds_to_ready=90.0,
    max_seconds_to_first_delivery=30.0,
)
"""Two miners at a block a second, final at depth 3, and four validators between them and a zone."""

ZONE_TO_ZONE = Route(
    summary="a zone's token crosses two hops by proof and comes home",
    told=("two zones of one validator each, whose every block is final",),
    spec=star(ChainSpec(name="zone-a", denom="utoka"), ChainSpec(name="zone-b", denom="utokb")),
    start="zone-a",
    end="zone-b",
    voting=(HUB, "zone-a", "zone-b"),
    max_seconds_to_ready=40.0,
    max_seconds_to_first_delivery=20.0,
)
"""Without waiting for depth: as fast as the hub's rounds."""

UNDER_COMETBFT = Route(
    summary="the same between zones, with CometBFT (on PATH) as the engine of every chain",
    told=("a hub of two validators and two zones, each application under a CometBFT of its own",),
    spec=NetSpec(
        chains=(
            ChainSpec(name=HUB, kind="hub", validators=2, denom="uisth", engine="cometbft"),
            ChainSpec(name="zone-a", denom="utoka", engine="cometbft"),
            ChainSpec(name="zone-b", denom="utokb", engine="cometbft"),
        ),
        paths=(PathEndSpec(a="zone-a", b=HUB), PathEndSpec(a="zone-b", b=HUB)),
    ),
    start="zone-a",
    end="zone-b",
    voting=(HUB, "zone-a", "zone-b"),
    max_seconds_to_ready=60.0,
    max_seconds_to_first_delivery=20.0,
)
"""The applications over ABCI, nothing else of ours beneath them."""
