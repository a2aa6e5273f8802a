"""Who is guilty of a fork: from its two commits, or from the vote logs of a height.

Two commits of one round share more than a third of the power, and every shared signer
signed twice. Two commits of different rounds may share nobody who signed twice: some
validators then forgot their lock (amnesia), which only the votes between the rounds show.
So correct nodes publish the votes that they hold, and a validator that left its lock
without a proof among them is guilty: a correct one always holds its own proof.

Spec:
    CometBFT spec/light-client/accountability, "Amnesia attack"; arXiv:1807.04938, L23, L29.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum

from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    BlockId,
    BlockIdFlag,
    Commit,
    Vote,
    VoteType,
)
from chainkit.primitives.types import Round
from relay_chain.consensus.votes import Electorate, is_supermajority


class ForkKind(Enum):
    """How two decisions of one height came about."""

    EQUIVOCATION = "equivocation"
    """Both in one round: the signers of both commits signed twice."""
    AMNESIA = "amnesia"
    """In different rounds: the commits alone prove nobody guilty."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork's kind, and the validators (by index) that its two commits prove guilty."""

    kind: ForkKind
    guilty: tuple[int, ...]


class Crime(Enum):
    """What a vote log proves against a validator."""

    EQUIVOCATION = "two votes of one height, round and type"
    LEFT_LOCK = "prevoted against its precommit without a proof of lock"
    NO_POLKA = "precommitted a block that +2/3 did not prevote in that round"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One crime of one validator, by its index."""

    validator_index: int
    crime: Crime
    round: Round


def classify_fork(commit_a: Commit, commit_b: Commit) -> Fork:
    """Return what two verified commits of one height for two blocks prove.

    Raises:
        AssertionError: They are of different heights, sets or of one block: no fork.
    """
    assert commit_a.height == commit_b.height
    assert commit_a.block_id != commit_b.block_id
    assert len(commit_a.signatures) == len(commit_b.signatures)
    if commit_a.round != commit_b.round:
        return Fork(ForkKind.AMNESIA, ())
    both = zip(commit_a.signatures, commit_b.signatures, strict=True)
    guilty = tuple(
        index
        for index, (in_a, in_b) in enumerate(both)
        if in_a.block_id_flag is BlockIdFlag.COMMIT and in_b.block_id_flag is BlockIdFlag.COMMIT
    )
    return Fork(ForkKind.EQUIVOCATION, guilty)


def judge_logs(votes: Iterable[Vote], electorate: Electorate) -> tuple[Verdict, ...]:
    """Return what the pooled vote logs of one height prove, by validator and round.

    A correct validator, ours or CometBFT 0.38's, is never named: leaving a lock, for
    another block or for nil, is excused by a polka for the new block (ours) or by any
    later polka for something else (CometBFT's). CometBFT unlocks on a polka of the present
    round too, before its own prevote: that excuses where the polka stands without the
    accused. When a height has forked, the first polka against the decided block has more
    than a third of the power in common with the decision. Nothing excuses those, unless
    more validators than needed made that polka: then each of them may be the honest
    latecomer, and logs without order cannot tell them apart.

    Args:
        votes: Of one height, with good signatures.
        electorate: Of the height.
    """
    cast = _by_voter(votes)
    polkas = _polkas(cast, electorate)
    verdicts: list[Verdict] = []
    for index in sorted({key[0] for key in cast}):
        own = {key[1:]: ids for key, ids in cast.items() if key[0] == index}
        verdicts += _judge(index, own, polkas, electorate)
    return tuple(verdicts)


_Cast = Mapping[tuple[int, Round, VoteType], frozenset[BlockId]]
_OwnVotes = Mapping[tuple[Round, VoteType], frozenset[BlockId]]
_Polkas = Mapping[tuple[Round, BlockId], int]


def _by_voter(votes: Iterable[Vote]) -> _Cast:
    cast: dict[tuple[int, Round, VoteType], frozenset[BlockId]] = {}
    for vote in votes:
        key = (vote.validator_index, vote.round, vote.type)
        cast[key] = cast.get(key, frozenset()) | {vote.block_id}
    return cast


def _polkas(cast: _Cast, electorate: Electorate) -> _Polkas:
    power: dict[tuple[Round, BlockId], int] = {}
    for (index, round_, type_), block_ids in cast.items():
        if type_ is not VoteType.PREVOTE:
            continue
        for block_id in block_ids:
            key = (round_, block_id)
            power[key] = power.get(key, 0) + electorate.powers[index]
    total = electorate.total_power
    return {key: sum_ for key, sum_ in power.items() if is_supermajority(sum_, total)}


def _judge(index: int, own: _OwnVotes, polkas: _Polkas, electorate: Electorate) -> list[Verdict]:
    verdicts = [
        Verdict(index, Crime.EQUIVOCATION, round_)
        for (round_, _), block_ids in sorted(own.items(), key=lambda item: item[0])
        if len(block_ids) > 1
    ]
    locks = [
        (round_, block_id)
        for (round_, type_), block_ids in own.items()
        for block_id in block_ids
        if type_ is VoteType.PRECOMMIT and block_id != NIL_BLOCK_ID
    ]
    unfounded = {round_ for round_, block_id in locks if (round_, block_id) not in polkas}
    verdicts += [Verdict(index, Crime.NO_POLKA, round_) for round_ in sorted(unfounded)]
    prevotes = {round_: ids for (round_, type_), ids in own.items() if type_ is VoteType.PREVOTE}
    without_own = {
        (round_, block_id)
        for (round_, block_id), power in polkas.items()
        if block_id not in prevotes.get(round_, frozenset())
        or is_supermajority(power - electorate.powers[index], electorate.total_power)
    }
    for round_, block_ids in sorted(prevotes.items()):
        excuses = {
            (polka_round, polka_block)
            for polka_round, polka_block in polkas
            if polka_round < round_
            or (polka_round == round_ and (polka_round, polka_block) in without_own)
        }
        if any(_left_lock(round_, block_id, locks, excuses) for block_id in block_ids):
            verdicts.append(Verdict(index, Crime.LEFT_LOCK, round_))
    return verdicts


def _left_lock(
    round_: Round,
    block_id: BlockId,
    locks: Sequence[tuple[Round, BlockId]],
    excuses: AbstractSet[tuple[Round, BlockId]],
) -> bool:
    """Return whether a prevote goes against the voter's last lock, without an excuse."""
    earlier = [lock for lock in locks if lock[0] < round_]
    if not earlier:
        return False
    locked_round = max(lock[0] for lock in earlier)
    locked = {locked_block for r, locked_block in earlier if r == locked_round}
    if block_id in locked:
        return False
    return not any(
        (locked_round <= polka_round < round_ and polka_block == block_id)
        or (locked_round < polka_round and polka_block not in locked)
        for polka_round, polka_block in excuses
    )
