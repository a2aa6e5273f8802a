"""Defences of the UTXO chain: what it adds to Bitcoin's rules, and reorganisations."""

from tests.mutants.support import Mutant

_RULES = "tests/unit/test_utxo_rules.py"
_CHAIN_TESTS = "tests/unit/test_utxo_chain.py"
_REORGANISED = "tests/unit/test_utxo_reorganised.py"
_MACHINE = "parachains/utxo/state_machine.py"
_LEDGER = "parachains/utxo/ledger.py"
_CHAIN = "parachains/utxo/chain.py"
_UNDO = "parachains/sdk/undo.py"

MUTANTS = (
    Mutant(
        "utxo: timeouts by median time past",
        _MACHINE,
        "parent.height + 1, parent.median_time_past, self.stores.store",
        "parent.height + 1, parent.header.time, self.stores.store",
        f"{_RULES}::test_header_times_decide_no_timeout",
    ),
    Mutant(
        "utxo: host time never goes back",
        _MACHINE,
        "ctx = self._context(parent.height + 1, parent.median_time_past",
        "ctx = self._context(parent.height + 1, parent.header.time",
        f"{_RULES}::test_host_time_never_goes_back",
    ),
    Mutant(
        "utxo: input 0 signs everything",
        _MACHINE,
        "    if not witness or witness[0][-1:] != bytes([SIGHASH_ALL]):",
        "    if not witness:",
        f"{_RULES}::test_input_0_signs_all",
    ),
    Mutant(
        "utxo: messages are of input 0's owner",
        _MACHINE,
        "            if any(signer != owner for signer in route.signers(message)):",
        "            if not route.signers(message):",
        f"{_RULES}::test_messages_are_of_the_owner",
    ),
    Mutant(
        "utxo: only a key hash owns",
        _MACHINE,
        "    if program is None or program[0] != 0 or len(program[1]) != 20:",
        "    if program is None:",
        f"{_RULES}::test_a_script_owns_nothing",
    ),
    Mutant(
        "utxo: escrow balance",
        _LEDGER,
        "    if after - before != wanted:",
        "    if after < 0:",
        f"{_RULES}::test_escrow_moves_by_what_messages_move",
    ),
    Mutant(
        "utxo: escrow is looked at without messages",
        _LEDGER,
        "        any(coin.output.script_pubkey == ESCROW_SCRIPT for coin in spent)\n        or any",
        "        any",
        f"{_RULES}::test_escrow_moves_by_what_messages_move",
    ),
    Mutant(
        "utxo: payouts go to the receiver",
        _LEDGER,
        "        if output is None or output.script_pubkey != output_script_of(payout.receiver):",
        "        if output is None:",
        f"{_RULES}::test_payouts_go_to_the_receiver_to_the_satoshi",
    ),
    Mutant(
        "utxo: payouts are whole",
        _LEDGER,
        "        if output.value != value:",
        "        if output.value > value:",
        f"{_RULES}::test_payouts_go_to_the_receiver_to_the_satoshi",
    ),
    Mutant(
        "utxo: lots are assigned to the last unit",
        _LEDGER,
        "if amount}\n    if wrong:",
        "if amount}\n    if wrong and not left:",
        f"{_RULES}::test_lots_are_assigned_to_the_last_unit",
    ),
    Mutant(
        "utxo: lots lie where they can be spent",
        _LEDGER,
        "        if not spendable or tx.outputs",
        "        if item.output < len(tx.outputs) and tx.outputs",
        f"{_RULES}::test_lots_are_assigned_to_the_last_unit",
    ),
    Mutant(
        "utxo: spending an outpoint with lots is looked at without messages",
        _LEDGER,
        "        or any(store.get(_lot_key(i.previous_output)) is not None for i in tx.inputs)\n",
        "",
        f"{_RULES}::test_lots_are_assigned_to_the_last_unit",
    ),
    Mutant(
        "utxo: the commitment is of this state",
        _CHAIN,
        "        if root is None or root != self.machine.root_after(run):",
        "        if root is None:",
        f"{_CHAIN_TESTS}::test_coinbases_that_are_refused",
    ),
    Mutant(
        "utxo: a repeated transaction condemns no header",
        _CHAIN,
        "        check_block(block)\n        check_witness",
        "        check_witness",
        f"{_RULES}::test_a_mutated_block_does_not_condemn_the_true_one",
    ),
    Mutant(
        "utxo: a changed witness condemns no header",
        _CHAIN,
        "        check_block(block)\n        check_witness_commitment(block)\n",
        "        check_block(block)\n",
        f"{_RULES}::test_a_mutated_block_does_not_condemn_the_true_one",
    ),
    Mutant(
        "utxo: the first of two branches of equal work stays",
        _CHAIN,
        "        if wanted.chain_work <= self.tip.chain_work:\n            return ChainChange()\n",
        "        if wanted.chain_work < self.tip.chain_work:\n            return ChainChange()\n",
        f"{_REORGANISED}::test_of_two_branches_of_equal_work_the_first_seen_stays",
    ),
    Mutant(
        "utxo: what a branch held returns to the mempool",
        "parachains/utxo/mempool.py",
        "        for tx in (*disconnected, *waiting):\n",
        "        for tx in waiting:\n",
        f"{_REORGANISED}::test_below_k_the_zone_changes_nothing_and_the_transfer_is_made_once",
    ),
    Mutant(
        "utxo: a stranger does not steer a miner",
        "parachains/utxo/settings.py",
        "    operator_methods: bool = False\n",
        "    operator_methods: bool = True\n",
        "tests/unit/test_utxo_steering.py::test_nobody_steers_a_node_that_does_not_say_so",
    ),
    Mutant(
        "utxo: undo takes everything back",
        _UNDO,
        "        before = {key: self._inner.get(key) for key in changes}",
        "        before = {key: self._inner.get(key) for key in changes if key[:1] != b'c'}",
        f"{_CHAIN_TESTS}::test_reorganisation_restores_and_replays",
    ),
    Mutant(
        "utxo: the state is read again after undo",
        _CHAIN,
        "        self.machine.reopen()\n",
        "",
        f"{_CHAIN_TESTS}::test_reorganisation_restores_and_replays",
    ),
    Mutant(
        "utxo: an invalid branch leaves the old chain",
        _CHAIN,
        "            for old in reversed(left):\n                self._connect(self._points[old.header.hash])\n",
        "",
        f"{_CHAIN_TESTS}::test_an_invalid_heavier_branch_changes_nothing",
    ),
    Mutant(
        "utxo: a withheld block holds up no other",
        "parachains/utxo/gossip.py",
        "        tips = {tip.header.hash: tip for tip in (self._chain.heaviest_header(), *heavier)}",
        "        tips = {tip.header.hash: tip for tip in (self._chain.heaviest_header(),)}",
        "tests/unit/test_utxo_gossip.py::test_a_withheld_block_holds_up_no_other",
    ),
    Mutant(
        "utxo: a peer that floods is dropped",
        "parachains/utxo/node.py",
        "            _count(peer)\n",
        "",
        "tests/e2e/test_utxo_hostile_peers.py::test_a_peer_that_floods_is_dropped",
    ),
    Mutant(
        "utxo: whoever does not greet takes a place",
        "parachains/utxo/node.py",
        "        if self._inbound >= MAX_PEERS:",
        "        if len(self._peers) >= MAX_PEERS:",
        "tests/e2e/test_utxo_hostile_peers.py::test_connections_are_bounded_from_the_first_byte",
    ),
)
