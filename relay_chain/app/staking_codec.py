"""Stored forms, messages and answers of ``cosmos.staking.v1beta1``."""

from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from chainkit.primitives.amounts import Coin, parse_amount
from chainkit.primitives.hashing import sha256_truncated
from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES, MAX_TX_BYTES
from chainkit.primitives.types import Address, DurationNs, TimestampNs
from chainkit.runtime.addresses import format_address, parse_address
from chainkit.runtime.errors import InvalidPublicKey
from chainkit.runtime.tx_codec import coin_from_proto
from chainkit.wire.codec import (
    decode_known,
    encode,
    pack_any,
    timestamp_from_proto,
    timestamp_to_proto,
    unpack_any,
)
from chainkit.wire.proto.cosmos.crypto.ed25519.keys_pb2 import PubKey
from chainkit.wire.proto.cosmos.staking.v1beta1 import query_pb2, staking_pb2, tx_pb2

M = TypeVar("M", bound=Message)
DEC = 10**18
"""SDK ``Dec`` texts in protobuf are integers of this fraction."""


@dataclass(frozen=True, slots=True)
class StakedValidator:
    """A validator; ``shares`` are whole and worth ``tokens`` together."""

    operator: Address
    public_key: bytes
    tokens: int
    shares: int
    moniker: str = ""
    jailed: bool = False
    bonded: bool = False

    @property
    def consensus_address(self) -> Address:
        """The address that votes and evidence name."""
        return sha256_truncated(self.public_key)


@dataclass(frozen=True, slots=True)
class Unbonding:
    """Stake on its way back; ``amount`` shrinks when an earlier fault is slashed."""

    delegator: Address
    operator: Address
    amount: int
    creation_height: int
    completion_time: TimestampNs


@dataclass(frozen=True, slots=True)
class CreateValidator:
    """``MsgCreateValidator``."""

    operator: Address
    public_key: bytes
    moniker: str
    value: Coin


@dataclass(frozen=True, slots=True)
class StakeChange:
    """``MsgDelegate`` and ``MsgUndelegate``: the same fields."""

    delegator: Address
    operator: Address
    amount: Coin


def _pb(cls: type[M], data: bytes, limit: int = MAX_TX_BYTES) -> M:
    return decode_known(cls, data, max_bytes=limit)


def validator_to_proto(prefix: str, validator: StakedValidator) -> staking_pb2.Validator:
    """Return a validator's protobuf form."""
    status = (
        staking_pb2.BondStatus.BOND_STATUS_BONDED
        if validator.bonded
        else staking_pb2.BondStatus.BOND_STATUS_UNBONDED
    )
    return staking_pb2.Validator(
        operator_address=format_address(prefix + "valoper", validator.operator),
        consensus_pubkey=pack_any(PubKey(key=validator.public_key)),
        jailed=validator.jailed,
        status=status,
        tokens=str(validator.tokens),
        delegator_shares=str(validator.shares * DEC),
        description=staking_pb2.Description(moniker=validator.moniker),
        min_self_delegation="1",
    )


def encode_validator(prefix: str, validator: StakedValidator) -> bytes:
    """Return the stored form."""
    return encode(validator_to_proto(prefix, validator))


def decode_validator(prefix: str, data: bytes) -> StakedValidator:
    """Return what :func:`encode_validator` stored."""
    pb = _pb(staking_pb2.Validator, data, MAX_STORE_VALUE_BYTES)
    return StakedValidator(
        operator=parse_address(prefix + "valoper", pb.operator_address),
        public_key=bytes(unpack_any(pb.consensus_pubkey, PubKey).key),
        tokens=parse_amount(pb.tokens),
        shares=int(pb.delegator_shares) // DEC,
        moniker=pb.description.moniker,
        jailed=pb.jailed,
        bonded=pb.status == staking_pb2.BondStatus.BOND_STATUS_BONDED,
    )


def unbonding_to_proto(prefix: str, unbonding: Unbonding) -> staking_pb2.UnbondingDelegation:
    """Return an unbonding's protobuf form, of one entry."""
    entry = staking_pb2.UnbondingDelegationEntry(
        creation_height=unbonding.creation_height,
        completion_time=timestamp_to_proto(unbonding.completion_time),
        initial_balance=str(unbonding.amount),
        balance=str(unbonding.amount),
    )
    return staking_pb2.UnbondingDelegation(
        delegator_address=format_address(prefix, unbonding.delegator),
        validator_address=format_address(prefix + "valoper", unbonding.operator),
        entries=[entry],
    )


def encode_unbonding(prefix: str, unbonding: Unbonding) -> bytes:
    """Return the stored form."""
    return encode(unbonding_to_proto(prefix, unbonding))


def decode_unbonding(prefix: str, data: bytes) -> Unbonding:
    """Return what :func:`encode_unbonding` stored."""
    pb = _pb(staking_pb2.UnbondingDelegation, data, MAX_STORE_VALUE_BYTES)
    entry = pb.entries[0]
    return Unbonding(
        delegator=parse_address(prefix, pb.delegator_address),
        operator=parse_address(prefix + "valoper", pb.validator_address),
        amount=parse_amount(entry.balance),
        creation_height=entry.creation_height,
        completion_time=timestamp_from_proto(entry.completion_time),
    )


def decode_create(prefix: str, data: bytes) -> CreateValidator:
    """Return the ``MsgCreateValidator`` in ``data``.

    Raises:
        InvalidPublicKey: Not an ed25519 key.
        MalformedMessage, InvalidAddress: What their names say.
    """
    pb = _pb(tx_pb2.MsgCreateValidator, data)
    key = bytes(unpack_any(pb.pubkey, PubKey).key)
    if len(key) != 32:
        raise InvalidPublicKey(f"key of {len(key)} bytes")
    operator = parse_address(prefix + "valoper", pb.validator_address)
    return CreateValidator(operator, key, pb.description.moniker[:70], coin_from_proto(pb.value))


def decode_delegate(prefix: str, data: bytes) -> StakeChange:
    """Return the ``MsgDelegate`` in ``data``."""
    pb = _pb(tx_pb2.MsgDelegate, data)
    operator = parse_address(prefix + "valoper", pb.validator_address)
    delegator = parse_address(prefix, pb.delegator_address)
    return StakeChange(delegator, operator, coin_from_proto(pb.amount))


def decode_undelegate(prefix: str, data: bytes) -> StakeChange:
    """Return the ``MsgUndelegate`` in ``data``."""
    pb = _pb(tx_pb2.MsgUndelegate, data)
    operator = parse_address(prefix + "valoper", pb.validator_address)
    delegator = parse_address(prefix, pb.delegator_address)
    return StakeChange(delegator, operator, coin_from_proto(pb.amount))


def encode_undelegate_response(completion_time: TimestampNs, coin: Coin) -> bytes:
    """Return ``MsgUndelegateResponse``."""
    response = tx_pb2.MsgUndelegateResponse(completion_time=timestamp_to_proto(completion_time))
    response.amount.denom, response.amount.amount = coin.denom, str(coin.amount)
    return encode(response)


def encode_create_response() -> bytes:
    """Return ``MsgCreateValidatorResponse``."""
    return encode(tx_pb2.MsgCreateValidatorResponse())


def encode_delegate_response() -> bytes:
    """Return ``MsgDelegateResponse``."""
    return encode(tx_pb2.MsgDelegateResponse())


def encode_pool_response(*, bonded: int, not_bonded: int) -> bytes:
    """Return the answer of ``Query/Pool``."""
    pool = staking_pb2.Pool(bonded_tokens=str(bonded), not_bonded_tokens=str(not_bonded))
    return encode(query_pb2.QueryPoolResponse(pool=pool))


def time_after(time: TimestampNs, duration: DurationNs) -> TimestampNs:
    """Return the time ``duration`` later."""
    return TimestampNs(time + duration)
