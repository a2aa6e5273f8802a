"""The exhaustive search: four validators, one Byzantine, three rounds, rules mixed."""

from itertools import combinations_with_replacement

import pytest

from relay_chain.consensus.lock_rule import KEEP_LOCK, LockRule
from relay_chain.simulator.model_check import search_fork
from relay_chain.simulator.rules import Amnesia, CometBftLock, PaperLock

ROUNDS = 3
MIXES = list(combinations_with_replacement((KEEP_LOCK, CometBftLock()), 3))


@pytest.mark.parametrize("rules", MIXES, ids=str)
def test_our_rule_mixed_with_cometbft_never_forks(rules: tuple[LockRule, ...]) -> None:
    """
    Whatever the adversary does in three rounds, two blocks are never both decided.
    """
    found = search_fork(rules, ROUNDS)

    assert found.fork is None
    assert found.networks > 5_000


@pytest.mark.parametrize("papers", [1, 2])
def test_the_paper_rule_mixed_with_cometbft_forks(papers: int) -> None:
    """
    The mutant: nil when locked elsewhere completes a nil polka that unlocks CometBFT's nodes.
    """
    rules = (*(PaperLock(),) * papers, *(CometBftLock(),) * (3 - papers))
    found = search_fork(rules, ROUNDS)

    assert found.fork is not None
    assert len(found.fork) == ROUNDS + 1


def test_the_paper_rule_alone_never_forks() -> None:
    """
    The paper is right about its own network: what breaks is the mixture.
    """
    assert search_fork((PaperLock(),) * 3, ROUNDS).fork is None


def test_a_node_without_a_lock_forks_in_two_rounds() -> None:
    """
    The search finds what it must: an amnesiac among three correct nodes is one fault too many.
    """
    assert search_fork((Amnesia(), KEEP_LOCK, KEEP_LOCK), 2).fork is not None
