"""The world of the random nets: how it begins, how it is relayed, and what must hold at each step."""

import json
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
from integrity.records import Params
from tests.property.integrity_judge import Asset, Breach, Judge, local, read
from tests.property.integrity_net import Fate, Net
from tests.unit.ibc_worlds import transfer_message

ZONES = ("aye", "bee", "cee", "dee", "eff", "gee", "haw", "jay", "kay", "ell", "emm")
SECOND = 1_000_000_000
LEVEL = st.integers(0, 4)
USERS = ("bob", "carol")
SOURCES = {
    "s1": ("o1", "hub"),
    "s2": ("o1", "hub"),
    "s3": ("o2", "hub"),
    "s4": ("o3", "aye"),
    "s5": ("aye", "hub"),
}
"""Who endorses: for which operator, and by a look at which chain; one is a zone's own."""
PARAMS = Params(
    epoch_blocks=40, hold_blocks=12, packets_per_epoch=9, endorsers=2, bond=1,
    bond_denom="ubond", challenge_blocks=3,
)  # fmt: skip


class World(RuleBasedStateMachine):
    """The chains, and the judge beside them."""

    steps: ClassVar[int] = 0
    """Steps judged so far, over all runs of this process."""

    @initialize(
        levels=st.lists(LEVEL, min_size=2, max_size=len(ZONES)),
        hub=st.sampled_from((4, 4, 4, 3, 2)),
        behind=st.lists(st.integers(0, 1), max_size=2),
    )
    def begin(self, levels: list[int], hub: int, behind: list[int]) -> None:
        leaves = {f"leaf{n}": ZONES[at] for n, at in enumerate(behind)}
        self.zones = ZONES[: max(len(levels), 2)][: 11 - len(leaves)]
        of = {**dict(zip(self.zones, levels, strict=False)), "hub": hub}
        self.net = Net(dict(of), leaves, PARAMS)
        self.hub = self.net.hub.chain
        operators = {zone: zone for zone in self.zones}
        self.judge = Judge(
            of, operators, sources=2, window=PARAMS.challenge_blocks,
            quota=PARAMS.packets_per_epoch, epoch=PARAMS.epoch_blocks,
        )  # fmt: skip
        self.leaves = leaves
        self.traces: dict[str, str] = {"uhub": "uhub"}
        self.lies: set[tuple[str, str]] = set()
        self.secrets: dict[bytes, bool] = {}
        self.paid = 0
        for user in (*USERS, *SOURCES):
            self.hub.fund(user, "ubond", 1_000)
        self.hub.fund("bob", "uhub", 500)
        self.judge.own("uhub", 500)
        for name, (operator, chain) in SOURCES.items():
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

    def low_and_high(self, data) -> tuple[str, str]:
        """Return two zones, the second above the first if there are such."""
        levels, hub = self.judge.levels, self.judge.levels["hub"]
        pairs = [
            (low, high)
            for low in self.zones
            for high in self.zones
            if levels[low] < levels[high] <= hub and low not in self.judge.isolated
        ]
        if pairs and data.draw(st.integers(0, 3)):
            return data.draw(st.sampled_from(pairs))
        return data.draw(st.sampled_from(self.zones)), data.draw(st.sampled_from(self.zones))

    def memo(self, data, target: str = "") -> str:
        """Return a memo: none, one that sends on, one that does more."""
        kinds = ("none", "on", "on", "next", "label", "odd")
        kind = "on" if target else data.draw(st.sampled_from(kinds))
        if kind == "none":
            return ""
        zone = target or self.low_and_high(data)[1]
        receiver = self.net.text(zone, "alice")
        forward = {"receiver": receiver, "port": "transfer", "channel": self.net.hub.channel(zone)}
        if kind == "next":
            onward = {"receiver": receiver, "port": "transfer", "channel": "channel-0"}
            forward["next"] = {"forward": onward}
        if kind == "odd":
            forward["receiver"] = "alice;approve"
        memo = {"forward": forward}
        if kind == "label":
            memo["integrity"] = {"label": 4}
        return json.dumps(memo)

    def up(self, data, zone: str, denom: str, amount: int, *, hurry: bool) -> None:
        """Send from a zone to the hub, and perhaps onward."""
        end = self.net.hub.paths[zone].b
        user = data.draw(st.sampled_from(USERS))
        memo = self.memo(data)
        message = transfer_message(
            end, "alice", self.net.text("hub", user), denom, amount, memo=memo
        )
        if self.net.execute(end.chain, message) is not None:
            self.settle(hurry)

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
        _, events = path.acknowledge(end, fate.packet, answer)
        self.closed(fate, events, refund=not answer.startswith(b'{"result"'))
        return True

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
        packet = fate.packet
        held = any(each.packet == packet for each in self.net.hub.store.held())
        if held:
            fate.state = "held"
        elif fate.state in {"sent", "held"}:
            fate.state = "in"
        if fate.state == "in":
            key, height = self.net.key(packet, fate.source), self.hub.height
            if packet.source_port == "transfer":
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
                self.judge.sent(
                    self.net.key(packet, "hub"), local(values["denom"]), int(values["amount"]),
                    fate.target, home=home, height=self.hub.height,
                )  # fmt: skip

    def say(self, name: str, message) -> bool:
        return self.net.say(name, message) is not None

    def coin(self, denom: str, amount: int):
        return Coin(Denom(denom), amount)

    def tolerate(self, act) -> None:
        """Do what may be refused."""
        try:
            with self.hub.context().savepoint():
                act()
        except RuleBroken:
            pass

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
                    assert entry.held == escrow, f"held of {denom} by {zone}"
                    back = f"transfer/{path.b.channel_id}/{trace}"
                    if (zone, denom) not in self.lies:
                        rising = self.under_way(zone, "hub", back, lost)
                        going = self.under_way("hub", zone, trace, {"sent", "refused"})
                        assert escrow == there.supply(local(back)) + rising + going, (
                            f"{denom} in {zone}"
                        )

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
