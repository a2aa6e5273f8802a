"""Three chains and a relayer that drops, repeats, reorders, delays and forges.

The model is short: what every account started with, which packets were sent, and which were
delivered. At the end an honest relayer does what is left, and every token must be where the
model says that tokens can be.
"""

import json
from dataclasses import dataclass, replace

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from chainkit.primitives.errors import RuleBroken
from ibc.ics04_channel.messages import Outcome
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.state import escrow_address, total_escrow
from ibc.ics24_host import paths as ics24
from ibc.testing.path import sent_packets, written_acknowledgements
from tests.unit.ibc_worlds import SECOND, address, send, three_chains

NATIVE = {"zone-a": "uatom", "zone-b": "ubtc"}
FUNDS = 1_000
KINDS = ("hub", "far", "back", "refused")


@dataclass(frozen=True)
class Flight:
    """A packet and where it goes: two ends of one path may have the same channel id."""

    path: int
    to_a: bool
    packet: Packet


class HostileRelayer(RuleBasedStateMachine):
    packets = Bundle("packets")
    acknowledgements = Bundle("acknowledgements")

    @initialize(target=packets, kinds=st.lists(st.sampled_from(KINDS), min_size=2, max_size=4))
    def begin(self, kinds):
        self.first, self.second = three_chains()
        self.paths = (self.first, self.second)
        self.chains = {
            chain.chain_id: chain
            for chain in (self.first.a.chain, self.first.b.chain, self.second.b.chain)
        }
        self.sent: list[Flight] = []
        self.answers: list[tuple[Flight, bytes]] = []
        self.delivered: set[Flight] = set()
        self.settled: set[Flight] = set()
        flights = [
            self._send(20 + index, start, kind, 10_000, index % 2)
            for index, kind in enumerate(kinds)
            for start in NATIVE
        ]
        return multiple(*(flight for flight in flights if flight is not None))

    def _path(self, flight):
        path = self.paths[flight.path]
        return path, path.a if flight.to_a else path.b

    def _flight(self, chain, channel_id, packet, *, sending):
        for index, path in enumerate(self.paths):
            end = path.end_of(chain, channel_id)
            if end is not None:
                return Flight(index, (end is path.a) is not sending, packet)
        raise AssertionError("no path")

    def _observe(self, chain, events):
        flights = [
            self._flight(chain, packet.source_channel, packet, sending=True)
            for packet in sent_packets(events)
        ]
        self.sent += flights
        self.answers += [
            (self._flight(chain, packet.destination_channel, packet, sending=False), answer)
            for packet, answer in written_acknowledgements(events)
        ]
        return flights

    def _voucher(self, *hops):
        return extract_denom("/".join(hops)).local_denom()

    @rule(
        target=packets,
        amount=st.integers(1, 50),
        start=st.sampled_from(["zone-a", "zone-b"]),
        kind=st.sampled_from(KINDS),
        seconds=st.sampled_from([3, 10_000]),
        retries=st.integers(0, 1),
    )
    def send_some(self, amount, start, kind, seconds, retries):
        flight = self._send(amount, start, kind, seconds, retries)
        return multiple() if flight is None else flight

    def _send(self, amount, start, kind, seconds, retries):
        ours, far = (
            (self.first.a, self.second) if start == "zone-a" else (self.second.b, self.first)
        )
        user = "alice" if start == "zone-a" else "bob"
        hub_end = self.first.b if start == "zone-a" else self.second.a
        onward = far.a if start == "zone-a" else far.b
        target = far.b if start == "zone-a" else far.a
        receiver, memo = address(hub_end.chain, "hubert"), ""
        if kind in {"far", "back", "refused"}:
            channel = hub_end.channel_id if kind == "back" else onward.channel_id
            final = ours.chain if kind == "back" else target.chain
            name = "nobody" if kind == "refused" else address(final, "dora")
            forward = {"receiver": name, "port": "transfer", "channel": channel}
            memo = json.dumps({"forward": {**forward, "timeout": "3s", "retries": retries}})
        try:
            packet = send(
                ours,
                user,
                receiver,
                NATIVE[start],
                amount,
                memo=memo,
                timeout_ns=seconds * SECOND,
            )
        except RuleBroken:
            return None
        flight = self._flight(ours.chain, ours.channel_id, packet, sending=True)
        self.sent.append(flight)
        return flight

    @rule(flight=packets, target=packets)
    def receive(self, flight):
        return self._receive(flight)

    def _receive(self, flight):
        path, end = self._path(flight)
        try:
            outcome, events = path.recv(end, flight.packet)
        except RuleBroken:
            return multiple()
        if outcome is Outcome.SUCCESS:
            assert flight not in self.delivered, "received twice"
            assert flight not in self.settled, "received after it was refunded"
            self.delivered.add(flight)
        return multiple(*self._observe(end.chain, events))

    @rule(data=st.data())
    def acknowledge_any(self, data):
        if self.answers:
            self._acknowledge(*data.draw(st.sampled_from(self.answers)))

    def _acknowledge(self, flight, answer):
        path, end = self._path(flight)
        try:
            outcome, events = path.acknowledge(path.other(end), flight.packet, answer)
        except RuleBroken:
            return
        if outcome is Outcome.SUCCESS:
            assert flight not in self.settled, "settled twice"
            self.settled.add(flight)
        self._observe(path.other(end).chain, events)

    @rule(flight=packets)
    def time_out(self, flight):
        self._time_out(flight)

    def _time_out(self, flight):
        path, end = self._path(flight)
        try:
            outcome, events = path.time_out(path.other(end), flight.packet)
        except RuleBroken:
            return
        if outcome is Outcome.SUCCESS:
            assert flight not in self.delivered, "refunded after it was received"
            assert flight not in self.settled, "settled twice"
            self.settled.add(flight)
        self._observe(path.other(end).chain, events)

    @rule(name=st.sampled_from(["zone-a", "hub-1", "zone-b"]), blocks=st.integers(1, 5))
    def blocks_pass(self, name, blocks):
        self.chains[name].commit(blocks)

    @rule(flight=packets, change=st.sampled_from(["amount", "sequence", "timeout", "proof"]))
    def forge(self, flight, change):
        path, end = self._path(flight)
        packet = flight.packet
        forged = {
            "amount": replace(packet, data=packet.data.replace(b'"amount":"', b'"amount":"9')),
            "sequence": replace(packet, sequence=packet.sequence + 1_000),
            "timeout": replace(packet, timeout_timestamp=packet.timeout_timestamp + 1),
            "proof": packet,
        }[change]
        message = path.recv_message(end, forged)
        if change == "proof":
            message.proof_commitment = message.proof_commitment.replace(b'"', b"'", 1)
        before = end.chain.snapshot()
        try:
            end.chain.execute(message)
        except RuleBroken:
            assert end.chain.snapshot() == before
        else:
            raise AssertionError("a forged packet was accepted")

    @rule(data=st.data())
    def forge_acknowledgement(self, data):
        if not self.answers:
            return
        flight, answer = data.draw(st.sampled_from(self.answers))
        forged = b'{"result":"AQ=="}' if b"error" in answer else b'{"error":"ABCI code: 1: x"}'
        path, end = self._path(flight)
        origin = path.other(end)
        message = path.ack_message(origin, flight.packet, forged)
        before = origin.chain.snapshot()
        try:
            response, _ = origin.chain.execute(message)
        except RuleBroken:
            pass
        else:
            assert response == b"\x08\x01", "a forged acknowledgement was accepted"
        assert origin.chain.snapshot() == before

    @invariant()
    def native_supply_never_changes(self):
        for name, denom in NATIVE.items():
            assert self.chains[name].supply(denom) == FUNDS

    @invariant()
    def vouchers_are_backed(self):
        first, second = self.first, self.second
        a, hub, b = first.a.chain, first.b.chain, second.b.chain
        for denom, chain, near, escrow_end, next_near in (
            ("uatom", a, first.b, first.a, second.b),
            ("ubtc", b, second.a, second.b, first.a),
        ):
            here = self._voucher("transfer", near.channel_id, denom)
            there = self._voucher(
                "transfer", next_near.channel_id, "transfer", near.channel_id, denom
            )
            escrow = escrow_address(escrow_end.port_id, escrow_end.channel_id)
            held = chain.ledger.balance(chain.context(), escrow, denom)
            assert held == total_escrow(chain.context(), denom)
            assert hub.supply(here) <= held
            assert next_near.chain.supply(there) <= total_escrow(hub.context(), here)

    def teardown(self):
        if not hasattr(self, "sent"):
            return
        for _ in range(12):
            for flight in list(self.sent):
                if flight not in self.delivered | self.settled:
                    self._receive(flight)
            for flight, answer in list(self.answers):
                if flight not in self.settled:
                    self._acknowledge(flight, answer)
            for flight in list(self.sent):
                if flight not in self.delivered | self.settled:
                    self._time_out(flight)
            if all(flight in self.settled for flight in self.sent):
                break
        self._assert_all_is_settled()

    def _assert_all_is_settled(self):
        assert all(flight in self.settled for flight in self.sent)
        for path in self.paths:
            for end in (path.a, path.b):
                store = end.chain.overlay.store("ibc")
                prefix = ics24.packet_commitments(end.port_id, end.channel_id)
                assert not [k for k, _ in store.iterate(prefix, prefix + b"\xff")]
        first, second = self.first, self.second
        hub = first.b.chain
        for denom, chain, near, next_near, user in (
            ("uatom", first.a.chain, first.b, second.b, "alice"),
            ("ubtc", second.b.chain, second.a, first.a, "bob"),
        ):
            here = self._voucher("transfer", near.channel_id, denom)
            there = self._voucher(
                "transfer", next_near.channel_id, "transfer", near.channel_id, denom
            )
            far = next_near.chain.balance("dora", there)
            on_hub = hub.balance("hubert", here)
            home = chain.balance(user, denom) + chain.balance("dora", denom)
            assert home + on_hub + far == FUNDS, "a token is lost or made"
            assert hub.supply(here) == on_hub + far == total_escrow(chain.context(), denom)
            assert next_near.chain.supply(there) == far == total_escrow(hub.context(), here)


TestHostileRelayer = HostileRelayer.TestCase
TestHostileRelayer.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
