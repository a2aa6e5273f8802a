"""Roots of content that is known at once: no trie is kept."""

from collections.abc import Mapping, Sequence

from chainkit.commitments.patricia_trie.nibbles import common_length, compact, nibbles
from chainkit.commitments.patricia_trie.store import MemoryNodeStore
from chainkit.commitments.patricia_trie.trie import EMPTY_ROOT, Trie
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Hash32
from chainkit.wire.rlp import encode, encode_list, encode_uint

_HASH_BYTES = 32
_EMPTY = b"\x80"


def ordered_root(items: Sequence[bytes]) -> Hash32:
    """Return the root of the trie from the RLP of each index to the item there.

    That is how a header commits to transactions, receipts and withdrawals.
    """
    return root_of({encode(encode_uint(index)): item for index, item in enumerate(items)})


def ordered_trie(items: Sequence[bytes]) -> Trie:
    """Return that trie, from which items can be proven by ``encode(encode_uint(index))``."""
    trie = Trie(MemoryNodeStore())
    for index, item in enumerate(items):
        trie.put(encode(encode_uint(index)), item)
    return trie


def root_of(content: Mapping[bytes, bytes]) -> Hash32:
    """Return the root of a trie with exactly these keys; no value is empty."""
    if not content:
        return EMPTY_ROOT
    pairs = sorted((nibbles(key), value) for key, value in content.items())
    return keccak256(_encode(pairs, 0, len(pairs), 0))


def _encode(pairs: Sequence[tuple[bytes, bytes]], first: int, last: int, depth: int) -> bytes:
    """Return the node over ``pairs[first:last]``, which agree in their first ``depth`` nibbles."""
    path, value = pairs[first]
    if last - first == 1:
        return encode((compact(path[depth:], is_leaf=True), value))
    shared = common_length(path[depth:], pairs[last - 1][0][depth:])
    if shared:
        below = _encode(pairs, first, last, depth + shared)
        head = compact(path[depth : depth + shared], is_leaf=False)
        return encode_list([encode(head), _reference(below)])
    parts = [_EMPTY] * 16
    branch_value = b""
    if len(path) == depth:
        branch_value = value
        first += 1
    while first < last:
        nibble = pairs[first][0][depth]
        end = first + 1
        while end < last and pairs[end][0][depth] == nibble:
            end += 1
        parts[nibble] = _reference(_encode(pairs, first, end, depth + 1))
        first = end
    return encode_list([*parts, encode(branch_value)])


def _reference(encoded: bytes) -> bytes:
    if len(encoded) < _HASH_BYTES:
        return encoded
    return b"\xa0" + keccak256(encoded)
