"""What a window lets through."""

from tests.mutants.support import Mutant

TESTS = "tests/unit/test_ibc_rate_limits.py"
LIMITER = "ibc/rate_limiting/limiter.py"
STATE = "ibc/rate_limiting/state.py"

MUTANTS = [
    Mutant(
        "rate-limit-counts-and-refuses-nothing",
        "ibc/rate_limiting/quotas.py",
        "        if flow.channel_value and net > flow.channel_value * percent // 100:\n",
        "        if False:\n",
        f"{TESTS}::test_what_leaves_is_at_most_a_share_of_the_supply",
    ),
    Mutant(
        "rate-limit-by-anybody",
        "ibc/rate_limiting/module.py",
        '        require_authority(message.signer, self._environment.ledger.module_address("gov"))\n',
        "        pass\n",
        f"{TESTS}::test_only_governance_sets_limits",
    ),
    Mutant(
        "rate-limit-refund-of-another-window",
        STATE,
        "            if key[len(prefix) + 8 :] == denom:\n",
        "            if False:\n",
        f"{TESTS}::test_a_window_that_is_over_is_not_paid_back",
    ),
    Mutant(
        "rate-limit-channel-1-is-channel-10",
        STATE,
        '    return _COUNTED[direction] + channel_id.encode() + b"\\0"\n',
        "    return _COUNTED[direction] + channel_id.encode()\n",
        f"{TESTS}::test_one_channel_s_limit_is_not_another_s",
    ),
    Mutant(
        "rate-limit-blacklist-ignored",
        LIMITER,
        "        if state.is_blacklisted(ctx, coin.denom):\n",
        "        if False:\n",
        f"{TESTS}::test_a_token_on_the_blacklist_does_not_cross",
    ),
]
