"""What to do next on one path, from what was seen of both chains: pure, and the same every time.

The plan is made from the chains' state alone. So a relayer that was killed after any line
plans the same again, and what was done meanwhile - by it, by another, twice - is seen as
done. Views may be stale: every action is checked by the chain that executes it, with a
proof, so the worst that a stale view costs is a fee.

Spec: ICS-18, "Relayer algorithms".
"""

from collections.abc import Iterator

from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs
from ibc.ics03_connection.types import ConnectionState
from ibc.ics04_channel.types import ChannelState, IdentifiedChannel
from parachains.sdk.relaying import ConnectionInfo
from relayer.views import (
    AckChannel,
    AckConnection,
    AcknowledgePacket,
    AcknowledgePacketV2,
    Action,
    CloseChannel,
    ConfirmChannel,
    ConfirmConnection,
    CreateClient,
    EndView,
    InitChannel,
    InitConnection,
    OutgoingPacket,
    PathSpec,
    PathView,
    ReceivePacket,
    ReceivePacketV2,
    RefreshClient,
    RegisterCounterparty,
    ReportFork,
    Side,
    Stuck,
    TimeOutPacket,
    TimeOutPacketV2,
    TryChannel,
    TryConnection,
    WantedChannel,
)

SIDES = (Side.A, Side.B)


def plan(spec: PathSpec, view: PathView) -> tuple[Action, ...]:
    """Return what can be done now on ``spec``, in the order in which a chain must see it.

    Refreshes and packets come for what is open already, whatever else is still missing. A
    channel's step follows the step that opens its connection at once, in one transaction:
    the chain executes them in order, and each wait for a block is saved.
    """
    actions: list[Action] = []
    for side in SIDES:
        actions += _client(side, view)
    broken = {action.on for action in actions if isinstance(action, Stuck)}
    handshake = tuple(_connection(view))
    actions += handshake
    open_on = {
        *(side for side in SIDES if _is_open(view.end(side).connection)),
        *(step.on for step in handshake if isinstance(step, AckConnection | ConfirmConnection)),
    }
    for wanted in spec.channels:
        actions += (step for step in _channel(view, wanted) if step.on in open_on)
    if spec.answers:
        actions += (step for step in _answers(view, spec) if step.on in open_on)
    for side in SIDES:
        actions += _closings(side, view)
        actions += _packets(side, view)
        if spec.has_v2:
            actions += _counterparty(side, view)
            actions += _packets_v2(side, view)
    return tuple(
        action
        for action in actions
        if isinstance(action, Stuck | ReportFork) or action.on not in broken
    )


def refresh_due_ns(trusting_period_ns: DurationNs) -> DurationNs:
    """Return the age at which a client is refreshed: two thirds of what it trusts.

    A third is left for a relayer that is down, a chain that halts, a fee that rises.
    """
    return DurationNs(trusting_period_ns * 2 // 3)


def _client(side: Side, view: PathView) -> Iterator[Action]:
    for fork in view.end(side).forks:
        yield ReportFork(side, fork)
    client = view.end(side).client
    if client is None:
        yield CreateClient(side)
        return
    if client.is_frozen:
        yield Stuck(side, f"client {client.client_id} is frozen by misbehaviour")
        return
    if client.is_forked:
        yield Stuck(side, f"client {client.client_id} keeps a block that its chain does not have")
        return
    # The host's clock judges expiry; the newer of the two chains' times is the safer guess.
    now = max(view.a.status.time, view.b.status.time)
    age = now - client.latest_time
    if age >= client.trusting_period_ns:
        yield Stuck(
            side, f"client {client.client_id} expired: no header within its trusting period"
        )
    elif age >= refresh_due_ns(client.trusting_period_ns):
        yield RefreshClient(side)


def _is_open(connection: ConnectionInfo | None) -> bool:
    return connection is not None and connection.end.state is ConnectionState.OPEN


def _connection(view: PathView) -> Iterator[Action]:
    """ICS-03, "Opening Handshake": whoever has begun is answered; A begins."""
    if view.a.client is None or view.b.client is None:
        return
    clients = {Side.A: view.a.client.client_id, Side.B: view.b.client.client_id}
    if view.a.connection is None and view.b.connection is None:
        yield InitConnection(Side.A, clients[Side.A], clients[Side.B])
        return
    for side in SIDES:
        own, other = view.end(side).connection, view.end(side.other).connection
        if other is None:
            continue
        if own is None:
            if other.end.state is ConnectionState.INIT:
                yield TryConnection(side, clients[side], other)
        elif own.end.state is ConnectionState.INIT and other.end.state is ConnectionState.TRYOPEN:
            yield AckConnection(side, own, other)
        elif own.end.state is ConnectionState.TRYOPEN and other.end.state is ConnectionState.OPEN:
            yield ConfirmConnection(side, own, other)


def _channel(view: PathView, wanted: WantedChannel) -> Iterator[Action]:
    """ICS-04, "Channel opening handshake": one pair of ends for each wanted channel.

    The caller drops steps on a side whose connection is not open.
    """
    pair = _pair_of(view, wanted)
    if not pair:
        if view.a.connection is not None and view.b.connection is not None:
            yield InitChannel(Side.A, view.a.connection, wanted)
        return
    yield from _steps(view, pair)


def _answers(view: PathView, spec: PathSpec) -> Iterator[Action]:
    """Open what others have begun: each channel under way that is none of the wanted ones."""
    wanted = [pair.values() for each in spec.channels if (pair := _pair_of(view, each))]
    done = [channel for channels in wanted for channel in channels]
    for side in SIDES:
        for channel in view.end(side).channels:
            if channel.end.state not in {ChannelState.INIT, ChannelState.TRYOPEN}:
                continue
            if channel in done or any(
                each.port_on(side) == channel.port_id for each in spec.channels
            ):
                continue
            pair = {side: channel}
            other = counterpart(view.end(side.other), channel)
            if other is not None:
                pair[side.other] = other
                done.append(other)
            yield from _steps(view, pair)


def _steps(view: PathView, pair: dict[Side, IdentifiedChannel]) -> Iterator[Action]:
    for side in SIDES:
        own, other = pair.get(side), pair.get(side.other)
        connection = view.end(side).connection
        if other is None or connection is None:
            continue
        if own is None:
            if other.end.state is ChannelState.INIT:
                yield TryChannel(side, connection, other)
        elif own.end.state is ChannelState.INIT and other.end.state is ChannelState.TRYOPEN:
            yield AckChannel(side, own, other)
        elif own.end.state is ChannelState.TRYOPEN and other.end.state is ChannelState.OPEN:
            yield ConfirmChannel(side, own, other)


def _pair_of(view: PathView, wanted: WantedChannel) -> dict[Side, IdentifiedChannel]:
    """Return the ends of the channel that is or becomes the wanted one; empty where none is.

    The furthest attempt wins, then the oldest: two runs that crossed do not both go on.
    """
    progress = {ChannelState.OPEN: 0, ChannelState.TRYOPEN: 1, ChannelState.INIT: 2}
    attempts: list[tuple[int, int, dict[Side, IdentifiedChannel]]] = []
    for side in SIDES:
        for channel in view.end(side).channels:
            end = channel.end
            fits = (
                end.state in progress
                and channel.port_id == wanted.port_on(side)
                and end.counterparty.port_id == wanted.port_on(side.other)
                and end.ordering is wanted.ordering
            )
            if fits:
                pair = {side: channel}
                other = counterpart(view.end(side.other), channel)
                if other is not None and other.end.state is not ChannelState.CLOSED:
                    pair[side.other] = other
                attempts.append((progress[end.state], _number(channel.channel_id), pair))
    if not attempts:
        return {}
    return min(attempts, key=lambda attempt: (attempt[0], -len(attempt[2]), attempt[1]))[2]


def _number(channel_id: str) -> int:
    digits = channel_id.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdecimal() else 0


def counterpart(end: EndView, channel: IdentifiedChannel) -> IdentifiedChannel | None:
    """Return the end on the other chain that names ``channel`` or is named by it."""
    counterparty = channel.end.counterparty
    for candidate in end.channels:
        named = candidate.end.counterparty
        if candidate.port_id != counterparty.port_id or named.port_id != channel.port_id:
            continue
        if counterparty.channel_id:
            if candidate.channel_id == counterparty.channel_id:
                return candidate
        elif named.channel_id == channel.channel_id:
            return candidate
    return None


def _closings(side: Side, view: PathView) -> Iterator[Action]:
    """ICS-04, "Closing handshake": an end whose other end is closed follows it."""
    for own in view.end(side).channels:
        if own.end.state is not ChannelState.OPEN:
            continue
        other = counterpart(view.end(side.other), own)
        if other is not None and other.end.state is ChannelState.CLOSED:
            yield CloseChannel(side, own, other)


def _packets(sender: Side, view: PathView) -> Iterator[Action]:
    """Bring every packet whose commitment is still there one step further, oldest first."""
    destination = view.end(sender.other)
    for outgoing in sorted(view.end(sender).outgoing, key=_order_of):
        packet = outgoing.packet
        if outgoing.is_received:
            if outgoing.acknowledgement is not None:
                yield AcknowledgePacket(sender, packet, outgoing.acknowledgement)
        elif outgoing.is_destination_closed:
            yield TimeOutPacket(sender, packet, outgoing.ordering, is_on_close=True)
        elif has_timed_out(outgoing, destination):
            yield TimeOutPacket(sender, packet, outgoing.ordering, is_on_close=False)
        else:
            yield ReceivePacket(sender.other, packet)


def _counterparty(side: Side, view: PathView) -> Iterator[Action]:
    """Say on a chain which client of the other belongs to its own, once both are there."""
    own, other = view.end(side), view.end(side.other).client
    if own.client is None or other is None:
        return
    if own.counterparty is None:
        yield RegisterCounterparty(side, own.client.client_id, other.client_id)
    elif own.counterparty != other.client_id:
        yield Stuck(
            side, f"client {own.client.client_id} belongs to {own.counterparty}, not to the path's"
        )


def _packets_v2(sender: Side, view: PathView) -> Iterator[Action]:
    """Bring every packet of IBC v2 one step further, oldest first."""
    time_there = view.end(sender.other).status.time // NS_PER_SECOND
    for outgoing in view.end(sender).outgoing_v2:
        packet = outgoing.packet
        if outgoing.is_received:
            if outgoing.acknowledgement is not None:
                yield AcknowledgePacketV2(sender, packet, outgoing.acknowledgement)
        elif time_there >= packet.timeout_timestamp:
            yield TimeOutPacketV2(sender, packet)
        else:
            yield ReceivePacketV2(sender.other, packet)


def _order_of(outgoing: OutgoingPacket) -> tuple[str, str, int]:
    packet = outgoing.packet
    return packet.source_port, packet.source_channel, packet.sequence


def has_timed_out(outgoing: OutgoingPacket, destination: EndView) -> bool:
    """Return whether the destination's newest header is at or after the packet's timeout."""
    packet = outgoing.packet
    height = Height(destination.status.revision, destination.status.height)
    if not packet.timeout_height.is_zero() and height >= packet.timeout_height:
        return True
    return 0 < packet.timeout_timestamp <= destination.status.time
