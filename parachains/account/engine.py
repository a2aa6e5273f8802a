"""The shell of the QBFT machine: clock, key, log and chain do what its effects say, in order.

``AppendToWal`` is on disk before ``Sign``, ``Sign`` before ``Broadcast``. What the key signed last
is written, synced, before it signs. A decided block is stored with its state in one write; then
the log's entries of its height go.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from chainkit.commitments.database import KeyValueDatabase
from chainkit.formats.ethereum.bft_extra_data import ValidatorVote
from chainkit.formats.ethereum.qbft import block_hash, make_seal, seal_hash
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.types import Block
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.timestamps import NS_PER_SECOND, seconds_to_ns
from chainkit.primitives.types import Address, BlockHeight, DurationNs, Hash32, TimestampNs
from parachains.account.chain import Chain, StoredBlock
from parachains.account.consensus.blocks import EthereumBlock, decode_proposed_block, of_block
from parachains.account.consensus.codec import sign_draft
from parachains.account.consensus.errors import SigningRefused
from parachains.account.consensus.machine import step
from parachains.account.consensus.messages import (
    NO_ROUND,
    SELF,
    AppendToWal,
    BlockBuilt,
    BlockJudged,
    BlockTimeReached,
    Broadcast,
    BuildBlock,
    Commit,
    CommitPayload,
    Decide,
    Draft,
    Effect,
    Input,
    JudgeBlock,
    Message,
    MessageReceived,
    PeerId,
    Redeliver,
    ReportEquivocation,
    ReportInvalid,
    ResendDue,
    RoundTimedOut,
    ScheduleResend,
    ScheduleTimeout,
    Sign,
    Signed,
    StartHeight,
    WaitForBlockTime,
)
from parachains.account.consensus.replay import has_forgotten, restart
from parachains.account.consensus.signing import (
    NOTHING_SIGNED,
    SigningRecord,
    authorize,
    decode_record,
    encode_record,
)
from parachains.account.consensus.state import Parameters, QbftState
from parachains.account.consensus.votes import choose_vote
from parachains.account.consensus.wal_codec import decode_entry, encode_entry
from parachains.account.flat import height_key
from parachains.account.ledger import LedgerBlock
from parachains.account.mempool import Mempool
from parachains.account.sealing import (
    SealingRules,
    check_seals,
    judge_proposed,
    unsealed_extra,
    with_late_seal,
)

_log = structlog.get_logger()
MAX_CLOCK_DRIFT_S = 10
"""How far ahead of this node's clock a block's timestamp may be."""

_ENTRY = b"w/"
_SIGNED = b"signed"


class EnginePorts(Protocol):
    """What the engine has of its node."""

    def now_ns(self) -> TimestampNs:
        """Return the wall clock's time."""
        ...

    def later(self, delay_ns: DurationNs, run: Callable[[], None]) -> None:
        """Call ``run`` once after a delay, 0 or more."""
        ...

    def broadcast(self, message: Message) -> None:
        """Send a message to every peer."""
        ...

    def stored(self, block: StoredBlock) -> None:
        """Hear of a block that was stored."""
        ...

    def invalid(self, peer: PeerId, error: RuleBroken) -> None:
        """Hear of a peer that sent what no correct node sends."""
        ...


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the operator chooses."""

    key: bytes
    """The validator's private key of 32 bytes."""
    period_s: int = 1
    request_timeout_ns: DurationNs = seconds_to_ns(1)


class Engine:
    """One node's consensus; mutable, it owns the machine's state and the log."""

    def __init__(
        self,
        chain: Chain,
        pool: Mempool,
        database: KeyValueDatabase,
        settings: EngineSettings,
        ports: EnginePorts,
    ) -> None:
        self._chain = chain
        self._pool = pool
        self._database = database
        self._settings = settings
        self._ports = ports
        self.address = address_of(settings.key)
        self.wishes: dict[Address, bool] = {}
        """Who shall be a validator, and who shall not: this node's votes. Lost in a restart."""
        self._parameters = Parameters(self.address, settings.request_timeout_ns)
        self._made: dict[Hash32, LedgerBlock] = {}
        self._entries = 0
        self._waiting: deque[Input | Effect] = deque()
        self._running = False
        self._refused = False
        self._state: QbftState | None = None

    # --- start ------------------------------------------------------------------------

    def start(self) -> None:
        """Take up where the log ends."""
        begin = self._start_height()
        prefix = height_key(_ENTRY, begin.height)
        entries = [
            decode_entry(data, decode_proposed_block)
            for _, data in self._database.iterate(prefix, height_key(_ENTRY, begin.height + 1))
        ]
        self._entries = len(entries)
        state, effects = restart(self._parameters, begin, entries)
        if has_forgotten(state, self._record()):
            _log.warning("qbft.log_lost", height=begin.height)
            follower = replace(self._parameters, own_address=None)
            state, effects = restart(follower, begin, entries)
        self._state = state
        self._waiting.extend(effects)
        self._work()

    def _start_height(self) -> StartHeight:
        head = self._chain.head.header
        earliest = (head.timestamp + self._settings.period_s) * NS_PER_SECOND
        return StartHeight(
            BlockHeight(head.number + 1),
            self.validators,
            head.beneficiary,
            TimestampNs(earliest),
        )

    @property
    def validators(self) -> tuple[Address, ...]:
        """Who decides the next block."""
        return self._chain.tally.validators

    @property
    def height(self) -> int:
        """The height that is being decided."""
        return self._chain.head.header.number + 1

    @property
    def view(self) -> tuple[int, int]:
        """The height and round that this node is in."""
        return self.height, self._state.round if self._state is not None else NO_ROUND

    # --- inputs -----------------------------------------------------------------------

    def feed(self, input_: Input) -> None:
        """Take an input, after those that wait."""
        self._waiting.append(input_)
        self._work()

    def receive(self, message: Message, peer: PeerId) -> bool:
        """Take a peer's decoded message; return whether nothing was refused."""
        self._refused = False
        if isinstance(message, Commit) and message.signed.payload.height == self.height - 1:
            self._keep_late_seal(message.signed)
        self.feed(MessageReceived(message, peer))
        return not self._refused

    def import_block(self, block: Block) -> None:
        """Store the next block, which others have sealed.

        Raises:
            BlockRefused: It breaks a rule, or too few sealed it.
        """
        head = self._chain.head.header
        check_seals(block.header, self.validators)
        made = self._made.get(block_hash(block.header)) or self._judge(block)
        assert block.header.number == head.number + 1
        self._store(made, block)

    def _work(self) -> None:
        """Go through what waits: effects in their order before the next input."""
        if self._running or self._state is None:
            return
        self._running = True
        try:
            while self._waiting:
                item = self._waiting.popleft()
                if isinstance(item, Effect):
                    self._perform(item)
                elif not (isinstance(item, StartHeight) and item.height <= self._state.height):
                    self._state, effects = step(self._state, item)
                    self._waiting.extendleft(reversed(effects))
        finally:
            self._running = False

    # --- effects ----------------------------------------------------------------------

    def _perform(self, effect: Effect) -> None:
        match effect:
            case AppendToWal():
                self._append(effect)
            case Sign():
                self._sign(effect.draft)
            case Broadcast():
                self._ports.broadcast(effect.message)
            case WaitForBlockTime() | ScheduleTimeout() | ScheduleResend():
                self._schedule(effect)
            case BuildBlock():
                self._build(effect)
            case JudgeBlock():
                self._answer_judge(effect)
            case Decide():
                self._decide(effect)
            case Redeliver():
                self._waiting.extend(effect.messages)
            case ReportEquivocation() | ReportInvalid():
                self._report(effect)

    def _schedule(self, effect: WaitForBlockTime | ScheduleTimeout | ScheduleResend) -> None:
        match effect:
            case WaitForBlockTime():
                wait = max(0, effect.not_before - self._ports.now_ns())
                self._later(DurationNs(wait), BlockTimeReached(effect.height))
            case ScheduleTimeout():
                self._later(effect.duration_ns, RoundTimedOut(effect.height, effect.round))
            case ScheduleResend():
                self._later(effect.duration_ns, ResendDue(effect.height, effect.round))

    def _report(self, effect: ReportEquivocation | ReportInvalid) -> None:
        if isinstance(effect, ReportInvalid):
            self._refused = True
            self._ports.invalid(effect.peer_id, effect.error)
            return
        signed = effect.first.signed
        _log.warning(
            "qbft.equivocation_found",
            author=signed.author.hex(),
            height=signed.payload.height,
            round=signed.payload.round,
        )

    def _later(self, delay: DurationNs, input_: Input) -> None:
        self._ports.later(delay, lambda: self.feed(input_))

    def _append(self, effect: AppendToWal) -> None:
        assert self._state is not None
        if self._state.context.parameters != self._parameters:
            # What a follower wrote would pass for a validator's log after a restart.
            return
        key = height_key(_ENTRY, self.height) + self._entries.to_bytes(8, "big")
        self._entries += 1
        self._database.write({key: encode_entry(effect.entry)})

    def _record(self) -> SigningRecord:
        data = self._database.get(_SIGNED)
        return NOTHING_SIGNED if data is None else decode_record(data)

    def _sign(self, draft: Draft) -> None:
        try:
            record = authorize(self._record(), draft)
        except SigningRefused as error:
            _log.warning("qbft.signing_refused", reason=str(error))
            return
        self._database.write({_SIGNED: encode_record(record)})
        message = sign_draft(
            draft, self.address, lambda digest: make_seal(self._settings.key, digest)
        )
        self._waiting.append(MessageReceived(message, SELF))

    def _build(self, effect: BuildBlock) -> None:
        head = self._chain.head.header
        now = self._ports.now_ns() // NS_PER_SECOND
        ledger = self._chain.ledger
        timestamp = max(now, head.timestamp + self._settings.period_s)
        environment = ledger.next_environment(head, timestamp=timestamp, coinbase=self.address)
        made, refused = ledger.build(
            head,
            self._pool.in_block_order(environment.base_fee),
            timestamp=timestamp,
            coinbase=self.address,
            extra_data=unsealed_extra(self.validators, effect.round, self._vote(effect.height)),
        )
        for transaction, _ in refused:
            self._pool.drop(transaction)
        block = of_block(made.block)
        self._made[block.block_hash] = made
        self._waiting.append(BlockBuilt(effect.height, effect.round, block))

    def _vote(self, height: BlockHeight) -> ValidatorVote | None:
        """Return this node's vote in its next block; none at an epoch's end, which counts none."""
        if height % self._chain.epoch_length == 0:
            return None
        return choose_vote(self._chain.tally, self.wishes, self.address, height)

    def _judge(self, block: Block) -> LedgerBlock:
        made = judge_proposed(
            self._chain.ledger,
            self._chain.head.header,
            block,
            SealingRules(self._chain.tally, self._chain.epoch_length, self._settings.period_s),
            latest_s=self._ports.now_ns() // NS_PER_SECOND + MAX_CLOCK_DRIFT_S,
        )
        self._made[block_hash(block.header)] = made
        return made

    def _answer_judge(self, effect: JudgeBlock) -> None:
        block = effect.block
        assert isinstance(block, EthereumBlock)
        is_valid = True
        if block.block_hash not in self._made:
            try:
                self._judge(block.block)
            except RuleBroken as error:
                is_valid = False
                _log.warning("qbft.block_refused", height=effect.height, reason=str(error))
        self._waiting.append(BlockJudged(effect.height, block.block_hash, is_valid))

    def _decide(self, effect: Decide) -> None:
        block = effect.block
        assert isinstance(block, EthereumBlock)
        made = self._made.get(block.block_hash) or self._judge(block.block)
        self._store(made, block.sealed(effect.seals))

    def _keep_late_seal(self, signed: Signed[CommitPayload]) -> None:
        """Add a seal that came after the newest block was decided.

        A light client that still trusts an earlier, larger set may need more than this set's
        quorum. Seals are no part of the block's hash, and the next block ends the wait for them.
        """
        block = self._chain.head.block
        if not block.header.number or signed.payload.digest != seal_hash(block.header):
            return
        sealed = with_late_seal(block, signed.author, signed.payload.seal)
        if sealed is not None:
            self._chain.add_seals(sealed)

    def _store(self, made: LedgerBlock, sealed: Block) -> None:
        """Store a block, forget the log of its height, and begin the next."""
        height = self.height
        stored = self._chain.append(made, sealed)
        gone = self._database.iterate(_ENTRY, height_key(_ENTRY, height + 1))
        self._database.write({key: None for key, _ in list(gone)})
        self._entries = 0
        self._made.clear()
        self._pool.after_block()
        self._ports.stored(stored)
        begin = self._start_height()
        if self._state is not None and self._state.context.parameters != self._parameters:
            # The height whose log was lost is over: this node signs again.
            context = replace(self._state.context, parameters=self._parameters)
            self._state = replace(self._state, context=context)
        self._waiting.append(begin)
        self._work()
