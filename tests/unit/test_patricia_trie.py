"""The Patricia trie: roots, proofs of presence and absence, and every broken proof by name."""

import pytest

from chainkit.commitments.patricia_trie import (
    EMPTY_ROOT,
    MemoryNodeStore,
    SecureTrie,
    Trie,
    nodes,
    ordered_root,
    ordered_trie,
    root_of,
    verify_proof,
    verify_secure_proof,
)
from chainkit.commitments.patricia_trie.errors import (
    BranchHasValue,
    EmbeddedNodeTooLarge,
    ExtensionIsEmpty,
    HashedNodeTooSmall,
    InvalidTrieProof,
    PathTooLong,
    ProofNodeHasWrongHash,
    ProofNodeMalformed,
    ProofNodeMissing,
    ProofNodeUnused,
    ProofTooLarge,
    TrieNodeMissing,
)
from chainkit.commitments.patricia_trie.nibbles import compact, expand, nibbles
from chainkit.commitments.patricia_trie.trie import ENGINE
from chainkit.primitives.keccak import keccak256
from chainkit.wire.rlp import decode, encode, encode_uint

ENGINES = pytest.mark.parametrize("engine", [ENGINE, nodes], ids=["fastest", "python"])
LONG = b"v" * 40
CONTENT = {bytes((index * 37 % 256, index)) + b"tail": bytes((index,)) * 40 for index in range(60)}


def _filled(content=CONTENT, engine=ENGINE):
    trie = Trie(MemoryNodeStore(), engine=engine)
    for key, value in content.items():
        trie.put(key, value)
    return trie


@ENGINES
def test_old_roots_stay_readable(engine):
    """Every committed root reads as it was, whatever was written after it."""
    store = MemoryNodeStore()
    trie, history = Trie(store, engine=engine), []
    content: dict[bytes, bytes] = {}
    for index, (key, value) in enumerate(CONTENT.items()):
        trie.put(key, value)
        content[key] = value
        if index % 7 == 3:
            gone = next(iter(content))
            trie.delete(gone)
            del content[gone]
        history.append((trie.commit(), dict(content)))

    for root, then in history:
        old = Trie(store, root, engine=engine)
        assert dict(old.iterate()) == then
        assert old.root() == root == root_of(then)
        assert all(old.get(key) == then.get(key) for key in CONTENT)


@ENGINES
def test_a_copy_is_another_trie(engine):
    """Neither sees what is written to the other; nothing reaches the store before commit."""
    store = MemoryNodeStore()
    trie = Trie(store, engine=engine)
    trie.put(b"one", LONG)
    before = trie.root()
    other = trie.copy()
    other.put(b"two", LONG)
    trie.delete(b"one")

    assert (trie.root(), other.get(b"one"), other.get(b"two")) == (EMPTY_ROOT, LONG, LONG)
    assert other.root() != before
    assert store.nodes == {}


@ENGINES
def test_deleting_undoes_writing(engine):
    """Deleted one by one, a trie has the root of what is left, down to the empty one."""
    trie, left = _filled(engine=engine), dict(CONTENT)
    for key in sorted(CONTENT, key=lambda each: each[1] * 7 % 60):
        trie.delete(key)
        trie.delete(key + b"x")
        del left[key]
        assert trie.root() == root_of(left)

    assert trie.root() == EMPTY_ROOT


@ENGINES
def test_ranges_in_both_directions(engine):
    """A range gives what a sorted dictionary gives, values at branches included."""
    content = CONTENT | {b"": b"0", b"\x00": b"1", b"\x00\x00": b"2", b"\x25\x01": b"3"}
    trie = _filled(content, engine)
    bounds = [b"", b"\x00", b"\x25", b"\x25\x01", b"\x25\x01tail", b"\x80", b"\xff\xff"]
    for start in bounds:
        for end in [*bounds, None]:
            wanted = [
                pair
                for pair in sorted(content.items())
                if pair[0] >= start and (end is None or pair[0] < end)
            ]
            assert list(trie.iterate(start, end)) == wanted
            assert list(trie.iterate(start, end, reverse=True)) == wanted[::-1]


@ENGINES
def test_a_missing_node_is_named(engine):
    """A store that lost a node fails with its hash, and a refused write changes nothing."""
    store = MemoryNodeStore()
    trie = Trie(store, engine=engine)
    for key, value in CONTENT.items():
        trie.put(key, value)
    root = trie.commit()
    key = next(iter(CONTENT))
    lost = keccak256(trie.prove(key)[-1])
    del store.nodes[lost]
    broken = Trie(store, root, engine=engine)

    for act in (
        lambda: broken.get(key),
        lambda: broken.put(key, b"x"),
        lambda: broken.delete(key),
        lambda: broken.prove(key),
        lambda: list(broken.iterate()),
    ):
        with pytest.raises(TrieNodeMissing, match=lost.hex()):
            act()
    assert broken.root() == root


@ENGINES
def test_a_store_that_fails_is_given_the_nodes_again(engine):
    """What a failed write did not keep is not taken for kept."""

    class Failing(MemoryNodeStore):
        fails = True

        def write(self, changes):
            if self.fails:
                raise OSError("full")
            super().write(changes)

    store = Failing()
    trie = Trie(store, engine=engine)
    trie.put(b"key", LONG)
    with pytest.raises(OSError, match="full"):
        trie.commit()
    store.fails = False
    root = trie.commit()

    assert Trie(store, root).get(b"key") == LONG


@ENGINES
def test_proofs_of_presence_and_absence(engine):
    """What a trie proves is what it holds, for keys that are there and keys that are not."""
    content = CONTENT | {b"\x25": b"short", b"\x25\x01": b"at a branch"}
    trie = _filled(content, engine)
    absent = [b"", b"\x25\x01tail!", b"\x26", b"\x00\x00taik", b"\xff" * 20]
    for key in [*content, *absent]:
        assert verify_proof(trie.root(), key, trie.prove(key)) == content.get(key)


def test_secure_proofs():
    """Under hashed keys the same, with the key hashed by the verifier."""
    trie = SecureTrie(MemoryNodeStore())
    for key, value in CONTENT.items():
        trie.put(key, value)
    root = trie.commit()

    for key in (*CONTENT, b"absent", b""):
        assert verify_secure_proof(root, key, trie.prove(key)) == CONTENT.get(key)
        assert trie.get(key) == CONTENT.get(key)
    before = trie.copy()
    for key in CONTENT:
        trie.delete(key)
    assert (trie.root(), before.root()) == (EMPTY_ROOT, root)


def test_the_empty_trie():
    """Absence in an empty trie takes no node, or the one that its root is the hash of."""
    assert Trie(MemoryNodeStore()).prove(b"key") == ()
    assert verify_proof(EMPTY_ROOT, b"key", ()) is None
    assert verify_proof(EMPTY_ROOT, b"key", (b"\x80",)) is None
    with pytest.raises(ProofNodeUnused):
        verify_proof(EMPTY_ROOT, b"key", (b"\x80", b"\x80"))
    with pytest.raises(ProofNodeUnused):
        verify_proof(EMPTY_ROOT, b"key", (b"\xc0",))


def test_ordered_roots():
    """The root over a list is that of the trie by index, also past 127 where keys lengthen."""
    for count in (0, 1, 2, 16, 127, 128, 129, 300):
        items = [bytes((index % 256,)) * 33 for index in range(count)]
        trie = ordered_trie(items)

        assert ordered_root(items) == trie.root()
        for index in range(0, count, 50):
            key = encode(encode_uint(index))
            assert verify_proof(trie.root(), key, trie.prove(key)) == items[index]


def test_every_changed_byte_of_a_proof_is_refused():
    """A change of any byte of any node is refused, and the node is named."""
    trie = _filled()
    key = next(iter(CONTENT))
    root, proof = trie.root(), trie.prove(key)
    assert len(proof) >= 3
    for position, node in enumerate(proof):
        for at in range(len(node)):
            changed = node[:at] + bytes((node[at] ^ 1,)) + node[at + 1 :]
            with pytest.raises(ProofNodeHasWrongHash, match=f"node {position} "):
                verify_proof(root, key, (*proof[:position], changed, *proof[position + 1 :]))


def test_nodes_are_those_of_the_path_in_order():
    """A node too few, too many, twice or out of order is named."""
    trie = _filled()
    key = next(iter(CONTENT))
    root, proof = trie.root(), trie.prove(key)

    with pytest.raises(ProofNodeMissing, match=f"node {len(proof) - 1} "):
        verify_proof(root, key, proof[:-1])
    with pytest.raises(ProofNodeMissing, match="node 0 "):
        verify_proof(root, key, ())
    with pytest.raises(ProofNodeUnused, match="1 nodes"):
        verify_proof(root, key, (*proof, proof[-1]))
    with pytest.raises(ProofNodeHasWrongHash, match="node 0 "):
        verify_proof(root, key, proof[::-1])
    with pytest.raises(ProofNodeHasWrongHash, match="node 1 "):
        verify_proof(root, key, (proof[0], proof[0], *proof[1:]))
    with pytest.raises(ProofNodeHasWrongHash):
        verify_proof(EMPTY_ROOT[::-1], key, proof)


def test_a_proof_of_one_key_proves_no_other():
    """Another key's proof gives its own absence or value, never that of the first."""
    trie = _filled()
    first, second = list(CONTENT)[:2]

    with pytest.raises(InvalidTrieProof):
        verify_proof(trie.root(), second, trie.prove(first))


def test_huge_proofs_are_refused_before_they_are_hashed():
    """Too many nodes, or too many bytes, end the check at once."""
    with pytest.raises(ProofTooLarge):
        verify_proof(bytes(32), b"key", (b"\xc0",) * 258)
    with pytest.raises(ProofTooLarge):
        verify_proof(bytes(32), b"key", (bytes(2_000_000),))


def _chain(*items):
    """Root and proof of nodes that each hold the hash of the next where they say ``NEXT``."""
    encoded, below = [], b""
    for item in reversed(items):
        raw = encode(_linked(item, below))
        encoded.append(raw)
        below = keccak256(raw)
    return below, tuple(reversed(encoded))


NEXT = b"the hash of the next node"


def _linked(item, below):
    if isinstance(item, tuple):
        return tuple(_linked(each, below) for each in item)
    return below if item == NEXT else item


KEY = b"\x12\x34"
PATH = nibbles(KEY)
LEAF = (compact(PATH[1:], is_leaf=True), LONG)
EXTENSION = (compact(PATH[:1], is_leaf=False), NEXT)


def _branch(at, child, value=b"", other=b"\x77" * 32):
    children = [b""] * 16
    children[(at + 1) % 16] = other
    children[at] = child
    return (*children, value)


BROKEN = {
    "extension of length 0": (
        ExtensionIsEmpty, ((compact(b"", is_leaf=False), NEXT), _branch(1, NEXT), LEAF)),
    "embedded node of 32 bytes": (
        EmbeddedNodeTooLarge, (_branch(1, LEAF),)),
    "hashed node below 32 bytes": (
        HashedNodeTooSmall, (_branch(1, NEXT), (compact(PATH[1:], is_leaf=True), b"v"))),
    "extension to an extension": (
        ProofNodeMalformed, (EXTENSION, (compact(PATH[1:2], is_leaf=False), NEXT), LEAF)),
    "extension to a leaf": (ProofNodeMalformed, (EXTENSION, LEAF)),
    "branch of one": (ProofNodeMalformed, (_branch(1, NEXT, other=b""), LEAF)),
    "a string": (ProofNodeMalformed, (b"v" * 40,)),
    "three items": (ProofNodeMalformed, ((*LEAF, LONG),)),
    "no items": (ProofNodeMalformed, ((),)),
    "an embedded empty list": (ProofNodeMalformed, (_branch(1, ()),)),
    "leaf without a value": (
        ProofNodeMalformed, (_branch(1, (compact(PATH[1:], is_leaf=True), b"")),)),
    "leaf whose value is a list": (
        ProofNodeMalformed, (_branch(1, (compact(PATH[1:], is_leaf=True), (b"v",))),)),
    "path of a wrong flag": (ProofNodeMalformed, ((b"\x40" + PATH, LONG),)),
    "path with a wrong pad": (ProofNodeMalformed, ((b"\x21" + KEY, LONG),)),
    "path of no bytes": (ProofNodeMalformed, ((b"", LONG),)),
    "path that is a list": (ProofNodeMalformed, (((), LONG),)),
    "reference of 31 bytes": (ProofNodeMalformed, (_branch(1, b"\x01" * 31),)),
    "branch whose value is a list": (ProofNodeMalformed, (_branch(1, NEXT, (b"v",)), LEAF)),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_nodes_that_no_trie_has_are_refused_by_name(name):
    """Each shape is refused although all hashes are right."""
    error, items = BROKEN[name]
    root, proof = _chain(*items)

    with pytest.raises(error):
        verify_proof(root, KEY, proof)


def test_the_shapes_are_accepted_without_their_fault():
    """The same nodes without the fault prove the value: it is the fault that is refused."""
    below = (compact(PATH[2:], is_leaf=True), LONG)
    for items in (
        (_branch(1, NEXT), LEAF),
        (EXTENSION, _branch(2, NEXT), below),
        (_branch(1, NEXT, b"at a branch"), LEAF),
    ):
        root, proof = _chain(*items)
        assert verify_proof(root, KEY, proof) == LONG
    embedded = (compact(PATH[1:], is_leaf=True), b"v")
    root, proof = _chain(_branch(1, embedded))
    assert verify_proof(root, KEY, proof) == b"v"


def test_a_node_that_is_no_rlp_is_refused():
    """Trailing bytes, and lists nested deeper than any node's, are refused as malformed."""
    root, (node,) = _chain(LEAF)
    trailing = node + b"\x00"
    deep = encode(_branch(1, (((((b"",),),),),)))

    for raw in (trailing, deep):
        with pytest.raises(ProofNodeMalformed, match="rlp"):
            verify_proof(keccak256(raw), KEY, (raw,))
    assert root == keccak256(node)


def _secure(path_of):
    """A root over the path of a hashed key, by the items that ``path_of`` makes of it."""
    path = nibbles(keccak256(KEY))
    return _chain(*path_of(path))


def test_under_hashed_keys_lengths_are_checked():
    """A value at a branch, and a leaf or branch where no key of 32 bytes ends, are refused."""
    rest = slice(1, None)
    good = _secure(lambda p: (_branch(p[0], NEXT), (compact(p[rest], is_leaf=True), LONG)))
    assert verify_secure_proof(good[0], KEY, good[1]) == LONG
    value = _secure(lambda p: (_branch(p[0], NEXT, b"v"), (compact(p[rest], is_leaf=True), LONG)))
    short = _secure(lambda p: (_branch(p[0], NEXT), (compact(p[1:-1], is_leaf=True), LONG)))
    long = _secure(lambda p: (_branch(p[0], NEXT), (compact(p[1:] + p, is_leaf=True), LONG)))
    beyond = _secure(lambda p: ((compact(p, is_leaf=False), NEXT), _branch(1, b"\x02" * 32)))
    past = _secure(lambda p: ((compact(p + p[:2], is_leaf=False), b"\x02" * 32),))

    for error, (root, proof) in (
        (BranchHasValue, value),
        (PathTooLong, past),
        (PathTooLong, short),
        (PathTooLong, long),
        (PathTooLong, beyond),
    ):
        with pytest.raises(error):
            verify_secure_proof(root, KEY, proof)


def test_paths_in_compact_form():
    """Even and odd paths of leaves and extensions come back as they were."""
    for size in range(8):
        path = bytes(range(size))
        for is_leaf in (True, False):
            assert expand(compact(path, is_leaf=is_leaf)) == (path, is_leaf)
    assert [expand(data) for data in (b"", b"\x40", b"\x01", b"\x2f", b"\xff")] == [None] * 5


def test_embedded_nodes_stand_within_their_parents():
    """Small nodes are not hashed: the proof of a tiny trie is its root alone."""
    trie = _filled({b"\x00": b"a", b"\x01": b"b", b"\x10": b"c"})
    proof = trie.prove(b"\x01")

    assert len(proof) == 1
    assert verify_proof(trie.root(), b"\x01", proof) == b"b"
    assert verify_proof(trie.root(), b"\x02", proof) is None
    assert isinstance(decode(proof[0]), tuple)
