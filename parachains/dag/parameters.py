"""What fixes a DAG chain: its name, the numbers of its order, its coin, and who has some first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from chainkit.formats.ghostdag.parameters import DagParameters, anticone_bound
from chainkit.formats.ghostdag.proof_of_work import target_of
from chainkit.primitives.confirmations import confirmations_needed
from chainkit.primitives.types import Address, ChainId, Denom

DELAY_BOUND_MS = 2_000
"""How long a block may take to reach every miner: on one machine it takes far less."""

DELAY_DEPTH = 32
"""Blue scores by which the selected chain changes through delay alone, rounded up: two halves
of the miners that hear of each other after the delay bound reorganise by 23 within 10,000
blocks, 31 with an attacker who helps the lighter half (``tests/simulation/test_dag_delays.py``)."""

RED_SHARE = Fraction(1, 100)
"""The share of honest blocks that may turn red within the delay bound."""

EASIEST_TARGET = target_of(0x1F00FFFF)
"""16 bits of work."""


def finality_depth(share: Fraction, probability: Fraction) -> int:
    """Return the blue scores below the tip at which a block may be taken as final.

    What an attacker with this share of the work undoes at most so often (Rosenfeld), and on
    top of it what delay does without any attacker.
    """
    return confirmations_needed(share, probability) + DELAY_DEPTH


def dag_parameters(interval_ms: int = 1_000, max_target: int = EASIEST_TARGET) -> DagParameters:
    """Return the numbers for a mean time between blocks; k by the formula: 9 at one second."""
    k = anticone_bound(DELAY_BOUND_MS, interval_ms, RED_SHARE)
    return DagParameters(
        k=k,
        max_target=max_target,
        target_time_ms=interval_ms,
        difficulty_window=60,
        min_difficulty_window=10,
        difficulty_sample_rate=2,
        median_window=27,
        median_sample_rate=1,
        max_parents=10,
        merge_set_limit=max(10 * k, 1),
        merge_depth=120,
        pruning_depth=240,
        pruning_interval=60,
        timestamp_tolerance_ms=10_000,
    )


@dataclass(frozen=True, slots=True)
class ChainParameters:
    """One chain."""

    chain_id: ChainId
    dag: DagParameters
    native: Denom
    reward: int
    """Of the chain's own coin, made for the miner of each blue block that is merged."""
    address_prefix: str
    genesis_time_ms: int
    balances: Mapping[Address, int] = field(default_factory=dict)
    """The chain's own coin at genesis."""
