"""Every rule of a header: alone, and in its place in a DAG whose earlier blocks are right.

Spec:
    rusty-kaspa ``pipeline/header_processor/{pre_ghostdag,pre_pow,post_pow}_validation.rs``,
    ``processes/block_depth.rs``. The pruning point's rule is our own (ADR 0010).
"""

from chainkit.formats.ghostdag import errors
from chainkit.formats.ghostdag.blocks import DagBlock, DagView, Order
from chainkit.formats.ghostdag.hashing import ZERO_HASH
from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.order import GENESIS_ORDER, known, order_of
from chainkit.formats.ghostdag.parameters import DagParameters
from chainkit.formats.ghostdag.proof_of_work import check_proof_of_work
from chainkit.formats.ghostdag.windows import (
    WindowCache,
    daa_score_of,
    past_median_time,
    required_bits,
)
from chainkit.primitives.types import Hash32


def check_alone(header: Header, p: DagParameters, now_ms: int) -> None:
    """Check what needs no other header: version, levels, clock, proof of work.

    Raises:
        GhostdagRuleBroken: The subclass names the rule.
    """
    if header.version != p.version:
        raise errors.WrongVersion(f"version {header.version}, not {p.version}")
    if len(header.parents_by_level) != 1:
        raise errors.WrongParents("a header of this chain has parents of level 0 only")
    if header.timestamp > now_ms + p.timestamp_tolerance_ms:
        raise errors.TimeTooNew(f"time {header.timestamp} ms at {now_ms} ms")
    check_proof_of_work(header, p.max_target)


def genesis_block(header: Header) -> DagBlock:
    """Return the first block in its place.

    Raises:
        WrongGenesis: It has parents, scores or work.
    """
    numbers = (header.daa_score, header.blue_score, header.blue_work)
    if header.parents_by_level or any(numbers) or header.pruning_point != ZERO_HASH:
        raise errors.WrongGenesis("genesis has no parents, no scores and no pruning point")
    return DagBlock(header.hash, header, GENESIS_ORDER, header.timestamp, header.timestamp)


def place(view: DagView, header: Header, p: DagParameters, windows: WindowCache) -> DagBlock:
    """Check a header against the DAG below it and return it in its place.

    Raises:
        GhostdagRuleBroken: The subclass names the rule.
    """
    parents = header.parents
    _check_parents(view, parents, p)
    order = order_of(view, parents, p.k, p.merge_set_limit)
    assert order.selected_parent is not None
    selected = known(view, order.selected_parent)
    if not view.is_above_root(selected.hash):
        raise errors.BelowWindow("the selected chain leaves ours below what is kept")
    if header.blue_score != order.blue_score:
        raise errors.WrongBlueScore(f"{header.blue_score}, not {order.blue_score}")
    if header.blue_work != order.blue_work:
        raise errors.WrongBlueWork(f"{header.blue_work:x}, not {order.blue_work:x}")
    daa_score = daa_score_of(view, order, p)
    if header.daa_score != daa_score:
        raise errors.WrongDaaScore(f"{header.daa_score}, not {daa_score}")
    difficulty = windows.difficulty(view, order, p)
    bits = required_bits(view, order, difficulty, p)
    if header.bits != bits:
        raise errors.WrongBits(f"{header.bits:08x}, the window gives {bits:08x}")
    median = windows.median(view, order, p)
    median_time = past_median_time(median, selected.header.timestamp)
    if header.timestamp <= median_time:
        raise errors.TimeTooOld(f"{header.timestamp} ms, past median time {median_time} ms")
    check_merge_depth(view, order, p)
    pruning_point = pruning_point_of(view, order, p)
    if header.pruning_point != pruning_point:
        raise errors.WrongPruningPoint(f"{header.pruning_point.hex()}, not {pruning_point.hex()}")
    windows.keep(header.hash, difficulty, median)
    chain_time = max(selected.chain_time_ms, median_time)
    return DagBlock(header.hash, header, order, median_time, chain_time)


def _check_parents(view: DagView, parents: tuple[Hash32, ...], p: DagParameters) -> None:
    if not 1 <= len(parents) <= p.max_parents or len(set(parents)) != len(parents):
        raise errors.WrongParents(f"{len(parents)} parents, not 1 to {p.max_parents} different")
    for parent in parents:
        if view.find(parent) is None:
            raise errors.UnknownParent(f"parent {parent.hex()} is not known or too far below")
    for parent in parents:
        for other in parents:
            if parent != other and view.is_ancestor(parent, other):
                raise errors.RedundantParent(f"{parent.hex()} is an ancestor of {other.hex()}")


def chain_block_at(view: DagView, start: Hash32, most: int) -> DagBlock:
    """Return the highest block with a blue score of at most ``most`` on a selected chain.

    The chain goes down from ``start``; genesis, where all are above.

    Raises:
        BelowWindow: The chain is not kept so far down.
    """
    block = known(view, start)
    while block.order.blue_score > most and block.order.selected_parent is not None:
        block = known(view, block.order.selected_parent)
    return block


def check_merge_depth(view: DagView, order: Order, p: DagParameters) -> None:
    """Refuse red blocks from below the merge depth, unless a young blue one merged them.

    Raises:
        MergedTooDeep: One is.
    """
    if not order.reds:
        return
    assert order.selected_parent is not None
    most = order.blue_score - p.merge_depth - 1
    root = chain_block_at(view, order.selected_parent, most).hash
    deep = [red for red in order.reds if not view.is_ancestor(root, red)]
    if not deep:
        return
    young = [blue for blue in order.blues if view.is_chain_ancestor(root, blue)]
    for red in deep:
        if not any(view.is_ancestor(red, blue) for blue in young):
            raise errors.MergedTooDeep(f"{red.hex()} is beside the chain {p.merge_depth} below")


def _pruning_score(blue_score: int, p: DagParameters) -> int:
    return max(blue_score - p.pruning_depth, 0) // p.pruning_interval * p.pruning_interval


def pruning_point_of(view: DagView, order: Order, p: DagParameters) -> Hash32:
    """Return the pruning point of a block with this order.

    It is the highest block of its selected chain whose blue score is at most the block's
    less the pruning depth, rounded down to a multiple of the interval.

    Raises:
        BelowWindow: The chain is not kept so far down.
    """
    assert order.selected_parent is not None
    selected = known(view, order.selected_parent)
    score = _pruning_score(order.blue_score, p)
    if selected.hash == view.genesis or score == 0:
        return view.genesis
    if score == _pruning_score(selected.order.blue_score, p):
        return selected.header.pruning_point
    return chain_block_at(view, selected.hash, score).hash
