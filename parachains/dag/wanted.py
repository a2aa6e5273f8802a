"""Blocks whose headers are here and whose bodies are not, by the peer that first told of each."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from chainkit.primitives.types import Hash32
from parachains.dag.limits import MAX_WANTED_BLOCKS, MAX_WANTED_OF_PEER


class Wanted:
    """Names in the order in which they were told; mutable and bounded, in all and of each peer.

    Each peer's names come in turn, so that what an honest peer tells is asked for however
    much the others have told that they do not send.
    """

    def __init__(self) -> None:
        self._tellers: OrderedDict[Hash32, int] = OrderedDict()
        self._told: dict[int, OrderedDict[Hash32, None]] = {}

    def __len__(self) -> int:
        """Return how many blocks are wanted."""
        return len(self._tellers)

    def __contains__(self, name: Hash32) -> bool:
        """Return whether a block is wanted."""
        return name in self._tellers

    def has_room(self, peer: int, count: int = 1) -> bool:
        """Return whether so many more of a peer's names can be kept."""
        of_peer = len(self._told.get(peer, ()))
        return (
            len(self._tellers) + count <= MAX_WANTED_BLOCKS
            and of_peer + count <= MAX_WANTED_OF_PEER
        )

    def add(self, name: Hash32, peer: int) -> None:
        """Want a block that a peer told of; for a new name there must be room."""
        if name not in self._tellers:
            self._tellers[name] = peer
            self._told.setdefault(peer, OrderedDict())[name] = None

    def discard(self, name: Hash32) -> None:
        """Want a block no more."""
        peer = self._tellers.pop(name, None)
        if peer is not None:
            told = self._told[peer]
            del told[name]
            if not told:
                del self._told[peer]

    def settle(self, holders: Callable[[Hash32], Sequence[int]]) -> None:
        """Drop what no peer has any more; another that has it takes the place of one that left."""
        for name, teller in list(self._tellers.items()):
            able = holders(name)
            if teller not in able:
                self.discard(name)
                if able:
                    self.add(name, able[0])

    def in_turn(self) -> Iterator[Hash32]:
        """Yield the names: the first of each peer, then the second of each, and so on."""
        lists = [iter(told) for told in self._told.values()]
        while lists:
            more = []
            for each in lists:
                name = next(each, None)
                if name is not None:
                    yield name
                    more.append(each)
            lists = more
