"""``status``: the processes, nodes, light clients, channels and relayer of a network."""

import time
from dataclasses import asdict
from pathlib import Path

import click

from chainkit.primitives.timestamps import NS_PER_SECOND
from isthmus.adapters.journal import read_last_notes
from isthmus.cli.output import Command, Output, home_option, json_option
from isthmus.cli.patience import run_with_patience
from isthmus.cli.session import Session
from isthmus.devnet import NetReader, NodeStatus
from isthmus.overview import ChannelView, ClientView, Overview, look
from isthmus.processes import Process, running_processes

KIB_PER_MIB = 1024


async def _see(session: Session) -> tuple[dict[str, tuple[NodeStatus, ...]], Overview]:
    async with session, NetReader(session.place) as reader:
        nodes = {chain.name: await reader.chain_status(chain) for chain in session.place.chains}
        answering = {
            name: user
            for name, user in (await session.users()).items()
            if any(node.height >= 0 for node in nodes[name])
        }
        return nodes, await look(answering)


@click.command(cls=Command, example="isthmus status\nisthmus status --home /tmp/net --json")
@home_option
@json_option
def status(home: Path, *, as_json: bool) -> None:
    """Show heights, peers, pending packets, client ages, the relayer and every process."""
    session = Session(home)
    processes = running_processes(home)
    relayer = _relayer(session, processes)
    output = Output(as_json)
    count = sum(len(chain.nodes) for chain in session.place.chains)
    nodes, overview = run_with_patience(
        _see(session), output, f"waiting for {count} nodes to answer"
    )
    values: dict[str, object] = {
        "running": any(process.name == "up" for process in processes),
        "processes": [
            {"name": p.name, "pid": p.pid, "rss_mib": p.rss_kib // KIB_PER_MIB} for p in processes
        ],
        "chains": {
            name: [
                {
                    "node": node.name,
                    "answers": node.height >= 0,
                    "height": max(node.height, 0),
                    "peers": node.peers,
                    "catching_up": node.is_catching_up,
                }
                for node in found
            ]
            for name, found in nodes.items()
        },
        "clients": [
            {**asdict(client), "health": client.health.value} for client in overview.clients
        ],
        "channels": [asdict(channel) for channel in overview.channels],
        "silent": dict(overview.silent),
        "relayer": relayer,
    }
    output.result(values, lambda: _text(processes, nodes, overview, relayer))


def _relayer(session: Session, processes: tuple[Process, ...]) -> dict[str, object]:
    """Return whether the relayer runs, and what it did last on each path."""
    journal = session.home / session.place.relayer_home / "journal.db"
    now = time.time_ns()
    return {
        "running": any(process.name == "relayer" for process in processes),
        "paths": [
            {"path": path, "last_event": event, "age_s": (now - at) // NS_PER_SECOND}
            for path, event, at in read_last_notes(journal)
        ],
    }


def _text(
    processes: tuple[Process, ...],
    nodes: dict[str, tuple[NodeStatus, ...]],
    overview: Overview,
    relayer: dict[str, object],
) -> str:
    by_name = {process.name: process for process in processes}
    lines = ["Nodes"]
    lines += [
        _node_line(node, by_name.get(node.name)) for found in nodes.values() for node in found
    ]
    if overview.clients:
        lines += ["Light clients", *(_client_line(client) for client in overview.clients)]
    if overview.channels:
        lines += ["Channels", *(_channel_line(channel) for channel in overview.channels)]
    for name, reason in overview.silent.items():
        lines.append(f"  {name}: {reason}")
    lines.append("Relayer" if relayer["running"] else "Relayer (does not run)")
    paths = relayer["paths"]
    assert isinstance(paths, list)
    lines += [f"  {p['path']}: {p['last_event']} {p['age_s']} s ago" for p in paths]
    others = [p for p in processes if p.name in {"up", "broker", "relayer"}]
    if others:
        lines += ["Other processes", *(f"  {p.name:<12} {_process(p)}" for p in others)]
    return "\n".join(lines)


def _process(process: Process) -> str:
    return f"process {process.pid}, {process.rss_kib // KIB_PER_MIB} MiB"


def _node_line(node: NodeStatus, process: Process | None) -> str:
    runs = _process(process) if process is not None else "no process of this network"
    if node.height < 0:
        return f"  {node.name:<12} no answer; {runs}"
    behind = ", catching up" if node.is_catching_up else ""
    return f"  {node.name:<12} height {node.height}, {node.peers} peers{behind}; {runs}"


def _client_line(client: ClientView) -> str:
    return (
        f"  {client.chain:<12} {client.client_id} tracks {client.tracks} at {client.height}, "
        f"age {client.age_s} s of {client.trusting_period_s} s, {client.health.value}"
    )


def _channel_line(channel: ChannelView) -> str:
    return (
        f"  {channel.chain:<12} {channel.port_id}/{channel.channel_id} to "
        f"{channel.other_chain} {channel.other_channel_id}, {channel.state}; pending: "
        f"{channel.to_receive} to receive, {channel.to_acknowledge} to acknowledge"
    )
