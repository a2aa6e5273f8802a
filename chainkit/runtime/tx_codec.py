"""Protobuf forms of transactions and their results.

Spec:
    Cosmos SDK ADR-020 "Protocol Buffer Transaction Encoding", ADR-027 "Deterministic
    Protobuf Serialization" (the outer ``TxRaw`` has one encoding only).
"""

from collections.abc import Sequence

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.primitives.amounts import Coin, normalize_coins, parse_amount, parse_denom
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.hashing import sha256
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.primitives.types import ChainId
from chainkit.runtime.errors import (
    InvalidPublicKey,
    NotSupported,
    TxDecodeFailed,
    TxTooLarge,
    UnknownExtensionOptions,
)
from chainkit.runtime.transaction import (
    AnyMessage,
    Fee,
    SignerInfo,
    Transaction,
)
from chainkit.sigverify import secp256k1
from chainkit.wire.codec import decode_known, decode_strict, encode, pack_any, unpack_any
from chainkit.wire.proto.cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.cosmos.crypto.secp256k1.keys_pb2 import PubKey
from chainkit.wire.proto.cosmos.tx.signing.v1beta1.signing_pb2 import SignMode
from chainkit.wire.proto.cosmos.tx.v1beta1 import tx_pb2

SECP256K1_TYPE_URL = "/cosmos.crypto.secp256k1.PubKey"


def coin_from_proto(pb: coin_pb2.Coin) -> Coin:
    """Return a coin.

    Raises:
        MalformedMessage: Not a denomination, or not an unsigned amount.
    """
    return Coin(parse_denom(pb.denom), parse_amount(pb.amount))


def coin_to_proto(coin: Coin) -> coin_pb2.Coin:
    """Return a coin's protobuf form."""
    return coin_pb2.Coin(denom=coin.denom, amount=str(coin.amount))


def decode_tx(data: bytes) -> Transaction:
    """Return the transaction in ``data``.

    Raises:
        TxTooLarge: Over ``MAX_TX_BYTES``.
        TxDecodeFailed: Not a ``TxRaw`` in its one encoding, or a body or auth info with
            unknown fields.
        UnknownExtensionOptions, NotSupported, InvalidPublicKey: What their names say.
    """
    if not data:
        raise TxDecodeFailed("invalid empty tx")
    if len(data) > MAX_TX_BYTES:
        raise TxTooLarge(f"{len(data)} bytes")
    try:
        raw = decode_strict(tx_pb2.TxRaw, data, max_bytes=MAX_TX_BYTES)
        body = decode_known(tx_pb2.TxBody, raw.body_bytes, max_bytes=MAX_TX_BYTES)
        auth = decode_known(tx_pb2.AuthInfo, raw.auth_info_bytes, max_bytes=MAX_TX_BYTES)
        fee = _fee(auth.fee)
    except MalformedMessage as error:
        raise TxDecodeFailed(str(error)) from error
    if body.extension_options or body.non_critical_extension_options:
        raise UnknownExtensionOptions
    if body.unordered or body.HasField("timeout_timestamp") or auth.HasField("tip"):
        raise NotSupported("unordered transactions, time-outs by time and tips")
    return Transaction(
        body_bytes=raw.body_bytes,
        auth_info_bytes=raw.auth_info_bytes,
        signatures=tuple(raw.signatures),
        messages=tuple(AnyMessage(message.type_url, message.value) for message in body.messages),
        memo=body.memo,
        timeout_height=body.timeout_height,
        signer_infos=tuple(_signer(info) for info in auth.signer_infos),
        fee=fee,
        size=len(data),
    )


def _fee(pb: tx_pb2.Fee) -> Fee:
    coins = tuple(coin_from_proto(coin) for coin in pb.amount)
    positive = normalize_coins(coin for coin in coins if coin.amount)
    if tuple(coin for coin in coins if coin.amount) != positive:
        raise MalformedMessage("fee coins are not sorted")
    return Fee(positive, pb.gas_limit, pb.payer, pb.granter)


def _signer(info: tx_pb2.SignerInfo) -> SignerInfo:
    if info.mode_info.WhichOneof("sum") != "single":
        raise NotSupported("multi-signatures")
    key = b""
    if info.HasField("public_key"):
        key = decode_public_key(info.public_key)
    return SignerInfo(key, info.mode_info.single.mode, info.sequence)


def decode_public_key(value: AnyProto) -> bytes:
    """Return the 33 bytes of a secp256k1 key.

    Raises:
        InvalidPublicKey: Another kind of key, or not 33 bytes.
    """
    if value.type_url != SECP256K1_TYPE_URL:
        raise InvalidPublicKey(f"keys of type {value.type_url[:80]} are not supported")
    try:
        key = bytes(unpack_any(value, PubKey).key)
    except MalformedMessage as error:
        raise InvalidPublicKey(str(error)) from error
    if len(key) != secp256k1.PUBLIC_KEY_BYTES:
        raise InvalidPublicKey(f"key of {len(key)} bytes")
    return key


def encode_public_key(key: bytes) -> AnyProto:
    """Return the ``Any`` of a 33-byte secp256k1 key."""
    return pack_any(PubKey(key=key))


def sign_bytes(
    body_bytes: bytes, auth_info_bytes: bytes, chain_id: ChainId, account_number: int
) -> bytes:
    """Return what SIGN_MODE_DIRECT signs (the encoding of ``SignDoc``)."""
    return encode(
        tx_pb2.SignDoc(
            body_bytes=body_bytes,
            auth_info_bytes=auth_info_bytes,
            chain_id=chain_id,
            account_number=account_number,
        )
    )


def build_tx(
    messages: Sequence[AnyMessage],
    private_key: bytes,
    *,
    chain_id: ChainId,
    account_number: int,
    sequence: int,
    fee: tuple[Coin, ...],
    gas_limit: int,
    memo: str = "",
    timeout_height: int = 0,
) -> bytes:
    """Return a signed transaction of one signer, ready to be broadcast."""
    body = encode(
        tx_pb2.TxBody(
            messages=[AnyProto(type_url=m.type_url, value=m.value) for m in messages],
            memo=memo,
            timeout_height=timeout_height,
        )
    )
    info = tx_pb2.SignerInfo(
        public_key=encode_public_key(secp256k1.public_key_of(private_key)),
        mode_info=tx_pb2.ModeInfo(single=tx_pb2.ModeInfo.Single(mode=SignMode.SIGN_MODE_DIRECT)),
        sequence=sequence,
    )
    amount = [coin_to_proto(coin) for coin in fee]
    auth = encode(
        tx_pb2.AuthInfo(signer_infos=[info], fee=tx_pb2.Fee(amount=amount, gas_limit=gas_limit))
    )
    signature = secp256k1.sign(
        private_key, sha256(sign_bytes(body, auth, chain_id, account_number))
    )
    return encode(tx_pb2.TxRaw(body_bytes=body, auth_info_bytes=auth, signatures=[signature]))


def encode_responses(responses: Sequence[AnyMessage]) -> bytes:
    """Return a transaction's result data: ``TxMsgData`` of every message's response."""
    return encode(
        TxMsgData(msg_responses=[AnyProto(type_url=r.type_url, value=r.value) for r in responses])
    )


def decode_responses(data: bytes) -> tuple[AnyMessage, ...]:
    """Return the responses in a transaction's result data."""
    pb = decode_known(TxMsgData, data, max_bytes=MAX_TX_BYTES)
    return tuple(AnyMessage(response.type_url, response.value) for response in pb.msg_responses)
