"""The transfer application as a module of a chain."""

from collections.abc import Mapping
from typing import Any

from chainkit.primitives.types import PortId
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidRequest
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate
from chainkit.wire.codec import encode
from chainkit.wire.proto.ibc.applications.transfer.v1 import tx_pb2
from ibc.ics20_transfer.application import PORT_ID, TransferApplication
from ibc.ics20_transfer.codec import decode_transfer, decode_update_params
from ibc.ics20_transfer.messages import Transfer, UpdateTransferParams
from ibc.ics20_transfer.payloads import TransferPayloads
from ibc.ics20_transfer.queries import amounts_route, transfer_query_routes
from ibc.ics20_transfer.state import STORE_NAME, TransferParams, set_transfer_params
from ibc.ics20_transfer.transfers import MODULE, Transfers
from ibc.ics26_routing.port import ApplicationEnvironment, IbcApplication
from ibc.ics26_routing.routes import require_authority
from ibc.v2.port import PayloadApplication

_SERVICE = "/ibc.applications.transfer.v1.Msg"


class TransferModule(BaseModule):
    """Messages, queries, genesis and the port of ICS-20."""

    name = MODULE
    store_names = (STORE_NAME,)

    def __init__(self, environment: ApplicationEnvironment) -> None:
        self._environment = environment
        self.transfers = Transfers(
            environment.packets,
            environment.ledger,
            environment.account_prefix,
            environment.labels,
        )
        self.application = TransferApplication(self.transfers)
        self.payloads = TransferPayloads(self.transfers)

    def ibc_applications(self) -> Mapping[PortId, IbcApplication]:
        """Return what answers for the port ``transfer``."""
        return {PORT_ID: self.application}

    def payload_applications(self) -> Mapping[PortId, PayloadApplication]:
        """Return what answers for payloads of the port ``transfer`` in IBC v2."""
        return {PORT_ID: self.payloads}

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return ``MsgTransfer`` and ``MsgUpdateParams``."""
        prefix = self._environment.account_prefix
        return (
            MessageRoute(
                _SERVICE + "Transfer",
                lambda data: decode_transfer(data, prefix),
                lambda message: (message.signer,),
                self._transfer,
            ),
            MessageRoute(
                _SERVICE + "UpdateParams",
                lambda data: decode_update_params(data, prefix),
                lambda message: (message.signer,),
                self._update_params,
            ),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries of ICS-20, and that of amounts."""
        routes = transfer_query_routes(self._environment.account_prefix)
        return (*routes, amounts_route(self._environment.ledger))

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Write the parameters: ``params.send_enabled`` and ``params.receive_enabled``."""
        params = state.get("params", {})
        if not isinstance(params, Mapping):
            raise InvalidRequest("transfer.params is no object")
        flags = [params.get(name, True) for name in ("send_enabled", "receive_enabled")]
        if not all(isinstance(flag, bool) for flag in flags):
            raise InvalidRequest("transfer.params holds no booleans")
        set_transfer_params(ctx, TransferParams(*flags))
        return ()

    def _transfer(self, ctx: Context, message: Transfer) -> bytes:
        environment = self._environment
        if environment.packets.channel(ctx, message.source_port, message.source_channel) is None:
            sequence = self.payloads.transfer(ctx, message, environment.payloads)
        else:
            sequence = self.transfers.send(ctx, message)
        return encode(tx_pb2.MsgTransferResponse(sequence=sequence))

    def _update_params(self, ctx: Context, message: UpdateTransferParams) -> bytes:
        require_authority(message.signer, self._environment.ledger.module_address("gov"))
        set_transfer_params(ctx, TransferParams(message.send_enabled, message.receive_enabled))
        return b""


def APPLICATION(environment: ApplicationEnvironment) -> TransferModule:  # noqa: N802 - a constant of its package
    """Return the transfer module without forwarding."""
    return TransferModule(environment)
