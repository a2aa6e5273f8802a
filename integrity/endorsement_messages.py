"""The messages of endorsements, appeals and what waits, from bytes to values."""

from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.primitives.types import Address, ChannelId, Denom, PortId
from chainkit.wire.codec import decode_strict
from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from ibc.addresses import parse_address
from ibc.ics24_host.identifiers import parse_channel_id, parse_port_id
from integrity.axes import HIGHEST, Level
from integrity.endorsements import Key
from integrity.limits import MAX_GROUNDS_BYTES, MAX_NAME_BYTES
from integrity.lots import MIXED
from integrity.messages import parse_chain_name

DATUM_BYTES = 32
MAX_DENOM_BYTES = 128


@dataclass(frozen=True, slots=True)
class Release:
    """End the quarantine of a chain's lots."""

    signer: Address
    chain: str


@dataclass(frozen=True, slots=True)
class DeliverHeld:
    """Judge a packet that waits once more."""

    signer: Address
    port_id: PortId
    channel_id: ChannelId
    sequence: int


@dataclass(frozen=True, slots=True)
class AddSource:
    """Let an account endorse."""

    signer: Address
    name: str
    operator: str
    account: Address
    chain: str


@dataclass(frozen=True, slots=True)
class Endorse:
    """A source's word for a datum."""

    signer: Address
    source: str
    key: Key


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take one's word back, or after a while one's bond."""

    signer: Address
    key: Key


@dataclass(frozen=True, slots=True)
class Challenge:
    """Say that an endorsement is false."""

    signer: Address
    key: Key
    grounds: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """Decide a challenge."""

    signer: Address
    key: Key
    upheld: bool


@dataclass(frozen=True, slots=True)
class OpenAppeal:
    """Appeal against the quarantine of one's own lot."""

    signer: Address
    denom: Denom
    source: str
    height: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Have an appeal decided."""

    signer: Address
    number: int


def parse_key(origin: str, datum: bytes, level: int) -> Key:
    """Return what an endorsement is about.

    Raises:
        MalformedMessage: No chain's name, no hash of 32 bytes, or no level from 1 to 4.
    """
    if len(datum) != DATUM_BYTES:
        raise MalformedMessage(f"a datum of {len(datum)} bytes, expected {DATUM_BYTES}")
    if not 0 < level <= HIGHEST:
        raise MalformedMessage(f"a level of {level}, expected 1 to {HIGHEST}")
    return Key(parse_chain_name(origin), datum, Level(level))


def parse_operator(text: str) -> str:
    """Return an operator: an account's text or a name.

    Raises:
        MalformedMessage: It is blank or too long.
    """
    if not text.isprintable() or not 0 < len(text.encode()) <= MAX_NAME_BYTES:
        raise MalformedMessage(f"an operator: {text[:MAX_NAME_BYTES]!r}")
    return text


def decode_release(data: bytes, prefix: str) -> Release:
    """Return ``MsgRelease``."""
    message = decode_strict(tx_pb2.MsgRelease, data, max_bytes=MAX_TX_BYTES)
    return Release(parse_address(message.authority, prefix), parse_chain_name(message.chain))


def decode_deliver_held(data: bytes, prefix: str) -> DeliverHeld:
    """Return ``MsgDeliverHeld``."""
    message = decode_strict(tx_pb2.MsgDeliverHeld, data, max_bytes=MAX_TX_BYTES)
    return DeliverHeld(
        parse_address(message.signer, prefix),
        parse_port_id(message.port),
        parse_channel_id(message.channel),
        message.sequence,
    )


def decode_add_source(data: bytes, prefix: str) -> AddSource:
    """Return ``MsgAddSource``."""
    message = decode_strict(tx_pb2.MsgAddSource, data, max_bytes=MAX_TX_BYTES)
    return AddSource(
        parse_address(message.authority, prefix),
        parse_chain_name(message.name),
        parse_operator(message.operator),
        parse_address(message.account, prefix),
        parse_chain_name(message.chain),
    )


def decode_endorse(data: bytes, prefix: str) -> Endorse:
    """Return ``MsgEndorse``."""
    message = decode_strict(tx_pb2.MsgEndorse, data, max_bytes=MAX_TX_BYTES)
    key = parse_key(message.origin, message.datum, message.level)
    signer = parse_address(message.endorser, prefix)
    return Endorse(signer, parse_chain_name(message.source), key)


def decode_withdraw(data: bytes, prefix: str) -> Withdraw:
    """Return ``MsgWithdraw``."""
    message = decode_strict(tx_pb2.MsgWithdraw, data, max_bytes=MAX_TX_BYTES)
    key = parse_key(message.origin, message.datum, message.level)
    return Withdraw(parse_address(message.endorser, prefix), key)


def decode_challenge(data: bytes, prefix: str) -> Challenge:
    """Return ``MsgChallenge``."""
    message = decode_strict(tx_pb2.MsgChallenge, data, max_bytes=MAX_TX_BYTES)
    if len(message.grounds.encode()) > MAX_GROUNDS_BYTES:
        raise MalformedMessage(f"grounds of more than {MAX_GROUNDS_BYTES} bytes")
    key = parse_key(message.origin, message.datum, message.level)
    return Challenge(parse_address(message.challenger, prefix), key, message.grounds)


def decode_resolve(data: bytes, prefix: str) -> Resolve:
    """Return ``MsgResolve``."""
    message = decode_strict(tx_pb2.MsgResolve, data, max_bytes=MAX_TX_BYTES)
    key = parse_key(message.origin, message.datum, message.level)
    return Resolve(parse_address(message.authority, prefix), key, message.upheld)


def decode_appeal(data: bytes, prefix: str) -> OpenAppeal:
    """Return ``MsgAppeal``."""
    message = decode_strict(tx_pb2.MsgAppeal, data, max_bytes=MAX_TX_BYTES)
    if not 0 < len(message.denom.encode()) <= MAX_DENOM_BYTES:
        raise MalformedMessage(f"a denomination: {message.denom[:MAX_NAME_BYTES]!r}")
    source = MIXED if message.source == MIXED else parse_chain_name(message.source)
    owner = parse_address(message.owner, prefix)
    return OpenAppeal(owner, Denom(message.denom), source, message.height)


def decode_settle(data: bytes, prefix: str) -> Settle:
    """Return ``MsgSettle``."""
    message = decode_strict(tx_pb2.MsgSettle, data, max_bytes=MAX_TX_BYTES)
    return Settle(parse_address(message.signer, prefix), message.id)
