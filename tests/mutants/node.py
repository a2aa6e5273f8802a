"""The node's order of effects."""

from tests.mutants.support import Mutant

MUTANTS = [
    Mutant(
        "shell-wait-for-prevotes-cancels-that-for-precommits",
        "relay_chain/node/consensus_shell.py",
        "        if position < self._timer_at:\n",
        "        if False:\n",
        "tests/unit/test_node_shell_timer.py",
    ),
    Mutant(
        "wal-before-sign",
        "relay_chain/node/consensus_shell.py",
        "                if effect.sync:\n",
        "                if False:\n",
        "tests/unit/test_node_consensus_shell.py::test_what_led_to_a_signature_is_on_disk_before_it",
    ),
]
