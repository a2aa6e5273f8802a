"""What a handler is given: the block it runs in, the stores, the gas meter and the events."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from chainkit.formats.tendermint.types import BlockIdFlag, ConsensusParams
from chainkit.primitives.types import Address, BlockHeight, ChainId, TimestampNs, VotingPower
from chainkit.runtime.events import Event, EventLog
from chainkit.runtime.gas import GasMeter, GasStore
from chainkit.runtime.store import KVStore, Overlay


class ExecutionMode(Enum):
    """Why code runs."""

    DELIVER = auto()
    """In a block: genesis, begin, transactions, end."""
    CHECK = auto()
    """A new transaction for the mempool."""
    RECHECK = auto()
    """A transaction of the mempool after a block."""
    SIMULATE = auto()
    """To learn the gas; signatures and fees are not demanded."""
    QUERY = auto()


class MisbehaviourKind(Enum):
    """ABCI ``MisbehaviorType``."""

    DUPLICATE_VOTE = 1
    LIGHT_CLIENT_ATTACK = 2


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """Evidence that consensus has verified and committed (ABCI ``Misbehavior``)."""

    kind: MisbehaviourKind
    validator_address: Address
    validator_power: VotingPower
    height: BlockHeight
    time: TimestampNs
    total_voting_power: VotingPower


@dataclass(frozen=True, slots=True)
class LastVote:
    """Whether a validator signed the last block's commit (ABCI ``VoteInfo``)."""

    validator_address: Address
    validator_power: VotingPower
    flag: BlockIdFlag


class Savepoint:
    """A place to go back to; :meth:`Context.savepoint` makes it."""

    __slots__ = ("_events", "_overlay", "_state_mark", "event_mark")

    def __init__(self, overlay: Overlay, events: EventLog) -> None:
        self._overlay = overlay
        self._events = events
        self._state_mark = overlay.mark()
        self.event_mark = events.mark()

    def discard(self) -> tuple[Event, ...]:
        """Undo the writes made since the savepoint, and return the events so dropped.

        Gas that was used stays used. What is written after this call is kept.
        """
        self._overlay.revert(self._state_mark)
        return self._events.cut(self.event_mark)


@dataclass(frozen=True, slots=True)
class Context:
    """The world as one execution sees it; the stores, gas and events behind it change.

    ``height`` and ``time`` are those of the block being executed (for queries: of the
    height asked).
    """

    chain_id: ChainId
    height: BlockHeight
    time: TimestampNs
    mode: ExecutionMode
    overlay: Overlay
    gas: GasMeter = field(default_factory=GasMeter)
    events: EventLog = field(default_factory=EventLog)
    proposer_address: Address = Address(b"")
    last_votes: tuple[LastVote, ...] = ()
    misbehaviour: tuple[Misbehaviour, ...] = ()
    next_validators_hash: bytes = b""
    """Of the validators of the next height, in blocks."""
    consensus_params: ConsensusParams = ConsensusParams()

    def store(self, name: str) -> KVStore:
        """Return the store called ``name``; its use is charged to :attr:`gas`."""
        return GasStore(self.overlay.store(name), self.gas)

    def emit(self, event: Event) -> None:
        """Add an event."""
        self.events.emit(event)

    @contextmanager
    def savepoint(self) -> Iterator[Savepoint]:
        """Undo the block's writes and events if it raises, or when it discards; nests."""
        savepoint = Savepoint(self.overlay, self.events)
        try:
            yield savepoint
        except BaseException:
            savepoint.discard()
            raise

    def with_gas(self, gas: GasMeter) -> "Context":
        """Return the context with another gas meter, on the same stores and events."""
        return replace(self, gas=gas)

    def with_events(self, events: EventLog) -> "Context":
        """Return the context with another event log, on the same stores and gas."""
        return replace(self, events=events)

    def is_checking(self) -> bool:
        """Return whether this judges a transaction for the mempool."""
        return self.mode in {ExecutionMode.CHECK, ExecutionMode.RECHECK}
