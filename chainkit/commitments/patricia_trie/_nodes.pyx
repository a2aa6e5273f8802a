# cython: boundscheck=False, wraparound=False, cdivision=True
"""The compiled twin of ``nodes``: one class for the four kinds, paths read where they lie."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcmp, memcpy

from chainkit.commitments.patricia_trie.errors import TrieNodeMissing
from chainkit.commitments.patricia_trie.nibbles import expand
from chainkit.wire.rlp import decode


cdef extern from "../../primitives/_keccak.h":
    void keccak_256(const unsigned char *data, size_t size, unsigned char *out) noexcept nogil


cdef enum:
    LEAF = 0
    EXTENSION = 1
    BRANCH = 2
    HASHED = 3
    HASH_BYTES = 32
    REFERENCE_BYTES = 33
    WIDTH = 16

ctypedef unsigned char *Place


@cython.final
@cython.no_gc
@cython.freelist(256)
cdef class Node:
    """A node; mutable: it remembers its reference and whether the store has it."""

    cdef int kind
    cdef bint is_stored
    cdef bytes path
    cdef bytes value
    cdef Node child
    cdef list children
    cdef bytes reference


cdef inline Node new_leaf(bytes path, bytes value):
    cdef Node node = Node.__new__(Node)
    node.kind, node.path, node.value = LEAF, path, value
    return node


cdef inline Node new_extension(bytes path, Node child):
    cdef Node node = Node.__new__(Node)
    node.kind, node.path, node.child = EXTENSION, path, child
    return node


cdef inline Node new_branch(list children, bytes value):
    cdef Node node = Node.__new__(Node)
    node.kind, node.children, node.value = BRANCH, children, value
    return node


cdef inline Node new_hashed(bytes reference):
    cdef Node node = Node.__new__(Node)
    node.kind, node.reference, node.is_stored = HASHED, reference, True
    return node


cdef inline bytes rest_of(bytes path, Py_ssize_t at):
    if at == 0:
        return path
    return PyBytes_FromStringAndSize(PyBytes_AS_STRING(path) + at, PyBytes_GET_SIZE(path) - at)


cdef inline Py_ssize_t shared_length(bytes own, bytes path, Py_ssize_t at) noexcept:
    """Return how many nibbles ``own`` and ``path`` from ``at`` begin with."""
    cdef const char *one = PyBytes_AS_STRING(own)
    cdef const char *other = PyBytes_AS_STRING(path) + at
    cdef Py_ssize_t most = min(PyBytes_GET_SIZE(own), PyBytes_GET_SIZE(path) - at)
    cdef Py_ssize_t count = 0
    while count < most and one[count] == other[count]:
        count += 1
    return count


cdef inline bint follows(bytes own, bytes path, Py_ssize_t at) noexcept:
    """Return whether ``path`` from ``at`` begins with ``own``."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(own)
    return size <= PyBytes_GET_SIZE(path) - at and not memcmp(
        PyBytes_AS_STRING(own), PyBytes_AS_STRING(path) + at, size
    )


# --- from the store ---------------------------------------------------------------------


cdef Node loaded(object store, Node node):
    """Return the node, read from the store if it was not yet."""
    if node.kind != HASHED:
        return node
    cdef bytes node_hash = node.reference[1:]
    encoded = store.get(node_hash)
    if encoded is None:
        raise TrieNodeMissing(node_hash=node_hash)
    cdef Node found = node_of(decode(encoded))
    found.reference = node.reference
    return found


cdef Node node_of(tuple item):
    """Return the node that an item of our own store is."""
    cdef Node node
    if len(item) == WIDTH + 1:
        node = new_branch([child_of(each) for each in item[:WIDTH]], item[WIDTH])
    else:
        path, is_leaf = expand(item[0])
        if is_leaf:
            node = new_leaf(path, item[1])
        else:
            node = new_extension(path, child_of(item[1]))
    node.is_stored = True
    return node


cdef Node child_of(object item):
    if isinstance(item, tuple):
        return node_of(item)
    return new_hashed(b"\xa0" + item) if item else None


# --- encodings --------------------------------------------------------------------------


cdef inline Py_ssize_t prefix_size(Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t count = 1
    if size > 55:
        while size:
            size >>= 8
            count += 1
    return count


cdef inline Py_ssize_t string_size(const unsigned char *data, Py_ssize_t size) noexcept nogil:
    return 1 if size == 1 and data[0] < 0x80 else prefix_size(size) + size


cdef inline Place write_prefix(Place to, Py_ssize_t size, unsigned int base) noexcept nogil:
    cdef int shift
    if size <= 55:
        to[0] = <unsigned char>(base + size)
        return to + 1
    shift = <int>prefix_size(size) - 1
    to[0] = <unsigned char>(base + 55 + shift)
    to += 1
    while shift:
        shift -= 1
        to[0] = (size >> (8 * shift)) & 0xFF
        to += 1
    return to


cdef inline Place write_raw(Place to, const char *data, Py_ssize_t size) noexcept nogil:
    memcpy(to, data, size)
    return to + size


cdef inline Place write_string(Place to, bytes data) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    cdef const char *raw = PyBytes_AS_STRING(data)
    if size != 1 or <unsigned char>raw[0] >= 0x80:
        to = write_prefix(to, size, 0x80)
    return write_raw(to, raw, size)


cdef inline Place write_compact(Place to, bytes path, bint is_leaf) noexcept:
    """Write the hex-prefix form of a path as a string (Yellow Paper, appendix C)."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(path)
    cdef const unsigned char *nibble = <const unsigned char *>PyBytes_AS_STRING(path)
    cdef const unsigned char *end = nibble + size
    if size >= 2:
        to = write_prefix(to, size // 2 + 1, 0x80)
    to[0] = 0x20 if is_leaf else 0
    if size & 1:
        to[0] |= 0x10 | nibble[0]
        nibble += 1
    to += 1
    while nibble < end:
        to[0] = nibble[0] << 4 | nibble[1]
        nibble += 2
        to += 1
    return to


cdef inline Py_ssize_t compact_size(bytes path) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(path) // 2 + 1
    return 1 if size == 1 else prefix_size(size) + size


cdef bytes encode_node(Node node):
    """Return the RLP of a node that is not only a hash."""
    cdef Py_ssize_t payload
    cdef bytes reference, result
    cdef Node child
    cdef Place to
    if node.kind == BRANCH:
        payload = string_size(
            <const unsigned char *>PyBytes_AS_STRING(node.value), PyBytes_GET_SIZE(node.value)
        )
        for each in node.children:
            payload += 1 if each is None else PyBytes_GET_SIZE(reference_of(<Node>each))
    elif node.kind == LEAF:
        payload = compact_size(node.path) + string_size(
            <const unsigned char *>PyBytes_AS_STRING(node.value), PyBytes_GET_SIZE(node.value)
        )
    else:
        payload = compact_size(node.path) + PyBytes_GET_SIZE(reference_of(node.child))
    result = PyBytes_FromStringAndSize(NULL, prefix_size(payload) + payload)
    to = write_prefix(<Place>PyBytes_AS_STRING(result), payload, 0xC0)
    if node.kind == BRANCH:
        for each in node.children:
            if each is None:
                to[0] = 0x80
                to += 1
            else:
                child = <Node>each
                reference = child.reference
                to = write_raw(to, PyBytes_AS_STRING(reference), PyBytes_GET_SIZE(reference))
        write_string(to, node.value)
    else:
        to = write_compact(to, node.path, node.kind == LEAF)
        if node.kind == LEAF:
            write_string(to, node.value)
        else:
            reference = node.child.reference
            write_raw(to, PyBytes_AS_STRING(reference), PyBytes_GET_SIZE(reference))
    return result


cdef bytes reference_of(Node node):
    """Return what stands for it in its parent: itself below 32 bytes, else its hash."""
    cdef bytes encoded, reference
    cdef Place to
    if node.reference is None:
        encoded = encode_node(node)
        if PyBytes_GET_SIZE(encoded) < HASH_BYTES:
            node.reference = encoded
        else:
            reference = PyBytes_FromStringAndSize(NULL, REFERENCE_BYTES)
            to = <Place>PyBytes_AS_STRING(reference)
            to[0] = 0xA0
            keccak_256(<const unsigned char *>PyBytes_AS_STRING(encoded),
                       PyBytes_GET_SIZE(encoded), to + 1)
            node.reference = reference
    return node.reference


def root_reference(Node node not None):
    """Return the reference of a root node."""
    return reference_of(node)


def encoding_of(Node node not None):
    """Return the RLP of a root node that is not only a hash."""
    return encode_node(node)


# --- reading and writing ----------------------------------------------------------------


def hashed(bytes reference not None):
    """Return a node that the store has, by its reference."""
    return new_hashed(reference)


def get(store, Node node, bytes path not None):
    """Return the value at ``path``, or None."""
    cdef Py_ssize_t at = 0
    while node is not None:
        node = loaded(store, node)
        if node.kind == BRANCH:
            if at == PyBytes_GET_SIZE(path):
                return node.value or None
            node = <Node>node.children[<unsigned char>PyBytes_AS_STRING(path)[at]]
            at += 1
        elif not follows(node.path, path, at):
            return None
        else:
            at += PyBytes_GET_SIZE(node.path)
            if node.kind == LEAF:
                return node.value if at == PyBytes_GET_SIZE(path) else None
            node = node.child
    return None


def put(store, Node node, bytes path not None, bytes value not None):
    """Return ``node`` with ``value`` at ``path``."""
    return put_at(store, node, path, 0, value)


cdef Node put_at(object store, Node node, bytes path, Py_ssize_t at, bytes value):
    cdef list children
    cdef int nibble
    cdef Py_ssize_t shared
    if node is None:
        return new_leaf(rest_of(path, at), value)
    node = loaded(store, node)
    if node.kind == BRANCH:
        if at == PyBytes_GET_SIZE(path):
            return new_branch(node.children, value)
        children = node.children[:]
        nibble = <unsigned char>PyBytes_AS_STRING(path)[at]
        children[nibble] = put_at(store, <Node>children[nibble], path, at + 1, value)
        return new_branch(children, node.value)
    shared = shared_length(node.path, path, at)
    if shared == PyBytes_GET_SIZE(node.path):
        if node.kind == EXTENSION:
            return new_extension(node.path, put_at(store, node.child, path, at + shared, value))
        if at + shared == PyBytes_GET_SIZE(path):
            return new_leaf(node.path, value)
    return fork(node, path, at + shared, value, shared)


cdef Node fork(Node node, bytes path, Py_ssize_t at, bytes value, Py_ssize_t shared):
    """Return a branch where ``path``, at ``at``, leaves the path of ``node``."""
    cdef list children = [None] * WIDTH
    cdef bytes branch_value = b""
    cdef Node branch
    cdef int nibble
    if shared < PyBytes_GET_SIZE(node.path):
        nibble = <unsigned char>PyBytes_AS_STRING(node.path)[shared]
        if node.kind == LEAF:
            children[nibble] = new_leaf(rest_of(node.path, shared + 1), node.value)
        elif shared + 1 < PyBytes_GET_SIZE(node.path):
            children[nibble] = new_extension(rest_of(node.path, shared + 1), node.child)
        else:
            children[nibble] = node.child
    else:
        branch_value = node.value
    if at < PyBytes_GET_SIZE(path):
        children[<int><unsigned char>PyBytes_AS_STRING(path)[at]] = new_leaf(
            rest_of(path, at + 1), value
        )
    else:
        branch_value = value
    branch = new_branch(children, branch_value)
    return new_extension(node.path[:shared], branch) if shared else branch


def delete(store, Node node, bytes path not None):
    """Return ``node`` without ``path``: the same object where it was absent."""
    return delete_at(store, node, path, 0)


cdef Node delete_at(object store, Node node, bytes path, Py_ssize_t at):
    cdef Node found, child
    if node is None:
        return None
    found = loaded(store, node)
    if found.kind == BRANCH:
        return delete_in_branch(store, node, found, path, at)
    if not follows(found.path, path, at):
        return node
    at += PyBytes_GET_SIZE(found.path)
    if found.kind == LEAF:
        return None if at == PyBytes_GET_SIZE(path) else node
    child = delete_at(store, found.child, path, at)
    return node if child is found.child else lengthen(store, found.path, child)


cdef Node delete_in_branch(object store, Node node, Node branch, bytes path, Py_ssize_t at):
    cdef list children = branch.children
    cdef bytes value = branch.value
    cdef Node before, after
    cdef int nibble, left = 0, only = 0
    if at < PyBytes_GET_SIZE(path):
        nibble = <unsigned char>PyBytes_AS_STRING(path)[at]
        before = <Node>children[nibble]
        after = delete_at(store, before, path, at + 1)
        if after is before:
            return node
        children = children[:]
        children[nibble] = after
    elif value:
        value = b""
    else:
        return node
    for nibble in range(WIDTH):
        if children[nibble] is not None:
            left += 1
            only = nibble
    if left + (1 if value else 0) > 1:
        return new_branch(children, value)
    if value:
        return new_leaf(b"", value)
    return lengthen(store, bytes((only,)), <Node>children[only])


cdef Node lengthen(object store, bytes path, Node child):
    """Return a node for ``path`` and then ``child``, joined where a trie joins them."""
    cdef Node found = loaded(store, child)
    if found.kind == LEAF:
        return new_leaf(path + found.path, found.value)
    if found.kind == EXTENSION:
        return new_extension(path + found.path, found.child)
    return new_extension(path, child)


def collect_new(Node node, dict changes not None, list fresh not None):
    """Add to ``changes`` what the store lacks, by hash, and to ``fresh`` those nodes."""
    cdef bytes encoded
    if node is None or node.is_stored:
        return
    if node.kind == EXTENSION:
        collect_new(node.child, changes, fresh)
    elif node.kind == BRANCH:
        for child in node.children:
            collect_new(<Node>child, changes, fresh)
    if PyBytes_GET_SIZE(reference_of(node)) == REFERENCE_BYTES:
        encoded = encode_node(node)
        changes[node.reference[1:]] = encoded
    fresh.append(node)


def mark_stored(list fresh not None):
    """Remember that the store has these nodes."""
    cdef Node node
    for node in fresh:
        node.is_stored = True


def prove(store, Node node, bytes path not None):
    """Return the nodes on ``path`` from the root on, without the embedded ones."""
    cdef list proof = []
    cdef Py_ssize_t at = 0
    while node is not None:
        node = loaded(store, node)
        if not proof or PyBytes_GET_SIZE(reference_of(node)) == REFERENCE_BYTES:
            proof.append(encode_node(node))
        if node.kind == BRANCH:
            if at == PyBytes_GET_SIZE(path):
                break
            node = <Node>node.children[<unsigned char>PyBytes_AS_STRING(path)[at]]
            at += 1
        elif node.kind == LEAF or not follows(node.path, path, at):
            break
        else:
            at += PyBytes_GET_SIZE(node.path)
            node = node.child
    return tuple(proof)


def walk(store, Node node, bytes prefix, bytes low, high, bint reverse):
    """Yield paths and values below ``node`` in order, skipping what is wholly out of range."""
    cdef bytes path
    cdef bint is_inside
    cdef int nibble, turn
    if node is None or prefix < low[: len(prefix)] or (high is not None and prefix >= high):
        return
    node = loaded(store, node)
    if node.kind == EXTENSION:
        yield from walk(store, node.child, prefix + node.path, low, high, reverse)
        return
    path = prefix + node.path if node.kind == LEAF else prefix
    is_inside = bool(node.value) and path >= low and (high is None or path < high)
    if node.kind == LEAF:
        if is_inside:
            yield path, node.value
        return
    if is_inside and not reverse:
        yield path, node.value
    for turn in range(WIDTH):
        nibble = WIDTH - 1 - turn if reverse else turn
        if node.children[nibble] is not None:
            yield from walk(
                store, node.children[nibble], prefix + bytes((nibble,)), low, high, reverse
            )
    if is_inside and reverse:
        yield path, node.value
