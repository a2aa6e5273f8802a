"""Protobuf of the rate limiter."""

import re

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES, MAX_TX_BYTES
from chainkit.primitives.types import ChannelId, Denom
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.ibc.applications.rate_limiting.v1 import rate_limiting_pb2, tx_pb2
from ibc.addresses import parse_address
from ibc.errors import InvalidRequest
from ibc.ics20_transfer.denoms import parse_local_denom
from ibc.ics24_host.identifiers import is_channel_format, is_client_format
from ibc.rate_limiting.messages import PointAtRateLimit, SetRateLimit
from ibc.rate_limiting.quotas import Flow, LimitedPath, Quota, RateLimit

_PERCENT = re.compile(r"0|[1-9][0-9]?|100", re.ASCII)
_SetProto = tx_pb2.MsgAddRateLimit | tx_pb2.MsgUpdateRateLimit
_PointProto = tx_pb2.MsgRemoveRateLimit | tx_pb2.MsgResetRateLimit


def limited_path(denom: str, channel_or_client_id: str) -> LimitedPath:
    """Return a path.

    Raises:
        InvalidRequest: The second is neither a channel's nor a client's identifier.
        MalformedMessage: The first is no denomination; ``InvalidDenom`` of a voucher.
    """
    if not (is_channel_format(channel_or_client_id) or is_client_format(channel_or_client_id)):
        raise InvalidRequest(
            f"invalid channel or client-id ({channel_or_client_id[:80]}), must be of the format "
            "'channel-{N}' or a valid client-id"
        )
    return LimitedPath(Denom(parse_local_denom(denom)), ChannelId(channel_or_client_id))


def _percent(text: str, name: str) -> int:
    if _PERCENT.fullmatch(text) is None:
        raise InvalidRequest(
            f"{name} percent must be between 0 and 100 (inclusively), Provided: {text[:40]}"
        )
    return int(text)


def decode_add_rate_limit(data: bytes, prefix: str) -> SetRateLimit:
    """Return ``MsgAddRateLimit``.

    Raises:
        InvalidRequest: A percentage is none, both are 0, or the window has no hours.
    """
    return _set_of(decode_known(tx_pb2.MsgAddRateLimit, data, max_bytes=MAX_TX_BYTES), prefix)


def decode_update_rate_limit(data: bytes, prefix: str) -> SetRateLimit:
    """Return ``MsgUpdateRateLimit``, by the same rules."""
    return _set_of(decode_known(tx_pb2.MsgUpdateRateLimit, data, max_bytes=MAX_TX_BYTES), prefix)


def _set_of(message: _SetProto, prefix: str) -> SetRateLimit:
    quota = Quota(
        _percent(message.max_percent_send, "max-percent-send"),
        _percent(message.max_percent_recv, "max-percent-recv"),
        message.duration_hours,
    )
    if not quota.max_percent_send and not quota.max_percent_receive:
        raise InvalidRequest("either the max send or max receive threshold must be greater than 0")
    if not quota.duration_hours:
        raise InvalidRequest("duration can not be zero")
    path = limited_path(message.denom, message.channel_or_client_id)
    return SetRateLimit(parse_address(message.signer, prefix), path, quota)


def decode_remove_rate_limit(data: bytes, prefix: str) -> PointAtRateLimit:
    """Return ``MsgRemoveRateLimit``."""
    return _point_of(decode_known(tx_pb2.MsgRemoveRateLimit, data, max_bytes=MAX_TX_BYTES), prefix)


def decode_reset_rate_limit(data: bytes, prefix: str) -> PointAtRateLimit:
    """Return ``MsgResetRateLimit``."""
    return _point_of(decode_known(tx_pb2.MsgResetRateLimit, data, max_bytes=MAX_TX_BYTES), prefix)


def _point_of(message: _PointProto, prefix: str) -> PointAtRateLimit:
    path = limited_path(message.denom, message.channel_or_client_id)
    return PointAtRateLimit(parse_address(message.signer, prefix), path)


def rate_limit_to_proto(limit: RateLimit) -> rate_limiting_pb2.RateLimit:
    """Return the protobuf of a limit."""
    path, quota, flow = limit.path, limit.quota, limit.flow
    return rate_limiting_pb2.RateLimit(
        path=rate_limiting_pb2.Path(denom=path.denom, channel_or_client_id=path.channel_id),
        quota=rate_limiting_pb2.Quota(
            max_percent_send=str(quota.max_percent_send),
            max_percent_recv=str(quota.max_percent_receive),
            duration_hours=quota.duration_hours,
        ),
        flow=rate_limiting_pb2.Flow(
            inflow=str(flow.inflow),
            outflow=str(flow.outflow),
            channel_value=str(flow.channel_value),
        ),
    )


def encode_rate_limit(limit: RateLimit) -> bytes:
    """Return the bytes of a limit."""
    return encode(rate_limit_to_proto(limit))


def decode_rate_limit(data: bytes) -> RateLimit:
    """Return the limit of bytes from the store.

    Raises:
        MalformedMessage: They are none.
    """
    message = decode_known(rate_limiting_pb2.RateLimit, data, max_bytes=MAX_STORE_VALUE_BYTES)
    path, quota, flow = message.path, message.quota, message.flow
    numbers = (flow.inflow, flow.outflow, flow.channel_value)
    percents = (quota.max_percent_send, quota.max_percent_recv)
    if not all(re.fullmatch("[0-9]{1,80}", text, re.ASCII) for text in (*numbers, *percents)):
        raise MalformedMessage("a number of a rate limit is none")
    return RateLimit(
        LimitedPath(Denom(path.denom), ChannelId(path.channel_or_client_id)),
        Quota(int(percents[0]), int(percents[1]), quota.duration_hours),
        Flow(*(int(text) for text in numbers)),
    )
