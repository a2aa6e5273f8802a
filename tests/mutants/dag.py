"""Defences of the DAG chain's ledger."""

from tests.mutants.support import Mutant

_TESTS = "tests/unit/test_dag_chain.py"
_MACHINE = "parachains/dag/state_machine.py"
_CHAIN = "parachains/dag/chain.py"
_TRANSACTIONS = "parachains/dag/transactions.py"
_PRUNING = "tests/unit/test_dag_pruning.py"

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
        "        if self.machine.root_after(run) != block.header.utxo_commitment:",
        "        if not self.machine.root_after(run):",
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
)
