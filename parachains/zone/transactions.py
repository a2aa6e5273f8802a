"""Cosmos SDK transactions, signed: ``TxRaw`` in SIGN_MODE_DIRECT by one secp256k1 key.

Spec: Cosmos SDK ADR-020, "Protobuf Transaction Encoding"; COSMOS-WIRE.md 2.6.
"""

import hashlib
from dataclasses import dataclass, field

from google.protobuf.any_pb2 import Any

from chainkit.primitives.bech32 import encode_bech32
from chainkit.primitives.types import ChainId, Denom
from chainkit.sigverify import secp256k1
from chainkit.wire.codec import encode, pack_any
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from chainkit.wire.proto.cosmos.crypto.secp256k1.keys_pb2 import PubKey
from chainkit.wire.proto.cosmos.tx.signing.v1beta1.signing_pb2 import SIGN_MODE_DIRECT
from chainkit.wire.proto.cosmos.tx.v1beta1.tx_pb2 import (
    AuthInfo,
    Fee,
    ModeInfo,
    SignDoc,
    SignerInfo,
    TxBody,
    TxRaw,
)
from ibc.ics02_client.port import AnyValue


@dataclass(frozen=True, slots=True)
class Key:
    """An account's private key with the address prefix of its chain; never printed."""

    private_key: bytes = field(repr=False)
    address_prefix: str

    @property
    def public_key(self) -> bytes:
        """The 33-byte public key."""
        return secp256k1.public_key_of(self.private_key)

    @property
    def address(self) -> str:
        """The account's bech32 address."""
        return encode_bech32(self.address_prefix, secp256k1.secp256k1_address(self.public_key))


@dataclass(frozen=True, slots=True)
class Account:
    """What a signature must name of the account, so that it counts once and here only."""

    number: int
    sequence: int


@dataclass(frozen=True, slots=True)
class TxFee:
    """The most gas, and what is paid for it."""

    gas_limit: int
    amount: int
    denom: Denom


def build_tx(
    key: Key,
    account: Account,
    chain_id: ChainId,
    messages: tuple[AnyValue, ...],
    fee: TxFee,
    memo: str = "",
) -> bytes:
    """Return the encoded ``TxRaw`` of ``messages``, signed by ``key``."""
    body = TxBody(
        messages=[Any(type_url=message.type_url, value=message.value) for message in messages],
        memo=memo,
    )
    signer = SignerInfo(
        public_key=pack_any(PubKey(key=key.public_key)),
        mode_info=ModeInfo(single=ModeInfo.Single(mode=SIGN_MODE_DIRECT)),
        sequence=account.sequence,
    )
    coins = [Coin(denom=fee.denom, amount=str(fee.amount))] if fee.amount else []
    auth = AuthInfo(signer_infos=[signer], fee=Fee(amount=coins, gas_limit=fee.gas_limit))
    document = SignDoc(
        body_bytes=encode(body),
        auth_info_bytes=encode(auth),
        chain_id=chain_id,
        account_number=account.number,
    )
    signature = secp256k1.sign(key.private_key, hashlib.sha256(encode(document)).digest())
    return encode(
        TxRaw(
            body_bytes=document.body_bytes,
            auth_info_bytes=document.auth_info_bytes,
            signatures=[signature],
        )
    )


def tx_hash_of(data: bytes) -> str:
    """Return the name of a transaction: upper-case hex of its SHA-256."""
    return hashlib.sha256(data).hexdigest().upper()
