"""What makes a node survive a crash, each piece taken out."""

from tests.mutants.support import Mutant

NODE = "relay_chain/node"
KILL = "tests/unit/test_node_crashes.py::test_kill_at_every_write_point"

MUTANTS = [
    Mutant(
        "crash-log-not-replayed",
        f"{NODE}/consensus_shell.py",
        "        decoded = tuple(decode_entry(entry) for entry in entries)\n",
        "        decoded = ()\n",
        KILL,
    ),
    Mutant(
        "crash-log-not-synced-before-anybody-hears",
        "relay_chain/consensus/machine.py",
        "    log = AppendToWal(input_, turn.syncs)\n",
        "    log = AppendToWal(input_, False)\n",
        KILL,
    ),
    Mutant(
        "crash-log-flushed-but-not-synced",
        f"{NODE}/wal.py",
        '        os.fsync(self._descriptor)\n        reach(f"wal.{point}.synced")\n',
        '        reach(f"wal.{point}.synced")\n',
        KILL,
    ),
    Mutant(
        "crash-torn-tail-stays",
        f"{NODE}/wal.py",
        "            os.truncate(path, good)\n",
        "            pass\n",
        "tests/unit/test_node_wal.py::test_a_torn_tail_at_every_byte_is_cut_and_the_rest_kept",
    ),
    Mutant(
        "crash-files-written-in-place",
        f"{NODE}/files.py",
        '    beside = path.with_name(path.name + ".new")\n',
        "    beside = path\n",
        KILL,
    ),
    Mutant(
        "crash-height-marked-before-its-block-is-stored",
        f"{NODE}/consensus_shell.py",
        "        self._executor.save_block(block, block_id, self._parts_of(decide), decide.commit)\n"
        "        self._wal.end_height(decide.height)\n",
        "        self._wal.end_height(decide.height)\n"
        "        self._executor.save_block(block, block_id, self._parts_of(decide), decide.commit)\n",
        KILL,
    ),
    Mutant(
        "crash-decided-block-not-durable",
        f"{NODE}/block_store.py",
        "        durable: bool = True,\n",
        "        durable: bool = False,\n",
        KILL,
    ),
    Mutant(
        "crash-results-after-the-commit",
        f"{NODE}/executor.py",
        "        self.states.save_result(block.header.height, result)\n"
        '        reach("application.before_commit")\n'
        "        self.application.commit()\n",
        '        reach("application.before_commit")\n'
        "        self.application.commit()\n"
        "        self.states.save_result(block.header.height, result)\n",
        KILL,
    ),
    Mutant(
        "crash-stored-block-not-finished",
        f"{NODE}/executor.py",
        "        if stored > applied:\n",
        "        if False:\n",
        KILL,
    ),
    Mutant(
        "crash-lost-commits-not-executed-again",
        f"{NODE}/executor.py",
        "            self._replay(state, BlockHeight(height))\n",
        "            pass\n",
        KILL,
    ),
    Mutant(
        "crash-key-forgets-what-it-signed",
        f"{NODE}/privval.py",
        "        self._state = read_sign_state(state_path) if state_path.exists() else SignState()\n",
        "        self._state = SignState()\n",
        "tests/unit/test_node_crashes.py::"
        "test_a_disk_that_lied_about_the_log_makes_nobody_sign_twice",
    ),
]
