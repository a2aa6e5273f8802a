"""Hashes of headers, sets, commits, results: Merkle roots over the fields' encodings.

Spec:
    CometBFT spec/core/data_structures, "Header" and the sections it points to; spec/core/
    encoding, "Merkle Trees".
"""

from collections.abc import Iterable, Sequence

from chainkit.commitments.merkle import root
from chainkit.formats.tendermint import fields
from chainkit.formats.tendermint.types import (
    BlockId,
    Commit,
    CommitSig,
    ConsensusParams,
    Header,
    PartSetHeader,
    ValidatorSet,
)
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Hash32


def tx_hash(tx: bytes) -> Hash32:
    """Return the hash that names a transaction."""
    return sha256(tx)


def data_hash(txs: Sequence[bytes]) -> Hash32:
    """Return the root over the hashes of the transactions, in order."""
    return root([sha256(tx) for tx in txs])


def part_set_header_bytes(header: PartSetHeader) -> bytes:
    """Return the encoding of ``tendermint.types.PartSetHeader``."""
    return fields.integer(1, header.total) + fields.data(2, header.hash)


def block_id_bytes(block_id: BlockId) -> bytes:
    """Return the encoding of ``tendermint.types.BlockID``; ``12 00`` for nil."""
    parts = part_set_header_bytes(block_id.part_set_header)
    return fields.data(1, block_id.hash) + fields.message(2, parts)


def header_hash(header: Header) -> bytes:
    """Return the block's hash, 32 bytes; empty if the header names no validators."""
    if not header.validators_hash:
        return b""
    version = fields.integer(1, header.version_block) + fields.integer(2, header.version_app)
    return root(
        (
            version,
            fields.data(1, header.chain_id.encode()),
            fields.integer(1, header.height),
            fields.timestamp(header.time),
            block_id_bytes(header.last_block_id),
            fields.data(1, header.last_commit_hash),
            fields.data(1, header.data_hash),
            fields.data(1, header.validators_hash),
            fields.data(1, header.next_validators_hash),
            fields.data(1, header.consensus_hash),
            fields.data(1, header.app_hash),
            fields.data(1, header.last_results_hash),
            fields.data(1, header.evidence_hash),
            fields.data(1, header.proposer_address),
        )
    )


def commit_sig_bytes(signature: CommitSig) -> bytes:
    """Return the encoding of ``tendermint.types.CommitSig``."""
    return (
        fields.integer(1, signature.block_id_flag)
        + fields.data(2, signature.validator_address)
        + fields.message(3, fields.timestamp(signature.timestamp))
        + fields.data(4, signature.signature)
    )


def commit_hash(commit: Commit) -> Hash32:
    """Return the root over the signatures: a header's ``last_commit_hash``."""
    return root([commit_sig_bytes(signature) for signature in commit.signatures])


def validator_set_hash(validator_set: ValidatorSet) -> Hash32:
    """Return the root over keys and powers; priorities do not enter it."""
    return root(
        [
            fields.message(1, fields.data(1, validator.public_key))
            + fields.integer(2, validator.voting_power)
            for validator in validator_set.validators
        ]
    )


def consensus_params_hash(params: ConsensusParams) -> Hash32:
    """Return the hash of the parameters that headers commit to (``HashedParams``)."""
    return sha256(
        fields.integer(1, params.block_max_bytes) + fields.integer(2, params.block_max_gas)
    )


def results_hash(results: Iterable[tuple[int, bytes, int, int]]) -> Hash32:
    """Return the root over (code, data, gas wanted, gas used) of a block's transactions."""
    return root(
        [
            fields.integer(1, code)
            + fields.data(2, data)
            + fields.integer(5, gas_wanted)
            + fields.integer(6, gas_used)
            for code, data, gas_wanted, gas_used in results
        ]
    )
