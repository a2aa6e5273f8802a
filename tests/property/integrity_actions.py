"""The moves of which those of users, foes and governance are made in the random nets."""

import json

from hypothesis import strategies as st

from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from ibc.ics20_transfer.state import escrow_address
from ibc.testing.path import sent_packets
from integrity.axes import HIGHEST, Level
from integrity.levels import start
from tests.property.integrity_net import FactMonitor, Fate
from tests.property.integrity_world import World
from tests.unit.ibc_worlds import transfer_message


class Actions(World):
    """What everybody can do; each is judged where it has an effect."""

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

    def falling(self, data) -> tuple[str, str] | None:
        """Return two zones, the second at the first's level or below, above 0; None without any."""
        levels = self.judge.levels
        pairs = [
            (source, target)
            for source in self.free()
            for target in self.free()
            if source != target and levels[source] >= levels[target] > 0
            and levels["hub"] >= levels[target]
        ]  # fmt: skip
        return data.draw(st.sampled_from(pairs)) if pairs else None

    def free(self) -> list[str]:
        """Return the bound zones that are not cut off, whose client lives."""
        return [
            zone
            for zone in self.bound
            if zone not in self.judge.isolated and zone not in self.proved
        ]

    def memo(self, data, target: str = "") -> str:
        """Return a memo: none, one that sends on, one that does more."""
        kinds = ("none", "on", "on", "next", "label", "odd")
        kind = "on" if target else data.draw(st.sampled_from(kinds))
        return "" if kind == "none" else self.onward(target or self.low_and_high(data)[1], kind)

    def onward(self, zone: str, kind: str = "on") -> str:
        """Return a memo that sends on to a zone, and perhaps does more."""
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

    def up(
        self, zone: str, denom: str, amount: int, memo: str = "", *, to: str = "", hurry=True
    ) -> Fate | None:
        """Send from a zone to the hub, and perhaps onward; return the packet's fate."""
        end = self.net.hub.paths[zone].b
        receiver = to or self.net.text("hub", "bob")
        message = transfer_message(end, "alice", receiver, denom, amount, memo=memo)
        return self.sent_from(zone, self.net.execute(end.chain, message), hurry=hurry)

    def down(
        self, user: str, zone: str, denom: str, amount: int, *, to: str = "", hurry=True
    ) -> Fate | None:
        """Send from a user of the hub to a zone; return the packet's fate, None if refused."""
        end = self.net.hub.paths[zone].a
        receiver = to or self.net.text(zone, "alice")
        message = transfer_message(end, user, receiver, denom, amount)
        events = self.net.execute(self.hub, message)
        self.hub_did(events)
        return self.sent_from("hub", events, hurry=hurry)

    def sent_from(self, chain: str, events, *, hurry: bool) -> Fate | None:
        packets = sent_packets(events or ())
        if not packets:
            return None
        fate = self.net.fates[self.net.key(packets[0], chain)]
        self.settle(hurry)
        return fate

    def give(self, giver: str, taker: str, denom: str, amount: int) -> None:
        """Move coins between users of the hub, if the hub lets them."""
        ctx, ledger = self.hub.context(), self.hub.ledger
        units = self.hub.supply(denom) - sum(
            self.escrow(self.hub, self.net.hub.channel(zone), denom) for zone in self.zones
        )
        moved = self.tolerate(
            lambda: ledger.send(
                ctx, self.hub.account(giver), self.hub.account(taker), self.coin(denom, amount)
            )
        )
        frozen = any(found.get(denom, 0) >= units > 0 for found in self.judge.frozen.values())
        self.expect(not (moved and frozen), f"{denom} moved in its quarantine")

    def gift(self, zone: str, amount: int) -> None:
        """Let Bob move coins of the hub's own into a channel's escrow."""
        ctx, ledger = self.hub.context(), self.hub.ledger
        escrow = escrow_address("transfer", self.net.hub.channel(zone))
        bob = self.hub.account("bob")
        if self.tolerate(lambda: ledger.send(ctx, bob, escrow, self.coin("uhub", amount))):
            self.gifts[zone] += amount

    def policy(self, zone: str, mode: int, *, strict: bool = False) -> None:
        """Let governance choose how a channel treats what comes from below."""
        message = tx_pb2.MsgSetChannelPolicy(
            authority=self.net.gov,
            channel=self.net.hub.channel(zone),
            mode=mode,
            strict_equal=strict,
        )
        self.expect(self.say("SetChannelPolicy", message), "governance chooses a mode")
        (self.judge.demoting.add if mode else self.judge.demoting.discard)(zone)
        (self.judge.strictly.add if strict else self.judge.strictly.discard)(zone)

    def cap(self, zone: str, level: int) -> None:
        """Let a chain's operator cap it."""
        message = tx_pb2.MsgSetCap(operator=self.operators[zone], chain=zone, cap=level)
        self.expect(self.say("SetCap", message), "an operator may cap its chain")
        self.judge.register.caps[zone] = level
        self.judge.register.measure(zone, self.hub.height)

    def describe(self, name: str, level: int) -> None:
        """Describe a chain anew: it starts at a level."""
        self.net.hub.change(name, level=start(Level(level), HIGHEST), fraud_at=0)
        self.judge.register.describe(name, level)
        FactMonitor.facts[name] = (level, level)
