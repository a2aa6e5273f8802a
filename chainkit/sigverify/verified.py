"""Signatures that were found valid, remembered for when they come again.

A vote arrives in gossip and once more in the commit of its block: the second time is a look-up.
Only the exact bytes of key, message and signature match, so a verdict never depends on what is
remembered. Nothing is hashed but the signature, for its place in a dictionary: a digest of each
item took as long as a third of its verification.
"""

MAX_REMEMBERED_SIGNATURES = 8_192
"""Votes of some 23 heights of 175 validators; at most 2 to 5 MB of such items."""

MAX_REMEMBERED_MESSAGE_BYTES = 256
"""Longer messages are not kept; sign-bytes of votes have about 120, never 200."""

Item = tuple[bytes, bytes, bytes]
"""Public key, message, signature."""


class VerifiedSignatures:
    """The valid signatures seen last. Mutable: it is a cache.

    Two halves: when the recent one is full it becomes the older one, whose items are dropped, and
    what is found among the older moves to the recent. So the last ``capacity // 2`` that were
    added or found are always kept, and never more than ``capacity``. Invalid ones are never kept,
    so a flood of them drops nothing.
    """

    __slots__ = ("_older", "_recent", "capacity")

    def __init__(self, capacity: int = MAX_REMEMBERED_SIGNATURES) -> None:
        assert capacity > 1
        self.capacity = capacity
        self._recent: dict[bytes, Item] = {}
        self._older: dict[bytes, Item] = {}

    def __len__(self) -> int:
        return len(self._recent) + len(self._older)

    def __contains__(self, item: Item) -> bool:
        signature = item[2]
        if self._recent.get(signature) == item:
            return True
        if self._older.get(signature) != item:
            return False
        self._older.pop(signature, None)
        self._keep({signature: item})
        return True

    def add(self, item: Item) -> None:
        """Remember (public key, message, signature), which was found valid."""
        if len(item[1]) <= MAX_REMEMBERED_MESSAGE_BYTES:
            self._keep({item[2]: item})

    def add_all(self, items: tuple[Item, ...]) -> None:
        """Remember the last of many, all of them valid."""
        room = self.capacity // 2
        self._keep(
            {
                item[2]: item
                for item in items[-room:]
                if len(item[1]) <= MAX_REMEMBERED_MESSAGE_BYTES
            }
        )

    def _keep(self, entries: dict[bytes, Item]) -> None:
        recent = self._recent
        if len(recent) + len(entries) > self.capacity // 2:
            self._older, self._recent = recent, entries
        else:
            recent.update(entries)

    def unknown(self, items: tuple[Item, ...]) -> list[bool]:
        """Return for each item whether it still has to be verified."""
        signatures = [signature for _, _, signature in items]
        # keys() first: most commits are wholly new, and this asks them all at once
        if self._recent.keys().isdisjoint(signatures) and self._older.keys().isdisjoint(signatures):
            return [True] * len(items)
        return [item not in self for item in items]

    def clear(self) -> None:
        """Forget everything."""
        self._recent, self._older = {}, {}
