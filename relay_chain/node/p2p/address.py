"""Peer ids and the addresses they are dialled at: ``id@host:port``."""

import re
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.sigverify import ed25519
from relay_chain.consensus.messages import PeerId

_ID = re.compile(r"[0-9a-f]{40}", re.ASCII)
_HOST = re.compile(r"[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII)
_PORT = re.compile(r"\d{1,5}", re.ASCII)
_MAX_ADDRESS_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where a peer listens, and who must answer there."""

    id: PeerId
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.id}@{self.host}:{self.port}"


def peer_id_of(public_key: bytes) -> PeerId:
    """Return the id of a node key: the hex of the key's address."""
    return PeerId(ed25519.ed25519_address(public_key).hex())


def parse_peer_id(text: str) -> PeerId:
    """Return a peer id.

    Raises:
        MalformedMessage: Not 40 lower-case hex digits.
    """
    if _ID.fullmatch(text) is None:
        raise MalformedMessage(f"not a peer id: {text[:50]!r}")
    return PeerId(text)


def parse_host_port(text: str) -> tuple[str, int]:
    """Return the host and port of ``host:port``, with or without ``tcp://`` before it.

    Raises:
        MalformedMessage: No such address. An empty host, as Go writes it, is refused too.
    """
    if len(text) > _MAX_ADDRESS_CHARACTERS:
        raise MalformedMessage("address is too long")
    host, separator, port = text.removeprefix("tcp://").rpartition(":")
    if not separator or _HOST.fullmatch(host) is None or _PORT.fullmatch(port) is None:
        raise MalformedMessage(f"not an address: {text[:60]!r}")
    if int(port) > 65_535:
        raise MalformedMessage(f"not a port: {port}")
    return host.strip("[]"), int(port)


def parse_peer_address(text: str) -> PeerAddress:
    """Return the address ``id@host:port``.

    Raises:
        MalformedMessage: Another form.
    """
    peer_id, separator, rest = text.strip().partition("@")
    if not separator:
        raise MalformedMessage(f"peer address without an id: {text[:60]!r}")
    host, port = parse_host_port(rest)
    return PeerAddress(parse_peer_id(peer_id.removeprefix("tcp://")), host, port)
