"""Mutants of planned upgrades."""

from tests.mutants.support import Mutant

_FILE = "relay_chain/app/upgrade.py"
_TESTS = "tests/unit/test_hub_upgrade.py"

MUTANTS = [
    Mutant(
        "upgrade-planned-by-anybody",
        _FILE,
        "        if signer != self._authority:\n",
        "        if False:\n",
        f"{_TESTS}::test_only_the_authority_plans_and_cancels",
    ),
    Mutant(
        "upgrade-executed-by-any-program",
        _FILE,
        "        if plan.name not in self._known:\n",
        "        if False:\n",
        f"{_TESTS}::test_a_program_without_the_upgrade_stops",
    ),
    Mutant(
        "upgrade-commits-to-what-clients-choose",
        _FILE,
        "            state = zero_custom_fields(decode_client_state(message.client_state))\n",
        "            state = decode_client_state(message.client_state)\n",
        f"{_TESTS}::test_clients_are_told_how_to_follow",
    ),
    Mutant(
        "upgrade-hides-the-last-header",
        "relay_chain/node/rpc/methods.py",
        "        return max(self.executor.blocks.height(), self.executor.state.last_block_height)\n",
        "        return self.executor.state.last_block_height\n",
        "tests/unit/test_node_upgrade.py"
        "::test_the_decided_block_is_answered_and_the_state_is_that_before",
    ),
]
