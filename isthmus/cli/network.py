"""``up`` and ``down``: a local network."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import click

from chainkit.primitives.errors import OperationFailed
from isthmus.binding import bind_chains
from isthmus.cli.keys import accounts_json, accounts_text
from isthmus.cli.output import Command, Output, home_option, json_option, say_when_slow
from isthmus.cli.session import Session
from isthmus.config import BadSpec, NetSpec, read_spec, with_broker
from isthmus.devnet import Devnet, NetReader, NotReady, child_specs, stop_running
from isthmus.homes import NET_FILE, NetPlace, create_network, read_network
from isthmus.ports import ChainUser
from isthmus.processes import running_processes
from isthmus.routes import Link, all_links

READY_HEIGHT = 2
READY_TIMEOUT_S = 120.0
CHANNELS_TIMEOUT_S = 120.0
POLL_S = 0.2


class RunsAlready(OperationFailed):
    """A network runs in that folder."""


def prepare_network(home: Path, spec: Path | None, mqtt_url: str = "") -> NetPlace:
    """Return the network of ``home``; made from the description where there is none.

    Raises:
        BadSpec: The description is wrong, or the network was made from another one.
        RunsAlready: It runs.
    """
    running = running_processes(home)
    if running:
        raise RunsAlready(f"a network runs in {home} (process {running[0].pid}): isthmus down")
    wanted = read_spec(spec)
    if mqtt_url:
        wanted = with_broker(wanted, mqtt_url)
    if not (home / NET_FILE).exists():
        return create_network(home, wanted)
    place = read_network(home)
    if (spec is not None or mqtt_url) and wanted != place.spec:
        raise BadSpec(
            path=str(spec or "--mqtt-url"), expected=f"what {home} was made from, or another --home"
        )
    return place


@click.command(
    cls=Command,
    example="isthmus up\nisthmus up --spec net.toml --home /tmp/net --detach\n"
    "isthmus up --mqtt-url mqtt://127.0.0.1:1883",
)
@click.option("--spec", type=click.Path(path_type=Path), help="net.toml; the default network else.")
@home_option
@click.option("--mqtt-url", default="", help="A broker that runs already, as Mosquitto.")
@click.option("--detach", is_flag=True, help="Return when the network is ready; it runs on.")
@json_option
def up(spec: Path | None, home: Path, mqtt_url: str, *, detach: bool, as_json: bool) -> None:
    """Start a local network and run it until it is interrupted.

    It is ready when every chain makes blocks and the relayer has opened every channel. A
    folder that holds a network already is started again where it stopped.
    """
    output = Output(as_json)
    place = prepare_network(home, spec, mqtt_url)
    say_when_slow()
    if detach:
        _detach(home, place, output)
    else:
        asyncio.run(_run(home, place, output))


async def _run(home: Path, place: NetPlace, output: Output) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    children = child_specs(home, place, broker=place.spec.broker.kind == "embedded")
    output.progress(f"starting {len(children)} processes in {home}")
    try:
        async with Devnet(home, children) as net, NetReader(place) as reader:
            await wait_for_blocks(place, reader, output, net)
            await wait_for_final_blocks(home, output, net)
            await wait_for_channels(home, place.spec, output, net)
            await bind_to_clients(home, output)
            output.result(describe(home, place), lambda: _introduce(home, place))
            await net.watch()
    except asyncio.CancelledError:
        # The signal asked for it, and every child has been ended.
        output.progress("stopped")


async def wait_for_blocks(place: NetPlace, reader: NetReader, output: Output, net: Devnet) -> None:
    """Wait until every chain has made a block since it was started; the old ones are no sign.

    Raises:
        NotReady: It took too long; the reason names the chain and its height.
        ChildEnded: A process ended.
    """
    targets = [READY_HEIGHT] * len(place.chains)
    for _ in range(2):
        for chain, target in zip(place.chains, targets, strict=True):
            await reader.wait_for_height(
                chain,
                target,
                report=output.progress,
                check=net.check,
                timeout_s=READY_TIMEOUT_S,
            )
        seen = [await reader.chain_status(chain) for chain in place.chains]
        targets = [max(node.height for node in nodes) + 1 for nodes in seen]


async def wait_for_final_blocks(home: Path, output: Output, net: Devnet) -> None:
    """Wait until every chain has a block that clients may build on.

    On a chain with proof of work that is later than its first block.

    Raises:
        NotReady: It took too long; the reason is the chain's own.
        ChildEnded: A process ended.
    """

    async def silent(users: Mapping[str, ChainUser]) -> str:
        for user in users.values():
            try:
                await user.client.status()
            except OperationFailed as error:
                return f"waiting: {error}"
        return ""

    await _wait_while(home, silent, output, net, READY_TIMEOUT_S)


async def wait_for_channels(home: Path, spec: NetSpec, output: Output, net: Devnet) -> None:
    """Wait until the relayer has opened every channel that the network is to have.

    Raises:
        NotReady: It took too long; the reason names the channel and how far it is.
        ChildEnded: A process ended.
    """

    async def absent(users: Mapping[str, ChainUser]) -> str:
        try:
            missing = missing_channels(spec, await all_links(users))
        except OperationFailed as error:
            missing = (str(error),)
        return f"waiting for the relayer to open {missing[0]}" if missing else ""

    await _wait_while(home, absent, output, net, CHANNELS_TIMEOUT_S)


async def _wait_while(
    home: Path,
    reason_to_wait: Callable[[Mapping[str, ChainUser]], Awaitable[str]],
    output: Output,
    net: Devnet,
    timeout_s: float,
) -> None:
    """Wait as long as there is a reason, and say it whenever it is another."""
    deadline = time.monotonic() + timeout_s
    told = ""
    async with Session(home) as session:
        users = await session.users()
        while True:
            net.check()
            reason = await reason_to_wait(users)
            if not reason:
                return
            if reason != told:
                output.progress(reason)
                told = reason
            if time.monotonic() > deadline:
                raise NotReady(reason=reason, timeout_s=timeout_s)
            await asyncio.sleep(POLL_S)


async def bind_to_clients(home: Path, output: Output) -> None:
    """Let the hub know which client follows which of the chains that it was told of.

    Raises:
        NotBound: It refused.
        NotReady: It took too long.
    """
    async with Session(home) as session:

        async def sign_as(chain: str, account: str) -> ChainUser:
            return await session.user(session.chain(chain), account)

        bound = await bind_chains(await session.users(), session.place.accounts, sign_as)
        if bound:
            output.progress(f"the hub rates {', '.join(bound)} by their clients")


def missing_channels(spec: NetSpec, links: tuple[Link, ...]) -> tuple[str, ...]:
    """Return the wanted channels that are not open at both ends, and how far each is."""
    missing = []
    for path in spec.paths:
        states = []
        for here, there in ((path.a, path.b), (path.b, path.a)):
            found = [
                link.end.end.state
                for link in links
                if (link.chain, link.other_chain, link.end.port_id) == (here, there, path.port)
            ]
            states.append(max(found, key=lambda state: state.value).name if found else "absent")
        if states != ["OPEN", "OPEN"]:
            missing.append(f"{path.port} {path.a} <-> {path.b}, now {states[0]} and {states[1]}")
    return tuple(missing)


def _detach(home: Path, place: NetPlace, output: Output) -> None:
    command = [sys.executable, "-m", "isthmus.cli.main", "up", "--home", str(home), "--json"]
    with (home / "up.log").open("wb") as log, (home / "up.json").open("wb") as answer:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=answer, stderr=log, start_new_session=True
        )
    try:
        _wait_for_answer(home, process, output)
    except (KeyboardInterrupt, OperationFailed):
        # It has a session of its own: the terminal's Ctrl-C does not reach it.
        process.terminate()
        process.wait()
        raise
    output.result(describe(home, place), lambda: _introduce(home, place))


def _wait_for_answer(home: Path, process: subprocess.Popen[bytes], output: Output) -> None:
    """Wait until the network says that it is ready, and pass on what it waits for meanwhile.

    Raises:
        OperationFailed: It ended, or took too long.
    """
    timeout_s = READY_TIMEOUT_S + CHANNELS_TIMEOUT_S
    deadline = time.monotonic() + timeout_s
    told = 0
    while True:
        # Read first: what was said before the answer is passed on before it, too.
        answer_text = (home / "up.json").read_text(encoding="utf-8")
        lines = (home / "up.log").read_text(errors="replace").splitlines()
        for line in lines[told:]:
            output.progress(line)
        told = len(lines)
        if answer_text.endswith("\n"):
            break
        if process.poll() is not None:
            raise OperationFailed(f"the network ended: {' '.join(lines[-1:])}")
        if time.monotonic() > deadline:
            raise NotReady(reason="waiting for the network", timeout_s=timeout_s)
        time.sleep(POLL_S)
    error = json.loads(answer_text).get("error")
    if error is not None:
        raise OperationFailed(str(error))


def describe(home: Path, place: NetPlace) -> dict[str, object]:
    """Return what ``up`` tells of a network."""
    return {
        "home": str(home),
        "chains": [
            {
                "name": c.name,
                "kind": c.kind,
                "chain_id": c.chain_id,
                "denom": c.denom,
                "rpc": [node.rpc_url for node in c.nodes],
            }
            for c in place.chains
        ],
        "accounts": accounts_json(place),
    }


def _introduce(home: Path, place: NetPlace) -> str:
    lines = [
        "",
        "Chains",
        *(
            f"  {c.name:<10} {c.kind:<6} {c.chain_id:<12} {c.denom:<8} {c.nodes[0].rpc_url}"
            for c in place.chains
        ),
        "",
        accounts_text(place),
        "",
        f"Files in {home}; stop with: isthmus down --home {home}",
    ]
    return "\n".join(lines)


@click.command(cls=Command, example="isthmus down\nisthmus down --home /tmp/net")
@home_option
@json_option
def down(home: Path, *, as_json: bool) -> None:
    """Stop the network that runs in a folder; isthmus up starts it again."""
    output = Output(as_json)
    running = len(running_processes(home))
    if running:
        output.progress(f"waiting for {running} processes to end")
    stop_running(home)
    output.result({"stopped": True, "processes": running}, lambda: "stopped")
