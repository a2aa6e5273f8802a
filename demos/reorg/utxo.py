"""The plot on a UTXO chain: its miners speak Bitcoin Core's RPC."""

from pathlib import Path

import msgspec

from demos.reorg.hub import COIN
from demos.reorg.miners import (
    ALONE_SHARE_MILLIONTHS,
    Block,
    Plot,
    Tip,
    converted,
    submit_to,
)
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.config import ChainSpec
from isthmus.homes import AccountPlace, ChainPlace
from parachains.sdk.relaying import SignedTx
from parachains.sdk.users import Intent
from parachains.utxo.kind import CONFIRMATIONS
from parachains.utxo.settings import read_settings, write_settings


class _Tip(msgspec.Struct):
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


class UtxoMiner:
    """One node of the chain, asked and told alone."""

    def __init__(self, name: str, place: ChainPlace, transport: HttpRpcTransport) -> None:
        self.name = name
        self._place = place
        self._transport = transport

    async def _call(self, method: str, **params: object) -> object:
        return await self._transport.call(method, params)

    async def tip(self) -> Tip:
        """Return the newest block."""
        found = converted(await self._call("ibcstatus"), _Tip)
        return Tip(found.height, found.hash, found.root)

    async def hash_at(self, height: int) -> str:
        """Return the hash of the block at a height of its chain."""
        return converted(await self._call("getblockhash", height=height), str)

    async def block(self, block_hash: str) -> Block:
        """Return a block that it knows, on its chain or not."""
        header = converted(await self._call("getblockheader", blockhash=block_hash), _Header)
        is_active = header.confirmations > 0
        return Block(header.hash, header.height, is_active, int(header.chainwork, 16))

    async def transactions(self, block_hash: str) -> frozenset[str]:
        """Return the ids of a block's transactions but the first, which made its coins."""
        answer = await self._call("getblock", blockhash=block_hash, verbosity=1)
        return frozenset(converted(answer, _Content).tx[1:])

    async def waiting(self) -> frozenset[str]:
        """Return the ids of the transactions that wait for a block."""
        return frozenset(converted(await self._call("getrawmempool"), list[str]))

    async def returned(self, lost: frozenset[str]) -> frozenset[str]:
        """Return which transactions of lost blocks wait for a block again."""
        return lost & await self.waiting()

    async def peers(self) -> int:
        """Return how many nodes it talks to."""
        return int(converted(await self._call("net_info"), _Net).n_peers)

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

    async def submit(self, account: AccountPlace, intent: Intent) -> SignedTx:
        """Hand this node alone what an account wants; return the transaction."""
        return await submit_to(self._place, self._transport, account, intent)

    async def spends(self, tx: SignedTx) -> frozenset[tuple[str, int]]:
        """Return the outputs that a transaction spends."""
        answer = await self._call("decoderawtransaction", hexstring=tx.data.hex())
        inputs = converted(answer, _Decoded).vin
        return frozenset((each.txid, each.vout) for each in inputs)


def steer(home: Path, peers: tuple[str, ...]) -> None:
    """Let the node of a home dial these peers alone, and be steered."""
    changed = msgspec.structs.replace(read_settings(home), peers=peers, operator_methods=True)
    write_settings(home, changed)


PLOT = Plot(
    name="utxo",
    chain=ChainSpec(name=COIN, kind="utxo", validators=2, denom="sat"),
    told=f"Bitcoin's blocks: final for the hub when they are {CONFIRMATIONS} deep",
    k=CONFIRMATIONS,
    theft_depth=CONFIRMATIONS,
    deep=2 * CONFIRMATIONS,
    miner=UtxoMiner,
    steer=steer,
    replay="from demos.reorg.replay import main; main()",
)
