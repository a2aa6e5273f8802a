"""Who is guilty of a fork: from its two commits, or from the vote logs of a height.

Two commits of one round share more than a third of the power, and every shared signer
signed twice. Two commits of different rounds may share nobody who signed twice: some
validators then forgot their lock (amnesia), which only the votes between the rounds show.
So correct nodes publish the votes that they hold, and a validator that left its lock
without a proof among them is guilty: a correct one always holds its own proof. Among
nodes of this chain's rule that names more than a third. Where CometBFT 0.38's nodes take
part it can take a group instead of names (docs/adr/0004-lock-rule.md, "Accountability").

Spec:
    CometBFT spec/light-client/accountability, "Amnesia attack"; arXiv:1807.04938, L23, L29.
"""

from collections.abc import Iterable, Mapping, Sequence
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
from relay_chain.consensus.messages import NO_ROUND
from relay_chain.consensus.votes import Electorate


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


@dataclass(frozen=True, slots=True)
class Attribution:
    """What a fork's commits and the vote logs of its height prove together."""

    kind: ForkKind
    guilty: tuple[int, ...]
    """Validators, by index, of whom each is proven guilty."""
    suspects: tuple[int, ...] = ()
    """They made the first polka against the earlier decision after precommitting it."""
    guilty_power_among_suspects: int = 0
    """So much of the suspects' power is guilty at least, though not whose it is."""


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


def attribute_fork(
    commit_a: Commit,
    commit_b: Commit,
    votes: Iterable[Vote],
    electorate: Electorate,
    *,
    mixed: bool = True,
) -> Attribution:
    """Return who forked a height, as far as its commits and vote logs prove it.

    Either the guilty, or the guilty power among the suspects, is more than a third of all.
    Why the second: every polka has more than a third in common with a decision. A correct
    CometBFT node that left the decision in the first polka against it saw +2/3 there before
    its own prevote, so without all of those latecomers the polka still has a quorum: they
    hold no more power than it has to spare. Everybody else in common is guilty.

    Args:
        commit_a: A decision of the height.
        commit_b: A decision of another block.
        votes: Of the height, with good signatures: at least those of both commits.
        electorate: Of the height.
        mixed: See :func:`judge_logs`.
    """
    fork = classify_fork(commit_a, commit_b)
    if fork.kind is ForkKind.EQUIVOCATION:
        return Attribution(fork.kind, fork.guilty)
    cast = _by_voter(votes)
    verdicts = _judge_all(cast, electorate, mixed=mixed)
    guilty = tuple(sorted({verdict.validator_index for verdict in verdicts}))
    decision = min(commit_a, commit_b, key=lambda commit: commit.round)
    against = [
        (round_, block_id)
        for round_, block_id in _polkas(cast, electorate)
        if round_ > decision.round and block_id != decision.block_id
    ]
    if not against:
        # Then nothing founds the later commit: its signers are guilty, each by name.
        return Attribution(fork.kind, guilty)
    first_round, first_block = min(against, key=lambda polka: (polka[0], polka[1].hash))
    voters = [
        index
        for (index, round_, type_), block_ids in cast.items()
        if (round_, type_) == (first_round, VoteType.PREVOTE) and first_block in block_ids
    ]
    suspects = tuple(
        index
        for index in sorted(voters)
        if decision.signatures[index].block_id_flag is BlockIdFlag.COMMIT
    )
    to_spare = sum(electorate.powers[index] for index in voters) - electorate.quorum
    in_common = sum(electorate.powers[index] for index in suspects)
    return Attribution(fork.kind, guilty, suspects, max(0, in_common - to_spare))


def judge_logs(
    votes: Iterable[Vote], electorate: Electorate, *, mixed: bool = True
) -> tuple[Verdict, ...]:
    """Return what the pooled vote logs of one height prove, by validator and round.

    A correct validator is never named: leaving a lock, for another block or for nil, is
    excused by a polka for the new block since the lock. CometBFT 0.38's nodes have two more
    excuses: any later polka for something else, and such a polka of the present round
    where it stands without the accused, since they unlock before their own prevote.

    Args:
        votes: Of one height, with good signatures.
        electorate: Of the height.
        mixed: CometBFT's nodes may be among the validators: their excuses count too.
    """
    return _judge_all(_by_voter(votes), electorate, mixed=mixed)


def _judge_all(cast: "_Cast", electorate: Electorate, *, mixed: bool) -> tuple[Verdict, ...]:
    polkas = _polkas(cast, electorate)
    verdicts: list[Verdict] = []
    for index in sorted({key[0] for key in cast}):
        own = {key[1:]: ids for key, ids in cast.items() if key[0] == index}
        verdicts += _judge(index, own, polkas, electorate, mixed=mixed)
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
    return {key: sum_ for key, sum_ in power.items() if sum_ >= electorate.quorum}


def _judge(
    index: int, own: _OwnVotes, polkas: _Polkas, electorate: Electorate, *, mixed: bool
) -> list[Verdict]:
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
    unlocks = _unlocking(prevotes, polkas, electorate.powers[index], electorate.quorum)
    for round_, block_ids in sorted(prevotes.items()):
        excuses = [polka for polka in polkas if polka[0] < round_]
        others = [polka for polka in unlocks if polka[0] <= round_] if mixed else []
        if any(_left_lock(round_, block_id, locks, excuses, others) for block_id in block_ids):
            verdicts.append(Verdict(index, Crime.LEFT_LOCK, round_))
    return verdicts


def _unlocking(
    prevotes: Mapping[Round, frozenset[BlockId]], polkas: _Polkas, own_power: int, quorum: int
) -> list[tuple[Round, BlockId]]:
    """Return the polkas that could open a CometBFT node's lock before its own prevote."""
    last = max(prevotes, default=NO_ROUND)
    return [
        (round_, block_id)
        for (round_, block_id), power in polkas.items()
        if round_ <= last
        and (block_id not in prevotes.get(round_, ()) or power - own_power >= quorum)
    ]


def _left_lock(
    round_: Round,
    block_id: BlockId,
    locks: Sequence[tuple[Round, BlockId]],
    proofs: Sequence[tuple[Round, BlockId]],
    unlocks: Sequence[tuple[Round, BlockId]],
) -> bool:
    """Return whether a prevote goes against the voter's last lock, without an excuse."""
    earlier = [lock for lock in locks if lock[0] < round_]
    if not earlier:
        return False
    locked_round = max(lock[0] for lock in earlier)
    locked = {locked_block for r, locked_block in earlier if r == locked_round}
    if block_id in locked:
        return False
    if any(locked_round <= r and polka_block == block_id for r, polka_block in proofs):
        return False
    return not any(locked_round < r and polka_block not in locked for r, polka_block in unlocks)
