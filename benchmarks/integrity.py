"""Integrity levels: what the rules cost a packet, and that more zones cost no more.

A hub of ``relay_chain.app`` follows a zone by its real light client. A transaction that brings
a packet of the zone, proof and header included, runs as a node runs it - the check of the mempool,
then a block of its own with signature, fees and hashes -, in the block alone, and as for an
estimate of its gas, with the rules and without, in turn; nothing
of it is kept, so that each run does the same work.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.report import Row
from ibc.testing.chain import PREFIX
from integrity.module import IntegrityModule
from integrity.monitor import Monitor
from integrity.records import Params
from tests.integrity_packets import PacketOfAZone, prepare
from tests.unit.integrity_worlds import Hub

PAIRS = 20
RUNS = 20
"""Transactions in one timing."""
ZONES = (3, 10, 30, 100)
MIDDLE_OF_EPOCH = 1_000


def _seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    began = time.process_time()
    for _ in range(runs):
        work()
    return (time.process_time() - began) / runs


def overhead(case: PacketOfAZone, run: Callable[[], None]) -> tuple[float, float, float]:
    """Return the seconds of a packet with the rules and without, and the median of the ratios.

    A pair is ``RUNS`` transactions of each, one after another in turn, by their medians: what
    else the machine does meanwhile meets both alike.
    """
    ruled, free, ratios = [], [], []
    for _ in range(PAIRS):
        on, off = [], []
        for _ in range(RUNS):
            case.switch(on=True)
            on.append(_seconds(run, 1))
            case.switch(on=False)
            off.append(_seconds(run, 1))
        ruled.append(statistics.median(on))
        free.append(statistics.median(off))
        ratios.append(ruled[-1] / free[-1] - 1)
    return statistics.median(ruled), statistics.median(free), statistics.median(ratios)


def growth() -> Sequence[tuple[int, float, float]]:
    """Return, for each number of zones, the seconds of a packet's judgement and of a block."""
    found = []
    for zones in ZONES:
        hub = Hub(**{f"z{number}": 0 for number in range(zones)})
        hub.store.set_params(Params(epoch_blocks=10 * MIDDLE_OF_EPOCH))
        module = IntegrityModule(Monitor(hub.clients), hub.chain.core, PREFIX, hub.chain.ledger)
        module.begin_block(hub.chain.context())
        packet, _ = hub.send_up("z0", "uz0", 1)
        remote = hub.guard.remotes.find(
            hub.chain.context(), packet.destination_port, packet.destination_channel
        )
        assert remote is not None
        relayer = hub.chain.account("relayer")

        def judge() -> None:
            ctx = hub.chain.context()  # noqa: B023 - called within the loop's round
            with ctx.savepoint() as savepoint:
                hub.guard.check_receive(ctx, remote, packet, relayer)  # noqa: B023
                savepoint.discard()

        def block() -> None:
            hub.chain.height += 1  # noqa: B023
            module.begin_block(hub.chain.context())  # noqa: B023

        found.append(
            (
                zones,
                statistics.median(_seconds(judge) for _ in range(PAIRS)),
                statistics.median(_seconds(block) for _ in range(PAIRS)),
            )
        )
    return found


def measure() -> list[Row]:
    """Return the figures."""
    case = asyncio.run(prepare())
    rows = []
    ways = (
        ("in mempool and block", case.run_whole),
        ("in a block of its own", case.run_block),
        ("without a block", case.run),
    )
    for what, run in ways:
        ruled, free, ratio = overhead(case, run)
        rows += [
            Row(f"packet {what}, with the rules", ruled * 1e3, "ms", f"median of {PAIRS}"),
            Row("the same without", free * 1e3, "ms", "interleaved with the row above"),
            Row("cost of the rules", ratio * 100, "%", "median of the pairs' ratios"),
        ]
    for zones, judged, block in growth():
        rows.append(Row(f"a packet's judgement, {zones} zones", judged * 1e6, "us"))
        rows.append(Row(f"a block's measurement, {zones} zones", block * 1e6, "us"))
    return rows
