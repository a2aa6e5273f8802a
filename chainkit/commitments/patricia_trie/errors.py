"""Why a proof of a Patricia trie is refused, one class a rule; codes never change."""

from chainkit.commitments.errors import InvalidProof
from chainkit.primitives.errors import OperationFailed


class InvalidTrieProof(InvalidProof):
    """Nodes prove neither a value nor its absence."""

    codespace = "patricia-trie"
    code = 1


class ProofTooLarge(InvalidTrieProof):
    """More nodes or bytes than a proof may have."""

    code = 2

    def __init__(self, *, nodes: int, size: int) -> None:
        super().__init__(f"trie proof: {nodes} nodes of {size} bytes are too many")
        self.nodes = nodes
        self.size = size


class ProofNodeMissing(InvalidTrieProof):
    """The proof ends before the path does."""

    code = 3

    def __init__(self, *, position: int) -> None:
        super().__init__(f"trie proof: node {position} is missing")
        self.position = position


class ProofNodeUnused(InvalidTrieProof):
    """Nodes follow the last of the path."""

    code = 4

    def __init__(self, *, count: int) -> None:
        super().__init__(f"trie proof: {count} nodes are not on the path")
        self.count = count


class ProofNodeHasWrongHash(InvalidTrieProof):
    """A node is not the one that its parent, or the root, names: changed, or out of order."""

    code = 5

    def __init__(self, *, position: int) -> None:
        super().__init__(f"trie proof: node {position} does not have the hash that names it")
        self.position = position


class ProofNodeMalformed(InvalidTrieProof):
    """A node has a shape that no trie has."""

    code = 6

    def __init__(self, *, position: int, what: str) -> None:
        super().__init__(f"trie proof: node {position}: {what}")
        self.position = position
        self.what = what


class EmbeddedNodeTooLarge(ProofNodeMalformed):
    """A node of 32 bytes or more stands within its parent, which should hold its hash."""

    code = 7

    def __init__(self, *, position: int) -> None:
        super().__init__(position=position, what="a node of 32 bytes or more is embedded")


class HashedNodeTooSmall(ProofNodeMalformed):
    """A node below 32 bytes is named by its hash: it should stand within its parent."""

    code = 8

    def __init__(self, *, position: int) -> None:
        super().__init__(position=position, what="a node of less than 32 bytes is not embedded")


class ExtensionIsEmpty(ProofNodeMalformed):
    """An extension that extends by nothing."""

    code = 9

    def __init__(self, *, position: int) -> None:
        super().__init__(position=position, what="an extension of length 0")


class BranchHasValue(ProofNodeMalformed):
    """A value at a branch, in a trie whose keys all have one length."""

    code = 10

    def __init__(self, *, position: int) -> None:
        super().__init__(position=position, what="a value at a branch")


class PathTooLong(ProofNodeMalformed):
    """The nodes lead deeper than any key of the trie, or a leaf ends elsewhere than its keys."""

    code = 11

    def __init__(self, *, position: int) -> None:
        super().__init__(position=position, what="a path that is no key's")


class TrieNodeMissing(OperationFailed):
    """A node of the trie is not in its store."""

    def __init__(self, *, node_hash: bytes) -> None:
        super().__init__(f"trie node {node_hash.hex()} is not kept here")
        self.node_hash = node_hash
