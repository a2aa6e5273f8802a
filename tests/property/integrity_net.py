"""A hub, zones behind it, chains behind zones, and all that is under way between them."""

from dataclasses import dataclass, field
from typing import ClassVar

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import Height
from chainkit.wire.codec import encode
from ibc.addresses import format_address
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.denoms import extract_denom
from ibc.testing.chain import PREFIX, TestChain
from ibc.testing.ledger import TestLedger
from ibc.testing.path import Endpoint, Path, sent_packets, written_acknowledgements
from integrity.axes import Axis, Reading, Source
from integrity.module import IntegrityModule
from integrity.monitor import Monitor
from integrity.records import Params
from tests.unit.ibc_worlds import address, new_chain, transfer_path
from tests.unit.integrity_worlds import Hub

SERVICE = "/isthmus.integrity.v1.Msg"


class WatchedLedger(TestLedger):
    """Tells somebody of each move between accounts, as the hub's bank does."""

    watcher = None

    def send(self, ctx, sender, receiver, coin: Coin) -> None:
        """Move, then tell; a refusal undoes the move."""
        with ctx.savepoint():
            super().send(ctx, sender, receiver, coin)
            if self.watcher is not None:
                self.watcher(ctx, sender, receiver, coin)


class LivelyChain(TestChain):
    """A chain whose blocks begin: somebody is told before and after each."""

    before = after = None

    def commit(self, blocks: int = 1) -> Height:
        proven = self.own_height()
        for _ in range(blocks):
            if self.before is not None:
                self.before()
            proven = super().commit()
            if self.after is not None:
                self.after()
        return proven


class WatchedHub(Hub):
    """A hub whose bank is followed."""

    def new_ledger(self) -> TestLedger:
        return WatchedLedger()

    def new_chain(self, *args) -> TestChain:
        return LivelyChain(*args)


class FactMonitor(Monitor):
    """Measures two axes of every chain, of which the test gives the facts."""

    facts: ClassVar[dict[str, tuple[int, int]]] = {}
    """By chain, the level that each axis comes to."""

    def readings(self, ctx, chain, params) -> tuple[Reading, ...]:
        least = params.thresholds().least
        return tuple(
            Reading(axis, least[axis][level - 1] if level else 0, Source.MEASURED)
            for axis, level in zip((Axis.CONTROL, Axis.WATCH), self.facts[chain.name], strict=True)
        )


@dataclass
class Fate:
    """A packet of ICS-20 that its sender's chain is still committed to."""

    packet: Packet
    source: str
    target: str
    state: str = "sent"
    """sent, held, in (accepted, perhaps without an answer yet) or refused."""
    answers: list[bytes] = field(default_factory=list)
    held_at: int = 0


class Net:
    """The chains by name and the packets between them."""

    def __init__(self, levels: dict[str, int], behind: dict[str, str], params: Params) -> None:
        self.hub = WatchedHub(**levels)
        ledger = self.hub.chain.ledger
        assert isinstance(ledger, WatchedLedger)
        ledger.watcher = self.hub.keeper.moved
        self.monitor = FactMonitor(self.hub.clients)
        FactMonitor.facts = {name: (level, level) for name, level in levels.items()}
        self.module = IntegrityModule(self.monitor, self.hub.chain.core, PREFIX, ledger)
        self.routes = {route.type_url: route for route in self.module.message_routes()}
        self.gov = format_address(ledger.module_address("gov"), PREFIX)
        self.hub.store.set_params(params)
        self.chains: dict[str, TestChain] = {"hub": self.hub.chain, **self.hub.zones}
        self.paths = list(self.hub.paths.values())
        for name, zone in behind.items():
            chain = new_chain(f"{name}-1")
            chain.fund("alice", f"u{name}", 10_000)
            self.chains[name] = chain
            self.paths.append(transfer_path(self.chains[zone], chain))
        self.names = {chain.chain_id: name for name, chain in self.chains.items()}
        self.fates: dict[object, Fate] = {}

    def say(self, name: str, message):
        """Run a message of integrity levels; return its events, or None if it was refused."""
        route = self.routes[SERVICE + name]
        ctx = self.hub.chain.context()
        try:
            with ctx.savepoint():
                route.handle(ctx, route.decode(encode(message)))
        except RuleBroken:
            return None
        events = ctx.events.all()
        self.note(self.hub.chain, events)
        return events

    def end_of(self, chain: TestChain, channel: str) -> tuple[Path, Endpoint]:
        """Return the path and the end that has a channel on a chain."""
        for path in self.paths:
            for end in (path.a, path.b):
                if end.chain is chain and end.channel_id == channel:
                    return path, end
        raise KeyError(channel)

    def key(self, packet: Packet, source: str) -> object:
        """Return what tells a packet from others."""
        return source, packet.source_channel, packet.sequence

    def note(self, chain: TestChain, events) -> None:
        """Keep what a chain sent and answered."""
        name = self.names[chain.chain_id]
        for packet in sent_packets(events):
            path, end = self.end_of(chain, packet.source_channel)
            target = self.names[path.other(end).chain.chain_id]
            self.fates[self.key(packet, name)] = Fate(packet, name, target)
        for packet, answer in written_acknowledgements(events):
            path, end = self.end_of(chain, packet.destination_channel)
            fate = self.fates.get(self.key(packet, self.names[path.other(end).chain.chain_id]))
            if fate is not None:
                fate.answers.append(answer)
                fate.state = "in" if answer.startswith(b'{"result"') else "refused"

    def execute(self, chain: TestChain, message):
        """Run a message; return what it emitted, or None if it was refused."""
        try:
            _, events = chain.execute(message)
        except RuleBroken:
            return None
        self.note(chain, events)
        return events

    def end(self, fate: Fate, *, source: bool) -> tuple[Path, Endpoint]:
        """Return the path of a packet and one of its ends."""
        path, end = self.end_of(self.chains[fate.source], fate.packet.source_channel)
        return path, end if source else path.other(end)

    def voucher(self, zone: str, hub_denom: str, traces: dict[str, str]) -> str:
        """Return a zone's name for a token that came over the hub."""
        trace = traces.get(hub_denom, hub_denom)
        home = f"transfer/{self.hub.channel(zone)}/"
        if trace.startswith(home):
            return str(extract_denom(trace.removeprefix(home)).local_denom())
        there = f"transfer/{self.hub.paths[zone].b.channel_id}/{trace}"
        return str(extract_denom(there).local_denom())

    def text(self, chain: str, user: str) -> str:
        """Return a user's address on a chain."""
        return address(self.chains[chain], user)
