"""What must hold after every step, and the counters that say which rare branch was taken."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from chainkit.primitives.types import Address, BlockHeight, Hash32, Round
from parachains.account.consensus.messages import CommitDraft, Decide, Draft, RoundChangeDraft
from parachains.account.consensus.signing import record_of
from parachains.account.consensus.validators import quorum_of
from parachains.account.simulation.keys import Keys, SimBlock
from relay_chain.simulator.invariants import InvariantBroken


@dataclass(slots=True)
class Watcher:
    """Sees every signature and every decision of a run.

    Mutable because it is the run's memory. It knows which validators are correct, which no
    validator does.
    """

    keys: Keys
    correct: dict[Address, int]
    """Node of each correct address."""
    validators_at: Callable[[BlockHeight], tuple[Address, ...]]
    signed: dict[tuple[int, int, int, int], Hash32] = field(default_factory=dict)
    committed: dict[int, tuple[BlockHeight, Round]] = field(default_factory=dict)
    """Where each correct node committed last."""
    decisions: dict[BlockHeight, Hash32] = field(default_factory=dict)
    digests: dict[tuple[BlockHeight, Hash32], set[Hash32]] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)

    def saw_signature(self, index: int, draft: Draft) -> None:
        """Check what a correct node signs, as it does.

        Raises:
            InvariantBroken: It said two things in one place, or forgot what it committed.
        """
        record = record_of(draft)
        before = self.signed.setdefault((index, *record.position), record.subject)
        if before != record.subject:
            raise InvariantBroken("no equivocation by the correct", f"node {index}: {draft}")
        if record.round >= 3:
            self.counters["round>=3"] += 1
        if isinstance(draft, CommitDraft):
            self.committed[index] = (draft.height, draft.round)
        if not isinstance(draft, RoundChangeDraft):
            return
        height, round_ = self.committed.get(index, (BlockHeight(0), Round(0)))
        prepared = draft.payload.prepared
        if height == draft.payload.height:
            self.counters["round change after a commit"] += 1
            if prepared is None or prepared.round < round_:
                details = f"node {index} committed in round {round_}, then {draft}"
                raise InvariantBroken("prepared block kept", details)

    def saw_decision(self, index: int, decide: Decide) -> None:
        """Check a correct node's decision, or the sealed block that it imported.

        Raises:
            InvariantBroken: Against agreement, validity, or without a quorum of seals.
        """
        block = decide.block
        assert isinstance(block, SimBlock)
        if not block.is_sound or block.round != decide.round:
            raise InvariantBroken("validity", f"node {index} decided {block}")
        self._check_seals(index, decide, block)
        known = self.decisions.setdefault(decide.height, block.block_hash)
        if known != block.block_hash:
            details = f"height {decide.height}: node {index} decided another block"
            raise InvariantBroken("agreement", details)
        digests = self.digests.setdefault((decide.height, block.block_hash), set())
        digests.add(block.digest)
        if len(digests) == 2:
            self.counters["one block sealed in two rounds"] += 1
        if decide.round >= 3:
            self.counters["decided in round>=3"] += 1

    def _check_seals(self, index: int, decide: Decide, block: SimBlock) -> None:
        validators = self.validators_at(decide.height)
        authors = [self.keys.seal_author(block.digest, seal) for seal in decide.seals]
        members = {author for author in authors if author in validators}
        if len(authors) != len(members) or len(members) < quorum_of(len(validators)):
            raise InvariantBroken("quorum", f"node {index} decided with {authors}")
        for author in members:
            if author not in self.correct:
                continue
            key = (self.correct[author], decide.height, decide.round, 3)
            if self.signed.get(key) != block.digest:
                raise InvariantBroken("unforgeable", f"node {index} has a seal nobody made")
