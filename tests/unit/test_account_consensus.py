"""The QBFT machine: each rule of the protocol, and what it asks the shell to do."""

from chainkit.primitives.types import BlockHeight, Round
from parachains.account.consensus import errors
from parachains.account.consensus.limits import (
    MAX_FUTURE_HEIGHTS,
    MAX_FUTURE_MESSAGES_PER_AUTHOR,
    MAX_FUTURE_ROUNDS,
    MAX_TIMEOUT_DOUBLINGS,
)
from parachains.account.consensus.machine import step
from parachains.account.consensus.messages import (
    AppendToWal,
    BlockBuilt,
    BlockJudged,
    BlockTimeReached,
    Broadcast,
    BuildBlock,
    Commit,
    CommitDraft,
    Decide,
    JudgeBlock,
    MessageReceived,
    PreparePayload,
    ProposalDraft,
    Redeliver,
    ReportEquivocation,
    ReportInvalid,
    ResendDue,
    RoundChangeDraft,
    RoundTimedOut,
    ScheduleTimeout,
    Sign,
    WaitForBlockTime,
)
from parachains.account.consensus.state import Parameters
from tests.unit.qbft_worlds import (
    HEIGHT,
    KEYS,
    PEER,
    Machine,
    block,
    commit,
    prepare,
    prepares,
    proposal,
    round_change,
    said,
    start,
)

BLOCK = block()
VALID = BlockJudged(HEIGHT, BLOCK.block_hash, True)


def prepared_machine(number: int = 1) -> Machine:
    """Return a machine that saw a quorum of prepares for the block of round 0."""
    machine = Machine(number).begin()
    machine.feed(proposal(BLOCK), VALID, prepare(0, BLOCK), prepare(2, BLOCK), prepare(3, BLOCK))
    return machine


def test_a_height_in_round_0_from_block_to_seals() -> None:
    """
    The proposer builds, proposes, prepares; a quorum of prepares makes it commit; a quorum of
    commits decides, with their seals in the order of the validators.
    """
    machine = Machine(0).begin()
    assert machine.all_of(BuildBlock) == [BuildBlock(HEIGHT, Round(0))]
    machine.feed(BlockBuilt(HEIGHT, Round(0), BLOCK))
    assert [type(draft) for draft in machine.signed()] == [ProposalDraft, PreparePayload]
    machine.feed(prepare(3, BLOCK))
    assert machine.signed() == []
    machine.feed(prepare(1, BLOCK))
    assert [type(draft) for draft in machine.signed()] == [CommitDraft]
    machine.feed(commit(3, BLOCK))
    assert not machine.state.decided
    machine.feed(commit(1, BLOCK))

    (decide,) = machine.all_of(Decide)
    assert (decide.block, decide.round) == (BLOCK, 0)
    assert [KEYS.seal_author(BLOCK.digest, seal) for seal in decide.seals] == [
        KEYS.address(number) for number in (0, 1, 3)
    ]


def test_the_block_time_is_waited_for_by_validators_alone() -> None:
    """
    The parent's time plus the period, absolute; a follower proposes nothing and waits for nothing.
    """
    assert Machine(1).first == (WaitForBlockTime(HEIGHT, start().earliest),)
    assert Machine(None).first == ()


def test_a_block_is_prepared_only_after_it_was_found_valid() -> None:
    """
    The machine asks for a verdict, and an invalid block gets neither prepare nor place.
    """
    machine = Machine().begin()
    machine.feed(proposal(BLOCK))
    assert machine.all_of(JudgeBlock) == [JudgeBlock(HEIGHT, BLOCK)]
    assert machine.signed() == []
    machine.feed(BlockJudged(HEIGHT, BLOCK.block_hash, False))
    assert machine.signed() == []
    assert machine.state.proposal is None
    machine.feed(proposal(BLOCK))
    assert machine.effects == []

    other = block(number=1)
    machine.feed(proposal(other), BlockJudged(HEIGHT, other.block_hash, True))
    assert machine.state.proposal is not None


def test_every_sign_and_broadcast_follows_a_synced_entry_of_its_own_step() -> None:
    """
    What was said is on disk first: AppendToWal, then Sign, then Broadcast in the step of the answer.
    """
    for number, inputs in (
        (0, [BlockBuilt(HEIGHT, Round(0), BLOCK)]),
        (1, [proposal(BLOCK), VALID, prepare(0, BLOCK), prepare(2, BLOCK)]),
        (1, [RoundTimedOut(HEIGHT, Round(0))]),
    ):
        machine = Machine(number).begin()
        machine.feed(*inputs)
        is_safe = False
        for effect in machine.effects:
            if isinstance(effect, AppendToWal):
                is_safe = effect.sync
            if isinstance(effect, Sign | Broadcast | Decide):
                assert is_safe
        assert machine.all_of(Sign)
        assert machine.all_of(Broadcast)


def test_only_the_answer_of_the_key_is_broadcast() -> None:
    """
    A step that asks for a signature sends nothing of it: the signed message is an input of its own.
    """
    machine = Machine().begin()
    state, effects = step(machine.state, RoundTimedOut(HEIGHT, Round(0)))

    assert any(isinstance(effect, Sign) for effect in effects)
    assert not any(isinstance(effect, Broadcast) for effect in effects)
    assert state.own == ()


def test_timeouts_double_by_round_up_to_a_limit() -> None:
    """
    Besu's base times two to the round.
    """
    machine = Machine().begin()
    waits = [effect.duration_ns for effect in machine.all_of(ScheduleTimeout)]
    for round_ in range(3):
        machine.feed(RoundTimedOut(HEIGHT, Round(round_)))
        waits += [effect.duration_ns for effect in machine.all_of(ScheduleTimeout)]

    base = Parameters(None).request_timeout_ns
    assert waits == [base, 2 * base, 4 * base, 8 * base]
    longest = Parameters(None).timeout_ns(Round(MAX_TIMEOUT_DOUBLINGS))
    assert Parameters(None).timeout_ns(Round(10_000)) == longest


def test_old_timeouts_and_block_times_change_nothing() -> None:
    """
    A timer of another round or height is no input.
    """
    machine = Machine().begin()
    machine.feed(RoundTimedOut(HEIGHT, Round(0)))
    before = machine.state
    machine.feed(
        RoundTimedOut(HEIGHT, Round(0)),
        RoundTimedOut(BlockHeight(HEIGHT - 1), Round(1)),
        BlockTimeReached(HEIGHT),
        BlockTimeReached(BlockHeight(HEIGHT + 1)),
    )

    assert machine.effects == []
    assert machine.state == before


def test_a_round_change_tells_what_was_prepared_with_the_proof() -> None:
    """
    The prepared block goes along, with the quorum of prepares, into every later round.
    """
    machine = prepared_machine()
    for round_ in (1, 2):
        machine.feed(RoundTimedOut(HEIGHT, Round(round_ - 1)))
        (draft,) = machine.signed()

        assert isinstance(draft, RoundChangeDraft)
        assert draft.payload.prepared is not None
        assert draft.payload.prepared.round == 0
        assert draft.payload.prepared.digest == BLOCK.digest
        assert draft.block == BLOCK
        assert len(draft.prepares) >= 3


def test_without_a_quorum_of_prepares_nothing_is_prepared() -> None:
    """
    Two of four prepares, and prepares for another digest, make no certificate.
    """
    machine = Machine().begin()
    machine.feed(proposal(BLOCK), VALID, prepare(0, BLOCK), prepare(2, block(number=9)))
    assert machine.signed()[-1] == PreparePayload(HEIGHT, Round(0), BLOCK.digest)
    machine.feed(RoundTimedOut(HEIGHT, Round(0)))

    (draft,) = machine.signed()
    assert isinstance(draft, RoundChangeDraft)
    assert draft.payload.prepared is None


def test_the_next_proposer_acts_on_a_quorum_of_round_changes() -> None:
    """
    Nobody prepared: it builds a new block, and proposes it with the round changes as proof.
    """
    machine = Machine(1).begin()
    machine.feed(RoundTimedOut(HEIGHT, Round(0)), round_change(2, 1))
    assert machine.all_of(BuildBlock) == []
    machine.feed(round_change(3, 1))
    assert machine.all_of(BuildBlock) == [BuildBlock(HEIGHT, Round(1))]
    new = block(1)
    machine.feed(BlockBuilt(HEIGHT, Round(1), new))

    draft = machine.signed()[0]
    assert isinstance(draft, ProposalDraft)
    assert draft.payload.block == new
    assert {each.author for each in draft.round_changes} == {KEYS.address(n) for n in (1, 2, 3)}
    assert draft.prepares == ()


def test_the_next_proposer_proposes_again_what_was_prepared_last() -> None:
    """
    The block of the latest prepared round, for the new round, with its prepares.
    """
    later = block(1, number=1)
    machine = Machine(2).begin()
    machine.feed(
        round_change(0, 2, BLOCK, at=0),
        round_change(1, 2, later, at=1),
        RoundTimedOut(HEIGHT, Round(1)),
        round_change(3, 2),
    )

    (draft,) = [each for each in machine.signed() if isinstance(each, ProposalDraft)]
    assert draft.payload.block == later.with_round(Round(2))
    assert draft.payload.block.block_hash == later.block_hash
    assert all(each.payload.round == 1 for each in draft.prepares)


def test_a_round_change_of_f_plus_1_is_followed_to_the_least_round() -> None:
    """
    One validator of four moves nobody; with the second, the least of their rounds begins.
    """
    machine = Machine(1).begin()
    machine.feed(round_change(2, 7))
    assert machine.state.round == 0
    machine.feed(round_change(3, 4))

    assert machine.state.round == 4
    (draft,) = machine.signed()
    assert isinstance(draft, RoundChangeDraft)
    assert draft.payload.round == 4


def test_a_later_round_begins_with_its_justified_proposal() -> None:
    """
    A node that missed the round changes enters the round when the proposal's block is valid.
    """
    new = block(2)
    message = proposal(new, round_changes=[round_change(n, 2) for n in (0, 2, 3)])
    machine = Machine(1).begin()
    machine.feed(message)
    assert machine.state.round == 0
    machine.feed(BlockJudged(HEIGHT, new.block_hash, True))

    assert machine.state.round == 2
    assert machine.signed() == [PreparePayload(HEIGHT, Round(2), new.digest)]


def test_a_proposal_before_the_block_time_begins_round_0() -> None:
    """
    Another clock is ahead: its block is judged, not its haste.
    """
    machine = Machine(1)
    machine.feed(proposal(BLOCK), VALID)

    assert machine.state.round == 0
    assert machine.all_of(ScheduleTimeout)


def test_one_proposal_a_round() -> None:
    """
    A second proposal of the round's proposer is not looked at, whether or not the first is judged.
    """
    second = proposal(block(number=1))
    machine = Machine().begin()
    machine.feed(proposal(BLOCK))
    assert machine.feed(second) == []
    machine.feed(VALID)
    assert machine.feed(second) == []


def test_votes_before_the_proposal_count_after_it() -> None:
    """
    Messages overtake each other: prepares and commits wait for their proposal.
    """
    machine = Machine().begin()
    machine.feed(*(prepare(n, BLOCK) for n in (0, 2, 3)), *(commit(n, BLOCK) for n in (0, 2, 3)))
    assert machine.signed() == []
    machine.feed(proposal(BLOCK), VALID)

    assert len(machine.all_of(Decide)) == 1


def test_votes_of_a_later_round_wait_for_it_up_to_a_limit() -> None:
    """
    A validator may speak a few rounds ahead, and no further.
    """
    machine = Machine().begin()
    machine.feed(prepare(2, block(3), 3))
    assert machine.state.prepares[Round(3)]
    before = machine.state
    far = MAX_FUTURE_ROUNDS + 1
    machine.feed(prepare(2, block(far), far), commit(2, block(far), far))
    assert machine.state == before


def test_votes_of_an_earlier_round_are_dropped() -> None:
    """
    A round that is over decides nothing here any more.
    """
    machine = prepared_machine()
    machine.feed(RoundTimedOut(HEIGHT, Round(0)))
    before = machine.state
    machine.feed(commit(0, BLOCK), commit(2, BLOCK), commit(3, BLOCK), round_change(2, 1))
    assert not machine.state.decided
    assert machine.state.prepares == before.prepares


def test_equivocation_is_reported_once_with_both_messages() -> None:
    """
    Two prepares, or commits, of one author for a round; the first one counts.
    """
    other = block(number=1)
    machine = Machine().begin()
    for first, second in (
        (prepare(2, BLOCK), prepare(2, other)),
        (commit(2, BLOCK), commit(2, other)),
    ):
        machine.feed(first, second)
        assert machine.all_of(ReportEquivocation) == [ReportEquivocation(first, second)]  # type: ignore[arg-type]
        machine.feed(second, first)
        assert machine.effects == []


def test_early_messages_come_back_at_their_height() -> None:
    """
    Messages for a later height are kept, and redelivered in order when it starts.
    """
    machine = Machine(1, height=HEIGHT - 1)
    early = [prepare(2, BLOCK), proposal(BLOCK)]
    assert machine.feed(*early) == []
    state, effects = step(machine.state, start())

    kept = tuple(MessageReceived(each, PEER) for each in early)
    assert effects[-1] == Redeliver(kept)
    assert state.future == ()


def test_what_is_kept_of_later_heights_is_bounded_for_each_author() -> None:
    """
    Nobody but validators, not too far ahead, and only so many of each.
    """
    machine = Machine(1, height=HEIGHT - MAX_FUTURE_HEIGHTS - 1)
    machine.feed(prepare(2, BLOCK))
    assert machine.state.future == ()
    machine = Machine(1, height=HEIGHT - 1)
    machine.feed(*(prepare(2, BLOCK, n) for n in range(2 * MAX_FUTURE_MESSAGES_PER_AUTHOR)))
    assert len(machine.state.future) == MAX_FUTURE_MESSAGES_PER_AUTHOR
    machine.feed(prepare(3, BLOCK), prepare(9, BLOCK))
    assert len(machine.state.future) == MAX_FUTURE_MESSAGES_PER_AUTHOR + 1


def test_a_stuck_node_repeats_what_it_said_in_its_round() -> None:
    """
    Its own messages of this round, as often as it stays in it; not after the decision.
    """
    machine = prepared_machine()
    machine.feed(ResendDue(HEIGHT, Round(0)))
    kinds = [type(effect.message).__name__ for effect in machine.all_of(Broadcast)]
    assert kinds == ["Prepare", "Commit"]
    assert machine.all_of(AppendToWal) == []
    machine.feed(ResendDue(HEIGHT, Round(1)))
    assert machine.effects == []
    machine.feed(commit(0, BLOCK), commit(2, BLOCK), ResendDue(HEIGHT, Round(0)))
    assert machine.all_of(Broadcast) == []


def test_a_follower_decides_and_says_nothing() -> None:
    """
    A node without a key, or out of the set, sees the block decided.
    """
    for number in (None, 9):
        machine = Machine(number)
        machine.feed(proposal(BLOCK), VALID, *(commit(n, BLOCK) for n in (0, 2, 3)))

        assert len(machine.all_of(Decide)) == 1
        assert machine.all_of(Sign) == []
        assert machine.all_of(ScheduleTimeout) == []


def test_strangers_are_refused_by_name_and_nothing_is_logged() -> None:
    """
    A signature of no validator of the height changes nothing.
    """
    machine = Machine().begin()
    before = machine.state
    machine.feed(prepare(9, BLOCK), commit(9, BLOCK), round_change(9, 1), proposal(BLOCK, by=9))

    reports = machine.all_of(ReportInvalid)
    assert [type(report.error) for report in reports] == [errors.UnknownAuthor] * 4
    assert machine.all_of(AppendToWal) == []
    assert machine.state == before


def test_a_height_may_start_from_an_imported_block() -> None:
    """
    A node that fell behind goes on at a higher height, whatever it was in the middle of.
    """
    machine = prepared_machine()
    state, _ = step(machine.state, start(HEIGHT + 3))

    assert (state.height, state.round, state.prepared) == (HEIGHT + 3, -1, None)


def test_nothing_is_taken_in_after_the_decision() -> None:
    """
    Until the next height starts the machine rests.
    """
    machine = prepared_machine()
    machine.feed(commit(0, BLOCK), commit(2, BLOCK))
    before = machine.state
    assert machine.feed(commit(3, BLOCK), RoundTimedOut(HEIGHT, Round(0))) == []
    assert machine.state == before


def test_a_commit_counts_for_its_own_digest_alone() -> None:
    """
    Commits for another block do not decide this one.
    """
    other = block(number=1)
    machine = prepared_machine()
    machine.feed(commit(0, other), commit(2, other), commit(3, other))
    assert not machine.state.decided


def test_the_mandate_is_as_of_when_the_proposer_acted() -> None:
    """
    A round change that comes while the block is built joins no proposal.
    """
    machine = Machine(1).begin()
    machine.feed(RoundTimedOut(HEIGHT, Round(0)), round_change(2, 1), round_change(3, 1))
    machine.feed(round_change(0, 1, BLOCK, at=0), BlockBuilt(HEIGHT, Round(1), block(1)))

    (draft,) = [each for each in machine.signed() if isinstance(each, ProposalDraft)]
    assert KEYS.address(0) not in {each.author for each in draft.round_changes}
    assert prepares(BLOCK, 0, 0)[0] not in draft.prepares


def test_commits_are_the_authors_own() -> None:
    """
    The stub keys of these tests say whose seal a commit carries.
    """
    message = said(2, CommitDraft(HEIGHT, Round(0), BLOCK.digest))
    assert isinstance(message, Commit)
    assert KEYS.seal_author(BLOCK.digest, message.signed.payload.seal) == KEYS.address(2)
