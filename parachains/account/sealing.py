"""What a header's extra data must be here, and whether its seals are enough.

The validators of a block are those after its parent, and its vote must be one that may be counted.
"""

from dataclasses import dataclass, replace

from chainkit.formats.ethereum.bft_extra_data import ValidatorVote, recover_seal
from chainkit.formats.ethereum.limits import VANITY_BYTES
from chainkit.formats.ethereum.qbft import (
    QbftExtraData,
    decode_extra_data,
    encode_extra_data,
    recover_seals,
    seal_hash,
    with_extra_data,
)
from chainkit.formats.ethereum.types import Block, Header
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address, BlockHeight
from parachains.account.consensus.errors import VoteRefused
from parachains.account.consensus.validators import quorum_of
from parachains.account.consensus.votes import VoteTally, count_vote
from parachains.account.errors import BlockRefused
from parachains.account.ledger import Ledger, LedgerBlock


@dataclass(frozen=True, slots=True)
class SealingRules:
    """What a block's header is held to beside its execution."""

    tally: VoteTally
    """After its parent."""
    epoch_length: int
    period_s: int = 1
    """Least seconds between two blocks."""


def unsealed_extra(
    validators: tuple[Address, ...], round_: int, vote: ValidatorVote | None = None
) -> bytes:
    """Return the extra data of a block that is proposed in a round."""
    return encode_extra_data(
        QbftExtraData(bytes(VANITY_BYTES), validators, vote=vote, round=round_, seals=())
    )


def check_extra(header: Header, rules: SealingRules) -> QbftExtraData:
    """Return a header's extra data.

    Raises:
        BlockRefused: It does not decode, names other validators, or has a vote that must not be.
    """
    try:
        extra = decode_extra_data(header.extra_data)
    except RuleBroken as error:
        raise BlockRefused("extra data", str(error)) from error
    if extra.validators != rules.tally.validators:
        raise BlockRefused("extra data", "other validators than the chain's")
    height = BlockHeight(header.number)
    try:
        count_vote(
            rules.tally, height, header.beneficiary, extra.vote, epoch_length=rules.epoch_length
        )
    except VoteRefused as error:
        raise BlockRefused("extra data", str(error)) from error
    return extra


def check_seals(header: Header, validators: tuple[Address, ...]) -> None:
    """Check that two thirds of the validators sealed a header, each once, and nobody else.

    Raises:
        BlockRefused: They did not.
    """
    try:
        sealers = recover_seals(header)
    except RuleBroken as error:
        raise BlockRefused("seals", str(error)) from error
    if len(set(sealers)) != len(sealers):
        raise BlockRefused("seals", "a validator sealed twice")
    if not set(sealers) <= set(validators):
        raise BlockRefused("seals", "a seal is of no validator")
    if len(sealers) < quorum_of(len(validators)):
        raise BlockRefused("seals", f"{len(sealers)} of {len(validators)} validators sealed")


def with_late_seal(block: Block, author: Address, seal: bytes) -> Block | None:
    """Return a sealed block with the seal of one more validator; None where it adds none.

    Args:
        block: As it is on the chain.
        author: Who says that the seal is its own.
        seal: 65 bytes over the block's seal hash.
    """
    extra = decode_extra_data(block.header.extra_data)
    if author not in extra.validators or len(extra.seals) == len(extra.validators):
        return None
    by_author = dict(zip(recover_seals(block.header), extra.seals, strict=True))
    if author in by_author or not _is_seal_of(author, block.header, seal):
        return None
    by_author[author] = seal
    seals = tuple(by_author[each] for each in extra.validators if each in by_author)
    return replace(block, header=with_extra_data(block.header, replace(extra, seals=seals)))


def _is_seal_of(author: Address, header: Header, seal: bytes) -> bool:
    try:
        return recover_seal(seal_hash(header), seal) == author
    except RuleBroken:
        return False


def judge_proposed(
    ledger: Ledger,
    parent: Header,
    block: Block,
    rules: SealingRules,
    *,
    latest_s: int,
) -> LedgerBlock:
    """Run a block that may be sealed, and hold it to every rule of this chain.

    Args:
        ledger: At the parent's state.
        parent: Of the block.
        block: Without seals, or with them where ``check_seals`` looks at those.
        rules: As of the parent.
        latest_s: The last second that the timestamp may be.

    Raises:
        BlockRefused: It breaks one.
    """
    header = block.header
    check_extra(header, rules)
    if not parent.timestamp + rules.period_s <= header.timestamp <= latest_s:
        raise BlockRefused("timestamp", f"{header.timestamp} after {parent.timestamp}")
    if header.beneficiary not in rules.tally.validators:
        raise BlockRefused("beneficiary", "the coinbase is no validator")
    return ledger.judge(parent, block)
