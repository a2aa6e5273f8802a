"""Lots: which part of a holding came from where, with which label. Pure.

What an account holds of a denomination is a set of lots and, beyond their sum, what never
left the hub (of the hub's own, highest label). Splitting a lot keeps its label; what is made
of several lots has the least of them. Lots are kept apart, so that nobody can lower the label
of another's coins by sending dust.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from integrity.axes import HIGHEST, Level
from integrity.limits import MAX_LOTS

OWN = ""
"""The source of what never left the hub."""

MIXED = "*"
"""The source of lots of several sources that became one: whichever chain falls, they count."""


@dataclass(frozen=True, slots=True)
class Lot:
    """An amount of one denomination that came together."""

    label: Level
    source: str
    """The chain that it came from last, by name."""
    height: int
    """The hub's height at which it was accepted; of several that became one, the last."""
    amount: int
    """Whole base units, above 0."""

    def order(self) -> tuple[int, str, int]:
        """Return what lots are sorted by: the lowest label first, then by source and age."""
        return self.label, self.source, self.height


Lots = tuple[Lot, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a draw took and what it left."""

    left: Lots
    taken: Lots
    own: int
    """What was taken besides the lots: coins that never left the hub."""

    def label(self) -> Level:
        """Return the label of all that was taken."""
        return min((lot.label for lot in self.taken), default=HIGHEST)


def total(lots: Iterable[Lot]) -> int:
    """Return the amount of lots."""
    return sum(lot.amount for lot in lots)


def add(lots: Lots, more: Iterable[Lot]) -> Lots:
    """Return the holding with more lots; those of one label, source and height become one.

    Above ``MAX_LOTS`` the two that are lowest by :meth:`Lot.order` become one, with the least
    label and the last height: whoever is sent dust has dust merged with dust first.
    """
    more = tuple(more)
    if not lots and len(more) == 1 and more[0].amount > 0:
        return more
    by_order: dict[tuple[int, str, int], Lot] = {}
    for lot in (*lots, *more):
        if lot.amount > 0:
            kept = by_order.get(lot.order())
            by_order[lot.order()] = lot if kept is None else _joined(kept, lot)
    result = sorted(by_order.values(), key=Lot.order)
    while len(result) > MAX_LOTS:
        first, second, *rest = result
        result = [_joined(first, second), *rest]
    return tuple(result)


def draw(
    lots: Lots,
    own: int,
    amount: int,
    *,
    at_least: int = 0,
    is_frozen: Callable[[Lot], bool] = lambda _: False,
) -> Drawn | None:
    """Return ``amount`` taken from a holding, or None if what may be taken does not suffice.

    Lots below ``at_least`` and frozen ones stay. The lowest admissible label goes first, so
    that an owner keeps the best; what never left the hub goes last.
    """
    left: list[Lot] = []
    taken: list[Lot] = []
    wanted = amount
    for lot in sorted(lots, key=Lot.order):
        part = 0 if lot.label < at_least or is_frozen(lot) else min(lot.amount, wanted)
        wanted -= part
        if part:
            taken.append(replace(lot, amount=part))
        if part < lot.amount:
            left.append(replace(lot, amount=lot.amount - part))
    if wanted > own:
        return None
    return Drawn(tuple(left), tuple(taken), wanted)


def put_back(pool: Lots, wanted: Lots) -> Drawn:
    """Return a pool without the lots that were once put into it, as far as they are there.

    A refund gives back what was sent. If the pool lacks some of a lot, since a zone has
    returned it to others meanwhile, the lowest of what is left stands in for it.
    """
    by_order = {lot.order(): lot for lot in pool}
    taken: list[Lot] = []
    short = 0
    for lot in wanted:
        kept = by_order.get(lot.order())
        part = 0 if kept is None else min(kept.amount, lot.amount)
        if kept is not None and part:
            taken.append(replace(lot, amount=part))
            by_order[lot.order()] = replace(kept, amount=kept.amount - part)
        short += lot.amount - part
    left = add((), by_order.values())
    if not short:
        return Drawn(left, tuple(taken), 0)
    more = min(short, total(left))
    rest = draw(left, 0, more)
    assert rest is not None, "a draw of no more than there is succeeds"
    return Drawn(rest.left, add(tuple(taken), rest.taken), short - more)


def _joined(first: Lot, second: Lot) -> Lot:
    return Lot(
        Level(min(first.label, second.label)),
        first.source if first.source == second.source else MIXED,
        max(first.height, second.height),
        first.amount + second.amount,
    )
