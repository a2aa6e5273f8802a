"""Stored forms, messages and answers of ``cosmos.slashing.v1beta1``."""

from dataclasses import dataclass

from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES, MAX_TX_BYTES
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, DurationNs, TimestampNs
from chainkit.runtime.addresses import format_address, parse_address
from chainkit.wire.codec import (
    decode_known,
    duration_to_proto,
    encode,
    timestamp_from_proto,
    timestamp_to_proto,
)
from chainkit.wire.proto.cosmos.slashing.v1beta1 import query_pb2, slashing_pb2, tx_pb2

DEC = 10**18
FOREVER = TimestampNs(253_402_300_799 * NS_PER_SECOND)
"""SDK ``DoubleSignJailEndTime``: the last second of the year 9999."""


@dataclass(frozen=True, slots=True)
class SlashingParams:
    """Fractions are in 10**-18 (``atto``); defaults are the SDK's."""

    signed_blocks_window: int = 100
    min_signed_atto: int = DEC // 2
    downtime_jail_seconds: int = 600
    slash_fraction_double_sign_atto: int = DEC // 20
    slash_fraction_downtime_atto: int = DEC // 100


@dataclass(frozen=True, slots=True)
class SigningInfo:
    """What is known of a validator's signing; ``address`` is of its consensus key."""

    address: Address
    start_height: int
    index_offset: int = 0
    missed_blocks_counter: int = 0
    jailed_until: TimestampNs = TimestampNs(0)
    tombstoned: bool = False


@dataclass(frozen=True, slots=True)
class Unjail:
    """``MsgUnjail``."""

    operator: Address


def _params_to_proto(params: SlashingParams) -> slashing_pb2.Params:
    return slashing_pb2.Params(
        signed_blocks_window=params.signed_blocks_window,
        min_signed_per_window=str(params.min_signed_atto).encode(),
        downtime_jail_duration=duration_to_proto(
            DurationNs(params.downtime_jail_seconds * NS_PER_SECOND)
        ),
        slash_fraction_double_sign=str(params.slash_fraction_double_sign_atto).encode(),
        slash_fraction_downtime=str(params.slash_fraction_downtime_atto).encode(),
    )


def encode_params(params: SlashingParams) -> bytes:
    """Return the stored form."""
    return encode(_params_to_proto(params))


def decode_params(data: bytes) -> SlashingParams:
    """Return what :func:`encode_params` stored."""
    pb = decode_known(slashing_pb2.Params, data, max_bytes=MAX_STORE_VALUE_BYTES)
    return SlashingParams(
        signed_blocks_window=pb.signed_blocks_window,
        min_signed_atto=int(pb.min_signed_per_window),
        downtime_jail_seconds=pb.downtime_jail_duration.seconds,
        slash_fraction_double_sign_atto=int(pb.slash_fraction_double_sign),
        slash_fraction_downtime_atto=int(pb.slash_fraction_downtime),
    )


def encode_params_response(params: SlashingParams) -> bytes:
    """Return the answer of ``Query/Params``."""
    return encode(query_pb2.QueryParamsResponse(params=_params_to_proto(params)))


def _info_to_proto(prefix: str, info: SigningInfo) -> slashing_pb2.ValidatorSigningInfo:
    return slashing_pb2.ValidatorSigningInfo(
        address=format_address(prefix + "valcons", info.address),
        start_height=info.start_height,
        index_offset=info.index_offset,
        jailed_until=timestamp_to_proto(info.jailed_until),
        tombstoned=info.tombstoned,
        missed_blocks_counter=info.missed_blocks_counter,
    )


def encode_info(prefix: str, info: SigningInfo) -> bytes:
    """Return the stored form."""
    return encode(_info_to_proto(prefix, info))


def decode_info(prefix: str, data: bytes) -> SigningInfo:
    """Return what :func:`encode_info` stored."""
    pb = decode_known(slashing_pb2.ValidatorSigningInfo, data, max_bytes=MAX_STORE_VALUE_BYTES)
    return SigningInfo(
        address=parse_address(prefix + "valcons", pb.address),
        start_height=pb.start_height,
        index_offset=pb.index_offset,
        missed_blocks_counter=pb.missed_blocks_counter,
        jailed_until=timestamp_from_proto(pb.jailed_until),
        tombstoned=pb.tombstoned,
    )


def encode_infos_response(prefix: str, infos: list[SigningInfo]) -> bytes:
    """Return the answer of ``Query/SigningInfos``."""
    found = [_info_to_proto(prefix, info) for info in infos]
    return encode(query_pb2.QuerySigningInfosResponse(info=found))


def decode_unjail(prefix: str, data: bytes) -> Unjail:
    """Return the ``MsgUnjail`` in ``data``."""
    pb = decode_known(tx_pb2.MsgUnjail, data, max_bytes=MAX_TX_BYTES)
    return Unjail(parse_address(prefix + "valoper", pb.validator_addr))


def encode_unjail_response() -> bytes:
    """Return ``MsgUnjailResponse``."""
    return encode(tx_pb2.MsgUnjailResponse())
