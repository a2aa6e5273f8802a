"""The first words on a new connection: keys, then who is who (CometBFT p2p, ``upgrade``)."""

import asyncio
import secrets
from dataclasses import dataclass

from relay_chain.consensus.messages import PeerId
from relay_chain.node.p2p.address import peer_id_of
from relay_chain.node.p2p.errors import ConnectionLost, SelfConnection, WrongPeer
from relay_chain.node.p2p.fields import DelimitedReader, delimited
from relay_chain.node.p2p.limits import MAX_NODE_INFO_BYTES
from relay_chain.node.p2p.node_info import (
    NodeInfo,
    check_compatible,
    decode_node_info,
    encode_node_info,
)
from relay_chain.node.p2p.node_key import NodeKey
from relay_chain.node.p2p.secret_connection import (
    Authenticated,
    Received,
    Reply,
    SecretConnection,
)

READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Greeted:
    """A connection whose other side is known and compatible."""

    secret: SecretConnection
    node_info: NodeInfo
    early: bytes
    """Plaintext that came right behind the peer's node info."""


async def read_some(reader: asyncio.StreamReader) -> bytes:
    """Return what arrives next.

    Raises:
        ConnectionLost: The connection ended.
    """
    try:
        data = await reader.read(READ_BYTES)
    except OSError as error:
        raise ConnectionLost(f"connection broke: {error}") from error
    if not data:
        raise ConnectionLost("connection was closed by the peer")
    return data


async def greet(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    node_key: NodeKey,
    ours: NodeInfo,
    expected: PeerId | None,
) -> Greeted:
    """Agree on keys and exchange node infos; the caller sets the time limit.

    Raises:
        PeerError: The peer broke the protocol, is not ``expected``, is this node itself,
            or is incompatible.
        ConnectionLost: The connection ended.
    """
    secret = SecretConnection(node_key.seed, secrets.token_bytes(32))
    plain = DelimitedReader()
    connected: PeerId | None = None
    writer.write(secret.opening())
    while True:
        for event in secret.receive(await read_some(reader)):
            match event:
                case Reply(data):
                    writer.write(data)
                case Authenticated(public_key):
                    connected = _check_identity(peer_id_of(public_key), node_key.id, expected)
                    writer.write(secret.seal(delimited(encode_node_info(ours))))
                case Received(data):
                    plain.feed(data)
        message = plain.next_message(MAX_NODE_INFO_BYTES)
        if message is not None:
            assert connected is not None
            theirs = decode_node_info(message)
            if theirs.id != connected:
                raise WrongPeer(expected=connected, actual=theirs.id)
            check_compatible(ours, theirs)
            return Greeted(secret, theirs, plain.rest())


def _check_identity(actual: PeerId, own: PeerId, expected: PeerId | None) -> PeerId:
    if actual == own:
        raise SelfConnection
    if expected is not None and actual != expected:
        raise WrongPeer(expected=expected, actual=actual)
    return actual
