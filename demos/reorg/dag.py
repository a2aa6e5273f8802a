"""The plot on a DAG: heights are blue scores, and what was cut off is merged, not dropped."""

from pathlib import Path

import msgspec

from chainkit.primitives.errors import OperationFailed
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
from parachains.dag.settings import read_settings, write_settings
from parachains.dag.transactions import decode_transaction
from parachains.sdk.relaying import SignedTx
from parachains.sdk.users import Intent

INTERVAL_MS, FINALITY_DEPTH = 500, 12


class _Info(msgspec.Struct):
    sink: str
    sinkBlueScore: int  # noqa: N815 - the RPC's name
    tipHashes: list[str]  # noqa: N815 - the RPC's name


class _Header(msgspec.Struct):
    utxoCommitment: str  # noqa: N815 - the RPC's name
    blueScore: int  # noqa: N815 - the RPC's name
    blueWork: str  # noqa: N815 - the RPC's name


class _Verbose(msgspec.Struct):
    isChainBlock: bool  # noqa: N815 - the RPC's name
    transactionIds: list[str]  # noqa: N815 - the RPC's name


class _Block(msgspec.Struct):
    header: _Header
    verboseData: _Verbose  # noqa: N815 - the RPC's name


class _ChainBlock(msgspec.Struct):
    hash: str


class _Entry(msgspec.Struct):
    transactionId: str  # noqa: N815 - the RPC's name


class _Entries(msgspec.Struct):
    entries: list[_Entry]


class _Transaction(msgspec.Struct):
    status: str


class _Net(msgspec.Struct):
    n_peers: str


class DagMiner:
    """One node of the chain, asked and told alone."""

    def __init__(self, name: str, place: ChainPlace, transport: HttpRpcTransport) -> None:
        self.name = name
        self._place = place
        self._transport = transport

    async def _call(self, method: str, **params: object) -> object:
        return await self._transport.call(method, params)

    async def _block(self, block_hash: str) -> _Block:
        return converted(await self._call("getBlock", hash=block_hash), _Block)

    async def tip(self) -> Tip:
        """Return the end of the selected chain."""
        info = converted(await self._call("getBlockDagInfo"), _Info)
        root = (await self._block(info.sink)).header.utxoCommitment
        return Tip(info.sinkBlueScore, info.sink, root, info.tipHashes == [info.sink])

    async def hash_at(self, height: int) -> str:
        """Return the hash of the selected chain's block with this blue score."""
        answer = await self._call("ibcChainBlock", blue_score=height)
        found = converted(answer, _ChainBlock | None)  # type: ignore[arg-type]
        if found is None:
            raise OperationFailed(f"{self.name} has no chain block with the blue score {height}")
        return str(found.hash)

    async def block(self, block_hash: str) -> Block:
        """Return a block that it knows, on its selected chain or not."""
        found = await self._block(block_hash)
        header, is_active = found.header, found.verboseData.isChainBlock
        return Block(block_hash, header.blueScore, is_active, int(header.blueWork, 16))

    async def transactions(self, block_hash: str) -> frozenset[str]:
        """Return the ids of a block's transactions."""
        return frozenset((await self._block(block_hash)).verboseData.transactionIds)

    async def waiting(self) -> frozenset[str]:
        """Return the ids of the transactions that wait for a block."""
        found = converted(await self._call("getMempoolEntries"), _Entries)
        return frozenset(entry.transactionId for entry in found.entries)

    async def returned(self, lost: frozenset[str]) -> frozenset[str]:
        """Return which transactions take effect after all, as a block merges what was cut off."""
        await self._call("generateBlock")
        accepted = set()
        for name in lost:
            answer = await self._call("getTransaction", transactionId=name)
            found = converted(answer, _Transaction | None)  # type: ignore[arg-type]
            if found is not None and found.status == "accepted":
                accepted.add(name)
        return frozenset(accepted)

    async def peers(self) -> int:
        """Return how many nodes it talks to."""
        return int(converted(await self._call("net_info"), _Net).n_peers)

    async def pause(self) -> None:
        """Let it make no block."""
        await self._call("setGenerate", generate=False)

    async def go_on(self) -> None:
        """Let it make its part of the blocks."""
        await self._call("setGenerate", generate=True)

    async def go_on_until(self, height: int) -> None:
        """Let it make the blocks up to a blue score, alone."""
        share = ALONE_SHARE_MILLIONTHS
        await self._call("setGenerate", generate=True, until=height, share_millionths=share)

    async def submit(self, account: AccountPlace, intent: Intent) -> SignedTx:
        """Hand this node alone what an account wants; return the transaction."""
        return await submit_to(self._place, self._transport, account, intent)

    async def spends(self, tx: SignedTx) -> frozenset[tuple[str, int]]:
        """Return the account and the sequence that a transaction uses up."""
        found = decode_transaction(tx.data)
        return frozenset({(found.sender.hex(), found.sequence)})


def steer(home: Path, peers: tuple[str, ...]) -> None:
    """Let the node of a home dial these peers alone, and be steered; it keeps every block."""
    changed = msgspec.structs.replace(
        read_settings(home), peers=peers, operator_methods=True, archive=True
    )
    write_settings(home, changed)


PLOT = Plot(
    name="dag",
    chain=ChainSpec(
        name=COIN,
        kind="dag",
        validators=2,
        denom="knot",
        genesis={"dag": {"interval_ms": INTERVAL_MS, "finality_depth": FINALITY_DEPTH}},
    ),
    told=(
        f"a DAG's blocks: final for the hub when {FINALITY_DEPTH} blue ones lie above them; what "
        "a miner made alone is merged by the other"
    ),
    k=FINALITY_DEPTH + 1,
    theft_depth=FINALITY_DEPTH + 2,
    deep=2 * FINALITY_DEPTH,
    miner=DagMiner,
    steer=steer,
    replay="from demos.reorg.dag_replay import main; main()",
)
"""A block's own transactions are in the state of the next one, so a theft needs one block more."""
