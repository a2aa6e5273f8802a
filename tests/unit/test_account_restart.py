"""A restarted validator: the same state again, and never a second word in one place."""

import pytest

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import BlockHeight, Round
from parachains.account.consensus.errors import SigningRefused
from parachains.account.consensus.messages import (
    AppendToWal,
    BlockBuilt,
    BlockJudged,
    BlockTimeReached,
    Broadcast,
    BuildBlock,
    CommitDraft,
    JudgeBlock,
    PreparedRound,
    PreparePayload,
    ProposalDraft,
    ProposalPayload,
    RoundChangeDraft,
    RoundChangePayload,
    RoundTimedOut,
    ScheduleTimeout,
    Sign,
    WaitForBlockTime,
    WalEntry,
)
from parachains.account.consensus.replay import has_forgotten, restart
from parachains.account.consensus.signing import (
    NOTHING_SIGNED,
    SigningRecord,
    SigningStep,
    authorize,
    decode_record,
    encode_record,
    record_of,
)
from parachains.account.consensus.state import Parameters
from parachains.account.consensus.wal_codec import decode_entry, encode_entry
from parachains.account.simulation.keys import read_sim_block
from tests.unit.qbft_worlds import HEIGHT, KEYS, Machine, block, prepare, proposal, start

BLOCK = block()
VALID = BlockJudged(HEIGHT, BLOCK.block_hash, True)
PARAMETERS = Parameters(KEYS.address(1))


def entries_of(machine: Machine) -> list[WalEntry]:
    return [effect.entry for effect in machine.all_of(AppendToWal)]


def logged(*inputs: object) -> tuple[Machine, list[WalEntry]]:
    """Return a machine after inputs, and its log."""
    machine = Machine(1)
    log: list[WalEntry] = []
    for each in (BlockTimeReached(HEIGHT), *inputs):
        machine.feed(each)  # type: ignore[arg-type]
        log += entries_of(machine)
    return machine, log


STORIES = {
    "begun": (),
    "proposal being judged": (proposal(BLOCK),),
    "prepared": (proposal(BLOCK), VALID, prepare(0, BLOCK), prepare(2, BLOCK)),
    "round 1": (proposal(BLOCK), VALID, RoundTimedOut(HEIGHT, Round(0))),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_log_gives_the_same_state_again(name: str) -> None:
    """
    At every length of the log the replayed machine is the one that wrote it.
    """
    machine, log = logged(*STORIES[name])
    state, _ = restart(PARAMETERS, start(), log)

    assert state == machine.state


def test_what_the_log_leaves_open_is_done_once() -> None:
    """
    Cut after each entry: a signature, a block or a verdict that did not come back is asked again.
    """
    _, log = logged(*STORIES["prepared"])
    signs: list[list[str]] = []
    for length in range(len(log) + 1):
        _, effects = restart(PARAMETERS, start(), log[:length])
        signs.append([type(e.draft).__name__ for e in effects if isinstance(e, Sign)])
        if length == 0:
            assert effects == (WaitForBlockTime(HEIGHT, start().earliest),)
        if length == 2:
            assert JudgeBlock(HEIGHT, BLOCK) in effects
        if length > 0:
            assert len([e for e in effects if isinstance(e, ScheduleTimeout)]) == 1

    # Log: block time, proposal, verdict, own prepare, two prepares, own commit.
    assert signs == [[], [], [], ["PreparePayload"], [], [], ["CommitDraft"], []]


def test_an_earlier_rounds_open_effects_are_void() -> None:
    """
    After a round change nothing of the round before is signed, built, sent or waited for.
    """
    _, log = logged(*STORIES["round 1"])
    _, effects = restart(PARAMETERS, start(), log)

    for effect in effects:
        if isinstance(effect, ScheduleTimeout | BuildBlock):
            assert effect.round == 1
        assert not isinstance(effect, Sign)
    assert [e.message.signed.payload.round for e in effects if isinstance(e, Broadcast)] == [1]


def test_a_log_that_lost_what_was_signed_is_behind_the_key() -> None:
    """
    Such a node must follow its height without signing: what it prepared may be among the lost.
    """
    machine, log = logged(*STORIES["prepared"])
    assert machine.state.has_prepared_here
    commit = record_of(CommitDraft(HEIGHT, Round(0), BLOCK.digest))
    for length in range(len(log) - 1):
        state, _ = restart(PARAMETERS, start(), log[:length])
        assert has_forgotten(state, commit) is (length < len(log) - 1)
    state, _ = restart(PARAMETERS, start(), log)
    assert not has_forgotten(state, commit)
    assert not has_forgotten(state, NOTHING_SIGNED)
    for later in (
        SigningRecord(HEIGHT, Round(1), SigningStep.ROUND_CHANGE, BLOCK.digest),
        SigningRecord(BlockHeight(HEIGHT + 1), Round(0), SigningStep.PREPARE, BLOCK.digest),
    ):
        assert has_forgotten(state, later)
    fresh, _ = restart(PARAMETERS, start(), log[:1])
    for step in (SigningStep.PROPOSAL, SigningStep.PREPARE, SigningStep.COMMIT):
        assert has_forgotten(fresh, SigningRecord(HEIGHT, Round(0), step, BLOCK.digest))


OTHER = block(number=1)
FREE = RoundChangePayload(HEIGHT, Round(1), None)
IN_ORDER = [
    RoundChangeDraft(RoundChangePayload(HEIGHT, Round(0), None), None, ()),
    ProposalDraft(ProposalPayload(HEIGHT, Round(0), BLOCK), (), ()),
    PreparePayload(HEIGHT, Round(0), BLOCK.digest),
    CommitDraft(HEIGHT, Round(0), BLOCK.digest),
    RoundChangeDraft(FREE, None, ()),
    PreparePayload(BlockHeight(HEIGHT + 1), Round(0), BLOCK.digest),
]
CONFLICTING = [
    (
        IN_ORDER[4],
        RoundChangeDraft(
            RoundChangePayload(HEIGHT, Round(1), PreparedRound(Round(0), BLOCK.digest)), BLOCK, ()
        ),
    ),
    (IN_ORDER[1], ProposalDraft(ProposalPayload(HEIGHT, Round(0), OTHER), (), ())),
    (IN_ORDER[2], PreparePayload(HEIGHT, Round(0), OTHER.digest)),
    (IN_ORDER[3], CommitDraft(HEIGHT, Round(0), OTHER.digest)),
]


def test_the_key_signs_in_order_and_the_same_again() -> None:
    """
    Each later position is signed, and the last one again; nothing earlier is.
    """
    record = NOTHING_SIGNED
    for place, draft in enumerate(IN_ORDER):
        record = authorize(record, draft)
        assert authorize(record, draft) == record
        assert decode_record(encode_record(record)) == record
        for earlier in IN_ORDER[:place]:
            with pytest.raises(SigningRefused):
                authorize(record, earlier)


@pytest.mark.parametrize(("first", "second"), CONFLICTING)
def test_the_key_never_says_two_things_in_one_place(first: object, second: object) -> None:
    """
    Another block, or another account of what was prepared, is refused.
    """
    record = authorize(NOTHING_SIGNED, first)  # type: ignore[arg-type]
    with pytest.raises(SigningRefused):
        authorize(record, second)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc0", b"\xc4\x01\x01\x01\x01", bytes(200), encode_record(NOTHING_SIGNED) + b"\x00"],
)
def test_a_broken_record_is_refused(data: bytes) -> None:
    """
    A key that does not know what it signed must not start.
    """
    with pytest.raises(MalformedMessage):
        decode_record(data)


def test_entries_survive_the_disk() -> None:
    """
    Every kind of entry is read back as it was, but for who a peer was.
    """
    entries: list[WalEntry] = [
        BlockTimeReached(HEIGHT),
        RoundTimedOut(HEIGHT, Round(3)),
        BlockBuilt(HEIGHT, Round(1), block(1)),
        BlockJudged(HEIGHT, BLOCK.block_hash, True),
        BlockJudged(HEIGHT, BLOCK.block_hash, False),
    ]
    for entry in entries:
        assert decode_entry(encode_entry(entry), read_sim_block) == entry


@pytest.mark.parametrize("data", [b"\xc0", b"\xc1\x09", b"\xc2\x01\xc0", b"\xc4\x05\x01\x80\x01"])
def test_broken_entries_are_refused(data: bytes) -> None:
    """
    An unknown kind, a list for a number, a hash of a wrong size.
    """
    with pytest.raises(MalformedMessage):
        decode_entry(data, read_sim_block)
