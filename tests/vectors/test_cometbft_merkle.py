"""CometBFT's simple tree, by its own values."""

from dataclasses import dataclass, replace

import pytest

from chainkit.commitments import merkle
from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.proof_operators import ValueOperator, verify_operators
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("cometbft/merkle")
DATA = load_json("cometbft/merkle.json", {})


def cases(name):
    return DATA.get(name, [])


def by_name(case):
    return case.get("name", str(case))


@pytest.mark.parametrize("case", cases("tree_roots"), ids=by_name)
def test_root(case):
    """The root over the leaves is CometBFT's."""
    leaves = [bytes.fromhex(leaf) for leaf in case["leaves_hex"] or []]

    assert merkle.root(leaves).hex() == case["root_hex"]
    assert merkle.proofs(leaves)[0].hex() == case["root_hex"]


@pytest.mark.parametrize("case", cases("rfc6962"), ids=by_name)
def test_rfc6962(case):
    """Leaves and inner nodes are hashed with RFC 6962's prefixes."""
    inputs = [bytes.fromhex(item) for item in case["inputs_hex"]]
    got = merkle.root(inputs) if case["kind"] == "tree" else merkle.inner_hash(*inputs)

    assert got.hex() == case["hash_hex"]


@pytest.mark.parametrize("case", cases("split_points"), ids=by_name)
def test_split_point(case):
    """A tree is split at the greatest power of two below its size."""
    assert merkle.split_point(case["length"]) == case["split"]


CHANGES = {
    "unchanged": {},
    "total = -1": {"total": -1},
    "index = -1": {"index": -1},
    "leaf_hash = 10 zero bytes": {"leaf_hash": bytes(10)},
    "aunts = 101 entries": {"aunts": (bytes(32),) * 101},
}


@pytest.mark.parametrize("case", DATA.get("proof_validate_basic", {}).get("cases", []), ids=by_name)
def test_proof_validate_basic(case):
    """A proof whose shape no tree has is refused with CometBFT's reason."""
    table = DATA["proof_validate_basic"]
    leaves = [leaf.encode() for leaf in table["leaves_utf8"]]
    proof = merkle.proofs(leaves)[1][table["proof_of_index"]]
    changes = CHANGES.get(case["change"])
    if changes is None:
        assert case["change"] == "aunts[0] = 10 zero bytes"
        changes = {"aunts": (bytes(10), *proof.aunts[1:])}
    proof = replace(proof, **changes)
    if case["error"] is None:
        proof.validate()
        return

    with pytest.raises(InvalidProof, match=case["error"]):
        proof.validate()


@dataclass(frozen=True)
class Domino:
    key: bytes
    expects: bytes
    gives: bytes

    def run(self, value: bytes) -> bytes:
        if value != self.expects:
            raise InvalidProof("not my input")
        return self.gives


@pytest.mark.parametrize("case", DATA.get("proof_operators", {}).get("cases", []), ids=by_name)
def test_proof_operators(case):
    """Operators prove a path only in order, with every key and the right root."""
    table = DATA["proof_operators"]["ops"]
    operators = [
        Domino(op["key"].encode(), op["input"].encode(), op["output"].encode())
        for op in (table[name] for name in case["ops"])
    ]
    arguments = (operators, case["root"].encode(), case["keypath"], case["value"].encode())
    if case["valid"]:
        verify_operators(*arguments)
        return

    with pytest.raises(InvalidProof):
        verify_operators(*arguments)


@pytest.mark.parametrize("case", [DATA["vsa_2022_100"]] if DATA else [], ids=by_name)
def test_forged_proof_against_an_empty_root(case):
    """A proof of an empty tree (total 0) proves nothing, whatever the root (VSA-2022-100)."""
    given = case["proof"]
    proof = merkle.MerkleProof(
        given["total"],
        given["index"],
        bytes.fromhex(given["leaf_hash_hex"]),
        tuple(bytes.fromhex(aunt) for aunt in given["aunts_hex"]),
    )
    operator = ValueOperator(bytes.fromhex(case["key_hex"]), proof)

    with pytest.raises(InvalidProof):
        verify_operators(
            [operator],
            bytes.fromhex(case["root_hex"]),
            case["keypath"],
            bytes.fromhex(case["value_hex"]),
        )
