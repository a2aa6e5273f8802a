"""What justifies a proposal and a round change; each refusal has its name."""

from dataclasses import replace

import pytest

from chainkit.primitives.types import BlockHeight, Hash32, Round
from parachains.account.consensus import errors
from parachains.account.consensus.justification import check_proposal, check_round_change
from parachains.account.consensus.messages import (
    Proposal,
    ProposalDraft,
    ProposalPayload,
    RoundChange,
    RoundChangeDraft,
)
from parachains.account.consensus.state import HeightContext, Parameters
from tests.unit.qbft_worlds import (
    HEIGHT,
    VALIDATORS,
    block,
    prepares,
    proposal,
    round_change,
    said,
)

CONTEXT = HeightContext(Parameters(None), HEIGHT, VALIDATORS, VALIDATORS[3])
FREE = [round_change(number, 2) for number in (0, 2, 3)]
OLD, LATER = block(0), block(1, number=1)
BOUND = [round_change(0, 2, OLD, at=0), round_change(2, 2, LATER, at=1), round_change(3, 2)]
AGAIN = LATER.with_round(Round(2))
PROOF = prepares(LATER, 1, 0, 1, 2)


def test_justified_proposals_are_accepted() -> None:
    """
    Round 0 with nothing; a later round with free round changes; one with the block prepared last.
    """
    for message in (
        proposal(block()),
        proposal(block(2), round_changes=FREE),
        proposal(AGAIN, round_changes=BOUND, prepares=PROOF),
    ):
        assert isinstance(message, Proposal)
        check_proposal(CONTEXT, message)


REFUSED = [
    ("not its turn", proposal(block(0, maker=1), by=1), errors.WrongProposer),
    ("made by another", proposal(block(0, maker=1)), errors.WrongBlock),
    (
        "round changes in round 0",
        proposal(block(), round_changes=FREE),
        errors.UnexpectedJustification,
    ),
    ("prepares in round 0", proposal(block(), prepares=PROOF), errors.UnexpectedJustification),
    ("no round changes", proposal(block(2)), errors.TooFewRoundChanges),
    ("two of three", proposal(block(2), round_changes=FREE[:2]), errors.TooFewRoundChanges),
    (
        "one of them twice",
        proposal(block(2), round_changes=[*FREE[:2], FREE[0]]),
        errors.DuplicateAuthor,
    ),
    (
        "a stranger's round change",
        proposal(block(2), round_changes=[*FREE[:2], round_change(9, 2)]),
        errors.UnknownAuthor,
    ),
    (
        "a round change for another round",
        proposal(block(2), round_changes=[*FREE[:2], round_change(3, 3)]),
        errors.InvalidRoundChange,
    ),
    (
        "made by another in a later round",
        proposal(block(2, maker=1), round_changes=FREE),
        errors.WrongBlock,
    ),
    ("a new block", proposal(block(2), round_changes=BOUND, prepares=PROOF), errors.WrongBlock),
    (
        "the block of an earlier prepared round",
        proposal(OLD.with_round(Round(2)), round_changes=BOUND, prepares=prepares(OLD, 0, 0, 1, 2)),
        errors.WrongBlock,
    ),
    (
        "prepares where none prepared",
        proposal(block(2), round_changes=FREE, prepares=PROOF),
        errors.UnexpectedJustification,
    ),
    (
        "too few prepares",
        proposal(AGAIN, round_changes=BOUND, prepares=PROOF[:2]),
        errors.TooFewPrepares,
    ),
    (
        "a prepare twice",
        proposal(AGAIN, round_changes=BOUND, prepares=(*PROOF[:2], PROOF[0])),
        errors.DuplicateAuthor,
    ),
    (
        "a stranger's prepare",
        proposal(AGAIN, round_changes=BOUND, prepares=(*PROOF[:2], *prepares(LATER, 1, 9))),
        errors.UnknownAuthor,
    ),
    (
        "a prepare of another round",
        proposal(AGAIN, round_changes=BOUND, prepares=(*PROOF[:2], *prepares(LATER, 2, 3))),
        errors.InvalidPrepare,
    ),
    (
        "two blocks prepared in one round",
        proposal(
            AGAIN,
            round_changes=[
                round_change(0, 2, block(1, number=7), at=1),
                *BOUND[1:],
            ],
            prepares=PROOF,
        ),
        errors.InconsistentPrepared,
    ),
]


@pytest.mark.parametrize(
    ("message", "refusal"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_proposals_that_nothing_justifies(message: Proposal, refusal: type[Exception]) -> None:
    """
    Each is refused by the rule that it breaks, before its block is looked at.
    """
    with pytest.raises(refusal) as caught:
        check_proposal(CONTEXT, message)

    assert type(caught.value) is refusal


@pytest.mark.parametrize(
    "payload",
    [
        ProposalPayload(HEIGHT, Round(0), block(1, maker=0)),
        ProposalPayload(BlockHeight(HEIGHT + 1), Round(0), block()),
        ProposalPayload(HEIGHT, Round(0), replace(block(), height=BlockHeight(HEIGHT + 1))),
    ],
    ids=["another round in the extra data", "another height", "a block of another height"],
)
def test_a_proposal_and_its_block_are_of_one_height_and_round(payload: ProposalPayload) -> None:
    """
    The digest that is prepared has the round in it, so it must be the proposal's.
    """
    message = said(0, ProposalDraft(payload, (), ()))
    assert isinstance(message, Proposal)
    with pytest.raises(errors.WrongBlock):
        check_proposal(CONTEXT, message)


def test_round_changes_that_are_accepted() -> None:
    """
    With nothing prepared, and with a block that a quorum prepared.
    """
    for message in (round_change(1, 3), round_change(1, 3, LATER, at=1)):
        check_round_change(CONTEXT, message)


def test_round_changes_that_prove_nothing() -> None:
    """
    Each is refused by the rule that it breaks.
    """
    good = round_change(1, 3, LATER, at=1)
    payload = good.signed.payload

    def changed(**fields: object) -> RoundChange:
        message = said(1, RoundChangeDraft(replace(payload, **fields), good.block, good.prepares))  # type: ignore[arg-type]
        assert isinstance(message, RoundChange)
        return message

    assert payload.prepared is not None
    other_digest = replace(payload.prepared, digest=Hash32(bytes(32)))
    for message, refusal in (
        (round_change(9, 3), errors.UnknownAuthor),
        (round_change(1, 0), errors.InvalidRoundChange),
        (changed(height=BlockHeight(HEIGHT + 1)), errors.InvalidRoundChange),
        (changed(round=Round(1)), errors.InvalidRoundChange),
        (replace(good, block=None), errors.WrongBlock),
        (replace(good, block=OLD), errors.WrongBlock),
        (changed(prepared=other_digest), errors.WrongBlock),
        (changed(prepared=None), errors.UnexpectedJustification),
        (round_change(1, 3, LATER, at=1, proven_by=2), errors.TooFewPrepares),
        (replace(good, prepares=(*good.prepares[:2], good.prepares[0])), errors.DuplicateAuthor),
        (replace(good, prepares=(*good.prepares[:2], *prepares(OLD, 0, 3))), errors.InvalidPrepare),
        (
            replace(good, prepares=(*good.prepares[:2], *prepares(LATER, 1, 9))),
            errors.UnknownAuthor,
        ),
    ):
        with pytest.raises(refusal) as caught:
            check_round_change(CONTEXT, message)
        assert type(caught.value) is refusal
