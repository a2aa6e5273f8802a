"""``up``, ``down``, ``status``, ``keys`` and the two daemons that ``up`` starts."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import structlog

from chainkit.primitives.errors import OperationFailed
from isthmus.accounts import DEVELOPMENT_PHRASE
from isthmus.adapters.broker import BrokerUnavailable, embedded_broker
from isthmus.cli.output import Output, home_option, json_option
from isthmus.compose_relayer import read_relayer_settings, run_relayer
from isthmus.config import NetSpec, read_spec
from isthmus.devnet import (
    PID_FILE,
    Devnet,
    NetReader,
    NodeStatus,
    NotReady,
    child_specs,
    stop_running,
)
from isthmus.homes import NET_FILE, NetPlace, create_network, read_network

READY_HEIGHT = 2
READY_TIMEOUT_S = 120.0
_SELF = "import sys; from isthmus.cli.main import main; sys.exit(main())"


def prepare_network(home: Path, spec: NetSpec) -> NetPlace:
    """Return the network of ``home``; made from ``spec`` where there is none."""
    if (home / NET_FILE).exists():
        return read_network(home)
    return create_network(home, spec)


@click.command()
@click.option("--spec", type=click.Path(path_type=Path), help="net.toml; the default network else.")
@home_option
@click.option("--detach", is_flag=True, help="Return when the network is ready; it runs on.")
@json_option
def up(spec: Path | None, home: Path, *, detach: bool, as_json: bool) -> None:
    r"""Start a local network and run it until it is interrupted.

    \b
    Example:
      isthmus up --home /tmp/net --detach
    """
    output = Output(as_json)
    network = read_spec(spec)
    if detach:
        _detach(home, spec, output)
        return
    place = prepare_network(home, network)
    asyncio.run(_run(home, network, place, output))


async def _run(home: Path, spec: NetSpec, place: NetPlace, output: Output) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    children = child_specs(home, place, broker=spec.broker.kind == "embedded")
    try:
        async with Devnet(home, children) as net, NetReader(place) as reader:
            for chain in place.chains:
                await reader.wait_for_height(
                    chain,
                    READY_HEIGHT,
                    report=output.progress,
                    check=net.check,
                    timeout_s=READY_TIMEOUT_S,
                )
            output.result(describe(home, place), lambda: _introduce(home, place))
            await net.watch()
    except asyncio.CancelledError:
        # The signal asked for it, and every child has been ended.
        output.progress("stopped")


def _detach(home: Path, spec: Path | None, output: Output) -> None:
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", _SELF, "up", "--home", str(home), "--json"]
    if spec is not None:
        command += ["--spec", str(spec)]
    with (home / "up.log").open("wb") as log, (home / "up.json").open("wb") as answer:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=answer, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + READY_TIMEOUT_S
    told = 0
    while not (home / "up.json").stat().st_size:
        lines = (home / "up.log").read_text(errors="replace").splitlines()
        for line in lines[told:]:
            output.progress(line)
        told = len(lines)
        if process.poll() is not None:
            raise OperationFailed(f"the network ended: {' '.join(lines[-3:])}")
        if time.monotonic() > deadline:
            raise NotReady(reason="waiting for the network", timeout_s=READY_TIMEOUT_S)
        time.sleep(0.1)
    place = read_network(home)
    output.result(describe(home, place), lambda: _introduce(home, place))


def describe(home: Path, place: NetPlace) -> dict[str, object]:
    """Return what ``up`` and ``keys`` tell of a network."""
    return {
        "home": str(home),
        "chains": [
            {"name": c.name, "chain_id": c.chain_id, "rpc": [node.rpc_url for node in c.nodes]}
            for c in place.chains
        ],
        "accounts": [
            {"name": a.name, "private_key": a.private_key, "addresses": a.addresses}
            for a in place.accounts
        ],
    }


def _introduce(home: Path, place: NetPlace) -> str:
    lines = [
        "",
        "Chains",
        *(f"  {c.name:<10} {c.chain_id:<12} {c.nodes[0].rpc_url}" for c in place.chains),
        "",
        _accounts_text(place),
        "",
        f"Files in {home}; stop with: isthmus down --home {home}",
    ]
    return "\n".join(lines)


def _accounts_text(place: NetPlace) -> str:
    lines = ["Accounts (funded; the phrase is public, never use these keys elsewhere)"]
    for account in place.accounts:
        address = next(iter(account.addresses.values()), "")
        lines.append(f"  {account.name:<10} {address}  0x{account.private_key}")
    lines += ["", f"Phrase: {DEVELOPMENT_PHRASE}", "Path:   m/44'/118'/0'/0/index"]
    return "\n".join(lines)


@click.command()
@home_option
@json_option
def down(home: Path, *, as_json: bool) -> None:
    r"""Stop the network that runs in a folder.

    \b
    Example:
      isthmus down --home /tmp/net
    """
    output = Output(as_json)
    output.progress("stopping")
    stop_running(home)
    output.result({"stopped": True}, lambda: "stopped")


@click.command()
@home_option
@json_option
def status(home: Path, *, as_json: bool) -> None:
    r"""Show each node's height and peers.

    \b
    Example:
      isthmus status --home /tmp/net --json
    """
    place = read_network(home)
    found = asyncio.run(_statuses(place))
    values = {
        name: [
            {"node": s.name, "height": s.height, "peers": s.peers, "catching_up": s.is_catching_up}
            for s in nodes
        ]
        for name, nodes in found.items()
    }
    running = (home / PID_FILE).exists()
    Output(as_json).result(
        {"running": running, "chains": values},
        lambda: "\n".join(_line(s) for nodes in found.values() for s in nodes),
    )


async def _statuses(place: NetPlace) -> dict[str, tuple[NodeStatus, ...]]:
    async with NetReader(place) as reader:
        return {chain.name: await reader.chain_status(chain) for chain in place.chains}


def _line(node: NodeStatus) -> str:
    if node.height < 0:
        return f"{node.name:<12} no answer"
    behind = ", catching up" if node.is_catching_up else ""
    return f"{node.name:<12} height {node.height}, {node.peers} peers{behind}"


@click.command()
@home_option
@json_option
def keys(home: Path, *, as_json: bool) -> None:
    r"""Show the funded accounts of a network.

    \b
    Example:
      isthmus keys --home /tmp/net
    """
    place = read_network(home)
    Output(as_json).result(
        {"accounts": describe(home, place)["accounts"]}, lambda: _accounts_text(place)
    )


@click.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of relayer.toml; the journal is kept there.",
)
def relay(home: Path) -> None:
    r"""Relay packets until interrupted.

    \b
    Example:
      isthmus relay --home /tmp/net/relayer
    """
    _log_as_json()
    settings = read_relayer_settings(home)

    async def until_told() -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await run_relayer(home, settings)
        except asyncio.CancelledError:
            # The signal asked for it; the journal is closed.
            structlog.get_logger().info("relayer.stopped")

    asyncio.run(until_told())


@click.command(hidden=True)
@click.option("--port", type=int, required=True)
def broker(port: int) -> None:
    r"""Run the embedded MQTT broker until interrupted.

    \b
    Example:
      isthmus broker --port 1883
    """
    # Blocked before the broker's threads start, so that the signal waits for this one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        with embedded_broker(port):
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except BrokerUnavailable as error:
        click.echo(f"{error}: chains are polled", err=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


def _log_as_json() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
