"""ibc-go's merkle paths and chained proofs, against our own multistore."""

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.errors import CommitmentRefused, InvalidPrefix
from chainkit.commitments.ics23 import (
    IAVL_SPEC,
    TENDERMINT_SPEC,
    apply_prefix,
    build_merkle_path,
    join_merkle_proof,
    split_merkle_proof,
    validate_merkle_path,
    validate_merkle_prefix,
    verify_chained_membership,
    verify_chained_non_membership,
)
from chainkit.commitments.multistore import MultiStore
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("ibc-go/ics23_merkle_paths")
DATA = load_json("ibc-go/ics23_merkle_paths.json", {})
SPECS = (IAVL_SPEC, TENDERMINT_SPEC)


def by_name(case):
    return case["name"]


def parts(texts):
    return tuple(text.encode() for text in texts)


@pytest.mark.parametrize("case", DATA.get("build_merkle_path", []), ids=by_name)
def test_build_merkle_path(case):
    """The key goes onto the last part of the prefix; an empty prefix is refused."""
    prefix, key = parts(case["prefix_utf8"]), case["key_utf8"].encode()
    if case["error"]:
        with pytest.raises(InvalidPrefix, match=case["error"]):
            build_merkle_path(prefix, key)
    else:
        assert build_merkle_path(prefix, key) == parts(case["path_utf8"])


@pytest.mark.parametrize("case", DATA.get("validate", []), ids=by_name)
def test_validate(case):
    """Parts are not empty, the last of a prefix apart."""
    for check, error in (
        (validate_merkle_prefix, case["error_as_prefix"]),
        (validate_merkle_path, case["error_as_path"]),
    ):
        if error is None:
            check(parts(case["key_path_utf8"]))
        else:
            with pytest.raises(InvalidPrefix, match=error):
                check(parts(case["key_path_utf8"]))


@pytest.mark.parametrize("case", DATA.get("apply_prefix", []), ids=by_name)
def test_apply_prefix(case):
    """The store's name goes before the path."""
    got = apply_prefix(case["prefix_utf8"].encode(), parts(case["key_path_utf8"]))

    assert got == parts(case["result_utf8"])


def committed():
    stores = MultiStore(MemoryDatabase(), ["STORE", "otherStoreKey"])
    stores.store("STORE").set(b"MYKEY", b"MYVALUE")
    return stores.at(stores.commit().version)


def arguments(case, key):
    state = committed()
    proofs = split_merkle_proof(join_merkle_proof(tuple(state.prove("STORE", key))))
    root = case["root"]
    if root is None:
        return proofs, b"", parts(case["key_path"])
    if root == "WRONGROOT":
        return proofs, b"WRONGROOT", parts(case["key_path"])
    if "removed" in root:
        proofs = proofs[1:]
    return proofs, state.hash, parts(case["key_path"])


@pytest.mark.parametrize("case", DATA.get("membership_rules", {}).get("cases", []), ids=by_name)
def test_membership(case):
    """Only the right path, value and root are proven."""
    proofs, root, path = arguments(case, b"MYKEY")
    value = (case["value"] or "").encode()
    if case["valid"]:
        verify_chained_membership(SPECS, proofs, root, path, value)
        return

    with pytest.raises(CommitmentRefused):
        verify_chained_membership(SPECS, proofs, root, path, value)


@pytest.mark.parametrize("case", DATA.get("non_membership_rules", {}).get("cases", []), ids=by_name)
def test_non_membership(case):
    """Only the absence of the right path under the right root is proven."""
    proofs, root, path = arguments(case, b"MYABSENTKEY")
    if case["valid"]:
        verify_chained_non_membership(SPECS, proofs, root, path)
        return

    with pytest.raises(CommitmentRefused):
        verify_chained_non_membership(SPECS, proofs, root, path)
