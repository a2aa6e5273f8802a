"""The transfer module with forwarding and rate limits."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chainkit.primitives.types import ClientId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidRequest
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate
from ibc.forward.module import ForwardingTransferModule
from ibc.ics02_client.clients import client_store
from ibc.ics20_transfer.application import PORT_ID
from ibc.ics20_transfer.denoms import parse_local_denom
from ibc.ics24_host.paths import CLIENT_STATE
from ibc.ics26_routing.port import ApplicationEnvironment, IbcApplication
from ibc.ics26_routing.routes import require_authority
from ibc.limits import MAX_RATE_LIMITS
from ibc.rate_limiting import state
from ibc.rate_limiting.codec import (
    decode_add_rate_limit,
    decode_remove_rate_limit,
    decode_reset_rate_limit,
    decode_update_rate_limit,
)
from ibc.rate_limiting.errors import (
    LimitedChannelNotFound,
    RateLimitAlreadyExists,
    RateLimitNotFound,
    TooManyRateLimits,
    ZeroChannelValue,
)
from ibc.rate_limiting.limiter import RateLimiter
from ibc.rate_limiting.messages import PointAtRateLimit, SetRateLimit
from ibc.rate_limiting.queries import rate_limit_query_routes
from ibc.rate_limiting.quotas import Flow, LimitedPath, RateLimit
from ibc.v2.port import PayloadApplication

_SERVICE = "/ibc.applications.rate_limiting.v1.Msg"


class RateLimitedTransferModule(BaseModule):
    """The transfer module, asked at each move of tokens; it stands in the others' place."""

    def __init__(self, environment: ApplicationEnvironment) -> None:
        self.limiter = RateLimiter(environment.ledger, environment.labels)
        self._environment = environment
        self._inner = ForwardingTransferModule(replace(environment, labels=self.limiter))
        self.name = self._inner.name
        self.store_names = (*self._inner.store_names, state.STORE_NAME)
        self.transfers = self._inner.transfers

    def ibc_applications(self) -> Mapping[PortId, IbcApplication]:
        """Return what answers for the port ``transfer``."""
        return self._inner.ibc_applications()

    def payload_applications(self) -> Mapping[PortId, PayloadApplication]:
        """Return what answers for payloads of the port ``transfer`` in IBC v2."""
        return self._inner.payload_applications()

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the messages of ICS-20, and those by which governance sets limits."""
        prefix = self._environment.account_prefix
        return (
            *self._inner.message_routes(),
            MessageRoute(
                _SERVICE + "AddRateLimit",
                lambda data: decode_add_rate_limit(data, prefix),
                lambda message: (message.signer,),
                self._add,
            ),
            MessageRoute(
                _SERVICE + "UpdateRateLimit",
                lambda data: decode_update_rate_limit(data, prefix),
                lambda message: (message.signer,),
                self._update,
            ),
            MessageRoute(
                _SERVICE + "RemoveRateLimit",
                lambda data: decode_remove_rate_limit(data, prefix),
                lambda message: (message.signer,),
                self._remove,
            ),
            MessageRoute(
                _SERVICE + "ResetRateLimit",
                lambda data: decode_reset_rate_limit(data, prefix),
                lambda message: (message.signer,),
                self._reset,
            ),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries of ICS-20 and of limits."""
        limits = rate_limit_query_routes(self._environment.packets)
        return (*self._inner.query_routes(), *limits)

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Write the parameters of ICS-20, and ``rate_limiting.blacklisted_denoms``."""
        limits = state.get("rate_limiting", {})
        denoms = limits.get("blacklisted_denoms", []) if isinstance(limits, Mapping) else None
        if not isinstance(denoms, list) or not all(isinstance(denom, str) for denom in denoms):
            raise InvalidRequest("transfer.rate_limiting.blacklisted_denoms is no list of names")
        for denom in denoms:
            _blacklist(ctx, denom)
        return self._inner.init_genesis(ctx, state)

    def begin_block(self, ctx: Context) -> None:
        """Begin the hour that is due, and the windows that it begins."""
        self._inner.begin_block(ctx)
        self.limiter.begin_hour(ctx)

    # --- messages -----------------------------------------------------------------------

    def _authorized(self, message: SetRateLimit | PointAtRateLimit) -> None:
        require_authority(message.signer, self._environment.ledger.module_address("gov"))

    def _found(self, ctx: Context, path: LimitedPath) -> RateLimit:
        found = state.rate_limit(ctx, path)
        if found is None:
            raise RateLimitNotFound(f"{path.denom} over {path.channel_id}")
        return found

    def _add(self, ctx: Context, message: SetRateLimit) -> bytes:
        self._authorized(message)
        path = message.path
        supply = self._environment.ledger.supply(ctx, path.denom)
        if not supply:
            raise ZeroChannelValue(path.denom)
        if state.rate_limit(ctx, path) is not None:
            raise RateLimitAlreadyExists(f"{path.denom} over {path.channel_id}")
        channel = self._environment.packets.channel(ctx, PORT_ID, path.channel_id)
        client = client_store(ctx, ClientId(path.channel_id)).get(CLIENT_STATE)
        if channel is None and client is None:
            raise LimitedChannelNotFound(path.channel_id)
        if len(state.rate_limits(ctx)) >= MAX_RATE_LIMITS:
            raise TooManyRateLimits(f"{MAX_RATE_LIMITS}")
        state.set_rate_limit(ctx, RateLimit(path, message.quota, Flow(0, 0, supply)))
        return b""

    def _update(self, ctx: Context, message: SetRateLimit) -> bytes:
        """Put another quota in place, and begin its window; packets on their way still count."""
        self._authorized(message)
        found = self._found(ctx, message.path)
        supply = self._environment.ledger.supply(ctx, message.path.denom)
        state.set_rate_limit(ctx, found.begun(supply, message.quota))
        return b""

    def _remove(self, ctx: Context, message: PointAtRateLimit) -> bytes:
        self._authorized(message)
        self._found(ctx, message.path)
        state.remove_rate_limit(ctx, message.path)
        state.forget_window(ctx, message.path)
        return b""

    def _reset(self, ctx: Context, message: PointAtRateLimit) -> bytes:
        self._authorized(message)
        self._found(ctx, message.path)
        self.limiter.reset(ctx, message.path)
        return b""


def _blacklist(ctx: Context, denom: str) -> None:
    state.blacklist(ctx, parse_local_denom(denom))


def APPLICATION(environment: ApplicationEnvironment) -> RateLimitedTransferModule:  # noqa: N802 - a constant of its package
    """Return the transfer module with forwarding and rate limits."""
    return RateLimitedTransferModule(environment)
