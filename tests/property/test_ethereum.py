"""Ethereum's formats against independent libraries (rlp, trie, eth-account), and twins against
each other: the same bytes, roots, proofs and senders for whatever is drawn."""

import random

import pytest
import rlp as peer_rlp
from eth_account import Account as PeerAccount
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from chainkit.commitments.patricia_trie import (
    MemoryNodeStore,
    Trie,
    nodes,
    root_of,
    verify_proof,
    verify_secure_proof,
)
from chainkit.commitments.patricia_trie.errors import InvalidTrieProof
from chainkit.commitments.patricia_trie.trie import ENGINE
from chainkit.formats.ethereum.addresses import format_address
from chainkit.formats.ethereum.transactions import (
    decode_transaction,
    encode_transaction,
    sender,
    sign_transaction,
    transaction_hash,
)
from chainkit.formats.ethereum.types import (
    AccessEntry,
    AccessListTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
)
from chainkit.primitives.keccak import keccak256
from chainkit.wire.rlp import decode, decode_python, encode, encode_python
from chainkit.wire.rlp_errors import MalformedRlp

ITEMS = st.recursive(
    st.binary(max_size=70), lambda below: st.lists(below, max_size=5).map(tuple), max_leaves=30
)
KEYS = st.one_of(
    st.binary(max_size=3),
    st.sampled_from([b"\x12\x34" * 16, b"\x12\x34" * 15 + b"\x12\x35", b"\x12" * 32, b"\x13" * 32]),
)
VALUES = st.one_of(st.binary(min_size=1, max_size=4), st.binary(min_size=30, max_size=60))
WRITES = st.lists(st.tuples(KEYS, st.one_of(st.none(), VALUES)), max_size=40)


def _tuples(value):
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else bytes(value)


def _read(read, data):
    """The value, or the class of the refusal."""
    try:
        return read(data)
    except MalformedRlp as error:
        return type(error)


@given(ITEMS)
@settings(max_examples=150, deadline=None)
def test_rlp_is_the_librarys(item):
    """What we write is what the library writes and the twin writes; all read it back."""
    raw = encode(item)

    assert raw == peer_rlp.encode(item) == encode_python(item)
    assert decode(raw) == decode_python(raw) == _tuples(peer_rlp.decode(raw)) == item


@given(ITEMS, st.integers(0, 2**32), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_broken_rlp_is_refused_where_the_library_refuses(item, where, byte):
    """A changed byte, a cut, or bytes at random: the same verdict, and the twin's own name."""
    raw = encode(item)
    at = where % (len(raw) + 1)
    for data in (raw[:at] + bytes((byte,)) + raw[at + 1 :], raw[:at], bytes((byte,)) + raw):
        try:
            wanted = _tuples(peer_rlp.decode(data))
        except peer_rlp.DecodingError:
            wanted = None
        mine = _read(decode, data)

        assert mine == _read(decode_python, data)
        assert isinstance(mine, type) if wanted is None else mine == wanted


@given(WRITES)
@settings(max_examples=120, deadline=None)
def test_tries_are_py_tries(writes):
    """Over any writes and deletions: root, content and proofs, by both engines."""
    peer, content = HexaryTrie({}), {}
    ours = [Trie(MemoryNodeStore(), engine=engine) for engine in (ENGINE, nodes)]
    for key, value in writes:
        if value is None:
            del peer[key]
            content.pop(key, None)
        else:
            peer[key] = value
            content[key] = value
        for trie in ours:
            trie.delete(key) if value is None else trie.put(key, value)
            assert trie.root() == peer.root_hash
    assert root_of(content) == peer.root_hash
    for trie in ours:
        assert list(trie.iterate()) == sorted(content.items())
        reopened = Trie(trie._store, trie.commit(), engine=trie._engine)
        for key, _ in writes:
            proof = trie.prove(key)
            assert proof == reopened.prove(key) == ours[0].prove(key)
            assert verify_proof(peer.root_hash, key, proof) == content.get(key)
            assert trie.get(key) == reopened.get(key) == content.get(key)


@given(WRITES, KEYS)
@settings(max_examples=60, deadline=None)
def test_py_trie_verifies_our_proofs(writes, key):
    """The library finds in our proof what we find in it."""
    trie = Trie(MemoryNodeStore())
    for each, value in writes:
        trie.delete(each) if value is None else trie.put(each, value)
    theirs = HexaryTrie.get_from_proof(
        trie.root(), key, [peer_rlp.decode(node) for node in trie.prove(key)]
    )

    assert (theirs or None) == verify_proof(trie.root(), key, trie.prove(key)) == trie.get(key)


@given(
    st.dictionaries(KEYS, VALUES, min_size=1, max_size=12),
    KEYS,
    st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None)
def test_broken_proofs_never_prove_something_else(content, key, chance):
    """Any change of a proof is refused, or leaves what it proves as it was."""
    trie = Trie(MemoryNodeStore())
    for each, value in content.items():
        trie.put(each, value)
    proof = list(trie.prove(key))
    for _ in range(6):
        changed = list(proof)
        at = chance.randrange(len(changed))
        match chance.randrange(5):
            case 0:
                node = bytearray(changed[at])
                node[chance.randrange(len(node))] ^= 1 << chance.randrange(8)
                changed[at] = bytes(node)
            case 1:
                del changed[at]
            case 2:
                changed.insert(at, chance.randbytes(chance.randrange(40)))
            case 3:
                changed[at] = changed[at][: chance.randrange(len(changed[at]) + 1)]
            case 4:
                chance.shuffle(changed)
        try:
            found = verify_proof(trie.root(), key, tuple(changed))
        except InvalidTrieProof:
            continue
        assert changed == proof
        assert found == content.get(key)


@given(st.lists(ITEMS.map(encode), min_size=1, max_size=3), st.binary(max_size=32))
@settings(max_examples=150, deadline=None)
def test_any_nodes_are_judged(proof, key):
    """Nodes of any shape, under a root that fits, give a value, None or a named refusal."""
    for verify in (verify_proof, verify_secure_proof):
        try:
            value = verify(keccak256(proof[0]), key, tuple(proof))
        except InvalidTrieProof:
            continue
        assert value is None or isinstance(value, bytes)


UINT64 = st.integers(0, 2**64 - 1)
UINT256 = st.integers(0, 2**256 - 1)
ADDRESSES = st.binary(min_size=20, max_size=20)
ACCESS = st.lists(
    st.builds(
        AccessEntry,
        address=ADDRESSES,
        storage_keys=st.lists(st.binary(min_size=32, max_size=32), max_size=3).map(tuple),
    ),
    max_size=3,
).map(tuple)
COMMON = {
    "nonce": st.integers(0, 2**64 - 2),
    "gas_limit": UINT64,
    "to": st.one_of(st.none(), ADDRESSES),
    "value": UINT256,
    "data": st.binary(max_size=80),
}
UNSIGNED = {"y_parity": st.just(0), "r": st.just(0), "s": st.just(0)}
TRANSACTIONS = st.one_of(
    st.builds(
        LegacyTransaction,
        chain_id=st.one_of(st.none(), st.integers(1, 2**40)),
        gas_price=UINT256,
        **COMMON,
        **UNSIGNED,
    ),
    st.builds(
        AccessListTransaction,
        chain_id=st.integers(1, 2**40),
        gas_price=UINT256,
        access_list=ACCESS,
        **COMMON,
        **UNSIGNED,
    ),
    st.builds(
        DynamicFeeTransaction,
        chain_id=st.integers(1, 2**40),
        max_priority_fee_per_gas=UINT256,
        max_fee_per_gas=UINT256,
        access_list=ACCESS,
        **COMMON,
        **UNSIGNED,
    ),
)


def _for_peer(transaction):
    """The transaction as eth-account takes it."""
    fields = {
        "nonce": transaction.nonce,
        "gas": transaction.gas_limit,
        "to": b"" if transaction.to is None else format_address(transaction.to),
        "value": transaction.value,
        "data": transaction.data,
    }
    if transaction.chain_id is not None:
        fields["chainId"] = transaction.chain_id
    if isinstance(transaction, DynamicFeeTransaction):
        fields["maxPriorityFeePerGas"] = transaction.max_priority_fee_per_gas
        fields["maxFeePerGas"] = transaction.max_fee_per_gas
    else:
        fields["gasPrice"] = transaction.gas_price
    if not isinstance(transaction, LegacyTransaction):
        fields["type"] = 1 if isinstance(transaction, AccessListTransaction) else 2
        fields["accessList"] = [
            {
                "address": format_address(entry.address),
                "storageKeys": ["0x" + key.hex() for key in entry.storage_keys],
            }
            for entry in transaction.access_list
        ]
    return fields


@given(TRANSACTIONS, st.integers(1, 2**200))
@settings(max_examples=60, deadline=None)
def test_transactions_are_eth_accounts(transaction, secret):
    """The same signed bytes and identifier as the library's, and the sender that it recovers."""
    key = secret.to_bytes(32, "big")
    signed = sign_transaction(transaction, key)
    raw = encode_transaction(signed)
    peer = PeerAccount.from_key(key)
    theirs = peer.sign_transaction(_for_peer(transaction))

    assert raw == bytes(theirs.raw_transaction)
    assert transaction_hash(signed) == bytes(theirs.hash)
    assert format_address(sender(signed)) == peer.address
    assert PeerAccount.recover_transaction(raw) == peer.address
    assert decode_transaction(raw) == signed


@pytest.mark.parametrize("seed", range(3))
def test_a_large_trie_is_py_tries(seed):
    """Eight hundred hashed keys, a third deleted again: root and proofs are the library's."""
    chance = random.Random(seed)
    keys = [keccak256(bytes((seed,)) + number.to_bytes(2, "big")) for number in range(800)]
    peer, trie = HexaryTrie({}), Trie(MemoryNodeStore())
    for key in keys:
        value = chance.randbytes(chance.randrange(1, 80))
        peer[key] = value
        trie.put(key, value)
    for key in keys[::3]:
        del peer[key]
        trie.delete(key)

    assert trie.root() == peer.root_hash
    for key in chance.sample(keys, 40):
        assert trie.prove(key) == tuple(peer_rlp.encode(node) for node in peer.get_proof(key))
