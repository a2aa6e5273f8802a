"""State sync's defences."""

from tests.mutants.support import Mutant

_REACTOR = "relay_chain/node/restore/reactor.py"
_TRUST = "relay_chain/node/restore/trust.py"
_POOL = "relay_chain/node/restore/pool.py"
_TESTS = "tests/unit/test_restore.py"

MUTANTS = [
    Mutant(
        "restore-state-unchecked",
        _REACTOR,
        "        if (info.last_block_height, info.last_block_app_hash) != expected:\n",
        "        if False:\n",
        f"{_TESTS}::test_a_forged_state_is_not_kept",
    ),
    Mutant(
        "restore-headers-unverified",
        _TRUST,
        "                self._verify(height, now)\n",
        "                self._known(height)\n",
        f"{_TESTS}::test_a_server_that_lies_is_not_believed",
    ),
    Mutant(
        "restore-parameters-unchecked",
        _TRUST,
        "        if consensus_params_hash(params) != header.consensus_hash:\n",
        "        if False:\n",
        f"{_TESTS}::test_a_server_that_lies_is_not_believed",
    ),
    Mutant(
        "restore-priorities-unchecked",
        _TRUST,
        "            if other.validator_set != block.validator_set:\n",
        "            if False:\n",
        f"{_TESTS}::test_servers_must_agree",
    ),
    Mutant(
        "restore-snapshots-of-a-peer-unbounded",
        _POOL,
        "self._told.get(peer_id, 0) >= MAX_SNAPSHOTS_OF_PEER",
        "False",
        f"{_TESTS}::test_what_one_peer_tells_is_bounded_and_ends_with_it",
    ),
    Mutant(
        "restore-silent-peer-asked-for-ever",
        _POOL,
        "now >= asked_at + CHUNK_TIMEOUT_NS",
        "False",
        f"{_TESTS}::test_a_silent_peer_is_asked_no_more",
        timeout_s=30,
    ),
    Mutant(
        "restore-unfinished-state-taken-for-a-whole-one",
        "isthmus/restoring.py",
        "        if begun.exists():\n",
        "        if not begun.parent.exists():\n",
        "tests/unit/test_isthmus_restoring.py::test_what_an_unfinished_restoration_left_is_dropped",
    ),
]
