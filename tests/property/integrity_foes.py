"""What hostile zones, relayers and users do in the random nets."""

import json
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.hashing import sha256
from chainkit.runtime.context import ExecutionMode
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx
from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from ibc.ics02_client.codec import any_to_proto
from ibc.ics20_transfer.state import escrow_address
from ibc.ics24_host import paths
from ibc.testing.light_client import MISBEHAVIOUR_URL
from integrity.flood import FloodGate
from tests.property.integrity_actions import Actions
from tests.property.integrity_judge import local
from tests.property.integrity_net import Fate
from tests.property.integrity_world import SECOND, TERMS
from tests.unit.ibc_worlds import transfer_message

ANSWERS = (b'{"result":"c2VjcmV0"}', b'{"error":"secret"}', b'{"error":"secret 4711"}')


class Foes(Actions):
    """Moves that somebody makes who means ill."""

    # --- zones --------------------------------------------------------------------------

    @rule(data=st.data(), amount=st.integers(20, 300))
    def a_zone_makes_vouchers_of_others(self, data, amount: int) -> None:
        """It inflates: its users hold more than the hub sent there."""
        zone = data.draw(st.sampled_from(self.zones))
        denom = data.draw(st.sampled_from(sorted(self.traces)))
        name = self.net.voucher(zone, denom, self.traces)
        if name.startswith("ibc/") and local(self.traces[denom]) == denom:
            self.net.chains[zone].fund("alice", name, amount)
            self.lies.add((zone, denom))
            if data.draw(st.booleans()):
                amount += self.judge.holds(denom, zone)
                amount = min(amount, self.net.chains[zone].balance("alice", name))
            self.up(zone, name, amount, self.memo(data))

    @rule(data=st.data(), tokens=st.integers(1, 9), fraud=st.sampled_from(("excess", "headers")))
    def a_cheat_flees_with_its_tokens(self, data, tokens: int, fraud: str) -> None:
        """What it brought just before the proof neither moves nor leaves."""
        zones = self.free()
        if len(zones) < 2:
            return
        zone = data.draw(st.sampled_from(zones))
        denom = local(f"transfer/{self.net.hub.channel(zone)}/u{zone}")
        self.up(zone, f"u{zone}", tokens)
        if fraud == "excess":
            self.inflate(zone, data.draw(st.integers(1, 20)))
        elif len(self.proved) < 1:
            self.prove(zone)
            self.hub.commit()
        target = min(zones, key=lambda name: self.judge.levels[name])
        for act in data.draw(st.permutations(("give", "send", "home"))):
            amount = min(tokens, self.hub.balance("bob", denom))
            if not amount:
                return
            if act == "give":
                self.give("bob", "carol", denom, amount)
            else:
                self.down("bob", target if act == "send" else zone, denom, amount)

    def inflate(self, zone: str, amount: int) -> None:
        """Send back what the hub never sent: a coin of the hub's own."""
        name = self.net.voucher(zone, "uhub", self.traces)
        amount += self.judge.holds("uhub", zone)
        self.net.chains[zone].fund("alice", name, amount)
        self.lies.add((zone, "uhub"))
        self.up(zone, name, amount)

    def prove(self, zone: str) -> None:
        """Bring the hub two headers of one height."""
        path = self.net.hub.paths[zone]
        header = path.b.chain.headers[path.b.chain.commit().revision_height]
        message = client_tx.MsgUpdateClient(
            client_id=path.a.client_id,
            client_message=any_to_proto(header.message(MISBEHAVIOUR_URL)),
            signer=path.a.signer(),
        )
        if self.net.execute(self.hub, message) is not None:
            self.proved.add(zone)
            self.judge.register.due.add(zone)

    @rule(data=st.data(), epochs=st.integers(1, 3), calm=st.sampled_from((0, 0, 1)))
    def a_zone_floods(self, data, epochs: int, calm: int) -> None:
        """More packets than its quota, epoch after epoch."""
        zones = self.free()
        if not zones:
            return
        zone = data.draw(st.sampled_from(zones))
        for number in range(epochs):
            if number:
                rest = TERMS.epoch - self.hub.height % TERMS.epoch
                self.hub.commit(rest + calm * TERMS.epoch)
            for _ in range(TERMS.quota + 1):
                fate = self.up(zone, f"u{zone}", 1, hurry=False)
                if fate is not None:
                    self.gate(fate)
                    self.deliver(fate)
        self.settle()

    def gate(self, fate: Fate) -> None:
        """Judge that the mempool takes nothing of a zone that is cut off or over its quota."""
        path, end = self.net.end(fate, source=False)
        height = self.hub.height
        over = self.judge.register.accepted[fate.source, height // TERMS.epoch] >= TERMS.quota
        barred = over or fate.source in self.judge.isolated
        message = self.hub.decode(path.recv_message(end, fate.packet))
        ctx = self.hub.context(ExecutionMode.CHECK)
        with ctx.savepoint() as checking:
            try:
                FloodGate(self.net.hub.guard).ante(ctx, (message,))
            except RuleBroken:
                self.expect(barred, "the mempool refuses a zone that may send")
            else:
                self.expect(not barred, "the mempool takes what blocks would refuse")
            checking.discard()

    @rule(data=st.data(), answer=st.sampled_from(ANSWERS), onward=st.booleans())
    def a_zone_answers_with_more(self, data, answer: bytes, onward: bool) -> None:
        """Than success or refused: no application of a higher hub may read it."""
        low = [zone for zone in self.free() if self.judge.levels[zone] < self.judge.levels["hub"]]
        if not low:
            return
        zone = data.draw(st.sampled_from(low))
        fate = self.down("bob", zone, "uhub", 3, hurry=False)
        if fate is None or not self.deliver(fate) or not fate.answers:
            return
        packet = fate.packet
        ctx = self.net.chains[zone].context()
        end = (packet.destination_port, packet.destination_channel, packet.sequence)
        ctx.store(paths.STORE_NAME).set(paths.packet_acknowledgement(*end), sha256(answer))
        fate.answers[0] = answer
        if not answer.startswith(b'{"result"'):
            self.lies.add((zone, "uhub"))
        self.step(fate)

    @rule(data=st.data(), spends=st.booleans())
    def a_zone_denies_what_it_received(self, data, spends: bool) -> None:
        """Its state says that nothing came; perhaps it has sent it back before."""
        zones = self.free()
        if not zones:
            return
        zone = data.draw(st.sampled_from(zones))
        end, chain = self.net.hub.paths[zone].a, self.net.chains[zone]
        message = transfer_message(
            end, "bob", self.net.text(zone, "alice"), "uhub", 7, timeout_ns=400 * SECOND
        )
        events = self.net.execute(self.hub, message)
        self.hub_did(events)
        fate = self.sent_from("hub", events, hurry=False)
        if fate is None or not self.deliver(fate) or not fate.answers:
            return
        name = self.net.voucher(zone, "uhub", self.traces)
        if spends:
            self.gift(zone, 9)
            for other in zones:
                if other != zone:
                    self.down("bob", other, "uhub", 10, hurry=False)
            self.up(zone, name, chain.balance("alice", name), hurry=False)
            for other in list(self.net.fates.values()):
                if other.source == zone and other.state == "sent":
                    self.deliver(other)
        packet = fate.packet
        ctx = chain.context()
        key = paths.packet_receipt(
            packet.destination_port, packet.destination_channel, packet.sequence
        )
        ctx.store(paths.STORE_NAME).delete(key)
        while chain.time <= packet.timeout_timestamp:
            chain.commit(50)
        self.lies.add((zone, "uhub"))
        if not self.time_out(fate):
            ctx.store(paths.STORE_NAME).set(key, b"\x01")
            self.step(fate)

    @rule(data=st.data(), amount=st.integers(1, 9))
    def a_stranger_sends_on(self, data, amount: int) -> None:
        """A zone of which nobody told the hub is of level 0, whatever its client is."""
        strangers = [zone for zone in self.zones if zone not in self.bound]
        above = [zone for zone in self.free() if self.judge.levels[zone] > 0]
        if strangers and above:
            target = data.draw(st.sampled_from(above))
            self.up(strangers[0], f"u{strangers[0]}", amount, self.onward(target))

    @rule(data=st.data(), amount=st.integers(1, 9))
    def a_zone_pays_an_escrow(self, data, amount: int) -> None:
        """So that the ledger of zones would no longer say what lies there."""
        zone, other = (data.draw(st.sampled_from(self.zones)) for _ in range(2))
        self.down("bob", other, "uhub", 1)
        escrow = self.hub.text(escrow_address("transfer", self.net.hub.channel(other)))
        if escrow in self.judge.escrows:
            self.up(zone, f"u{zone}", amount, to=escrow)

    # --- relayers -----------------------------------------------------------------------

    @rule(data=st.data())
    def something_is_relayed(self, data) -> None:
        self.step(self.some_fate(data))

    @rule(data=st.data())
    def what_waits_is_judged_again(self, data) -> None:
        held = [fate for fate in self.net.fates.values() if fate.state == "held"]
        if held:
            self.ask_again(data.draw(st.sampled_from(held)))

    def ask_again(self, fate: Fate) -> None:
        """Have a packet that waits judged once more."""
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

    @rule(data=st.data(), amount=st.integers(1, 40), later=st.sampled_from((0, 0, 0, 11)))
    def a_source_falls_while_its_packet_is_under_way(self, data, amount: int, later: int) -> None:
        """It waits for its time, is judged again whenever somebody asks, then is refused."""
        pair = self.falling(data)
        if pair is None:
            return
        source, target = pair
        fate = self.up(source, f"u{source}", amount, self.onward(target), hurry=False)
        if fate is None:
            return
        self.cap(source, data.draw(st.integers(0, self.judge.levels[target] - 1)))
        self.hub.commit(later)
        self.step(fate)
        for blocks in data.draw(st.lists(st.integers(1, 6), max_size=3)):
            if fate.state == "held":
                self.hub.commit(blocks)
            if fate.state == "held":
                self.ask_again(fate)
        if fate.state == "held":
            self.hub.commit(max(fate.held_at + TERMS.hold - self.hub.height, 0))
        self.settle()

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

    # --- users --------------------------------------------------------------------------

    @rule(data=st.data())
    def somebody_acts_as_governance(self, data) -> None:
        """Or as the registrar, or as an operator that it is not."""
        bob = self.net.text("hub", "bob")
        zone = data.draw(st.sampled_from(self.bound))
        spare = self.spare.a.client_id
        key = {"origin": zone, "datum": bytes(32), "level": 1}
        acts = (
            ("BindChain", tx_pb2.MsgBindChain(authority=bob, chain="paper", client_id=spare)),
            ("BindChain", tx_pb2.MsgBindChain(
                authority=self.net.gov, chain="paper",
                client_id=self.net.hub.paths[zone].a.client_id,
            )),
            ("SetCap", tx_pb2.MsgSetCap(operator=bob, chain=zone, cap=0)),
            ("ConfirmRise", tx_pb2.MsgConfirmRise(authority=bob, chain=zone)),
            ("SetChannelPolicy", tx_pb2.MsgSetChannelPolicy(
                authority=bob, channel=self.net.hub.channel(zone), mode=1
            )),
            ("Reinstate", tx_pb2.MsgReinstate(authority=bob, chain=zone)),
            ("Release", tx_pb2.MsgRelease(authority=bob, chain=zone)),
            ("AddSource", tx_pb2.MsgAddSource(
                authority=bob, name="bob", operator="bob", account=bob, chain="hub"
            )),
            ("Resolve", tx_pb2.MsgResolve(authority=bob, upheld=False, **key)),
            ("Endorse", tx_pb2.MsgEndorse(endorser=bob, source="s3", **key)),
        )  # fmt: skip
        for name, message in acts:
            self.expect(not self.say(name, message), f"{name} by somebody")
