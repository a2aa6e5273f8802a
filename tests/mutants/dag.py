"""Defences of the DAG chain's ledger."""

from tests.mutants.support import Mutant

_TESTS = "tests/unit/test_dag_chain.py"
_MACHINE = "parachains/dag/state_machine.py"
_CHAIN = "parachains/dag/chain.py"
_TRANSACTIONS = "parachains/dag/transactions.py"
_PRUNING = "tests/unit/test_dag_pruning.py"
_LOCKS = "tests/property/test_dag_hash_locks.py"
_MEMPOOL = "tests/unit/test_dag_mempool.py"
_GOSSIP = "parachains/dag/gossip.py"
_GOSSIP_TESTS = "tests/unit/test_dag_gossip.py"

MUTANTS = (
    Mutant(
        "dag: one sequence, one transaction",
        _MACHINE,
        "        if account.sequence != tx.sequence:",
        "        if account.sequence < 0:",
        f"{_TESTS}::test_a_double_spend_in_parallel_blocks_is_credited_once",
    ),
    Mutant(
        "dag: signatures",
        _TRANSACTIONS,
        "        if not is_valid:",
        "        if is_valid is None:",
        f"{_TESTS}::test_bodies_that_are_refused",
    ),
    Mutant(
        "dag: a body is its header's",
        _TRANSACTIONS,
        "    if body.root != root:",
        "    if not body.root:",
        f"{_TESTS}::test_bodies_that_are_refused",
    ),
    Mutant(
        "dag: a transaction is of this chain",
        _TRANSACTIONS,
        "    if any(tx.chain_id != chain_id for tx in body.transactions):",
        "    if not chain_id:",
        f"{_TESTS}::test_bodies_that_are_refused",
    ),
    Mutant(
        "dag: messages are the sender's",
        _MACHINE,
        "any(signer != tx.sender for signer in route.signers(message))",
        "not route.signers(message)",
        f"{_TESTS}::test_a_message_of_another_signer_is_refused",
    ),
    Mutant(
        "dag: the state root",
        _CHAIN,
        "        if self.machine.write_with_root(run) != block.header.utxo_commitment:",
        "        if not self.machine.write_with_root(run):",
        f"{_TESTS}::test_a_block_with_a_wrong_state_carries_no_chain",
    ),
    Mutant(
        "dag: the accepted transactions",
        _CHAIN,
        "        if run.accepted_root != block.header.accepted_id_merkle_root:",
        "        if not run.accepted_root:",
        f"{_TESTS}::test_a_block_with_a_wrong_state_carries_no_chain",
    ),
    Mutant(
        "dag: what builds on a wrong state",
        _CHAIN,
        "            if self.dag.is_chain_ancestor(block.hash, other.hash)\n",
        "            if other.hash == block.hash\n",
        f"{_TESTS}::test_what_is_built_on_a_wrong_state_carries_none_either",
        timeout_s=30,
    ),
    Mutant(
        "dag: red blocks make no coins",
        _CHAIN,
        "block in blues and block != self.dag.genesis",
        "block != self.dag.genesis",
        f"{_TESTS}::test_red_blocks_earn_fees_and_no_reward",
    ),
    Mutant(
        "dag: a refused message leaves its fee",
        _MACHINE,
        "return _refused(tx, block, error, accepted=True,",
        "return _refused(tx, block, error, accepted=False,",
        f"{_TESTS}::test_what_cannot_pay_is_not_accepted_and_what_fails_later_pays",
    ),
    Mutant(
        "dag: no chain without our pruning point",
        _CHAIN,
        "        elif placed.sort_key > self._best.sort_key and self._holds_ours(placed):",
        "        elif placed.sort_key > self._best.sort_key:",
        f"{_PRUNING}::test_no_chain_without_our_pruning_point_is_followed",
    ),
    Mutant(
        "dag: memory keeps what rules reach back to",
        _CHAIN,
        "blue_score - self.parameters.dag.reach)",
        "blue_score)",
        f"{_PRUNING}::test_a_branch_from_above_the_pruning_point_is_judged",
    ),
    Mutant(
        "dag: a header and its body are one write",
        "parachains/dag/store.py",
        "self._database.write(self._header_changes(block) | {_BODY + block.hash: body})",
        "self._database.write(self._header_changes(block)); "
        "self._database.write({_BODY + block.hash: body})",
        f"{_PRUNING}::test_a_crash_at_any_write_loses_nothing",
    ),
    Mutant(
        "dag: a claim is strictly before the expiry",
        "htlc/onchain/locks/terms.py",
        "        return now >= self.expires_at * NS_PER_SECOND",
        "        return now > self.expires_at * NS_PER_SECOND",
        f"{_LOCKS}::test_claim_strictly_before_the_expiry_and_refund_from_it",
    ),
    Mutant(
        "dag: a preimage has 32 bytes",
        "htlc/onchain/locks/terms.py",
        "    if len(preimage) != PREIMAGE_BYTES:",
        "    if len(preimage) > 64:",
        f"{_LOCKS}::test_claim_strictly_before_the_expiry_and_refund_from_it",
    ),
    Mutant(
        "dag: hash locks expire by chain time",
        _CHAIN,
        "blue_score=order.blue_score, chain_time_ms=chain_time_ms\n",
        "blue_score=order.blue_score, chain_time_ms=chain_time_ms + 9_000\n",
        f"{_LOCKS}::test_every_lock_ends_at_most_once_and_by_the_time_of_its_block",
    ),
    Mutant(
        "dag: the mempool verifies signatures",
        "parachains/dag/mempool.py",
        "                if not is_valid:",
        "                if is_valid is None:",
        f"{_MEMPOOL}::test_a_batch_names_its_bad_ones",
    ),
    Mutant(
        "dag: the mempool is bounded",
        "parachains/dag/mempool.py",
        "        if len(self) <= MAX_MEMPOOL_TRANSACTIONS and self.size <= MAX_MEMPOOL_BYTES:",
        "        if self.size >= 0:",
        f"{_MEMPOOL}::test_it_is_bounded_and_the_cheap_go_first",
    ),
    Mutant(
        "dag: a replacement pays more",
        "parachains/dag/mempool.py",
        "        if old is not None and tx.fee * 100 < max(old.tx.fee, 1) * REPLACEMENT_PERCENT:",
        "        if old is not None and tx.fee < 0:",
        f"{_MEMPOOL}::test_a_replacement_pays_a_tenth_more",
    ),
    Mutant(
        "dag: what waits pays its fees",
        "parachains/dag/mempool.py",
        "        if fees > machine.bank.balance(",
        "        if fees < 0 * machine.bank.balance(",
        f"{_MEMPOOL}::test_what_is_refused",
    ),
    Mutant(
        "dag: a reorganisation brings transactions back",
        "parachains/dag/mempool.py",
        "        if again:\n",
        "        if not again:\n",
        f"{_MEMPOOL}::test_a_reorganisation_brings_back_what_it_took_away",
    ),
    Mutant(
        "dag: headers have work before anything is asked for",
        _GOSSIP,
        "                check_alone(header, self._chain.parameters.dag, self._now_ms())\n",
        "                pass\n",
        f"{_GOSSIP_TESTS}::test_lies_are_dropped_with_the_reason",
    ),
    Mutant(
        "dag: orphans are bounded",
        "parachains/dag/orphans.py",
        "        while len(self._blocks) > MAX_ORPHANS or self.size > MAX_ORPHAN_BYTES:",
        "        while self.size < 0:",
        f"{_GOSSIP_TESTS}::test_a_flood_of_unknown_parents_is_bounded",
    ),
    Mutant(
        "dag: wanted headers are bounded",
        _GOSSIP,
        "            if not self._wanted.has_room(peer):\n                break\n",
        "",
        f"{_GOSSIP_TESTS}::test_wanted_headers_are_bounded",
    ),
    Mutant(
        "dag: a peer has its share of wanted headers",
        "parachains/dag/wanted.py",
        "            and of_peer + count <= MAX_WANTED_OF_PEER\n",
        "            and of_peer >= 0\n",
        f"{_GOSSIP_TESTS}::test_wanted_headers_are_bounded",
    ),
    Mutant(
        "dag: wanted blocks are asked for in turn",
        _GOSSIP,
        "islice(self._wanted.in_turn(), MAX_LOOKED_THROUGH)",
        "islice(self._wanted._tellers, MAX_LOOKED_THROUGH)",
        f"{_GOSSIP_TESTS}::test_what_one_peer_announces_in_vain_keeps_nothing_of_others_back",
    ),
    Mutant(
        "dag: only what was asked for",
        _GOSSIP,
        "        if state.in_flight.pop(name, None) is None:\n"
        '            raise PeerBrokeRule("a block that it was not asked for")\n',
        "        state.in_flight.pop(name, None)\n",
        f"{_GOSSIP_TESTS}::test_lies_are_dropped_with_the_reason",
    ),
    Mutant(
        "dag: who announces has the blocks",
        _GOSSIP,
        "        if reason is Reason.UNKNOWN:\n",
        "        if reason is None:\n",
        f"{_GOSSIP_TESTS}::test_a_flood_of_unknown_parents_is_bounded",
    ),
    Mutant(
        "dag: a silent peer is dropped",
        _GOSSIP,
        "            if late or any(",
        "            if late and any(",
        f"{_GOSSIP_TESTS}::test_a_silent_peer_is_named",
    ),
    Mutant(
        "dag: a message's length has a bound",
        "parachains/dag/wire.py",
        "    if size > MAX_BYTES[kind]:",
        "    if size < 0:",
        f"{_GOSSIP_TESTS}::test_frames",
    ),
)
