"""Random zones of random levels: nothing low gets into anything higher, and supply is conserved.

The judge knows nothing of labels: it looks at the balances of each zone. A token of a zone of a
lower level in a zone of a higher one is a breach, wherever it came through.
"""

import json
import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chainkit.primitives.errors import RuleBroken
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.state import escrow_address
from ibc.testing.path import sent_packets, written_acknowledgements
from tests.unit.ibc_worlds import address, send
from tests.unit.integrity_worlds import Hub

EXAMPLES = int(os.environ.get("INTEGRITY_EXAMPLES", "6"))
STEPS = 30
NAMES = ("aye", "bee", "cee", "dee")
FUNDED = 10_000
AMOUNT = st.integers(1, 40)


class Flows(RuleBasedStateMachine):
    """Users send wherever they like; a relayer relays what it likes."""

    @initialize(levels=st.lists(st.integers(0, 4), min_size=3, max_size=len(NAMES)))
    def begin(self, levels: list[int]) -> None:
        self.levels = dict(zip(NAMES, levels, strict=False))
        self.hub = Hub(**self.levels)
        self.names = list(self.levels)
        self.moves = 0

    def voucher_at(self, origin: str, zone: str) -> str:
        """Return the name that a zone has for another's token that came over the hub."""
        path = self.hub.paths[zone]
        return str(
            extract_denom(
                f"transfer/{path.b.channel_id}/transfer/{self.hub.channel(origin)}/u{origin}"
            ).local_denom()
        )

    def holdings(self, zone: str) -> dict[str, int]:
        """Return what a zone's users hold, by the zone that it is a token of."""
        chain = self.hub.zones[zone]
        return {
            origin: chain.supply(self.voucher_at(origin, zone))
            for origin in self.names
            if origin != zone
        }

    @rule(data=st.data(), amount=AMOUNT, onward=st.booleans())
    def a_zone_sends_its_own(self, data: st.DataObject, amount: int, onward: bool) -> None:
        zone = data.draw(st.sampled_from(self.names))
        memo = self.memo(data.draw(st.sampled_from(self.names))) if onward else ""
        self.up(zone, f"u{zone}", amount, memo)

    @rule(data=st.data(), amount=AMOUNT, onward=st.booleans())
    def a_zone_sends_what_came_from_others(
        self, data: st.DataObject, amount: int, onward: bool
    ) -> None:
        held = [
            (zone, origin)
            for zone in self.names
            for origin, supply in self.holdings(zone).items()
            if supply
        ]
        if not held:
            return
        zone, origin = data.draw(st.sampled_from(held))
        memo = self.memo(data.draw(st.sampled_from(self.names))) if onward else ""
        amount = min(amount, self.hub.zones[zone].balance("alice", self.voucher_at(origin, zone)))
        if amount:
            self.up(zone, self.voucher_at(origin, zone), amount, memo)

    @rule(data=st.data(), amount=AMOUNT)
    def a_user_of_the_hub_sends(self, data: st.DataObject, amount: int) -> None:
        origin = data.draw(st.sampled_from(self.names))
        zone = data.draw(st.sampled_from(self.names))
        voucher = self.hub.voucher(origin, f"u{origin}")
        if self.hub.chain.balance("bob", voucher) < amount:
            return
        path = self.hub.paths[zone]
        try:
            packet = send(path.a, "bob", address(path.b.chain, "alice"), voucher, amount)
        except RuleBroken:
            return
        self.down(zone, packet)

    def memo(self, zone: str) -> str:
        """Return the memo that sends a token on to a zone's user."""
        receiver = address(self.hub.zones[zone], "alice")
        to = {"receiver": receiver, "port": "transfer", "channel": self.hub.channel(zone)}
        return json.dumps({"forward": to})

    def up(self, zone: str, denom: str, amount: int, memo: str) -> None:
        """Send from a zone and relay all that follows."""
        path = self.hub.paths[zone]
        if path.b.chain.balance("alice", denom) < amount:
            return
        above = [name for name in self.names if self.levels[name] > self.levels[zone]]
        before = {name: self.holdings(name) for name in above}
        packet = send(path.b, "alice", address(self.hub.chain, "bob"), denom, amount, memo=memo)
        _, events = path.recv(path.a, packet)
        self.settle(zone, packet, events)
        assert {name: self.holdings(name) for name in above} == before, "a low zone's word rose"

    def settle(self, zone: str, packet, events) -> None:
        """Relay what a block of the hub sent, and answer the zone's packet."""
        for onward in sent_packets(events):
            there = next(
                name for name in self.names if self.hub.channel(name) == onward.source_channel
            )
            events = self.down(there, onward)
        for answered, answer in written_acknowledgements(events):
            if answered == packet:
                path = self.hub.paths[zone]
                path.acknowledge(path.b, packet, answer)

    def down(self, zone: str, packet):
        """Deliver a packet of the hub to a zone and its answer to the hub."""
        path = self.hub.paths[zone]
        _, events = path.recv(path.b, packet)
        ((_, answer),) = written_acknowledgements(events)
        self.moves += 1
        return path.acknowledge(path.a, packet, answer)[1]

    @invariant()
    def nothing_low_is_in_anything_higher(self) -> None:
        for zone in self.names:
            for origin, supply in self.holdings(zone).items():
                assert not supply or self.levels[origin] >= self.levels[zone]

    @invariant()
    def supply_is_conserved(self) -> None:
        for origin in self.names:
            voucher = self.hub.voucher(origin, f"u{origin}")
            there = self.hub.zones[origin]
            escrow = there.ledger.balance(
                there.context(),
                escrow_address("transfer", self.hub.paths[origin].b.channel_id),
                f"u{origin}",
            )
            custody = self.hub.store.zone(self.hub.channel(origin), voucher).custody
            elsewhere = {zone: self.holdings(zone)[origin] for zone in self.names if zone != origin}
            held = {
                zone: self.hub.store.zone(self.hub.channel(zone), voucher).held
                for zone in elsewhere
            }
            assert escrow == custody == self.hub.chain.supply(voucher)
            assert held == elsewhere
            assert there.balance("alice", f"u{origin}") == FUNDED - escrow


TestFlows = Flows.TestCase
TestFlows.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
