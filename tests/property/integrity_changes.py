"""What becomes of the chains in the random nets: levels, isolation, policies, endorsements."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from integrity.endorsements import packet_datum
from tests.property.integrity_actions import Actions
from tests.property.integrity_judge import Word
from tests.property.integrity_net import FactMonitor, Fate
from tests.property.integrity_register import TOP
from tests.property.integrity_world import LEVEL, TERMS

WORDS = {
    "few": ("s1",),
    "operator": ("s1", "s2"),
    "own": ("s1", "s5"),
    "origin": ("s3", "s4"),
    "sender": ("s3", "alice"),
    "falls": ("s4", "s3"),
    "low": ("s4", "s3"),
}
"""Who speaks for a datum if one thing is wrong; else two of two operators."""
FLAWS = (
    "none", "none", *WORDS, "level", "early", "challenged", "false", "true", "strict", "twice",
    "other",
)  # fmt: skip
ABOUT_AYE = ("own", "origin")


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

    @rule(data=st.data(), flaws=st.lists(st.sampled_from(FLAWS), min_size=2, max_size=4))
    def packets_are_endorsed(self, data, flaws: list[str]) -> None:
        """Each properly, or with one flaw: then the hub takes no notice of the words."""
        for flaw in flaws:
            zones = self.free()
            if len(zones) < 2 or not self.judge.levels["hub"]:
                return
            target = data.draw(st.sampled_from(zones[1:]))
            if not 0 < self.judge.levels[target] <= self.judge.levels["hub"]:
                self.describe(target, self.judge.levels["hub"])
            if flaw == "strict" and self.judge.levels[target] == TOP:
                self.describe(target, TOP - 1)
            wanted = self.judge.levels[target]
            others = [zone for zone in zones if zone != target]
            zone = "aye" if flaw in ABOUT_AYE and "aye" in others else others[-1]
            if self.judge.levels[zone] >= wanted:
                self.cap(zone, data.draw(st.integers(0, wanted - 1)))
            self.policy(target, 0, strict=flaw == "strict")
            self.speak_and_deliver(data, zone, target, flaw)
            self.policy(target, 0)

    def speak_and_deliver(self, data, zone: str, target: str, flaw: str) -> None:
        """Send a packet from below, let sources speak for it, and bring it."""
        wanted = self.judge.levels[target]
        level = wanted - 1 if flaw == "level" and wanted > 1 else wanted
        amount, memo = data.draw(st.integers(1, 20)), self.onward(target)
        if flaw == "falls" and zone != "aye" and target != "aye" and "aye" in self.free():
            self.describe("aye", 4)
        fates = [self.up(zone, f"u{zone}", amount, memo, hurry=False)]
        if flaw == "twice":
            fates.append(self.up(zone, f"u{zone}", amount, memo, hurry=False))
        if flaw == "other":
            fates.insert(0, self.up(zone, f"u{zone}", amount + 1, memo, hurry=False))
        spoken = fates[-1]
        if spoken is None:
            return
        self.endorse(spoken, level, WORDS.get(flaw, ("s1", "s3")))
        if flaw in {"challenged", "false", "true"}:
            self.challenge(spoken, level, flaw)
        if flaw == "falls" and "aye" not in {zone, target}:
            self.cap("aye", 0)
        self.hub.commit(TERMS.window - (flaw == "early"))
        for fate in fates:
            self.step(fate)
        self.settle()

    def about(self, fate: Fate, level: int) -> tuple[object, dict]:
        """Return what the judge calls a datum, and what the hub does."""
        packet, zone = fate.packet, fate.source
        ends = (packet.destination_port, packet.destination_channel)
        datum = packet_datum(zone, *ends, packet.data)
        return (zone, *ends, packet.data), {"origin": zone, "datum": datum, "level": level}

    def endorse(self, fate: Fate, level: int, words: tuple[str, ...]) -> None:
        """Let sources speak for a packet, each for itself."""
        about, said = self.about(fate, level)
        for name in words:
            endorser = self.net.text("hub", name)
            word = Word(*self.source(name), endorser, self.hub.height)
            may = self.judge.may_speak(fate.source, about, level, word)
            message = tx_pb2.MsgEndorse(endorser=endorser, source=name, **said)
            done = self.say("Endorse", message)
            self.expect(may or not done, f"the word of {name} was taken")
            if done:
                self.judge.say(about, level, word)

    def challenge(self, fate: Fate, level: int, outcome: str) -> None:
        """Let somebody challenge an endorsement, and governance perhaps decide."""
        about, said = self.about(fate, level)
        found = self.judge.said.get((about, level))
        challenger = self.net.text("hub", "carol")
        if found is None or found.spent or found.challenged:
            return
        message = tx_pb2.MsgChallenge(challenger=challenger, **said)
        self.expect(self.say("Challenge", message), "anybody may challenge")
        found.challenged = True
        if outcome != "challenged":
            upheld = outcome == "false"
            message = tx_pb2.MsgResolve(authority=self.net.gov, upheld=upheld, **said)
            self.expect(self.say("Resolve", message), "governance decides")
            found.challenged, found.spent = False, upheld
