"""The checks of ICS-23, each with a proof that only it refuses."""

import hashlib
from dataclasses import replace

import pytest

from chainkit.commitments import merkle
from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.ics23 import (
    IAVL_SPEC,
    SMT_SPEC,
    TENDERMINT_SPEC,
    ExistenceProof,
    HashOp,
    InnerOp,
    LengthOp,
    NonExistenceProof,
    decode_proof,
    decode_spec,
    encode_proof,
    encode_spec,
    verify_membership,
    verify_non_membership,
)
from chainkit.commitments.ics23.codec import UnsupportedProofKind
from chainkit.commitments.ics23.neighbours import NotNeighbours
from chainkit.commitments.ics23.rules import (
    DepthRuleBroken,
    IavlPrefixBroken,
    IncompleteSpec,
    InnerRuleBroken,
    LeafRuleBroken,
    check_inner,
    check_leaf,
    check_spec,
)
from chainkit.commitments.ics23.verify import verify_existence, verify_non_existence
from chainkit.commitments.multistore import MultiStore
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.wire.proto.cosmos.ics23.v1 import proofs_pb2 as pb


def sample(keys=16):
    stores = MultiStore(MemoryDatabase(), ["ibc", "bank"])
    for number in range(keys):
        stores.store("ibc").set(b"key%02d" % number, b"value%d" % number)
    state = stores.at(stores.commit().version)
    return state, state.trees["ibc"]


CHILD = bytes(32)
LEFT = b"\x20" + CHILD


@pytest.mark.parametrize(
    ("op", "layer", "error"),
    [
        (InnerOp(HashOp.SHA256, b"\x02\x04\x02\x20", LEFT), 1, None),
        (InnerOp(HashOp.SHA256, b"\x02\x04\x02" + LEFT + b"\x20"), 1, None),
        (InnerOp(HashOp.SHA512, b"\x02\x04\x02\x20", LEFT), 1, InnerRuleBroken),
        (InnerOp(HashOp.SHA256, b"\x02\x04\x02\x20", LEFT), 2, InnerRuleBroken),
        (InnerOp(HashOp.SHA256, b"\x00\x02\x02\x20", LEFT), 1, InnerRuleBroken),
        (InnerOp(HashOp.SHA256, b"\x02\x04\x02\x20\x20", LEFT), 1, InnerRuleBroken),
        (InnerOp(HashOp.SHA256, b"\x02\x04\x02" + b"\x20" * 33), 1, InnerRuleBroken),
        (InnerOp(HashOp.SHA256, b"\x02\x04\x02\x20", LEFT[:-1]), 1, InnerRuleBroken),
        (InnerOp(HashOp.SHA256, b"\x02\x04\x02\x20", LEFT + b"\x00"), 1, InnerRuleBroken),
        (InnerOp(HashOp.SHA256, b"\x01\x04\x02\x20", LEFT), 1, IavlPrefixBroken),
        (InnerOp(HashOp.SHA256, b"\x02\x03\x02\x20", LEFT), 1, IavlPrefixBroken),
        (InnerOp(HashOp.SHA256, b"\x02\x04\x03\x20", LEFT), 1, IavlPrefixBroken),
        (InnerOp(HashOp.SHA256, b"\x02\x04\x80", LEFT), 1, IavlPrefixBroken),
        (InnerOp(HashOp.SHA256, b"", LEFT), 1, IavlPrefixBroken),
    ],
)
def test_iavl_inner_operations(op, layer, error):
    """An IAVL prefix is height, size, version and then 1 or 34 bytes; a suffix is whole children."""
    if error is None:
        check_inner(op, IAVL_SPEC, layer)
        return

    with pytest.raises(error):
        check_inner(op, IAVL_SPEC, layer)


@pytest.mark.parametrize(
    ("op", "accepted"),
    [
        (InnerOp(HashOp.SHA256, b"\x01", CHILD), True),
        (InnerOp(HashOp.SHA256, b"\x01" + CHILD), True),
        (InnerOp(HashOp.SHA256, b"\x01" + CHILD, CHILD), False),
        (InnerOp(HashOp.SHA256, b"\x02", CHILD), False),
        (InnerOp(HashOp.SHA256, b"\x02" + CHILD), False),
        (InnerOp(HashOp.SHA256, b"\x00" + CHILD), False),
        (InnerOp(HashOp.SHA256, b"", CHILD), False),
        (InnerOp(HashOp.SHA256, b"\x01" + CHILD + b"\x00"), False),
        (InnerOp(HashOp.SHA256, b"\x01", CHILD[1:]), False),
    ],
)
def test_tendermint_inner_operations(op, accepted):
    """A simple tree's prefix is 01, alone before a left child."""
    if accepted:
        check_inner(op, TENDERMINT_SPEC, 1)
        return

    with pytest.raises(InvalidProof):
        check_inner(op, TENDERMINT_SPEC, 1)


@pytest.mark.parametrize(
    ("op", "accepted"),
    [
        (InnerOp(HashOp.SHA256, b"\x01", CHILD), True),
        (InnerOp(HashOp.SHA256, b"\x01" + CHILD), True),
        (InnerOp(HashOp.SHA256, b"\x00", CHILD), False),
        (InnerOp(HashOp.SHA256, b"\x00" + CHILD), False),
        (InnerOp(HashOp.SHA256, b"", CHILD), False),
        (InnerOp(HashOp.SHA256, b"\x01" + CHILD + b"\x01"), False),
        (InnerOp(HashOp.SHA512, b"\x01", CHILD), False),
    ],
)
def test_inner_operations_of_a_tree_without_rules_of_its_own(op, accepted):
    """A prefix is not a leaf's, and is as long as the spec says: for IAVL's sake and every tree's."""
    if accepted:
        check_inner(op, SMT_SPEC, 1)
        return

    with pytest.raises(InnerRuleBroken):
        check_inner(op, SMT_SPEC, 1)


@pytest.mark.parametrize("prefix", [b"", b"\x01", b"\x01\x00"])
def test_leaf_prefix_of_a_tree_without_rules_of_its_own(prefix):
    """A leaf's prefix starts with the spec's, or an inner node could pass for a leaf."""
    with pytest.raises(LeafRuleBroken):
        check_leaf(replace(SMT_SPEC.leaf_spec, prefix=prefix), SMT_SPEC)


@pytest.mark.parametrize(
    "prefix",
    [b"", b"\x00\x02", b"\x00\x02\x02\x00", b"\x02\x02\x02", b"\x00\x04\x02", b"\x00\x02\x01"],
)
def test_iavl_leaf_prefix(prefix):
    """An IAVL leaf starts with height 0, size 1 and its version, and nothing follows."""
    leaf = replace(IAVL_SPEC.leaf_spec, prefix=b"\x00\x02\x02")
    check_leaf(leaf, IAVL_SPEC)

    with pytest.raises(InvalidProof):
        check_leaf(replace(leaf, prefix=prefix), IAVL_SPEC)


@pytest.mark.parametrize(
    "changes",
    [
        {"hash": HashOp.SHA512},
        {"prehash_key": HashOp.SHA256},
        {"prehash_value": HashOp.NO_HASH},
        {"length": LengthOp.NO_PREFIX},
        {"prefix": b"\x01"},
        {"prefix": b"\x00key"},
    ],
)
def test_leaf_operation_is_the_specs(changes):
    """No part of a leaf operation may differ from the spec."""
    with pytest.raises(LeafRuleBroken):
        check_leaf(replace(TENDERMINT_SPEC.leaf_spec, **changes), TENDERMINT_SPEC)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_prefix_length": 4 + 33},
        {"child_size": 0},
        {"child_order": (0, 2, 1)},
        {"child_order": ()},
        {"child_order": tuple(range(17))},
        {"min_prefix_length": -1},
    ],
)
def test_unsound_spec_is_refused(changes):
    """A spec under which one step can be read as two proves nothing (cosmos/ics23 #369)."""
    inner = replace(IAVL_SPEC.inner_spec, **changes)

    with pytest.raises(IncompleteSpec):
        check_spec(replace(IAVL_SPEC, inner_spec=inner))


def test_depth_is_bounded():
    """128 inner operations are enough for any tree; 129 are refused, as in Go and Rust."""
    _, tree = sample()
    proof = decode_proof(tree.prove(b"key03"))
    step = InnerOp(HashOp.SHA256, b"\x80\x04\x04\x02\x20", LEFT)
    deep = replace(proof, path=(step,) * 129)

    with pytest.raises(DepthRuleBroken, match="too long: 129"):
        verify_existence(IAVL_SPEC, tree.hash, deep, proof.key, proof.value)
    with pytest.raises(DepthRuleBroken, match="too short"):
        verify_existence(replace(IAVL_SPEC, min_depth=40), tree.hash, proof, proof.key, proof.value)


def test_batch_and_compressed_proofs_are_refused_by_name():
    """Proof kinds that upstream removed are named in the refusal."""
    for kind in ("batch", "compressed"):
        message = pb.CommitmentProof()
        getattr(message, kind).SetInParent()
        with pytest.raises(UnsupportedProofKind, match=kind):
            decode_proof(message.SerializeToString())


def test_empty_proof_is_malformed():
    """No kind set is no proof."""
    with pytest.raises(MalformedMessage):
        decode_proof(b"")


def test_leaf_smuggled_into_a_prefix():
    """Dragonberry: a made-up leaf below a node whose prefix holds the real preimage is refused."""
    _, tree = sample()
    honest = decode_proof(tree.prove(b"key03"))
    fake_leaf = honest.leaf
    for cut in range(1, 34):
        first = honest.path[0]
        whole = first.prefix + hashlib.sha256(b"child").digest() + first.suffix
        forged = replace(
            honest,
            key=b"absent",
            value=b"forged",
            leaf=fake_leaf,
            path=(InnerOp(HashOp.SHA256, whole[:cut], whole[cut + 32 :]), *honest.path[1:]),
        )
        with pytest.raises(InvalidProof):
            verify_existence(IAVL_SPEC, tree.hash, forged, b"absent", b"forged")


def test_bytes_moved_between_prefix_and_suffix():
    """No byte of a step can move to another place and still prove the same."""
    _, tree = sample()
    honest = decode_proof(tree.prove(b"key05"))
    for index, op in enumerate(honest.path):
        for moved in (
            InnerOp(op.hash, op.prefix + op.suffix, b""),
            InnerOp(op.hash, op.prefix[:-1], op.prefix[-1:] + op.suffix),
            InnerOp(op.hash, op.prefix, op.suffix + LEFT),
            InnerOp(op.hash, op.prefix + LEFT, op.suffix),
        ):
            if moved == op:
                continue
            path = (*honest.path[:index], moved, *honest.path[index + 1 :])
            with pytest.raises(InvalidProof):
                verify_existence(
                    IAVL_SPEC, tree.hash, replace(honest, path=path), honest.key, honest.value
                )


def test_absence_needs_true_neighbours():
    """Leaves with another between them, or one alone in the middle, prove no absence."""
    _, tree = sample()
    exist = {n: decode_proof(tree.prove(b"key%02d" % n)) for n in (2, 3, 4, 5)}
    for left, right in ((2, 4), (2, 5), (3, 5)):
        forged = NonExistenceProof(b"key03a", exist[left], exist[right])
        with pytest.raises(NotNeighbours):
            verify_non_existence(IAVL_SPEC, tree.hash, forged, b"key03a")
    for left, right in ((exist[3], None), (None, exist[4]), (None, None)):
        with pytest.raises(NotNeighbours):
            verify_non_existence(
                IAVL_SPEC, tree.hash, NonExistenceProof(b"key03a", left, right), b"key03a"
            )
    with pytest.raises(InvalidProof, match="not right of"):
        verify_non_existence(
            IAVL_SPEC, tree.hash, NonExistenceProof(b"key03", exist[3], exist[4]), b"key03"
        )


def test_each_flipped_bit_is_refused():
    """Every byte of a proof counts: with any one changed, nothing is proven."""
    _, tree = sample()
    present, absent = tree.prove(b"key07"), tree.prove(b"key07a")
    for position in range(len(present)):
        forged = bytearray(present)
        forged[position] ^= 1 << position % 8
        with pytest.raises(RuleBroken):
            verify_membership(IAVL_SPEC, tree.hash, bytes(forged), b"key07", b"value7")
    for position in range(len(absent)):
        forged = bytearray(absent)
        forged[position] ^= 1 << position % 8
        with pytest.raises(RuleBroken):
            verify_non_membership(IAVL_SPEC, tree.hash, bytes(forged), b"key07a")


def simple_tree(pairs):
    """Proofs of a simple tree over sorted pairs, from the CometBFT side."""
    leaves = [
        bytes([len(key)]) + key + b"\x20" + hashlib.sha256(value).digest() for key, value in pairs
    ]
    root, proofs = merkle.proofs(leaves)

    def convert(index):
        proof, (key, value) = proofs[index], pairs[index]
        path, low, size = [], index, len(pairs)
        while size > 1:
            left = merkle.split_point(size)
            path.append(low >= left)
            low, size = (low - left, size - left) if low >= left else (low, left)
        steps = tuple(
            InnerOp(HashOp.SHA256, b"\x01" + aunt, b"")
            if right
            else InnerOp(HashOp.SHA256, b"\x01", aunt)
            for aunt, right in zip(proof.aunts, reversed(path), strict=True)
        )
        return ExistenceProof(key, value, TENDERMINT_SPEC.leaf_spec, steps)

    return root, [convert(index) for index in range(len(pairs))]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13])
def test_tendermint_spec(size):
    """Every key of a simple tree is proven, and so is every gap."""
    pairs = [(b"k%02d" % n, b"v%d" % n) for n in range(size)]
    root, proofs = simple_tree(pairs)
    for (key, value), proof in zip(pairs, proofs, strict=True):
        verify_membership(TENDERMINT_SPEC, root, encode_proof(proof), key, value)
        with pytest.raises(InvalidProof):
            verify_membership(TENDERMINT_SPEC, root, encode_proof(proof), key, value + b"1")
    for left, right in zip([None, *proofs], [*proofs, None], strict=True):
        key = left.key + b"a" if left else b"a"
        proof = encode_proof(NonExistenceProof(key, left, right))
        verify_non_membership(TENDERMINT_SPEC, root, proof, key)


def smt_tree(pairs):
    """A sparse tree of depth 256 that cuts a branch where one leaf or none is below it."""
    items = sorted((hashlib.sha256(key).digest(), key, value) for key, value in pairs)

    def bit(digest, depth):
        return digest[depth // 8] >> (7 - depth % 8) & 1

    def build(group, depth):
        if not group:
            return bytes(32), {}
        if len(group) == 1:
            digest, key, value = group[0]
            preimage = b"\x00" + digest + hashlib.sha256(value).digest()
            return hashlib.sha256(preimage).digest(), {key: (value, [])}
        left, left_paths = build([g for g in group if not bit(g[0], depth)], depth + 1)
        right, right_paths = build([g for g in group if bit(g[0], depth)], depth + 1)
        for _, path in left_paths.values():
            path.append(InnerOp(HashOp.SHA256, b"\x01", right))
        for _, path in right_paths.values():
            path.append(InnerOp(HashOp.SHA256, b"\x01" + left, b""))
        return hashlib.sha256(b"\x01" + left + right).digest(), left_paths | right_paths

    root, paths = build(items, 0)
    proofs = [
        ExistenceProof(key, paths[key][0], SMT_SPEC.leaf_spec, tuple(paths[key][1]))
        for _, key, _ in items
    ]
    return root, proofs


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20])
def test_smt_spec(size):
    """Keys of a sparse tree are proven; gaps are looked for in the order of hashed keys."""
    root, proofs = smt_tree([(b"key%d" % n, b"value%d" % n) for n in range(size)])
    for proof in proofs:
        verify_membership(SMT_SPEC, root, encode_proof(proof), proof.key, proof.value)
    hashes = [hashlib.sha256(proof.key).digest() for proof in proofs]
    for number in range(40):
        key = b"absent%d" % number
        place = sum(digest < hashlib.sha256(key).digest() for digest in hashes)
        left = proofs[place - 1] if place else None
        right = proofs[place] if place < size else None
        proof = encode_proof(NonExistenceProof(key, left, right))
        verify_non_membership(SMT_SPEC, root, proof, key)
        if left is not None and right is not None and place > 1:
            forged = encode_proof(NonExistenceProof(key, proofs[place - 2], right))
            with pytest.raises(InvalidProof):
                verify_non_membership(SMT_SPEC, root, forged, key)


@pytest.mark.parametrize("spec", [IAVL_SPEC, TENDERMINT_SPEC, SMT_SPEC])
def test_spec_round_trip(spec):
    """A client state carries specs unchanged."""
    assert decode_spec(encode_spec(spec)) == spec
