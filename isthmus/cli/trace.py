"""``trace PACKET``: a packet's steps on every chain, and what it waits for."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.timestamps import format_rfc3339
from chainkit.primitives.types import ChannelId, PortId, Sequence
from isthmus.cli.output import Command, Output, home_option, json_option
from isthmus.cli.patience import run_with_patience
from isthmus.cli.session import Session
from isthmus.devnet import NotReady
from isthmus.ports import ChainUser
from isthmus.trace import Hop, PacketNotFound, Step, trace
from parachains.sdk.users import PacketKey, PacketStep

POLL_S = 0.3
_HASH = re.compile(r"(?:([^/]+)/)?([0-9A-Fa-f]{64})")
_PACKET = re.compile(r"([^/]+)/(?:([^/]+)/)?([^/]+)/(\d{1,19})")


class BadPacketName(OperationFailed):
    """The text names no packet."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"expected CHAIN/CHANNEL/SEQUENCE, CHAIN/PORT/CHANNEL/SEQUENCE or the hash of a "
            f"transaction that sent a packet, got {text[:100]!r}"
        )


async def find_packets(session: Session, text: str) -> tuple[tuple[str, PacketKey], ...]:
    """Return the chains and packets that a text names: several where a transaction sent several.

    Raises:
        BadPacketName: It has none of the forms.
        PacketNotFound: No chain has that transaction, or it sent no packet.
    """
    match = _PACKET.fullmatch(text)
    if match is not None:
        chain = session.chain(match[1]).name
        port = PortId(match[2] or "transfer")
        return ((chain, PacketKey(port, ChannelId(match[3]), Sequence(int(match[4])))),)
    match = _HASH.fullmatch(text)
    if match is None:
        raise BadPacketName(text)
    names = [session.chain(match[1]).name] if match[1] else list(await session.users())
    for name, user in (await session.users()).items():
        if name not in names:
            continue
        try:
            keys = await user.packets_sent_by(match[2])
        except OperationFailed as error:
            if "not found" in str(error):
                continue
            raise
        if not keys:
            raise PacketNotFound(f"transaction {match[2]} on {name} sent no packet")
        return tuple((name, key) for key in keys)
    raise PacketNotFound(f"no transaction {match[2]} on {', '.join(names)}")


async def follow(
    users: Mapping[str, ChainUser],
    source: str,
    key: PacketKey,
    report: Callable[[str], None],
    *,
    timeout_s: float,
) -> Hop:
    """Return the packet when nothing more happens to it.

    Raises:
        NotReady: It took longer; the reason is what it waits for.
    """
    deadline = time.monotonic() + timeout_s
    told = ""
    while True:
        hop = await trace(users, source, key)
        if hop.state.is_final:
            return hop
        waiting = [each for each in hop.hops() if each.waits_for][-1]
        reason = f"waiting for {waiting.waits_for}"
        # Seconds that run down are no news.
        if re.sub(r"\d+ s", "", reason) != told:
            report(f"packet {waiting.key} from {waiting.source}: {reason}")
            told = re.sub(r"\d+ s", "", reason)
        if time.monotonic() > deadline:
            raise NotReady(reason=reason, timeout_s=timeout_s)
        await asyncio.sleep(POLL_S)


def hop_json(hop: Hop) -> dict[str, object]:
    """Return a packet and what it led to as the result line has it."""
    return {
        "packet": f"{hop.source}/{hop.key}",
        "source": hop.source,
        "destination": hop.destination,
        "state": hop.state.value,
        "timeout_height": str(hop.packet.timeout_height),
        "timeout_timestamp": hop.packet.timeout_timestamp,
        "data": hop.packet.data.decode(errors="replace"),
        "acknowledgement": hop.acknowledgement.decode(errors="replace"),
        "waits_for": hop.waits_for,
        "events": [_step_json(step) for step in hop.steps],
        "forwarded": [hop_json(child) for child in hop.forwarded],
    }


def _step_json(step: Step) -> dict[str, object]:
    event = step.event
    return {
        "chain": step.chain,
        "step": event.step.value,
        "height": event.height,
        "time": format_rfc3339(event.time),
        "tx_hash": event.tx_hash,
    }


def hop_text(hop: Hop, indent: str = "") -> str:
    """Return a packet and what it led to, a line a step."""
    lines = [f"{indent}packet {hop.source}/{hop.key} to {hop.destination}: {hop.state.value}"]
    for step in hop.steps:
        event = step.event
        lines.append(
            f"{indent}  {event.step.value:<13}{step.chain:<10} height {event.height:<6} "
            f"{format_rfc3339(event.time)[:23]}  {event.tx_hash[:16] or 'by the block'}"
        )
        if event.step is PacketStep.RECEIVED:
            lines += [hop_text(child, f"{indent}    ") for child in hop.forwarded]
    if hop.acknowledgement:
        lines.append(f"{indent}  answer: {hop.acknowledgement.decode(errors='replace')[:200]}")
    if hop.waits_for:
        lines.append(f"{indent}  waits for {hop.waits_for}")
    return "\n".join(lines)


@click.command(
    "trace",
    cls=Command,
    example="isthmus trace zone-a/channel-0/1\n"
    "isthmus trace zone-a/transfer/channel-0/1 --follow --json\n"
    "isthmus trace 6B1F... (the hash of the transaction that sent it)",
)
@click.argument("packet")
@click.option("--follow", "following", is_flag=True, help="Wait until nothing more happens to it.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Seconds to wait with --follow.",
)
@home_option
@json_option
def trace_command(
    packet: str, timeout_s: int, home: Path, *, following: bool, as_json: bool
) -> None:
    """Show where a packet is: every step on every chain, and what it waits for.

    PACKET is CHAIN/CHANNEL/SEQUENCE of the end that sent it (CHAIN/PORT/CHANNEL/SEQUENCE for
    other ports than transfer), or the hash of the transaction that sent it. Packets that the
    hub forwarded are followed.
    """
    output = Output(as_json)

    async def run() -> list[Hop]:
        async with Session(home) as session:
            users = await session.users()
            return [
                await follow(users, chain, key, output.progress, timeout_s=timeout_s)
                if following
                else await trace(users, chain, key)
                for chain, key in await find_packets(session, packet)
            ]

    hops = run_with_patience(run(), output, "waiting for the chains to answer")
    output.result(
        {"packets": [hop_json(hop) for hop in hops]},
        lambda: "\n".join(hop_text(hop) for hop in hops),
    )
