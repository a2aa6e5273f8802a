"""The default network as users run it: start-up, packets over two hops, the hub's transfers.

One ``isthmus up`` for all figures: four validators of the hub and two zones as processes, the
relayer and the broker. Everything goes through public RPC; blocks wait half a second.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.network import (
    ChainAccess,
    DeliveryReader,
    Route,
    chain_access,
    open_channel,
    running_network,
)
from benchmarks.report import Row
from chainkit.primitives.errors import OperationFailed
from chainkit.wire.proto.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from isthmus.homes import NetPlace
from parachains.zone.accounts import tx_hash_of

PACKETS = 40
TRANSFERS = 1_500
LATENCY_SAMPLES = 40
DELIVERY_TIMEOUT_S = 120.0
POLL_S = 0.02


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of all are at most."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def measure(packets: int = PACKETS, transfers: int = TRANSFERS) -> list[Row]:
    """Return the rows of one network; ``packets`` and ``transfers`` say how many to send."""
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        return asyncio.run(_measure(Path(folder) / "net", packets, transfers))


async def _measure(home: Path, packets: int, transfers: int) -> list[Row]:
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        _, place = await stack.enter_async_context(running_network(home))
        ready_s = time.monotonic() - began
        zones = [chain for chain in place.chains if chain.kind == "zone"]
        hub_place = next(chain for chain in place.chains if chain.kind == "hub")
        origin, hub, target = [
            await stack.enter_async_context(chain_access(chain, place.accounts[0]))
            for chain in (zones[0], hub_place, zones[1])
        ]
        first = await open_channel(origin, hub.place)
        second = await open_channel(hub, target.place)
        channels_s = time.monotonic() - began
        route = Route(
            first.channel_id,
            second.channel_id,
            origin.place.denom,
            origin.key.address,
            place.accounts[1].addresses[target.place.name],
        )
        height = (await target.client.status()).height
        reader = DeliveryReader(target.transport, route.receiver, height)
        delays = await _packets(origin, route, reader, packets)
        senders = [
            await stack.enter_async_context(chain_access(hub_place, account))
            for account in place.accounts
            if account.name != "relayer"
        ]
        commits = await _commit_latency(senders[0], place, min(packets, LATENCY_SAMPLES))
        rate, blocks = await _throughput(senders, place, transfers)
    return [
        Row(
            "start-up: `isthmus up` is ready",
            ready_s,
            "s",
            "six nodes, broker, relayer",
        ),
        Row("start-up: both channels seen open", channels_s, "s", "none in genesis"),
        Row("packet zone-hub-zone, p50", percentile(delays, 0.5), "s", f"{packets}, one a second"),
        Row("packet zone-hub-zone, p95", percentile(delays, 0.95), "s", "submitted to executed"),
        Row("hub commit latency, p50", statistics.median(commits), "s", "4 validators"),
        Row(
            "hub commit latency, p95", percentile(commits, 0.95), "s", "submitted until RPC answers"
        ),
        Row("hub transfers", rate, "tx/s", f"MsgSend, {transfers} in {blocks} blocks"),
    ]


async def _packets(
    origin: ChainAccess, route: Route, reader: DeliveryReader, count: int
) -> list[float]:
    """Send a packet a second and return how long each took."""
    submitted: dict[int, float] = {}
    began = time.monotonic()
    while len(reader.seen_at) < count:
        now = time.monotonic()
        if now - began > count + DELIVERY_TIMEOUT_S:
            raise OperationFailed(f"{len(reader.seen_at)} of {count} packets arrived")
        number = len(submitted) + 1
        if number <= count and now - began >= number - 1:
            submitted[number] = now
            await origin.submit(route.transfer(number))
        await reader.advance()
        await asyncio.sleep(POLL_S)
    return [reader.seen_at[number] - at for number, at in submitted.items()]


def _send(access: ChainAccess, place: NetPlace) -> MsgSend:
    receiver = place.accounts[1].addresses[access.place.name]
    return MsgSend(
        from_address=access.key.address,
        to_address=receiver,
        amount=[Coin(denom=access.place.denom, amount="1")],
    )


async def _commit_latency(access: ChainAccess, place: NetPlace, count: int) -> list[float]:
    """Submit transfers one by one and return how long until RPC answers each's outcome."""
    delays = []
    for _ in range(count):
        data = access.sign(_send(access, place))
        began = time.monotonic()
        await access.rpc.broadcast(data)
        access.sequence += 1
        await _committed(access, data)
        delays.append(time.monotonic() - began)
    return delays


async def _committed(access: ChainAccess, tx: bytes) -> None:
    """Wait until RPC answers what a block made of a transaction."""
    deadline = time.monotonic() + DELIVERY_TIMEOUT_S
    while (outcome := await access.rpc.outcome(tx_hash_of(tx))) is None:
        if time.monotonic() > deadline:
            raise OperationFailed("a transaction is in no block")
        await asyncio.sleep(POLL_S)
    if outcome.code != 0:
        raise OperationFailed(outcome.log)


async def _throughput(
    senders: Sequence[ChainAccess], place: NetPlace, count: int
) -> tuple[float, int]:
    """Submit ``count`` transfers as fast as the hub takes them.

    Returns:
        Transfers a second over the blocks that held them, by the blocks' own times, and how
        many blocks those are.
    """
    hub = senders[0]
    each = count // len(senders)
    before = (await hub.client.status()).height
    batches = []
    for sender in senders:
        await sender.read_account()
        batch = []
        for _ in range(each):
            batch.append(sender.sign(_send(sender, place)))
            sender.sequence += 1
        batches.append(batch)
    async with asyncio.TaskGroup() as group:
        for sender, batch in zip(senders, batches, strict=True):
            group.create_task(_hand_over(sender, batch))
    for batch in batches:
        await _committed(hub, batch[-1])
    after = (await hub.client.status()).height
    times = [(await hub.rpc.header(before)).time]
    held = [0]
    for height in range(before + 1, after + 1):
        answer = await hub.transport.call("block", {"height": str(height)})
        times.append((await hub.rpc.header(height)).time)
        held.append(len(answer["block"]["data"]["txs"] or ()))
    full = [index for index, txs in enumerate(held) if txs]
    span_ns = times[full[-1]] - times[full[0] - 1]
    return sum(held) * 1e9 / span_ns, len(full)


async def _hand_over(sender: ChainAccess, batch: Sequence[bytes]) -> None:
    for data in batch:
        await sender.rpc.broadcast(data)
