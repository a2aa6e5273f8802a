"""``taint``: what a packet was made from, and by which rule it was let in or refused."""

import re
from pathlib import Path

import click

from chainkit.primitives.errors import OperationFailed
from isthmus.cli.level import WAITS, hub_option
from isthmus.cli.output import Command, Group, Output, home_option, json_option
from isthmus.cli.patience import run_with_patience
from isthmus.cli.session import Session
from isthmus.cli.trace import find_packets
from isthmus.integrity_view import HubView, Json, explain_packet, find_hub, inner, rule_names
from isthmus.trace import Hop, trace

_CODE = re.compile(r"ABCI code: (\d{1,9})")


@click.group(cls=Group, example="isthmus taint explain zone-a/channel-0/1")
def taint() -> None:
    """Show the lineage of packets."""


@taint.command(
    cls=Command,
    example="isthmus taint explain zone-a/channel-0/1\nisthmus taint explain 6B1F... --json",
)
@click.argument("packet")
@hub_option
@home_option
@json_option
def explain(packet: str, hub_name: str, home: Path, *, as_json: bool) -> None:
    """Say what PACKET was made from, with which label, and why the hub let it in or refused it.

    PACKET is named as in isthmus trace: by the end that sent it, or by its transaction.
    """
    output = Output(as_json)

    async def run() -> list[Json]:
        async with Session(home) as session:
            users = await session.users()
            hub = await find_hub(users, hub_name)
            found = []
            for chain, key in await find_packets(session, packet):
                hop = await trace(users, chain, key)
                found += [await judged(hub, each) for each in hop.hops()]
            return found

    found = run_with_patience(run(), output, WAITS)
    output.result({"packets": found}, lambda: "\n".join(map(_text, found)))


async def judged(hub: HubView, hop: Hop) -> Json:
    """Return a packet and what the hub made of it."""
    answer: dict[str, object] = {
        "packet": f"{hop.source}/{hop.key}",
        "to": hop.destination,
        "state": hop.state.value,
    }
    if hop.destination != hub.name:
        return {**answer, "judged": "by the lots that it took, as it was sent"}
    end = hop.packet
    try:
        record = await hub.ask(
            "Packet",
            port=end.destination_port,
            channel=end.destination_channel,
            sequence=str(end.sequence),
        )
        return {**answer, "record": inner(record, "packet")}
    except OperationFailed as error:
        if "accepted no packet" not in str(error):
            raise
    match = _CODE.search(hop.error)
    rule = rule_names().get(int(match[1])) if match else None
    return {**answer, "refused": rule or hop.error or "not received yet"}


def _text(found: Json) -> str:
    lines = [f"packet {found['packet']} to {found['to']}: {found['state']}"]
    if "record" in found:
        lines += [f"  {line}" for line in explain_packet(inner(found, "record"))]
    elif "refused" in found:
        lines.append(f"  refused by the hub: {found['refused']}")
    else:
        lines.append(f"  judged {found['judged']}")
    return "\n".join(lines)
