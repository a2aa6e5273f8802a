"""The default network as users run it: start-up, packets over two hops, the hub's transfers.

One ``isthmus up`` for all figures: four validators of the hub and two zones as processes, the
relayer and the broker. Everything goes through public RPC; blocks wait half a second.
"""

import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.load import commit_latency, percentile, send, throughput
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

PACKETS = 40
TRANSFERS = 1_500
LATENCY_SAMPLES = 40
DELIVERY_TIMEOUT_S = 120.0
POLL_S = 0.02


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
        samples = [send(senders[0], place) for _ in range(min(packets, LATENCY_SAMPLES))]
        commits = await commit_latency(senders[0].rpc, samples)
        batches = [
            [send(sender, place) for _ in range(transfers // len(senders))] for sender in senders
        ]
        rate, blocks = await throughput([sender.transport for sender in senders], batches)
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
