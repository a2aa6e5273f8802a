"""The few protobuf messages that the scenario sends beside the relayer's."""

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from chainkit.primitives.types import TimestampNs
from chainkit.wire.codec import decode_known, encode, type_url
from chainkit.wire.proto.cosmos.auth.v1beta1 import auth_pb2
from chainkit.wire.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from chainkit.wire.proto.ibc.core.client.v1 import client_pb2
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx
from chainkit.wire.proto.ibc.core.connection.v1 import connection_pb2
from chainkit.wire.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx
from ibc.ics02_client.port import AnyValue
from parachains.sdk.relaying import NewClient
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


def upgrade_client(
    client_id: str, new: NewClient, proofs: tuple[bytes, bytes], signer: str
) -> AnyValue:
    """Return MsgUpgradeClient; the proofs are of the client and of its consensus state."""
    message = client_tx.MsgUpgradeClient(
        client_id=client_id,
        client_state=Any(type_url=new.client_state.type_url, value=new.client_state.value),
        consensus_state=Any(type_url=new.consensus_state.type_url, value=new.consensus_state.value),
        proof_upgrade_client=proofs[0],
        proof_upgrade_consensus_state=proofs[1],
        signer=signer,
    )
    return AnyValue(type_url(message), encode(message))


def reserved_messages(
    client_id: str, expired_id: str, signer: str
) -> tuple[tuple[str, AnyValue], ...]:
    """Return messages that only governance or a client's creator may send, each with its name."""
    messages: tuple[tuple[str, Message], ...] = (
        (
            "reviving a client",
            client_tx.MsgRecoverClient(
                subject_client_id=expired_id, substitute_client_id=client_id, signer=signer
            ),
        ),
        (
            "forbidding a client's type",
            client_tx.MsgUpdateParams(
                signer=signer, params=client_pb2.Params(allowed_clients=["06-solomachine"])
            ),
        ),
        (
            "changing the time of a block",
            connection_tx.MsgUpdateParams(
                signer=signer,
                params=connection_pb2.Params(max_expected_time_per_block=1),
            ),
        ),
        (
            "forgetting another's part in a client",
            client_tx.MsgDeleteClientCreator(client_id=client_id, signer=signer),
        ),
    )
    return tuple((label, AnyValue(type_url(each), encode(each))) for label, each in messages)


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
