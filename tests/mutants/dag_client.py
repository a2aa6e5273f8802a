"""Defences of the DAG chain's clients, and of what its demos claim."""

from tests.mutants.support import Mutant

_TESTS = "tests/unit/test_dag_relayed.py"
_DEMOS = "tests/unit/test_demos_dag.py"
_CLIENT = "parachains/dag/client.py"

MUTANTS = (
    Mutant(
        "dag client: a fork is shown",
        _CLIENT,
        "        return await self.rpc.updates(agreed.revision_height)",
        "        return ()",
        f"{_TESTS}::test_a_fork_below_the_final_block_is_shown_to_the_client",
    ),
    Mutant(
        "dag client: a score that the chain skips is no state of the block below",
        "parachains/dag/service_ibc.py",
        "        if block is None or block.order.blue_score != score:",
        "        if block is None:",
        f"{_TESTS}::test_what_the_chain_has_not_is_no_consensus_state",
    ),
    Mutant(
        "dag client: another chain's client is none of this chain",
        _CLIENT,
        "        return client if client.chain_id == self.chain_id else None",
        "        return client",
        f"{_TESTS}::test_only_a_client_of_this_chain_is_read",
    ),
    Mutant(
        "dag replay: it must end at the tip",
        "demos/reorg/dag_replay.py",
        "    if chain.tip.hash.hex() != tip:",
        "    if not tip:",
        f"{_DEMOS}::test_a_replay_takes_no_block_that_breaks_a_rule",
    ),
    Mutant(
        "demo dag-conflict: credited once",
        "demos/dag_conflict.py",
        '            (self.credited == 1, f"{self.credited} receivers were credited"),',
        '            (self.credited >= 1, f"{self.credited} receivers were credited"),',
        f"{_DEMOS}::test_each_wrong_figure_of_the_conflict_fails_the_demo",
    ),
)
