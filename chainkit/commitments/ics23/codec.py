"""Bytes of ``cosmos.ics23.v1`` to and from values; protobuf classes stay here."""

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.ics23.types import (
    CommitmentProof,
    ExistenceProof,
    HashOp,
    InnerOp,
    InnerSpec,
    LeafOp,
    LengthOp,
    NonExistenceProof,
    ProofSpec,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_PROOF_BYTES
from chainkit.wire.codec import decode_strict, encode
from chainkit.wire.proto.cosmos.ics23.v1 import proofs_pb2 as pb

MAX_SPEC_BYTES = 4_096
MAX_PATH_OPERATIONS = 1_024
"""More than any spec's depth; the depth rule itself belongs to the verifier."""


class UnsupportedProofKind(InvalidProof):
    """A batch or compressed proof: removed upstream and read by nobody."""

    def __init__(self, *, kind: str) -> None:
        super().__init__(f"{kind} proofs are not supported")
        self.kind = kind


def decode_proof(data: bytes) -> CommitmentProof:
    """Return the proof in ``data``, a ``CommitmentProof``.

    Raises:
        MalformedMessage: Over 1 MiB, not the canonical encoding of a proof, unknown
            operations, or none of the proof kinds set.
        UnsupportedProofKind: Batch or compressed.
    """
    message = decode_strict(pb.CommitmentProof, data, max_bytes=MAX_PROOF_BYTES)
    kind = message.WhichOneof("proof")
    if kind == "exist":
        return _existence(message.exist)
    if kind == "nonexist":
        absence = message.nonexist
        return NonExistenceProof(
            key=absence.key,
            left=_existence(absence.left) if absence.HasField("left") else None,
            right=_existence(absence.right) if absence.HasField("right") else None,
        )
    if kind is None:
        raise MalformedMessage("commitment proof is empty")
    raise UnsupportedProofKind(kind=kind)


def encode_proof(proof: CommitmentProof) -> bytes:
    """Return ``proof`` as a ``CommitmentProof``."""
    if isinstance(proof, ExistenceProof):
        return encode(pb.CommitmentProof(exist=_existence_message(proof)))
    return encode(
        pb.CommitmentProof(
            nonexist=pb.NonExistenceProof(
                key=proof.key,
                left=_existence_message(proof.left) if proof.left is not None else None,
                right=_existence_message(proof.right) if proof.right is not None else None,
            )
        )
    )


def decode_spec(data: bytes) -> ProofSpec:
    """Return the ``ProofSpec`` in ``data``; errors as :func:`decode_proof`."""
    return spec_from_proto(decode_strict(pb.ProofSpec, data, max_bytes=MAX_SPEC_BYTES))


def encode_spec(spec: ProofSpec) -> bytes:
    """Return ``spec`` as a ``ProofSpec``."""
    return encode(spec_to_proto(spec))


def spec_from_proto(message: pb.ProofSpec) -> ProofSpec:
    """Return the value of a message that another codec module decoded.

    Raises:
        MalformedMessage: An unknown operation.
    """
    leaf = _leaf(message.leaf_spec) if message.HasField("leaf_spec") else None
    inner = None
    if message.HasField("inner_spec"):
        part = message.inner_spec
        inner = InnerSpec(
            child_order=tuple(part.child_order),
            child_size=part.child_size,
            min_prefix_length=part.min_prefix_length,
            max_prefix_length=part.max_prefix_length,
            empty_child=part.empty_child,
            hash=_hash_op(part.hash),
        )
    return ProofSpec(
        leaf_spec=leaf,
        inner_spec=inner,
        max_depth=message.max_depth,
        min_depth=message.min_depth,
        prehash_key_before_comparison=message.prehash_key_before_comparison,
    )


def spec_to_proto(spec: ProofSpec) -> pb.ProofSpec:
    """Return the message for another codec module."""
    inner = spec.inner_spec
    return pb.ProofSpec(
        leaf_spec=_leaf_message(spec.leaf_spec) if spec.leaf_spec is not None else None,
        inner_spec=None
        if inner is None
        else pb.InnerSpec(
            child_order=inner.child_order,
            child_size=inner.child_size,
            min_prefix_length=inner.min_prefix_length,
            max_prefix_length=inner.max_prefix_length,
            empty_child=inner.empty_child,
            hash=pb.HashOp.ValueType(inner.hash),
        ),
        max_depth=spec.max_depth,
        min_depth=spec.min_depth,
        prehash_key_before_comparison=spec.prehash_key_before_comparison,
    )


def _existence(message: pb.ExistenceProof) -> ExistenceProof:
    if len(message.path) > MAX_PATH_OPERATIONS:
        raise MalformedMessage(f"proof path has {len(message.path)} operations")
    return ExistenceProof(
        key=message.key,
        value=message.value,
        leaf=_leaf(message.leaf) if message.HasField("leaf") else None,
        path=tuple(InnerOp(_hash_op(op.hash), op.prefix, op.suffix) for op in message.path),
    )


def _leaf(message: pb.LeafOp) -> LeafOp:
    try:
        length = LengthOp(message.length)
    except ValueError as error:
        raise MalformedMessage(f"unknown length operation {message.length}") from error
    return LeafOp(
        hash=_hash_op(message.hash),
        prehash_key=_hash_op(message.prehash_key),
        prehash_value=_hash_op(message.prehash_value),
        length=length,
        prefix=message.prefix,
    )


def _hash_op(number: int) -> HashOp:
    try:
        return HashOp(number)
    except ValueError as error:
        raise MalformedMessage(f"unknown hash operation {number}") from error


def _existence_message(proof: ExistenceProof) -> pb.ExistenceProof:
    return pb.ExistenceProof(
        key=proof.key,
        value=proof.value,
        leaf=_leaf_message(proof.leaf) if proof.leaf is not None else None,
        path=[
            pb.InnerOp(hash=pb.HashOp.ValueType(op.hash), prefix=op.prefix, suffix=op.suffix)
            for op in proof.path
        ],
    )


def _leaf_message(leaf: LeafOp) -> pb.LeafOp:
    return pb.LeafOp(
        hash=pb.HashOp.ValueType(leaf.hash),
        prehash_key=pb.HashOp.ValueType(leaf.prehash_key),
        prehash_value=pb.HashOp.ValueType(leaf.prehash_value),
        length=pb.LengthOp.ValueType(leaf.length),
        prefix=leaf.prefix,
    )
