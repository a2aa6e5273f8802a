"""From an action to its message: the proof is fetched, and checked to show what it must."""

from chainkit.primitives.types import BlockHeight, DurationNs
from ibc.ics02_client.port import AnyValue
from ibc.ics03_connection.codec import decode_connection
from ibc.ics04_channel.codec import decode_channel
from ibc.ics04_channel.types import ChannelState, Order
from ibc.ics24_host import paths
from parachains.sdk.relaying import ConnectionInfo, ProvenValue
from relayer import codec
from relayer.ports import ChainClient, TrackedChain
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
    InitChannel,
    InitConnection,
    ReceivePacket,
    ReceivePacketV2,
    RefreshClient,
    RegisterCounterparty,
    ReportFork,
    Stuck,
    TimeOutPacket,
    TimeOutPacketV2,
    TryChannel,
    TryConnection,
)


def needs_proof(action: Action) -> bool:
    """Return whether the action's message proves something of the other chain."""
    return not isinstance(
        action,
        CreateClient
        | RefreshClient
        | ReportFork
        | InitConnection
        | InitChannel
        | RegisterCounterparty
        | Stuck,
    )


async def build(
    action: Action,
    host: ChainClient,
    source: TrackedChain,
    target: BlockHeight,
    trusting_period_ns: DurationNs | None,
) -> AnyValue | None:
    """Return the action's message for ``host``, proven under ``source``'s header at ``target``.

    None where there is no such message (a refresh is the client's update alone, a fork is
    shown by :func:`report`), or where what must be proven is not under that header yet, or
    not any more: the next look decides.
    """
    signer = host.signer
    match action:
        case CreateClient():
            return codec.create_client(await source.new_client(trusting_period_ns), signer)
        case RefreshClient() | ReportFork() | Stuck():
            return None
        case InitConnection():
            return codec.connection_init(action, source.commitment_prefix, signer)
        case TryConnection(other=other):
            proven = await _connection(source, other, target)
            prefix = source.commitment_prefix
            return codec.connection_try(action, prefix, proven, signer) if proven else None
        case AckConnection(other=other):
            proven = await _connection(source, other, target)
            return codec.connection_ack(action, proven, signer) if proven else None
        case ConfirmConnection(other=other):
            proven = await _connection(source, other, target)
            return codec.connection_confirm(action, proven, signer) if proven else None
        case InitChannel():
            return codec.channel_init(action, signer)
        case TryChannel() | AckChannel() | ConfirmChannel() | CloseChannel():
            return await _channel_step(action, source, target, signer)
        case ReceivePacket() | AcknowledgePacket() | TimeOutPacket():
            return await _packet_step(action, source, target, signer)
        case _:
            return await _v2_step(action, source, target, signer)


async def report(
    action: ReportFork, host: ChainClient, source: TrackedChain
) -> tuple[AnyValue, ...]:
    """Return the messages that show a client its chain's true branch; empty where none would."""
    fork = action.fork
    evidence = await source.fork_evidence(fork.state, fork.agreed)
    return tuple(codec.update_client(fork.client_id, each, host.signer) for each in evidence)


async def _channel_step(
    action: TryChannel | AckChannel | ConfirmChannel | CloseChannel,
    source: TrackedChain,
    target: BlockHeight,
    signer: str,
) -> AnyValue | None:
    other = action.other
    proven = await _existing(source, paths.channel(other.port_id, other.channel_id), target)
    if proven is None or decode_channel(proven.value).state is not other.end.state:
        return None
    match action:
        case TryChannel():
            return codec.channel_try(action, proven, signer)
        case AckChannel():
            return codec.channel_ack(action, proven, signer)
        case ConfirmChannel():
            return codec.channel_confirm(action, proven, signer)
        case CloseChannel():
            return codec.channel_close(action, proven, signer)


async def _packet_step(
    action: ReceivePacket | AcknowledgePacket | TimeOutPacket,
    source: TrackedChain,
    target: BlockHeight,
    signer: str,
) -> AnyValue | None:
    packet = action.packet
    port, channel = packet.destination_port, packet.destination_channel
    match action:
        case ReceivePacket():
            path = paths.packet_commitment(
                packet.source_port, packet.source_channel, packet.sequence
            )
            proven = await _existing(source, path, target)
            return codec.receive_packet(action, proven, signer) if proven else None
        case AcknowledgePacket():
            path = paths.packet_acknowledgement(port, channel, packet.sequence)
            proven = await _existing(source, path, target)
            return codec.acknowledge_packet(action, proven, signer) if proven else None
        case TimeOutPacket():
            return await _time_out(action, source, target, signer)


async def _v2_step(
    action: RegisterCounterparty | ReceivePacketV2 | AcknowledgePacketV2 | TimeOutPacketV2,
    source: TrackedChain,
    target: BlockHeight,
    signer: str,
) -> AnyValue | None:
    match action:
        case RegisterCounterparty():
            return codec.register_counterparty(action, source.commitment_prefix, signer)
        case ReceivePacketV2(packet=packet):
            path = paths.packet_commitment_v2(packet.source_client, packet.sequence)
            proven = await _existing(source, path, target)
            return codec.receive_packet_v2(action, proven, signer) if proven else None
        case AcknowledgePacketV2(packet=packet):
            path = paths.packet_acknowledgement_v2(packet.destination_client, packet.sequence)
            proven = await _existing(source, path, target)
            return codec.acknowledge_packet_v2(action, proven, signer) if proven else None
        case TimeOutPacketV2(packet=packet):
            path = paths.packet_receipt_v2(packet.destination_client, packet.sequence)
            unreceived = await source.prove(path, target)
            return None if unreceived.value else codec.time_out_v2(action, unreceived, signer)


async def _time_out(
    action: TimeOutPacket, source: TrackedChain, target: BlockHeight, signer: str
) -> AnyValue | None:
    packet = action.packet
    port, channel = packet.destination_port, packet.destination_channel
    closed = None
    if action.is_on_close:
        closed = await _existing(source, paths.channel(port, channel), target)
        if closed is None or decode_channel(closed.value).state is not ChannelState.CLOSED:
            return None
    next_sequence = 1
    if action.ordering is Order.ORDERED:
        unreceived = await source.prove(paths.next_sequence_recv(port, channel), target)
        next_sequence = int.from_bytes(unreceived.value, "big")
        if not 0 < next_sequence <= packet.sequence:
            return None
    else:
        unreceived = await source.prove(
            paths.packet_receipt(port, channel, packet.sequence), target
        )
        if unreceived.value:
            return None
    return codec.time_out_packet(action, unreceived, closed, next_sequence, signer)


async def _existing(source: TrackedChain, path: bytes, target: BlockHeight) -> ProvenValue | None:
    proven = await source.prove(path, target)
    return proven if proven.value else None


async def _connection(
    source: TrackedChain, seen: ConnectionInfo, target: BlockHeight
) -> ProvenValue | None:
    """Return the proof of the other end, if under this header it is in the state that was seen."""
    proven = await _existing(source, paths.connection(seen.connection_id), target)
    if proven is None or decode_connection(proven.value).state is not seen.end.state:
        return None
    return proven
