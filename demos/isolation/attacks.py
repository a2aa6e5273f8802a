"""Five ways in which a zone turns hostile."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from chainkit.primitives.types import Sequence
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx
from demos.isolation.world import FUNDED, Brought, World
from ibc.ics02_client.codec import any_to_proto
from ibc.testing.light_client import MISBEHAVIOUR_URL

HOSTILE = "east"
VICTIM = "north"
FLOOD = 30
"""Packets of a flood in each block: more than twice what a block of the hub takes."""
THEFT = 60
"""Base units that an inflating or forging zone sends back in each packet."""

DENIED = 300
"""Base units of a payment to a forging zone that it will deny."""
SHORT_NS = 2_000_000_000
"""The timeout of such a payment."""

Attack = Callable[[World], None]
"""What the hostile zone and its relayer do before one block of the hub."""


def halt(world: World) -> None:
    """Make no block any more."""
    world.zones[HOSTILE].is_live = False


def equivocate(world: World) -> None:
    """Sign two blocks of one height; somebody brings the proof."""
    zone = world.zones[HOSTILE]
    if world.isolated(HOSTILE):
        return
    height = zone.chain.commit().revision_height
    header = zone.chain.headers[height]
    message = client_tx.MsgUpdateClient(
        client_id=zone.path.a.client_id,
        client_message=any_to_proto(header.message(MISBEHAVIOUR_URL)),
        signer=zone.path.a.signer(),
    )
    world.extra.append(Brought(HOSTILE, message, lambda _: None))


def inflate(world: World) -> None:
    """Make vouchers of another zone's token out of nothing and send them home."""
    zone = world.zones[HOSTILE]
    voucher = world.voucher(VICTIM, HOSTILE)
    if zone.chain.balance("user", voucher) < FUNDED:
        zone.chain.fund("user", voucher, FUNDED)
    world.send(HOSTILE, VICTIM, THEFT, voucher)


def spam(world: World) -> None:
    """Send far more packets than a block of the hub takes, and have them brought first."""
    zone = world.zones[HOSTILE]
    for _ in range(max(FLOOD - len(zone.waiting), 0)):
        world.send(HOSTILE, VICTIM, 1)
    updated = world.update(zone)
    if updated is None:
        return
    waiting, zone.waiting = zone.waiting, []
    for packet in waiting:
        message = world.receive(zone, packet, *updated)
        world.extra.append(Brought(HOSTILE, message, lambda _: None))


def forge(world: World) -> None:
    """Deny what it received: the hub refunds, and the zone sends it back all the same."""
    zone = world.zones[HOSTILE]
    voucher = world.voucher(VICTIM, HOSTILE)
    if not zone.denies:
        zone.denies = True
        world.send(VICTIM, HOSTILE, DENIED, timeout_ns=SHORT_NS)
    if zone.chain.balance("user", voucher) >= THEFT:
        world.send(HOSTILE, VICTIM, THEFT, voucher)


def impersonate(world: World) -> None:
    """Bring packets that the zone never sent, with the proof of those that it did.

    Of this the zone is innocent: its relayer, who may be anybody, is the forger.
    """
    zone = world.zones[HOSTILE]
    packet = world.send(HOSTILE, VICTIM, 1)
    updated = world.update(zone)
    if updated is None:
        return
    for number in range(FLOOD):
        forged = replace(packet, sequence=Sequence(packet.sequence + number + 1))
        message = world.receive(zone, forged, *updated)
        world.extra.append(Brought(HOSTILE, message, lambda _: None))


ATTACKS: Mapping[str, Attack] = MappingProxyType(
    {
        "halted": halt,
        "equivocating": equivocate,
        "inflating": inflate,
        "spamming": spam,
        "forging": forge,
    }
)
"""By name; each ends with the zone cut off."""
