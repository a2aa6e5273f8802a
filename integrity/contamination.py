"""What came from a chain since it was last known to be good: packets, and where the lots are."""

from dataclasses import dataclass

from chainkit.primitives.types import Address, ChannelId, Denom
from integrity.isolation import last_known_good
from integrity.lots import MIXED, Lot, Lots
from integrity.records import ChainRecord, PacketRecord
from integrity.store import IntegrityStore


@dataclass(frozen=True, slots=True)
class Contamination:
    """The report on one chain."""

    chain: str
    since: int
    """The hub's height from which on it is doubtful what the chain brought."""
    frozen: bool
    """Whether its lots are in quarantine; else its level only fell."""
    packets: tuple[PacketRecord, ...]
    """Those from the chain, and those from elsewhere that were made from its lots."""
    accounts: tuple[tuple[Address, Denom, Lots], ...]
    """The lots that lie on the hub."""
    passed_on: tuple[tuple[ChannelId, Denom, Lots], ...]
    """The lots that went on over a channel, and may come back."""


def doubtful_since(store: IntegrityStore, chain: ChainRecord) -> int | None:
    """Return the height from which on a chain is in doubt; None where it never fell."""
    frozen = store.frozen_since(chain.name)
    if frozen is not None:
        return frozen
    fell_at = chain.level.fell_at
    return None if fell_at is None else last_known_good(store.params(), fell_at)


def report(store: IntegrityStore, chain: ChainRecord) -> Contamination | None:
    """Return what a chain brought since it is in doubt; None where it is not."""
    since = doubtful_since(store, chain)
    if since is None:
        return None

    def doubtful(lots: Lots) -> tuple[Lot, ...]:
        return tuple(
            lot for lot in lots if lot.source in {chain.name, MIXED} and lot.height >= since
        )

    accounts = ((owner, denom, doubtful(lots)) for owner, denom, lots in store.all_lots())
    pools = ((channel, denom, doubtful(lots)) for channel, denom, lots in store.all_pools())
    packets = [
        record
        for record in store.packets()
        if record.height >= since and chain.name in {record.source, *record.ancestors}
    ]
    return Contamination(
        chain.name,
        since,
        store.frozen_since(chain.name) is not None,
        tuple(sorted(packets, key=lambda record: (record.height, record.channel, record.sequence))),
        tuple(entry for entry in accounts if entry[2]),
        tuple(entry for entry in pools if entry[2]),
    )
