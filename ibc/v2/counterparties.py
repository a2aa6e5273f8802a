"""Which client of the other chain belongs to a client here, and who may relay for it.

Only who made a client says so, and once: another answer would let packets of another client
be received as if they were this one's.
"""

from chainkit.primitives.types import Address, ClientId
from chainkit.runtime.context import Context
from chainkit.wire.codec import encode
from chainkit.wire.proto.ibc.core.client.v2 import config_pb2
from ibc.addresses import parse_address
from ibc.errors import InvalidRequest, Unauthorized
from ibc.ics02_client.clients import Clients, client_store
from ibc.ics24_host import paths
from ibc.sequences import write_sequence
from ibc.v2.codec import counterparty_to_proto, load_config, load_counterparty
from ibc.v2.errors import CounterpartyNotFound
from ibc.v2.types import Counterparty

FIRST_SEQUENCE = 1


def counterparty_of(ctx: Context, client_id: ClientId) -> Counterparty | None:
    """Return the counterparty of a client, or None."""
    value = client_store(ctx, client_id).get(paths.CLIENT_COUNTERPARTY)
    return None if value is None else load_counterparty(value)


def require_counterparty(ctx: Context, client_id: ClientId) -> Counterparty:
    """Return the counterparty of a client, or refuse with ``CounterpartyNotFound``."""
    counterparty = counterparty_of(ctx, client_id)
    if counterparty is None:
        raise CounterpartyNotFound(f"client {client_id[:64]}")
    return counterparty


def register_counterparty(
    ctx: Context,
    clients: Clients,
    client_id: ClientId,
    counterparty: Counterparty,
    signer: Address,
) -> None:
    """Note the counterparty of a client and let it send.

    Raises:
        ClientNotFound: There is no such client.
        Unauthorized: Somebody else made the client.
        InvalidRequest: It has one.
    """
    clients.route(ctx, client_id)
    store = client_store(ctx, client_id)
    if store.get(paths.CLIENT_CREATOR) != signer:
        raise Unauthorized("only who made the client registers its counterparty")
    if counterparty_of(ctx, client_id) is not None:
        raise InvalidRequest("cannot register counterparty once it is already set")
    store.set(paths.CLIENT_COUNTERPARTY, encode(counterparty_to_proto(counterparty)))
    write_sequence(ctx, paths.next_sequence_send_v2(client_id), FIRST_SEQUENCE)


def allowed_relayers(ctx: Context, client_id: ClientId) -> tuple[str, ...]:
    """Return the addresses that may relay for a client; empty means everybody."""
    value = client_store(ctx, client_id).get(paths.CLIENT_CONFIG)
    return () if value is None else load_config(value)


def set_allowed_relayers(
    ctx: Context,
    clients: Clients,
    client_id: ClientId,
    relayers: tuple[str, ...],
    signer: Address,
    authority: Address,
) -> None:
    """Say who may relay for a client; its maker and the authority may.

    Raises:
        ClientNotFound: There is no such client.
        Unauthorized: The signer is neither.
    """
    clients.route(ctx, client_id)
    store = client_store(ctx, client_id)
    if signer not in {store.get(paths.CLIENT_CREATOR), authority}:
        raise Unauthorized("only the authority or who made the client may do this")
    store.set(paths.CLIENT_CONFIG, encode(config_pb2.Config(allowed_relayers=relayers)))


def require_relayer(ctx: Context, client_id: ClientId, relayer: Address, prefix: str) -> None:
    """Refuse a relayer that is not allowed for a client."""
    allowed = allowed_relayers(ctx, client_id)
    if allowed and relayer not in {parse_address(text, prefix) for text in allowed}:
        raise Unauthorized(f"relayer is not authorized to update client {client_id}")
