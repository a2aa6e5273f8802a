"""Ethereum's Merkle Patricia trie: persistent, with proofs of presence and of absence.

Spec:
    Yellow Paper, appendix D, "Modified Merkle Patricia Tree", and C, "Hex-Prefix Encoding".
"""

from chainkit.commitments.patricia_trie.ordered import ordered_root, ordered_trie, root_of
from chainkit.commitments.patricia_trie.proofs import verify_proof, verify_secure_proof
from chainkit.commitments.patricia_trie.store import MemoryNodeStore, NodeStore
from chainkit.commitments.patricia_trie.trie import EMPTY_ROOT, SecureTrie, Trie

__all__ = [
    "EMPTY_ROOT",
    "MemoryNodeStore",
    "NodeStore",
    "SecureTrie",
    "Trie",
    "ordered_root",
    "ordered_trie",
    "root_of",
    "verify_proof",
    "verify_secure_proof",
]
