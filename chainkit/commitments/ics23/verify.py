"""Membership and absence of one key under one root.

Spec:
    ICS-23, "Proof verification".
"""

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.ics23.codec import decode_proof
from chainkit.commitments.ics23.neighbours import (
    NotNeighbours,
    are_neighbours,
    child_position,
    is_left_most,
    is_right_most,
)
from chainkit.commitments.ics23.operations import apply_inner, apply_leaf, do_hash_or_noop
from chainkit.commitments.ics23.rules import check_existence_shape, check_spec
from chainkit.commitments.ics23.types import (
    CommitmentProof,
    ExistenceProof,
    InnerSpec,
    NonExistenceProof,
    ProofSpec,
)


class WrongProofKind(InvalidProof):
    """A proof of existence where one of absence is needed, or the reverse."""


class WrongKey(InvalidProof):
    """The proof is for another key."""


class WrongValue(InvalidProof):
    """The proof is for another value."""


class WrongRoot(InvalidProof):
    """The proof leads to another root."""


class KeyOutOfRange(InvalidProof):
    """The key is not between the neighbours of the proof."""


def verify_membership(spec: ProofSpec, root: bytes, proof: bytes, key: bytes, value: bytes) -> None:
    """Check that ``key`` has ``value`` in the tree with ``root``.

    Args:
        spec: The kind of tree.
        root: Its root hash, trusted.
        proof: An encoded ``cosmos.ics23.v1.CommitmentProof``.
        key: The key, not empty.
        value: The value, not empty.

    Raises:
        InvalidProof: It is not proven; the subclass names the rule.
        MalformedMessage: The bytes are no proof.
    """
    decoded = decode_proof(proof)
    if not isinstance(decoded, ExistenceProof):
        raise WrongProofKind("a proof of absence does not prove membership")
    verify_existence(spec, root, decoded, key, value)


def verify_non_membership(spec: ProofSpec, root: bytes, proof: bytes, key: bytes) -> None:
    """Check that ``key`` is absent from the tree with ``root``.

    Raises:
        InvalidProof: Its absence is not proven; the subclass names the rule.
        MalformedMessage: The bytes are no proof.
    """
    decoded = decode_proof(proof)
    if not isinstance(decoded, NonExistenceProof):
        raise WrongProofKind("a proof of existence does not prove absence")
    verify_non_existence(spec, root, decoded, key)


def verify_existence(
    spec: ProofSpec, root: bytes, proof: ExistenceProof, key: bytes, value: bytes
) -> None:
    """Check a decoded proof of existence; errors as :func:`verify_membership`."""
    if proof.key != key:
        raise WrongKey("provided key does not match the proof")
    if proof.value != value:
        raise WrongValue("provided value does not match the proof")
    if calculate_existence_root(spec, proof) != root:
        raise WrongRoot("calculated root does not match the provided root")


def verify_non_existence(
    spec: ProofSpec, root: bytes, proof: NonExistenceProof, key: bytes
) -> None:
    """Check a decoded proof of absence; errors as :func:`verify_non_membership`."""
    _, inner_spec = check_spec(spec)
    left, right = proof.left, proof.right
    if proof.key != key:
        raise WrongKey("provided key does not match the proof")
    for neighbour in (left, right):
        if neighbour is not None:
            verify_existence(spec, root, neighbour, neighbour.key, neighbour.value)
    place = _comparable(spec, key)
    if right is not None and place >= _comparable(spec, right.key):
        raise KeyOutOfRange("key is not left of the right proof")
    if left is not None and place <= _comparable(spec, left.key):
        raise KeyOutOfRange("key is not right of the left proof")
    _check_gap(inner_spec, left, right)


def _check_gap(spec: InnerSpec, left: ExistenceProof | None, right: ExistenceProof | None) -> None:
    """Refuse neighbours between or beyond which another key may be."""
    if left is not None and right is not None:
        if not are_neighbours(spec, left.path, right.path):
            raise NotNeighbours("the two proofs are not neighbours")
    elif left is not None:
        if not is_right_most(spec, left.path):
            raise NotNeighbours("right proof missing, left proof must be right-most")
    elif right is not None:
        if not is_left_most(spec, right.path):
            raise NotNeighbours("left proof missing, right proof must be left-most")
    else:
        raise NotNeighbours("both left and right proofs missing")


def calculate_root(spec: ProofSpec, proof: CommitmentProof) -> bytes:
    """Return the only root that ``proof`` can be for, every operation checked.

    Raises:
        InvalidProof: An operation is not one of the spec's tree, or a proof of absence
            is empty.
    """
    if isinstance(proof, ExistenceProof):
        return calculate_existence_root(spec, proof)
    neighbour = proof.left or proof.right
    if neighbour is None:
        raise NotNeighbours("both left and right proofs missing")
    return calculate_existence_root(spec, neighbour)


def calculate_existence_root(spec: ProofSpec, proof: ExistenceProof) -> bytes:
    """Return the root that a proof of existence leads to; errors as :func:`calculate_root`."""
    _, inner_spec = check_spec(spec)
    leaf = check_existence_shape(proof, spec)
    result = apply_leaf(leaf, proof.key, proof.value)
    for op in proof.path:
        # Stricter than upstream, where only proofs of absence look at this: an operation
        # whose prefix and suffix fit no child of a node is from no tree of this spec.
        child_position(inner_spec, op)
        result = apply_inner(op, result)
    return result


def _comparable(spec: ProofSpec, key: bytes) -> bytes:
    """Return what orders ``key`` among its neighbours."""
    leaf_spec, _ = check_spec(spec)
    if not spec.prehash_key_before_comparison:
        return key
    return do_hash_or_noop(leaf_spec.prehash_key, key)
