"""What a transaction may ask of the clients."""

from dataclasses import dataclass

from chainkit.primitives.types import Address, ClientId
from ibc.ics02_client.port import AnyValue


@dataclass(frozen=True, slots=True)
class CreateClient:
    """Trust these two states of another chain from now on."""

    client_state: AnyValue
    consensus_state: AnyValue
    signer: Address


@dataclass(frozen=True, slots=True)
class UpdateClient:
    """Take a header, a batch of them, or misbehaviour."""

    client_id: ClientId
    client_message: AnyValue
    signer: Address


@dataclass(frozen=True, slots=True)
class UpgradeClient:
    """Follow the other chain over a planned upgrade."""

    client_id: ClientId
    client_state: AnyValue
    consensus_state: AnyValue
    client_proof: bytes
    consensus_state_proof: bytes
    signer: Address


@dataclass(frozen=True, slots=True)
class RecoverClient:
    """Revive a client by an active one; only the authority may."""

    subject_client_id: ClientId
    substitute_client_id: ClientId
    signer: Address


@dataclass(frozen=True, slots=True)
class UpdateClientParams:
    """Say which client types may be used; only the authority may."""

    allowed_clients: tuple[str, ...]
    signer: Address


@dataclass(frozen=True, slots=True)
class DeleteClientCreator:
    """Forget who made a client."""

    client_id: ClientId
    signer: Address
