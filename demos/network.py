"""A network of one's own for a scenario: started, talked to over public RPC, always torn down.

``run_scenario(scenario, spec=..., home=..., say=...)`` gives the scenario a running
:class:`Network` and ends every child afterwards, also on an error, Ctrl-C or SIGTERM.
``open_network(home, place, say=...)`` does the same for a network that is on disk.
"""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChainId, ChannelId, ClientId, Denom
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import ChannelState, IdentifiedChannel
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.config import NetSpec
from isthmus.devnet import Devnet, NetReader, NotReady, Report, child_specs
from isthmus.discovery import find_chain_kind
from isthmus.homes import AccountPlace, ChainPlace, NetPlace, create_network
from isthmus.ports import ChainUser
from parachains.sdk.ibc_queries import IbcQueries
from parachains.sdk.relaying import TxOutcome
from parachains.sdk.users import ChainAccess, Intent
from relayer.ports import ChainClient

T = TypeVar("T")
M = TypeVar("M", bound=Message)
C = TypeVar("C")

POLL_S = 0.2
"""Looking costs the nodes time too: more often makes what is waited for come later."""
READY_HEIGHT = 2
DEFAULT_TIMEOUT_S = 120.0
"""Generous: a scenario states its own, tighter limits on what it measured."""

START_TIMEOUT_S = 300.0
"""For a chain's first blocks: a dozen processes start at once, perhaps on a busy machine."""


@dataclass(frozen=True, slots=True)
class Channel:
    """An open channel between two chains, by the names of its ends."""

    on_a: ChannelId
    on_b: ChannelId


class WrongKind(OperationFailed):
    """A scenario wants more of a chain than its kind has."""

    def __init__(self, *, chain: str, kind: str, wanted: str) -> None:
        super().__init__(f"{chain} is of kind {kind}, which has no {wanted}")


class Network:
    """A running network. Mutable: it owns HTTP sessions.

    Every chain is reached through what its kind offers, so a scenario runs on chains of any
    kind. One that needs a kind's own client asks for it with :meth:`client_as`.

    Attributes:
        home: Its folder; ``home/logs`` has each process's output.
        spec: What it was made from.
        place: What is where.
        devnet: Its processes: ``start``, ``stop(force=True)``, ``check``.
        reader: Asks single nodes.
        say: Tells the person who waits.
        began_s: ``time.monotonic()`` before anything was written or started.
    """

    def __init__(
        self,
        home: Path,
        spec: NetSpec,
        place: NetPlace,
        devnet: Devnet,
        reader: NetReader,
        *,
        say: Report,
        began_s: float,
        stack: AsyncExitStack,
    ) -> None:
        self.home = home
        self.spec = spec
        self.place = place
        self.devnet = devnet
        self.reader = reader
        self.say = say
        self.began_s = began_s
        self._stack = stack
        self._users: dict[tuple[str, str], ChainUser] = {}
        self._transports: dict[str, HttpRpcTransport] = {}
        self._tracking: dict[tuple[str, str], frozenset[ClientId]] = {}

    def chain(self, name: str) -> ChainPlace:
        """Return where a chain is."""
        return self.place.chain(name)

    def account(self, name: str) -> AccountPlace:
        """Return a funded account."""
        return next(account for account in self.place.accounts if account.name == name)

    async def user(self, chain: str, account: str = "alice") -> ChainUser:
        """Return a chain as people see it, for an account; asks its nodes in turn."""
        if (chain, account) not in self._users:
            place = self.chain(chain)
            access = ChainAccess(
                chain_id=ChainId(place.chain_id),
                private_key=bytes.fromhex(self.account(account).private_key),
                address_prefix=place.bech32_prefix,
                fee_denom=Denom(place.denom),
            )
            kind = find_chain_kind(place.kind)
            self._users[chain, account] = kind.user(access, await self.transport(chain))
        return self._users[chain, account]

    async def client(self, chain: str, account: str = "alice") -> ChainClient:
        """Return a chain as relayers see it; it signs with an account."""
        return (await self.user(chain, account)).client

    async def client_as(self, wanted: type[C], chain: str, account: str = "alice") -> C:
        """Return a chain's client as that of one kind, such as ``UtxoClient``.

        Raises:
            WrongKind: The chain's kind has another one.
        """
        client = await self.client(chain, account)
        if not isinstance(client, wanted):
            raise WrongKind(
                chain=chain, kind=self.chain(chain).kind, wanted=f"client {wanted.__name__}"
            )
        return client

    async def ask(self, chain: str, name: str, **arguments: str) -> Mapping[str, object]:
        """Return the answer to one of the questions of ``isthmus query`` in JSON's values.

        Raises:
            NotOffered: The chain's kind has no such question.
            OperationFailed: The chain answered with an error, or no node did.
        """
        return await (await self.user(chain)).ask(name, arguments)

    async def transport(self, chain: str) -> HttpRpcTransport:
        """Return what calls a chain's nodes in turn until one answers."""
        if chain not in self._transports:
            urls = [node.rpc_url for node in self.chain(chain).nodes]
            transport = await self._stack.enter_async_context(HttpRpcTransport(urls))
            self._transports[chain] = transport
        return self._transports[chain]

    async def query(self, chain: str, path: str, request: Message, answer: type[M]) -> M:
        """Return a chain's answer to a gRPC query, such as ``/ibc.core...Query/Channels``.

        Raises:
            WrongKind: Its kind answers no such queries.
            QueryFailed: The chain refused it.
            OperationFailed: No node answered.
        """
        client = await self.client(chain)
        if not isinstance(client, IbcQueries):
            raise WrongKind(chain=chain, kind=self.chain(chain).kind, wanted="gRPC queries")
        return await client.query(path, request, answer)

    async def wait_until(
        self,
        reason: str | Callable[[], str],
        look: Callable[[], Awaitable[T | None]],
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> T:
        """Return what ``look`` finds, once it finds something.

        Args:
            reason: What is waited for, said when it changes: "waiting for ...".
            look: Returns None as long as it is not there; a node that does not answer
                (OperationFailed) counts as None.
            timeout_s: Limit.

        Raises:
            NotReady: It took longer.
            ChildEnded: A process of the network ended by itself.
        """
        deadline = time.monotonic() + timeout_s
        told = ""
        while True:
            self.devnet.check()
            try:
                found = await look()
            except OperationFailed:
                found = None
            if found is not None:
                return found
            now = reason if isinstance(reason, str) else reason()
            if now != told:
                self.say(now)
                told = now
            if time.monotonic() > deadline:
                raise NotReady(reason=now, timeout_s=timeout_s)
            await asyncio.sleep(POLL_S)

    async def wait_for_height(
        self, chain: str, height: int, *, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> None:
        """Wait until every node of a chain is at ``height``."""
        await self.reader.wait_for_height(
            self.chain(chain), height, report=self.say, check=self.devnet.check, timeout_s=timeout_s
        )

    async def wait_for_channel(
        self, a: str, b: str, port: str = "transfer", *, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> Channel:
        """Return the channel between two chains once both of its ends are open."""
        state = ["no client"]

        async def look() -> Channel | None:
            # The end on b is the last to open, so the other one is asked for then only.
            own = await self._furthest(b, a, port)
            state[0] = own if isinstance(own, str) else f"channel {own.end.state.name}"
            if isinstance(own, str) or own.end.state is not ChannelState.OPEN:
                return None
            other = await self._furthest(a, b, port)
            if isinstance(other, str) or other.end.state is not ChannelState.OPEN:
                return None
            assert own.end.counterparty.channel_id == other.channel_id
            return Channel(other.channel_id, own.channel_id)

        return await self.wait_until(
            lambda: f"waiting for the relayer to open {a} <-> {b}, now {state[0]}",
            look,
            timeout_s=timeout_s,
        )

    async def _furthest(self, chain: str, other: str, port: str) -> IdentifiedChannel | str:
        """Return a chain's channel towards another, or how far it is, in two or three questions."""
        client, tracked = await self.client(chain), await self.client(other)
        tracking = self._tracking.get((chain, other))
        if tracking is None:
            tracking = frozenset(
                hosted.client_id
                for hosted in await client.clients()
                if tracked.read_client(hosted.state) is not None
            )
            if not tracking:
                return "no client"
            self._tracking[chain, other] = tracking
        state = "clients only"
        for connection in await client.connections():
            if connection.end.client_id in tracking:
                state = f"connection {connection.end.state.name}"
                for channel in await client.channels(connection.connection_id):
                    if channel.port_id == port:
                        return channel
        return state

    async def deliver(
        self, client: ChainClient, *messages: AnyValue, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> TxOutcome:
        """Return what a block made of the messages in one transaction.

        Raises:
            TxRefused: The node did not take it.
            NotReady: No block took it in time.
        """
        tx = await client.sign(messages)
        await client.broadcast(tx)
        return await self.wait_until(
            f"waiting for a block of {client.chain_id} to take transaction {tx.tx_hash[:8]}",
            lambda: client.outcome(tx.tx_hash),
            timeout_s=timeout_s,
        )

    async def do(
        self, chain: str, account: str, intent: Intent, *, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> TxOutcome:
        """Return what a block made of what an account wants, such as a ``Transfer``.

        Raises:
            NotOffered: The chain's kind has nothing of this kind.
            TxRefused, NotReady: As :meth:`deliver`.
        """
        user = await self.user(chain, account)
        return await self.deliver(user.client, await user.message(intent), timeout_s=timeout_s)


class Interrupted(OperationFailed):
    """The person who waited did so no longer."""


Scenario = Callable[[Network], Awaitable[T]]

Prepare = Callable[[Path, NetPlace], None]
"""Changes homes that were written (the network's folder, and what is where), before any starts."""


def _change_nothing(home: Path, place: NetPlace) -> None:
    """Leave the homes as they were written."""


def run_scenario(
    scenario: Scenario[T],
    *,
    spec: NetSpec,
    home: Path | None,
    say: Report,
    name: str,
    prepare: Prepare = _change_nothing,
) -> T:
    """Return what ``scenario`` makes of a fresh network, which is ended in every case.

    Args:
        scenario: Called with the network when every node answers and makes blocks.
        spec: The network.
        home: Its folder, empty or absent; None for a temporary one, which goes away
            unless the scenario raised: then its logs are kept and their place is said.
        say: Takes progress.
        name: Of the temporary folder.
        prepare: Changes homes before their processes start, such as whom a node dials.

    Raises:
        NotReady, ChildEnded: The network did not start or lost a process.
        Interrupted: By Ctrl-C or SIGTERM.
        FileExistsError: ``home`` holds a network already.
    """
    if home is not None:
        return _run_to_end(scenario, spec, home, say, prepare)
    folder = Path(tempfile.mkdtemp(prefix=f"isthmus-{name}-"))
    try:
        result = _run_to_end(scenario, spec, folder, say, prepare)
    except Interrupted:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except (OperationFailed, OSError):
        say(f"logs are kept in {folder / 'logs'}")
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return result


def _run_to_end(
    scenario: Scenario[T], spec: NetSpec, home: Path, say: Report, prepare: Prepare
) -> T:
    try:
        return asyncio.run(_run(scenario, spec, home, say, prepare))
    except (asyncio.CancelledError, KeyboardInterrupt) as error:
        raise Interrupted("stopped by a signal") from error


async def _run(
    scenario: Scenario[T], spec: NetSpec, home: Path, say: Report, prepare: Prepare
) -> T:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    began_s = time.monotonic()
    place = create_network(home, spec)
    prepare(home, place)
    async with open_network(home, place, say=say, began_s=began_s) as network:
        for chain in place.chains:
            await network.wait_for_height(chain.name, READY_HEIGHT, timeout_s=START_TIMEOUT_S)
        return await scenario(network)


@asynccontextmanager
async def open_network(
    home: Path, place: NetPlace, *, say: Report, began_s: float = 0.0
) -> AsyncIterator[Network]:
    """Start the processes of a network that was written, and end them all afterwards.

    Args:
        home: Its folder, where none of them runs.
        place: What is where in it.
        say: Takes progress.
        began_s: For :attr:`Network.began_s`.
    """
    children = child_specs(home, place, broker=place.spec.broker.kind == "embedded")
    names = ", ".join(child.name for child in children)
    say(f"starting {len(children)} processes in {home}: {names}")
    async with AsyncExitStack() as stack:
        devnet = await stack.enter_async_context(Devnet(home, children))
        reader = await stack.enter_async_context(NetReader(place))
        yield Network(
            home, place.spec, place, devnet, reader, say=say, began_s=began_s, stack=stack
        )
