"""One of the two miners: what it is told, and what it says of its own chain.

The plot of the demo knows no more of a chain than what is here: where its tip is and which
state it has, how far it may go on, and who pays whom on it. ``utxo.py`` and ``dag.py`` have
the miners of two kinds of chains.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChainId, Denom
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.config import ChainSpec
from isthmus.discovery import find_chain_kind
from isthmus.homes import AccountPlace, ChainPlace
from parachains.sdk.relaying import SignedTx
from parachains.sdk.users import ChainAccess, Intent

T = TypeVar("T")

ALONE_SHARE_MILLIONTHS = 1_000_000
"""A miner that is cut off makes all blocks of its side, so that each keeps the chain's spacing."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest block of a node's chain, and the root of its state after it."""

    height: int
    hash: str
    root: str
    is_alone: bool = field(default=True, compare=False)
    """Whether the node knows no other block without children."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block as a node knows it."""

    hash: str
    height: int
    is_active: bool
    """Whether it is on the node's chain."""
    work: int
    """Of the chain up to it."""


class Miner(Protocol):
    """One node of the chain, asked and told alone."""

    @property
    def name(self) -> str:
        """The node's name."""
        ...

    async def tip(self) -> Tip:
        """Return the newest block."""
        ...

    async def hash_at(self, height: int) -> str:
        """Return the hash of the block at a height of its chain."""
        ...

    async def block(self, block_hash: str) -> Block:
        """Return a block that it knows, on its chain or not."""
        ...

    async def transactions(self, block_hash: str) -> frozenset[str]:
        """Return the ids of a block's transactions but one that made its coins."""
        ...

    async def waiting(self) -> frozenset[str]:
        """Return the ids of the transactions that wait for a block."""
        ...

    async def returned(self, lost: frozenset[str]) -> frozenset[str]:
        """Return which transactions of lost blocks are not lost, as the kind of chain has it."""
        ...

    async def peers(self) -> int:
        """Return how many nodes it talks to."""
        ...

    async def pause(self) -> None:
        """Let it make no block."""
        ...

    async def go_on(self) -> None:
        """Let it make its part of the blocks."""
        ...

    async def go_on_until(self, height: int) -> None:
        """Let it make the blocks up to a height, alone."""
        ...

    async def submit(self, account: AccountPlace, intent: Intent) -> SignedTx:
        """Hand this node alone what an account wants; return the transaction."""
        ...

    async def spends(self, tx: SignedTx) -> frozenset[tuple[str, int]]:
        """Return what a transaction uses up: two that share one exclude each other."""
        ...


@dataclass(frozen=True, slots=True)
class Plot:
    """What the plot is to be played on: a chain of one kind, and how deep it is cut."""

    name: str
    chain: ChainSpec
    told: str
    k: int
    """A branch of so many blocks above the fork has a final one that the other lacks."""
    theft_depth: int
    """Blocks after which the hub can believe a packet of the branch's first: k or more."""
    deep: int
    """The deepest cut."""
    miner: Callable[[str, ChainPlace, HttpRpcTransport], Miner]
    steer: Callable[[Path, tuple[str, ...]], None]
    """Lets the node of a home dial these peers alone, and be steered."""
    replay: str
    """Python that replays the chain in a process of its own."""


async def submit_to(
    place: ChainPlace, transport: HttpRpcTransport, account: AccountPlace, intent: Intent
) -> SignedTx:
    """Hand the node behind a transport what an account wants; return the transaction."""
    access = ChainAccess(
        chain_id=ChainId(place.chain_id),
        private_key=bytes.fromhex(account.private_key),
        address_prefix=place.bech32_prefix,
        fee_denom=Denom(place.denom),
    )
    user = find_chain_kind(place.kind).user(access, transport)
    tx = await user.client.sign((await user.message(intent),))
    await user.client.broadcast(tx)
    return tx


def converted(answer: object, shape: type[T]) -> T:
    """Return a node's answer in its shape.

    Raises:
        OperationFailed: It has another one.
    """
    try:
        return msgspec.convert(answer, shape)
    except msgspec.ValidationError as error:
        raise OperationFailed(f"a node answers in another shape: {error}") from error
