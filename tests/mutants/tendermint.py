"""What stands between a light client, a node and a forged commit."""

from tests.mutants.support import Mutant

_COMMIT = "chainkit/formats/tendermint/verify_commit.py"
_LIGHT = "chainkit/formats/tendermint/light.py"
_SETS = "chainkit/formats/tendermint/validator_set.py"
_FORMATS = "tests/unit/test_formats_tendermint.py"
_CLIENT = "tests/unit/test_light_client_tendermint.py"
_BLOCKS = "tests/unit/test_consensus_execution.py"

MUTANTS = [
    Mutant(
        "commit-two-thirds",
        _COMMIT,
        "    if got <= needed:\n",
        "    if got < needed:\n",
        f"{_FORMATS}::TestCommits::test_exactly_two_thirds_is_not_enough",
    ),
    Mutant(
        "commit-half-is-enough",
        _COMMIT,
        "    return VotingPower(total_voting_power(validators) * 2 // 3)\n",
        "    return VotingPower(total_voting_power(validators) // 2)\n",
        f"{_CLIENT}::TestUpdate::test_two_of_three_signatures_are_refused",
    ),
    Mutant(
        "commit-signatures-unchecked",
        _COMMIT,
        "    if all(verdicts):\n",
        "    if True:\n",
        f"{_FORMATS}::TestAttacks::test_a_bad_signature_beyond_two_thirds",
    ),
    Mutant(
        "commit-validator-counted-twice",
        _COMMIT,
        "        if signer in seen:\n",
        "        if False:\n",
        f"{_FORMATS}::TestCommits::test_a_validator_listed_twice_counts_once",
    ),
    Mutant(
        "commit-altered-address",
        _COMMIT,
        "        if validator.address != signer:\n",
        "        if False:\n",
        f"{_FORMATS}::TestCommits::test_an_altered_address_is_refused",
    ),
    Mutant(
        "set-validator-twice",
        _SETS,
        "    if len({validator.address for validator in validators}) != len(validators):\n",
        "    if False:\n",
        f"{_CLIENT}::TestUpdate::test_a_set_with_a_validator_twice",
    ),
    Mutant(
        "set-altered-address",
        _SETS,
        "    if validator.address != ed25519_address(validator.public_key):\n",
        "    if False:\n",
        f"{_CLIENT}::TestUpdate::test_a_set_with_an_altered_address",
    ),
    Mutant(
        "light-trusting-period",
        _LIGHT,
        "    return time + trusting_period <= now\n",
        "    return False\n",
        f"{_CLIENT}::TestUpdate::test_the_trusting_period",
    ),
    Mutant(
        "light-trust-level",
        _LIGHT,
        "    trusted_claim = enough_trust(trusted, block, options.trust_level)\n",
        "    trusted_claim = enough_trust(trusted, block, TrustLevel(0, 1))\n",
        f"{_CLIENT}::TestUpdate::test_a_third_of_trust_is_not_more_than_a_third",
    ),
    Mutant(
        "light-clock-drift",
        _LIGHT,
        "    if header.time >= now + max_clock_drift:\n",
        "    if False:\n",
        f"{_CLIENT}::TestUpdate::test_the_clock_drift",
    ),
    Mutant(
        "client-trusted-set",
        "light_clients/tendermint/rules.py",
        "    if validator_set_hash(header.trusted_validators) != trusted.next_validators_hash:\n",
        "    if False:\n",
        f"{_CLIENT}::TestMisbehaviour::test_false_accusations",
    ),
    Mutant(
        "client-conflicting-header",
        "light_clients/tendermint/misbehaviour.py",
        "        return existing != header.consensus_state()\n",
        "        return False\n",
        f"{_CLIENT}::TestMisbehaviour::test_a_conflicting_header_freezes",
    ),
    Mutant(
        "client-delay",
        "ibc/ics02_client/delays.py",
        "        if ctx.time < since + delay_time_ns:\n",
        "        if False:\n",
        f"{_CLIENT}::TestProofs::test_the_delay",
    ),
    Mutant(
        "block-last-commit",
        "relay_chain/consensus/execution.py",
        "    elif last_commit != verified:\n",
        "    elif False:\n",
        f"{_BLOCKS}::test_a_last_commit_of_too_few",
    ),
    Mutant(
        "block-median-time",
        "relay_chain/consensus/execution.py",
        "    if header.time != expected_time:\n",
        "    if False:\n",
        f"{_BLOCKS}::test_every_field_of_a_header_is_checked",
    ),
    Mutant(
        "median-skips-strangers",
        "chainkit/formats/tendermint/median_time.py",
        "        if power is None:\n            raise",
        "        if power is None:\n            continue\n            raise",
        f"{_FORMATS}::TestCommits::test_an_altered_address_is_refused",
    ),
    Mutant(
        "part-index-untied",
        "chainkit/formats/tendermint/parts.py",
        "    if part.index != part.proof_index:\n",
        "    if False:\n",
        f"{_FORMATS}::TestParts::test_forged_parts_are_refused",
    ),
    Mutant(
        "evidence-committed-twice",
        "relay_chain/consensus/evidence_pool.py",
        "        if name in pool.committed:\n",
        "        if False:\n",
        f"{_BLOCKS}::TestEvidencePool::test_from_a_peer_into_a_block",
    ),
    Mutant(
        "signature-malleable-s",
        "chainkit/sigverify/_reference.py",
        "    if s >= L or a is None or r is None:\n",
        "    if a is None or r is None:\n",
        "tests/unit/test_sigverify.py::test_s_at_and_above_the_order_is_refused",
    ),
    Mutant(
        "client-accuser's-set-first",
        "light_clients/tendermint/misbehaviour.py",
        "        verify_commit_light_trusting(\n"
        "            chain_id, header.trusted_validators, commit, client.trust_level\n"
        "        )\n"
        "        verify_commit_light(\n",
        "        verify_commit_light(\n"
        "            header.signed_header.header.chain_id,\n"
        "            header.validator_set,\n"
        "            commit.block_id,\n"
        "            commit.height,\n"
        "            commit,\n"
        "        )\n"
        "        verify_commit_light_trusting(\n"
        "            chain_id, header.trusted_validators, commit, client.trust_level\n"
        "        )\n"
        "        verify_commit_light(\n",
        f"{_CLIENT}::TestMisbehaviour::test_an_accusation_cannot_keep_us_busy",
    ),
]
