"""ethereum/tests: RLP that is valid and that is not, and roots of tries."""

import random
from typing import Any

import pytest

from chainkit.commitments.patricia_trie import MemoryNodeStore, SecureTrie, Trie, root_of
from chainkit.primitives.keccak import keccak256
from chainkit.wire.rlp import RlpItem, decode, encode, encode_uint
from chainkit.wire.rlp_errors import MalformedRlp
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("ethereum-tests")[1:]

VALID: Any = load_json("ethereum-tests/RLPTests/rlptest.json", {})
INVALID: Any = load_json("ethereum-tests/RLPTests/invalidRLPTest.json", {})


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _item(value: Any) -> RlpItem:
    """Numbers are minimal big endian; a big one is written after '#'."""
    if isinstance(value, str):
        return encode_uint(int(value[1:])) if value.startswith("#") else value.encode()
    if isinstance(value, int):
        return encode_uint(value)
    return tuple(map(_item, value))


@pytest.mark.parametrize("name", VALID)
@pytest.mark.vectors("ethereum-tests/rlp")
def test_rlp(name: str) -> None:
    """The value has exactly these bytes, and they decode to it."""
    item, encoded = _item(VALID[name]["in"]), _hex(VALID[name]["out"])

    assert encode(item) == encoded
    assert decode(encoded) == item


@pytest.mark.parametrize("name", INVALID)
@pytest.mark.vectors("ethereum-tests/invalid_rlp")
def test_invalid_rlp(name: str) -> None:
    """The bytes are refused by name."""
    with pytest.raises(MalformedRlp):
        decode(_hex(INVALID[name]["out"]))


def _trie_cases() -> list[tuple[str, str]]:
    files = (
        "trietest",
        "trietest_secureTrie",
        "trieanyorder",
        "trieanyorder_secureTrie",
        "hex_encoded_securetrie_test",
    )
    return [
        (file, name)
        for file in files
        for name in load_json(f"ethereum-tests/TrieTests/{file}.json", {})
    ]


def _bytes(text: str | None) -> bytes | None:
    if text is None:
        return None
    return _hex(text) if text.startswith("0x") else text.encode()


@pytest.mark.parametrize(("file", "name"), _trie_cases())
@pytest.mark.vectors("ethereum-tests/tries")
def test_trie_roots(file: str, name: str) -> None:
    """Writes and deletions lead to the root: in the order given, or in any where it says so."""
    case = load_json(f"ethereum-tests/TrieTests/{file}.json")[name]
    pairs = case["in"] if isinstance(case["in"], list) else list(case["in"].items())
    orders = [pairs]
    if isinstance(case["in"], dict):
        shuffled = random.Random(7)
        orders += [pairs[::-1], *(shuffled.sample(pairs, len(pairs)) for _ in range(3))]
    for order in orders:
        trie = (SecureTrie if "secure" in file.lower() else Trie)(MemoryNodeStore())
        content: dict[bytes, bytes] = {}
        for key_text, value_text in order:
            key, value = _bytes(key_text), _bytes(value_text)
            assert key is not None
            if value:
                trie.put(key, value)
                content[key] = value
            else:
                trie.delete(key)
                content.pop(key, None)

        assert trie.root() == _hex(case["root"])
        if isinstance(trie, SecureTrie):
            content = {keccak256(key): value for key, value in content.items()}
        assert root_of(content) == _hex(case["root"])


@pytest.mark.vectors("ethereum-tests/trie_order")
def test_trie_order() -> None:
    """The keys before and after any query are found."""
    case = load_json("ethereum-tests/TrieTests/trietestnextprev.json")["basic"]
    trie = Trie(MemoryNodeStore())
    for key in case["in"]:
        trie.put(key.encode(), b"value")
    for query, before, after in case["tests"]:
        at = query.encode()
        below = next(trie.iterate(b"", at, reverse=True), (b"", b""))[0]
        above = next(trie.iterate(at + b"\x00"), (b"", b""))[0]

        assert (below.decode(), above.decode()) == (before, after), query
