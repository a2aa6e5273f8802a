"""The remote signer's defences."""

from tests.mutants.support import Mutant

_CLIENT = "relay_chain/node/signing/client.py"
_SERVER = "relay_chain/node/signing/server.py"
_TESTS = "tests/unit/test_remote_signer.py"

MUTANTS = [
    Mutant(
        "signer-another-message-taken",
        _CLIENT,
        "        if same != signed:\n",
        "        if False:\n",
        f"{_TESTS}::test_a_lying_signer_is_refused_with_a_reason",
    ),
    Mutant(
        "signer-signature-not-verified",
        _CLIENT,
        "        if not verify(self.public_key, self._sign_bytes(signed), signed.signature):\n",
        "        if False:\n",
        f"{_TESTS}::test_a_lying_signer_is_refused_with_a_reason",
    ),
    Mutant(
        "signer-another-key-taken",
        _CLIENT,
        "        elif key != self._public_key:\n",
        "        elif False:\n",
        f"{_TESTS}::test_a_signer_with_another_key_is_refused_for_ever",
    ),
    Mutant(
        "signer-asked-without-memory",
        _CLIENT,
        "            write_sign_state(self._state_file, state,",
        "            str((self._state_file, state,))or(lambda *_, **__: None)(0,",
        f"{_TESTS}::test_a_node_asks_for_no_two_votes_even_of_a_signer_without_memory",
    ),
    Mutant(
        "signer-asked-for-a-conflict",
        _CLIENT,
        "            if self._sign_bytes(message) != self._state.sign_bytes:\n",
        "            if False:\n",
        f"{_TESTS}::test_a_node_asks_for_no_two_votes_even_of_a_signer_without_memory",
    ),
    Mutant(
        "signer-requests-unbounded",
        _CLIENT,
        "            or len(self._wanted) >= MAX_PENDING_SIGNATURES\n",
        "",
        f"{_TESTS}::test_an_older_request_of_one_height_waits_and_one_of_an_older_height_does_not",
    ),
    Mutant(
        "signer-bad-answers-for-ever",
        _CLIENT,
        "            if wanted.attempts >= MAX_ATTEMPTS and wanted in self._wanted:\n",
        "            if False:\n",
        f"{_TESTS}::test_a_request_that_spoils_connections_is_given_up",
        timeout_s=60,
    ),
    Mutant(
        "signer-waits-for-ever-for-an-answer",
        _CLIENT,
        "            async with asyncio.timeout(seconds(ANSWER_TIMEOUT_NS)):\n",
        "            async with asyncio.timeout(None):\n",
        f"{_TESTS}::test_a_silent_signer_is_dropped_and_another_takes_its_place",
        timeout_s=60,
    ),
    Mutant(
        "signer-of-any-chain",
        _SERVER,
        "    if asked == ours:\n",
        "    if True:\n",
        f"{_TESTS}::test_a_signer_refuses_and_forgets_nothing",
    ),
]
