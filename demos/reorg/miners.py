"""One of the two miners: what it is told, and what it says of its own chain.

The plot of the demo knows no more of a chain than what is here: where its tip is and which
state it has, how far it may go on, and who pays whom on it.
"""

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChainId, Denom
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.discovery import find_chain_kind
from isthmus.homes import AccountPlace, ChainPlace
from isthmus.ports import ChainUser
from parachains.sdk.relaying import SignedTx
from parachains.sdk.users import ChainAccess, Intent

T = TypeVar("T")

ALONE_SHARE_MILLIONTHS = 1_000_000
"""A miner that is cut off makes all blocks of its side, so that each keeps the chain's spacing."""


class Tip(msgspec.Struct, frozen=True):
    """The newest block of a node's chain, and the root of its state after it."""

    height: int
    hash: str
    root: str


class _Header(msgspec.Struct):
    hash: str
    height: int
    confirmations: int
    chainwork: str


class _Input(msgspec.Struct):
    txid: str
    vout: int


class _Decoded(msgspec.Struct):
    vin: list[_Input]


class _Content(msgspec.Struct):
    tx: list[str]


class _Net(msgspec.Struct):
    n_peers: str


@dataclass(frozen=True, slots=True)
class Block:
    """A block as a node knows it."""

    hash: str
    height: int
    is_active: bool
    work: int


class Miner:
    """One node of the chain, asked and told alone."""

    def __init__(self, name: str, place: ChainPlace, transport: HttpRpcTransport) -> None:
        self.name = name
        self._place = place
        self._transport = transport

    async def _call(self, method: str, **params: object) -> object:
        return await self._transport.call(method, params)

    async def tip(self) -> Tip:
        """Return the newest block."""
        return _converted(await self._call("ibcstatus"), Tip)

    async def hash_at(self, height: int) -> str:
        """Return the hash of the block at a height of its chain."""
        return _converted(await self._call("getblockhash", height=height), str)

    async def block(self, block_hash: str) -> Block:
        """Return a block that it knows, on its chain or not."""
        header = _converted(await self._call("getblockheader", blockhash=block_hash), _Header)
        is_active = header.confirmations > 0
        return Block(header.hash, header.height, is_active, int(header.chainwork, 16))

    async def transactions(self, block_hash: str) -> frozenset[str]:
        """Return the ids of a block's transactions but the first, which made its coins."""
        answer = await self._call("getblock", blockhash=block_hash, verbosity=1)
        return frozenset(_converted(answer, _Content).tx[1:])

    async def waiting(self) -> frozenset[str]:
        """Return the ids of the transactions that wait for a block."""
        return frozenset(_converted(await self._call("getrawmempool"), list[str]))

    async def peers(self) -> int:
        """Return how many nodes it talks to."""
        return int(_converted(await self._call("net_info"), _Net).n_peers)

    async def pause(self) -> None:
        """Let it make no block."""
        await self._call("setgenerate", generate=False)

    async def go_on(self) -> None:
        """Let it make its part of the blocks."""
        await self._call("setgenerate", generate=True)

    async def go_on_until(self, height: int) -> None:
        """Let it make the blocks up to a height, alone."""
        share = ALONE_SHARE_MILLIONTHS
        await self._call("setgenerate", generate=True, until=height, share_millionths=share)

    def user(self, account: AccountPlace) -> ChainUser:
        """Return the chain as this node has it, for an account."""
        access = ChainAccess(
            chain_id=ChainId(self._place.chain_id),
            private_key=bytes.fromhex(account.private_key),
            address_prefix=self._place.bech32_prefix,
            fee_denom=Denom(self._place.denom),
        )
        return find_chain_kind(self._place.kind).user(access, self._transport)

    async def submit(self, account: AccountPlace, intent: Intent) -> SignedTx:
        """Hand this node alone what an account wants; return the transaction."""
        user = self.user(account)
        tx = await user.client.sign((await user.message(intent),))
        await user.client.broadcast(tx)
        return tx

    async def spends(self, tx: SignedTx) -> frozenset[tuple[str, int]]:
        """Return the outputs that a transaction spends."""
        answer = await self._call("decoderawtransaction", hexstring=tx.data.hex())
        inputs = _converted(answer, _Decoded).vin
        return frozenset((each.txid, each.vout) for each in inputs)


def _converted(answer: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(answer, shape)
    except msgspec.ValidationError as error:
        raise OperationFailed(f"a node answers in another shape: {error}") from error
