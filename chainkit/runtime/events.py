"""Events: what a transaction or block reports to readers outside; never read by the chain."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Event:
    """A type and its attributes in order (ABCI ``Event``; strings since CometBFT 0.37)."""

    type: str
    attributes: tuple[tuple[str, str], ...] = ()

    def get(self, key: str) -> str | None:
        """Return the first value under ``key``, or None."""
        return next((value for name, value in self.attributes if name == key), None)

    def renamed(self, prefix: str) -> "Event":
        """Return the event with ``prefix`` before its type."""
        return replace(self, type=prefix + self.type)

    def with_attribute(self, key: str, value: str) -> "Event":
        """Return the event with one more attribute at its end."""
        return replace(self, attributes=(*self.attributes, (key, value)))


class EventLog:
    """The events of one execution, in order; mutable because a savepoint cuts it back."""

    __slots__ = ("_events",)

    def __init__(self) -> None:
        self._events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Add an event at the end."""
        self._events.append(event)

    def mark(self) -> int:
        """Return a position that :meth:`cut` and :meth:`since` understand."""
        return len(self._events)

    def since(self, mark: int) -> tuple[Event, ...]:
        """Return the events emitted after ``mark`` was taken."""
        return tuple(self._events[mark:])

    def cut(self, mark: int) -> tuple[Event, ...]:
        """Remove and return the events emitted after ``mark`` was taken."""
        dropped = self.since(mark)
        del self._events[mark:]
        return dropped

    def all(self) -> tuple[Event, ...]:
        """Return every event."""
        return tuple(self._events)
