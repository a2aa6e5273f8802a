"""The ABCI server's defences."""

from tests.mutants.support import Mutant

_DRIVER = "relay_chain/abci/driver.py"
_SERVER = "relay_chain/abci/server.py"
_TESTS = "tests/unit/test_abci_server.py"
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
]
