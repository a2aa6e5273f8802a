"""Defences of hash-locked outputs."""

from tests.mutants.support import Mutant

_TESTS = "tests/unit/test_htlc_bitcoin.py"
_BITCOIN = "htlc/onchain/bitcoin.py"

MUTANTS = (
    Mutant(
        "htlc: size of the preimage in the script",
        _BITCOIN,
        "            *(Op.SIZE, PREIMAGE_BYTES, Op.EQUALVERIFY),\n",
        "",
        f"{_TESTS}::test_a_true_preimage_of_another_size_opens_nothing",
    ),
    Mutant(
        "htlc: the hash is checked",
        _BITCOIN,
        "*(Op.SHA256, self.digest, Op.EQUALVERIFY, self.claim_key),",
        "*(Op.SHA256, self.digest, Op.OP_2DROP, self.claim_key),",
        f"{_TESTS}::test_who_may_take_the_coins",
    ),
    Mutant(
        "htlc: refund only from the lock time on",
        _BITCOIN,
        "self.lock_time, Op.CHECKLOCKTIMEVERIFY, Op.DROP",
        "self.lock_time, Op.NOP, Op.DROP",
        f"{_TESTS}::test_who_may_take_the_coins",
    ),
    Mutant(
        "htlc: only the one form is read",
        _BITCOIN,
        "    if found.witness_script != script:",
        "    if not script:",
        f"{_TESTS}::test_only_the_one_form_is_read",
    ),
    Mutant(
        "htlc: the output pays to the script",
        _BITCOIN,
        "    if p2wsh_of(witness_script) != output_script:",
        "    if not output_script:",
        f"{_TESTS}::test_an_output_of_another_script_is_not_its_terms",
    ),
    Mutant(
        "htlc: keys are compressed",
        _BITCOIN,
        "    if not _is_key(claim_key) or not _is_key(refund_key):",
        "    if not _is_key(claim_key):",
        f"{_TESTS}::test_terms_that_would_lock_coins_for_ever_are_refused",
    ),
    Mutant(
        "htlc: a revealed preimage has the hash",
        _BITCOIN,
        "    opens = len(preimage) == PREIMAGE_BYTES and sha256(preimage) == lock.digest",
        "    opens = len(preimage) == PREIMAGE_BYTES",
        f"{_TESTS}::test_a_claim_reveals_the_preimage",
    ),
)
