"""The ABCI server's defences."""

from tests.mutants.support import Mutant

_DRIVER = "relay_chain/abci/driver.py"
_SERVER = "relay_chain/abci/server.py"
_TESTS = "tests/unit/test_abci_server.py"
_STREAM = "chainkit/commitments/snapshot.py"
_SNAPSHOTS = "relay_chain/node/snapshots.py"
_OF_SNAPSHOTS = "tests/unit/test_snapshots.py"
_ORDER = f"{_TESTS}::test_a_call_out_of_order_is_refused_by_name_and_changes_nothing"

MUTANTS = [
    Mutant(
        "abci-any-height-is-executed",
        _DRIVER,
        "        if height != self._height + 1:\n",
        "        if False:\n",
        _ORDER,
    ),
    Mutant(
        "abci-blocks-before-genesis",
        _DRIVER,
        "        if not self._has_begun:\n",
        "        if False:\n",
        _ORDER,
    ),
    Mutant(
        "abci-committed-twice",
        _DRIVER,
        "        if executed is None:\n",
        "        if False:\n",
        _ORDER,
    ),
    Mutant(
        "abci-another-genesis",
        _DRIVER,
        "            if getattr(genesis, what) != getattr(ours, what):\n",
        "            if False:\n",
        _ORDER,
    ),
    Mutant(
        "abci-garbage-keeps-its-connection",
        _SERVER,
        "                writer.write(delimited(encode_answer(ExceptionAnswer(str(error)))))\n"
        "                return\n",
        "                writer.write(delimited(encode_answer(ExceptionAnswer(str(error)))))\n"
        "                messages = DelimitedReader()\n",
        f"{_TESTS}::test_a_broken_frame_ends_its_connection_with_a_reason_and_no_other",
    ),
    Mutant(
        "abci-connections-without-end",
        _SERVER,
        "        if self._open >= MAX_CONNECTIONS:\n",
        "        if False:\n",
        f"{_TESTS}::test_connections_past_the_limit_are_closed",
    ),
    Mutant(
        "abci-strange-extensions-taken",
        _DRIVER,
        "                return VerifyVoteExtensionAnswer(not extension)\n",
        "                return VerifyVoteExtensionAnswer(True)\n",
        f"{_TESTS}::test_nobody_votes_with_extensions_here",
    ),
    Mutant(
        "snapshot-any-root",
        _STREAM,
        "        if actual != self._app_hash:\n",
        "        if False:\n",
        f"{_OF_SNAPSHOTS}::test_a_snapshot_of_another_state_is_rejected_with_all_who_sent_it",
    ),
    Mutant(
        "snapshot-nodes-of-the-future",
        _STREAM,
        "        if not 1 <= version <= self.version:\n",
        "        if False:\n",
        f"{_OF_SNAPSHOTS}::test_a_stream_that_is_none_is_refused_by_name",
    ),
    Mutant(
        "snapshot-any-chunk",
        _SNAPSHOTS,
        " or sha256(chunk) != _chunk_hash(snapshot, index):\n",
        ":\n",
        f"{_OF_SNAPSHOTS}::test_a_wrong_chunk_is_fetched_again_from_another_and_its_sender_named",
    ),
    Mutant(
        "snapshot-offers-without-a-hash",
        _SNAPSHOTS,
        "        and snapshot.hash == snapshot_hash("
        "snapshot.height, snapshot.format, snapshot.metadata)\n",
        "",
        f"{_OF_SNAPSHOTS}::test_offers_of_another_form_are_rejected",
    ),
    Mutant(
        "snapshot-over-a-state",
        _SNAPSHOTS,
        "        if self._application.info().last_block_height:\n",
        "        if False:\n",
        f"{_OF_SNAPSHOTS}::test_offers_of_another_form_are_rejected",
    ),
    Mutant(
        "snapshot-height-of-the-stack",
        _STREAM,
        "        if len(self._stack) >= _MAX_STACK:\n",
        "        if False:\n",
        f"{_OF_SNAPSHOTS}::test_a_stream_that_is_none_is_refused_by_name",
    ),
]
