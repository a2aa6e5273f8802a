"""The steps of a connection's handshake, as transactions ask for them."""

from dataclasses import dataclass

from chainkit.primitives.heights import Height
from chainkit.primitives.types import Address, ClientId, ConnectionId
from ibc.ics03_connection.types import ConnectionCounterparty
from ibc.ics03_connection.versions import Version


@dataclass(frozen=True, slots=True)
class ConnectionOpenInit:
    """Begin a handshake on chain A."""

    client_id: ClientId
    counterparty: ConnectionCounterparty
    version: Version | None
    delay_period_ns: int
    signer: Address


@dataclass(frozen=True, slots=True)
class ConnectionOpenTry:
    """Answer A's beginning on chain B."""

    client_id: ClientId
    counterparty: ConnectionCounterparty
    delay_period_ns: int
    counterparty_versions: tuple[Version, ...]
    proof_init: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class ConnectionOpenAck:
    """Accept B's answer on chain A."""

    connection_id: ConnectionId
    counterparty_connection_id: ConnectionId
    version: Version
    proof_try: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class ConnectionOpenConfirm:
    """Tell chain B that A has accepted."""

    connection_id: ConnectionId
    proof_ack: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class UpdateConnectionParams:
    """Say how long a block takes at most; only the authority may."""

    max_expected_time_per_block_ns: int
    signer: Address
