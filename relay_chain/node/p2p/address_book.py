"""Addresses of peers that were heard of, bounded however much peers tell.

One peer must not decide whom this node can reach: what it told fills a small part of the book,
and an address that is in it is not replaced by hearsay, only by the peer itself.
"""

import ipaddress
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from chainkit.primitives.types import DurationNs, TimestampNs
from relay_chain.consensus.messages import PeerId
from relay_chain.node.p2p.address import PeerAddress
from relay_chain.node.p2p.limits import (
    MAX_BOOK_ADDRESSES,
    MAX_BOOK_ADDRESSES_OF_SOURCE,
    MAX_DIAL_ATTEMPTS,
    REDIAL_BOOK_FIRST_NS,
)


@dataclass(slots=True)
class _Entry:
    address: PeerAddress
    source: PeerId
    """Who told of it; itself, if it was connected."""
    attempts: int = 0
    try_at: TimestampNs = TimestampNs(0)


def is_dialable(host: str, *, strict: bool) -> bool:
    """Return whether a host is an address that may be dialled on hearsay.

    Args:
        host: An IP address; a name is none.
        strict: Take public addresses only (CometBFT config, ``p2p.addr_book_strict``).
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.is_unspecified or address.is_multicast:
        return False
    return address.is_global or not strict


class AddressBook:
    """Mutable: it grows as peers tell, up to its bounds.

    Args:
        own: This node's id, which is never added.
        strict: See :func:`is_dialable`.
    """

    def __init__(self, own: PeerId, *, strict: bool) -> None:
        self._own = own
        self._strict = strict
        self._entries: dict[PeerId, _Entry] = {}
        self._told: Counter[PeerId] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_full(self) -> bool:
        """Whether no address is wanted any more."""
        return len(self._entries) >= MAX_BOOK_ADDRESSES

    def add(self, address: PeerAddress, source: PeerId) -> bool:
        """Note an address that ``source`` told; return whether it was taken."""
        if address.id == self._own or address.port == 0:
            return False
        if not is_dialable(address.host, strict=self._strict):
            return False
        is_own_word = address.id == source
        known = self._entries.get(address.id)
        if known is not None:
            if is_own_word and known.address != address:
                self._forget(address.id)
            else:
                return False
        elif self.is_full:
            return False
        if not is_own_word and self._told[source] >= MAX_BOOK_ADDRESSES_OF_SOURCE:
            return False
        self._entries[address.id] = _Entry(address, source)
        self._told[source] += 1
        return True

    def connected(self, peer_id: PeerId) -> None:
        """Note that a peer could be reached."""
        entry = self._entries.get(peer_id)
        if entry is not None:
            entry.attempts, entry.try_at = 0, TimestampNs(0)

    def misbehaved(self, peer_id: PeerId) -> None:
        """Forget a peer that broke a rule, and all that only it told of."""
        self._forget(peer_id)
        for entry in [e for e in self._entries.values() if e.source == peer_id]:
            self._forget(entry.address.id)

    def next_to_dial(self, skip: Collection[PeerId], now: TimestampNs) -> PeerAddress | None:
        """Return an address to dial and count the attempt; None if there is none now.

        The least tried come first; one that was tried too often is forgotten.
        """
        ready = [
            entry
            for peer_id, entry in self._entries.items()
            if peer_id not in skip and entry.try_at <= now
        ]
        if not ready:
            return None
        chosen = min(ready, key=lambda entry: entry.attempts)
        chosen.attempts += 1
        if chosen.attempts >= MAX_DIAL_ATTEMPTS:
            self._forget(chosen.address.id)
        chosen.try_at = TimestampNs(now + DurationNs(REDIAL_BOOK_FIRST_NS << chosen.attempts))
        return chosen.address

    def addresses(self) -> tuple[PeerAddress, ...]:
        """Return all addresses, the oldest first."""
        return tuple(entry.address for entry in self._entries.values())

    def _forget(self, peer_id: PeerId) -> None:
        entry = self._entries.pop(peer_id, None)
        if entry is not None:
            self._told[entry.source] -= 1
            if not self._told[entry.source]:
                del self._told[entry.source]
