"""Where a node waits for its signer: ``tcp://host:port`` or ``unix:///path``."""

import re
from dataclasses import dataclass

_TCP = re.compile(r"tcp://([^:/@\s]+|\[[0-9a-fA-F:]+\]):(\d{1,5})")
_UNIX = re.compile(r"unix://(/[^\0\s]{1,100})")
"""The system takes paths of at most 107 bytes."""


@dataclass(frozen=True, slots=True)
class TcpEndpoint:
    """A TCP address; the connection is encrypted."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixEndpoint:
    """A socket in the file system; who may open it may use it."""

    path: str

    def __str__(self) -> str:
        return f"unix://{self.path}"


SignerEndpoint = TcpEndpoint | UnixEndpoint


def signer_endpoint_of(text: str) -> SignerEndpoint:
    """Return the address that a text names.

    Raises:
        ValueError: Another form.
    """
    tcp = _TCP.fullmatch(text)
    if tcp is not None and int(tcp[2]) <= 65_535:
        return TcpEndpoint(tcp[1], int(tcp[2]))
    unix = _UNIX.fullmatch(text)
    if unix is None:
        raise ValueError(text)
    return UnixEndpoint(unix[1])
