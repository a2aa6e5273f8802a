"""The few protobuf messages that the scenario sends beside the relayer's."""

from chainkit.primitives.types import TimestampNs
from chainkit.wire.codec import decode_known, encode, type_url
from chainkit.wire.proto.cosmos.auth.v1beta1 import auth_pb2
from chainkit.wire.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.ics02_client.port import AnyValue
from parachains.zone.accounts import Account

_MAX_ANSWER_BYTES = 4_096


def transfer(
    channel: str, sender: str, receiver: str, denom: str, amount: int, timeout: TimestampNs
) -> AnyValue:
    """Return MsgTransfer on the transfer port; ``timeout`` is the other chain's time."""
    message = MsgTransfer(
        source_port="transfer",
        source_channel=channel,
        token=Coin(denom=denom, amount=str(amount)),
        sender=sender,
        receiver=receiver,
        timeout_timestamp=timeout,
    )
    return AnyValue(type_url(message), encode(message))


def send_to_self(address: str, denom: str, amount: int) -> AnyValue:
    """Return MsgSend of an account to itself: in a block that keeps it nothing changes."""
    message = bank_tx.MsgSend(
        from_address=address, to_address=address, amount=[Coin(denom=denom, amount=str(amount))]
    )
    return AnyValue(type_url(message), encode(message))


def encode_account_query(address: str) -> bytes:
    """Return the query of an account."""
    return encode(auth_query.QueryAccountRequest(address=address))


def decode_account(answer: bytes) -> Account:
    """Return the account in the query's answer, or raise ``MalformedMessage``."""
    found = decode_known(auth_query.QueryAccountResponse, answer, max_bytes=_MAX_ANSWER_BYTES)
    account = decode_known(auth_pb2.BaseAccount, found.account.value, max_bytes=_MAX_ANSWER_BYTES)
    return Account(account.account_number, account.sequence)
