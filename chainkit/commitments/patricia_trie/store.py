"""The port through which a trie's nodes reach a disk."""

from collections.abc import Mapping
from typing import Protocol


class NodeStore(Protocol):
    """Where nodes are kept under their hashes: any ``KeyValueDatabase`` fits."""

    def get(self, key: bytes) -> bytes | None:
        """Return the node of a hash, or None."""
        ...

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Keep all nodes or none; None, which deletes, is never asked for."""
        ...


class MemoryNodeStore:
    """Nodes that live as long as the process; mutable since it stands for a disk."""

    def __init__(self) -> None:
        self.nodes: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the node of a hash, or None."""
        return self.nodes.get(key)

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Keep all nodes."""
        for key, node in changes.items():
            if node is not None:
                self.nodes[key] = node
