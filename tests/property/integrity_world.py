"""The world of the random nets: how it begins, how it is relayed, and what must hold at each step."""

import json
import os
import sys
from collections import Counter
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Denom
from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from htlc.onchain.locks.application import VERSION as HTLC_VERSION
from ibc.ics04_channel.messages import Outcome
from ibc.ics20_transfer.state import escrow_address
from ibc.testing.path import Endpoint, Path, sent_packets, written_acknowledgements
from integrity import lots
from integrity.levels import LevelParams
from integrity.limits import MAX_LOTS
from integrity.records import Params
from tests.property.integrity_judge import Asset, Breach, Judge, local, read
from tests.property.integrity_net import FactMonitor, Fate, Net
from tests.property.integrity_register import Register, Terms

ZONES = ("aye", "bee", "cee", "dee", "eff", "gee", "haw", "jay", "kay", "ell", "emm")
SECOND = 1_000_000_000
PROGRESS = bool(os.environ.get("INTEGRITY_PROGRESS"))
MARKS = ("secret", "c2VjcmV0")
"""What a hostile zone would tell by its answers, and the same in base64."""
LEVEL = st.integers(0, 4)
USERS = ("bob", "carol")
SOURCES = {
    "s1": ("o1", "hub"),
    "s2": ("o1", "hub"),
    "s3": ("o2", "hub"),
    "s4": ("o3", "aye"),
    "s5": ("", "hub"),
    "alice": ("o4", "hub"),
}
"""Who endorses: for which operator, and by a look at which chain; one is the operator of ``aye``
itself, and one has the account that sends every packet.
"""
TERMS = Terms(
    epoch=15, rise=1, delay=2, hold=10, quota=6, flood=2, stale=3, fraud=2, sources=2, window=3
)
PARAMS = Params(
    epoch_blocks=TERMS.epoch, levels=LevelParams(TERMS.rise, TERMS.delay),
    hold_blocks=TERMS.hold, packets_per_epoch=TERMS.quota, stale_epochs=TERMS.stale,
    fraud_epochs=TERMS.fraud, endorsers=TERMS.sources, bond=1, bond_denom="ubond",
    challenge_blocks=TERMS.window, appeal_blocks=TERMS.epoch, flood_epochs=TERMS.flood,
)  # fmt: skip
FEW_LOTS = 3
"""So that lots become one often; the product's own bound is higher."""


class World(RuleBasedStateMachine):
    """The chains, and the judge beside them."""

    steps: ClassVar[int] = 0
    """Steps judged so far, over all runs of this process."""

    @initialize(
        levels=st.lists(LEVEL, min_size=2, max_size=len(ZONES)),
        hub=st.sampled_from((4, 4, 4, 3, 2)),
        behind=st.lists(st.integers(0, 1), max_size=2),
        stranger=st.booleans(),
    )
    def begin(self, levels: list[int], hub: int, behind: list[int], stranger: bool) -> None:
        leaves = {f"leaf{n}": ZONES[at] for n, at in enumerate(behind)}
        self.zones = ZONES[: max(len(levels), 2)][: 11 - len(leaves)]
        of = {**dict(zip(self.zones, levels, strict=False)), "hub": hub}
        self.net = Net(dict(of), leaves, PARAMS)
        self.hub = self.net.hub.chain
        self.bound = self.zones[:-1] if stranger and len(self.zones) > 2 else self.zones
        self.leaves = leaves
        self.traces: dict[str, str] = {"uhub": "uhub"}
        self.lies: set[tuple[str, str]] = set()
        self.gifts: Counter[str] = Counter()
        self.secrets: dict[bytes, bool] = {}
        self.halted: set[str] = set()
        self.proved: set[str] = set()
        lots.MAX_LOTS = FEW_LOTS
        self.name_chains()
        self.judge = Judge(Register(of, set(self.bound), TERMS), self.operators, TERMS)
        for user in (*USERS, *SOURCES):
            self.hub.fund(user, "ubond", 1_000)
        self.hub.fund("bob", "uhub", 5_000)
        self.judge.own("uhub", 5_000)
        for name in SOURCES:
            operator, chain = self.source(name)
            account = self.net.text("hub", name)
            self.net.say(
                "AddSource",
                tx_pb2.MsgAddSource(
                    authority=self.net.gov,
                    name=name,
                    operator=operator,
                    account=account,
                    chain=chain,
                ),
            )
        self.plain = {
            zone: self.open(zone, "datagram", "isthmus-datagram-1") for zone in self.zones[:2]
        }
        self.locks = {zone: self.open(zone, "htlc", HTLC_VERSION) for zone in self.zones[:2]}
        ends = self.net.hub.paths["aye"]
        self.spare = Path(*(Endpoint(end.chain, "transfer", "ics20-1") for end in (ends.a, ends.b)))
        self.spare.create_clients()
        FactMonitor.facts["paper"] = (0, 0)
        self.net.hub.describe("paper", 0)
        self.hub.before, self.hub.after = self.before_block, self.after_block
        self.after_block()

    def name_chains(self) -> None:
        """Give each chain the account that operates it; nobody told the hub of a stranger."""
        self.operators = dict.fromkeys(self.zones, "")
        for zone in self.zones:
            if zone in self.bound:
                self.operators[zone] = self.net.text("hub", f"operator of {zone}")
                self.net.hub.change(zone, operator=self.operators[zone])
            else:
                client = self.net.hub.paths[zone].a.client_id
                self.net.hub.store.kv.delete(b"client/" + client.encode())
                self.net.hub.store.kv.delete(b"chain/" + zone.encode())
        self.net.hub.change("hub", operator="us")

    def source(self, name: str) -> tuple[str, str]:
        """Return a source's operator and the chain that it looks at."""
        operator, chain = SOURCES[name]
        return operator or self.operators["aye"], chain

    def teardown(self) -> None:
        lots.MAX_LOTS = MAX_LOTS

    # --- the hub's blocks ---------------------------------------------------------------

    def before_block(self) -> None:
        """Before an epoch ends, honest relayers bring each zone's header, unless it halted."""
        if (self.hub.height + 1) % TERMS.epoch == 0:
            for zone in self.zones:
                if zone not in self.halted:
                    self.freshen(zone)

    def freshen(self, zone: str) -> None:
        """Bring a zone's newest header to the hub."""
        path = self.net.hub.paths[zone]
        try:
            path.update(path.a)
        except RuleBroken:
            self.expect(zone in self.proved, "a header was refused")

    def after_block(self) -> None:
        """Begin a block of the hub, and judge what it did by itself."""
        ctx, clients = self.hub.context(), self.net.hub.clients
        self.net.module.begin_block(ctx)
        seen = {
            zone: str(clients.latest_height(ctx, self.net.hub.paths[zone].a.client_id))
            for zone in self.bound
        }
        frozen = self.judge.register.block(self.hub.height, seen, self.proved)
        for zone, since in frozen.items():
            self.judge.freeze(zone, since)
        events = ctx.events.all()
        self.net.note(self.hub, events)
        self.hub_did(events)

    def open(self, zone: str, port: str, version: str) -> Path:
        """Open one more channel to a zone."""
        ends = self.net.hub.paths[zone]
        a, b = (
            Endpoint(end.chain, port, version, end.client_id, end.connection_id)
            for end in (ends.a, ends.b)
        )
        path = Path(a, b)
        path.open_channel()
        self.net.paths.append(path)
        return path

    # --- how it is done -----------------------------------------------------------------

    def settle(self, hurry: bool = True) -> None:
        """Relay until nothing moves."""
        for _ in range(40 if hurry else 0):
            moved = [fate for fate in list(self.net.fates.values()) if self.step(fate)]
            if not moved:
                return

    def some_fate(self, data) -> Fate | None:
        fates = list(self.net.fates.values())
        return data.draw(st.sampled_from(fates)) if fates else None

    def step(self, fate: Fate | None) -> bool:
        """Do for a packet what an honest relayer would; return whether anything came of it."""
        if fate is None or self.net.key(fate.packet, fate.source) not in self.net.fates:
            return False
        if fate.state == "sent":
            return self.deliver(fate) or self.time_out(fate)
        if fate.answers:
            return self.answer(fate)
        return False

    def deliver(self, fate: Fate) -> bool:
        path, end = self.net.end(fate, source=False)
        try:
            _, events = path.recv(end, fate.packet)
        except RuleBroken:
            return False
        self.net.note(end.chain, events)
        if end.chain is self.hub:
            self.hub_took(fate, events)
        elif fate.state == "sent":
            fate.state = "in"
        return True

    def time_out(self, fate: Fate) -> bool:
        path, end = self.net.end(fate, source=True)
        try:
            _, events = path.time_out(end, fate.packet)
        except RuleBroken:
            return False
        self.closed(fate, events, refund=True)
        return True

    def answer(self, fate: Fate) -> bool:
        path, end = self.net.end(fate, source=True)
        answer = fate.answers[0]
        try:
            _, events = path.acknowledge(end, fate.packet, answer)
        except RuleBroken:
            self.expect(fate.source in self.proved or fate.target in self.proved, "no answer")
            return False
        if fate.source == "hub":
            self.told(fate.target, events)
        self.closed(fate, events, refund=not answer.startswith(b'{"result"'))
        return True

    def told(self, zone: str, events) -> None:
        """Judge what an answer of a zone told the hub's applications."""
        if self.judge.levels[zone] < self.judge.levels["hub"]:
            texts = [value for event in events for _, value in event.attributes]
            self.expect(
                not any(mark in text for mark in MARKS for text in texts),
                "an answer told more than a bit",
            )

    def closed(self, fate: Fate, events, *, refund: bool) -> None:
        """Forget a packet that has an end."""
        key = self.net.key(fate.packet, fate.source)
        del self.net.fates[key]
        if fate.source == "hub":
            if refund and fate.packet.source_port == "transfer":
                values = json.loads(fate.packet.data)
                denom, amount = local(values["denom"]), int(values["amount"])
                self.judge.refunded(key, denom, fate.target, amount)
            self.net.note(self.hub, events)
            self.hub_did(events)
        else:
            self.net.note(self.net.chains[fate.source], events)

    def hub_took(self, fate: Fate, events) -> None:
        """Judge what the hub made of a packet."""
        packet, height = fate.packet, self.hub.height
        is_asset = packet.source_port == "transfer"
        asset = read(packet, dict(self.traces)) if is_asset else None
        if asset is not None and self.judge.inflates(fate.source, asset):
            self.judge.convict(fate.source, height)
        if any(each.packet == packet for each in self.net.hub.store.held()):
            self.keeps(fate, asset)
        elif fate.state in {"sent", "held"}:
            fate.state = "in"
        if fate.state == "refused":
            self.stopped(fate, asset, events)
        if fate.state == "in":
            key = self.net.key(packet, fate.source)
            if is_asset:
                asset = read(packet, self.traces)
                target = self.zone_of(asset)
                self.judge.accept_asset(key, fate.source, packet, asset, target, height)
            elif packet.source_port == "htlc" and self.secrets.pop(sha256(packet.data), False):
                self.judge.accept(fate.source, height, 0, label=0, what="a preimage")
            else:
                label = self.judge.label(fate.source, packet.source_port)
                wanted = self.judge.levels["hub"]
                self.judge.accept(fate.source, height, wanted, label=label, what="plain data")
        self.hub_did(events)

    def keeps(self, fate: Fate, asset: Asset | None) -> None:
        """Judge that the hub keeps a packet back."""
        if fate.state != "held":
            fate.held_at = self.hub.height
        fate.state = "held"
        wanted = self.judge.levels["hub"]
        if asset is not None:
            target = self.zone_of(asset)
            wanted = self.judge.levels[target] if target else 0
        self.judge.hold(fate.source, self.hub.height, wanted)

    def stopped(self, fate: Fate, asset: Asset | None, events) -> None:
        """Judge that what no application may see was refused before any did."""
        if asset is not None:
            target = self.zone_of(asset)
            above = target and self.judge.levels[target] > self.judge.levels["hub"]
            barred = self.judge.inflates(fate.source, asset)
            barred |= bool(target) and not asset.goes_home and (above or self.equal(fate, target))
        else:
            opens = self.secrets.get(sha256(fate.packet.data), False)
            label = self.judge.label(fate.source, fate.packet.source_port)
            barred = not opens and label < self.judge.levels["hub"]
        by = [value for event in events for name, value in event.attributes if name == "refused_by"]
        ruled = all(each.startswith("integrity/") for each in by)
        seen = any(event.type.startswith("ibccallbackerror-") for event in events)
        self.expect(not barred or (ruled and not seen), "an application saw what a rule bars")

    def equal(self, fate: Fate, target: str) -> bool:
        """Return whether a channel wants more than a packet is, whoever spoke for it."""
        packet, wanted = fate.packet, self.judge.levels[target]
        about = (fate.source, packet.destination_port, packet.destination_channel, packet.data)
        higher = any(level > wanted for datum, level in self.judge.said if datum == about)
        return (
            target in self.judge.strictly and self.judge.label(fate.source) <= wanted and not higher
        )

    def zone_of(self, asset: Asset) -> str:
        """Return the zone that an asset goes on to; empty if it ends on the hub."""
        channels = {self.net.hub.channel(zone): zone for zone in self.zones}
        return channels.get(asset.onward, "")

    def hub_did(self, events) -> None:
        """Judge what the hub sent and took back."""
        for packet, answer in written_acknowledgements(events or ()):
            _, end = self.net.end_of(self.hub, packet.destination_channel)
            name = self.net.names[
                self.net.end_of(self.hub, packet.destination_channel)[0].other(end).chain.chain_id
            ]
            if not answer.startswith(b'{"result"'):
                self.judge.taken_back(self.net.key(packet, name))
        for packet in sent_packets(events or ()):
            if packet.source_port == "transfer":
                values = json.loads(packet.data)
                home = values["denom"].startswith(f"transfer/{packet.source_channel}/")
                fate = self.net.fates[self.net.key(packet, "hub")]
                if not home:
                    escrow = self.hub.text(escrow_address("transfer", packet.source_channel))
                    self.judge.escrows[escrow] = fate.target
                self.judge.sent(
                    self.net.key(packet, "hub"), local(values["denom"]), int(values["amount"]),
                    fate.target, home=home, height=self.hub.height,
                )  # fmt: skip

    def say(self, name: str, message) -> bool:
        return self.net.say(name, message) is not None

    def coin(self, denom: str, amount: int):
        return Coin(Denom(denom), amount)

    def tolerate(self, act) -> bool:
        """Do what may be refused; return whether it was done."""
        try:
            with self.hub.context().savepoint():
                act()
        except RuleBroken:
            return False
        return True

    def must_refuse(self, act, what: str) -> None:
        """Fail unless a forgery is refused or changes nothing."""
        try:
            outcome, _ = act()
        except RuleBroken:
            return
        self.expect(outcome is Outcome.NOOP, f"{what} was taken")

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            raise Breach(what)

    # --- supply -------------------------------------------------------------------------

    def under_way(self, source: str, target: str, denom: str, states: set[str]) -> int:
        """Return what packets between two chains carry of a denomination of their sender's."""
        total = 0
        for fate in self.net.fates.values():
            if (fate.source, fate.target) == (
                source,
                target,
            ) and fate.packet.source_port == "transfer":
                values = json.loads(fate.packet.data)
                if fate.state in states and values["denom"] == denom:
                    total += int(values["amount"])
        return total

    @invariant()
    def supply_is_conserved(self) -> None:
        """What came is locked where it came from; what went lies in an escrow; nothing else is."""
        World.steps += 1
        if PROGRESS and World.steps % 500 == 0:
            print(f"{World.steps} steps", file=sys.__stderr__, flush=True)
        lost = {"sent", "held", "refused"}
        for denom, trace in self.traces.items():
            supply = self.hub.supply(denom)
            for zone in self.zones:
                path = self.net.hub.paths[zone]
                entry = self.net.hub.store.zone(path.a.channel_id, denom)
                there = self.net.chains[zone]
                prefix = f"transfer/{path.a.channel_id}/"
                if trace.startswith(prefix):
                    inner = trace.removeprefix(prefix)
                    escrow = self.escrow(there, path.b.channel_id, local(inner))
                    rising = self.under_way(zone, "hub", inner, lost)
                    going = self.under_way("hub", zone, trace, {"sent", "refused"})
                    assert entry.custody == supply, f"custody of {denom}"
                    assert escrow == supply + rising + going, f"{denom} of {zone}"
                else:
                    escrow = self.escrow(self.hub, path.a.channel_id, denom)
                    gift = self.gifts[zone] if denom == "uhub" else 0
                    escrow -= gift
                    assert entry.held == escrow, f"held of {denom} by {zone}"
                    assert entry.held == self.judge.holds(denom, zone), f"{denom} of {zone}"
                    back = f"transfer/{path.b.channel_id}/{trace}"
                    if (zone, denom) not in self.lies:
                        rising = self.under_way(zone, "hub", back, lost)
                        going = self.under_way("hub", zone, trace, {"sent", "refused"})
                        assert escrow == there.supply(local(back)) + rising + going, (
                            f"{denom} in {zone}"
                        )

    @invariant()
    def levels_and_isolation_are_as_judged(self) -> None:
        """What the hub knows of each chain is what the facts come to."""
        for name in (*self.bound, "hub"):
            chain = self.net.hub.store.chain(name)
            assert chain.level.level == self.judge.levels[name], f"the level of {name}"
            assert bool(chain.isolated) == (name in self.judge.isolated), f"{name} is cut off"

    @invariant()
    def nothing_waits_too_long(self) -> None:
        for fate in self.net.fates.values():
            waits = fate.state == "held" and self.hub.height >= fate.held_at + TERMS.hold
            assert not waits, "a packet waits beyond its time"

    @invariant()
    def what_is_in_quarantine_stays(self) -> None:
        for frozen in self.judge.frozen.values():
            for denom, least in frozen.items():
                away = sum(
                    self.escrow(self.hub, self.net.hub.channel(zone), denom) for zone in self.zones
                )
                assert self.hub.supply(denom) - away >= least, f"{denom} left its quarantine"

    def escrow(self, chain, channel: str, denom: str) -> int:
        address = escrow_address("transfer", channel)
        return chain.ledger.balance(chain.context(), address, denom)
