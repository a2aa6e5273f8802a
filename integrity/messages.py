"""The messages of integrity levels, from bytes to values."""

from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.primitives.types import Address, ClientId
from chainkit.wire.codec import decode_strict
from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from ibc.addresses import parse_address
from ibc.ics24_host.identifiers import parse_channel_id, parse_client_id
from integrity.axes import HIGHEST, Level
from integrity.limits import MAX_NAME_BYTES
from integrity.rules import Mode

_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def parse_chain_name(text: str) -> str:
    """Return a chain's name: lower-case letters, digits and dashes.

    Raises:
        MalformedMessage: It is blank, too long or of other characters.
    """
    if not 0 < len(text) <= MAX_NAME_BYTES or not set(text) <= _NAME:
        raise MalformedMessage(f"a chain's name: {text[:MAX_NAME_BYTES]!r}")
    return text


@dataclass(frozen=True, slots=True)
class BindChain:
    """Say which client follows a chain."""

    signer: Address
    chain: str
    client_id: ClientId


@dataclass(frozen=True, slots=True)
class SetCap:
    """Lower one's own chain."""

    signer: Address
    chain: str
    cap: Level


@dataclass(frozen=True, slots=True)
class ConfirmRise:
    """Confirm a rise that has lasted long enough."""

    signer: Address
    chain: str


@dataclass(frozen=True, slots=True)
class SetChannelPolicy:
    """Choose how a channel treats what comes from below."""

    signer: Address
    channel: str
    mode: Mode
    strict_equal: bool


@dataclass(frozen=True, slots=True)
class Reinstate:
    """End a chain's isolation."""

    signer: Address
    chain: str


def decode_bind_chain(data: bytes, prefix: str) -> BindChain:
    """Return ``MsgBindChain``."""
    message = decode_strict(tx_pb2.MsgBindChain, data, max_bytes=MAX_TX_BYTES)
    signer = parse_address(message.authority, prefix)
    client_id = parse_client_id(message.client_id)
    return BindChain(signer, parse_chain_name(message.chain), client_id)


def decode_set_cap(data: bytes, prefix: str) -> SetCap:
    """Return ``MsgSetCap``."""
    message = decode_strict(tx_pb2.MsgSetCap, data, max_bytes=MAX_TX_BYTES)
    if message.cap > HIGHEST:
        raise MalformedMessage(f"a cap of {message.cap}")
    signer = parse_address(message.operator, prefix)
    return SetCap(signer, parse_chain_name(message.chain), Level(message.cap))


def decode_confirm_rise(data: bytes, prefix: str) -> ConfirmRise:
    """Return ``MsgConfirmRise``."""
    message = decode_strict(tx_pb2.MsgConfirmRise, data, max_bytes=MAX_TX_BYTES)
    return ConfirmRise(parse_address(message.authority, prefix), parse_chain_name(message.chain))


def decode_set_channel_policy(data: bytes, prefix: str) -> SetChannelPolicy:
    """Return ``MsgSetChannelPolicy``."""
    message = decode_strict(tx_pb2.MsgSetChannelPolicy, data, max_bytes=MAX_TX_BYTES)
    try:
        mode = Mode(message.mode)
    except ValueError as error:
        raise MalformedMessage(f"a channel mode of {message.mode}") from error
    signer = parse_address(message.authority, prefix)
    return SetChannelPolicy(signer, parse_channel_id(message.channel), mode, message.strict_equal)


def decode_reinstate(data: bytes, prefix: str) -> Reinstate:
    """Return ``MsgReinstate``."""
    message = decode_strict(tx_pb2.MsgReinstate, data, max_bytes=MAX_TX_BYTES)
    return Reinstate(parse_address(message.authority, prefix), parse_chain_name(message.chain))
