"""The keys of the store ``ibc`` (ICS-24, "Path-space"); the proven ones are standard."""

from chainkit.primitives.heights import Height
from chainkit.primitives.types import ChannelId, ClientId, ConnectionId, PortId, Sequence

STORE_NAME = "ibc"
COMMITMENT_PREFIX = b"ibc"
"""What the other chain puts before our paths: the store's name in the multistore."""

CLIENTS = b"clients/"
CONNECTIONS = b"connections/"
CHANNELS = b"channelEnds/"
CLIENT_STATE = b"clientState"
CONSENSUS_STATES = b"consensusStates/"
CLIENT_CONNECTIONS = b"connections"
CLIENT_CREATOR = b"creator"
CLIENT_COUNTERPARTY = b"counterparty"
CLIENT_CONFIG = b"config"
NEXT_CLIENT_SEQUENCE = b"nextClientSequence"
FROZEN_CLIENTS = b"frozenClients/"
"""Our own: clients by the height of this chain at which misbehaviour was proved."""
NEXT_CONNECTION_SEQUENCE = b"nextConnectionSequence"
NEXT_CHANNEL_SEQUENCE = b"nextChannelSequence"
CLIENT_PARAMS = b"clientParams"
CONNECTION_PARAMS = b"connectionParams"


def client_prefix(client_id: ClientId) -> bytes:
    """Return the prefix of a client's own store."""
    return f"clients/{client_id}/".encode()


def client_state(client_id: ClientId) -> bytes:
    """Return where a client's state lies."""
    return client_prefix(client_id) + CLIENT_STATE


def consensus_state_key(height: Height) -> bytes:
    """Return where a consensus state lies in the client's own store."""
    return CONSENSUS_STATES + str(height).encode()


def consensus_state(client_id: ClientId, height: Height) -> bytes:
    """Return where a consensus state lies."""
    return client_prefix(client_id) + consensus_state_key(height)


def client_connections(client_id: ClientId) -> bytes:
    """Return where the list of a client's connections lies."""
    return client_prefix(client_id) + CLIENT_CONNECTIONS


def connection(connection_id: ConnectionId) -> bytes:
    """Return where a connection end lies."""
    return CONNECTIONS + connection_id.encode()


def _of_channel(kind: str, port_id: PortId, channel_id: ChannelId) -> bytes:
    return f"{kind}/ports/{port_id}/channels/{channel_id}".encode()


def channel(port_id: PortId, channel_id: ChannelId) -> bytes:
    """Return where a channel end lies."""
    return _of_channel("channelEnds", port_id, channel_id)


def next_sequence_send(port_id: PortId, channel_id: ChannelId) -> bytes:
    """Return where the sequence of the next packet to send lies."""
    return _of_channel("nextSequenceSend", port_id, channel_id)


def next_sequence_recv(port_id: PortId, channel_id: ChannelId) -> bytes:
    """Return where the sequence of the next packet to receive lies."""
    return _of_channel("nextSequenceRecv", port_id, channel_id)


def next_sequence_ack(port_id: PortId, channel_id: ChannelId) -> bytes:
    """Return where the sequence of the next acknowledgement lies."""
    return _of_channel("nextSequenceAck", port_id, channel_id)


def packet_commitments(port_id: PortId, channel_id: ChannelId) -> bytes:
    """Return the prefix of a channel's packet commitments."""
    return _of_channel("commitments", port_id, channel_id) + b"/sequences/"


def packet_commitment(port_id: PortId, channel_id: ChannelId, sequence: Sequence) -> bytes:
    """Return where the commitment to a sent packet lies."""
    return packet_commitments(port_id, channel_id) + str(sequence).encode()


def packet_receipt(port_id: PortId, channel_id: ChannelId, sequence: Sequence) -> bytes:
    """Return where the receipt of a packet of an unordered channel lies."""
    return _of_channel("receipts", port_id, channel_id) + f"/sequences/{sequence}".encode()


def packet_acknowledgements(port_id: PortId, channel_id: ChannelId) -> bytes:
    """Return the prefix of a channel's acknowledgements."""
    return _of_channel("acks", port_id, channel_id) + b"/sequences/"


def packet_acknowledgement(port_id: PortId, channel_id: ChannelId, sequence: Sequence) -> bytes:
    """Return where the commitment to a packet's acknowledgement lies."""
    return packet_acknowledgements(port_id, channel_id) + str(sequence).encode()


def next_sequence_send_v2(client_id: ClientId) -> bytes:
    """Return where the sequence of a client's next packet lies (ibc-go ``24-host/v2``)."""
    return b"nextSequenceSend//" + client_id.encode()


def packet_commitments_v2(client_id: ClientId) -> bytes:
    """Return the prefix of a client's packet commitments in IBC v2."""
    return client_id.encode() + b"\x01"


def packet_commitment_v2(client_id: ClientId, sequence: Sequence) -> bytes:
    """Return IBC v2's key of a packet commitment."""
    return packet_commitments_v2(client_id) + sequence.to_bytes(8, "big")


def packet_receipt_v2(client_id: ClientId, sequence: Sequence) -> bytes:
    """Return IBC v2's key of a packet receipt."""
    return client_id.encode() + b"\x02" + sequence.to_bytes(8, "big")


def packet_acknowledgements_v2(client_id: ClientId) -> bytes:
    """Return the prefix of a client's acknowledgements in IBC v2."""
    return client_id.encode() + b"\x03"


def packet_acknowledgement_v2(client_id: ClientId, sequence: Sequence) -> bytes:
    """Return IBC v2's key of an acknowledgement."""
    return packet_acknowledgements_v2(client_id) + sequence.to_bytes(8, "big")


def async_packet_v2(client_id: ClientId, sequence: Sequence) -> bytes:
    """Return where a packet of IBC v2 lies that has no answer yet."""
    return client_id.encode() + b"async_packet" + sequence.to_bytes(8, "big")
