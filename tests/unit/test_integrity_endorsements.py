"""Endorsements by independent sources, challenges, and appeals against a quarantine."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.types import Address, Denom
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from ibc.addresses import format_address
from ibc.errors import Unauthorized
from ibc.testing.chain import PREFIX
from integrity import endorsement_messages as messages
from integrity.axes import Level
from integrity.endorsement_store import open_endorsements
from integrity.endorsements import (
    Endorsement,
    Key,
    Need,
    Source,
    State,
    Verdict,
    Vouch,
    acts_at,
    appeal_datum,
    packet_datum,
    vouched,
)
from integrity.errors import (
    AppealClosed,
    EndorsementClosed,
    InvalidTransition,
    LotFrozen,
    LowToHigh,
    NotASource,
    NotIndependent,
    UnknownChain,
)
from integrity.levels import LevelState
from integrity.lots import total
from tests.unit.ibc_worlds import address, send
from tests.unit.integrity_worlds import ACCEPTED
from tests.unit.test_integrity_guard import forward, refused_by
from tests.unit.test_integrity_module import World

OFFICES = ("civil", "finance", "audit")
BOND = 100


class Town(World):
    """A village of level 1, a bank of level 3, and three offices that look at chains of level 2."""

    def __init__(self, **more: int) -> None:
        super().__init__(village=1, bank=3, roll=2, **more)
        hub = self.hub
        hub.store.set_params(
            replace(
                hub.store.params(),
                bond=BOND,
                bond_denom="uhub",
                challenge_blocks=10,
                appeal_blocks=40,
                stale_epochs=0,
            )
        )
        for office in (*OFFICES, "twin", "village-office", "mayor"):
            hub.chain.fund(office, "uhub", 1_000)
            operator = {"twin": "civil", "village-office": "village"}.get(office, office)
            self.add(office, operator)
        self.memo = forward(hub, "bank")

    def add(self, name: str, operator: str, chain: str = "roll") -> None:
        """Let an account endorse."""
        self.say(
            "AddSource",
            tx_pb2.MsgAddSource(
                authority=self.gov,
                name=name,
                operator=operator,
                account=self.user(name),
                chain=chain,
            ),
        )

    def key(self, amount: int = 7, level: int = 3) -> Key:
        """Return what is endorsed of the village's request: the packet that asks for it."""
        hub = self.hub
        path = hub.paths["village"]
        with hub.zones["village"].context().savepoint() as savepoint:
            packet = self.request(amount)
            savepoint.discard()
        datum = packet_datum("village", "transfer", path.a.channel_id, packet.data)
        return Key("village", datum, Level(level))

    def request(self, amount: int = 7, sender: str = "alice"):
        """Send the village's request; return its packet."""
        path = self.hub.paths["village"]
        receiver = address(self.hub.chain, "bob")
        return send(path.b, sender, receiver, "uvillage", amount, memo=self.memo)

    def endorse(self, key: Key, *offices: str) -> None:
        """Have sources vouch."""
        for office in offices:
            self.say(
                "Endorse",
                tx_pb2.MsgEndorse(
                    endorser=self.user(office),
                    source=office,
                    origin=key.origin,
                    datum=key.datum,
                    level=key.level,
                ),
            )

    def about(self, key: Key) -> dict:
        """Return the fields that name an endorsement."""
        return {"origin": key.origin, "datum": key.datum, "level": key.level}

    def challenge(self, key: Key, who: str = "mayor") -> None:
        """Say that it is false."""
        challenger = self.user(who)
        self.say(
            "Challenge",
            tx_pb2.MsgChallenge(challenger=challenger, grounds="forged", **self.about(key)),
        )

    def resolve(self, key: Key, *, upheld: bool) -> None:
        """Decide a challenge."""
        self.say("Resolve", tx_pb2.MsgResolve(authority=self.gov, upheld=upheld, **self.about(key)))

    def withdraw(self, key: Key, office: str) -> None:
        """Take a word or a bond back."""
        self.say("Withdraw", tx_pb2.MsgWithdraw(endorser=self.user(office), **self.about(key)))

    def later(self, blocks: int = 10) -> None:
        """Let time pass."""
        self.hub.chain.height += blocks

    def stored(self, key: Key) -> Endorsement:
        """Return what the hub keeps of it."""
        found = open_endorsements(self.hub.chain.context()).endorsement(key)
        assert found is not None
        return found

    def coins(self, name: str) -> int:
        """Return what an account has of the denomination of bonds."""
        return self.hub.chain.balance(name, "uhub")


def test_three_independent_offices_lift_exactly_one_packet():
    """IL-endorse-m: what they endorsed rises once; the same request again does not."""
    town = Town()
    key = town.key()
    town.endorse(key, *OFFICES)
    town.later()

    assert town.hub.receive("village", town.request()) == [], "sent on to the bank"
    assert town.stored(key).state is State.USED
    assert refused_by(town.hub.receive("village", town.request()), LowToHigh)


def test_a_lifted_lot_has_the_label_of_its_endorsement():
    """The hub's record names the sources, and the lot went up with the label they gave it."""
    town = Town()
    key = town.key()
    town.endorse(key, *OFFICES)
    town.later()
    town.hub.receive("village", town.request())
    hub = town.hub
    (record,) = hub.store.packets()

    assert (record.label, record.endorsed) == (1, 3)
    assert sorted(record.endorsers) == sorted(OFFICES)
    pool = hub.store.pool(hub.channel("bank"), hub.voucher("village", "uvillage"))
    assert [(lot.label, lot.source) for lot in pool] == [(3, "village")]


def test_two_offices_are_too_few():
    """IL-endorse-m: one less than the hub demands lifts nothing."""
    town = Town()
    key = town.key()
    town.endorse(key, *OFFICES[:2])
    town.later(50)

    assert refused_by(town.hub.receive("village", town.request()), LowToHigh)


def test_two_keys_of_one_operator_are_one_source():
    """IL-endorse-same-operator: operators are counted, not keys."""
    town = Town()
    key = town.key()
    town.endorse(key, "civil", "finance")
    with pytest.raises(NotIndependent, match="civil has spoken"):
        town.endorse(key, "twin")


def test_the_origins_own_operator_is_no_witness():
    """IL-endorse-same-operator: who runs the village does not vouch for it."""
    town = Town()
    with pytest.raises(NotIndependent, match="runs village itself"):
        town.endorse(town.key(), "village-office")


def test_who_sees_only_the_origin_is_no_witness():
    """What the origin says of itself is no second source, whoever repeats it."""
    town = Town()
    town.hub.change("village", level=LevelState(Level(2)))
    town.add("audit", "audit", chain="village")
    with pytest.raises(NotIndependent, match="itself says"):
        town.endorse(town.key(), "audit")


def test_the_senders_own_word_does_not_count():
    """Separation of duty: an office that sent the request itself is not one of the three."""
    town = Town()
    town.hub.zones["village"].fund("audit", "uvillage", 100)
    path = town.hub.paths["village"]
    packet = town.request(sender="audit")
    key = Key(
        "village",
        packet_datum("village", "transfer", path.a.channel_id, packet.data),
        Level(3),
    )
    town.endorse(key, *OFFICES)
    town.later()

    assert refused_by(town.hub.receive("village", packet), LowToHigh)


def test_a_source_that_looks_at_a_low_chain_lifts_nothing_high():
    """Sources are at most one level below what they lift to."""
    town = Town()
    town.add("audit", "audit", chain="village")
    with pytest.raises(NotASource, match="too low"):
        town.endorse(town.key(), "audit")


def test_a_source_whose_chain_fell_counts_no_longer():
    """Its word was worth what its chain was worth."""
    town = Town(other=2)
    town.add("audit", "audit", chain="other")
    key = town.key()
    town.endorse(key, *OFFICES)
    town.hub.change("other", level=LevelState(Level(0)))
    town.later()

    assert refused_by(town.hub.receive("village", town.request()), LowToHigh)


def test_an_endorsement_acts_only_after_the_time_for_challenges():
    """IL-endorse-fraud: the window runs from the word that completed it."""
    town = Town()
    key = town.key()
    town.endorse(key, *OFFICES[:2])
    town.later()
    town.endorse(key, OFFICES[2])
    town.later(9)
    assert refused_by(town.hub.receive("village", town.request()), LowToHigh)
    town.later(1)
    assert town.hub.receive("village", town.request()) == []


def test_a_challenged_endorsement_lifts_nothing_and_a_false_one_costs_the_bonds():
    """IL-endorse-fraud: half of what is forfeited is the challenger's, half the hub's."""
    town = Town()
    key = town.key()
    town.endorse(key, *OFFICES)
    town.challenge(key)
    town.later(50)
    assert refused_by(town.hub.receive("village", town.request()), LowToHigh)
    town.resolve(key, upheld=True)

    assert town.stored(key).state is State.FALSE
    assert town.coins("mayor") == 1_000 + 3 * BOND // 2
    assert [town.coins(office) for office in OFFICES] == [900, 900, 900]
    with pytest.raises(EndorsementClosed):
        town.withdraw(key, "civil")
    assert refused_by(town.hub.receive("village", town.request()), LowToHigh)


def test_a_false_endorsement_that_was_used_freezes_what_came_since():
    """The bonds are gone and the village's lots are in quarantine."""
    town = Town()
    key = town.key()
    town.endorse(key, *OFFICES)
    town.later()
    town.hub.receive("village", town.request())
    town.challenge(key)
    town.resolve(key, upheld=True)

    assert town.hub.store.quarantines() == {"village": town.stored(key).used_at}


def test_a_refused_challenge_costs_the_challenger():
    """The bond goes to those who vouched, and the endorsement acts again."""
    town = Town()
    key = town.key()
    town.endorse(key, *OFFICES)
    town.challenge(key)
    with pytest.raises(EndorsementClosed):
        town.challenge(key)
    town.resolve(key, upheld=False)
    town.later()

    assert town.coins("mayor") == 900
    assert [town.coins(office) for office in OFFICES] == [933, 933, 933]
    assert town.hub.receive("village", town.request()) == []
    assert town.coins("civil") == 933, "the bond stays until nobody can challenge it"


def test_only_governance_decides_and_only_what_is_challenged():
    """Nobody else's word forfeits a bond."""
    town = Town()
    key = town.key()
    town.endorse(key, *OFFICES)
    with pytest.raises(EndorsementClosed, match="nobody challenges"):
        town.resolve(key, upheld=True)
    message = tx_pb2.MsgResolve(authority=town.user("mayor"), upheld=True, **town.about(key))
    with pytest.raises(Unauthorized):
        town.say("Resolve", message)
    add = tx_pb2.MsgAddSource(
        authority=town.user("mayor"),
        name="mine",
        operator="mine",
        account=town.user("mayor"),
        chain="roll",
    )
    with pytest.raises(Unauthorized):
        town.say("AddSource", add)
    add.authority, add.chain = town.gov, "nowhere"
    with pytest.raises(UnknownChain):
        town.say("AddSource", add)


def test_a_bond_comes_back_when_its_word_can_no_longer_be_challenged():
    """Withdrawn words stop counting at once; the coins follow after the window."""
    town = Town()
    key = town.key()
    town.endorse(key, *OFFICES)
    town.withdraw(key, "audit")
    town.later()
    assert refused_by(town.hub.receive("village", town.request()), LowToHigh)
    with pytest.raises(EndorsementClosed):
        town.withdraw(key, "audit")
    town.later(1)
    town.withdraw(key, "audit")
    assert town.coins("audit") == 1_000
    with pytest.raises(EndorsementClosed):
        town.withdraw(key, "audit")


def test_a_used_endorsement_can_be_challenged_for_a_while_and_then_pays_out():
    """After the window the sources have their bonds again and nobody can slash them."""
    town = Town()
    key = town.key()
    town.endorse(key, *OFFICES)
    town.later()
    town.hub.receive("village", town.request())
    with pytest.raises(EndorsementClosed):
        town.withdraw(key, "civil")
    town.later(11)
    town.withdraw(key, "civil")
    with pytest.raises(EndorsementClosed, match="no longer"):
        town.challenge(key)
    assert town.coins("civil") == 1_000


def test_who_is_no_source_does_not_endorse():
    """Neither a stranger nor an account under another's name; and without bonds nobody."""
    town = Town()
    key = town.key()
    message = tx_pb2.MsgEndorse(endorser=town.user("bob"), source="civil", **town.about(key))
    with pytest.raises(NotASource):
        town.say("Endorse", message)
    with pytest.raises(EndorsementClosed, match="nobody has endorsed"):
        town.challenge(key)
    town.hub.store.set_params(replace(town.hub.store.params(), bond_denom=""))
    with pytest.raises(NotASource, match="no bonds"):
        town.endorse(key, "civil")


def test_an_endorsement_is_of_one_origin_and_one_channel():
    """The same request from another chain, or with another amount, is another datum."""
    town = Town(hamlet=1)
    town.endorse(town.key(), *OFFICES)
    town.later()
    path = town.hub.paths["hamlet"]
    packet = send(path.b, "alice", address(town.hub.chain, "bob"), "uhamlet", 7, memo=town.memo)

    assert refused_by(town.hub.receive("hamlet", packet), LowToHigh)
    assert refused_by(town.hub.receive("village", town.request(8)), LowToHigh)


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 4), st.booleans()), max_size=8),
    st.integers(2, 4),
    st.integers(1, 4),
)
def test_what_counts_is_distinct_operators_of_high_enough_chains(words, needed, level):
    """Whatever is said by whom, it acts only if enough different operators stand behind it."""
    key = Key("origin", b"d" * 32, Level(level))
    endorsement = Endorsement(
        key,
        tuple(
            Vouch(f"s{n}", operator, Address(bytes([n])), f"c{chain}", 1, n, int(withdrawn))
            for n, (operator, chain, withdrawn) in enumerate(words)
        ),
    )
    need = Need(needed, 5, lambda name: int(name[1:]), "a")
    good = {o for o, chain, withdrawn in words if o != "a" and chain >= level - 1 and not withdrawn}

    assert (acts_at(endorsement, need) is not None) == (len(good) >= needed)


def test_a_closed_endorsement_takes_no_more_words():
    """Used, false and challenged ones."""
    vouch = Vouch("s", "o", Address(b"1"), "c", 1, 1)
    key = Key("origin", b"d" * 32, Level(2))
    for closed in (
        Endorsement(key, state=State.USED),
        Endorsement(key, state=State.FALSE),
        Endorsement(key, challenger=Address(b"2")),
    ):
        with pytest.raises(EndorsementClosed):
            vouched(closed, vouch, "other")


# --- appeals ----------------------------------------------------------------------------


class Quarantined(Town):
    """Bob on the hub has 50 of the village's token, and the village has been found out."""

    def __init__(self) -> None:
        super().__init__()
        hub = self.hub
        hub.chain.height += 95
        assert hub.send_up("village", "uvillage", 50)[1] == [ACCEPTED]
        self.voucher = hub.voucher("village", "uvillage")
        self.accepted_at = hub.chain.height
        hub.store.freeze("village", hub.chain.height - 5)
        hub.change("village", level=LevelState(Level(0)), isolated="two headers")
        hub.chain.fund("bob", "uhub", BOND)

    def appeal(self, who: str = "bob", height: int = 0) -> int:
        """Open an appeal; return its number."""
        message = tx_pb2.MsgAppeal(
            owner=self.user(who),
            denom=self.voucher,
            source="village",
            height=height or self.accepted_at,
        )
        self.say("Appeal", message)
        return max(each.number for each in open_endorsements(self.hub.chain.context()).appeals())

    def settle(self, number: int) -> None:
        """Have it decided by its rule."""
        self.say("Settle", tx_pb2.MsgSettle(signer=self.user("carol"), id=number))

    def supports(self, number: int) -> Key:
        """Return what those endorse who support an appeal."""
        appeal = open_endorsements(self.hub.chain.context()).appeal(number)
        assert appeal is not None
        return Key("village", appeal_datum(appeal), appeal.lot.label)

    def pays(self) -> None:
        """Send some of what bob has to carol."""
        send(self.hub.paths["village"].a, "bob", "alice", self.voucher, 1)


def free(town: Quarantined) -> int:
    """Return how much of bob's lots is out of quarantine."""
    store = town.hub.store
    lots = store.lots(town.hub.chain.account("bob"), Denom(town.voucher))
    return total([lot for lot in lots if not town.hub.keeper.is_frozen(store, lot)])


def test_an_appeal_that_independent_sources_support_is_upheld():
    """The lot is free, its label is what it was, the bond is back; the rest stays frozen."""
    town = Quarantined()
    number = town.appeal()
    assert free(town) == 0
    town.endorse(town.supports(number), *OFFICES)
    town.later()
    town.settle(number)

    assert free(town) == 50
    assert town.coins("bob") == BOND
    assert town.hub.store.frozen_since("village") is not None
    (lot,) = town.hub.store.lots(town.hub.chain.account("bob"), Denom(town.voucher))
    assert lot.label == 1


def test_an_appeal_that_nobody_supports_is_refused_when_its_time_is_over():
    """Two sources are too few; the bond is forfeited and the lot stays."""
    town = Quarantined()
    number = town.appeal()
    town.endorse(town.supports(number), *OFFICES[:2])
    town.later(39)
    with pytest.raises(AppealClosed, match="waits"):
        town.settle(number)
    town.later(1)
    town.settle(number)
    decided = open_endorsements(town.hub.chain.context()).appeal(number)

    assert decided is not None
    assert decided.verdict is Verdict.REFUSED
    assert free(town) == 0
    assert town.coins("bob") == 0
    with pytest.raises(AppealClosed, match="no open appeal"):
        town.settle(number)


def test_an_appeal_is_of_ones_own_frozen_lot_and_made_once():
    """Nobody appeals for another, twice, or about what is free."""
    town = Quarantined()
    town.hub.chain.fund("mallory", "uhub", BOND)
    with pytest.raises(AppealClosed, match="no lot"):
        town.appeal("mallory")
    with pytest.raises(AppealClosed, match="no lot"):
        town.appeal(height=3)
    town.appeal()
    town.hub.chain.fund("bob", "uhub", BOND)
    with pytest.raises(AppealClosed, match="is open for it"):
        town.appeal()
    town.hub.store.thaw("village")
    with pytest.raises(AppealClosed, match="not in quarantine"):
        town.appeal()


def test_the_owner_is_no_witness_of_the_own_appeal():
    """An office that appeals for its own lot is not one of its three sources."""
    town = Quarantined()
    ctx = town.hub.chain.context()
    bob, audit = town.hub.chain.account("bob"), town.hub.chain.account("audit")
    lots = town.hub.store.lots(bob, Denom(town.voucher))
    town.hub.store.set_lots(audit, Denom(town.voucher), lots)
    town.hub.store.set_lots(bob, Denom(town.voucher), ())
    assert ctx.height > 95
    number = town.appeal("audit")
    town.endorse(town.supports(number), *OFFICES)
    town.later()
    with pytest.raises(AppealClosed, match="waits"):
        town.settle(number)


def test_governance_releases_a_whole_quarantine():
    """And nobody else; what is not in quarantine cannot be released."""
    town = Quarantined()
    with pytest.raises(Unauthorized):
        town.say("Release", tx_pb2.MsgRelease(authority=town.user("bob"), chain="village"))
    town.say("Release", tx_pb2.MsgRelease(authority=town.gov, chain="village"))
    assert free(town) == 50
    with pytest.raises(InvalidTransition):
        town.say("Release", tx_pb2.MsgRelease(authority=town.gov, chain="village"))


def test_frozen_lots_do_not_move_until_then():
    """Not to others and not home: the village is cut off besides."""
    town = Quarantined()
    town.hub.change("village", isolated="")
    with pytest.raises(LotFrozen):
        town.pays()


# --- held packets -----------------------------------------------------------------------


def test_a_held_packet_is_judged_again_when_somebody_asks():
    """IL-drop-inflight: it waits on, or is delivered once its source has risen again."""
    town = Town(source=3)
    hub = town.hub
    path = hub.paths["source"]
    packet = send(path.b, "alice", address(hub.chain, "bob"), "usource", 7, memo=town.memo)
    fallen = LevelState(Level(0), previous=Level(3), fell_at=hub.chain.height)
    hub.change("source", level=fallen)
    assert hub.receive("source", packet) == []
    ask = tx_pb2.MsgDeliverHeld(
        signer=town.user("carol"),
        port="transfer",
        channel=hub.channel("source"),
        sequence=packet.sequence,
    )
    with pytest.raises(InvalidTransition, match="has not risen"):
        town.say("DeliverHeld", ask)
    assert len(list(hub.store.held())) == 1
    hub.change("source", level=LevelState(Level(3)))
    town.say("DeliverHeld", ask)

    assert list(hub.store.held()) == []
    assert total(hub.store.pool(hub.channel("bank"), hub.voucher("source", "usource"))) == 7
    with pytest.raises(InvalidTransition, match="waits"):
        town.say("DeliverHeld", ask)


# --- genesis and messages ---------------------------------------------------------------


def test_genesis_names_sources_and_what_a_bond_is():
    """As a network's description has them."""
    world = World(z=0)
    source = {"name": "civil", "operator": "c", "account": world.user("civil"), "chain": "z"}
    world.module.init_genesis(
        world.hub.chain.context(),
        {
            "params": {"endorsers": 2, "bond": 5, "bond_denom": "uhub", "challenge_blocks": 3},
            "chains": [],
            "sources": [source],
        },
    )
    params = world.hub.store.params()

    assert (params.endorsers, params.bond, params.bond_denom) == (2, 5, "uhub")
    found = open_endorsements(world.hub.chain.context()).source("civil")
    assert found == Source("civil", "c", world.hub.chain.account("civil"), "z")
    with pytest.raises(InvalidTransition, match="2 sources"):
        replace(params, endorsers=1)
    with pytest.raises(InvalidTransition, match="a block or more"):
        replace(params, challenge_blocks=0)


@pytest.mark.parametrize(
    ("decode", "message"),
    [
        (messages.decode_endorse, tx_pb2.MsgEndorse(source="s", origin="o", datum=b"1", level=1)),
        (messages.decode_endorse, tx_pb2.MsgEndorse(source="s", origin="o", datum=b"1" * 32)),
        (
            messages.decode_endorse,
            tx_pb2.MsgEndorse(source="s", origin="o", datum=b"1" * 32, level=5),
        ),
        (messages.decode_withdraw, tx_pb2.MsgWithdraw(origin="O", datum=b"1" * 32, level=1)),
        (
            messages.decode_challenge,
            tx_pb2.MsgChallenge(origin="o", datum=b"1" * 32, level=1, grounds="x" * 513),
        ),
        (messages.decode_resolve, tx_pb2.MsgResolve(origin="o", datum=b"", level=1)),
        (messages.decode_appeal, tx_pb2.MsgAppeal(denom="", source="s", height=1)),
        (messages.decode_appeal, tx_pb2.MsgAppeal(denom="u", source="S!", height=1)),
        (messages.decode_settle, tx_pb2.MsgSettle(signer="", id=1)),
        (messages.decode_release, tx_pb2.MsgRelease(authority="", chain="z")),
        (messages.decode_deliver_held, tx_pb2.MsgDeliverHeld(port="p", channel="c", sequence=1)),
        (messages.decode_add_source, tx_pb2.MsgAddSource(name="n", operator="", chain="c")),
    ],
)
def test_malformed_messages_are_refused_by_name(decode, message):
    """Hashes of other sizes, levels that are none, blank names."""
    with pytest.raises(RuleBroken):
        decode(encode(message), PREFIX)


def test_an_operator_is_printable_and_short():
    """It is shown to people."""
    for odd in ("", "x" * 65, "a\nb"):
        with pytest.raises(MalformedMessage):
            messages.parse_operator(odd)


def test_wellformed_messages_are_read():
    """Each message, from its bytes to its values."""
    signer = format_address(b"\x07" * 20, "isthmus")
    key = {"origin": "village", "datum": b"d" * 32, "level": 2}
    add = tx_pb2.MsgAddSource(
        authority=signer, name="civil", operator="c", account=signer, chain="roll"
    )
    endorse = tx_pb2.MsgEndorse(endorser=signer, source="civil", **key)
    withdraw = tx_pb2.MsgWithdraw(endorser=signer, **key)
    challenge = tx_pb2.MsgChallenge(challenger=signer, grounds="forged", **key)
    resolve = tx_pb2.MsgResolve(authority=signer, upheld=True, **key)
    appeal = tx_pb2.MsgAppeal(owner=signer, denom="ibc/AB", source="*", height=9)
    settle = tx_pb2.MsgSettle(signer=signer, id=4)
    release = tx_pb2.MsgRelease(authority=signer, chain="village")
    held = tx_pb2.MsgDeliverHeld(signer=signer, port="transfer", channel="channel-0", sequence=3)
    wanted = Key("village", b"d" * 32, Level(2))

    assert messages.decode_add_source(encode(add), "isthmus").operator == "c"
    assert messages.decode_endorse(encode(endorse), "isthmus").key == wanted
    assert messages.decode_withdraw(encode(withdraw), "isthmus").key == wanted
    assert messages.decode_challenge(encode(challenge), "isthmus").grounds == "forged"
    assert messages.decode_resolve(encode(resolve), "isthmus").upheld
    assert messages.decode_appeal(encode(appeal), "isthmus").source == "*"
    assert messages.decode_settle(encode(settle), "isthmus").number == 4
    assert messages.decode_release(encode(release), "isthmus").chain == "village"
    assert messages.decode_deliver_held(encode(held), "isthmus").sequence == 3
