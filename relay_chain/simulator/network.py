"""Virtual time and the wires between nodes: one (time, sequence) queue, and what it loses."""

import heapq
from collections.abc import Callable
from random import Random
from typing import Generic, TypeVar

from relay_chain.simulator.plan import Cut, Quality

ANY_INCARNATION = -1
"""Delivered to whichever incarnation of a node runs then."""

PayloadT = TypeVar("PayloadT")
Event = tuple[int, int, int, int, PayloadT]
"""(time, sequence, target, incarnation, payload)."""


class Network(Generic[PayloadT]):
    """The queue of a run and the present state of its wires. Mutable: it is the world."""

    __slots__ = ("_count", "_queue", "_rng", "_sequence", "cut", "now", "quality")

    def __init__(self, rng: Random, count: Callable[[str], None]) -> None:
        self.now = 0
        self.quality = Quality()
        self.cut = Cut(frozenset())
        self._rng = rng
        self._count = count
        self._queue: list[Event[PayloadT]] = []
        self._sequence = 0

    def push(self, time: int, target: int, incarnation: int, payload: PayloadT) -> None:
        """Deliver something at a time, whatever the wires do."""
        self._sequence += 1
        heapq.heappush(self._queue, (time, self._sequence, target, incarnation, payload))

    def pop(self) -> Event[PayloadT]:
        """Return the next event; its time is now."""
        event = heapq.heappop(self._queue)
        self.now = event[0]
        return event

    def post(self, sender: int, recipient: int, payload: PayloadT) -> None:
        """Send something, which the wires may lose, delay or bring twice."""
        if (sender, recipient) in self.cut.pairs:
            kind = "an asymmetric" if self.cut.is_asymmetric else "a"
            self._count(f"message lost in {kind} partition")
            return
        dice, quality = self._rng.random, self.quality
        if quality.drop and dice() < quality.drop:
            self._count("message dropped")
            return
        copies = 1
        if quality.duplicate and dice() < quality.duplicate:
            self._count("message duplicated")
            copies = 2
        for _ in range(copies):
            delay = quality.delay_ns // 4 + int(dice() * quality.delay_ns)
            if quality.late and dice() < quality.late:
                self._count("message late")
                delay *= 10
            self.push(self.now + delay, recipient, ANY_INCARNATION, payload)
