"""What a node says of itself before it talks (CometBFT p2p, ``DefaultNodeInfo``)."""

from dataclasses import dataclass

from chainkit.formats.tendermint.types import BLOCK_PROTOCOL_VERSION
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import UINT64_MAX
from relay_chain.consensus.messages import PeerId
from relay_chain.node.p2p.address import parse_host_port, parse_peer_id
from relay_chain.node.p2p.errors import IncompatiblePeer, InvalidNodeInfo
from relay_chain.node.p2p.fields import bytes_field, message_field, read_fields, varint_field
from relay_chain.node.p2p.limits import MAX_NODE_INFO_CHANNELS

P2P_PROTOCOL_VERSION = 8
"""CometBFT 0.38 ``version.P2PProtocol``."""


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node's self-description; only the id is authenticated."""

    id: PeerId
    listen_address: str
    network: str
    version: str
    channels: bytes
    moniker: str
    tx_index: str = "on"
    rpc_address: str = ""
    p2p_version: int = P2P_PROTOCOL_VERSION
    block_version: int = BLOCK_PROTOCOL_VERSION
    app_version: int = 0


def encode_node_info(info: NodeInfo) -> bytes:
    """Return ``tendermint.p2p.DefaultNodeInfo``."""
    version = (
        varint_field(1, info.p2p_version)
        + varint_field(2, info.block_version)
        + varint_field(3, info.app_version)
    )
    other = bytes_field(1, info.tx_index.encode()) + bytes_field(2, info.rpc_address.encode())
    texts = (info.id, info.listen_address, info.network, info.version)
    return (
        message_field(1, version)
        + b"".join(bytes_field(2 + at, text.encode()) for at, text in enumerate(texts))
        + bytes_field(6, info.channels)
        + bytes_field(7, info.moniker.encode())
        + message_field(8, other)
    )


def decode_node_info(data: bytes) -> NodeInfo:
    """Return a peer's description, with fields that we do not know left out.

    Raises:
        InvalidNodeInfo: The bytes do not decode, or break a rule of ``validate_node_info``.
    """
    try:
        fields = dict(read_fields(data))
        version = dict(read_fields(_bytes(fields, 1)))
        other = dict(read_fields(_bytes(fields, 8)))
        info = NodeInfo(
            id=PeerId(_text(fields, 2)),
            listen_address=_text(fields, 3),
            network=_text(fields, 4),
            version=_text(fields, 5),
            channels=_bytes(fields, 6),
            moniker=_text(fields, 7),
            tx_index=_text(other, 1),
            rpc_address=_text(other, 2),
            p2p_version=_integer(version, 1),
            block_version=_integer(version, 2),
            app_version=_integer(version, 3),
        )
    except MalformedMessage as error:
        raise InvalidNodeInfo(f"node info does not decode: {error}") from error
    validate_node_info(info)
    return info


def validate_node_info(info: NodeInfo) -> None:
    """Check a description by itself (CometBFT p2p, ``Validate``).

    Raises:
        InvalidNodeInfo: A rule is broken.
    """
    try:
        parse_peer_id(info.id)
        parse_host_port(info.listen_address)
    except MalformedMessage as error:
        raise InvalidNodeInfo(str(error)) from error
    if info.version and not _is_plain_text(info.version):
        raise InvalidNodeInfo("version is no plain ASCII text")
    if len(info.channels) > MAX_NODE_INFO_CHANNELS:
        raise InvalidNodeInfo(f"{len(info.channels)} channels")
    if len(set(info.channels)) != len(info.channels):
        raise InvalidNodeInfo("a channel is listed twice")
    if not _is_plain_text(info.moniker):
        raise InvalidNodeInfo("moniker is no plain ASCII text")
    if info.tx_index not in {"", "on", "off"}:
        raise InvalidNodeInfo("tx_index is neither on nor off")
    if info.rpc_address and not _is_plain_text(info.rpc_address):
        raise InvalidNodeInfo("rpc address is no plain ASCII text")


def check_compatible(ours: NodeInfo, theirs: NodeInfo) -> None:
    """Check that two nodes can talk (CometBFT p2p, ``CompatibleWith``).

    Raises:
        IncompatiblePeer: Another block version or network, or no channel in common.
    """
    if ours.block_version != theirs.block_version:
        raise IncompatiblePeer(f"block version {theirs.block_version}, not {ours.block_version}")
    if ours.network != theirs.network:
        raise IncompatiblePeer(f"network {theirs.network[:50]!r}, not {ours.network!r}")
    if ours.channels and not set(ours.channels) & set(theirs.channels):
        raise IncompatiblePeer("no channel in common")


def _is_plain_text(text: str) -> bool:
    return bool(text.strip(" ")) and all(" " <= character <= "~" for character in text)


def _bytes(fields: dict[int, int | bytes], number: int) -> bytes:
    value = fields.get(number, b"")
    if isinstance(value, int):
        raise MalformedMessage(f"field {number} is an integer")
    return value


def _text(fields: dict[int, int | bytes], number: int) -> str:
    try:
        return _bytes(fields, number).decode()
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"field {number} is no UTF-8") from error


def _integer(fields: dict[int, int | bytes], number: int) -> int:
    value = fields.get(number, 0)
    if isinstance(value, bytes):
        raise MalformedMessage(f"field {number} is no integer")
    assert 0 <= value <= UINT64_MAX
    return value
