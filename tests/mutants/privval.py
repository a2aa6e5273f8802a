"""The private validator's defences."""

from tests.mutants.support import Mutant

_FILE = "relay_chain/node/privval.py"
_TESTS = "tests/unit/test_node_privval.py"

MUTANTS = [
    Mutant(
        "privval-regression",
        _FILE,
        "    if asked < last.position:\n",
        "    if False:\n",
        f"{_TESTS}::test_a_regression_is_refused",
    ),
    Mutant(
        "privval-conflict",
        _FILE,
        "        if sign_bytes != self._state.sign_bytes:\n",
        "        if False:\n",
        f"{_TESTS}::test_another_block_at_the_same_step_is_refused",
    ),
    Mutant(
        "privval-save-after-sign",
        _FILE,
        "        write_sign_state(self._state_path, state, point=point)\n",
        "",
        f"{_TESTS}::test_the_state_is_on_disk_before_the_signature_is_given",
    ),
]
