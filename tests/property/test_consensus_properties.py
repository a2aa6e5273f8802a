"""Laws of the consensus machine over arbitrary orders of inputs."""

from hypothesis import given
from hypothesis import strategies as st

from chainkit.formats.tendermint.types import NIL_BLOCK_ID, VoteType
from relay_chain.consensus.clauses import advance
from relay_chain.consensus.driver_state import Turn
from relay_chain.consensus.machine import new_machine
from relay_chain.consensus.messages import (
    AppendToWal,
    Decide,
    MajorityClaimed,
    PeerId,
    SignProposal,
    SignVote,
    Step,
    Timeouts,
    VoteReceived,
)
from relay_chain.consensus.replay import restart
from relay_chain.consensus.votes import add_vote, new_round_votes
from tests.unit.consensus_worlds import (
    BLOCK_A,
    BLOCK_B,
    ELECTORATE,
    OTHERS,
    START,
    A,
    B,
    fired,
    machine,
    proposal,
    received,
    vote,
)

ME = OTHERS[0]
rounds = st.integers(0, 2)
block_ids = st.sampled_from([A, B, NIL_BLOCK_ID])
peers = st.sampled_from([PeerId("x"), PeerId("y")])
kinds = st.sampled_from(VoteType)
votes = st.builds(
    lambda index, kind, block_id, round_, peer: VoteReceived(
        vote(index, kind, block_id, round_), peer
    ),
    st.integers(0, 3), kinds, block_ids, rounds, peers,
)  # fmt: skip
waits = st.sampled_from([Step.PROPOSE, Step.PREVOTE_WAIT, Step.PRECOMMIT_WAIT])
inputs = st.one_of(
    votes,
    votes,
    st.builds(proposal, st.sampled_from([A, B]), rounds, st.integers(-1, 1)),
    st.builds(lambda valid: received(A, BLOCK_A, valid=valid), st.booleans()),
    st.just(received(B, BLOCK_B)),
    st.builds(fired, waits, rounds),
    st.builds(lambda r, t, b, p: MajorityClaimed(1, r, t, b, p), rounds, kinds, block_ids, peers),
)
histories = st.lists(inputs, max_size=40)


@given(histories)
def test_a_node_signs_at_most_one_vote_of_a_round_and_type(history) -> None:
    """
    No order of inputs, Byzantine ones included, makes a node ask for a second, other vote.
    """
    made = machine(ME)
    made.feed(*history)
    asked = [(e.vote.round, e.vote.type) for e in made.of(SignVote)]

    assert len(asked) == len(set(asked))
    assert asked == sorted(asked)


@given(histories)
def test_every_signature_follows_a_synced_entry(history) -> None:
    """
    AppendToWal (synced) comes first in each step that signs.
    """
    made = machine(ME)
    for input_ in history:
        effects = made.feed(input_)
        if any(isinstance(effect, SignVote | SignProposal) for effect in effects):
            assert effects[0] == AppendToWal(input_, True)
        elif effects:
            assert isinstance(effects[0], AppendToWal)


@given(histories)
def test_replaying_the_log_gives_the_same_state(history) -> None:
    """
    The entries alone determine the state, so a crash after any step loses nothing synced.
    """
    made = machine(ME)
    made.feed(*history)
    entries = [effect.entry for effect in made.of(AppendToWal)]
    state, _ = restart(new_machine(ELECTORATE.addresses[ME], Timeouts()), START, entries)

    assert state == made.state


@given(histories)
def test_nothing_happens_after_a_decision(history) -> None:
    """
    One decision a height, and silence until the next begins.
    """
    made = machine(ME)
    decisions = 0
    for input_ in history:
        effects = made.feed(input_)
        assert not (decisions and effects)
        decisions += sum(isinstance(effect, Decide) for effect in effects)

    assert decisions <= 1


@given(st.lists(votes, max_size=30))
def test_no_power_is_counted_twice(history) -> None:
    """
    A set's power is that of its distinct voters, and each block's at most the total.
    """
    counted = new_round_votes(1, 0, VoteType.PREVOTE, ELECTORATE)
    for one in history:
        counted = add_vote(counted, one.vote).votes

    voters = sum(v is not None for v in counted.votes)
    assert counted.power == 10 * voters
    for its in counted.by_block.values():
        assert its.power == 10 * sum(v is not None for v in its.votes)


@given(st.permutations(range(4)), block_ids)
def test_the_order_of_votes_does_not_matter_to_the_count(order, block_id) -> None:
    """
    Unanimous votes give one majority whatever their order.
    """
    counted = new_round_votes(1, 0, VoteType.PREVOTE, ELECTORATE)
    for index in order:
        counted = add_vote(counted, vote(index, VoteType.PREVOTE, block_id)).votes

    assert counted.majority == block_id
    assert counted.has_all()


@given(histories)
def test_after_a_step_no_clause_is_left_to_run(history) -> None:
    """
    A vote that reaches no quorum skips the clauses, and they would indeed have done nothing.
    """
    made = machine(ME)
    for input_ in history:
        made.feed(input_)
        turn = Turn(made.state)
        if not made.state.decided:
            advance(turn)

        assert turn.effects == []
        assert turn.freeze() == made.state
