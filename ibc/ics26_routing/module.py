"""IBC's core as a module, and the composition of it with its applications."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainkit.primitives.types import Address, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidRequest
from chainkit.runtime.messages import MessageRoute, MessageRouter, QueryRoute
from chainkit.runtime.module import BaseModule, Module, ValidatorUpdate
from ibc.ics02_client.clients import ALLOW_ALL, Clients, set_allowed_clients
from ibc.ics02_client.port import LightClient
from ibc.ics02_client.queries import ClientQueries
from ibc.ics03_connection.connections import (
    DEFAULT_TIME_PER_BLOCK_NS,
    Connections,
    set_time_per_block_ns,
)
from ibc.ics03_connection.queries import ConnectionQueries
from ibc.ics04_channel.acknowledgement import ErrorAcknowledgement
from ibc.ics04_channel.channels import Channels
from ibc.ics04_channel.packet_queries import PacketQueries
from ibc.ics04_channel.packets import Packets
from ibc.ics04_channel.queries import ChannelQueries
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.port import NO_LABELS, AssetLabels, TokenLedger
from ibc.ics24_host.identifiers import is_channel_format
from ibc.ics24_host.paths import STORE_NAME
from ibc.ics26_routing.ante import refuse_redundant_relay
from ibc.ics26_routing.port import (
    ApplicationEnvironment,
    ApplicationFactory,
    IbcApplication,
    RouterMiddleware,
)
from ibc.ics26_routing.router import Router
from ibc.ics26_routing.routes import channel_routes, client_routes, connection_routes
from ibc.ics26_routing.sender import CheckedSender
from ibc.v2.packets import PacketsV2
from ibc.v2.port import PayloadApplication, PayloadModule
from ibc.v2.queries import v2_query_routes
from ibc.v2.router import CheckedPayloadSender, RouterV2
from ibc.v2.routes import v2_routes


class IbcModule(BaseModule):
    """Clients, connections, channels and packets; the applications are modules of their own."""

    name = "ibc"
    store_names = (STORE_NAME,)

    def __init__(
        self, router: Router, router_v2: RouterV2, account_prefix: str, authority: Address
    ) -> None:
        self.router = router
        self.router_v2 = router_v2
        self._prefix = account_prefix
        self._authority = authority

    @property
    def channels(self) -> Channels:
        """The channels, with connections and clients below them."""
        return self.router.packets.channels

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return every message of IBC's core, v1 and v2."""
        connections = self.channels.connections
        return (
            *client_routes(connections.clients, self._prefix, self._authority),
            *connection_routes(connections, self._prefix, self._authority),
            *channel_routes(self.router, self._prefix),
            *v2_routes(self.router_v2, self._prefix, self._authority),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries of clients, connections, channels and packets."""
        connections = self.channels.connections
        channel_queries = ChannelQueries(self.channels)
        return (
            *ClientQueries(connections.clients, self._prefix).routes(),
            *ConnectionQueries(connections).routes(),
            *channel_queries.routes(),
            *PacketQueries(channel_queries).routes(),
            *v2_query_routes(),
        )

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Write ``allowed_clients`` (list) and ``max_expected_time_per_block_ns`` (number)."""
        allowed = state.get("allowed_clients", [ALLOW_ALL])
        if not isinstance(allowed, list) or not all(isinstance(name, str) for name in allowed):
            raise InvalidRequest("ibc.allowed_clients is no list of names")
        per_block = state.get("max_expected_time_per_block_ns", DEFAULT_TIME_PER_BLOCK_NS)
        if not isinstance(per_block, int) or per_block <= 0:
            raise InvalidRequest("ibc.max_expected_time_per_block_ns is no positive number")
        set_allowed_clients(ctx, allowed)
        set_time_per_block_ns(ctx, per_block)
        return ()

    def ante(self, ctx: Context, messages: tuple[object, ...]) -> None:
        """Keep transactions that only repeat others' relaying out of the mempool."""
        refuse_redundant_relay(ctx, self.router, self.router_v2, messages)

    def deliver_held(self, ctx: Context, packet: Packet, relayer: Address) -> None:
        """Deliver a packet of either version that a rule has kept back."""
        if is_channel_format(packet.destination_channel):
            self.router.deliver_held(ctx, packet, relayer)
        else:
            self.router_v2.deliver_held(ctx, packet, relayer)

    def refuse_held(self, ctx: Context, packet: Packet, refusal: ErrorAcknowledgement) -> None:
        """Answer a packet of either version that a rule has kept back: it is refused."""
        if is_channel_format(packet.destination_channel):
            self.router.packets.write_acknowledgement(ctx, packet, refusal)
        else:
            self.router_v2.refuse_held(ctx, packet, f"held/{refusal.code}")


def ibc_modules(
    ledger: TokenLedger,
    light_clients: Sequence[LightClient],
    applications: Sequence[ApplicationFactory],
    *,
    account_prefix: str,
    middleware: tuple[RouterMiddleware, ...] = (),
    labels: AssetLabels = NO_LABELS,
    messages: Callable[[], MessageRouter] | None = None,
) -> tuple[Module, ...]:
    """Return the core and the applications, joined; the core is the first.

    Args:
        ledger: Where the tokens are; its ``gov`` account is the authority.
        light_clients: The kinds of chains that can be followed.
        applications: Each package's ``APPLICATION``; two must not own one port.
        account_prefix: The bech32 prefix of this chain's addresses.
        middleware: The rules before any application sees a received packet, in order.
        labels: Who hears of every move of tokens over channels.
        messages: The chain's messages, where accounts of other chains may send some.
    """
    clients = Clients(tuple(light_clients))
    packets = Packets(Channels(Connections(clients)))
    packets_v2 = PacketsV2(clients)
    environment = ApplicationEnvironment(
        CheckedSender(packets, middleware),
        ledger,
        account_prefix,
        CheckedPayloadSender(packets_v2, middleware),
        packets.channels.connections,
        lambda ctx, message: router.channel_open_init(ctx, message),  # noqa: PLW0108 - made below
        labels,
        messages,
    )
    modules = tuple(factory(environment) for factory in applications)
    owners: dict[PortId, IbcApplication] = {}
    for module in modules:
        for port_id, application in module.ibc_applications().items():
            assert port_id not in owners, f"port {port_id} has two applications"
            owners[port_id] = application
    payload_owners: dict[PortId, PayloadApplication] = {}
    for module in modules:
        if isinstance(module, PayloadModule):
            payload_owners.update(module.payload_applications())
    router = Router(packets, owners, middleware)
    router_v2 = RouterV2(packets_v2, payload_owners, account_prefix, middleware)
    authority = ledger.module_address("gov")
    return (IbcModule(router, router_v2, account_prefix, authority), *modules)
