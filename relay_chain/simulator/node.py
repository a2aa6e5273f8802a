"""A simulated node: the shell of the consensus machine over a simulated disk and network."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from chainkit.formats.tendermint.types import (
    Block,
    BlockId,
    Commit,
    Proposal,
    ValidatorSet,
    Vote,
)
from chainkit.primitives.types import Address, BlockHeight, DurationNs
from relay_chain.consensus.driver_state import ConsensusState
from relay_chain.consensus.lock_rule import LockRule
from relay_chain.consensus.machine import new_machine, proposer_at, step
from relay_chain.consensus.messages import (
    SELF,
    AnnounceStep,
    AnnounceValidBlock,
    AnnounceVote,
    AppendToWal,
    BlockBuilt,
    BroadcastProposal,
    BroadcastVote,
    Decide,
    Effect,
    FetchBlock,
    Halt,
    Input,
    MakeProposal,
    ProposalReceived,
    ReportEquivocation,
    ScheduleTimeout,
    SignProposal,
    SignVote,
    StartHeight,
    TimeoutFired,
    Timeouts,
    VoteReceived,
)
from relay_chain.consensus.replay import has_forgotten, restart
from relay_chain.node.wal import WalCorrupted
from relay_chain.simulator.disk import Disk, StoredBlock
from relay_chain.simulator.plan import DiskFault

NEVER = -1


class World(Protocol):
    """What a node may ask of the simulation."""

    def sign(self, index: int, message: Vote | Proposal) -> Vote | Proposal | None:
        """Return the message signed with the node's key; None if the key refuses."""
        ...

    def is_signed(self, message: Vote | Proposal, signer: Address) -> bool:
        """Return whether the signature is the signer's (the shell's check)."""
        ...

    def make_block(
        self, index: int, height: BlockHeight, *, is_valid: bool
    ) -> tuple[BlockId, Block]:
        """Return a new block."""
        ...

    def send_vote(self, index: int, vote: Vote) -> None:
        """Send a node's own vote to everybody."""
        ...

    def send_proposal(self, index: int, proposal: Proposal, block: Block) -> None:
        """Send a node's own proposal to everybody."""
        ...

    def schedule(self, index: int, delay_ns: int, timeout: TimeoutFired) -> None:
        """Deliver a timeout to this incarnation of the node."""
        ...

    def decided(self, index: int, decide: Decide) -> None:
        """Note a decision."""
        ...

    def validators_at(self, height: BlockHeight) -> ValidatorSet:
        """Return the set of a height."""
        ...

    def count(self, event: str) -> None:
        """Count a rare branch."""
        ...


_OutsideWal = (
    SignVote
    | SignProposal
    | BroadcastVote
    | BroadcastProposal
    | AnnounceStep
    | AnnounceValidBlock
    | FetchBlock
    | MakeProposal
    | ScheduleTimeout
    | Decide
    | ReportEquivocation
    | Halt
)
"""Every effect but the two that come with each vote."""


class Crashed(Exception):
    """The process died here; the rest of the effects never happen."""


class SimNode:
    """One process and its disk. Mutable: it is the shell."""

    __slots__ = (
        "_own",
        "_rule",
        "_ticking",
        "_timeouts",
        "_world",
        "address",
        "disk",
        "disk_fault",
        "effects_until_crash",
        "follows",
        "incarnation",
        "index",
        "machine",
        "single_ticker",
        "wal_is_behind",
    )

    def __init__(
        self, index: int, address: Address, rule: LockRule, timeouts: Timeouts, world: World
    ) -> None:
        self.index = index
        self.address = address
        self.disk = Disk()
        self.machine: ConsensusState | None = None
        self.incarnation = 0
        self.effects_until_crash = NEVER
        self.disk_fault = DiskFault.NONE
        """What the planned crash does to the disk."""
        self.follows = False
        """Whether it takes part in its present height without a vote."""
        self.wal_is_behind = False
        """A step was taken that the WAL does not have yet."""
        self.single_ticker = False
        """Whether a later timeout replaces an earlier one, as in CometBFT."""
        self._ticking: tuple[int, int, int] = (0, 0, 0)
        self._rule = rule
        self._timeouts = timeouts
        self._world = world
        self._own: deque[Input] = deque()

    # --- life and death -----------------------------------------------------------------

    def boot(self) -> None:
        """Start, or start again from what the disk holds.

        Raises:
            Crashed: The planned crash point was reached.
        """
        assert self.machine is None
        self._finish_last_height()
        self.machine, effects = self._recover()
        self._perform_all(effects)
        self.feed(())

    def replayed(self) -> ConsensusState:
        """Return the machine that a restart would give now."""
        return self._replay()[0]

    def _recover(self) -> tuple[ConsensusState, tuple[Effect, ...]]:
        """Replay the log; where it lost what it must know, follow without a vote."""
        try:
            self.disk.read_wal()
        except WalCorrupted:
            self._world.count("corrupt WAL refused")
            self.disk.move_wal_away()
        self.follows = False
        machine, effects = self._replay()
        if not has_forgotten(machine, self.disk.key.position):
            return machine, effects
        self._world.count("WAL behind the key: no vote at this height")
        self.disk.move_wal_away()
        self.follows = True
        return self._replay()

    def _replay(self) -> tuple[ConsensusState, tuple[Effect, ...]]:
        start = self._start_height(DurationNs(0))
        return restart(self._new_machine(), start, tuple(self.disk.wal))

    def _new_machine(self) -> ConsensusState:
        address = None if self.follows else self.address
        return new_machine(address, self._timeouts, self._rule)

    def _finish_last_height(self) -> None:
        """Handshake: apply a block that was saved, and mark its height in the WAL."""
        disk = self.disk
        latest = max(disk.blocks, default=BlockHeight(0))
        if disk.wal_height < latest:
            self._world.count("crash before the end-of-height mark")
            disk.end_height(latest)
        disk.applied = latest

    def die(self) -> None:
        """Stop; only the disk stays."""
        self.machine = None
        self.incarnation += 1
        self.disk_fault = DiskFault.NONE
        self.effects_until_crash = NEVER
        self._ticking = (0, 0, 0)
        self._own.clear()

    # --- inputs -------------------------------------------------------------------------

    def feed(self, inputs: Sequence[Input]) -> None:
        """Take inputs in order, each followed by what the node says to itself.

        Raises:
            Crashed: The planned crash point was reached.
        """
        if self.single_ticker:
            inputs = [input_ for input_ in inputs if not self._was_replaced(input_)]
        if self._own:
            self._answer_oneself()
        for input_ in inputs:
            if not self._is_authentic(input_):
                self._world.count("bad signature refused")
                continue
            self._take(input_)
            if self._own:
                self._answer_oneself()

    def _was_replaced(self, input_: Input) -> bool:
        if not isinstance(input_, TimeoutFired):
            return False
        return (input_.height, input_.round, input_.step) != self._ticking

    def _answer_oneself(self) -> None:
        while self._own:
            self._take(self._own.popleft())

    def _take(self, input_: Input) -> None:
        before = self.machine
        assert before is not None
        after, effects = step(before, input_)
        self.machine = after
        if before.rounds.round < after.rounds.round and isinstance(input_, VoteReceived):
            self._world.count("round skipped (L55)")
        if effects:
            self._perform_all(effects)

    def _is_authentic(self, input_: Input) -> bool:
        if isinstance(input_, VoteReceived):
            return self._world.is_signed(input_.vote, input_.vote.validator_address)
        if isinstance(input_, ProposalReceived):
            return self._is_of_proposer(input_.proposal)
        return True

    def _is_of_proposer(self, proposal: Proposal) -> bool:
        state = self.machine
        assert state is not None
        if proposal.height != state.height or proposal.round < state.round:
            return True
        if proposal.round > state.round + 1:
            return True
        return self._world.is_signed(proposal, proposer_at(state, proposal.round).address)

    # --- effects ------------------------------------------------------------------------

    def _perform_all(self, effects: Iterable[Effect]) -> None:
        self.wal_is_behind = True
        for effect in effects:
            if isinstance(effect, AnnounceVote):
                continue
            if self.effects_until_crash >= 0:
                if self.effects_until_crash == 0:
                    raise Crashed
                self.effects_until_crash -= 1
            if isinstance(effect, AppendToWal):
                # What a follower wrote would pass for a validator's log after a restart.
                if not self.follows:
                    self.disk.append(effect.entry, sync=effect.sync)
                self.wal_is_behind = False
            else:
                self._perform(effect)
        self.wal_is_behind = False

    def _perform(self, effect: _OutsideWal) -> None:  # noqa: C901 - one arm an effect
        match effect:
            case ScheduleTimeout():
                self._schedule(effect)
            case AnnounceStep() | AnnounceValidBlock():
                pass
            case SignVote():
                self._sign(effect.vote)
            case BroadcastVote():
                self._world.send_vote(self.index, effect.vote)
            case SignProposal():
                self._sign(effect.proposal)
            case BroadcastProposal():
                self._world.send_proposal(self.index, effect.proposal, effect.block)
            case MakeProposal():
                block_id, block = self._world.make_block(self.index, effect.height, is_valid=True)
                self._own.append(BlockBuilt(effect.height, effect.round, block_id, block))
            case Decide():
                self._decide(effect)
            case FetchBlock():
                self._world.count("block fetched after a polka")
            case ReportEquivocation():
                self._world.count("equivocation reported")
            case Halt():
                raise AssertionError(f"node {self.index} halted: {effect}")

    def _schedule(self, effect: ScheduleTimeout) -> None:
        position = (effect.height, effect.round, int(effect.step))
        if self.single_ticker and position < self._ticking:
            self._world.count("earlier timeout not scheduled")
            return
        self._ticking = position
        fired = TimeoutFired(effect.height, effect.round, effect.step)
        self._world.schedule(self.index, effect.duration_ns, fired)

    def _sign(self, message: Vote | Proposal) -> None:
        signed = self._world.sign(self.index, message)
        match signed:
            case None:
                self._world.count("key refused a regression")
            case Vote():
                self._own.append(VoteReceived(signed, SELF))
            case Proposal():
                self._own.append(ProposalReceived(signed, SELF))

    def _decide(self, decide: Decide) -> None:
        self._world.decided(self.index, decide)
        disk = self.disk
        disk.blocks[decide.height] = StoredBlock(decide.block_id, decide.block, decide.commit)
        if self.effects_until_crash >= 0:
            # The planned crash falls between the block store and the WAL's mark.
            raise Crashed
        disk.end_height(decide.height)
        disk.applied = decide.height
        if self.follows:
            self.follows = False
            self.machine = self._new_machine()
        self._own.append(self._start_height(self._timeouts.commit_ns))

    def _start_height(self, wait_ns: DurationNs) -> StartHeight:
        applied = self.disk.applied
        height = BlockHeight(applied + 1)
        validators = self._world.validators_at(height)
        if not applied:
            return StartHeight(height, validators, None, None, wait_ns)
        commit: Commit = self.disk.blocks[applied].commit
        last_validators = self._world.validators_at(applied)
        return StartHeight(height, validators, commit, last_validators, wait_ns)
