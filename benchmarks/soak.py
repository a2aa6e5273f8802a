"""The soak: a transfer over two hops every second, for an hour, and what each process holds.

``make soak`` runs it; ``MINUTES`` sets how long. It fails (exit code 1) unless

* every transfer that was submitted arrived exactly once, within ``SETTLE_S`` of the last,
  and no packet commitment is left on its way;
* every chain still makes blocks;
* each process's resident memory in the last minute is at most ``MAX_GROWTH`` times that in
  the minute that ends at a sixth of the run (minute 10 of 60).
"""

import argparse
import asyncio
import csv
import hashlib
import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from benchmarks.network import (
    PORT,
    ChainAccess,
    DeliveryReader,
    Route,
    balance_of,
    chain_access,
    open_channel,
    running_network,
)
from benchmarks.processes import descendants_of, name_of, usage_of
from benchmarks.report import describe_machine
from chainkit.primitives.errors import OperationFailed
from isthmus.homes import NetPlace

SAMPLE_S = 10.0
TRANSFER_EVERY_S = 1.0
SETTLE_S = 180.0
LIVE_S = 30.0
MAX_GROWTH = 1.1
READ_EVERY_S = 0.5
BASELINE_SHARE = 6
"""The baseline is taken at this part of the run: minute 10 of 60."""


@dataclass(slots=True)
class Process:
    """One process's samples: (seconds since the first transfer, KiB). Mutable: it grows."""

    pid: int
    samples: list[tuple[float, int]] = field(default_factory=list)

    def around(self, end_s: float) -> float:
        """Return the median KiB of the minute that ends at ``end_s``."""
        found = [kib for at, kib in self.samples if end_s - 60 < at <= end_s + SAMPLE_S / 2]
        return statistics.median(found)


@dataclass(slots=True)
class Run:
    """What is known of the run so far. Mutable: every part of it adds to it."""

    started: float
    submitted_at: dict[int, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    processes: dict[str, Process] = field(default_factory=dict)


async def submit_for(run: Run, origin: ChainAccess, route: Route, seconds: float) -> None:
    """Submit a transfer a second; the n-th sends n base units, so that each is known by itself."""
    for number in range(1, int(seconds / TRANSFER_EVERY_S) + 1):
        due = run.started + (number - 1) * TRANSFER_EVERY_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        submitted_at = time.monotonic()
        try:
            await origin.submit(route.transfer(number))
        except OperationFailed as error:
            run.refused.append(f"{number}: {error}")
            await origin.read_account()
        else:
            run.submitted_at[number] = submitted_at


async def sample_for(run: Run, reader: DeliveryReader, out: TextIO, up: int, home: Path) -> None:
    """Write a row for each process every ``SAMPLE_S`` until cancelled."""
    rows = csv.writer(out)
    rows.writerow(("seconds", "process", "rss_kib", "anonymous_kib", "cpu_ticks", "backlog"))
    while True:
        now = time.monotonic() - run.started
        backlog = len(run.submitted_at) - len(reader.seen_at)
        for pid, command in {up: ("up",), **descendants_of(up)}.items():
            usage, name = usage_of(pid), name_of(command, home)
            if usage is None:
                continue
            process = run.processes.setdefault(name, Process(pid))
            assert process.pid == pid, f"{name} was started anew"
            process.samples.append((now, usage.rss_kib))
            rows.writerow(
                (round(now), name, usage.rss_kib, usage.anonymous_kib, usage.ticks, backlog)
            )
        out.flush()
        await asyncio.sleep(SAMPLE_S - (time.monotonic() - run.started) % SAMPLE_S)


async def read_deliveries(reader: DeliveryReader) -> None:
    """Follow the last chain until cancelled."""
    while True:
        try:
            await reader.advance()
        except OperationFailed as error:
            print(f"reader waits: {error}", file=sys.stderr)
        await asyncio.sleep(READ_EVERY_S)


async def settle(run: Run, reader: DeliveryReader, hops: Sequence[tuple[ChainAccess, str]]) -> bool:
    """Wait until all has arrived and nothing is on its way; return whether it came to that."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        left = [await access.client.commitments(PORT, channel) for access, channel in hops]
        if len(reader.seen_at) >= len(run.submitted_at) and not any(left):
            return True
        await asyncio.sleep(1.0)
    return False


async def heights_of(chains: Sequence[ChainAccess]) -> dict[str, int]:
    """Return each chain's height."""
    return {chain.place.name: (await chain.client.status()).height for chain in chains}


def voucher_denom(*hops: tuple[str, str], base: str) -> str:
    """Return the denomination of a voucher that came by these ports and channels (ICS-20)."""
    path = "/".join(part for hop in reversed(hops) for part in hop) + f"/{base}"
    return f"ibc/{hashlib.sha256(path.encode()).hexdigest().upper()}"


def memory_table(run: Run, seconds: float) -> list[dict[str, object]]:
    """Return a row for each process: KiB at the baseline and at the end, and their ratio."""
    rows: list[dict[str, object]] = []
    for name, process in sorted(run.processes.items()):
        first, last = process.around(seconds / BASELINE_SHARE), process.around(seconds)
        rows.append(
            {
                "process": name,
                "baseline_kib": round(first),
                "final_kib": round(last),
                "peak_kib": max(kib for _, kib in process.samples),
                "growth": round(last / first, 3),
            }
        )
    return rows


def latencies(run: Run, reader: DeliveryReader) -> dict[str, float]:
    """Return percentiles of the seconds from submission to execution on the last chain."""
    found = sorted(
        reader.seen_at[number] - at
        for number, at in run.submitted_at.items()
        if number in reader.seen_at
    )
    if not found:
        return {}
    return {
        name: round(found[min(len(found) - 1, int(len(found) * share))], 2)
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
    }


async def soak(home: Path, minutes: float, spec: Path | None) -> dict[str, object]:
    """Run it all and return what ``make soak`` prints."""
    task = asyncio.current_task()
    assert task is not None
    # Cancelled, it takes the network down with it.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    seconds = minutes * 60
    async with AsyncExitStack() as stack:
        up, place = await stack.enter_async_context(running_network(home, spec))
        chains = await _open(stack, place)
        origin, hub, target = chains
        print("waiting for the relayer to open the channels", file=sys.stderr)
        first = await open_channel(origin, hub.place)
        second = await open_channel(hub, target.place)
        on_hub = first.end.counterparty.channel_id
        route = Route(
            first.channel_id,
            second.channel_id,
            origin.place.denom,
            origin.key.address,
            place.accounts[1].addresses[target.place.name],
        )
        denom = voucher_denom(
            (PORT, on_hub), (PORT, second.end.counterparty.channel_id), base=origin.place.denom
        )
        start_height = (await target.client.status()).height
        reader = DeliveryReader(target.transport, route.receiver, start_height)
        out = stack.enter_context((home / "samples.csv").open("w", encoding="utf-8"))
        print(f"soaking for {minutes:g} minutes; samples in {out.name}", file=sys.stderr)
        run = Run(time.monotonic())
        hops = ((origin, first.channel_id), (hub, second.channel_id))
        async with asyncio.TaskGroup() as group:
            followers = [
                group.create_task(sample_for(run, reader, out, up, home)),
                group.create_task(read_deliveries(reader)),
            ]
            await submit_for(run, origin, route, seconds)
            await asyncio.sleep(max(0.0, run.started + seconds - time.monotonic()))
            backlog = len(run.submitted_at) - len(reader.seen_at)
            settled = await settle(run, reader, hops)
            for follower in followers:
                follower.cancel()
        before = await heights_of(chains)
        live = await _moves_on(chains, before)
        received = await balance_of(target, route.receiver, denom)
        return judge(run, reader, seconds, backlog, received, settled=settled, live=live)


async def _open(stack: AsyncExitStack, place: NetPlace) -> tuple[ChainAccess, ...]:
    zones = [chain for chain in place.chains if chain.kind == "zone"]
    hub = next(chain for chain in place.chains if chain.kind == "hub")
    return tuple(
        [
            await stack.enter_async_context(chain_access(chain, place.accounts[0]))
            for chain in (zones[0], hub, zones[1])
        ]
    )


async def _moves_on(chains: Sequence[ChainAccess], before: dict[str, int]) -> bool:
    deadline = time.monotonic() + LIVE_S
    while time.monotonic() < deadline:
        now = await heights_of(chains)
        if all(now[name] > height for name, height in before.items()):
            return True
        await asyncio.sleep(0.5)
    return False


def judge(
    run: Run,
    reader: DeliveryReader,
    seconds: float,
    backlog: int,
    received: int,
    *,
    settled: bool,
    live: bool,
) -> dict[str, object]:
    """Return all figures and whether the run passed."""
    lost = [number for number in run.submitted_at if number not in reader.delivered]
    doubled = [number for number, times in reader.delivered.items() if times != 1]
    memory = memory_table(run, seconds)
    grown = [row["process"] for row in memory if float(str(row["growth"])) > MAX_GROWTH]
    expected = sum(run.submitted_at)
    passed = (
        settled
        and live
        and not (lost or doubled or grown or run.refused)
        and received == expected
        and bool(run.submitted_at)
    )
    return {
        "passed": passed,
        "minutes": seconds / 60,
        "submitted": len(run.submitted_at),
        "delivered": len(reader.delivered),
        "lost": len(lost),
        "duplicated": len(doubled),
        "refused": run.refused[:10],
        "received": received,
        "expected": expected,
        "backlog_at_end": backlog,
        "settled": settled,
        "live": live,
        "latency_s": latencies(run, reader),
        "grown": grown,
        "memory": memory,
        "machine": asdict(describe_machine()),
    }


def print_table(answer: dict[str, object]) -> None:
    """Print the figures for a person."""
    for key in ("submitted", "delivered", "lost", "duplicated", "backlog_at_end", "latency_s"):
        print(f"{key:<16} {answer[key]}")
    print(
        f"\n{'process':<16} {'baseline KiB':>13} {'final KiB':>10} {'peak KiB':>10} {'growth':>7}"
    )
    memory = answer["memory"]
    assert isinstance(memory, list)
    for row in memory:
        print(
            f"{row['process']:<16} {row['baseline_kib']:>13,} {row['final_kib']:>10,}"
            f" {row['peak_kib']:>10,} {row['growth']:>7.3f}"
        )


def reason_of(error: Exception) -> str:
    """Return why the run ended; a group that holds a defect is raised on."""
    if not isinstance(error, ExceptionGroup):
        return str(error)
    failures, defects = error.split(OperationFailed)
    if defects is not None or failures is None:
        raise error
    return "; ".join(str(failure) for failure in failures.exceptions)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--home", type=Path, help="keep the network's files here")
    parser.add_argument("--spec", type=Path, help="net.toml; the default network else")
    parser.add_argument("--output", type=Path, help="write the JSON line to this file also")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="isthmus-soak-") as temporary:
        home = given.home or Path(temporary) / "net"
        try:
            answer = asyncio.run(soak(home.resolve(), given.minutes, given.spec))
        except asyncio.CancelledError:
            print("the soak was stopped", file=sys.stderr)
            return 1
        except (OperationFailed, ExceptionGroup) as error:
            print(f"the soak ended early: {reason_of(error)}", file=sys.stderr)
            return 1
    print_table(answer)
    line = json.dumps(answer)
    if given.output is not None:
        given.output.write_text(line + "\n", encoding="utf-8")
    print(line)
    return 0 if answer["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
