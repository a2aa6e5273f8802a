"""What the network's edge relies on, each removed in turn."""

from tests.mutants.support import Mutant

MQTT = "tests/unit/test_adapters_mqtt.py"
DISCOVERY = "tests/unit/test_isthmus_discovery.py"
NETWORK = "tests/unit/test_cli_network.py"
TX = "tests/unit/test_cli_tx.py"
MUTANTS = [
    Mutant(
        "isthmus-garbage-wakes-the-relayer",
        "isthmus/adapters/mqtt.py",
        "    if not isinstance(height, int) or isinstance(height, bool) or height < 1:\n"
        "        return None\n",
        "    height = height if isinstance(height, int) else 1\n",
        f"{MQTT}::test_garbage_is_no_block",
    ),
    Mutant(
        "isthmus-a-block-during-work-is-slept-through",
        "isthmus/adapters/mqtt.py",
        "        seen = self._seen.get(task, self.wakes)\n",
        "        seen = self.wakes\n",
        f"{MQTT}::test_a_block_that_came_during_work_is_not_slept_through",
    ),
    Mutant(
        "isthmus-another-package-replaces-a-light-client",
        "isthmus/entry_points.py",
        "            if point.name not in found or _is_ours(point):\n",
        "            if point.name not in found or not _is_ours(point):\n",
        f"{DISCOVERY}::test_another_package_cannot_take_one_of_our_names",
    ),
    Mutant(
        "isthmus-genesis-does-not-pin-applications",
        "isthmus/compose.py",
        '            _names(state, "applications") or ibc_application_names()\n',
        "            ibc_application_names()\n",
        f"{DISCOVERY}::test_a_node_that_lacks_what_genesis_names_refuses_to_go_on",
    ),
    Mutant(
        "isthmus-down-ends-a-stranger",
        "isthmus/processes.py",
        "        if pid in alive and _OURS in alive[pid][1]\n",
        "        if pid in alive\n",
        f"{NETWORK}::test_a_process_number_that_another_program_has_is_not_ours",
    ),
    Mutant(
        "isthmus-a-failed-transaction-is-a-success",
        "isthmus/cli/tx.py",
        "            if outcome.code:\n",
        "            if outcome.code < 0:\n",
        f"{TX}::test_a_transaction_that_fails_in_its_block_is_refused_with_its_log",
    ),
    Mutant(
        "isthmus-a-refund-is-a-delivery",
        "isthmus/cli/tx.py",
        "    if hop.state is not PacketState.DELIVERED:\n",
        "    if hop.state is PacketState.SENT:\n",
        f"{TX}::test_a_followed_transfer_that_comes_back_is_exit_code_1",
    ),
]
