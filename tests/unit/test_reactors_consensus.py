"""Consensus messages from hostile peers, what peers are known to have, and what is sent next."""

import contextlib
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.formats.tendermint.errors import InvalidPart
from chainkit.formats.tendermint.parts import PartSet, split_block
from chainkit.formats.tendermint.types import (
    ABSENT_SIG,
    NIL_BLOCK_ID,
    BlockId,
    BlockIdFlag,
    Commit,
    CommitSig,
    Proposal,
    Validator,
    ValidatorSet,
    Vote,
    VoteType,
)
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.wire.proto.tendermint.consensus import types_pb2
from relay_chain.consensus.messages import MajorityClaimed, ProposalReceived, Step, VoteReceived
from relay_chain.consensus.votes import add_vote, electorate_of, new_round_votes
from relay_chain.node.reactors.bit_arrays import BitArray, bit_array_of_words
from relay_chain.node.reactors.consensus import ConsensusReactor, ProposalTooLarge
from relay_chain.node.reactors.consensus_messages import (
    BlockPart,
    HasVote,
    NewRoundStep,
    NewValidBlock,
    ProposalMessage,
    ProposalPol,
    VoteMessage,
    VoteSetBits,
    VoteSetMaj23,
    decode_consensus_message,
    encode_consensus_message,
    validate_consensus_message,
)
from relay_chain.node.reactors.gossip import lowest, next_claims, next_data, next_vote
from relay_chain.node.reactors.limits import (
    DATA_CHANNEL,
    STATE_CHANNEL,
    VOTE_CHANNEL,
    VOTE_SET_BITS_CHANNEL,
)
from relay_chain.node.reactors.peer_state import PeerState
from relay_chain.node.reactors.ports import PartReceived, RoundView
from relay_chain.node.reactors.views import CommitView, PartSetParts, RoundVotesView

HEADER, PARTS = split_block(bytes(150_000))
BLOCK_ID = BlockId(b"\x11" * 32, HEADER)
ADDRESSES = [bytes([n]) * 20 for n in range(4)]
VALIDATORS = ValidatorSet(tuple(Validator(a, bytes(32), 1) for a in ADDRESSES))


def vote(index, type_=VoteType.PREVOTE, height=5, round_=0, block_id=BLOCK_ID):
    address = ADDRESSES[index % 4]
    return Vote(type_, height, round_, block_id, 1_000_000_000, address, index, b"s" * 64)


def votes_view(indices, type_=VoteType.PREVOTE, height=5, round_=0):
    votes = new_round_votes(height, round_, type_, electorate_of(VALIDATORS))
    for index in indices:
        votes = add_vote(votes, vote(index, type_, height, round_)).votes
    return RoundVotesView(votes)


def commit(height):
    sig = [CommitSig(BlockIdFlag.COMMIT, a, 1_000_000_000, b"s" * 64) for a in ADDRESSES[:3]]
    return Commit(height, 2, BLOCK_ID, (*sig, ABSENT_SIG))


PROPOSAL = Proposal(5, 0, -1, BLOCK_ID, 1_000_000_000, b"s" * 64)


@dataclass
class FakeConsensus:
    parts: PartSet = field(default_factory=lambda: PartSet.of_parts(HEADER, PARTS))
    sets: dict = field(default_factory=dict)
    submitted: list = field(default_factory=list)
    proposal: Proposal | None = PROPOSAL
    step: Step = Step.PREVOTE
    height: int = 5
    initial_height: int = 1
    max_block_bytes: int = 1_000_000

    def view(self):
        last = votes_view([0, 1, 2], VoteType.PRECOMMIT, 4, 1)
        return RoundView(
            self.height, 0, self.step, 1, 3, 4, 4, self.proposal, PartSetParts(self.parts), last
        )

    def votes(self, round_, type_):
        return self.sets.get((round_, type_))

    async def submit(self, message):
        self.submitted.append(message)


@dataclass
class FakeStore:
    def base(self):
        return 1

    def height(self):
        return 4

    def block_id(self, height):
        return BLOCK_ID if height <= 4 else None

    def part(self, height, index):
        return PARTS[index]

    def commit(self, height):
        return commit(height)


@dataclass(eq=False)
class FakePeer:
    id: str = "ab" * 20
    sent: list = field(default_factory=list)
    has_room: bool = True

    def try_send(self, channel_id, message):
        if self.has_room:
            self.sent.append((channel_id, decode_consensus_message(message)))
        return self.has_room


def peer_at(height, round_=0, step=Step.PREVOTE, last_commit_round=1):
    state = PeerState()
    state.apply_step(NewRoundStep(height, round_, step, 0, last_commit_round))
    return state


# --- messages ---------------------------------------------------------------------------

ALL = [
    NewRoundStep(5, 0, 4, 1, 3),
    NewValidBlock(5, 0, HEADER, BitArray(3, 0b101), False),
    ProposalMessage(PROPOSAL),
    ProposalPol(5, 0, BitArray(4, 0b11)),
    BlockPart(5, 0, PARTS[0]),
    VoteMessage(vote(1)),
    HasVote(5, 0, VoteType.PREVOTE, 1),
    VoteSetMaj23(5, 0, VoteType.PRECOMMIT, BLOCK_ID),
    VoteSetBits(5, 0, VoteType.PREVOTE, BLOCK_ID, BitArray(4, 0b1001)),
]


@pytest.mark.parametrize("message", ALL, ids=lambda m: type(m).__name__)
def test_a_message_comes_back_as_it_was_sent(message):
    """Every kind of message survives the wire and is valid."""
    decoded = decode_consensus_message(encode_consensus_message(message))
    validate_consensus_message(decoded)

    assert decoded == message


@pytest.mark.parametrize(
    "message",
    [
        NewRoundStep(-1, 0, 4, 1, 3),
        NewRoundStep(5, -1, 4, 1, 3),
        NewRoundStep(5, 0, 0, 1, 3),
        NewRoundStep(5, 0, 9, 1, 3),
        NewRoundStep(5, 0, 4, 1, -2),
        NewValidBlock(5, 0, HEADER, BitArray(2), False),
        NewValidBlock(5, 0, replace(HEADER, total=0), BitArray(0), False),
        NewValidBlock(5, 0, replace(HEADER, hash=b"x"), BitArray(3), False),
        ProposalMessage(replace(PROPOSAL, signature=b"")),
        ProposalMessage(replace(PROPOSAL, pol_round=-2)),
        ProposalPol(5, 0, BitArray(0)),
        ProposalPol(5, -1, BitArray(4)),
        BlockPart(5, 0, replace(PARTS[0], index=1)),
        BlockPart(5, 0, replace(PARTS[0], data=b"x")),
        VoteMessage(replace(vote(1), signature=b"")),
        VoteMessage(replace(vote(1), validator_index=-1)),
        HasVote(5, 0, VoteType.PREVOTE, -1),
        HasVote(-5, 0, VoteType.PREVOTE, 1),
        VoteSetMaj23(5, 0, VoteType.PREVOTE, replace(BLOCK_ID, hash=b"x")),
        VoteSetBits(-5, 0, VoteType.PREVOTE, BLOCK_ID, BitArray(4)),
    ],
)
def test_a_message_that_breaks_a_rule_is_refused(message):
    """Each rule of ValidateBasic has a message that breaks it."""
    with pytest.raises(RuleBroken):
        validate_consensus_message(decode_consensus_message(encode_consensus_message(message)))


@pytest.mark.parametrize(
    ("size", "words"), [(65, [1]), (64, [1, 1]), (1, []), (-1, []), (0, [1]), (10_001, [0] * 157)]
)
def test_a_bit_array_whose_words_do_not_fit_is_refused(size, words):
    """ASA-2025-003: the size and the words of a peer's bit array must agree."""
    message = types_pb2.Message()
    message.proposal_pol.height = 5
    message.proposal_pol.proposal_pol.bits = size
    message.proposal_pol.proposal_pol.elems.extend(words)
    with pytest.raises(MalformedMessage):
        decode_consensus_message(message.SerializeToString())


def test_bits_beyond_the_size_are_cut_off():
    """A peer cannot claim an index outside its own set."""
    assert bit_array_of_words(3, [0xFF], max_size=10) == BitArray(3, 0b111)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_broken_rule(data):
    """No input makes the decoder or the rules raise anything else."""
    with contextlib.suppress(RuleBroken):
        validate_consensus_message(decode_consensus_message(data))


@given(st.sampled_from(ALL), st.integers(0, 2000), st.integers(0, 255))
def test_any_changed_byte_is_a_message_or_a_broken_rule(message, at, value):
    """The same for real messages with a byte changed."""
    data = bytearray(encode_consensus_message(message))
    data[at % len(data)] = value
    with contextlib.suppress(RuleBroken):
        validate_consensus_message(decode_consensus_message(bytes(data)))


# --- gossip -----------------------------------------------------------------------------


def drain(following, state, most=50):
    """Everything that is sent to a peer until it lacks nothing."""
    sent = []
    while messages := following(state):
        for message in messages:
            state.set_has(message)
            sent.append(message)
        assert len(sent) < most
    return sent


def test_a_peer_in_our_round_gets_the_proposal_then_every_part_once():
    """First the proposal, then each part, then nothing more."""
    consensus = FakeConsensus()
    sent = drain(lambda s: next_data(consensus, FakeStore(), s, lowest), peer_at(5))

    assert sent[0] == ProposalMessage(PROPOSAL)
    assert [m.part.index for m in sent[1:]] == [0, 1, 2]


def test_a_proposal_with_a_proof_of_lock_brings_its_votes_bits():
    """The peer learns which prevotes of the proof of lock we have."""
    consensus = FakeConsensus(proposal=replace(PROPOSAL, pol_round=0))
    consensus.sets[0, VoteType.PREVOTE] = votes_view([0, 2])

    assert next_data(consensus, FakeStore(), peer_at(5), lowest)[1] == ProposalPol(
        5, 0, BitArray(4, 0b101)
    )


def test_a_lagging_peer_gets_stored_parts_under_its_own_height():
    """Catch-up: all parts of the block that it is at, and all precommits of its commit."""
    other = PartSet.of_parts(*split_block(b"the block of height 5"))
    consensus, state = FakeConsensus(parts=other), peer_at(2)
    parts = drain(lambda s: next_data(consensus, FakeStore(), s, lowest), state)

    def votes_for(s):
        found = next_vote(consensus, FakeStore(), s, lowest)
        return () if found is None else (found,)

    votes = drain(votes_for, state)
    assert [(m.height, m.part.index) for m in parts] == [(2, 0), (2, 1), (2, 2)]
    assert [(m.vote.height, m.vote.round, m.vote.validator_index) for m in votes] == [
        (2, 2, 0),
        (2, 2, 1),
        (2, 2, 2),
    ]


def test_a_peer_one_height_behind_gets_our_last_commit():
    """The precommits that decided its height, each once."""
    consensus, state = FakeConsensus(), peer_at(4, 1, last_commit_round=0)
    votes = drain(
        lambda s: tuple(filter(None, [next_vote(consensus, FakeStore(), s, lowest)])), state
    )

    assert [m.vote.validator_index for m in votes] == [0, 1, 2]
    assert all(m.vote.type is VoteType.PRECOMMIT for m in votes)


def test_votes_are_not_sent_to_a_peer_that_has_them():
    """After HasVote for two of three prevotes only the third is sent."""
    consensus, state = FakeConsensus(), peer_at(5)
    consensus.sets[0, VoteType.PREVOTE] = votes_view([0, 1, 3])
    state.ensure_votes(5, 4)
    for index in (0, 3, 1000):
        state.apply_has_vote(HasVote(5, 0, VoteType.PREVOTE, index))
    votes = drain(
        lambda s: tuple(filter(None, [next_vote(consensus, FakeStore(), s, lowest)])), state
    )

    assert [m.vote.validator_index for m in votes] == [1]


def test_majorities_are_claimed_and_answers_taken_over():
    """A majority is told; the answer replaces what we thought the peer has of that block."""
    consensus, state = FakeConsensus(), peer_at(5)
    consensus.sets[0, VoteType.PREVOTE] = votes_view([0, 1, 2])
    state.ensure_votes(5, 4)
    for index in range(4):
        state.set_has_vote(5, 0, VoteType.PREVOTE, index)
    state.apply_vote_set_bits(VoteSetBits(5, 0, VoteType.PREVOTE, BLOCK_ID, BitArray(4, 1)), 0b111)

    assert next_claims(consensus, FakeStore(), state) == (
        VoteSetMaj23(5, 0, VoteType.PREVOTE, BLOCK_ID),
    )
    assert state.prevotes == BitArray(4, 0b1001)


def test_an_older_step_changes_nothing():
    """A peer cannot be sent back: steps of the past are ignored."""
    state = peer_at(5, 2, Step.PRECOMMIT)
    for step in (
        NewRoundStep(5, 2, 4, 0, 1),
        NewRoundStep(5, 1, 8, 0, 1),
        NewRoundStep(4, 9, 8, 0, 1),
    ):
        state.apply_step(step)

    assert (state.height, state.round, state.step) == (5, 2, Step.PRECOMMIT)


def test_precommits_become_the_last_commit_when_a_peer_moves_on():
    """What the peer had of the deciding round is not sent to it again."""
    state = peer_at(5)
    state.ensure_votes(5, 4)
    state.set_has_vote(5, 0, VoteType.PRECOMMIT, 2)
    state.apply_step(NewRoundStep(6, 0, 1, 0, 0))

    assert state.last_commit == BitArray(4, 0b100)
    assert state.prevotes is None


def test_a_commit_view_shows_who_signed_what():
    """Absent signatures are no votes, and nil ones are for nil."""
    signatures = list(commit(3).signatures)
    signatures[1] = replace(signatures[1], block_id_flag=BlockIdFlag.NIL)
    view = CommitView(replace(commit(3), signatures=tuple(signatures)))

    assert (view.mask(), view.mask_for(BLOCK_ID), view.mask_for(NIL_BLOCK_ID)) == (
        0b111,
        0b101,
        0b10,
    )
    assert view.vote(3) is None


# --- the reactor ------------------------------------------------------------------------


def reactor_with_peer(*, syncing=False):
    consensus, peer = FakeConsensus(), FakePeer()
    reactor = ConsensusReactor(consensus, FakeStore(), syncing=syncing, pick=lowest)
    reactor.peer_added(peer)
    return reactor, consensus, peer


async def give(reactor, peer, channel, message):
    await reactor.receive(channel, peer, encode_consensus_message(message))


async def test_what_consensus_needs_is_handed_over():
    """Proposals, parts, votes of this height, late precommits and claims, with their peer."""
    reactor, consensus, peer = reactor_with_peer()
    late = vote(1, VoteType.PRECOMMIT, 4)
    await give(reactor, peer, DATA_CHANNEL, ProposalMessage(PROPOSAL))
    await give(reactor, peer, DATA_CHANNEL, BlockPart(5, 0, PARTS[1]))
    await give(reactor, peer, VOTE_CHANNEL, VoteMessage(vote(1)))
    await give(reactor, peer, VOTE_CHANNEL, VoteMessage(late))
    await give(reactor, peer, STATE_CHANNEL, VoteSetMaj23(5, 0, VoteType.PREVOTE, BLOCK_ID))

    assert consensus.submitted == [
        ProposalReceived(PROPOSAL, peer.id),
        PartReceived(5, 0, PARTS[1], peer.id),
        VoteReceived(vote(1), peer.id),
        VoteReceived(late, peer.id),
        MajorityClaimed(5, 0, VoteType.PREVOTE, BLOCK_ID, peer.id),
    ]
    assert peer.sent[-1][0] == VOTE_SET_BITS_CHANNEL


async def test_other_heights_and_wrong_channels_are_ignored():
    """Votes, parts and proposals of other heights cost consensus nothing."""
    reactor, consensus, peer = reactor_with_peer()
    await give(reactor, peer, DATA_CHANNEL, ProposalMessage(replace(PROPOSAL, height=9)))
    await give(reactor, peer, DATA_CHANNEL, BlockPart(6, 0, PARTS[1]))
    await give(reactor, peer, VOTE_CHANNEL, VoteMessage(vote(1, height=7)))
    await give(reactor, peer, VOTE_CHANNEL, VoteMessage(vote(1, height=4)))
    await give(reactor, peer, STATE_CHANNEL, VoteMessage(vote(1)))

    assert consensus.submitted == []


async def test_a_vote_of_index_1000_harms_nothing():
    """ASA-2024-011: an index beyond the set is passed on for consensus to refuse."""
    reactor, consensus, peer = reactor_with_peer()
    await give(reactor, peer, STATE_CHANNEL, NewRoundStep(5, 0, 4, 0, 3))
    await give(reactor, peer, VOTE_CHANNEL, VoteMessage(vote(1000)))
    await give(reactor, peer, STATE_CHANNEL, HasVote(5, 0, VoteType.PREVOTE, 2**31 - 1))

    assert consensus.submitted == [VoteReceived(vote(1000), peer.id)]
    assert reactor.peer_state(peer.id).prevotes == BitArray(4)


async def test_a_proposal_of_too_many_parts_drops_the_peer():
    """The parameters' block size bounds the parts before any is kept."""
    reactor, _, peer = reactor_with_peer()
    huge = replace(BLOCK_ID, part_set_header=replace(HEADER, total=17))
    with pytest.raises(ProposalTooLarge):
        await give(reactor, peer, DATA_CHANNEL, ProposalMessage(replace(PROPOSAL, block_id=huge)))


async def test_a_part_under_another_index_than_its_proof_drops_the_peer():
    """ASA-2025-002: a part whose index is not its proof's reaches no part set."""
    reactor, consensus, peer = reactor_with_peer()
    with pytest.raises(InvalidPart):
        await give(reactor, peer, DATA_CHANNEL, BlockPart(5, 0, replace(PARTS[1], index=0)))

    assert consensus.submitted == []


async def test_lies_in_bit_arrays_harm_only_the_liar():
    """Bits for more votes or parts than there are make us send nothing that is not there."""
    reactor, _, peer = reactor_with_peer()
    state = reactor.peer_state(peer.id)
    await give(reactor, peer, STATE_CHANNEL, NewRoundStep(5, 0, 4, 0, 3))
    wide = BitArray(10_000, 1 << 9_999)
    other = replace(HEADER, total=1_600)
    for channel, message in (
        (STATE_CHANNEL, NewValidBlock(5, 0, other, BitArray(1_600, (1 << 1_600) - 1), False)),
        (DATA_CHANNEL, ProposalPol(5, 0, wide)),
        (VOTE_SET_BITS_CHANNEL, VoteSetBits(5, 0, VoteType.PREVOTE, BLOCK_ID, wide)),
        (STATE_CHANNEL, HasVote(5, 0, VoteType.PREVOTE, 9_999)),
    ):
        await give(reactor, peer, channel, message)
    data = reactor._next_data(state)
    votes = reactor._next_votes(state)

    assert len(data) <= 2
    assert len(votes) <= 1
    lie = NewValidBlock(5, 0, HEADER, BitArray(5, 1), False)
    with pytest.raises(MalformedMessage):
        await give(reactor, peer, STATE_CHANNEL, lie)


@pytest.mark.parametrize(
    "step",
    [NewRoundStep(0, 0, 4, 0, -1), NewRoundStep(1, 0, 4, 0, 0), NewRoundStep(2, 0, 4, 0, -1)],
)
async def test_a_step_that_the_chain_cannot_have_drops_the_peer(step):
    """Before the first height, or with a last commit where there is none."""
    reactor, _, peer = reactor_with_peer()
    with pytest.raises(MalformedMessage):
        await give(reactor, peer, STATE_CHANNEL, step)


async def test_while_syncing_consensus_is_left_alone():
    """Only peers' steps are followed; afterwards each peer is told ours."""
    reactor, consensus, peer = reactor_with_peer(syncing=True)
    await give(reactor, peer, STATE_CHANNEL, NewRoundStep(9, 0, 4, 0, 3))
    await give(reactor, peer, VOTE_CHANNEL, VoteMessage(vote(1)))
    assert (consensus.submitted, peer.sent) == ([], [])
    assert reactor.peer_height(peer.id) == 9
    reactor.consensus_started()

    assert peer.sent == [(STATE_CHANNEL, NewRoundStep(5, 0, Step.PREVOTE, 3, 1))]


def test_a_step_that_found_no_room_is_owed():
    """It is not lost: the vote loop sends it before anything else."""
    reactor, _, peer = reactor_with_peer()
    peer.has_room = False
    reactor.consensus_started()
    state = reactor.peer_state(peer.id)
    assert state.owes_step

    assert reactor._next_votes(state) == (NewRoundStep(5, 0, Step.PREVOTE, 3, 1),)
    assert not state.owes_step


def test_before_its_first_height_a_node_says_nothing_of_itself():
    """Height 0 is before the first: peers would drop a node that claims to be there."""
    reactor, consensus, peer = reactor_with_peer(syncing=True)
    consensus.height = 0
    reactor.consensus_started()
    reactor.peer_added(peer)

    assert peer.sent == []
