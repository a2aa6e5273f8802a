"""Whether an endorsement lifts a datum now, and using it up."""

from chainkit.primitives.bech32 import decode_bech32
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.ics04_channel.types import Packet
from integrity.axes import HIGHEST, Level
from integrity.endorsement_store import EndorsementStore, open_endorsements
from integrity.endorsements import (
    Endorsement,
    Key,
    Need,
    State,
    acts_at,
    counting,
    names,
    packet_datum,
)
from integrity.records import ChainRecord
from integrity.store import IntegrityStore

CUT_OFF = -2
"""The standing of a chain that is unknown or isolated: below what any level needs."""


def need_of(store: IntegrityStore, origin: ChainRecord | None, sender: Address) -> Need:
    """Return what an endorsement of an origin's datum needs now."""
    params = store.params()

    def standing(name: str) -> int:
        chain = store.chain(name)
        return CUT_OFF if chain is None or chain.isolated else chain.level.level

    return Need(
        params.endorsers,
        params.challenge_blocks,
        standing,
        "" if origin is None else origin.operator,
        sender,
    )


def find_lift(
    ctx: Context,
    store: IntegrityStore,
    origin: ChainRecord,
    packet: Packet,
    sender: str,
    wanted: Level,
) -> Endorsement | None:
    """Return an endorsement that lifts a packet to ``wanted`` or above now, the lowest first."""
    endorsements = open_endorsements(ctx)
    port, channel = packet.destination_port, packet.destination_channel
    datum = packet_datum(origin.name, port, channel, packet.data)
    need = need_of(store, origin, account_of(sender))
    for level in range(wanted, HIGHEST + 1):
        found = endorsements.endorsement(Key(origin.name, datum, Level(level)))
        if found is not None and is_ripe(found, need, ctx.height):
            return found
    return None


def is_ripe(endorsement: Endorsement, need: Need, height: int) -> bool:
    """Return whether it lifts its datum at a height: complete, unchallenged for long enough."""
    ready = acts_at(endorsement, need)
    return ready is not None and height >= ready


def use(
    ctx: Context, endorsements: EndorsementStore, found: Endorsement, used_by: str
) -> Endorsement:
    """Use an endorsement up: it lifts nothing after this."""
    used = Endorsement(
        found.key, found.vouches, State.USED, ctx.height, used_by, grounds=found.grounds
    )
    endorsements.set_endorsement(used)
    attributes = (
        ("origin", found.key.origin),
        ("datum", found.key.datum.hex()),
        ("level", str(found.key.level)),
        ("used_by", used_by),
    )
    ctx.emit(Event("integrity_endorsed", attributes))
    return used


def words_of(found: Endorsement, need: Need) -> tuple[str, ...]:
    """Return the names of the sources that count."""
    return names(counting(found, need))


def account_of(text: str) -> Address:
    """Return the account that a sender's text names, whatever its chain's prefix; empty if none."""
    try:
        return Address(decode_bech32(text)[1])
    except RuleBroken:
        pass
    try:
        return Address(bytes.fromhex(text.removeprefix("0x")))
    except ValueError:
        return Address(b"")
