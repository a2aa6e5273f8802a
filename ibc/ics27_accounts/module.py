"""Interchain accounts as a module of a chain: controller and host."""

from collections.abc import Callable, Mapping
from typing import Any

from chainkit.primitives.types import ConnectionId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.errors import KeyNotFound
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate
from chainkit.wire.codec import encode
from chainkit.wire.proto.ibc.applications.interchain_accounts.controller.v1 import (
    controller_pb2,
    query_pb2,
    tx_pb2,
)
from chainkit.wire.proto.ibc.applications.interchain_accounts.host.v1 import (
    host_pb2,
)
from chainkit.wire.proto.ibc.applications.interchain_accounts.host.v1 import (
    query_pb2 as host_query,
)
from ibc.ics26_routing.port import ApplicationEnvironment, IbcApplication
from ibc.ics26_routing.routes import require_authority
from ibc.ics27_accounts import message_codec as codec
from ibc.ics27_accounts.controller import HOST_PORT, PORT_PREFIX, Controller
from ibc.ics27_accounts.host import Host
from ibc.ics27_accounts.messages import RegisterAccount, SendTx, UpdateController, UpdateHost
from ibc.ics27_accounts.state import (
    CONTROLLER_STORE,
    HOST_STORE,
    controller_enabled,
    host_params,
    set_controller_enabled,
    set_host_params,
    write_genesis,
)
from ibc.queries import query_route

_BASE = "/ibc.applications.interchain_accounts"
_REST = "GET /ibc/apps/interchain_accounts"


class InterchainAccountsModule(BaseModule):
    """Messages, queries, genesis and the ports of ICS-27."""

    name = "interchainaccounts"
    store_names = (CONTROLLER_STORE, HOST_STORE)

    def __init__(self, environment: ApplicationEnvironment) -> None:
        self._environment = environment
        self.controller = Controller(environment)
        self.host = Host(environment)

    def ibc_applications(self) -> Mapping[PortId, IbcApplication]:
        """Return what answers for ``icahost`` and for every port ``icacontroller-...``."""
        return {HOST_PORT: self.host, PortId(PORT_PREFIX): self.controller}

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the messages of controller and host."""
        prefix = self._environment.account_prefix

        def route(
            name: str,
            decode: Callable[[bytes, str], Any],
            handle: Callable[[Context, Any], bytes],
        ) -> MessageRoute[Any]:
            return MessageRoute(
                _BASE + name,
                lambda data: decode(data, prefix),
                lambda message: (message.signer,),
                handle,
            )

        controller = ".controller.v1.Msg"
        return (
            route(
                controller + "RegisterInterchainAccount",
                codec.decode_register_account,
                self._register,
            ),
            route(controller + "SendTx", codec.decode_send_tx, self._send),
            route(
                controller + "UpdateParams", codec.decode_update_controller, self._update_controller
            ),
            route(".host.v1.MsgUpdateParams", codec.decode_update_host, self._update_host),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries of controller and host."""
        return (
            query_route(
                _BASE + ".controller.v1.Query/InterchainAccount",
                query_pb2.QueryInterchainAccountRequest,
                self._account,
                (_REST + "/controller/v1/owners/{owner}/connections/{connection_id}",),
            ),
            query_route(
                _BASE + ".controller.v1.Query/Params",
                query_pb2.QueryParamsRequest,
                _controller_params,
                (_REST + "/controller/v1/params",),
            ),
            query_route(
                _BASE + ".host.v1.Query/Params",
                host_query.QueryParamsRequest,
                _host_params,
                (_REST + "/host/v1/params",),
            ),
        )

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Write ``controller_enabled``, ``host_enabled`` and ``allow_messages``."""
        write_genesis(ctx, state)
        return ()

    def _register(self, ctx: Context, message: RegisterAccount) -> bytes:
        port_id, channel_id = self.controller.register(ctx, message)
        return encode(
            tx_pb2.MsgRegisterInterchainAccountResponse(channel_id=channel_id, port_id=port_id)
        )

    def _send(self, ctx: Context, message: SendTx) -> bytes:
        return encode(tx_pb2.MsgSendTxResponse(sequence=self.controller.send(ctx, message)))

    def _update_controller(self, ctx: Context, message: UpdateController) -> bytes:
        require_authority(message.signer, self._environment.ledger.module_address("gov"))
        set_controller_enabled(ctx, enabled=message.enabled)
        return b""

    def _update_host(self, ctx: Context, message: UpdateHost) -> bytes:
        require_authority(message.signer, self._environment.ledger.module_address("gov"))
        set_host_params(ctx, message.params)
        return b""

    def _account(
        self, ctx: Context, request: query_pb2.QueryInterchainAccountRequest
    ) -> query_pb2.QueryInterchainAccountResponse:
        connection_id = ConnectionId(request.connection_id)
        address = self.controller.account(ctx, request.owner, connection_id)
        if address is None:
            raise KeyNotFound(f"no account of {request.owner[:100]} over {connection_id[:64]}")
        return query_pb2.QueryInterchainAccountResponse(address=address)


def _controller_params(
    ctx: Context,
    request: query_pb2.QueryParamsRequest,  # noqa: ARG001 - the query's signature
) -> query_pb2.QueryParamsResponse:
    params = controller_pb2.Params(controller_enabled=controller_enabled(ctx))
    return query_pb2.QueryParamsResponse(params=params)


def _host_params(
    ctx: Context,
    request: host_query.QueryParamsRequest,  # noqa: ARG001 - the query's signature
) -> host_query.QueryParamsResponse:
    params = host_params(ctx)
    found = host_pb2.Params(host_enabled=params.enabled, allow_messages=params.allow_messages)
    return host_query.QueryParamsResponse(params=found)


def APPLICATION(environment: ApplicationEnvironment) -> InterchainAccountsModule:  # noqa: N802 - a constant of its package
    """Return the module of interchain accounts."""
    return InterchainAccountsModule(environment)
