"""Endorsements: several independent sources say that one datum is true. Pure.

INTEGRITY.md, section 5 (f). A datum of a low origin may rise when as many *operators* as the
hub demands have vouched for its hash, each answering for what it sees on a chain of at most one
level below the one it lifts to, each with a bond, and nobody has challenged them for a while.
One endorsement lifts one packet, or releases one lot, and is used up by it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum

from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Address
from integrity.axes import Level
from integrity.errors import EndorsementClosed, NotIndependent
from integrity.lots import Lot


@dataclass(frozen=True, slots=True)
class Source:
    """Who may endorse: an account that answers for what it sees on a chain."""

    name: str
    operator: str
    """Who runs it; keys of one operator are one source."""
    account: Address
    chain: str


@dataclass(frozen=True, slots=True)
class Vouch:
    """One source's word."""

    source: str
    operator: str
    account: Address
    chain: str
    bond: int
    height: int
    withdrawn_at: int = 0
    """The height at which it was taken back; 0 while it stands."""
    paid_back: bool = False


class State(Enum):
    """What became of an endorsement."""

    OPEN = 0
    USED = 1
    FALSE = 2


@dataclass(frozen=True, slots=True)
class Key:
    """What an endorsement is about: a datum of an origin, and how high it is to rise."""

    origin: str
    datum: bytes
    """32 bytes: :func:`packet_datum` or :func:`appeal_datum`."""
    level: Level


@dataclass(frozen=True, slots=True)
class Endorsement:
    """What sources say of one datum."""

    key: Key
    vouches: tuple[Vouch, ...] = ()
    state: State = State.OPEN
    used_at: int = 0
    used_by: str = ""
    """What it lifted: ``port/channel/sequence`` of a packet's end here, or ``appeal/id``."""
    challenger: Address = Address(b"")
    """Empty while nobody challenges it."""
    challenge_bond: int = 0
    grounds: str = ""


class Verdict(Enum):
    """What became of an appeal."""

    OPEN = 0
    UPHELD = 1
    REFUSED = 2


@dataclass(frozen=True, slots=True)
class Appeal:
    """An owner's appeal against the quarantine of one lot."""

    number: int
    owner: Address
    denom: str
    lot: Lot
    bond: int
    opened_at: int
    verdict: Verdict = Verdict.OPEN


@dataclass(frozen=True, slots=True)
class Need:
    """What counts now: the rule's parameters and what is known of those who vouch."""

    sources: int
    """How many independent ones."""
    challenge_blocks: int
    standing: Callable[[str], int]
    """The level of a chain by its name; below 0 for one that is unknown or cut off."""
    origin_operator: str
    sender: Address = Address(b"")
    """The account that sent the datum; its own word does not count."""


def packet_datum(origin: str, port_id: str, channel_id: str, data: bytes) -> bytes:
    """Return what is endorsed of a packet: origin, the hub's end and the data, hashed.

    The sequence is not in it, since sources speak before the packet is sent; that an
    endorsement is used up keeps it to one packet.
    """
    return _hash(b"packet", origin.encode(), port_id.encode(), channel_id.encode(), data)


def appeal_datum(appeal: Appeal) -> bytes:
    """Return what is endorsed of an appeal: which one, whose, and which lot."""
    lot = appeal.lot
    numbers = (appeal.number, lot.label, lot.height, lot.amount)
    return _hash(
        b"appeal",
        lot.source.encode(),
        appeal.owner,
        appeal.denom.encode(),
        *(str(number).encode() for number in numbers),
    )


def vouched(endorsement: Endorsement, vouch: Vouch, origin_operator: str) -> Endorsement:
    """Return the endorsement with one more word.

    Raises:
        EndorsementClosed: It was used, proved false or is challenged.
        NotIndependent: The operator has spoken already or runs the origin, or the source looks
            at nothing but the origin.
    """
    if endorsement.state is not State.OPEN or endorsement.challenger:
        raise EndorsementClosed("it is used, false or challenged")
    if vouch.operator == origin_operator:
        raise NotIndependent(f"{vouch.operator} runs {endorsement.key.origin} itself")
    if vouch.chain == endorsement.key.origin:
        raise NotIndependent(f"{vouch.source} sees only what {vouch.chain} itself says")
    if any(each.operator == vouch.operator for each in endorsement.vouches):
        raise NotIndependent(f"{vouch.operator} has spoken already")
    return replace(endorsement, vouches=(*endorsement.vouches, vouch))


def counting(endorsement: Endorsement, need: Need) -> tuple[Vouch, ...]:
    """Return the words that count now, oldest first: one for each independent operator."""
    found: dict[str, Vouch] = {}
    for vouch in sorted(endorsement.vouches, key=lambda each: each.height):
        stands = not vouch.withdrawn_at and vouch.operator not in {"", need.origin_operator}
        high = need.standing(vouch.chain) >= endorsement.key.level - 1
        if stands and high and vouch.account != need.sender:
            found.setdefault(vouch.operator, vouch)
    return tuple(found.values())


def acts_at(endorsement: Endorsement, need: Need) -> int | None:
    """Return the height from which it lifts its datum; None while it does not.

    The time for challenges runs from the word that completed it.
    """
    if endorsement.state is not State.OPEN or endorsement.challenger:
        return None
    words = counting(endorsement, need)
    if len(words) < need.sources:
        return None
    return words[need.sources - 1].height + need.challenge_blocks


def is_bond_free(endorsement: Endorsement, vouch: Vouch, *, height: int, window: int) -> bool:
    """Return whether a bond can go back: its word can no longer be challenged."""
    if vouch.paid_back or endorsement.challenger or endorsement.state is State.FALSE:
        return False
    used = endorsement.used_at if endorsement.state is State.USED else 0
    ended = vouch.withdrawn_at or used
    return bool(ended) and height > ended + window


def names(vouches: Iterable[Vouch]) -> tuple[str, ...]:
    """Return the names of sources."""
    return tuple(vouch.source for vouch in vouches)


def _hash(*parts: bytes) -> bytes:
    return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts))
