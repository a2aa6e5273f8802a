"""The ledger of zones: what each zone holds of each denomination of the hub. Pure.

Two sides of a channel, for one denomination:

* *held*: what the hub sent over the channel and the zone may send back. The same amount lies
  in the channel's escrow on the hub.
* *custody*: the vouchers on the hub of what the zone sent. The same amount is locked there.

For a voucher that came over channel c, at every height::

    custody(c) = what accounts of the hub hold + the sum of held over all channels
    supply on the hub = custody(c)

so whatever a zone does, nobody loses more than what it holds: a zone that sends back more than
*held* is refused before the application runs.
"""

from dataclasses import dataclass, replace

from chainkit.primitives.amounts import MAX_AMOUNT
from integrity.errors import LedgerBroken, ReturnExcess


@dataclass(frozen=True, slots=True)
class ZoneEntry:
    """One channel and denomination; whole base units, all 0 or more.

    *in_flight* is the part of *held* whose packets have no answer yet, *returning* the
    vouchers on their way home whose packets have none.
    """

    held: int = 0
    in_flight: int = 0
    custody: int = 0
    returning: int = 0

    def __post_init__(self) -> None:
        if (
            0 <= self.held <= MAX_AMOUNT
            and 0 <= self.in_flight <= MAX_AMOUNT
            and 0 <= self.custody <= MAX_AMOUNT
            and 0 <= self.returning <= MAX_AMOUNT
        ):
            return
        for name in ("held", "in_flight", "custody", "returning"):
            amount = getattr(self, name)
            if not 0 <= amount <= MAX_AMOUNT:
                raise LedgerBroken(f"{name} would be {amount}")

    def is_empty(self) -> bool:
        """Return whether nothing is held or under way."""
        return self == EMPTY


EMPTY = ZoneEntry()


def sent_away(entry: ZoneEntry, amount: int) -> ZoneEntry:
    """The hub escrows and sends: the zone will hold it."""
    return replace(entry, held=entry.held + amount, in_flight=entry.in_flight + amount)


def sent_home(entry: ZoneEntry, amount: int) -> ZoneEntry:
    """The hub burns a voucher and sends it home."""
    if amount > entry.custody:
        raise LedgerBroken(f"{amount} of {entry.custody} in custody")
    return replace(entry, custody=entry.custody - amount, returning=entry.returning + amount)


def arrived(entry: ZoneEntry, amount: int) -> ZoneEntry:
    """The zone sends what is its own: the hub mints vouchers."""
    return ZoneEntry(entry.held, entry.in_flight, entry.custody + amount, entry.returning)


def came_home(entry: ZoneEntry, amount: int) -> ZoneEntry:
    """The zone sends back what it holds.

    Raises:
        ReturnExcess: More than it holds.
    """
    if amount > entry.held:
        raise ReturnExcess(f"{amount} of the {entry.held} that it holds")
    held = entry.held - amount
    # What came back was received, whatever its answer says later.
    return replace(entry, held=held, in_flight=min(entry.in_flight, held))


def answered(entry: ZoneEntry, amount: int, *, home: bool) -> ZoneEntry:
    """The zone accepted a packet."""
    if home:
        return replace(entry, returning=entry.returning - amount)
    return replace(entry, in_flight=max(entry.in_flight - amount, 0))


def refunded(entry: ZoneEntry, amount: int, *, home: bool) -> ZoneEntry:
    """The zone refused a packet, or it timed out: what was sent is the sender's again.

    Raises:
        LedgerBroken: The zone has sent it back already: one of its two claims is false.
    """
    if home:
        return replace(entry, returning=entry.returning - amount, custody=entry.custody + amount)
    if amount > entry.held:
        raise LedgerBroken(f"a refund of {amount}, the zone holds {entry.held}")
    held = entry.held - amount
    return replace(entry, held=held, in_flight=min(max(entry.in_flight - amount, 0), held))


def undone(entry: ZoneEntry, amount: int, *, home: bool) -> ZoneEntry:
    """A packet that was received to be forwarded could not be: the receive is taken back."""
    if home:
        return replace(entry, held=entry.held + amount)
    if amount > entry.custody:
        raise LedgerBroken(f"{amount} of {entry.custody} in custody")
    return replace(entry, custody=entry.custody - amount)
