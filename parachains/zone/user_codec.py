"""Protobuf messages by their names, and their JSON forms, for people who talk to a zone.

Spec:
    Protocol Buffers "JSON Mapping"; names are those of the .proto files, as Cosmos tools write.
"""

import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.message import DecodeError, Message

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.runtime.tx_codec import coin_to_proto
from chainkit.wire import proto
from chainkit.wire.codec import decode_known, encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from chainkit.wire.proto.cosmos.gov.v1 import gov_pb2
from chainkit.wire.proto.cosmos.gov.v1 import tx_pb2 as gov_tx
from chainkit.wire.proto.cosmos.staking.v1beta1 import tx_pb2 as staking_tx
from chainkit.wire.proto.cosmos.tx.v1beta1 import tx_pb2
from chainkit.wire.proto.ibc.applications.transfer.v1 import tx_pb2 as transfer_tx
from chainkit.wire.proto.ibc.core.client.v1 import client_pb2
from ibc.ics02_client.port import AnyValue
from parachains.sdk.users import Transfer

VOTE_OPTIONS = {
    "yes": gov_pb2.VOTE_OPTION_YES,
    "no": gov_pb2.VOTE_OPTION_NO,
    "abstain": gov_pb2.VOTE_OPTION_ABSTAIN,
    "no_with_veto": gov_pb2.VOTE_OPTION_NO_WITH_VETO,
}
MAX_ANSWER_BYTES = 16_777_216


def _any(message: Message) -> AnyValue:
    return AnyValue(type_url(message), encode(message))


def send(sender: str, to: str, coins: Sequence[Coin]) -> AnyValue:
    """Return MsgSend."""
    amount = [coin_to_proto(coin) for coin in coins]
    return _any(bank_tx.MsgSend(from_address=sender, to_address=to, amount=amount))


def transfer(sender: str, intent: Transfer) -> AnyValue:
    """Return MsgTransfer."""
    return _any(
        transfer_tx.MsgTransfer(
            source_port=intent.port_id,
            source_channel=intent.channel_id,
            token=coin_to_proto(intent.coin),
            sender=sender,
            receiver=intent.receiver,
            timeout_height=client_pb2.Height(),
            timeout_timestamp=intent.timeout_timestamp,
            memo=intent.memo,
        )
    )


def delegate(sender: str, validator: str, coin: Coin) -> AnyValue:
    """Return MsgDelegate."""
    return _any(
        staking_tx.MsgDelegate(
            delegator_address=sender, validator_address=validator, amount=coin_to_proto(coin)
        )
    )


def undelegate(sender: str, validator: str, coin: Coin) -> AnyValue:
    """Return MsgUndelegate."""
    return _any(
        staking_tx.MsgUndelegate(
            delegator_address=sender, validator_address=validator, amount=coin_to_proto(coin)
        )
    )


def submit_proposal(
    sender: str,
    title: str,
    summary: str,
    deposit: Sequence[Coin],
    messages: Sequence[Mapping[str, object]],
) -> AnyValue:
    """Return MsgSubmitProposal.

    Raises:
        MalformedMessage: One of the messages is none.
    """
    packed = [message_from_json(value) for value in messages]
    return _any(
        gov_tx.MsgSubmitProposal(
            messages=[AnyProto(type_url=each.type_url, value=each.value) for each in packed],
            initial_deposit=[coin_to_proto(coin) for coin in deposit],
            proposer=sender,
            title=title,
            summary=summary,
        )
    )


def vote(sender: str, proposal_id: int, option: str) -> AnyValue:
    """Return MsgVote.

    Raises:
        MalformedMessage: There is no such option.
    """
    if option not in VOTE_OPTIONS:
        raise MalformedMessage(f"option: expected one of {', '.join(VOTE_OPTIONS)}")
    return _any(gov_tx.MsgVote(proposal_id=proposal_id, voter=sender, option=VOTE_OPTIONS[option]))


def message_from_json(value: Mapping[str, object]) -> AnyValue:
    """Return the message whose ``@type`` is its type URL and whose other keys are its fields.

    Raises:
        MalformedMessage: No such type, or fields that it does not have.
    """
    _check_texts(value)
    fields = dict(value)
    url = fields.pop("@type", None)
    if not isinstance(url, str):
        raise MalformedMessage('message: expected a key "@type" with a type URL')
    return _any(_parse(fields, _message_class(url.removeprefix("/"))))


@cache
def _load_schemas() -> None:
    """Import every compiled schema, so that its messages have names in the pool."""
    for module in pkgutil.walk_packages(proto.__path__, f"{proto.__name__}."):
        if module.name.endswith("_pb2"):
            importlib.import_module(module.name)


def _message_class(name: str) -> type[Message]:
    _load_schemas()
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
    except KeyError as error:
        raise MalformedMessage(f"no message type /{name}") from error
    return message_factory.GetMessageClass(descriptor)


def _check_texts(value: Mapping[str, object]) -> None:
    """Refuse halves of surrogate pairs, which json.loads lets through and protobuf chokes on."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise MalformedMessage("message: expected text that UTF-8 can write") from error


def _parse(fields: Mapping[str, object], kind: type[Message]) -> Message:
    try:
        return json_format.ParseDict(dict(fields), kind())
    except (json_format.ParseError, DecodeError, RecursionError) as error:
        raise MalformedMessage(f"{kind.DESCRIPTOR.full_name}: {error}") from error


def query_types(path: str) -> tuple[type[Message], type[Message]]:
    """Return request and answer of the gRPC method ``/package.Service/Method``.

    Raises:
        MalformedMessage: There is none.
    """
    _load_schemas()
    service, _, method = path.removeprefix("/").rpartition("/")
    try:
        found = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(method)
    except KeyError as error:
        raise MalformedMessage(f"no gRPC method {path}") from error
    return (
        message_factory.GetMessageClass(found.input_type),
        message_factory.GetMessageClass(found.output_type),
    )


def request_from_json(fields: Mapping[str, object], kind: type[Message]) -> Message:
    """Return a query's request.

    Raises:
        MalformedMessage: It has other fields.
    """
    _check_texts(fields)
    return _parse(fields, kind)


def to_json(message: Message) -> dict[str, object]:
    """Return a message in JSON; a field inside whose type nobody knows stays base64."""
    _load_schemas()
    try:
        found: dict[str, object] = json_format.MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
    except TypeError:
        # An ``Any`` of a type that this program has no schema of.
        return {"base64": encode(message).hex()}
    return found


def tx_to_json(data: bytes) -> dict[str, object]:
    """Return memo, fee and messages of a transaction, whatever its messages are."""
    raw = decode_known(tx_pb2.TxRaw, data, max_bytes=MAX_TX_BYTES)
    body = decode_known(tx_pb2.TxBody, raw.body_bytes, max_bytes=MAX_TX_BYTES)
    info = decode_known(tx_pb2.AuthInfo, raw.auth_info_bytes, max_bytes=MAX_TX_BYTES)
    return {
        "memo": body.memo,
        "fee": to_json(info.fee),
        "messages": list(_messages_to_json(body.messages)),
    }


def _messages_to_json(messages: Sequence[AnyProto]) -> Iterator[dict[str, object]]:
    for packed in messages:
        try:
            kind = _message_class(packed.type_url.rpartition("/")[2])
            message = decode_known(kind, packed.value, max_bytes=MAX_TX_BYTES)
        except MalformedMessage:
            yield {"@type": packed.type_url, "bytes": len(packed.value)}
            continue
        yield {"@type": packed.type_url, **to_json(message)}
