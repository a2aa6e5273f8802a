"""Defences of hash-locked outputs."""

from tests.mutants.support import Mutant

_TESTS = "tests/unit/test_htlc_bitcoin.py"
_BITCOIN = "htlc/onchain/bitcoin.py"
_LOCKS = "htlc/onchain/locks/locks.py"
_TERMS = "htlc/onchain/locks/terms.py"
_T_LOCKS = "tests/unit/test_htlc_locks.py"

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
    Mutant(
        "htlc: an account's preimage has 32 bytes",
        _TERMS,
        "    if len(preimage) != PREIMAGE_BYTES:",
        "    if not PREIMAGE_BYTES:",
        f"{_T_LOCKS}::test_a_preimage_of_another_size_opens_nothing",
    ),
    Mutant(
        "htlc: an account's claim is before the expiry",
        _LOCKS,
        '            raise LockExpired(f"since {lock.expires_at}")',
        "            pass",
        f"{_T_LOCKS}::test_at_every_moment_exactly_one_of_claim_and_refund_is_valid",
    ),
    Mutant(
        "htlc: an account's refund is from the expiry on",
        _LOCKS,
        '            raise NotExpired(f"until {lock.expires_at}")',
        "            pass",
        f"{_T_LOCKS}::test_at_every_moment_exactly_one_of_claim_and_refund_is_valid",
    ),
    Mutant(
        "htlc: the expiry itself belongs to the refund",
        _TERMS,
        "        return now >= self.expires_at * NS_PER_SECOND",
        "        return now > self.expires_at * NS_PER_SECOND",
        f"{_T_LOCKS}::test_at_every_moment_exactly_one_of_claim_and_refund_is_valid",
    ),
    Mutant(
        "htlc: a hash is used once",
        _LOCKS,
        "        if self.get(ctx, lock.digest) is not None:",
        "        if self.is_open(ctx, lock.digest):",
        f"{_T_LOCKS}::test_a_hash_is_used_once",
    ),
    Mutant(
        "htlc: a lock ends once",
        _LOCKS,
        "        if lock.status is not Status.OPEN:",
        "        if not lock.digest:",
        f"{_T_LOCKS}::test_the_preimage_pays_the_receiver_whoever_brings_it",
    ),
    Mutant(
        "htlc: an expiry within a year",
        _LOCKS,
        "        if lock.expires_at > min(present + MAX_LOCK_SECONDS, MAX_EXPIRY):",
        "        if lock.expires_at > 2**63:",
        f"{_T_LOCKS}::test_what_nobody_should_lock_under_is_refused",
    ),
    Mutant(
        "htlc: locks have accounts of their own",
        _TERMS,
        "    return Address(sha256(sha256(_MODULE_TYPE) + _NAME + digest))",
        "    return Address(sha256(sha256(_MODULE_TYPE) + _NAME))",
        f"{_T_LOCKS}::test_locks_do_not_exchange_the_labels_of_their_lots",
    ),
    Mutant(
        "htlc: nothing stays in a closed lock's account",
        _LOCKS,
        "        self.ledger.send(ctx, account, to, Coin(lock.coin.denom, held))",
        "        self.ledger.send(ctx, account, to, Coin(lock.coin.denom, held and lock.coin.amount))",
        f"{_T_LOCKS}::test_locks_do_not_exchange_the_labels_of_their_lots",
    ),
)
