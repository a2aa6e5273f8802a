"""The transfer module with forwarding by memo."""

from collections.abc import Mapping
from typing import Any

from chainkit.primitives.types import PortId
from chainkit.runtime.context import Context
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate
from ibc.forward.application import ForwardingApplication
from ibc.forward.in_flight import STORE_NAME
from ibc.forward.payloads import UnforwardedPayloads
from ibc.ics20_transfer.application import PORT_ID
from ibc.ics20_transfer.module import TransferModule
from ibc.ics26_routing.port import ApplicationEnvironment, IbcApplication
from ibc.v2.port import PayloadApplication


class ForwardingTransferModule(BaseModule):
    """The transfer module whose port also forwards; it stands in the transfer module's place."""

    def __init__(self, environment: ApplicationEnvironment) -> None:
        self._transfer = TransferModule(environment)
        self.name = self._transfer.name
        self.store_names = (*self._transfer.store_names, STORE_NAME)
        self.transfers = self._transfer.transfers
        self.application = ForwardingApplication(self._transfer.application)
        self.payloads = UnforwardedPayloads(self._transfer.payloads)

    def ibc_applications(self) -> Mapping[PortId, IbcApplication]:
        """Return what answers for the port ``transfer``."""
        return {PORT_ID: self.application}

    def payload_applications(self) -> Mapping[PortId, PayloadApplication]:
        """Return what answers for payloads of the port ``transfer`` in IBC v2."""
        return {PORT_ID: self.payloads}

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the messages of ICS-20."""
        return self._transfer.message_routes()

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries of ICS-20."""
        return self._transfer.query_routes()

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Write the parameters of ICS-20."""
        return self._transfer.init_genesis(ctx, state)


def APPLICATION(environment: ApplicationEnvironment) -> ForwardingTransferModule:  # noqa: N802 - a constant of its package
    """Return the transfer module with forwarding."""
    return ForwardingTransferModule(environment)
