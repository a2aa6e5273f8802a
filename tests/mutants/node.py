"""The node's order of effects."""

from tests.mutants.support import Mutant

MUTANTS = [
    Mutant(
        "shell-gathers-its-own-block-instead-of-the-proposal",
        "relay_chain/node/consensus_shell.py",
        "        self._built = PartSet.of_parts(header, parts)\n",
        "        self._parts = self._built = PartSet.of_parts(header, parts)\n",
        "tests/unit/test_node_consensus_shell.py::"
        "test_a_block_that_comes_from_outside_and_is_made_here_too_is_taken",
    ),
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
        "        if effect.sync:\n",
        "        if False:\n",
        "tests/unit/test_node_consensus_shell.py::test_what_led_to_a_signature_is_on_disk_before_it",
    ),
    Mutant(
        "any-commit-after-a-verified-one",
        "relay_chain/consensus/execution.py",
        "    elif last_commit != verified:\n",
        "    elif verified is None:\n",
        "tests/unit/test_consensus_execution.py::test_a_commit_that_was_verified_is_not_verified_again",
    ),
    Mutant(
        "pruning-below-what-power-loss-takes",
        "relay_chain/node/executor.py",
        "max(keep, STATE_SYNC_BLOCKS)",
        "keep",
        "tests/unit/test_node_executor.py::test_few_kept_blocks_still_suffice_after_power_loss",
    ),
]
