"""The messages of peer exchange (CometBFT ``tendermint.p2p.Message``)."""

from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.tendermint.p2p import pex_pb2, types_pb2
from relay_chain.node.p2p.address import PeerAddress, parse_peer_id
from relay_chain.node.reactors.limits import MAX_PEX_ADDRESSES, MAX_PEX_MESSAGE_BYTES

_MAX_PORT = 65_535
_MAX_HOST_CHARACTERS = 45
"""The longest text of an IPv6 address."""


@dataclass(frozen=True, slots=True)
class PexRequest:
    """Whom do you know?"""


@dataclass(frozen=True, slots=True)
class PexAddrs:
    """Peers that the sender knows; nothing says that they exist."""

    addresses: tuple[PeerAddress, ...]


PexMessage = PexRequest | PexAddrs


def encode_pex_message(message: PexMessage) -> bytes:
    """Return ``tendermint.p2p.Message``."""
    match message:
        case PexRequest():
            return encode(pex_pb2.Message(pex_request=pex_pb2.PexRequest()))
        case PexAddrs(addresses):
            found = [
                types_pb2.NetAddress(id=address.id, ip=address.host, port=address.port)
                for address in addresses
            ]
            return encode(pex_pb2.Message(pex_addrs=pex_pb2.PexAddrs(addrs=found)))


def decode_pex_message(data: bytes) -> PexMessage:
    """Return the message in the bytes.

    Raises:
        MalformedMessage: They do not decode, or hold too many addresses or one that is none.
    """
    outer = decode_known(pex_pb2.Message, data, max_bytes=MAX_PEX_MESSAGE_BYTES)
    match outer.WhichOneof("sum"):
        case "pex_request":
            return PexRequest()
        case "pex_addrs":
            found = outer.pex_addrs.addrs
            if len(found) > MAX_PEX_ADDRESSES:
                raise MalformedMessage(f"{len(found)} addresses, over {MAX_PEX_ADDRESSES}")
            return PexAddrs(tuple(_address(each) for each in found))
        case _:
            raise MalformedMessage("peer exchange message of no known kind")


def _address(pb: types_pb2.NetAddress) -> PeerAddress:
    if not 0 < len(pb.ip) <= _MAX_HOST_CHARACTERS or not 0 < pb.port <= _MAX_PORT:
        raise MalformedMessage(f"not a peer's address: {pb.ip[:50]!r}, port {pb.port}")
    return PeerAddress(parse_peer_id(pb.id), pb.ip, pb.port)
