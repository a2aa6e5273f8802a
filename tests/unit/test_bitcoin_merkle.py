"""Bitcoin's merkle trees: what the two traps of their shape would prove."""

import pytest

from chainkit.formats.bitcoin.errors import WrongMerkleProof
from chainkit.formats.bitcoin.headers import BlockHeader
from chainkit.formats.bitcoin.merkle import (
    build_merkle_block,
    extract_matches,
    merkle_branch,
    root_and_mutation,
    verify_branch,
)

TXIDS = [bytes([n]) * 32 for n in range(1, 7)]


def header_over(root):
    return BlockHeader(4, bytes(32), root, 0, 0x207FFFFF, 0)


def test_a_list_that_repeats_its_end_has_the_root_of_the_shorter_one() -> None:
    """The trap itself (CVE-2012-2459): the flag tells the two apart, the root does not."""
    root, mutated = root_and_mutation(TXIDS)
    assert not mutated
    assert root_and_mutation([*TXIDS, *TXIDS[-2:]]) == (root, True)


def test_a_partial_tree_with_a_repeated_subtree_is_refused() -> None:
    """A proof over the longer list claims transactions at places where the block has none."""
    longer = [*TXIDS, *TXIDS[-2:]]
    header = header_over(root_and_mutation(TXIDS)[0])
    proof = build_merkle_block(header, longer, frozenset(TXIDS[4:5]))
    with pytest.raises(WrongMerkleProof, match="repeats its neighbour"):
        extract_matches(proof)
    honest = build_merkle_block(header, TXIDS, frozenset(TXIDS[4:5]))
    assert extract_matches(honest) == ((4, TXIDS[4]),)


@pytest.mark.parametrize("index", range(6))
def test_a_branch_holds_at_its_place_only(index) -> None:
    """Another index, another number of transactions or a shorter branch proves nothing."""
    root = root_and_mutation(TXIDS)[0]
    branch = merkle_branch(TXIDS, index)
    verify_branch(root, TXIDS[index], index, 6, branch)
    wrong = [(index ^ 1, 6, branch), (index, 4, branch), (index, 9, branch), (index, 6, branch[1:])]
    for place, count, nodes in wrong:
        with pytest.raises(WrongMerkleProof):
            verify_branch(root, TXIDS[index], place, count, nodes)


def test_a_lone_node_is_its_own_sibling_and_no_other() -> None:
    """Where a level has an odd number of nodes, the last one's sibling is a copy; else never."""
    root = root_and_mutation(TXIDS)[0]
    branch = merkle_branch(TXIDS, 5)
    assert branch[1] != branch[0]
    forged = (branch[0], TXIDS[0], branch[2])
    with pytest.raises(WrongMerkleProof, match="lone node"):
        verify_branch(root, TXIDS[5], 5, 6, forged)
    with pytest.raises(WrongMerkleProof, match="repeats its neighbour"):
        verify_branch(root, TXIDS[5], 5, 6, (TXIDS[5], *branch[1:]))
