"""The relayer's defences, each removed in turn."""

from tests.mutants.support import Mutant

WORKER = "tests/unit/test_relayer_worker.py"
REORGANISED = "tests/unit/test_utxo_reorganised.py"
MUTANTS = [
    Mutant(
        "relayer-submits-before-earlier-fates-are-known",
        "relayer/submitter.py",
        "                all_known = False\n",
        "                all_known = True\n",
        "tests/unit/test_relayer_submitter.py",
    ),
    Mutant(
        "relayer-forgets-what-it-was-about-to-send",
        "relayer/submitter.py",
        "            elif not await self._hand_over_again(submission):\n",
        "            else:\n",
        "tests/unit/test_relayer_submitter.py",
    ),
    Mutant(
        "relayer-trusts-a-forged-client",
        "relayer/observer.py",
        "            if kept == await source.consensus_state(info.latest_height):\n",
        "            if kept is not None:\n",
        f"{WORKER}::test_a_forged_client_is_not_used",
    ),
    Mutant(
        "relayer-does-not-isolate-a-poisoned-packet",
        "relayer/worker.py",
        "        if len(actions) > 1:\n",
        "        if len(actions) > 1000:\n",
        f"{WORKER}::test_a_poisoned_packet_does_not_hold_back_the_others",
    ),
    Mutant(
        "relayer-lets-clients-expire",
        "relayer/planner.py",
        "trusting_period_ns * 2 // 3",
        "trusting_period_ns * 2",
        f"{WORKER}::test_a_client_is_refreshed_before_it_expires",
    ),
    Mutant(
        "relayer-never-times-out",
        "relayer/planner.py",
        "    return 0 < packet.timeout_timestamp <= destination.status.time\n",
        "    return False\n",
        f"{WORKER}::test_a_late_packet_is_timed_out_and_not_received",
    ),
    Mutant(
        "relayer-trusts-a-client-for-ever",
        "relayer/observer.py",
        "            if kept == await source.consensus_state(info.latest_height):\n",
        "            if key in self._known.kept or kept == await source.consensus_state(info.latest_height):\n",
        f"{REORGANISED}::test_at_k_the_relayer_shows_the_branch_and_the_client_freezes",
    ),
    Mutant(
        "relayer-shows-no-fork",
        "relayer/planner.py",
        "        yield ReportFork(side, fork)\n",
        "        del fork\n",
        f"{REORGANISED}::test_at_k_the_relayer_shows_the_branch_and_the_client_freezes",
    ),
    Mutant(
        "relayer-starts-anew-after-a-fork",
        "relayer/observer.py",
        "            broken = broken or view\n",
        "            broken = broken if is_forked else broken or view\n",
        f"{REORGANISED}::test_at_k_the_relayer_shows_the_branch_and_the_client_freezes",
    ),
    Mutant(
        "relayer-remembers-a-branch-that-was-left",
        "relayer/worker.py",
        "        self._observer.forget()\n",
        "",
        f"{REORGANISED}::test_of_two_spends_of_one_escrow_the_mined_one_is_paid",
    ),
    Mutant(
        "relayer-pays-for-evidence-every-round",
        "relayer/worker.py",
        "            if isinstance(action, ReportFork):\n                # Its",
        "            if action is None:\n                # Its",
        f"{WORKER}::test_evidence_that_does_not_freeze_is_not_paid_for_every_round",
    ),
    Mutant(
        "relayer-waits-for-a-stranger-s-client",
        "relayer/observer.py",
        "                    if not is_known:\n                        raise",
        "                    if is_known:\n                        raise",
        f"{WORKER}::test_a_node_that_is_behind_its_client_is_waited_for",
    ),
    Mutant(
        "relayer-shows-a-shorter-branch",
        "parachains/utxo/client.py",
        "        if tip.height < client.latest_height.revision_height + client.confirmations:\n            return ()\n",
        "",
        f"{REORGANISED}::test_nothing_is_shown_before_the_branch_is_longer",
    ),
]
