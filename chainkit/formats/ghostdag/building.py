"""The header of a new block: everything that its parents decide."""

from chainkit.formats.ghostdag.blocks import DagView
from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.order import known, order_of
from chainkit.formats.ghostdag.parameters import DagParameters
from chainkit.formats.ghostdag.rules import pruning_point_of
from chainkit.formats.ghostdag.windows import (
    WindowCache,
    daa_score_of,
    past_median_time,
    required_bits,
)
from chainkit.primitives.types import Hash32


def header_above(
    view: DagView,
    parents: tuple[Hash32, ...],
    p: DagParameters,
    windows: WindowCache,
    *,
    timestamp_ms: int,
    transactions_root: Hash32,
    accepted_root: Hash32,
    state_root: Hash32,
) -> Header:
    """Return the header of a block above ``parents``, without work: nonce 0.

    A time that is not after the past median time is moved to one millisecond after it.

    Raises:
        GhostdagRuleBroken: No block may have these parents.
    """
    order = order_of(view, parents, p.k, p.merge_set_limit)
    assert order.selected_parent is not None
    selected = known(view, order.selected_parent)
    median_time = past_median_time(windows.median(view, order, p), selected.header.timestamp)
    return Header(
        version=p.version,
        parents_by_level=(parents,),
        hash_merkle_root=transactions_root,
        accepted_id_merkle_root=accepted_root,
        utxo_commitment=state_root,
        timestamp=max(timestamp_ms, median_time + 1),
        bits=required_bits(view, order, windows.difficulty(view, order, p), p),
        nonce=0,
        daa_score=daa_score_of(view, order, p),
        blue_score=order.blue_score,
        blue_work=order.blue_work,
        pruning_point=pruning_point_of(view, order, p),
    )
