"""The relayer's defences, each removed in turn."""

from tests.mutants.support import Mutant

WORKER = "tests/unit/test_relayer_worker.py"
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
        "        if kept != await source.consensus_state(info.latest_height):\n",
        "        if kept is None:\n",
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
]
