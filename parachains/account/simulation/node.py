"""A simulated node: the shell of the QBFT machine over a simulated disk and network."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from chainkit.primitives.types import Address, BlockHeight, Hash32, Round, TimestampNs
from parachains.account.consensus.errors import SigningRefused, VoteRefused
from parachains.account.consensus.machine import step
from parachains.account.consensus.messages import (
    SELF,
    AppendToWal,
    BlockBuilt,
    BlockJudged,
    BlockTimeReached,
    Broadcast,
    BuildBlock,
    Decide,
    Draft,
    Effect,
    Input,
    JudgeBlock,
    Message,
    MessageReceived,
    Redeliver,
    ReportEquivocation,
    ReportInvalid,
    ResendDue,
    RoundTimedOut,
    ScheduleResend,
    ScheduleTimeout,
    Sign,
    StartHeight,
    WaitForBlockTime,
    WalEntry,
)
from parachains.account.consensus.replay import has_forgotten, restart
from parachains.account.consensus.signing import NOTHING_SIGNED, SigningRecord, authorize
from parachains.account.consensus.state import Parameters, QbftState
from parachains.account.consensus.votes import VoteTally, count_vote
from parachains.account.simulation.keys import SimBlock
from parachains.account.simulation.plan import (
    EPOCH_LENGTH,
    PERIOD_NS,
    REQUEST_TIMEOUT_NS,
    RESEND_NS,
)
from relay_chain.simulator.invariants import InvariantBroken
from relay_chain.simulator.node import NEVER, Crashed
from relay_chain.simulator.plan import SECOND, DiskFault

NO_TALLY = VoteTally(())
GENESIS_HASH = Hash32(bytes(32))


class World(Protocol):
    """What a node may ask of the simulation."""

    def sign(self, index: int, draft: Draft) -> Message:
        """Return the draft's message, signed with the node's key."""
        ...

    def make_block(
        self,
        index: int,
        height: BlockHeight,
        round_: Round,
        *,
        parent: Hash32,
        earliest: int,
        tally: VoteTally,
    ) -> SimBlock:
        """Return a new block by the node."""
        ...

    def clock(self, index: int) -> int:
        """Return the node's own time."""
        ...

    def send(self, index: int, message: Message) -> None:
        """Send a node's own message to everybody."""
        ...

    def schedule(self, index: int, delay_ns: int, input_: Input) -> None:
        """Deliver an input to this incarnation of the node."""
        ...

    def decided(self, index: int, decide: Decide) -> None:
        """Note a decision."""
        ...

    def first_validators(self) -> tuple[Address, ...]:
        """Return the set of height 1, ascending."""
        ...

    def count(self, event: str) -> None:
        """Count a rare branch."""
        ...

    def is_correct(self, index: int) -> bool:
        """Return whether the node's key refuses anything."""
        ...


@dataclass(slots=True)
class Disk:
    """The WAL since the last stored block, what the key signed last, the chain. Mutable."""

    wal: list[WalEntry] = field(default_factory=list)
    synced: int = 0
    record: SigningRecord = NOTHING_SIGNED
    blocks: dict[BlockHeight, Decide] = field(default_factory=dict)
    tally: VoteTally = NO_TALLY
    """After the head; stored with it."""
    has_lost: bool = False
    """It lost what it had confirmed, since the last stored block."""

    @property
    def head(self) -> BlockHeight:
        """The highest stored height."""
        return max(self.blocks, default=BlockHeight(0))

    def store(self, decide: Decide) -> None:
        """Store a sealed block and begin an empty log."""
        self.blocks[decide.height] = decide
        block = decide.block
        assert isinstance(block, SimBlock)
        self.tally = count_vote(
            self.tally, block.height, block.coinbase, block.vote, epoch_length=EPOCH_LENGTH
        )
        self.wal.clear()
        self.synced, self.has_lost = 0, False

    def crash(self, rng: Random, fault: DiskFault) -> int:
        """Lose a random part of what was not synced; return how many entries are gone."""
        safe = 0 if fault is DiskFault.LOST_SYNC else self.synced
        kept = safe + rng.randint(0, len(self.wal) - safe)
        lost = len(self.wal) - kept
        self.has_lost = self.has_lost or kept < self.synced
        del self.wal[kept:]
        self.synced = kept
        return lost


class SimNode:
    """One process and its disk. Mutable: it is the shell."""

    __slots__ = (
        "_own",
        "_world",
        "address",
        "disk",
        "disk_fault",
        "effects_until_crash",
        "follows",
        "incarnation",
        "index",
        "machine",
        "wal_is_behind",
    )

    def __init__(self, index: int, address: Address, world: World) -> None:
        self.index = index
        self.address = address
        self.disk = Disk(tally=VoteTally(world.first_validators()))
        self.machine: QbftState | None = None
        self.incarnation = 0
        self.effects_until_crash = NEVER
        self.disk_fault = DiskFault.NONE
        self.follows = False
        """Whether it takes part in its present height without signing."""
        self.wal_is_behind = False
        self._world = world
        self._own: deque[Input] = deque()

    # --- life and death -----------------------------------------------------------------

    def boot(self) -> None:
        """Start, or start again from what the disk holds.

        Raises:
            Crashed: The planned crash point was reached.
            InvariantBroken: The key signed what a disk that keeps its word does not have.
        """
        assert self.machine is None
        self.follows = False
        machine, effects = self.replay()
        if has_forgotten(machine, self.disk.record):
            if not self.disk.has_lost:
                raise InvariantBroken("log before signature", f"node {self.index}")
            self._world.count("WAL behind the key: follows without signing")
            self.disk.wal.clear()
            self.disk.synced, self.follows = 0, True
            machine, effects = self.replay()
        self.machine = machine
        self._perform_all(effects)
        self._answer_oneself()

    def replay(self) -> tuple[QbftState, tuple[Effect, ...]]:
        """Return the machine that a restart gives now."""
        return restart(self._parameters(), self._start_height(), tuple(self.disk.wal))

    def _parameters(self) -> Parameters:
        address = None if self.follows else self.address
        return Parameters(address, REQUEST_TIMEOUT_NS, RESEND_NS)

    def die(self) -> None:
        """Stop; only the disk stays."""
        self.machine = None
        self.incarnation += 1
        self.disk_fault, self.effects_until_crash = DiskFault.NONE, NEVER
        self._own.clear()

    # --- inputs and effects -------------------------------------------------------------

    def feed(self, input_: Input) -> None:
        """Take an input, and then what the node says to itself.

        Raises:
            Crashed: The planned crash point was reached.
        """
        self._take(input_)
        self._answer_oneself()

    def _answer_oneself(self) -> None:
        while self._own:
            self._take(self._own.popleft())

    def _take(self, input_: Input) -> None:
        before = self.machine
        assert before is not None
        self.machine, effects = step(before, input_)
        if isinstance(input_, MessageReceived) and self.machine.round > max(before.round + 1, 1):
            self._world.count("round skipped")
        self._perform_all(effects)

    def _perform_all(self, effects: Iterable[Effect]) -> None:
        self.wal_is_behind = True
        for effect in effects:
            if self.effects_until_crash >= 0:
                if self.effects_until_crash == 0:
                    raise Crashed
                self.effects_until_crash -= 1
            if isinstance(effect, AppendToWal):
                # What a follower wrote would pass for a validator's log after a restart.
                if not self.follows:
                    self.disk.wal.append(effect.entry)
                    self.disk.synced = len(self.disk.wal) if effect.sync else self.disk.synced
                self.wal_is_behind = False
            else:
                self._perform(effect)
        self.wal_is_behind = False

    def _perform(self, effect: Effect) -> None:  # noqa: C901 - one arm an effect
        world, index = self._world, self.index
        match effect:
            case Sign():
                self._sign(effect.draft)
            case Broadcast():
                world.send(index, effect.message)
            case WaitForBlockTime():
                delay = max(0, effect.not_before - world.clock(index))
                world.schedule(index, delay, BlockTimeReached(effect.height))
            case ScheduleTimeout():
                timeout = RoundTimedOut(effect.height, effect.round)
                world.schedule(index, effect.duration_ns, timeout)
            case ScheduleResend():
                world.schedule(index, effect.duration_ns, ResendDue(effect.height, effect.round))
            case BuildBlock():
                self._build(effect)
            case JudgeBlock():
                block = effect.block
                self._own.append(BlockJudged(effect.height, block.block_hash, self.judge(block)))
            case Decide():
                self.store(effect)
            case Redeliver():
                world.count("early messages redelivered")
                self._own.extend(effect.messages)
            case ReportEquivocation():
                world.count("equivocation reported")
            case ReportInvalid():
                world.count(f"refused: {type(effect.error).__name__}")
            case AppendToWal():
                raise AssertionError(effect)

    def _sign(self, draft: Draft) -> None:
        if self._world.is_correct(self.index):
            try:
                self.disk.record = authorize(self.disk.record, draft)
            except SigningRefused:
                self._world.count("key refused a regression")
                return
        self._own.append(MessageReceived(self._world.sign(self.index, draft), SELF))

    def _build(self, build: BuildBlock) -> None:
        block = self._world.make_block(
            self.index,
            build.height,
            build.round,
            parent=self._head_hash(),
            earliest=self._earliest(),
            tally=self.disk.tally,
        )
        self._own.append(BlockBuilt(build.height, build.round, block))

    def judge(self, block: object) -> bool:
        """Return whether a block may follow this node's head."""
        assert isinstance(block, SimBlock)
        latest = self._world.clock(self.index) + SECOND
        is_timely = self._earliest() <= block.timestamp <= latest
        try:
            count_vote(
                self.disk.tally,
                block.height,
                block.coinbase,
                block.vote,
                epoch_length=EPOCH_LENGTH,
            )
        except VoteRefused:
            self._world.count("block with a vote that must not be")
            return False
        return block.is_sound and block.parent == self._head_hash() and is_timely

    def store(self, decide: Decide) -> None:
        """Store a sealed block, decided here or imported, and begin the next height."""
        self._world.decided(self.index, decide)
        self.disk.store(decide)
        if self.effects_until_crash >= 0:
            raise Crashed
        if self.follows:
            self.follows = False
            self.machine = None
            self._own.clear()
            self.boot()
            return
        self._own.append(self._start_height())

    def import_block(self, sealed: Decide) -> None:
        """Store a sealed block of a peer, whose seals and content were checked.

        Raises:
            Crashed: The planned crash point was reached.
        """
        self.store(sealed)
        self._answer_oneself()

    def _start_height(self) -> StartHeight:
        head = self.disk.head
        height = BlockHeight(head + 1)
        coinbase = self.disk.blocks[head].block.coinbase if head else Address(bytes(20))
        return StartHeight(
            height, self.disk.tally.validators, coinbase, TimestampNs(self._earliest())
        )

    def _head_hash(self) -> Hash32:
        head = self.disk.head
        return self.disk.blocks[head].block.block_hash if head else GENESIS_HASH

    def _earliest(self) -> int:
        head = self.disk.head
        if not head:
            return 0
        block = self.disk.blocks[head].block
        assert isinstance(block, SimBlock)
        return block.timestamp + PERIOD_NS
