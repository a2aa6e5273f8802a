"""The chains of the scenario, their levels, and who vouches for what.

The white paper's poverty-relief funds: a bank's chain, the government's chain of approvals and
the villages' rolls; an approval is of a lower level than the bank, so it must be lifted by
offices that answer for it. Each row of ``PARTS`` is a chain of another kind.
"""

from dataclasses import dataclass

import msgspec

from demos.routes import HUB, HUB_CHAIN
from isthmus.accounts import derive_account
from isthmus.config import AccountSpec, ChainSpec, NetSpec, PathEndSpec
from isthmus.discovery import chain_kind_names

BANK, APPROVALS, ROLL, METERS = "bank", "approvals", "roll", "meters"
OFFICES = ("civil-affairs", "finance", "audit")
"""Three offices, none of which is another's or the government's that runs ``approvals``."""

REGISTRAR = "registrar"
USERS = ("alice", "bob", "carol")
BOND = 1_000_000
CHALLENGE_BLOCKS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One chain: what it is, who runs it, and how high it may be."""

    chain: ChainSpec
    operator: str
    cap: int
    told: str


PARTS = (
    Part(
        ChainSpec(name=BANK, kind="account", validators=4, denom="wei"),
        "bank",
        3,
        "the bank's funds: Ethereum's blocks, sealed by three of four validators",
    ),
    Part(
        ChainSpec(name=APPROVALS, denom="uappr"),
        "government",
        2,
        "the government's approvals: a Tendermint zone of one validator",
    ),
    Part(
        ChainSpec(name=ROLL, kind="utxo", validators=2, denom="sat"),
        "villages",
        1,
        "the roll of beneficiaries: Bitcoin's blocks, final when three deep",
    ),
    Part(
        ChainSpec(name=METERS, kind="dag", validators=2, denom="umeter"),
        "contractors",
        1,
        "what was built: a DAG of blocks from devices",
    ),
)


def parts() -> tuple[Part, ...]:
    """Return the chains whose kinds are installed."""
    kinds = chain_kind_names()
    return tuple(part for part in PARTS if part.chain.kind in kinds)


def network() -> NetSpec:
    """Return the network: the hub in the middle, told of levels, offices and the registrar."""
    names = (*USERS, "relayer", REGISTRAR, *OFFICES)
    texts = {
        name: derive_account(name, index).bech32(HUB_CHAIN.bech32_prefix)
        for index, name in enumerate(names)
    }
    used = parts()
    hub = msgspec.structs.replace(HUB_CHAIN, genesis={"integrity": levels(used, texts)})
    on_hub_only = (REGISTRAR, *OFFICES)
    return NetSpec(
        chains=(hub, *(part.chain for part in used)),
        paths=tuple(PathEndSpec(a=part.chain.name, b=HUB) for part in used),
        accounts=tuple(
            AccountSpec(name=name, chains=(HUB,) if name in on_hub_only else ()) for name in names
        ),
    )


def levels(used: tuple[Part, ...], texts: dict[str, str]) -> dict[str, object]:
    """Return what the hub is told of integrity; one epoch is longer than the scenario."""
    return {
        "params": {
            "profile": "laptop",
            "epoch_blocks": 10_000,
            "stale_epochs": 0,
            "registrar": texts[REGISTRAR],
            "bond": BOND,
            "bond_denom": HUB_CHAIN.denom,
            "challenge_blocks": CHALLENGE_BLOCKS,
            "appeal_blocks": 500,
        },
        "chains": [
            {"name": HUB, "chain_id": HUB_CHAIN.id, "operator": "hub"},
            *(
                {
                    "name": part.chain.name,
                    "chain_id": part.chain.id,
                    "operator": part.operator,
                    "cap": part.cap,
                }
                for part in used
            ),
        ],
        "sources": [
            {"name": office, "operator": office, "account": texts[office], "chain": BANK}
            for office in OFFICES
        ],
    }
