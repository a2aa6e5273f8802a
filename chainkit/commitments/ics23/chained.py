"""Proofs through a tree of trees: a key in a store, the store's root in the multistore.

Spec:
    ibc-go ``23-commitment``, ``MerkleProof.VerifyMembership``.
"""

from collections.abc import Sequence

from chainkit.commitments.errors import InvalidMerkleProof, InvalidPrefix, InvalidProof
from chainkit.commitments.ics23.codec import decode_proof
from chainkit.commitments.ics23.types import ExistenceProof, NonExistenceProof, ProofSpec
from chainkit.commitments.ics23.verify import (
    WrongProofKind,
    WrongRoot,
    calculate_existence_root,
    calculate_root,
    verify_existence,
    verify_non_existence,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_PROOF_BYTES
from chainkit.wire.codec import decode_strict, encode
from chainkit.wire.proto.cosmos.ics23.v1 import proofs_pb2
from chainkit.wire.proto.ibc.core.commitment.v1 import commitment_pb2

MAX_CHAINED_PROOFS = 8
"""Trees inside trees that we follow; Cosmos chains have two."""


def verify_chained_membership(
    specs: Sequence[ProofSpec],
    proofs: Sequence[bytes],
    root: bytes,
    path: Sequence[bytes],
    value: bytes,
) -> None:
    """Check that ``path`` leads to ``value`` under ``root``.

    Args:
        specs: One for each tree, the lowest first: IAVL, then Tendermint.
        proofs: Encoded ``CommitmentProof``s in the same order.
        root: The trusted root of the highest tree.
        path: Keys from the highest tree to the lowest: the store's name, then the key.
        value: What the lowest tree holds, not empty.

    Raises:
        InvalidProof: It is not proven; the subclass names the rule.
        InvalidMerkleProof: Counts differ, or the root is empty.
        MalformedMessage: A proof is no proof.
    """
    _check_arguments(specs, proofs, root, path)
    if not value:
        raise InvalidProof("empty value in membership proof")
    _verify_from(specs, proofs, root, path, value, lowest=0)


def verify_chained_non_membership(
    specs: Sequence[ProofSpec], proofs: Sequence[bytes], root: bytes, path: Sequence[bytes]
) -> None:
    """Check that ``path`` leads nowhere: its last key is absent from a tree that is there.

    Arguments and errors as :func:`verify_chained_membership`.
    """
    _check_arguments(specs, proofs, root, path)
    absence = decode_proof(proofs[0])
    if not isinstance(absence, NonExistenceProof):
        raise WrongProofKind("a proof of existence does not prove absence")
    subroot = calculate_root(specs[0], absence)
    verify_non_existence(specs[0], subroot, absence, path[-1])
    _verify_from(specs, proofs, root, path, subroot, lowest=1)


def _verify_from(
    specs: Sequence[ProofSpec],
    proofs: Sequence[bytes],
    root: bytes,
    path: Sequence[bytes],
    value: bytes,
    *,
    lowest: int,
) -> None:
    """Check that each tree holds the root of the one below it, and the last has ``root``."""
    subroot = value
    for index in range(lowest, len(proofs)):
        proof = decode_proof(proofs[index])
        if not isinstance(proof, ExistenceProof):
            raise WrongProofKind(f"proof {index} must be of existence")
        above = calculate_existence_root(specs[index], proof)
        verify_existence(specs[index], above, proof, path[-1 - index], subroot)
        subroot = above
    if subroot != root:
        raise WrongRoot(f"proof leads to root {subroot.hex()}, not {root.hex()}")


def _check_arguments(
    specs: Sequence[ProofSpec], proofs: Sequence[bytes], root: bytes, path: Sequence[bytes]
) -> None:
    if not proofs:
        raise InvalidMerkleProof("proof must not be empty")
    if not root:
        raise InvalidMerkleProof("root cannot be empty")
    if len(specs) != len(proofs):
        raise InvalidMerkleProof(f"{len(specs)} specs for {len(proofs)} proofs")
    if len(path) != len(specs):
        raise InvalidProof(f"path length {len(path)} is not that of the proofs {len(specs)}")


def split_merkle_proof(data: bytes) -> tuple[bytes, ...]:
    """Return the proofs in an ``ibc.core.commitment.v1.MerkleProof``, lowest tree first.

    Raises:
        MalformedMessage: Over 1 MiB, not canonical, or more than 8 proofs.
    """
    message = decode_strict(commitment_pb2.MerkleProof, data, max_bytes=MAX_PROOF_BYTES)
    if len(message.proofs) > MAX_CHAINED_PROOFS:
        raise MalformedMessage(f"merkle proof of {len(message.proofs)} parts")
    return tuple(encode(proof) for proof in message.proofs)


def join_merkle_proof(proofs: Sequence[bytes]) -> bytes:
    """Return the ``MerkleProof`` of encoded ``CommitmentProof``s, lowest tree first.

    Raises:
        MalformedMessage: One of them is no proof.
    """
    parts = [
        decode_strict(proofs_pb2.CommitmentProof, proof, max_bytes=MAX_PROOF_BYTES)
        for proof in proofs
    ]
    return encode(commitment_pb2.MerkleProof(proofs=parts))


def build_merkle_path(prefix: Sequence[bytes], key: bytes) -> tuple[bytes, ...]:
    """Return the path to ``key`` below ``prefix``: the key goes on the prefix's last part.

    Raises:
        InvalidPrefix: The prefix is empty (ibc-go ``BuildMerklePath``).
    """
    if not prefix:
        raise InvalidPrefix("cannot build merkle path with empty prefix")
    return (*prefix[:-1], prefix[-1] + key)


def apply_prefix(prefix: bytes, path: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return ``path`` below the store ``prefix`` (ibc-go ``ApplyPrefix``).

    Raises:
        InvalidPrefix: The prefix is empty.
    """
    if not prefix:
        raise InvalidPrefix("prefix can't be empty")
    return (prefix, *path)


def validate_merkle_path(path: Sequence[bytes]) -> None:
    """Refuse a path without parts or with an empty one.

    Raises:
        InvalidPrefix: It has none, or an empty one.
    """
    _validate_parts(path, path)


def validate_merkle_prefix(prefix: Sequence[bytes]) -> None:
    """Refuse a prefix without parts or with an empty one, the last apart.

    Raises:
        InvalidPrefix: It has none, or an empty one before the last.
    """
    _validate_parts(prefix, prefix[:-1])


def _validate_parts(path: Sequence[bytes], filled: Sequence[bytes]) -> None:
    if not path:
        raise InvalidPrefix("path cannot have length 0")
    for index, key in enumerate(filled):
        if not key:
            raise InvalidPrefix(f"key at index {index} cannot be empty")
