"""The entry points of installed packages, read and loaded: what discovery is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from chainkit.primitives.errors import OperationFailed

OUR_DISTRIBUTION = "isthmus"


class NotInstalled(OperationFailed):
    """No installed package offers something of that name."""

    def __init__(self, *, what: str, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no {what} {name!r} is installed; expected one of {', '.join(known)}")
        self.what = what
        self.name = name
        self.known = tuple(known)


class CannotLoad(OperationFailed):
    """A package offers something that cannot be imported."""

    def __init__(self, *, point: EntryPoint, reason: str) -> None:
        super().__init__(f"{point.group} {point.name!r} ({point.value}) cannot be used: {reason}")
        self.point = point


@dataclass(frozen=True, slots=True)
class Group:
    """The entry points of one group."""

    name: str
    what: str
    """One of them, in words."""

    def points(self) -> Mapping[str, EntryPoint]:
        """Return every point by its name; where two packages give one name, ours counts."""
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.name):
            if point.name not in found or _is_ours(point):
                found[point.name] = point
        return dict(sorted(found.items()))

    def ours(self) -> tuple[str, ...]:
        """Return the names that our own distribution brings."""
        return tuple(name for name, point in self.points().items() if _is_ours(point))

    def load(self, name: str) -> object:
        """Return what stands behind a name.

        Raises:
            NotInstalled: Nothing has that name.
            CannotLoad: Its package cannot be imported.
        """
        points = self.points()
        if name not in points:
            raise NotInstalled(what=self.what, name=name, known=tuple(points))
        try:
            return cast("object", points[name].load())
        except (ImportError, AttributeError) as error:
            raise CannotLoad(point=points[name], reason=str(error)) from error


def _is_ours(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name == OUR_DISTRIBUTION
