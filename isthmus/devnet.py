"""Runs a local network: one child process a node, a broker and a relayer, watched together.

A child that ends takes the network down with its name and the end of its log: a network
that lost a part must not look healthy.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from chainkit.primitives.errors import MalformedMessage, OperationFailed
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.discovery import find_chain_kind
from isthmus.homes import ChainPlace, NetPlace, NodePlace
from isthmus.ports import ChainKind
from isthmus.processes import PROCESSES_FILE, running_processes, write_processes

Report = Callable[[str], None]
"""Takes one line for the person who waits."""

STOP_TIMEOUT_S = 10.0
POLL_S = 0.5
LOG_TAIL_BYTES = 2_000
_ISTHMUS = "isthmus.cli.main"
_BROKER = "isthmus.adapters.broker"


class ChildEnded(OperationFailed):
    """A process of the network ended by itself."""

    def __init__(self, *, name: str, code: int, log: Path) -> None:
        super().__init__(f"{name} ended with code {code}: {_last_line(log)} (all of it: {log})")
        self.name = name
        self.code = code


class NotReady(OperationFailed):
    """What was waited for did not come in time."""

    def __init__(self, *, reason: str, timeout_s: float) -> None:
        super().__init__(f"gave up after {timeout_s:.0f} s {reason}")
        self.reason = reason


class NotRunning(OperationFailed):
    """No network runs in that folder."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A process to start: its name, command and the file of its output."""

    name: str
    command: tuple[str, ...]
    log: Path
    may_end: bool = False
    """Whether the network goes on without it."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What one node says of itself; ``height`` is -1 while it does not answer."""

    name: str
    height: int
    peers: int
    is_catching_up: bool


def child_specs(home: Path, place: NetPlace, *, broker: bool) -> tuple[ChildSpec, ...]:
    """Return the processes of a network in the order in which they start.

    A network without paths has no relayer.
    """

    def child(name: str, *command: str, may_end: bool = False) -> ChildSpec:
        log = home / "logs" / f"{name}.log"
        return ChildSpec(name, (sys.executable, "-m", *command), log, may_end)

    found = []
    if broker:
        found.append(child("broker", _BROKER, str(place.broker_port), may_end=True))
    for chain in place.chains:
        kind = find_chain_kind(chain.kind)
        found += [child(n.name, *kind.node_command(home / n.home)) for n in chain.nodes]
    if place.spec.paths:
        relayer = str(home / place.relayer_home)
        found.append(child("relayer", _ISTHMUS, "relay", "--json", "--home", relayer))
    return tuple(found)


class Devnet:
    """The running children. Mutable: it owns the processes. Use as a context manager."""

    def __init__(self, home: Path, children: Sequence[ChildSpec]) -> None:
        self._home = home
        self._specs = tuple(children)
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._mortal: set[str] = set()

    async def __aenter__(self) -> Self:
        """Start every child; what started is stopped if one cannot."""
        (self._home / "logs").mkdir(exist_ok=True)
        try:
            for spec in self._specs:
                await self.start(spec.name, may_end=spec.may_end)
        except OSError:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ask every child to end, the last started first; end by force what does not."""
        await asyncio.gather(*(self.stop(name) for name in reversed(tuple(self._processes))))
        (self._home / PROCESSES_FILE).unlink(missing_ok=True)

    async def start(
        self,
        name: str,
        *,
        environment: Mapping[str, str] = MappingProxyType({}),
        may_end: bool = False,
    ) -> None:
        """Start one child; its output is added to its log.

        Args:
            name: Which.
            environment: Added to this process's.
            may_end: Whether its end is no defect: ``wait_for_end`` tells how it ended.
        """
        spec = next(each for each in self._specs if each.name == name)
        self._mortal.discard(name)
        if may_end:
            self._mortal.add(name)
        with spec.log.open("ab") as log:
            self._processes[name] = await asyncio.create_subprocess_exec(
                *spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | environment,
            )
        self._keep_pids()

    def _keep_pids(self) -> None:
        pids = {name: process.pid for name, process in self._processes.items()}
        write_processes(self._home, {"up": os.getpid(), **pids})

    async def wait_for_end(self, name: str) -> int:
        """Wait until a child that may end has ended; return its code, -9 after kill -9."""
        assert name in self._mortal
        code = await self._processes[name].wait()
        self._processes.pop(name, None)
        return code

    async def stop(self, name: str, *, force: bool = False) -> None:
        """End one child; ``force`` is kill -9."""
        process = self._processes.pop(name)
        if process.returncode is not None:
            return
        process.send_signal(signal.SIGKILL if force else signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    def check(self) -> None:
        """Refuse to go on if a child ended.

        Raises:
            ChildEnded: Names it, with the end of its log.
        """
        for name, process in self._processes.items():
            if process.returncode is not None and name not in self._mortal:
                spec = next(each for each in self._specs if each.name == name)
                raise ChildEnded(name=name, code=process.returncode, log=spec.log)

    async def watch(self) -> None:
        """Wait until a child ends by itself, which is an error.

        Raises:
            ChildEnded: Names it.
        """
        while True:
            self.check()
            await asyncio.sleep(POLL_S)


class NetReader:
    """Reads all nodes of a network over public RPC. Mutable: it owns HTTP sessions."""

    def __init__(self, place: NetPlace) -> None:
        self._place = place
        self._stack = AsyncExitStack()
        self._transports: dict[str, HttpRpcTransport] = {}
        self._kinds: dict[str, ChainKind] = {}

    async def __aenter__(self) -> Self:
        """Open a session to each node."""
        for chain in self._place.chains:
            kind = find_chain_kind(chain.kind)
            for node in chain.nodes:
                self._kinds[node.name] = kind
                transport = HttpRpcTransport([node.rpc_url])
                self._transports[node.name] = await self._stack.enter_async_context(transport)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the sessions."""
        await self._stack.aclose()

    async def call(self, node: NodePlace, method: str, params: Mapping[str, object]) -> object:
        """Return the result of one call to one node; errors as the transport's."""
        return await self._transports[node.name].call(method, params)

    async def node_status(self, node: NodePlace) -> NodeStatus:
        """Return what a node says of itself; height -1 where it does not answer."""
        try:
            kind, transport = self._kinds[node.name], self._transports[node.name]
            health = await kind.node_health(transport)
        except (OperationFailed, MalformedMessage):
            return NodeStatus(node.name, -1, 0, is_catching_up=True)
        return NodeStatus(node.name, health.height, health.peers, health.is_catching_up)

    async def chain_status(self, chain: ChainPlace) -> tuple[NodeStatus, ...]:
        """Return what each node of a chain says, in order."""
        return tuple(await asyncio.gather(*(self.node_status(node) for node in chain.nodes)))

    async def wait_for_height(
        self,
        chain: ChainPlace,
        height: int,
        *,
        report: Report,
        check: Callable[[], None],
        timeout_s: float,
    ) -> None:
        """Wait until every node of ``chain`` is at ``height``.

        Raises:
            NotReady: It took over ``timeout_s``; the reason names the chain and its height.
        """
        deadline = time.monotonic() + timeout_s
        told = ""
        while True:
            check()
            lowest = min(status.height for status in await self.chain_status(chain))
            if lowest >= height:
                return
            now = "no answer yet" if lowest < 0 else f"now {lowest}"
            reason = f"waiting for height {height} on {chain.name}, {now}"
            if reason != told:
                report(reason)
                told = reason
            if time.monotonic() > deadline:
                raise NotReady(reason=reason, timeout_s=timeout_s)
            await asyncio.sleep(POLL_S)


def stop_running(home: Path) -> None:
    """Ask the network of ``home`` to end and wait until it has.

    Where its parent was killed, the processes that it left behind are ended one by one.

    Raises:
        NotRunning: None runs there.
        NotReady: It did not end in time.
    """
    running = {process.name: process.pid for process in running_processes(home)}
    if not running:
        (home / PROCESSES_FILE).unlink(missing_ok=True)
        raise NotRunning(f"no network runs in {home}")
    asked = [running["up"]] if "up" in running else list(running.values())
    for pid in asked:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    timeout_s = STOP_TIMEOUT_S * 3
    deadline = time.monotonic() + timeout_s
    while running_processes(home):
        if time.monotonic() > deadline:
            pids = ", ".join(str(pid) for pid in asked)
            raise NotReady(reason=f"waiting for process {pids} to end", timeout_s=timeout_s)
        time.sleep(POLL_S)
    (home / PROCESSES_FILE).unlink(missing_ok=True)


def _last_line(log: Path) -> str:
    """Return the last line of a log, which says why a process ended."""
    try:
        lines = log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").split("\n")
    except OSError:
        return "no log"
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing logged")
