"""Plain payments: the SDK's ``MsgSend`` says what is wanted, outputs do it.

A user's client turns such a message into outputs, or into assignments of lots where foreign
tokens are paid; the message itself never stands in a carrier.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chainkit.formats.bitcoin.addresses import AddressRules, decode_address
from chainkit.formats.bitcoin.errors import WrongAddress
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Denom
from chainkit.runtime.addresses import parse_address
from chainkit.wire.codec import decode_known, encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from ibc.ics02_client.port import AnyValue
from parachains.utxo.ledger import output_script_of
from parachains.utxo.limits import MAX_CARRIER_BYTES
from parachains.utxo.wallet import DUST

SEND_TYPE_URL = type_url(MsgSend)


@dataclass(frozen=True, slots=True)
class Payment:
    """What an output script is to get."""

    script: bytes
    coin: Coin


def send_message(sender: str, to: str, coins: Sequence[Coin]) -> AnyValue:
    """Return the message of a payment."""
    message = MsgSend(
        from_address=sender,
        to_address=to,
        amount=[coin_pb2.Coin(denom=coin.denom, amount=str(coin.amount)) for coin in coins],
    )
    return AnyValue(SEND_TYPE_URL, encode(message))


def payments_of(
    message: AnyValue, native: Denom, prefix: str, rules: AddressRules
) -> tuple[Payment, ...]:
    """Return what a message of :func:`send_message` wants paid.

    Raises:
        RuleBroken: The receiver is no address of this chain, or an amount is too small for
            an output.
    """
    wanted = decode_known(MsgSend, message.value, max_bytes=MAX_CARRIER_BYTES)
    script = _script_of(wanted.to_address, prefix, rules)
    coins = tuple(Coin(Denom(coin.denom), int(coin.amount)) for coin in wanted.amount)
    for coin in coins:
        if coin.denom == native and coin.amount < DUST:
            raise MalformedMessage(f"expected at least {DUST}{native}, got {coin.amount}{native}")
    return tuple(Payment(script, coin) for coin in coins)


def _script_of(text: str, prefix: str, rules: AddressRules) -> bytes:
    """Return the script that pays an account's address, or one in Bitcoin's forms."""
    if text.startswith(prefix + "1"):
        return output_script_of(parse_address(prefix, text))
    try:
        return decode_address(text, rules)
    except WrongAddress as error:
        raise MalformedMessage(f"receiver: {error}") from error
