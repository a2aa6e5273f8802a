"""Random nets of 3 to 12 chains: nothing low gets into anything higher, supply is conserved.

Chains of random levels send, forward, swap, return, lie and cheat; levels change, sources
endorse, a relayer reorders, withholds, repeats and forges. ``integrity_judge`` decides, and
knows nothing of labels or lots.

``INTEGRITY_EXAMPLES``, ``INTEGRITY_STEPS`` and ``INTEGRITY_LEAST_STEPS`` make it longer (``make integrity-long``).
"""

import json
import os
from dataclasses import replace
from functools import partial

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from chainkit.primitives.hashing import sha256
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.isthmus.datagram.v1 import datagram_pb2
from chainkit.wire.proto.isthmus.htlc.v1 import htlc_pb2
from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from ibc.testing.path import sent_packets
from integrity.axes import Level
from integrity.endorsements import packet_datum
from integrity.monitor import FROZEN, Monitor
from tests.property.integrity_judge import Word, local
from tests.property.integrity_world import LEVEL, PARAMS, SECOND, SOURCES, USERS, World
from tests.unit.ibc_worlds import transfer_message

EXAMPLES = int(os.environ.get("INTEGRITY_EXAMPLES", "6"))
STEPS = int(os.environ.get("INTEGRITY_STEPS", "20"))
WORDS = (("s1", "s2"), ("s1", "s5"), ("s3", "s4"), ("s1", "s3"), ("s1",), ("s4", "s2", "s3"), ())
"""Who speaks for a datum: too few, of one operator, the origin's own, or enough."""
LEAST_STEPS = int(os.environ.get("INTEGRITY_LEAST_STEPS", "30"))
AMOUNT = st.integers(1, 40)


class Flows(World):
    """Users, chains, sources and relayers do what they like."""

    # --- users --------------------------------------------------------------------------

    @rule(data=st.data(), amount=AMOUNT, hurry=st.booleans())
    def a_zone_sends_its_own(self, data, amount: int, hurry: bool) -> None:
        zone, _ = self.low_and_high(data)
        self.up(data, zone, f"u{zone}", amount, hurry=hurry)

    @rule(data=st.data(), amount=AMOUNT, hurry=st.booleans())
    def a_zone_sends_what_came_from_others(self, data, amount: int, hurry: bool) -> None:
        zone = data.draw(st.sampled_from(self.zones))
        chain = self.net.chains[zone]
        held = [
            name
            for denom in self.traces
            if chain.balance("alice", name := self.net.voucher(zone, denom, self.traces))
        ]
        if held:
            denom = data.draw(st.sampled_from(held))
            self.up(data, zone, denom, min(amount, chain.balance("alice", denom)), hurry=hurry)

    @rule(data=st.data(), amount=st.integers(20, 300))
    def a_zone_makes_vouchers_of_others(self, data, amount: int) -> None:
        """It inflates: its users hold more than the hub sent there."""
        zone = data.draw(st.sampled_from(self.zones))
        denom = data.draw(st.sampled_from(sorted(self.traces)))
        name = self.net.voucher(zone, denom, self.traces)
        if name.startswith("ibc/") and local(self.traces[denom]) == denom:
            self.net.chains[zone].fund("alice", name, amount)
            self.lies.add((zone, denom))
            self.up(data, zone, name, amount, hurry=True)

    @rule(data=st.data(), amount=AMOUNT)
    def a_chain_behind_a_zone_sends_on(self, data, amount: int) -> None:
        if self.leaves:
            leaf = data.draw(st.sampled_from(sorted(self.leaves)))
            zone = self.leaves[leaf]
            path = next(
                p for p in self.net.paths if self.net.chains[leaf] in (p.a.chain, p.b.chain)
            )
            onward = {
                "receiver": self.net.text("hub", "bob"),
                "port": "transfer",
                "channel": self.net.hub.paths[zone].b.channel_id,
                "next": json.loads(self.memo(data) or "{}"),
            }
            if not onward["next"]:
                del onward["next"]
            message = transfer_message(
                path.b, "alice", self.net.text(zone, "alice"), f"u{leaf}", amount,
                memo=json.dumps({"forward": onward}),
            )  # fmt: skip
            self.net.execute(path.b.chain, message)
            self.settle()

    @rule(data=st.data(), amount=AMOUNT, hurry=st.booleans())
    def a_user_of_the_hub_sends(self, data, amount: int, hurry: bool) -> None:
        user = data.draw(st.sampled_from(USERS))
        held = [denom for denom in sorted(self.traces) if self.hub.balance(user, denom)]
        if held:
            denom, zone = data.draw(st.sampled_from(held)), self.low_and_high(data)[1]
            end = self.net.hub.paths[zone].a
            amount = min(amount, self.hub.balance(user, denom))
            receiver = self.net.text(zone, "alice")
            timeout = data.draw(st.sampled_from((5, 10_000))) * SECOND
            message = transfer_message(end, user, receiver, denom, amount, timeout_ns=timeout)
            self.hub_did(self.net.execute(self.hub, message))
            self.settle(hurry)

    @rule(data=st.data(), first=AMOUNT, second=AMOUNT)
    def users_of_the_hub_swap(self, data, first: int, second: int) -> None:
        """Each gives the other what it holds: labels follow the assets."""
        bob, carol = (self.hub.account(user) for user in USERS)
        for giver, taker, amount in ((bob, carol, first), (carol, bob, second)):
            denom = data.draw(st.sampled_from(sorted(self.traces)))
            ctx = self.hub.context()
            held = self.hub.ledger.balance(ctx, giver, denom)
            if held:
                coin = self.coin(denom, min(amount, held))
                self.tolerate(partial(self.hub.ledger.send, ctx, giver, taker, coin))

    @rule(data=st.data(), upward=st.booleans())
    def data_are_sent(self, data, upward: bool) -> None:
        """Plain data: an oracle's value, a proposal, a name."""
        zone = data.draw(st.sampled_from(self.zones[:2]))
        path = self.plain[zone]
        end = path.b if upward else path.a
        message = datagram_pb2.MsgSendDatagram(
            sender=end.chain.text(end.chain.account("alice")),
            source_channel=end.channel_id,
            data=b"1 ether is 3000",
            timeout_timestamp=end.chain.time + 10_000 * SECOND,
        )
        events = self.net.execute(end.chain, message)
        if not upward and events is not None:
            self.expect(
                self.judge.levels[zone] <= self.judge.levels["hub"], "data went above the hub"
            )
            self.expect(zone not in self.judge.isolated, "data went to a chain that is cut off")
        self.settle()

    @rule(data=st.data(), right=st.booleans())
    def a_preimage_is_brought(self, data, right: bool) -> None:
        """Of a lock of Bob's for Carol, or 32 bytes that open nothing."""
        zone = data.draw(st.sampled_from(self.zones[:2]))
        path = self.locks[zone]
        secret = data.draw(st.binary(min_size=32, max_size=32))
        if right and sha256(secret) not in self.secrets:
            message = htlc_pb2.MsgLock(
                sender=self.net.text("hub", "bob"),
                receiver=self.net.text("hub", "carol"),
                amount=coin_pb2.Coin(denom="ubond", amount="1"),
                hash=sha256(secret),
                expires_at=self.hub.time // SECOND + 100_000,
            )
            if self.net.execute(self.hub, message) is not None:
                self.secrets[sha256(secret)] = True
        before = self.hub.balance("carol", "ubond")
        zone_chain = path.b.chain
        events = self.net.execute(
            zone_chain,
            htlc_pb2.MsgSendPreimage(
                sender=zone_chain.text(zone_chain.account("alice")),
                source_channel=path.b.channel_id,
                preimage=secret,
                timeout_timestamp=zone_chain.time + 10_000 * SECOND,
            ),
        )
        fate = self.net.fates[self.net.key(sent_packets(events)[0], zone)]
        self.deliver(fate)
        opened = fate.state == "in"
        self.expect(self.hub.balance("carol", "ubond") - before == int(opened), "a wrong payment")
        self.settle()

    # --- what happens to chains ---------------------------------------------------------

    @rule(data=st.data(), level=LEVEL)
    def a_level_changes(self, data, level: int) -> None:
        name = data.draw(st.sampled_from((*self.zones, "hub")))
        chain = self.net.hub.store.chain(name)
        state = chain.level
        fell = level < state.level
        self.net.hub.change(
            name,
            level=replace(
                state,
                level=Level(level),
                previous=state.level if fell else None,
                fell_at=self.hub.height if fell else None,
            ),
        )
        self.judge.levels[name] = level

    @rule(data=st.data(), fraud=st.booleans())
    def a_chain_is_cut_off(self, data, fraud: bool) -> None:
        zone = data.draw(st.sampled_from(self.zones))
        ctx, store = self.hub.context(), self.net.hub.store
        chain = store.chain(zone)
        if zone not in self.judge.isolated:
            if fraud:
                monitor = Monitor(self.net.hub.clients)
                store.set_chain(monitor.cut_off(ctx, store, chain, FROZEN, PARAMS))
                epoch = PARAMS.epoch(self.hub.height)
                self.judge.freeze(zone, max(epoch - 1, 0) * PARAMS.epoch_blocks)
            else:
                self.net.hub.change(zone, isolated="it halted")
            self.judge.isolated.add(zone)

    @rule(data=st.data())
    def a_chain_is_joined_again(self, data) -> None:
        if self.judge.isolated:
            zone = data.draw(st.sampled_from(sorted(self.judge.isolated)))
            self.say("Reinstate", tx_pb2.MsgReinstate(authority=self.net.gov, chain=zone))
            self.judge.isolated.discard(zone)
            self.judge.frozen.pop(zone, None)

    @rule(data=st.data(), mode=st.sampled_from((0, 0, 0, 1, 2)), strict=st.booleans())
    def a_channel_gets_another_policy(self, data, mode: int, strict: bool) -> None:
        zone = data.draw(st.sampled_from(self.zones))
        strict = strict and not mode
        channel = self.net.hub.channel(zone)
        message = tx_pb2.MsgSetChannelPolicy(
            authority=self.net.gov, channel=channel, mode=mode, strict_equal=strict
        )
        self.say("SetChannelPolicy", message)
        (self.judge.demoting.add if mode else self.judge.demoting.discard)(zone)
        (self.judge.strictly.add if strict else self.judge.strictly.discard)(zone)

    # --- endorsements -------------------------------------------------------------------

    @rule(data=st.data(), amount=AMOUNT, level=st.integers(1, 4), wait=st.integers(0, 6))
    def a_packet_is_endorsed(self, data, amount: int, level: int, wait: int) -> None:
        """By some sources, before it is delivered, and after some time or none."""
        zone, target = (
            data.draw(st.sampled_from(self.zones)),
            data.draw(st.sampled_from(self.zones)),
        )
        path = self.net.hub.paths[zone]
        message = transfer_message(
            path.b,
            "alice",
            self.net.text("hub", "bob"),
            f"u{zone}",
            amount,
            memo=self.memo(data, target),
        )
        events = self.net.execute(path.b.chain, message)
        [packet] = sent_packets(events)
        ends = (packet.destination_port, packet.destination_channel)
        datum = packet_datum(zone, *ends, packet.data)
        words = data.draw(st.sampled_from(WORDS))
        for name in words:
            said = {"origin": zone, "datum": datum, "level": level}
            endorser = self.net.text("hub", name)
            done = self.say("Endorse", tx_pb2.MsgEndorse(endorser=endorser, source=name, **said))
            if done:
                word = Word(*SOURCES[name], endorser, self.hub.height)
                self.judge.say((zone, *ends, packet.data), level, word)
            if data.draw(st.integers(0, 5)) == 0:
                challenger = self.net.text("hub", "carol")
                if self.say("Challenge", tx_pb2.MsgChallenge(challenger=challenger, **said)):
                    self.judge.said[(zone, *ends, packet.data), level].spent = True
        self.hub.commit(wait + 1)
        self.settle()

    # --- relayers -----------------------------------------------------------------------

    @rule(data=st.data())
    def something_is_relayed(self, data) -> None:
        self.step(self.some_fate(data))

    @rule(data=st.data())
    def what_waits_is_judged_again(self, data) -> None:
        held = [fate for fate in self.net.fates.values() if fate.state == "held"]
        if held:
            fate = data.draw(st.sampled_from(held))
            packet = fate.packet
            events = self.net.say(
                "DeliverHeld",
                tx_pb2.MsgDeliverHeld(
                    signer=self.net.text("hub", "bob"),
                    port=packet.destination_port,
                    channel=packet.destination_channel,
                    sequence=packet.sequence,
                ),
            )
            if events is not None:
                self.hub_took(fate, events)

    @rule(blocks=st.integers(1, 30))
    def time_passes(self, blocks: int) -> None:
        for chain in self.net.chains.values():
            chain.commit(blocks)
        ctx = self.hub.context()
        self.net.module.begin_block(ctx)
        self.hub_did(ctx.events.all())
        self.net.note(self.hub, ctx.events.all())

    @rule(data=st.data(), amount=st.integers(1, 1_000_000))
    def a_hostile_relayer_forges(self, data, amount: int) -> None:
        """Another amount or label in the packet, an answer or a timeout that never was."""
        fate = self.some_fate(data)
        if fate is None:
            return
        packet = fate.packet
        path, end = self.net.end(fate, source=False)
        if packet.source_port == "transfer":
            values = json.loads(packet.data)
            memo = values.get("memo", "") or "{}"
            values["memo"] = json.dumps({**json.loads(memo), "integrity": {"label": 4}})
            changed = values if data.draw(st.booleans()) else {**values, "amount": str(amount)}
            forged = replace(packet, data=json.dumps(changed).encode())
            self.must_refuse(lambda: path.recv(end, forged), "a forged packet")
        source = path.other(end)
        self.must_refuse(
            lambda: path.acknowledge(source, packet, b'{"result":"Ag=="}'), "an answer"
        )
        if fate.state in {"in", "held"}:
            self.must_refuse(lambda: path.time_out(source, packet), "a timeout")


TestFlows = Flows.TestCase
TestFlows.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_the_long_run_takes_all_its_steps() -> None:
    """Hypothesis ends many runs early: what was asked for in all must have been judged."""
    assert World.steps >= LEAST_STEPS
