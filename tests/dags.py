"""Small DAGs with headers that keep every rule, at a few bits of work, for tests."""

from collections.abc import Sequence
from dataclasses import replace

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.building import virtual_above
from chainkit.formats.ghostdag.dag import Dag
from chainkit.formats.ghostdag.hashing import ZERO_HASH
from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.parameters import DagParameters
from chainkit.formats.ghostdag.proof_of_work import bits_of, target_of
from chainkit.primitives.types import Hash32

START_MS = 1_700_000_000_000
SPACING_MS = 1_000
EASY_TARGET = (1 << 252) - 1
"""Four bits of work: 16 hashes a header."""

PARAMETERS = DagParameters(
    k=3,
    max_target=EASY_TARGET,
    target_time_ms=SPACING_MS,
    difficulty_window=10,
    min_difficulty_window=4,
    difficulty_sample_rate=2,
    median_window=9,
    median_sample_rate=1,
    max_parents=8,
    merge_set_limit=40,
    merge_depth=12,
    pruning_depth=30,
    pruning_interval=10,
    timestamp_tolerance_ms=10_000,
)
NOW_MS = START_MS + 10_000_000


def work_on(header: Header) -> Header:
    """The header with a nonce that gives it proof of work."""
    target = target_of(header.bits)
    while int.from_bytes(header.hash, "little") > target:
        header = replace(header, nonce=header.nonce + 1)
    return header


def genesis(parameters: DagParameters = PARAMETERS) -> Header:
    """A first header: no work is asked of it."""
    return Header(
        version=parameters.version,
        parents_by_level=(),
        hash_merkle_root=ZERO_HASH,
        accepted_id_merkle_root=ZERO_HASH,
        utxo_commitment=ZERO_HASH,
        timestamp=START_MS,
        bits=bits_of(parameters.max_target),
        nonce=0,
        daa_score=0,
        blue_score=0,
        blue_work=0,
        pruning_point=ZERO_HASH,
    )


def new_dag(parameters: DagParameters = PARAMETERS) -> Dag:
    """A DAG of genesis alone."""
    return Dag.from_genesis(parameters, genesis(parameters))


def root_of(salt: int) -> Hash32:
    """A state root that differs by its salt."""
    return Hash32(salt.to_bytes(32, "big"))


def unmined(
    dag: Dag, parents: Sequence[Hash32], *, salt: int = 0, after_ms: int = SPACING_MS
) -> Header:
    """A header above ``parents`` without work; another salt gives another state root."""
    latest = max(dag._blocks[parent].header.timestamp for parent in parents)
    virtual = virtual_above(dag, tuple(parents), dag.parameters, dag.windows)
    return virtual.header(
        dag.parameters.version,
        timestamp_ms=latest + after_ms,
        transactions_root=ZERO_HASH,
        accepted_root=ZERO_HASH,
        state_root=root_of(salt),
    )


def mine(
    dag: Dag, parents: Sequence[Hash32], *, salt: int = 0, after_ms: int = SPACING_MS
) -> DagBlock:
    """A block above ``parents``, added to the DAG."""
    return dag.insert(work_on(unmined(dag, parents, salt=salt, after_ms=after_ms)), NOW_MS)


def grow(
    dag: Dag, start: Hash32, count: int, *, salt: int = 0, after_ms: int = SPACING_MS
) -> list[DagBlock]:
    """A chain of ``count`` blocks above ``start``, each with one parent."""
    blocks = []
    for _ in range(count):
        blocks.append(mine(dag, [start], salt=salt, after_ms=after_ms))
        start = blocks[-1].hash
    return blocks


def rounds(
    dag: Dag, count: int, *, width: int = 2, salt: int = 0, after_ms: int | None = None
) -> list[DagBlock]:
    """``count`` rounds of ``width`` parallel blocks, each above all tips of the round before.

    By default as far apart as the difficulty aims at.
    """
    after_ms = width * SPACING_MS if after_ms is None else after_ms
    blocks: list[DagBlock] = []
    for number in range(count):
        tips = dag.tips
        salts = range(salt + number * width + 1, salt + (number + 1) * width + 1)
        blocks.extend([mine(dag, tips, salt=one, after_ms=after_ms) for one in salts])
    return blocks
