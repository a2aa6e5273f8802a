"""Transactions handed to a chain: how long until each is in a block, and how many fit."""

import asyncio
import time
from collections.abc import Sequence

from benchmarks.network import ChainAccess
from chainkit.primitives.errors import OperationFailed
from chainkit.wire.proto.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.homes import NetPlace
from parachains.zone.accounts import tx_hash_of
from parachains.zone.rpc import Rpc

COMMIT_TIMEOUT_S = 120.0
POLL_S = 0.02


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of all are at most."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def send(access: ChainAccess, place: NetPlace) -> bytes:
    """Return the account's next transaction: one unit of the chain's token to the second one."""
    receiver = place.accounts[1].addresses[access.place.name]
    data = access.sign(
        MsgSend(
            from_address=access.key.address,
            to_address=receiver,
            amount=[Coin(denom=access.place.denom, amount="1")],
        )
    )
    access.sequence += 1
    return data


async def commit_latency(rpc: Rpc, txs: Sequence[bytes]) -> list[float]:
    """Submit transactions one by one; return how long until RPC answers each's outcome."""
    delays = []
    for data in txs:
        began = time.monotonic()
        await rpc.broadcast(data)
        await _committed(rpc, data)
        delays.append(time.monotonic() - began)
    return delays


async def _committed(rpc: Rpc, tx: bytes) -> None:
    """Wait until RPC answers what a block made of a transaction."""
    deadline = time.monotonic() + COMMIT_TIMEOUT_S
    while (outcome := await rpc.outcome(tx_hash_of(tx))) is None:
        if time.monotonic() > deadline:
            raise OperationFailed("a transaction is in no block")
        await asyncio.sleep(POLL_S)
    if outcome.code != 0:
        raise OperationFailed(outcome.log)


async def throughput(
    transports: Sequence[HttpRpcTransport], batches: Sequence[Sequence[bytes]]
) -> tuple[float, int]:
    """Hand over each batch through its own connection as fast as the chain takes it.

    Returns:
        Transactions a second over the blocks that held them, by the blocks' own times, and
        how many blocks those are.
    """
    rpcs = [Rpc(transport) for transport in transports]
    rpc = rpcs[0]
    before = (await rpc.status()).height
    async with asyncio.TaskGroup() as group:
        for each, batch in zip(rpcs, batches, strict=True):
            group.create_task(_hand_over(each, batch))
    for batch in batches:
        await _committed(rpc, batch[-1])
    after = (await rpc.status()).height
    times = [(await rpc.header(before)).time]
    held = [0]
    for height in range(before + 1, after + 1):
        times.append((await rpc.header(height)).time)
        answer = await transports[0].call("block", {"height": str(height)})
        held.append(len(answer["block"]["data"]["txs"] or ()))
    full = [index for index, txs in enumerate(held) if txs]
    span_ns = times[full[-1]] - times[full[0] - 1]
    return sum(held) * 1e9 / span_ns, len(full)


async def _hand_over(rpc: Rpc, batch: Sequence[bytes]) -> None:
    for data in batch:
        await rpc.broadcast(data)
