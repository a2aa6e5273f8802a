"""Nodes of the tree, their hashes, and the bytes under which the database keeps them.

A node that was saved never changes: a later version that needs another one makes a new
node. A node that is not yet saved is changed in place, so a key written many times in
one block costs its path once.

Spec:
    cosmos/iavl ``node.go``, ``writeHashBytes``; the record's form is our own.
"""

import hashlib

from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.varint import decode_uvarint, encode_uvarint, encode_zigzag

NODE_KEY_BYTES = 12
"""Version (8 bytes) and a number within it (4), big-endian."""

HASH_BYTES = 32
_HASH_LENGTH = b"\x20"


class Node:
    """A leaf (height 0) or an inner node; mutable until saved, see the module's text.

    ``key`` of an inner node is the least key of its right subtree. ``node_key`` is empty
    until the node is saved. ``left`` and ``right`` are None while they are only known by
    their keys.
    """

    __slots__ = (
        "hash",
        "height",
        "key",
        "left",
        "left_key",
        "node_key",
        "right",
        "right_key",
        "size",
        "value",
    )

    def __init__(self, key: bytes, value: bytes, height: int = 0, size: int = 1) -> None:
        self.key = key
        self.value = value
        self.height = height
        self.size = size
        self.node_key = b""
        self.hash = b""
        self.left: Node | None = None
        self.right: Node | None = None
        self.left_key = b""
        self.right_key = b""

    @property
    def version(self) -> int:
        """The version that saved this node; only of saved nodes."""
        assert self.node_key
        return int.from_bytes(self.node_key[:8], "big")


def make_node_key(version: int, number: int) -> bytes:
    """Return the key of the ``number``-th node that ``version`` saved."""
    return version.to_bytes(8, "big") + number.to_bytes(4, "big")


def leaf_prefix(version: int) -> bytes:
    """Return what the hash of a leaf starts with: height 0, size 1 and its version."""
    return b"\x00\x02" + encode_zigzag(version)


def inner_prefix(height: int, size: int, version: int) -> bytes:
    """Return what the hash of an inner node starts with."""
    return encode_zigzag(height) + encode_zigzag(size) + encode_zigzag(version)


def leaf_hash(key: bytes, value: bytes, version: int) -> bytes:
    """Return the hash of a leaf."""
    value_hash = hashlib.sha256(value).digest()
    return hashlib.sha256(
        leaf_prefix(version) + encode_uvarint(len(key)) + key + _HASH_LENGTH + value_hash
    ).digest()


def inner_hash(height: int, size: int, version: int, left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node over its children's hashes."""
    return hashlib.sha256(
        inner_prefix(height, size, version) + _HASH_LENGTH + left + _HASH_LENGTH + right
    ).digest()


def encode_node(node: Node) -> bytes:
    """Return the record of a node; its children must be saved."""
    head = bytes([node.height]) + encode_uvarint(len(node.key)) + node.key + node.hash
    if node.height == 0:
        return head + node.value
    assert len(node.left_key) == len(node.right_key) == NODE_KEY_BYTES
    return head + node.left_key + node.right_key + encode_uvarint(node.size)


class DamagedRecord(OperationFailed):
    """The database has not the node that was saved: damaged, or pruned while being read."""

    def __init__(self, node_key: bytes) -> None:
        super().__init__(f"record of node {node_key.hex()} is damaged or gone")
        self.node_key = node_key


def decode_node(node_key: bytes, record: bytes) -> Node:
    """Return the saved node, its children not loaded.

    Raises:
        DamagedRecord: The bytes are not a record.
    """
    try:
        key_size, start = decode_uvarint(record, 1)
    except MalformedMessage as error:
        raise DamagedRecord(node_key) from error
    hash_start = start + key_size
    body = hash_start + HASH_BYTES
    if len(record) < body:
        raise DamagedRecord(node_key)
    node = Node(record[start:hash_start], b"", record[0])
    node.node_key = node_key
    node.hash = record[hash_start:body]
    if node.height == 0:
        node.value = record[body:]
        return node
    node.left_key = record[body : body + NODE_KEY_BYTES]
    node.right_key = record[body + NODE_KEY_BYTES : body + 2 * NODE_KEY_BYTES]
    try:
        node.size, end = decode_uvarint(record, body + 2 * NODE_KEY_BYTES)
    except MalformedMessage as error:
        raise DamagedRecord(node_key) from error
    if end != len(record):
        raise DamagedRecord(node_key)
    return node
