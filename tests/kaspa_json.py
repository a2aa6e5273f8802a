"""Headers and parameters in the JSON of rusty-kaspa's test DAGs."""

from typing import Any

from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.parameters import DagParameters
from chainkit.primitives.types import Hash32


def _hash(text: str) -> Hash32:
    return Hash32(bytes.fromhex(text))


def header_from_json(header: dict[str, Any]) -> Header:
    """A header of a vector."""
    return Header(
        version=header["version"],
        parents_by_level=tuple(tuple(map(_hash, level)) for level in header["parentsByLevel"]),
        hash_merkle_root=_hash(header["hashMerkleRoot"]),
        accepted_id_merkle_root=_hash(header["acceptedIdMerkleRoot"]),
        utxo_commitment=_hash(header["utxoCommitment"]),
        timestamp=header["timestamp"],
        bits=header["bits"],
        nonce=header["nonce"],
        daa_score=header["daaScore"],
        blue_score=header["blueScore"],
        blue_work=int(header["blueWork"], 16),
        pruning_point=_hash(header["pruningPoint"]),
    )


def dag_parameters(line: dict[str, Any]) -> DagParameters:
    """The parameters that rule a vector: its first line."""
    rate = line["blockrate"]
    return DagParameters(
        k=rate["ghostdag_k"],
        max_target=(1 << 255) - 1,
        target_time_ms=rate["target_time_per_block"],
        difficulty_window=line["difficulty_window_size"],
        min_difficulty_window=line["min_difficulty_window_size"],
        difficulty_sample_rate=rate["difficulty_sample_rate"],
        median_window=line["past_median_time_window_size"],
        median_sample_rate=rate["past_median_time_sample_rate"],
        max_parents=rate["max_block_parents"],
        merge_set_limit=rate["mergeset_size_limit"],
        merge_depth=rate["merge_depth"],
        pruning_depth=rate["pruning_depth"],
        pruning_interval=rate["finality_depth"],
        timestamp_tolerance_ms=line["timestamp_deviation_tolerance"] * 1_000,
    )
