"""What stands between a batch and a forged signature: rules that the Python side applies.

The rules inside the compiled engines are in ``sigverify_compiled``; here some are taken out of
the oracle, whose disagreement the tests must notice.
"""

from tests.mutants.support import Mutant

_ENGINES = "tests/unit/test_sigverify_engines.py"
_USE = "tests/unit/test_sigverify_use.py"
_MODULE = "chainkit/sigverify/ed25519.py"
_REFERENCE = "chainkit/sigverify/_reference.py"
_VERIFIED = "chainkit/sigverify/verified.py"
_LIGHT = "chainkit/formats/tendermint/light.py"

MUTANTS = [
    Mutant(
        "batch-remembers-the-bad",
        _MODULE,
        "fresh if all(verdicts) else tuple(itertools.compress(fresh, verdicts))",
        "fresh",
        f"{_ENGINES}::TestRemembered::test_only_what_was_valid_is_remembered",
    ),
    Mutant(
        "single-remembers-the-bad",
        _MODULE,
        "    if not verify(public_key, message, signature):\n        return False\n",
        "    verify(public_key, message, signature)\n",
        f"{_ENGINES}::TestRemembered::test_the_single_function_remembers_too",
    ),
    Mutant(
        "remembered-by-the-signature-alone",
        _VERIFIED,
        "        if self._recent.get(signature) == item:\n",
        "        if signature in self._recent:\n",
        f"{_ENGINES}::TestRemembered::test_another_message_is_another_signature",
    ),
    Mutant(
        "remembered-long-ago-by-the-signature-alone",
        _VERIFIED,
        "        if self._older.get(signature) != item:\n",
        "        if signature not in self._older:\n",
        f"{_ENGINES}::TestRemembered::test_another_message_is_another_signature",
    ),
    Mutant(
        "remembered-without-bound",
        _VERIFIED,
        "        if len(recent) + len(entries) > self.capacity // 2:\n",
        "        if False:\n",
        f"{_ENGINES}::TestRemembered::test_bounds",
    ),
    Mutant(
        "remembered-a-whole-flood",
        _VERIFIED,
        "items[-room:]",
        "items",
        f"{_ENGINES}::TestRemembered::test_many_at_once",
    ),
    Mutant(
        "threads-swallow-errors",
        "chainkit/sigverify/_threads.py",
        "        future.result()\n",
        "        future.done()\n",
        f"{_ENGINES}::TestThreads::test_what_a_part_raises_is_raised",
    ),
    Mutant(
        "oracle-without-cofactor",
        _REFERENCE,
        "    return is_identity(double(double(double(difference))))\n",
        "    return is_identity(difference)\n",
        f"{_ENGINES}::TestVerdicts::test_crafted_points_and_encodings",
    ),
    Mutant(
        "oracle-canonical-only",
        _REFERENCE,
        "    y = (raw & (_SIGN_BIT - 1)) % P\n",
        "    y = raw & (_SIGN_BIT - 1)\n    if y >= P:\n        return None\n",
        f"{_ENGINES}::TestVerdicts::test_crafted_points_and_encodings",
    ),
    Mutant(
        "light-own-set-unjudged",
        _LIGHT,
        "    _judge(trusted_claim, own_claim)\n",
        "    _judge(trusted_claim)\n",
        f"{_USE}::TestSkipping::test_a_bad_signature_in_either_set_is_refused",
    ),
    Mutant(
        "light-trusted-set-unjudged",
        _LIGHT,
        "    _judge(trusted_claim, own_claim)\n",
        "    _judge(own_claim)\n",
        f"{_USE}::TestSkipping::test_a_bad_signature_that_only_the_trusted_set_needs",
    ),
    Mutant(
        "evidence-signatures-unchecked",
        "chainkit/formats/tendermint/evidence.py",
        '    for name, is_valid in zip(("VoteA", "VoteB"), batch.verify(), strict=True):\n'
        "        if not is_valid:\n",
        '    for name, is_valid in zip(("VoteA", "VoteB"), batch.verify(), strict=True):\n'
        "        if False:\n",
        f"{_USE}::test_two_votes_of_evidence_are_one_batch",
    ),
]
