"""Why a chain is cut off, and what that does to its record.

On proof (its client is frozen), by the ledger of zones (it sent back more than it holds), by its
quota (used up in several epochs in a row) and by staleness (no new height). Nobody is cut off for
what a relayer claims in its name: what no proof supports changes nothing.
"""

from dataclasses import replace

from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from integrity.records import ChainRecord, Params, Traffic
from integrity.store import IntegrityStore

HALTED = "it brought no new height"
FROZEN = "misbehaviour was proved, its client is frozen"
INFLATED = "it sent back more than it holds"
FLOODED = "it used up its quota of packets in several epochs in a row"
FRAUDS = frozenset({FROZEN, INFLATED})
"""What only a chain whose own state is false does: its level is 0 from then on."""


def cut_off(
    ctx: Context, store: IntegrityStore, chain: ChainRecord, reason: str, params: Params
) -> ChainRecord:
    """Return the chain isolated for a proved fraud; its recent lots go into quarantine.

    What was accepted since the beginning of the epoch before is held to be doubtful: the
    fraud can be no newer than its proof, and that it is older nobody has shown.
    """
    store.freeze(chain.name, last_known_good(params, ctx.height))
    return replace(isolate(ctx, chain, reason), fraud_at=ctx.height)


def isolate(ctx: Context, chain: ChainRecord, reason: str) -> ChainRecord:
    """Return the chain isolated for a reason that is no fraud: its level and its lots stay."""
    ctx.emit(Event("integrity_isolated", (("chain", chain.name), ("reason", reason))))
    return replace(chain, isolated=reason, isolated_at=ctx.height)


def quota_used_up(
    ctx: Context, chain: ChainRecord, traffic: Traffic, params: Params
) -> tuple[ChainRecord, Traffic]:
    """Return a zone and its traffic with one more full epoch; if that is nothing new, cut off."""
    follows = traffic.full_epochs and traffic.full_epoch == traffic.epoch - 1
    row = traffic.full_epochs + 1 if follows else 1
    if params.flood_epochs and row >= params.flood_epochs:
        chain = isolate(ctx, chain, FLOODED)
    return chain, Traffic(traffic.epoch, traffic.packets, row, traffic.epoch)


def last_known_good(params: Params, height: int) -> int:
    """Return from where on what a chain brought is doubtful if it fell at a height."""
    return max((params.epoch(height) - 1) * params.epoch_blocks, 1)
