"""What proves that a proposal or a round change may be believed.

From round 1 on a proposal carries a quorum of round changes. If one of them prepared a
block, the block of the latest such round must be proposed again, with the prepares that
prove it; else the proposer is free.

Spec:
    Besu, ``ProposalValidator``, ``RoundChangeMessageValidator``, ``PrepareValidator``;
    arXiv:2002.03613, section 4, ``JustifyPrePrepare`` and ``JustifyRoundChange``.
"""

from collections.abc import Iterable

from chainkit.primitives.types import Address, Hash32, Round
from parachains.account.consensus import errors
from parachains.account.consensus.messages import (
    PreparedRound,
    PreparePayload,
    Proposal,
    RoundChange,
    RoundChangePayload,
    SealableBlock,
    Signed,
)
from parachains.account.consensus.state import HeightContext, PreparedCertificate


def check_author(context: HeightContext, author: Address) -> None:
    """Check that the author is a validator of the height.

    Raises:
        UnknownAuthor: It is not.
    """
    if author not in context.validators:
        raise errors.UnknownAuthor(author=author)


def check_proposal(context: HeightContext, proposal: Proposal) -> None:
    """Check everything about a proposal but its block's validity.

    Raises:
        QbftRuleBroken: The subclass names the rule.
    """
    payload, author = proposal.signed.payload, proposal.signed.author
    proposer = context.proposer(payload.round)
    if author != proposer:
        raise errors.WrongProposer(author=author, proposer=proposer)
    block = payload.block
    if (payload.height, block.height, block.round) != (
        context.height,
        context.height,
        payload.round,
    ):
        raise errors.WrongBlock("the block is not of the proposal's height and round")
    if payload.round == 0:
        if proposal.round_changes or proposal.prepares:
            raise errors.UnexpectedJustification("round 0 needs no justification")
        best = None
    else:
        check_round_changes(context, payload.round, proposal.round_changes)
        best = latest_prepared(proposal.round_changes)
    if best is not None:
        check_prepared(context, best, block, proposal.prepares)
        return
    if proposal.prepares:
        raise errors.UnexpectedJustification("prepares, but no round change prepared")
    if block.coinbase != author:
        raise errors.WrongBlock("the block was made by another than the proposer")


def check_round_changes(
    context: HeightContext, round_: Round, round_changes: tuple[Signed[RoundChangePayload], ...]
) -> None:
    """Check the round changes that justify a proposal of ``round_``.

    Raises:
        QbftRuleBroken: The subclass names the rule.
    """
    _distinct(signed.author for signed in round_changes)
    if len(round_changes) < context.quorum:
        raise errors.TooFewRoundChanges(
            f"{len(round_changes)} round changes of {context.quorum} needed"
        )
    prepared: dict[Round, Hash32] = {}
    for signed in round_changes:
        check_round_change_payload(context, signed)
        if signed.payload.round != round_:
            raise errors.InvalidRoundChange(f"for round {signed.payload.round}, not {round_}")
        metadata = signed.payload.prepared
        if metadata is None:
            continue
        if prepared.setdefault(metadata.round, metadata.digest) != metadata.digest:
            raise errors.InconsistentPrepared(f"two blocks prepared in round {metadata.round}")


def check_round_change_payload(context: HeightContext, signed: Signed[RoundChangePayload]) -> None:
    """Check a round change without what it carries.

    Raises:
        UnknownAuthor: The author is no validator.
        InvalidRoundChange: Of another height, for round 0, or prepared in a later round.
    """
    check_author(context, signed.author)
    payload = signed.payload
    if payload.height != context.height or payload.round < 1:
        raise errors.InvalidRoundChange(f"for height {payload.height}, round {payload.round}")
    if payload.prepared is not None and not 0 <= payload.prepared.round < payload.round:
        raise errors.InvalidRoundChange("prepared in a round that is not before the new one")


def latest_prepared(
    round_changes: Iterable[Signed[RoundChangePayload]],
) -> PreparedRound | None:
    """Return what was prepared in the latest round; None if nobody prepared."""
    found = [signed.payload.prepared for signed in round_changes if signed.payload.prepared]
    return max(found, key=lambda prepared: prepared.round, default=None)


def check_round_change(context: HeightContext, message: RoundChange) -> None:
    """Check a round change with the block that its author prepared.

    Raises:
        QbftRuleBroken: The subclass names the rule.
    """
    check_round_change_payload(context, message.signed)
    prepared = message.signed.payload.prepared
    if prepared is None:
        if message.block is not None or message.prepares:
            raise errors.UnexpectedJustification("nothing was prepared, yet there is a block")
        return
    if message.block is None:
        raise errors.WrongBlock("the prepared block is missing")
    check_prepared(context, prepared, message.block, message.prepares)


def check_prepared(
    context: HeightContext,
    prepared: PreparedRound,
    block: SealableBlock,
    prepares: tuple[Signed[PreparePayload], ...],
) -> None:
    """Check that the block is the one prepared, and that a quorum prepared it.

    The digest of a prepare has the round in it, so the block is looked at as of that round.

    Raises:
        QbftRuleBroken: The subclass names the rule.
    """
    if block.height != context.height:
        raise errors.WrongBlock(f"a prepared block of height {block.height}")
    if block.with_round(prepared.round).digest != prepared.digest:
        raise errors.WrongBlock("the block is not the one that was prepared")
    _distinct(signed.author for signed in prepares)
    if len(prepares) < context.quorum:
        raise errors.TooFewPrepares(f"{len(prepares)} prepares of {context.quorum} needed")
    wanted = PreparePayload(context.height, prepared.round, prepared.digest)
    for signed in prepares:
        check_author(context, signed.author)
        if signed.payload != wanted:
            raise errors.InvalidPrepare("a prepare for another height, round or digest")


def certificate_of(message: RoundChange) -> PreparedCertificate | None:
    """Return what a checked round change proves prepared."""
    prepared = message.signed.payload.prepared
    if prepared is None:
        return None
    assert message.block is not None
    return PreparedCertificate(prepared.round, message.block, message.prepares)


def _distinct(authors: Iterable[Address]) -> None:
    seen: set[Address] = set()
    for author in authors:
        if author in seen:
            raise errors.DuplicateAuthor(author=author)
        seen.add(author)
