"""Consensus without one of its defences."""

from tests.mutants.support import Mutant

RULE = "relay_chain/consensus/lock_rule.py"
ROUND = "tests/unit/test_consensus_round.py"
MACHINE = "tests/unit/test_consensus_machine.py"
VOTES = "tests/unit/test_consensus_votes.py"
MODEL = "tests/simulation/test_model_check.py"
SWARM = "tests/simulation/test_swarm.py"

MUTANTS = [
    Mutant(
        "consensus-locked-node-prevotes-nil",
        RULE,
        "return lock.block_id if lock is not None else NIL_BLOCK_ID",
        "return NIL_BLOCK_ID",
        f"{MODEL}::test_our_rule_mixed_with_cometbft_never_forks",
    ),
    Mutant(
        "consensus-lock-not-kept",
        RULE,
        "if lock is None or lock.block_id == offer.block_id:",
        "if offer.block_id:",
        f"{MODEL}::test_our_rule_mixed_with_cometbft_never_forks",
    ),
    Mutant(
        "consensus-unlock-by-an-old-proof",
        RULE,
        "if lock.round <= offer.pol_round:",
        "if offer.pol_round >= 0:",
        f"{MODEL}::test_our_rule_mixed_with_cometbft_never_forks",
    ),
    Mutant(
        "consensus-proof-of-lock-not-checked",
        "relay_chain/consensus/clauses.py",
        "if proposal.pol_round >= 0 and turn.votes.polka(proposal.pol_round) != proposal.block_id:",
        "if proposal.pol_round < -1:",
        f"{MACHINE}::test_a_proof_of_lock_is_needed_to_leave_the_lock",
    ),
    Mutant(
        "consensus-precommit-without-lock",
        "relay_chain/consensus/round.py",
        "Lock(event.block_id, event.round) if locks else state.lock,  # L38, L39",
        "state.lock,",
        f"{SWARM}::test_fixed_seeds_keep_every_invariant_and_take_every_rare_branch",
        timeout_s=300,
    ),
    Mutant(
        "consensus-wal-after-sign",
        "relay_chain/consensus/machine.py",
        "return turn.freeze(), (log, *turn.effects)",
        "return turn.freeze(), (*turn.effects, log)",
        f"{SWARM}::test_fixed_seeds_keep_every_invariant_and_take_every_rare_branch",
        timeout_s=300,
    ),
    Mutant(
        "consensus-wal-not-synced",
        "relay_chain/consensus/machine.py",
        "log = AppendToWal(input_, turn.syncs)",
        "log = AppendToWal(input_, False)",
        f"{MACHINE}::test_every_sign_effect_follows_a_synced_entry_of_its_own_step",
    ),
    Mutant(
        "consensus-quorum-of-two-thirds",
        "relay_chain/consensus/votes.py",
        "return 2 * total_power // 3 + 1",
        "return -(-2 * total_power // 3)",
        f"{VOTES}::test_thresholds_are_strict_and_exact",
    ),
    Mutant(
        "consensus-validator-counts-twice",
        "relay_chain/consensus/votes.py",
        "if for_block is None or not for_block.is_claimed:",
        "if for_block is None and index < 0:",
        f"{VOTES}::test_votes_that_do_not_count",
    ),
    Mutant(
        "consensus-address-not-compared",
        "relay_chain/consensus/votes.py",
        "if votes.electorate.addresses[index] != vote.validator_address:",
        "if not vote.validator_address:",
        f"{VOTES}::test_votes_that_do_not_count",
    ),
    Mutant(
        "consensus-invalid-block-prevoted",
        RULE,
        "if offer is not None and offer.is_valid:",
        "if offer is not None:",
        f"{ROUND}::test_l22_and_l28_the_prevote",
    ),
    Mutant(
        "consensus-catchup-unlimited",
        "relay_chain/consensus/votes.py",
        "if opened >= MAX_CATCHUP_ROUNDS_PER_PEER:",
        "if opened < 0:",
        f"{VOTES}::test_a_peer_opens_two_rounds_beyond_the_next",
    ),
    Mutant(
        "consensus-same-polka-excuses-all",
        "relay_chain/consensus/accountability.py",
        "and (block_id not in prevotes.get(round_, ()) or power - own_power >= quorum)",
        "and block_id",
        "tests/unit/test_consensus_accountability.py::test_an_amnesia_fork_names_who_left_the_decision",
    ),
    Mutant(
        "consensus-latecomers-not-excused",
        "relay_chain/consensus/accountability.py",
        "others = [polka for polka in unlocks if polka[0] <= round_] if mixed else []",
        "others = []",
        f"{SWARM}::test_fixed_seeds_keep_every_invariant_and_take_every_rare_branch",
        timeout_s=300,
    ),
    Mutant(
        "consensus-suspects-without-the-spare-power",
        "relay_chain/consensus/accountability.py",
        "return Attribution(fork.kind, guilty, suspects, max(0, in_common - to_spare))",
        "return Attribution(fork.kind, guilty, suspects, in_common)",
        "tests/unit/test_consensus_accountability.py::test_with_votes_to_spare_cometbft_nodes_leave_a_group_of_suspects",
    ),
    Mutant(
        "consensus-paper-rule-in-a-mixed-network",
        RULE,
        "return lock.block_id if lock is not None else NIL_BLOCK_ID",
        "return NIL_BLOCK_ID",
        "tests/simulation/test_forks.py::test_the_same_attack_on_our_rule_fails",
    ),
    Mutant(
        "consensus-votes-though-the-log-was-lost",
        "relay_chain/consensus/replay.py",
        "    return state.rounds.step < _SIGNED_IN[kind]\n",
        "    return False\n",
        "tests/unit/test_consensus_replay.py::test_a_log_that_lost_what_was_signed_is_behind_the_key",
    ),
    Mutant(
        "node-votes-though-the-log-was-lost",
        "relay_chain/node/consensus_shell.py",
        "        if self._has_forgotten():\n",
        "        if False:\n",
        "tests/unit/test_node_crashes.py::test_a_validator_that_lost_what_it_signed_says_no_more_at_that_height",
    ),
    Mutant(
        "wal-corrupt-record-skipped",
        "relay_chain/node/wal.py",
        "    if good < len(data) and _has_frame_after(data, good):\n",
        "    if good > len(data):\n",
        "tests/unit/test_node_wal.py::test_a_flipped_bit_in_the_middle_is_refused_by_name",
    ),
]
