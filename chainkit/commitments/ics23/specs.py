"""The three trees that Cosmos chains use, as specs."""

from chainkit.commitments.ics23.types import HashOp, InnerSpec, LeafOp, LengthOp, ProofSpec

IAVL_SPEC = ProofSpec(
    leaf_spec=LeafOp(
        hash=HashOp.SHA256,
        prehash_value=HashOp.SHA256,
        length=LengthOp.VAR_PROTO,
        prefix=b"\x00",
    ),
    inner_spec=InnerSpec(
        child_order=(0, 1), child_size=33, min_prefix_length=4, max_prefix_length=12
    ),
)
"""cosmos/iavl: a child is a length byte and its hash; the prefix is height, size, version."""

TENDERMINT_SPEC = ProofSpec(
    leaf_spec=LeafOp(
        hash=HashOp.SHA256,
        prehash_value=HashOp.SHA256,
        length=LengthOp.VAR_PROTO,
        prefix=b"\x00",
    ),
    inner_spec=InnerSpec(
        child_order=(0, 1), child_size=32, min_prefix_length=1, max_prefix_length=1
    ),
)
"""The simple tree over key-value pairs: what joins the stores of a multistore."""

SMT_SPEC = ProofSpec(
    leaf_spec=LeafOp(
        hash=HashOp.SHA256,
        prehash_key=HashOp.SHA256,
        prehash_value=HashOp.SHA256,
        prefix=b"\x00",
    ),
    inner_spec=InnerSpec(
        child_order=(0, 1),
        child_size=32,
        min_prefix_length=1,
        max_prefix_length=1,
        empty_child=bytes(32),
    ),
    max_depth=256,
    prehash_key_before_comparison=True,
)
"""celestiaorg/smt: a sparse tree over hashed keys, zeros where a subtree is empty."""


def is_alike(spec: ProofSpec, other: ProofSpec) -> bool:
    """Return whether two specs describe the same kind of tree (cosmos/ics23 ``SpecEquals``).

    Leaf prefix, depth and the order of children are left out on purpose: a client that
    names a spec of its own with IAVL's sizes gets IAVL's checks too.
    """
    return _leaf_kind(spec.leaf_spec) == _leaf_kind(other.leaf_spec) and _inner_kind(
        spec.inner_spec
    ) == _inner_kind(other.inner_spec)


def _leaf_kind(leaf: LeafOp | None) -> tuple[int, ...] | None:
    if leaf is None:
        return None
    return (leaf.hash, leaf.prehash_key, leaf.prehash_value, leaf.length)


def _inner_kind(inner: InnerSpec | None) -> tuple[int, ...] | None:
    if inner is None:
        return None
    return (
        inner.hash,
        inner.min_prefix_length,
        inner.max_prefix_length,
        inner.child_size,
        len(inner.child_order),
    )
