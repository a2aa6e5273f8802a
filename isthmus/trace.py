"""Where a packet is: its steps on every chain, what it led to, and what it waits for.

Asked of public RPC only, and told from the chains' events; nothing is remembered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.limits import MAX_FORWARD_HOPS
from chainkit.primitives.timestamps import NS_PER_SECOND
from ibc.ics04_channel.acknowledgement import RemoteError, decode_acknowledgement
from ibc.ics04_channel.types import ChannelState, Packet
from isthmus.ports import ChainUser
from isthmus.routes import Link, links_of
from parachains.sdk.users import PacketEvent, PacketKey, PacketStep


class PacketState(Enum):
    """How far a packet is."""

    SENT = "sent"
    RECEIVED = "received"
    ANSWERED = "answered"
    DELIVERED = "delivered"
    """The sender has the acknowledgement, and it is a success."""
    REFUSED = "refused"
    """The sender has the acknowledgement, and it is an error: what was sent is given back."""
    TIMED_OUT = "timed_out"
    """The sender has proof that it was not received: what was sent is given back."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens."""
        return self in {PacketState.DELIVERED, PacketState.REFUSED, PacketState.TIMED_OUT}


class PacketNotFound(OperationFailed):
    """No chain of the network sent such a packet."""


@dataclass(frozen=True, slots=True)
class Step:
    """An event and the chain that has it."""

    chain: str
    event: PacketEvent


@dataclass(frozen=True, slots=True)
class Hop:
    """One packet between two chains, with those that its receiving led to."""

    source: str
    destination: str
    key: PacketKey
    packet: Packet
    state: PacketState
    steps: tuple[Step, ...]
    acknowledgement: bytes
    """Empty before one is written."""
    waits_for: str
    """What must happen next; empty where nothing more does."""
    forwarded: tuple["Hop", ...]

    @property
    def error(self) -> str:
        """What the receiving chain refused it with; empty where it did not."""
        return error_of(self.acknowledgement)

    def hops(self) -> Iterator["Hop"]:
        """Yield this packet and all that came of it."""
        yield self
        for child in self.forwarded:
            yield from child.hops()


async def trace(users: Mapping[str, ChainUser], source: str, key: PacketKey) -> Hop:
    """Return where the packet that ``source`` sent is now.

    Raises:
        PacketNotFound: The chain sent none of that name.
        OperationFailed: A chain does not answer.
    """
    return await _trace(users, source, key, MAX_FORWARD_HOPS)


async def _trace(users: Mapping[str, ChainUser], source: str, key: PacketKey, depth: int) -> Hop:
    link = await _link_of(users, source, key)
    goes_to = (str(link.other[0]), str(link.other[1]))
    sent = await users[source].packet_events(PacketStep.SENT, key, goes_to)
    if not sent or sent[0].packet is None:
        raise PacketNotFound(f"{source} sent no packet {key}")
    packet = sent[0].packet
    steps = [Step(source, event) for event in sent]

    async def look(chain: str, step: PacketStep) -> tuple[PacketEvent, ...]:
        found = tuple(await users[chain].packet_events(step, key, goes_to))
        steps.extend(Step(chain, event) for event in found)
        return found

    received = await look(link.other_chain, PacketStep.RECEIVED)
    caused = [child for event in received for child in event.caused]
    # Before the answer is asked for: it is written with the answer to what was sent on.
    forwarded = tuple(
        [await _trace(users, link.other_chain, child, depth - 1) for child in caused if depth > 1]
    )
    answered = await look(link.other_chain, PacketStep.ANSWERED)
    acknowledgement = answered[0].acknowledgement if answered else b""
    for step in (PacketStep.ACKNOWLEDGED, PacketStep.TIMED_OUT):
        await look(source, step)
    state = _state_of({each.event.step for each in steps}, acknowledgement)
    waits_for = await _waits_for(users, link, packet, state, forwarded)
    return Hop(
        source,
        link.other_chain,
        key,
        packet,
        state,
        tuple(steps),
        acknowledgement,
        waits_for,
        forwarded,
    )


async def _link_of(users: Mapping[str, ChainUser], source: str, key: PacketKey) -> Link:
    for link in await links_of(source, users):
        if (link.end.port_id, link.end.channel_id) == (key.port_id, key.channel_id):
            return link
    raise PacketNotFound(
        f"{source} has no channel {key.port_id}/{key.channel_id} to a chain of the network"
    )


def error_of(acknowledgement: bytes) -> str:
    """Return the text of an acknowledgement that says the packet was refused, else nothing."""
    try:
        answer = decode_acknowledgement(acknowledgement)
    except RuleBroken:
        return ""
    return (answer.text or "no reason") if isinstance(answer, RemoteError) else ""


def _state_of(steps: set[PacketStep], acknowledgement: bytes) -> PacketState:
    if PacketStep.TIMED_OUT in steps:
        return PacketState.TIMED_OUT
    if PacketStep.ACKNOWLEDGED in steps:
        return PacketState.REFUSED if error_of(acknowledgement) else PacketState.DELIVERED
    if PacketStep.ANSWERED in steps:
        return PacketState.ANSWERED
    return PacketState.RECEIVED if PacketStep.RECEIVED in steps else PacketState.SENT


async def _waits_for(
    users: Mapping[str, ChainUser],
    link: Link,
    packet: Packet,
    state: PacketState,
    forwarded: tuple[Hop, ...],
) -> str:
    match state:
        case PacketState.DELIVERED | PacketState.REFUSED | PacketState.TIMED_OUT:
            return ""
        case PacketState.ANSWERED:
            return f"the relayer to bring the acknowledgement to {link.chain}"
        case PacketState.RECEIVED:
            open_hops = [hop for hop in forwarded if not hop.state.is_final]
            if open_hops:
                return f"packet {open_hops[0].key} from {link.other_chain} to be answered"
            return f"the application on {link.other_chain} to answer"
        case PacketState.SENT:
            return await _waits_for_receipt(users, link, packet)


async def _waits_for_receipt(users: Mapping[str, ChainUser], link: Link, packet: Packet) -> str:
    status = await users[link.other_chain].client.status()
    if link.end.end.state is ChannelState.CLOSED:
        return f"the relayer to prove on {link.chain} that the channel is closed"
    timeout = packet.timeout_timestamp
    if timeout:
        seconds = (timeout - status.time) // NS_PER_SECOND
        if seconds < 0:
            return f"the relayer to prove on {link.chain} that it timed out {-seconds} s ago"
        limit = f"it times out in {seconds} s"
    else:
        limit = f"it times out at height {packet.timeout_height}, now {status.height}"
    return f"the relayer to bring it to {link.other_chain}; {limit}"
