"""Defences of the peer-to-peer layer."""

from tests.mutants.support import Mutant

MUTANTS = [
    Mutant(
        "p2p-challenge-unchecked",
        "relay_chain/node/p2p/secret_connection.py",
        "if not ed25519.verify(key, self._challenge, signature):",
        "if not key:",
        "tests/unit/test_p2p_secret_connection.py::test_a_signature_by_another_key_is_refused",
    ),
    Mutant(
        "p2p-bit-array-words-unchecked",
        "relay_chain/node/reactors/bit_arrays.py",
        "if len(words) != -(-size // _WORD):",
        "if size < 0:",
        "tests/unit/test_reactors_consensus.py::test_a_bit_array_whose_words_do_not_fit_is_refused",
    ),
    Mutant(
        "blocksync-range-may-shrink",
        "relay_chain/node/reactors/block_pool.py",
        "if base > height or shrank:",
        "if base > height:",
        "tests/unit/test_reactors_sync.py::test_a_peer_that_shrinks_its_range_is_dropped_and_banned",
    ),
]
