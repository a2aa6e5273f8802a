"""The header of a new block: everything that its parents decide."""

from dataclasses import dataclass

from chainkit.formats.ghostdag.blocks import DagView, Order
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


@dataclass(frozen=True, slots=True)
class Virtual:
    """A block that is not made yet: what follows from its parents."""

    parents: tuple[Hash32, ...]
    order: Order
    bits: int
    daa_score: int
    median_time_ms: int
    chain_time_ms: int
    pruning_point: Hash32

    def header(
        self,
        version: int,
        *,
        timestamp_ms: int,
        transactions_root: Hash32,
        accepted_root: Hash32,
        state_root: Hash32,
    ) -> Header:
        """Return the header without work: nonce 0.

        A time that is not after the past median time is moved to one millisecond after it.
        """
        return Header(
            version=version,
            parents_by_level=(self.parents,),
            hash_merkle_root=transactions_root,
            accepted_id_merkle_root=accepted_root,
            utxo_commitment=state_root,
            timestamp=max(timestamp_ms, self.median_time_ms + 1),
            bits=self.bits,
            nonce=0,
            daa_score=self.daa_score,
            blue_score=self.order.blue_score,
            blue_work=self.order.blue_work,
            pruning_point=self.pruning_point,
        )


def virtual_above(
    view: DagView, parents: tuple[Hash32, ...], p: DagParameters, windows: WindowCache
) -> Virtual:
    """Return the block that would have these parents, at least one, none above another.

    Raises:
        GhostdagRuleBroken: No block may have them.
    """
    order = order_of(view, parents, p.k, p.merge_set_limit)
    assert order.selected_parent is not None
    selected = known(view, order.selected_parent)
    median_time = past_median_time(windows.median(view, order, p), selected.header.timestamp)
    return Virtual(
        parents=parents,
        order=order,
        bits=required_bits(view, order, windows.difficulty(view, order, p), p),
        daa_score=daa_score_of(view, order, p),
        median_time_ms=median_time,
        chain_time_ms=max(selected.chain_time_ms, median_time),
        pruning_point=pruning_point_of(view, order, p),
    )
