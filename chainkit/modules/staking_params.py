"""Parameters of stake (``cosmos.staking.v1beta1.Params``), and validators' keys in genesis."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs
from chainkit.wire.codec import decode_known, duration_to_proto, encode
from chainkit.wire.proto.cosmos.staking.v1beta1 import query_pb2, staking_pb2

DEFAULT_UNBONDING_SECONDS = 1_814_400
"""SDK ``DefaultUnbondingTime``: three weeks."""

ED25519_BYTES = 32


@dataclass(frozen=True, slots=True)
class StakingParams:
    """``max_entries`` is of unbondings of one delegator from one validator."""

    unbonding_seconds: int = DEFAULT_UNBONDING_SECONDS
    max_validators: int = 100
    max_entries: int = 7
    historical_entries: int = 10_000
    bond_denom: str = "stake"


def _to_proto(params: StakingParams) -> staking_pb2.Params:
    return staking_pb2.Params(
        unbonding_time=duration_to_proto(DurationNs(params.unbonding_seconds * NS_PER_SECOND)),
        max_validators=params.max_validators,
        max_entries=params.max_entries,
        historical_entries=params.historical_entries,
        bond_denom=params.bond_denom,
        min_commission_rate="0",
    )


def encode_params(params: StakingParams) -> bytes:
    """Return the stored form."""
    return encode(_to_proto(params))


def decode_params(data: bytes) -> StakingParams:
    """Return what :func:`encode_params` stored."""
    pb = decode_known(staking_pb2.Params, data, max_bytes=MAX_STORE_VALUE_BYTES)
    return StakingParams(
        unbonding_seconds=pb.unbonding_time.seconds,
        max_validators=pb.max_validators,
        max_entries=pb.max_entries,
        historical_entries=pb.historical_entries,
        bond_denom=pb.bond_denom,
    )


def encode_params_response(params: StakingParams) -> bytes:
    """Return the answer of ``cosmos.staking.v1beta1.Query/Params``."""
    return encode(query_pb2.QueryParamsResponse(params=_to_proto(params)))


def public_key_of(entry: Mapping[str, object]) -> bytes:
    """Return the ed25519 key at ``pub_key``: base64, alone or as the member ``key`` or ``value``.

    Raises:
        MalformedMessage: Another form.
    """
    value = entry.get("pub_key")
    if isinstance(value, Mapping):
        value = value.get("key", value.get("value"))
    if not isinstance(value, str):
        raise MalformedMessage("genesis: pub_key is not a base64 text")
    try:
        key = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedMessage("genesis: pub_key is not base64") from error
    if len(key) != ED25519_BYTES:
        raise MalformedMessage(f"genesis: pub_key has {len(key)} bytes")
    return key
