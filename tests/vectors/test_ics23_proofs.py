"""cosmos/ics23's own cases."""

import base64

import pytest

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.ics23 import (
    IAVL_SPEC,
    HashOp,
    InnerOp,
    LeafOp,
    LengthOp,
    calculate_root,
    decode_proof,
    encode_proof,
    verify_membership,
    verify_non_membership,
)
from chainkit.commitments.ics23.operations import apply_inner, apply_leaf, do_hash
from tests.vectors.support import load_json, vector_set

NAMES = [f"{kind}_{side}" for kind in ("exist", "nonexist") for side in ("left", "middle", "right")]


def rows(name):
    return sorted(load_json(f"ics23/ops/{name}.json", {}).items())


def raw(text):
    return base64.b64decode(text) if text else b""


class TestProofs:
    pytestmark = vector_set("ics23/iavl")

    @pytest.mark.parametrize("name", NAMES)
    def test_proof(self, name):
        """A proof from cosmos/iavl verifies, and with any other root, key or value it does not."""
        case = {k: bytes.fromhex(v) for k, v in load_json(f"ics23/iavl/{name}.json").items()}
        proof, root, key, value = case["proof"], case["root"], case["key"], case["value"]
        decoded = decode_proof(proof)

        assert encode_proof(decoded) == proof
        assert calculate_root(IAVL_SPEC, decoded) == root
        if value:
            verify_membership(IAVL_SPEC, root, proof, key, value)
            with pytest.raises(InvalidProof):
                verify_membership(IAVL_SPEC, root, proof, key, value + b"x")
            with pytest.raises(InvalidProof):
                verify_membership(IAVL_SPEC, root[::-1], proof, key, value)
            with pytest.raises(InvalidProof):
                verify_non_membership(IAVL_SPEC, root, proof, key)
        else:
            verify_non_membership(IAVL_SPEC, root, proof, key)
            with pytest.raises(InvalidProof):
                verify_membership(IAVL_SPEC, root, proof, key, b"x")
            with pytest.raises(InvalidProof):
                verify_non_membership(IAVL_SPEC, root[::-1], proof, key)


class TestOperations:
    pytestmark = vector_set("ics23/ops")

    @pytest.mark.parametrize(("name", "case"), rows("TestDoHashData"))
    def test_hash(self, name, case):
        """Each hash operation is the hash of its name."""
        case = {key.lower(): value for key, value in case.items()}
        got = do_hash(HashOp(case["hashop"]), case["preimage"].encode())

        assert got.hex() == case["expectedhash"]

    @pytest.mark.parametrize(("name", "case"), rows("TestInnerOpData"))
    def test_inner(self, name, case):
        """An inner operation hashes prefix, child and suffix."""
        given = case["Op"]
        op = InnerOp(HashOp(given["hash"]), raw(given.get("prefix")), raw(given.get("suffix")))
        if case["IsErr"]:
            with pytest.raises(InvalidProof):
                apply_inner(op, raw(case["Child"]))
        else:
            assert apply_inner(op, raw(case["Child"])) == raw(case["Expected"])

    @pytest.mark.parametrize(("name", "case"), rows("TestLeafOpData"))
    def test_leaf(self, name, case):
        """A leaf operation hashes lengths, key and value."""
        given = case["Op"]
        op = LeafOp(
            HashOp(given.get("hash", 0)),
            HashOp(given.get("prehash_key", 0)),
            HashOp(given.get("prehash_value", 0)),
            LengthOp(given.get("length", 0)),
            raw(given.get("prefix")),
        )
        if case["IsErr"]:
            with pytest.raises(InvalidProof):
                apply_leaf(op, raw(case["Key"]), raw(case["Value"]))
        else:
            assert apply_leaf(op, raw(case["Key"]), raw(case["Value"])) == raw(case["Expected"])
