"""Signatures that were found valid, remembered for when they come again.

A vote arrives in gossip and once more in the commit of its block: the second time is a look-up.
Only the exact bytes of key, message and signature match, so a verdict never depends on what is
remembered: an entry is their SHA-256, with the lengths in it, so that no other division of the
same bytes has the same one. The bytes themselves would take three times the memory.
"""

import hashlib
from collections import OrderedDict

MAX_REMEMBERED_SIGNATURES = 16_384
"""Votes of some 40 heights of 175 validators."""

MAX_REMEMBERED_MESSAGE_BYTES = 1_024
"""Longer messages are not kept; sign-bytes of votes have about 120."""


def _name_of(item: tuple[bytes, bytes, bytes]) -> bytes:
    """Return what stands for (public key, message, signature)."""
    lengths = b"".join(len(part).to_bytes(4, "big") for part in item)
    return hashlib.sha256(lengths + b"".join(item)).digest()


class VerifiedSignatures:
    """The valid signatures seen last. Mutable: it is a cache.

    Bounded by its capacity, some 180 bytes each; the least recently used is dropped. Invalid
    ones are never kept, so a flood of them drops nothing.
    """

    __slots__ = ("_seen", "capacity")

    def __init__(self, capacity: int = MAX_REMEMBERED_SIGNATURES) -> None:
        self.capacity = capacity
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def __contains__(self, item: tuple[bytes, bytes, bytes]) -> bool:
        try:
            self._seen.move_to_end(_name_of(item))
        except KeyError:
            return False
        return True

    def add(self, item: tuple[bytes, bytes, bytes]) -> None:
        """Remember (public key, message, signature), which was found valid."""
        if len(item[1]) > MAX_REMEMBERED_MESSAGE_BYTES:
            return
        self._seen[_name_of(item)] = None
        if len(self._seen) > self.capacity:
            self._seen.popitem(last=False)

    def unknown(self, items: tuple[tuple[bytes, bytes, bytes], ...]) -> list[bool]:
        """Return for each item whether it still has to be verified."""
        return [item not in self for item in items]

    def clear(self) -> None:
        """Forget everything."""
        self._seen.clear()
