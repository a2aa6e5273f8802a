"""Defences that the forgeries between two whole applications notice, one taken out at a time."""

from tests.mutants.support import Mutant

_TEST = "tests/unit/test_ibc_tendermint_end_to_end.py"
_FORGED = f"{_TEST}::test_no_forgery_is_accepted"
_BITCOIN = "tests/unit/test_demo_forged_bitcoin.py::test_no_forgery_is_accepted"
_ACCOUNT = "tests/unit/test_demo_forged_account.py"
_ORDERED = "tests/unit/test_ibc_ordered_end_to_end.py"
_COMMIT = "chainkit/formats/tendermint/verify_commit.py"
_PROOF = "chainkit/commitments/ics23/verify.py"
_PACKETS = "ibc/ics04_channel/packets.py"

MUTANTS = [
    Mutant(
        "forged: two of three are enough",
        _COMMIT,
        "    if got <= needed:\n",
        "    if got < needed:\n",
        f"{_FORGED}[two_of_three]",
    ),
    Mutant(
        "forged: a signature is not looked at",
        _COMMIT,
        "    if all(verdicts):\n",
        "    if True:\n",
        f"{_FORGED}[signature_forged]",
    ),
    Mutant(
        "forged: a commit may be for another header",
        "chainkit/formats/tendermint/validate_basic.py",
        "    if commit.block_id.hash != header_hash(header):\n",
        "    if False:\n",
        f"{_FORGED}[header_byte]",
    ),
    Mutant(
        "forged: strangers may say that they are trusted",
        "light_clients/tendermint/rules.py",
        "    if validator_set_hash(header.trusted_validators) != trusted.next_validators_hash:\n",
        "    if False:\n",
        f"{_TEST}::test_no_forgery_is_accepted",
    ),
    Mutant(
        "forged: a client does not expire",
        "light_clients/tendermint/client.py",
        "        if newest is None or is_expired(newest.timestamp, client.trusting_period, ctx.time):\n",
        "        if newest is None:\n",
        f"{_TEST}::test_nothing_is_believed_of_an_expired_client",
    ),
    Mutant(
        "forged: one header is a fork",
        "light_clients/tendermint/misbehaviour.py",
        "                return hash_1 != header_2.signed_header.commit.block_id.hash\n",
        "                return bool(hash_1)\n",
        f"{_FORGED}[misbehaviour_false]",
    ),
    Mutant(
        "forged: a proof may lead to any root",
        "chainkit/commitments/ics23/chained.py",
        "    if subroot != root:\n",
        "    if False:\n",
        f"{_FORGED}[proof_byte]",
    ),
    Mutant(
        "forged: a proof may be of another value",
        _PROOF,
        "    if proof.value != value:\n",
        "    if False:\n",
        f"{_FORGED}[packet_altered]",
    ),
    Mutant(
        "forged: a proof may be of another key",
        _PROOF,
        "    if proof.key != key:\n"
        '        raise WrongKey("provided key does not match the proof")\n'
        "    if proof.value",
        "    if proof.value",
        f"{_FORGED}[packet_altered]",
    ),
    Mutant(
        "forged: a left neighbour alone need not be the last",
        _PROOF,
        "        if not is_right_most(spec, left.path):\n",
        "        if False:\n",
        f"{_FORGED}[timeout_of_received]",
    ),
    Mutant(
        "forged: a receipt does not stop a second receive",
        _PACKETS,
        "            if store.get(path) is not None:\n                return False\n"
        "            store.set(path, _RECEIPT)\n",
        "            store.set(path, _RECEIPT)\n",
        f"{_TEST}::test_the_refusals_that_matter_have_their_names",
    ),
    Mutant(
        "forged: a packet may be another than the one sent",
        _PACKETS,
        "        if commitment != commit_packet(packet):\n",
        "        if False:\n",
        f"{_FORGED}[packet_altered]",
    ),
    Mutant(
        "forged: a packet that was not sent may be acknowledged",
        _PACKETS,
        "        if commitment is None:\n            return False\n"
        "        if commitment != commit_packet(packet):\n",
        "        if commitment is not None and commitment != commit_packet(packet):\n",
        f"{_TEST}::test_the_mempool_names_what_is_done_before",
    ),
    Mutant(
        "forged: the packet's timeout does not stop a receive",
        _PACKETS,
        "        if has_timed_out(packet, self_height(ctx), ctx.time):\n",
        "        if False:\n",
        f"{_FORGED}[packet_late]",
    ),
    Mutant(
        "forged: a timeout may come early",
        _PACKETS,
        "        if not has_timed_out(packet, message.proof_height, time_there):\n",
        "        if False:\n",
        f"{_FORGED}[timeout_early]",
    ),
    Mutant(
        "forged: an ordered channel takes any packet",
        _PACKETS,
        "            return False\n        if packet.sequence != expected:\n",
        "            return False\n        if False:\n",
        f"{_ORDERED}::test_packets_are_received_in_order_and_once",
    ),
    Mutant(
        "forged: a received packet of an ordered channel times out",
        _PACKETS,
        "        if message.next_sequence_recv > packet.sequence:\n",
        "        if False:\n",
        f"{_ORDERED}::test_a_received_packet_does_not_time_out",
    ),
    Mutant(
        "forged: a close need not be proven",
        _PACKETS,
        "        self._connections.verify_channel(\n",
        "        (lambda *_: None)(\n",
        f"{_ORDERED}::test_a_close_ends_what_was_not_received_and_nothing_else",
    ),
    Mutant(
        "forged: a block header needs no work",
        "chainkit/formats/bitcoin/header_chain.py",
        "    check_proof_of_work(header, rules)\n",
        "",
        f"{_BITCOIN}[work_missing]",
    ),
    Mutant(
        "forged: a block header may be of any difficulty",
        "chainkit/formats/bitcoin/header_chain.py",
        "    if header.bits != wanted:",
        "    if False:",
        f"{_BITCOIN}[retarget_wrong]",
    ),
    Mutant(
        "forged: a block is final at once",
        "light_clients/bitcoin/update.py",
        "tip.height - client.confirmations + 1",
        "tip.height",
        f"{_BITCOIN}[block_shallow]",
    ),
    Mutant(
        "forged: any commitment of a coinbase counts",
        "light_clients/bitcoin/proofs.py",
        "reversed(coinbase.outputs)",
        "coinbase.outputs",
        f"{_BITCOIN}[commitment_elsewhere]",
    ),
    Mutant(
        "forged: a coinbase may be anywhere in its block",
        "chainkit/formats/bitcoin/merkle.py",
        '    if node != root:\n        raise WrongMerkleProof("branch does',
        "    if root not in {node, *(branch_root(leaf, at, branch) for at in range(count))}:\n"
        '        raise WrongMerkleProof("branch does',
        f"{_BITCOIN}[coinbase_elsewhere]",
    ),
    Mutant(
        "forged: a header may name its own validators",
        "light_clients/qbft/rules.py",
        "    if vouching < needed:\n",
        "    if False:\n",
        f"{_ACCOUNT}::test_no_forgery_is_accepted[validators_named]",
    ),
    Mutant(
        "forged: an account's slot may hold another value",
        "light_clients/qbft/proofs.py",
        "    if proven_word(client, state, proof, path) != keccak256(value):\n",
        "    if not proven_word(client, state, proof, path):\n",
        f"{_ACCOUNT}::test_no_forgery_is_accepted[packet_altered]",
    ),
    Mutant(
        "forged: a stranger's seal does no harm",
        "light_clients/qbft/rules.py",
        "        if sealer not in members:\n",
        "        if False:\n",
        f"{_ACCOUNT}::test_the_refusals_that_matter_have_their_names",
    ),
]
