"""Connection ends as ICS-03 has them."""

from dataclasses import dataclass
from enum import Enum

from chainkit.primitives.types import ClientId, ConnectionId
from ibc.ics03_connection.versions import Version


class ConnectionState(Enum):
    """Where a connection end is in its handshake; the numbers are those of the protobuf."""

    UNINITIALIZED = 0
    INIT = 1
    TRYOPEN = 2
    OPEN = 3


@dataclass(frozen=True, slots=True)
class ConnectionCounterparty:
    """The other end; its connection id is empty until the handshake tells it."""

    client_id: ClientId
    connection_id: ConnectionId
    prefix: bytes
    """What stands before the other chain's paths, e.g. ``ibc``."""


@dataclass(frozen=True, slots=True)
class ConnectionEnd:
    """One end of a connection as it lies in the store (ICS-03, "Connection")."""

    client_id: ClientId
    versions: tuple[Version, ...]
    state: ConnectionState
    counterparty: ConnectionCounterparty
    delay_period_ns: int
    """How long a header must have been here before its packets count."""
