"""What must hold after every step, and the counters that say which rare branch was taken."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    Block,
    BlockId,
    BlockIdFlag,
    Commit,
    Proposal,
    Vote,
    VoteType,
)
from chainkit.primitives.types import BlockHeight, Round
from relay_chain.consensus.accountability import ForkKind, attribute_fork, judge_logs
from relay_chain.consensus.driver_state import ConsensusState
from relay_chain.consensus.messages import Decide
from relay_chain.consensus.votes import is_supermajority
from relay_chain.simulator.validators import ValidatorSets


class InvariantBroken(AssertionError):
    """The protocol, or our code, let something happen that must not."""

    def __init__(self, invariant: str, details: str) -> None:
        super().__init__(f"{invariant}: {details}")
        self.invariant = invariant


_SignedKey = tuple[int, int, int, int]
_PRECOMMIT = int(VoteType.PRECOMMIT)


@dataclass(slots=True)
class Watcher:
    """Sees every signature and every decision of a run.

    Mutable because it is the run's memory. It knows which validators are correct, which
    no validator does.
    """

    sets: ValidatorSets
    correct: frozenset[int]
    keeps_lock: frozenset[int]
    """Correct validators with this chain's lock rule."""
    valid_blocks: dict[BlockId, bool] = field(default_factory=dict)
    decisions: dict[BlockHeight, tuple[BlockId, Commit]] = field(default_factory=dict)
    forks: list[tuple[Commit, Commit]] = field(default_factory=list)
    tolerates_forks: bool = False
    """More than a third is hostile: forks are recorded, to be attributed."""
    signed: dict[_SignedKey, Vote | Proposal] = field(default_factory=dict)
    log: dict[BlockHeight, list[Vote]] = field(default_factory=dict)
    locks: dict[int, tuple[BlockHeight, Round, BlockId]] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)

    def saw_block(self, block_id: BlockId, block: Block, *, is_valid: bool) -> None:
        """Note a block that somebody made."""
        assert self.valid_blocks.get(block_id, is_valid) == is_valid
        assert block.header.height > 0
        self.valid_blocks[block_id] = is_valid

    def saw_signature(self, index: int, message: Vote | Proposal, state: ConsensusState) -> None:
        """Check a signature as it is made.

        Raises:
            InvariantBroken: A correct validator equivocated, voted for an invalid block,
                or prevoted against its lock without a proof.
        """
        if isinstance(message, Vote):
            self.log.setdefault(message.height, []).append(message)
            if message.round >= 3:
                self.counters["round>=3"] += 1
        if index not in self.correct:
            return
        step = int(message.type) if isinstance(message, Vote) else 0
        key = (index, message.height, message.round, step)
        before = self.signed.setdefault(key, message)
        if before is not message and before.block_id != message.block_id:
            raise InvariantBroken("no equivocation by the correct", f"validator {index}: {message}")
        if isinstance(message, Vote):
            self._check_vote(index, message, state)

    def _check_vote(self, index: int, vote: Vote, state: ConsensusState) -> None:
        if vote.block_id != NIL_BLOCK_ID and not self.valid_blocks.get(vote.block_id, False):
            raise InvariantBroken("validity", f"validator {index} voted for invalid: {vote}")
        if vote.type is VoteType.PRECOMMIT:
            if vote.block_id != NIL_BLOCK_ID:
                self._count_lock(index, vote)
                self.locks[index] = (vote.height, vote.round, vote.block_id)
            elif state.rounds.lock and state.votes.polka(vote.round) == NIL_BLOCK_ID:
                self.counters["nil polka while locked"] += 1
            return
        lock = self.locks.get(index)
        if lock is None or lock[0] != vote.height or lock[1] >= vote.round:
            return
        if lock[2] == vote.block_id:
            self.counters["locked block prevoted again"] += 1
            return
        if index not in self.keeps_lock:
            self.counters["CometBFT node unlocked by a polka"] += state.rounds.lock is None
            return
        proofs = [r for r in state.votes.rounds if lock[1] <= r < vote.round]
        is_proven = any(state.votes.polka(r) == vote.block_id for r in proofs)
        if vote.block_id == NIL_BLOCK_ID or not is_proven:
            raise InvariantBroken("lock kept", f"validator {index} left {lock} for {vote}")
        self.counters["left lock by proof (L29)"] += 1

    def _count_lock(self, index: int, vote: Vote) -> None:
        lock = self.locks.get(index)
        if lock is not None and lock[0] == vote.height and lock[2] != vote.block_id:
            self.counters["lock replaced (L38)"] += 1

    def saw_decision(self, index: int, decide: Decide) -> None:
        """Check a correct node's decision.

        Raises:
            InvariantBroken: Against agreement, validity, or without +2/3 signatures.
        """
        if not self.valid_blocks.get(decide.block_id, False):
            raise InvariantBroken("validity", f"node {index} decided invalid {decide.block_id}")
        self._check_commit(index, decide.commit)
        if decide.height not in self.decisions:
            self._count_set(decide)
        block_id, commit = self.decisions.setdefault(
            decide.height, (decide.block_id, decide.commit)
        )
        if block_id != decide.block_id:
            self.forks.append((commit, decide.commit))
            if not self.tolerates_forks:
                details = f"height {decide.height}: node {index} decided another block"
                raise InvariantBroken("agreement", details)
        if decide.round >= 3:
            self.counters["decided in round>=3"] += 1

    def _count_set(self, decide: Decide) -> None:
        electorate = self.sets.electorate(decide.height)
        if electorate is not self.sets.electorate(BlockHeight(1)):
            self.counters["decided by a changed set"] += 1
        if len(electorate.powers) < len(self.sets.members):
            self.counters["decided without a node that left the set"] += 1
        if self.sets.are_real:
            self.counters["decided with real signatures"] += 1

    def _check_commit(self, index: int, commit: Commit) -> None:
        power, for_block = 0, BlockIdFlag.COMMIT
        electorate = self.sets.electorate(commit.height)
        nodes = self.sets.nodes_at(commit.height)
        for place, signature in enumerate(commit.signatures):
            if signature.block_id_flag is not for_block:
                continue
            power += electorate.powers[place]
            voter = nodes[place]
            key = (voter, commit.height, commit.round, _PRECOMMIT)
            known = self.signed.get(key)
            if voter in self.correct and (known is None or known.block_id != commit.block_id):
                raise InvariantBroken("unforgeable", f"node {index} has a vote nobody cast")
        if not is_supermajority(power, electorate.total_power):
            raise InvariantBroken("quorum", f"node {index} decided with {power}: {commit}")

    def check_accountability(self) -> dict[BlockHeight, frozenset[int]]:
        """Return whom the vote logs name, by height; and check every fork's attribution.

        Raises:
            InvariantBroken: They name a correct validator, or a fork leaves a third of the
                power unproven (docs/adr/0004-lock-rule.md, "Accountability").
        """
        named: dict[BlockHeight, frozenset[int]] = {}
        for height, votes in self.log.items():
            nodes = self.sets.nodes_at(height)
            verdicts = judge_logs(votes, self.sets.electorate(height), mixed=self._is_mixed())
            named[height] = frozenset(nodes[verdict.validator_index] for verdict in verdicts)
            if named[height] & self.correct:
                raise InvariantBroken("the correct are never named", f"{height}: {verdicts}")
        for commit_a, commit_b in self.forks:
            self._check_fork(commit_a, commit_b)
        return named

    def _is_mixed(self) -> bool:
        return self.keeps_lock != self.correct

    def _check_fork(self, commit_a: Commit, commit_b: Commit) -> None:
        height = commit_a.height
        electorate, nodes = self.sets.electorate(height), self.sets.nodes_at(height)
        votes = self.log[height]
        proof = attribute_fork(commit_a, commit_b, votes, electorate, mixed=self._is_mixed())
        guilty = {nodes[place] for place in proof.guilty}
        if guilty & self.correct:
            raise InvariantBroken("the correct are never named", f"{height}: {proof}")

        def power_of(places: Iterable[int]) -> int:
            return sum(electorate.powers[place] for place in places)

        third = electorate.total_power
        self.counters[f"fork: {proof.kind.value}"] += 1
        if 3 * power_of(proof.guilty) > third:
            self.counters["fork: a third named one by one"] += 1
            return
        hostile = [place for place in proof.suspects if nodes[place] not in self.correct]
        is_proven = third < 3 * proof.guilty_power_among_suspects
        if not is_proven or power_of(hostile) < proof.guilty_power_among_suspects:
            raise InvariantBroken("a fork proves a third guilty", f"{height}: {proof}")
        if proof.kind is ForkKind.EQUIVOCATION or not self._is_mixed():
            raise InvariantBroken("a fork names a third", f"{height}: {proof}")
        self.counters["fork: a third among the suspects"] += 1
