"""Clients of other chains: create, update, freeze, upgrade, recover, and verify by them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chainkit.primitives.heights import Height
from chainkit.primitives.types import Address, ClientId, TimestampNs
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from chainkit.runtime.store import KVStore, PrefixStore, prefix_end
from ibc.events import emit
from ibc.ics02_client.codec import encode_any
from ibc.ics02_client.errors import (
    ClientNotActive,
    ClientNotFound,
    InvalidClientHeight,
    InvalidClientType,
    InvalidRecoveryClient,
    InvalidSubstitute,
    InvalidUpgradeClient,
    RouteNotFound,
)
from ibc.ics02_client.port import AnyValue, LightClient, Status
from ibc.ics24_host import paths
from ibc.ics24_host.identifiers import is_client_format, parse_client_sequence
from ibc.sequences import read_sequence, take_sequence

EVENT_MODULE = "ibc_client"
ALLOW_ALL = "*"


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of this chain, over the light clients that it was composed with."""

    light_clients: Sequence[LightClient]

    def create(
        self, ctx: Context, client_state: AnyValue, consensus_state: AnyValue, creator: Address
    ) -> ClientId:
        """Make a client from its first trusted states and return its id.

        Raises:
            RouteNotFound: No light client has this type of state.
            InvalidClientType: The two states are not of one type.
            ClientNotActive: The states leave the client unusable, or its type is not allowed.
        """
        light_client = self._of_state(client_state)
        if consensus_state.type_url != light_client.consensus_state_type_url:
            raise InvalidClientType("client and consensus state do not match")
        number = take_sequence(ctx, paths.NEXT_CLIENT_SEQUENCE)
        client_id = ClientId(f"{light_client.client_type}-{number}")
        store = client_store(ctx, client_id)
        light_client.initialize(ctx, store, client_state, consensus_state)
        self.require_active(ctx, client_id)
        store.set(paths.CLIENT_CREATOR, creator)
        height = light_client.latest_height(store)
        _emit(ctx, "create_client", client_id, ("consensus_height", str(height)))
        return client_id

    def update(self, ctx: Context, client_id: ClientId, message: AnyValue) -> None:
        """Verify a header or misbehaviour, and write what it brings or freeze the client.

        Raises:
            ClientNotActive: The client may not be used.
            InvalidClientType: The light client does not know such a message.
        """
        light_client, store = self.route(ctx, client_id)
        self.require_active(ctx, client_id)
        self.verify_message(ctx, client_id, message)
        if light_client.check_for_misbehaviour(ctx, store, message):
            light_client.update_on_misbehaviour(ctx, store, message)
            key = paths.FROZEN_CLIENTS + ctx.height.to_bytes(8, "big") + client_id.encode()
            ctx.store(paths.STORE_NAME).set(key, b"\x01")
            _emit(ctx, "client_misbehaviour", client_id)
            return
        heights = light_client.update_state(ctx, store, message)
        _emit(
            ctx,
            "update_client",
            client_id,
            ("consensus_height", str(heights[0]) if heights else ""),
            ("consensus_heights", ",".join(map(str, heights))),
            ("header", encode_any(message).hex()),
        )

    def frozen_since(self, ctx: Context, height: int) -> Iterator[ClientId]:
        """Yield the clients whose misbehaviour was proved from a height of this chain on."""
        prefix = paths.FROZEN_CLIENTS
        start = prefix + height.to_bytes(8, "big")
        for key, _ in ctx.store(paths.STORE_NAME).iterate(start, prefix_end(prefix)):
            yield ClientId(key[len(prefix) + 8 :].decode())

    def verify_message(self, ctx: Context, client_id: ClientId, message: AnyValue) -> None:
        """Verify a header or misbehaviour and write nothing."""
        light_client, store = self.route(ctx, client_id)
        if message.type_url not in light_client.client_message_type_urls:
            raise InvalidClientType(f"{message.type_url[:100]!r} for {client_id}")
        light_client.verify_client_message(ctx, store, message)

    def upgrade(
        self,
        ctx: Context,
        client_id: ClientId,
        client_state: AnyValue,
        consensus_state: AnyValue,
        client_proof: bytes,
        consensus_state_proof: bytes,
    ) -> None:
        """Take over the states that the other chain committed to before its upgrade."""
        light_client, store = self.route(ctx, client_id)
        self.require_active(ctx, client_id)
        expected = (light_client.client_state_type_url, light_client.consensus_state_type_url)
        if (client_state.type_url, consensus_state.type_url) != expected:
            raise InvalidUpgradeClient("the states are not of the client's type")
        light_client.verify_upgrade_and_update_state(
            ctx, store, client_state, consensus_state, client_proof, consensus_state_proof
        )
        height = light_client.latest_height(store)
        _emit(ctx, "upgrade_client", client_id, ("consensus_height", str(height)))

    def recover(self, ctx: Context, subject: ClientId, substitute: ClientId) -> None:
        """Give a frozen or expired client the states of an active one of the same chain."""
        light_client, store = self.route(ctx, subject)
        other, substitute_store = self.route(ctx, substitute)
        if other is not light_client:
            raise InvalidSubstitute("the clients are of two types")
        if self.status(ctx, subject) is Status.ACTIVE:
            raise InvalidRecoveryClient(f"{subject} is active")
        self.require_active(ctx, substitute)
        if light_client.latest_height(store) >= light_client.latest_height(substitute_store):
            raise InvalidClientHeight("the substitute is not ahead of the client")
        light_client.recover(ctx, store, substitute_store)
        ctx.emit(
            Event(
                "recover_client",
                (("subject_client_id", subject), ("client_type", light_client.client_type)),
            )
        )

    def route(self, ctx: Context, client_id: ClientId) -> tuple[LightClient, KVStore]:
        """Return the code and the store of a client.

        Raises:
            ClientNotFound: There is no such client.
            RouteNotFound: This chain has no light client of its type.
        """
        store = client_store(ctx, client_id)
        if not is_client_format(client_id) or store.get(paths.CLIENT_STATE) is None:
            raise ClientNotFound(client_id[:64])
        client_type = parse_client_sequence(client_id)[0]
        for light_client in self.light_clients:
            if light_client.client_type == client_type:
                return light_client, store
        raise RouteNotFound(client_id)

    def status(self, ctx: Context, client_id: ClientId) -> Status:
        """Return whether the client may be relied on now."""
        light_client, store = self.route(ctx, client_id)
        allowed = allowed_clients(ctx)
        if ALLOW_ALL not in allowed and light_client.client_type not in allowed:
            return Status.UNAUTHORIZED
        return light_client.status(ctx, store)

    def require_active(self, ctx: Context, client_id: ClientId) -> None:
        """Refuse a client that may not be relied on.

        Raises:
            ClientNotActive: It is frozen, expired, unknown or not allowed.
        """
        status = self.status(ctx, client_id)
        if status is not Status.ACTIVE:
            raise ClientNotActive(f"client ({client_id}) status is {status.value}")

    def latest_height(self, ctx: Context, client_id: ClientId) -> Height:
        """Return the highest height that the client knows."""
        light_client, store = self.route(ctx, client_id)
        return light_client.latest_height(store)

    def timestamp_at(self, ctx: Context, client_id: ClientId, height: Height) -> TimestampNs:
        """Return the other chain's time at a height that the client knows."""
        light_client, store = self.route(ctx, client_id)
        return light_client.timestamp_at_height(store, height)

    def verify_membership(
        self,
        ctx: Context,
        client_id: ClientId,
        height: Height,
        delay: tuple[int, int],
        proof: bytes,
        path: tuple[bytes, ...],
        value: bytes,
    ) -> None:
        """Verify that the other chain held ``value`` at ``path``.

        ``delay`` is how long the header must have been here: nanoseconds and blocks.
        """
        light_client, store = self.route(ctx, client_id)
        self.require_active(ctx, client_id)
        light_client.verify_membership(ctx, store, height, *delay, proof, path, value)

    def verify_non_membership(
        self,
        ctx: Context,
        client_id: ClientId,
        height: Height,
        delay: tuple[int, int],
        proof: bytes,
        path: tuple[bytes, ...],
    ) -> None:
        """Verify that the other chain held nothing at ``path``."""
        light_client, store = self.route(ctx, client_id)
        self.require_active(ctx, client_id)
        light_client.verify_non_membership(ctx, store, height, *delay, proof, path)

    def _of_state(self, client_state: AnyValue) -> LightClient:
        for light_client in self.light_clients:
            if light_client.client_state_type_url == client_state.type_url:
                return light_client
        raise RouteNotFound(f"no client for {client_state.type_url[:100]!r}")


def client_store(ctx: Context, client_id: ClientId) -> KVStore:
    """Return the part of the store that belongs to one client."""
    return PrefixStore(ctx.store(paths.STORE_NAME), paths.client_prefix(client_id))


def client_ids(ctx: Context, after: ClientId | None = None) -> Iterator[ClientId]:
    """Return the ids of all clients in key order, from the first after ``after``.

    Steps from one client's first key to the next client's, past its consensus states.
    """
    store = ctx.store(paths.STORE_NAME)
    end = prefix_end(paths.CLIENTS)
    cursor = paths.CLIENTS if after is None else prefix_end(paths.client_prefix(after))
    while cursor is not None:
        first = next(store.iterate(cursor, end), None)
        if first is None:
            return
        client_id = ClientId(first[0].split(b"/")[1].decode())
        if store.get(paths.client_state(client_id)) is not None:
            yield client_id
        cursor = prefix_end(paths.client_prefix(client_id))


def allowed_clients(ctx: Context) -> tuple[str, ...]:
    """Return the client types that may be used; ``*`` is all."""
    value = ctx.store(paths.STORE_NAME).get(paths.CLIENT_PARAMS)
    if value is None:
        return (ALLOW_ALL,)
    return tuple(name for name in value.decode().split("\n") if name)


def set_allowed_clients(ctx: Context, names: Sequence[str]) -> None:
    """Say which client types may be used."""
    text = "\n".join(names) or "\n"
    ctx.store(paths.STORE_NAME).set(paths.CLIENT_PARAMS, text.encode())


def next_client_sequence(ctx: Context) -> int:
    """Return the number of the next client."""
    return read_sequence(ctx, paths.NEXT_CLIENT_SEQUENCE)


def _emit(ctx: Context, kind: str, client_id: ClientId, *more: tuple[str, str]) -> None:
    client_type = parse_client_sequence(client_id)[0]
    attributes = (("client_id", str(client_id)), ("client_type", client_type), *more)
    emit(ctx, EVENT_MODULE, Event(kind, attributes))
