"""What becomes of the chains in the random nets: levels, isolation, policies, endorsements."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from integrity.endorsements import packet_datum
from tests.property.integrity_actions import Actions
from tests.property.integrity_judge import Datum, Word
from tests.property.integrity_net import FactMonitor, Fate
from tests.property.integrity_world import LEVEL, TERMS

WORDS = (
    ("s1", "s3"),
    ("s1", "s3"),
    ("s4", "s2", "s3"),
    ("s1", "s2"),
    ("s1", "s5"),
    ("s3", "s4"),
    ("s3", "alice"),
    ("s1",),
)
"""Who speaks for a datum: enough, of one operator, the origin's own, the sender, or too few."""


class Changes(Actions):
    """Moves of governance, operators, sources and of the facts themselves."""

    # --- levels -------------------------------------------------------------------------

    @rule(data=st.data(), level=LEVEL)
    def a_chain_is_described_anew(self, data, level: int) -> None:
        name = data.draw(st.sampled_from((*self.bound, *self.bound, "hub")))
        if name not in self.judge.isolated:
            self.describe(name, level)

    @rule(data=st.data(), control=LEVEL, watch=LEVEL)
    def facts_change(self, data, control: int, watch: int) -> None:
        """They are seen when the chain is measured next."""
        name = data.draw(st.sampled_from((*self.bound, "hub")))
        FactMonitor.facts[name] = (control, watch)
        self.judge.register.facts[name] = (control, watch)

    @rule(data=st.data(), level=LEVEL)
    def an_operator_caps_its_chain(self, data, level: int) -> None:
        self.cap(data.draw(st.sampled_from(self.bound)), level)

    @rule(data=st.data(), epochs=st.integers(0, 2), delay=st.integers(0, 3))
    def a_chain_earns_a_higher_level(self, data, epochs: int, delay: int) -> None:
        """It has to wait, to be confirmed, and to wait again: impatience gains nothing."""
        name = data.draw(st.sampled_from(self.bound))
        FactMonitor.facts[name] = self.judge.register.facts[name] = (4, 4)
        self.cap(name, data.draw(st.integers(self.judge.levels[name], 4)))
        self.hub.commit(epochs * TERMS.epoch + 1)
        may = self.judge.register.may_confirm(name, self.hub.height)
        message = tx_pb2.MsgConfirmRise(authority=self.net.gov, chain=name)
        self.expect(self.say("ConfirmRise", message) == may, f"the rise of {name}")
        if may:
            self.judge.register.confirmed[name] = self.hub.height // TERMS.epoch
        self.hub.commit(delay * TERMS.epoch + 1)

    # --- isolation ----------------------------------------------------------------------

    @rule(data=st.data(), level=st.integers(0, 3), user=st.booleans())
    def the_hub_is_below_two_zones(self, data, level: int, user: bool) -> None:
        """What passes through it is no surer than the hub: it delivers nothing up there."""
        before = self.judge.levels["hub"]
        high = [zone for zone in self.free() if self.judge.levels[zone] > level]
        if len(high) < 2 or level >= before:
            return
        self.describe("hub", level)
        source, target = data.draw(st.permutations(high))[:2]
        if user:
            self.down("bob", target, "uhub", 5)
        else:
            self.up(source, f"u{source}", 5, self.onward(target))
        self.describe("hub", before)

    @rule(data=st.data())
    def a_zone_halts(self, data) -> None:
        """Nobody brings a header of it any more."""
        self.halted.add(data.draw(st.sampled_from(self.bound)))
        self.hub.commit((TERMS.stale + 1) * TERMS.epoch)

    @rule()
    def halted_zones_move_again(self) -> None:
        self.halted.clear()

    @rule(data=st.data())
    def a_chain_is_joined_again(self, data) -> None:
        if self.judge.isolated:
            zone = data.draw(st.sampled_from(sorted(self.judge.isolated)))
            self.say("Reinstate", tx_pb2.MsgReinstate(authority=self.net.gov, chain=zone))
            self.judge.register.reinstate(zone)
            self.judge.frozen.pop(zone, None)

    @rule(data=st.data(), mode=st.sampled_from((0, 0, 0, 1, 2)), strict=st.booleans())
    def a_channel_gets_another_policy(self, data, mode: int, strict: bool) -> None:
        zone = data.draw(st.sampled_from(self.zones))
        self.policy(zone, mode, strict=strict and not mode)

    @rule(data=st.data(), amount=st.integers(1, 40))
    def equals_meet_a_channel_that_wants_more(self, data, amount: int) -> None:
        levels = self.judge.levels
        pairs = [
            (one, other)
            for one in self.free()
            for other in self.free()
            if one != other and levels[one] == levels[other] <= levels["hub"]
        ]
        if pairs:
            source, target = data.draw(st.sampled_from(pairs))
            self.policy(target, 0, strict=True)
            self.up(source, f"u{source}", amount, self.onward(target))
            if data.draw(st.booleans()):
                self.policy(target, 0)

    # --- endorsements -------------------------------------------------------------------

    @rule(data=st.data(), amount=st.integers(1, 40), wait=st.sampled_from((3, 3, 4, 2, 0)))
    def a_packet_is_endorsed(self, data, amount: int, wait: int) -> None:
        """By some sources, before it is delivered, and after some time or none.

        With it come perhaps one of other data, and one of the same: neither is lifted.
        """
        zone, target = self.low_and_high(data)
        if data.draw(st.booleans()) and "aye" in self.free() and target != "aye":
            zone = "aye"
            self.cap(zone, 0)
        if zone not in self.bound:
            return
        if data.draw(st.integers(0, 4)) == 0:
            self.policy(target, 0, strict=True)
        levels = data.draw(st.sampled_from((0, 0, 0, -1, 1)))
        level = min(max(self.judge.levels[target] + levels, 1), 4)
        memo = self.onward(target)
        amounts = [amount, *data.draw(st.sampled_from(((), (0,), (1,))))]
        fates = [
            self.up(zone, f"u{zone}", amount + more, memo, hurry=False)
            for more in (0, *(each for each in amounts[1:]))
        ]
        if fates[0] is None:
            return
        self.endorse(data, fates[0], level)
        if data.draw(st.integers(0, 3)) == 0:
            self.cap_a_sources_chain(data)
        self.hub.commit(wait)
        for fate in reversed(fates):
            self.step(fate)
        self.settle()

    def cap_a_sources_chain(self, data) -> None:
        """What a source looks at falls after it spoke."""
        if "aye" in self.bound:
            self.cap("aye", data.draw(st.integers(0, 1)))

    def endorse(self, data, fate: Fate, level: int) -> None:
        """Let some sources speak for a packet, and somebody perhaps challenge them."""
        packet, zone = fate.packet, fate.source
        ends = (packet.destination_port, packet.destination_channel)
        said = {
            "origin": zone,
            "datum": packet_datum(zone, *ends, packet.data),
            "level": level,
        }
        about = (zone, *ends, packet.data)
        for name in data.draw(st.sampled_from(WORDS)):
            endorser = self.net.text("hub", name)
            word = Word(*self.source(name), endorser, self.hub.height)
            may = self.judge.may_speak(zone, about, level, word)
            message = tx_pb2.MsgEndorse(endorser=endorser, source=name, **said)
            done = self.say("Endorse", message)
            self.expect(may or not done, f"the word of {name} was taken")
            if done:
                self.judge.say(about, level, word)
        found = self.judge.said.get((about, level), Datum())
        if data.draw(st.integers(0, 5)) == 0 and found.words:
            challenger = self.net.text("hub", "carol")
            if self.say("Challenge", tx_pb2.MsgChallenge(challenger=challenger, **said)):
                found.challenged = True
            if found.challenged and data.draw(st.booleans()):
                upheld = data.draw(st.booleans())
                message = tx_pb2.MsgResolve(authority=self.net.gov, upheld=upheld, **said)
                self.expect(self.say("Resolve", message), "governance decides")
                found.challenged, found.spent = False, found.spent or upheld
