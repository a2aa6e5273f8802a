"""QBFT and its light client without one of their defences."""

from tests.mutants.support import Mutant

CONSENSUS = "parachains/account/consensus"
MACHINE = "tests/unit/test_account_consensus.py"
PROOF = "tests/unit/test_account_justification.py"
RESTART = "tests/unit/test_account_restart.py"
CODEC = "tests/unit/test_account_qbft_codec.py"
FEW_SEEDS = "tests/simulation/test_qbft_swarm.py::test_a_few_seeds_keep_every_invariant"
LONELY = "tests/simulation/test_qbft_swarm.py::test_a_block_that_one_node_alone_decided_is_decided_by_all"

MUTANTS = [
    Mutant(
        "qbft-quorum-of-f-plus-1",
        f"{CONSENSUS}/validators.py",
        "return (2 * count + 2) // 3",
        "return (count - 1) // 3 + 1",
        FEW_SEEDS,
        timeout_s=300,
    ),
    Mutant(
        "qbft-justification-ignored",
        f"{CONSENSUS}/machine.py",
        "    check_proposal(turn.context, proposal)\n",
        "",
        FEW_SEEDS,
        timeout_s=300,
    ),
    Mutant(
        "qbft-prepared-block-dropped-at-round-change",
        f"{CONSENSUS}/machine.py",
        "    certificate = turn.prepared\n",
        "    certificate = None\n",
        FEW_SEEDS,
        timeout_s=300,
    ),
    Mutant(
        "qbft-wal-after-sign",
        f"{CONSENSUS}/machine.py",
        "(AppendToWal(input_, is_said), *turn.effects)",
        "(*turn.effects, AppendToWal(input_, is_said))",
        FEW_SEEDS,
        timeout_s=300,
    ),
    Mutant(
        "qbft-wal-not-synced",
        f"{CONSENSUS}/machine.py",
        "(AppendToWal(input_, is_said), *turn.effects)",
        "(AppendToWal(input_, False), *turn.effects)",
        f"{MACHINE}::test_every_sign_and_broadcast_follows_a_synced_entry_of_its_own_step",
    ),
    Mutant(
        "qbft-one-round-change-justifies",
        f"{CONSENSUS}/justification.py",
        "    if len(round_changes) < context.quorum:\n",
        "    if not round_changes:\n",
        LONELY,
        timeout_s=300,
    ),
    Mutant(
        "qbft-any-block-passes-for-the-prepared",
        f"{CONSENSUS}/justification.py",
        "    if block.with_round(prepared.round).digest != prepared.digest:\n",
        "    if block.height < 0:\n",
        LONELY,
        timeout_s=300,
    ),
    Mutant(
        "qbft-an-author-counts-twice",
        f"{CONSENSUS}/justification.py",
        "            raise errors.DuplicateAuthor(author=author)\n",
        "            continue\n",
        f"{PROOF}::test_proposals_that_nothing_justifies",
    ),
    Mutant(
        "qbft-too-few-prepares",
        f"{CONSENSUS}/justification.py",
        "    if len(prepares) < context.quorum:\n",
        "    if not prepares:\n",
        f"{PROOF}::test_proposals_that_nothing_justifies",
    ),
    Mutant(
        "qbft-two-prepared-blocks-of-one-round",
        f"{CONSENSUS}/justification.py",
        "        if prepared.setdefault(metadata.round, metadata.digest) != metadata.digest:\n",
        "        if prepared.setdefault(metadata.round, metadata.digest) == b'':\n",
        f"{PROOF}::test_proposals_that_nothing_justifies",
    ),
    Mutant(
        "qbft-anybody-proposes",
        f"{CONSENSUS}/justification.py",
        "    if author != proposer:\n",
        "    if author not in context.validators:\n",
        f"{PROOF}::test_proposals_that_nothing_justifies",
    ),
    Mutant(
        "qbft-prepared-before-judged",
        f"{CONSENSUS}/machine.py",
        "    if verdict:\n        _adopt",
        "    if verdict is None:\n        _adopt",
        f"{MACHINE}::test_a_block_is_prepared_only_after_it_was_found_valid",
    ),
    Mutant(
        "qbft-prepares-of-any-digest-count",
        f"{CONSENSUS}/machine.py",
        "if signed and signed.payload.digest == digest)",
        "if signed and digest)",
        f"{MACHINE}::test_a_commit_counts_for_its_own_digest_alone",
    ),
    Mutant(
        "qbft-one-validator-moves-the-round",
        f"{CONSENSUS}/machine.py",
        "    if len(later) < turn.context.weak_quorum:\n",
        "    if not later:\n",
        f"{MACHINE}::test_a_round_change_of_f_plus_1_is_followed_to_the_least_round",
    ),
    Mutant(
        "qbft-early-messages-unbounded",
        f"{CONSENSUS}/machine.py",
        "    if kept >= MAX_FUTURE_MESSAGES_PER_AUTHOR or received in state.future:\n",
        "    if kept < 0:\n",
        f"{MACHINE}::test_what_is_kept_of_later_heights_is_bounded_for_each_author",
    ),
    Mutant(
        "qbft-votes-of-far-rounds-kept",
        f"{CONSENSUS}/machine.py",
        "    if not turn.round <= round_ <= turn.round + MAX_FUTURE_ROUNDS or round_ < 0:\n",
        "    if not turn.round <= round_:\n",
        f"{MACHINE}::test_votes_of_a_later_round_wait_for_it_up_to_a_limit",
    ),
    Mutant(
        "qbft-key-signs-backwards",
        f"{CONSENSUS}/signing.py",
        "    if wanted.position < record.position:\n",
        "    if wanted.height < record.height:\n",
        f"{RESTART}::test_the_key_signs_in_order_and_the_same_again",
    ),
    Mutant(
        "qbft-key-signs-two-things",
        f"{CONSENSUS}/signing.py",
        "    if wanted.position == record.position and wanted.subject != record.subject:\n",
        "    if wanted.subject == b'':\n",
        f"{RESTART}::test_the_key_never_says_two_things_in_one_place",
    ),
    Mutant(
        "qbft-signs-though-the-log-was-lost",
        f"{CONSENSUS}/replay.py",
        "            return not state.has_prepared_here\n",
        "            return False\n",
        f"{RESTART}::test_a_log_that_lost_what_was_signed_is_behind_the_key",
    ),
    Mutant(
        "qbft-anothers-seal-in-a-commit",
        f"{CONSENSUS}/codec.py",
        "    if recover_seal(digest, seal) != signed.author:\n",
        "    if not recover_seal(digest, seal):\n",
        f"{CODEC}::test_a_commit_with_anothers_seal_is_refused",
    ),
    Mutant(
        "qbft-signature-without-its-code",
        f"{CONSENSUS}/codec.py",
        "    return keccak256(encode_list([code, encode_payload(payload)]))\n",
        "    return keccak256(encode_payload(payload) + code[:0])\n",
        f"{CODEC}::test_a_signature_covers_code_and_payload",
    ),
]
