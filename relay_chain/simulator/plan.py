"""What a run is made of: the validators, their kinds, and which faults happen when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from chainkit.formats.tendermint.types import VoteType
from chainkit.primitives.types import DurationNs
from relay_chain.consensus.messages import Timeouts

MS = 1_000_000
SECOND = 1_000 * MS

CHAOS_NS = 12 * SECOND
"""Virtual time with faults; afterwards the network heals."""

HEIGHTS_AFTER_HEALING = 3
HEALING_BOUND_NS = 90 * SECOND
"""Virtual time in which every correct node must be that many heights further."""

FAST = Timeouts(
    propose_ns=DurationNs(300 * MS),
    propose_delta_ns=DurationNs(100 * MS),
    prevote_ns=DurationNs(150 * MS),
    prevote_delta_ns=DurationNs(100 * MS),
    precommit_ns=DurationNs(150 * MS),
    precommit_delta_ns=DurationNs(100 * MS),
    commit_ns=DurationNs(150 * MS),
)
"""Shorter than a node's, so that a second of chaos sees more rounds."""


class Kind(Enum):
    """How a validator behaves."""

    CORRECT = "correct"
    COMETBFT = "cometbft"
    """Correct, with CometBFT 0.38's lock rule."""
    PAPER = "paper"
    """Correct by the paper's lock rule: not planned by any seed, a mutant."""
    EQUIVOCATOR = "equivocator"
    AMNESIAC = "amnesiac"
    WITHHOLDER = "withholder"
    GARBAGE = "garbage"
    """Proposes invalid blocks and sends votes that are none."""
    HYDRA = "hydra"
    """Votes for everything, lets both votes count, and holds its precommits back."""
    FLATTERER = "flatterer"
    """Votes towards each correct node as that node just voted; no seed below a third has it."""
    MIRROR = "mirror"
    """The same, but one vote a round and type: it forgets locks and never equivocates."""
    PUPPET = "puppet"
    """Says what the plan's script says, and is silent otherwise: not drawn by dice."""

    @property
    def is_correct(self) -> bool:
        """Whether the invariants hold this validator to the rules."""
        return self in {Kind.CORRECT, Kind.COMETBFT, Kind.PAPER}


class DiskFault(Enum):
    """What a crash does to the write-ahead log beyond losing what was not synced."""

    NONE = "none"
    LOST_SYNC = "lost sync"
    """The disk had confirmed entries that it did not keep."""
    BIT_FLIP = "bit flip"
    """One bit of the file is another."""


@dataclass(frozen=True, slots=True)
class Crash:
    """Kill a node after it performed some more effects; start it again later."""

    node: int
    after_effects: int
    down_ns: int
    disk: DiskFault = DiskFault.NONE


@dataclass(frozen=True, slots=True)
class Cut:
    """Stop delivery on these (sender, recipient) pairs, and on no others."""

    pairs: frozenset[tuple[int, int]]

    @property
    def is_asymmetric(self) -> bool:
        """Whether somebody hears a node that does not hear it."""
        return any((b, a) not in self.pairs for a, b in self.pairs)


@dataclass(frozen=True, slots=True)
class Quality:
    """How the network treats a message from now on."""

    drop: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    """Part of the messages that take up to ten times as long, and so overtake none."""
    delay_ns: int = 20 * MS


Fault = Crash | Cut | Quality


@dataclass(frozen=True, slots=True)
class Cue:
    """When a node votes at height 1, the puppet sends a vote of that type to somebody."""

    round: int
    type: VoteType
    node: int
    """Whose vote of that round and type gives the cue."""
    block: int
    """Which of the height's blocks, in the order they were made; -1 for nil."""
    recipient: int = -1
    """Who gets the puppet's vote, where it is another than ``node``."""
    of_round: int = -1
    """Round of the puppet's vote, where it is an earlier one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a run, apart from the dice thrown within it."""

    seed: int
    powers: tuple[int, ...]
    kinds: tuple[Kind, ...]
    faults: tuple[tuple[int, Fault], ...]
    """(virtual time, fault), by time."""
    skew_ns: tuple[int, ...] = ()
    timeouts: Timeouts = FAST
    chaos_ns: int = CHAOS_NS
    sides: Mapping[int, int] = field(default_factory=dict)
    """For coordinated equivocators: to which side each validator belongs."""
    changes: tuple[tuple[int, int, int], ...] = ()
    """(height, node, power): the node's voting power from that height on; 0 is none."""
    real_signatures: bool = False
    script: tuple[Cue, ...] = ()
    """What a puppet does at height 1."""


def calm_plan(seed: int, count: int = 4) -> Plan:
    """Return a plan without faults, to measure speed."""
    faults: tuple[tuple[int, Fault], ...] = ((0, Quality()),)
    return Plan(seed, (10,) * count, (Kind.CORRECT,) * count, faults, chaos_ns=0)
