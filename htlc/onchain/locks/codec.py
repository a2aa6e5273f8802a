"""Protobuf of hash locks."""

from dataclasses import dataclass

from chainkit.primitives.heights import Height
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.primitives.types import Address, ChannelId, TimestampNs
from chainkit.runtime.addresses import format_address, parse_address
from chainkit.runtime.tx_codec import coin_from_proto, coin_to_proto
from chainkit.wire.codec import decode_strict, encode
from chainkit.wire.proto.isthmus.htlc.v1 import htlc_pb2 as pb
from htlc.onchain.locks.terms import Lock, Status, check_digest, check_preimage
from ibc.ics02_client.codec import height_from_proto
from ibc.ics24_host.identifiers import parse_channel_id


@dataclass(frozen=True, slots=True)
class Claim:
    """Bring a preimage (``MsgClaim``)."""

    signer: Address
    preimage: bytes


@dataclass(frozen=True, slots=True)
class Refund:
    """End an expired lock (``MsgRefund``)."""

    signer: Address
    digest: bytes


@dataclass(frozen=True, slots=True)
class SendPreimage:
    """Bring a preimage to another chain (``MsgSendPreimage``)."""

    sender: Address
    source_channel: ChannelId
    preimage: bytes
    timeout_height: Height
    timeout_timestamp: TimestampNs


def decode_lock(data: bytes, prefix: str) -> Lock:
    """Return what ``MsgLock`` asks to lock."""
    message = decode_strict(pb.MsgLock, data, max_bytes=MAX_TX_BYTES)
    return Lock(
        check_digest(message.hash),
        parse_address(prefix, message.sender),
        parse_address(prefix, message.receiver),
        coin_from_proto(message.amount),
        message.expires_at,
    )


def decode_claim(data: bytes, prefix: str) -> Claim:
    """Return ``MsgClaim``."""
    message = decode_strict(pb.MsgClaim, data, max_bytes=MAX_TX_BYTES)
    return Claim(parse_address(prefix, message.signer), check_preimage(message.preimage))


def decode_refund(data: bytes, prefix: str) -> Refund:
    """Return ``MsgRefund``."""
    message = decode_strict(pb.MsgRefund, data, max_bytes=MAX_TX_BYTES)
    return Refund(parse_address(prefix, message.signer), check_digest(message.hash))


def decode_send_preimage(data: bytes, prefix: str) -> SendPreimage:
    """Return ``MsgSendPreimage``."""
    message = decode_strict(pb.MsgSendPreimage, data, max_bytes=MAX_TX_BYTES)
    return SendPreimage(
        parse_address(prefix, message.sender),
        parse_channel_id(message.source_channel),
        check_preimage(message.preimage),
        height_from_proto(message.timeout_height),
        TimestampNs(message.timeout_timestamp),
    )


def lock_to_proto(lock: Lock, prefix: str) -> pb.Lock:
    """Return a lock as the store and the answers hold it."""
    return pb.Lock(
        hash=lock.digest,
        sender=format_address(prefix, lock.sender),
        receiver=format_address(prefix, lock.receiver),
        amount=coin_to_proto(lock.coin),
        expires_at=lock.expires_at,
        status=pb.Status.ValueType(lock.status.value),
        preimage=lock.preimage,
    )


def dump_lock(lock: Lock, prefix: str) -> bytes:
    """Return a lock for the store."""
    return encode(lock_to_proto(lock, prefix))


def load_lock(data: bytes, prefix: str) -> Lock:
    """Return a lock of the store; the bytes are this ledger's own."""
    value = pb.Lock.FromString(data)
    return Lock(
        value.hash,
        parse_address(prefix, value.sender),
        parse_address(prefix, value.receiver),
        coin_from_proto(value.amount),
        value.expires_at,
        Status(value.status),
        value.preimage,
    )
