"""Protobuf forms of carriers, lots and payouts."""

from dataclasses import dataclass

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.formats.bitcoin.script import Op, ScriptEndsEarly, instructions, null_data
from chainkit.formats.bitcoin.transactions import Transaction
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Address, Denom
from chainkit.wire.codec import decode_known, decode_strict, encode
from chainkit.wire.proto.isthmus.utxo.v1 import utxo_pb2
from ibc.ics02_client.port import AnyValue
from parachains.utxo.errors import CarrierRefused
from parachains.utxo.limits import MAX_CARRIER_BYTES, MAX_CARRIER_MESSAGES, MAX_LOTS_PER_OUTPUT

CARRIER_TAG = b"isthIBC1"
MAX_AMOUNT_DIGITS = 78
_MAX_SMALL_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class LotAssignment:
    """Foreign tokens of spent outputs that go to an output."""

    output: int
    coin: Coin


@dataclass(frozen=True, slots=True)
class Carrier:
    """What a carrier transaction says."""

    messages: tuple[AnyValue, ...]
    first_payout: int = 0
    assignments: tuple[LotAssignment, ...] = ()


@dataclass(frozen=True, slots=True)
class Payout:
    """What a message owes a receiver; the chain's own coin has an empty denomination."""

    receiver: Address
    coin: Coin


def _amount(text: str) -> int:
    plain = text.isascii() and text.isdigit() and len(text) <= MAX_AMOUNT_DIGITS
    if not plain or text.startswith("0"):
        raise MalformedMessage("an amount is a positive whole number in its shortest form")
    return int(text)


def carrier_script(carrier: Carrier) -> bytes:
    """Return the output script that carries the messages."""
    pb = utxo_pb2.Carrier(
        messages=[AnyProto(type_url=m.type_url, value=m.value) for m in carrier.messages],
        first_payout=carrier.first_payout,
        assignments=[
            utxo_pb2.LotAssignment(
                output=item.output, denom=item.coin.denom, amount=str(item.coin.amount)
            )
            for item in carrier.assignments
        ],
    )
    return null_data(CARRIER_TAG + encode(pb))


def _payload(script: bytes) -> bytes | None:
    """Return what follows the tag in a carrier's output script, or None for another script."""
    if script[:1] != bytes([Op.RETURN]):
        return None
    try:
        parts = [item.data for item in instructions(script[1:])]
    except ScriptEndsEarly:
        return None
    if len(parts) != 1 or parts[0] is None or not parts[0].startswith(CARRIER_TAG):
        return None
    return parts[0][len(CARRIER_TAG) :]


def find_carrier(tx: Transaction) -> Carrier | None:
    """Return what a transaction carries, or None.

    Raises:
        CarrierRefused: It has two payloads, or one that does not decode.
    """
    payloads = [p for output in tx.outputs if (p := _payload(output.script_pubkey)) is not None]
    if not payloads:
        return None
    if len(payloads) > 1:
        raise CarrierRefused("carrier-malformed", "two payloads in one transaction")
    try:
        pb = decode_strict(utxo_pb2.Carrier, payloads[0], max_bytes=MAX_CARRIER_BYTES)
        assignments = tuple(
            LotAssignment(item.output, Coin(Denom(item.denom), _amount(item.amount)))
            for item in pb.assignments
        )
    except MalformedMessage as error:
        raise CarrierRefused("carrier-malformed", str(error)) from error
    if len(pb.messages) > MAX_CARRIER_MESSAGES:
        raise CarrierRefused("carrier-malformed", f"{len(pb.messages)} messages")
    messages = tuple(AnyValue(item.type_url, item.value) for item in pb.messages)
    return Carrier(messages, pb.first_payout, assignments)


def encode_lots(coins: tuple[Coin, ...]) -> bytes:
    """Return the stored form of what lies on an output."""
    return encode(
        utxo_pb2.Lots(lots=[utxo_pb2.Lot(denom=c.denom, amount=str(c.amount)) for c in coins])
    )


def decode_lots(data: bytes) -> tuple[Coin, ...]:
    """Return what lies on an output, as this chain stored it."""
    pb = decode_known(utxo_pb2.Lots, data, max_bytes=_MAX_SMALL_BYTES)
    assert len(pb.lots) <= MAX_LOTS_PER_OUTPUT
    return tuple(Coin(Denom(lot.denom), int(lot.amount)) for lot in pb.lots)


def encode_payout(payout: Payout) -> bytes:
    """Return the form in which a transaction's debts are kept while it runs."""
    coin = payout.coin
    return encode(
        utxo_pb2.Payout(receiver=payout.receiver, denom=coin.denom, amount=str(coin.amount))
    )


def decode_payout(data: bytes) -> Payout:
    """Return a debt."""
    pb = decode_known(utxo_pb2.Payout, data, max_bytes=_MAX_SMALL_BYTES)
    return Payout(Address(pb.receiver), Coin(Denom(pb.denom), int(pb.amount)))
