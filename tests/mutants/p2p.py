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
    Mutant(
        "p2p-queue-unbounded-in-bytes",
        "relay_chain/node/p2p/multiplex.py",
        "        return self.waiting_bytes < MAX_SEND_QUEUE_BYTES\n",
        "        return True\n",
        "tests/unit/test_p2p_multiplex.py::test_a_queue_is_bounded_in_bytes_too",
    ),
    Mutant(
        "p2p-peer-need-not-read",
        "relay_chain/node/p2p/peer.py",
        "            async with asyncio.timeout(seconds(WRITE_TIMEOUT_NS)):\n",
        "            async with asyncio.timeout(None):\n",
        "tests/unit/test_p2p_switch.py::test_a_peer_that_never_reads_is_dropped",
    ),
    Mutant(
        "p2p-tiny-messages-are-cheap",
        "relay_chain/node/p2p/peer.py",
        "            cost = max(len(data), messages * MESSAGE_COST_BYTES)\n",
        "            cost = len(data)\n",
        "tests/unit/test_p2p_switch.py::test_small_messages_count_for_more_than_their_bytes",
    ),
    Mutant(
        "blocksync-blocks-read-for-nobody",
        "relay_chain/node/reactors/blocksync.py",
        "        if not peer.has_room(BLOCKSYNC_CHANNEL):\n",
        "        if False:\n",
        "tests/unit/test_reactors_sync.py::test_a_peer_that_reads_nothing_has_no_block_read_for_it",
    ),
    Mutant(
        "consensus-part-of-another-index",
        "chainkit/formats/tendermint/parts.py",
        "    if part.index != part.proof_index:\n",
        "    if False:\n",
        "tests/unit/test_reactors_consensus.py"
        "::test_a_part_under_another_index_than_its_proof_drops_the_peer",
    ),
    Mutant(
        "consensus-forged-vote-unpunished",
        "relay_chain/node/consensus_shell.py",
        '        self.drop_peer(peer_id, NotSigned(what="vote", height=vote.height, round_=vote.round))\n',
        "",
        "tests/unit/test_node_consensus_shell.py"
        "::test_a_forged_signature_drops_the_peer_that_passed_it_on",
    ),
]
