"""Defences of the DAG's light client and of its formats."""

from tests.mutants.support import Mutant

_TESTS = "tests/unit/test_light_client_ghostdag.py"
_FORMATS = "tests/unit/test_formats_ghostdag.py"
_UPDATE = "light_clients/ghostdag/update.py"
_PROOFS = "light_clients/ghostdag/proofs.py"
_STORE = "light_clients/ghostdag/store.py"
_RULES = "chainkit/formats/ghostdag/rules.py"
_ORDER = "chainkit/formats/ghostdag/order.py"

MUTANTS = (
    Mutant(
        "ghostdag: proof of work",
        _RULES,
        "    check_proof_of_work(header, p.max_target)\n",
        "",
        f"{_TESTS}::test_a_header_without_work",
    ),
    Mutant(
        "ghostdag: the easiest target",
        "chainkit/formats/ghostdag/proof_of_work.py",
        "    if target > limit:",
        "    if target < 0:",
        f"{_FORMATS}::test_the_easiest_target",
    ),
    Mutant(
        "ghostdag: bits by the difficulty window",
        _RULES,
        "    if header.bits != bits:",
        "    if header.bits < 0:",
        f"{_TESTS}::test_wrong_bits",
    ),
    Mutant(
        "ghostdag: blue work",
        _RULES,
        "    if header.blue_work != order.blue_work:",
        "    if header.blue_work < 0:",
        f"{_TESTS}::test_wrong_blue_work",
    ),
    Mutant(
        "ghostdag: blue score",
        _RULES,
        "    if header.blue_score != order.blue_score:",
        "    if header.blue_score < 0:",
        f"{_TESTS}::test_wrong_blue_score",
    ),
    Mutant(
        "ghostdag: redundant parents",
        _RULES,
        "            if parent != other and view.is_ancestor(parent, other):",
        "            if parent == other:",
        f"{_TESTS}::test_redundant_parent",
    ),
    Mutant(
        "ghostdag: unknown parents",
        _RULES,
        "        if view.find(parent) is None:",
        "        if not parent:",
        f"{_TESTS}::test_unknown_parent",
    ),
    Mutant(
        "ghostdag: past median time",
        _RULES,
        "    if header.timestamp <= median_time:",
        "    if header.timestamp < 0:",
        f"{_TESTS}::test_times",
    ),
    Mutant(
        "ghostdag: headers ahead of the clock",
        _RULES,
        "    if header.timestamp > now_ms + p.timestamp_tolerance_ms:",
        "    if header.timestamp < 0:",
        f"{_TESTS}::test_times",
    ),
    Mutant(
        "ghostdag: chain time never goes back",
        _RULES,
        "chain_time = max(selected.chain_time_ms, median_time)",
        "chain_time = header.timestamp",
        f"{_TESTS}::test_time_is_the_chain_s_and_not_a_header_s",
    ),
    Mutant(
        "ghostdag: merge depth",
        _RULES,
        "    check_merge_depth(view, order, p)\n    pruning",
        "    pruning",
        f"{_FORMATS}::test_a_red_block_is_merged_down_to_the_merge_depth",
    ),
    Mutant(
        "ghostdag: merge set limit",
        _ORDER,
        "        if len(queue) >= limit:",
        "        if len(queue) < 0:",
        f"{_FORMATS}::test_merge_set_has_a_limit",
    ),
    Mutant(
        "ghostdag: a candidate with too large a blue anticone is red",
        _ORDER,
        "if len(anticone) > self._k or size == self._k:",
        "if size == self._k:",
        f"{_FORMATS}::test_k_plus_one_blocks_aside_turn_red",
    ),
    Mutant(
        "ghostdag: a candidate beside a full blue block is red",
        _ORDER,
        "if len(anticone) > self._k or size == self._k:",
        "if len(anticone) > self._k:",
        "tests/property/test_ghostdag.py::test_the_blue_set_is_a_k_cluster",
    ),
    Mutant(
        "ghostdag: ties go to the greater hash",
        "chainkit/formats/ghostdag/blocks.py",
        "return self.order.blue_work, self.hash",
        'return self.order.blue_work, Hash32(b"")',
        "tests/property/test_ghostdag.py::test_order_does_not_depend_on_arrival",
    ),
    Mutant(
        "ghostdag: finality depth",
        _UPDATE,
        "tip.order.blue_score - finality_depth)",
        "tip.order.blue_score - 1)",
        f"{_TESTS}::test_a_block_above_finality_proves_nothing",
    ),
    Mutant(
        "ghostdag: only blocks of the selected chain become final",
        _UPDATE,
        "    for block in reversed(newly):\n",
        "    newly[:0] = [b for b in fresh if b.order.blue_score <= final.order.blue_score]\n"
        "    for block in reversed(newly):\n",
        f"{_TESTS}::test_a_merged_block_proves_nothing",
    ),
    Mutant(
        "ghostdag: a proof under the state of its own block",
        _PROOFS,
        "    if client.latest_height < height:",
        "    if client.latest_height > height:",
        f"{_TESTS}::test_membership_and_absence",
    ),
    Mutant(
        "ghostdag: freeze below the checkpoint",
        _UPDATE,
        "    return max(strange) > max(loyal)",
        "    return False",
        f"{_TESTS}::test_a_private_heavier_branch_below_the_checkpoint_freezes",
    ),
    Mutant(
        "ghostdag: a lighter branch freezes nothing",
        _UPDATE,
        "    return max(strange) > max(loyal)",
        "    return max(strange) > 0",
        f"{_TESTS}::test_a_private_lighter_branch_below_the_checkpoint_changes_nothing",
    ),
    Mutant(
        "ghostdag: the tip holds the final block",
        _UPDATE,
        "    loyal = [block for block in fresh if view.is_chain_ancestor(old_final, block.hash)]",
        "    loyal = list(fresh)",
        f"{_TESTS}::test_a_tie_below_the_checkpoint_goes_to_the_defender",
    ),
    Mutant(
        "ghostdag: a frozen client is frozen",
        "light_clients/ghostdag/client.py",
        "return Status.FROZEN if client.frozen else Status.ACTIVE",
        "return Status.ACTIVE",
        f"{_TESTS}::test_a_private_heavier_branch_below_the_checkpoint_freezes",
    ),
    Mutant(
        "ghostdag: the header's state root",
        _STORE,
        "block.header.utxo_commitment, block.hash)",
        "block.header.hash_merkle_root, block.hash)",
        f"{_TESTS}::test_membership_and_absence",
    ),
    Mutant(
        "ghostdag: headers are pruned",
        _UPDATE,
        "            states.delete_block(store, block)\n",
        "            pass\n",
        f"{_TESTS}::test_headers_are_pruned_and_the_order_stays",
    ),
    Mutant(
        "ghostdag: work behind an anchor",
        "light_clients/ghostdag/rules.py",
        "            check_proof_of_work(block.header, state.parameters.max_target)\n",
        "            pass\n",
        f"{_TESTS}::test_an_anchor_without_work",
    ),
    Mutant(
        "ghostdag: a substitute of the same rules",
        "light_clients/ghostdag/client.py",
        "        if _identity(old) != _identity(new):",
        "        if old is new:",
        f"{_TESTS}::test_recover_takes_a_substitute_of_the_same_rules",
    ),
    Mutant(
        "LC-D-vectors: Kaspa's order",
        _ORDER,
        "if len(anticone) > self._k or size == self._k:",
        "if size == self._k:",
        "tests/vectors/test_rusty_kaspa.py::test_order",
    ),
    Mutant(
        "LC-D-split: a client of the lighter half freezes",
        _UPDATE,
        "    return max(strange) > max(loyal)",
        "    return False",
        f"{_TESTS}::test_split_beyond_the_depth_freezes_who_saw_the_lighter_half",
    ),
    Mutant(
        "LC-D-split: finality is below what delay changes",
        "parachains/dag/parameters.py",
        "    return confirmations_needed(share, probability) + DELAY_DEPTH",
        "    return confirmations_needed(share, probability)",
        "tests/simulation/test_dag_delays.py::test_a_balancing_attacker_stays_above_finality",
        timeout_s=300,
    ),
    Mutant(
        "LC-D-withhold: a withheld branch counts for nothing",
        _ORDER,
        "if len(anticone) > self._k or size == self._k:",
        "if not candidate:",
        f"{_TESTS}::test_a_withheld_branch_counts_for_nothing_when_it_is_light",
    ),
    Mutant(
        "LC-D-conflict: one of two parallel blocks proves",
        _UPDATE,
        "    for block in reversed(newly):\n",
        "    newly[:0] = [b for b in fresh if b.order.blue_score <= final.order.blue_score]\n"
        "    for block in reversed(newly):\n",
        f"{_TESTS}::test_of_two_conflicting_blocks_one_is_proven",
    ),
)
