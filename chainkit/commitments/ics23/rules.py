"""What the operations of a proof must look like under a spec; one rule a function.

Without these a proof can be cut open at another place than the tree was built
(Dragonberry, GHSA-559w-cqpc-p2f4): bytes of a leaf or of a sibling pass as part of a
prefix, and a key is "proven" that was never written.

Spec:
    cosmos/ics23 ``go/ops.go``, ``CheckAgainstSpec`` and ``validateIavlOps``.
"""

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.ics23.specs import IAVL_SPEC, TENDERMINT_SPEC, is_alike
from chainkit.commitments.ics23.types import (
    ExistenceProof,
    HashOp,
    InnerOp,
    InnerSpec,
    LeafOp,
    ProofSpec,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_PROOF_DEPTH
from chainkit.primitives.varint import decode_zigzag

_IAVL_PREFIX_REMAINDERS = (1, 34)
"""After height, size and version: the child's length byte; or a length byte, the left
sibling's 32 bytes and the child's length byte."""

MAX_CHILDREN = 16
"""Of one inner node: no tree that is proven by ICS-23 has more, and each step of a path is
compared with every place among them, so that a spec with thousands would cost seconds."""


class IncompleteSpec(InvalidProof):
    """A spec without leaf or inner part, or with sizes under which no proof is sound."""


class LeafRuleBroken(InvalidProof):
    """The leaf operation is not the spec's."""


class InnerRuleBroken(InvalidProof):
    """An inner operation is not one that the spec's tree can have."""


class IavlPrefixBroken(InvalidProof):
    """A prefix does not start with an IAVL node's height, size and version."""


class DepthRuleBroken(InvalidProof):
    """The path is shorter or longer than the spec allows."""


def check_spec(spec: ProofSpec) -> tuple[LeafOp, InnerSpec]:
    """Return the parts of ``spec``, which must be there and sound.

    Raises:
        IncompleteSpec: A part is missing, the child size is not positive, or the longest
            prefix has room for a whole child more than the shortest: then one byte
            string can be read as two different steps (cosmos/ics23 #369). Or there are
            more than 16 children.
    """
    if spec.leaf_spec is None:
        raise IncompleteSpec("spec.leaf_spec must be present")
    if spec.inner_spec is None:
        raise IncompleteSpec("spec.inner_spec must be present")
    inner = spec.inner_spec
    if inner.child_size <= 0:
        raise IncompleteSpec("child_size must be at least 1")
    if inner.min_prefix_length < 0:
        raise IncompleteSpec("min_prefix_length must not be negative")
    if inner.max_prefix_length >= inner.min_prefix_length + inner.child_size:
        raise IncompleteSpec("max_prefix_length must be below min_prefix_length + child_size")
    if not inner.child_order or inner.child_order != tuple(range(len(inner.child_order))):
        # Upstream allows merk's order (left, right, here); no chain that we know uses it.
        raise IncompleteSpec("child_order must count up from 0")
    if len(inner.child_order) > MAX_CHILDREN:
        raise IncompleteSpec(f"{len(inner.child_order)} children; at most {MAX_CHILDREN}")
    return spec.leaf_spec, inner


def check_existence_shape(proof: ExistenceProof, spec: ProofSpec) -> LeafOp:
    """Check every operation of ``proof`` against ``spec``; return its leaf operation.

    Raises:
        InvalidProof: The named rule that it breaks.
    """
    check_spec(spec)
    if proof.leaf is None:
        raise LeafRuleBroken("existence proof needs a leaf op")
    check_leaf(proof.leaf, spec)
    depth = len(proof.path)
    if spec.min_depth > 0 and depth < spec.min_depth:
        raise DepthRuleBroken(f"inner ops depth too short: {depth}")
    if depth > (spec.max_depth or MAX_PROOF_DEPTH):
        raise DepthRuleBroken(f"inner ops depth too long: {depth}")
    for layer, op in enumerate(proof.path, start=1):
        check_inner(op, spec, layer)
    return proof.leaf


def check_leaf(op: LeafOp, spec: ProofSpec) -> None:
    """Refuse a leaf operation that differs from the spec's, prefix apart.

    Raises:
        LeafRuleBroken: It differs, or its prefix does not start with the spec's.
    """
    leaf_spec, _ = check_spec(spec)
    if is_alike(spec, IAVL_SPEC):
        check_iavl_leaf_prefix(op.prefix)
    elif op.prefix != leaf_spec.prefix and is_alike(spec, TENDERMINT_SPEC):
        # The simple tree's leaves have nothing but 00 before the key: any more could
        # only hide bytes of another key.
        raise LeafRuleBroken("leaf prefix has more than the spec's")
    if op.hash is not leaf_spec.hash:
        raise LeafRuleBroken(f"unexpected hash {op.hash.name}")
    if op.prehash_key is not leaf_spec.prehash_key:
        raise LeafRuleBroken(f"unexpected prehash_key {op.prehash_key.name}")
    if op.prehash_value is not leaf_spec.prehash_value:
        raise LeafRuleBroken(f"unexpected prehash_value {op.prehash_value.name}")
    if op.length is not leaf_spec.length:
        raise LeafRuleBroken(f"unexpected length {op.length.name}")
    if not op.prefix.startswith(leaf_spec.prefix):
        raise LeafRuleBroken(f"leaf prefix does not start with {leaf_spec.prefix.hex()}")


def check_inner(op: InnerOp, spec: ProofSpec, layer: int) -> None:
    """Refuse an inner operation that no node of the spec's tree has.

    Args:
        op: The operation.
        spec: The tree's spec.
        layer: 1 for the parent of the leaf, 2 above it, and so on.

    Raises:
        InnerRuleBroken: The named check fails.
    """
    leaf_spec, inner_spec = check_spec(spec)
    if op.hash is not inner_spec.hash:
        raise InnerRuleBroken(f"unexpected hash {op.hash.name}")
    if is_alike(spec, IAVL_SPEC):
        check_iavl_inner(op, layer)
    if is_alike(spec, TENDERMINT_SPEC):
        check_tendermint_inner(op)
    if op.prefix.startswith(leaf_spec.prefix):
        raise InnerRuleBroken(f"inner prefix starts with the leaf's {leaf_spec.prefix.hex()!r}")
    size = len(op.prefix)
    if size < inner_spec.min_prefix_length:
        raise InnerRuleBroken(f"inner prefix too short ({size})")
    most_left = (len(inner_spec.child_order) - 1) * inner_spec.child_size
    if size > inner_spec.max_prefix_length + most_left:
        raise InnerRuleBroken(f"inner prefix too long ({size})")
    if len(op.suffix) % inner_spec.child_size != 0:
        raise InnerRuleBroken(f"inner suffix is no whole number of children ({len(op.suffix)})")


def check_iavl_leaf_prefix(prefix: bytes) -> None:
    """Demand height 0, size 1, a version, and nothing more.

    Raises:
        LeafRuleBroken: The prefix is another.
    """
    height, size, _, rest = _iavl_prefix(prefix)
    if rest != 0:
        raise LeafRuleBroken(f"IAVL leaf prefix has {rest} more bytes")
    if height != 0:
        raise LeafRuleBroken(f"IAVL leaf height is {height}, not 0")
    if size != 1:
        raise LeafRuleBroken(f"IAVL leaf size is {size}, not 1")


def check_iavl_inner(op: InnerOp, layer: int) -> None:
    """Demand height, size, version and then 1 or 34 bytes, with SHA-256.

    Raises:
        InnerRuleBroken: The prefix is another, or its height is below ``layer``.
    """
    height, _, _, rest = _iavl_prefix(op.prefix)
    if height < layer:
        raise InnerRuleBroken(f"IAVL height {height} is below the layer {layer}")
    if rest not in _IAVL_PREFIX_REMAINDERS:
        raise InnerRuleBroken(f"IAVL prefix must end in 1 or 34 bytes, not {rest}")
    if op.hash is not HashOp.SHA256:
        raise InnerRuleBroken(f"IAVL hash must be SHA256, not {op.hash.name}")


def check_tendermint_inner(op: InnerOp) -> None:
    """Demand a prefix of 01, alone where there is a suffix.

    Raises:
        InnerRuleBroken: The prefix is another.
    """
    if not op.prefix.startswith(b"\x01"):
        raise InnerRuleBroken("Tendermint inner prefix must begin with 01")
    if op.suffix and op.prefix != b"\x01":
        raise InnerRuleBroken("Tendermint inner prefix before a left child must be 01")


def _iavl_prefix(prefix: bytes) -> tuple[int, int, int, int]:
    """Return height, size, version and the count of bytes after them."""
    try:
        height, end = decode_zigzag(prefix)
        size, end = decode_zigzag(prefix, end)
        version, end = decode_zigzag(prefix, end)
    except MalformedMessage as error:
        raise IavlPrefixBroken(f"IAVL prefix: {error}") from error
    for name, value in (("height", height), ("size", size), ("version", version)):
        if value < 0:
            raise IavlPrefixBroken(f"IAVL {name} must be non-negative")
    return height, size, version, len(prefix) - end
