"""A chain's first state before it starts: accounts, and validators by signed transactions.

``gentx`` signs a ``MsgCreateValidator`` of an account of genesis; collecting them verifies each
and moves the stake from its account's balance to the staking module, so that the supply stays.

Spec:
    Cosmos SDK x/genutil, ``GenAppStateFromConfig``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.json_format import ParseDict, ParseError

from chainkit.modules.genesis import coins, list_of_mappings, text
from chainkit.primitives.amounts import Coin, normalize_coins
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.hashing import sha256
from chainkit.runtime.addresses import format_address, parse_address
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx, decode_public_key, sign_bytes
from chainkit.sigverify import secp256k1
from chainkit.wire.codec import encode, pack_any
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.cosmos.crypto.ed25519.keys_pb2 import PubKey
from chainkit.wire.proto.cosmos.staking.v1beta1 import staking_pb2
from chainkit.wire.proto.cosmos.staking.v1beta1 import tx_pb2 as staking_tx_pb2
from chainkit.wire.proto.cosmos.tx.v1beta1 import tx_pb2
from relay_chain.app.staking_codec import CreateValidator, decode_create
from relay_chain.node.api.json_forms import message_to_json
from relay_chain.node.api.transactions import decode_tx_proto
from relay_chain.node.genesis import Genesis
from relay_chain.node.json_forms import JsonObject

CREATE_VALIDATOR = "/cosmos.staking.v1beta1.MsgCreateValidator"
GENTX_GAS = 200_000
MAX_GENTX_BYTES = 65_536
MAX_GENTXS = 1_000


class BadGenesisTx(RuleBroken):
    """A genesis transaction, or what it would do to genesis, breaks a rule."""


@dataclass(frozen=True, slots=True)
class GenesisTx:
    """A verified genesis transaction; ``memo`` is ``node id@host:port``."""

    validator: CreateValidator
    memo: str


def add_account(genesis: Genesis, prefix: str, address: str, amount: tuple[Coin, ...]) -> Genesis:
    """Return genesis with one more funded account.

    Raises:
        BadGenesisTx: It is there already.
        InvalidAddress: It is no address of this chain.
    """
    parse_address(prefix, address)
    auth, bank = _part(genesis, "auth"), _part(genesis, "bank")
    accounts = list_of_mappings(auth, "accounts")
    if any(text(entry, "address") == address for entry in accounts):
        raise BadGenesisTx(f"cannot add account at existing address {address}")
    balances = list_of_mappings(bank, "balances")
    held = [{"denom": coin.denom, "amount": str(coin.amount)} for coin in amount]
    return _with_parts(
        genesis,
        auth={**auth, "accounts": [*accounts, {"address": address}]},
        bank={**bank, "balances": [*balances, {"address": address, "coins": held}]},
    )


def sign_genesis_tx(
    genesis: Genesis,
    private_key: bytes,
    prefix: str,
    *,
    consensus_key: bytes,
    moniker: str,
    stake: Coin,
    memo: str,
) -> JsonObject:
    """Return the JSON of an account's transaction that makes it a validator.

    Raises:
        BadGenesisTx: Genesis does not hold the stake for the account.
    """
    address = secp256k1.secp256k1_address(secp256k1.public_key_of(private_key))
    _require_balance(genesis, format_address(prefix, address), stake)
    message = staking_tx_pb2.MsgCreateValidator(
        description=staking_pb2.Description(moniker=moniker),
        commission=staking_pb2.CommissionRates(rate="0", max_rate="0", max_change_rate="0"),
        min_self_delegation="1",
        validator_address=format_address(prefix + "valoper", address),
        pubkey=pack_any(PubKey(key=consensus_key)),
        value=coin_pb2.Coin(denom=stake.denom, amount=str(stake.amount)),
    )
    tx = build_tx(
        [AnyMessage(CREATE_VALIDATOR, encode(message))],
        private_key,
        chain_id=genesis.chain_id,
        account_number=0,
        sequence=0,
        fee=(),
        gas_limit=GENTX_GAS,
        memo=memo,
    )
    readable = decode_tx_proto(tx)
    assert readable is not None
    return message_to_json(readable)


def read_genesis_txs(folder: Path, genesis: Genesis, prefix: str) -> tuple[GenesisTx, ...]:
    """Return the transactions of a folder, each with its signature verified, by file name.

    Raises:
        BadGenesisTx: One is not of its form, or not signed by the account that stakes.
    """
    found = []
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if len(files) > MAX_GENTXS:
        raise BadGenesisTx(f"{folder} holds over {MAX_GENTXS} transactions")
    for path in files:
        if path.stat().st_size > MAX_GENTX_BYTES:
            raise BadGenesisTx(f"{path} is over {MAX_GENTX_BYTES} bytes")
        try:
            found.append(verified_genesis_tx(path.read_text(encoding="utf-8"), genesis, prefix))
        except (RuleBroken, UnicodeDecodeError) as error:
            raise BadGenesisTx(f"{path}: {error}") from error
    return tuple(found)


def verified_genesis_tx(value: str, genesis: Genesis, prefix: str) -> GenesisTx:
    """Return the verified transaction in a JSON text.

    Raises:
        RuleBroken: It is not of its form, or not signed by the account that stakes.
    """
    tx = _tx_of(value)
    if len(tx.body.messages) != 1 or tx.body.messages[0].type_url != CREATE_VALIDATOR:
        raise BadGenesisTx("expected one MsgCreateValidator")
    if len(tx.auth_info.signer_infos) != 1 or len(tx.signatures) != 1:
        raise BadGenesisTx("expected one signature")
    packed = tx.body.messages[0]
    _restore_decimals(packed)
    validator = decode_create(prefix, packed.value)
    public_key = decode_public_key(tx.auth_info.signer_infos[0].public_key)
    if secp256k1.secp256k1_address(public_key) != validator.operator:
        raise BadGenesisTx("signed by another account than the validator's")
    document = sign_bytes(encode(tx.body), encode(tx.auth_info), genesis.chain_id, 0)
    if not secp256k1.verify(public_key, sha256(document), tx.signatures[0]):
        raise BadGenesisTx(f"signature verification failed for chain-id {genesis.chain_id}")
    return GenesisTx(validator, tx.body.memo)


def _tx_of(value: str) -> tx_pb2.Tx:
    tx = tx_pb2.Tx()
    try:
        ParseDict(json.loads(value), tx)
    except (ParseError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise BadGenesisTx(f"not the JSON of a transaction: {str(error)[:200]}") from error
    return tx


def _restore_decimals(packed: AnyProto) -> None:
    """Write commission rates again as they were signed: without the point of their JSON."""
    message = staking_tx_pb2.MsgCreateValidator.FromString(packed.value)
    for name in ("rate", "max_rate", "max_change_rate"):
        whole, _, fraction = getattr(message.commission, name).partition(".")
        digits = whole + fraction
        if not (digits.isascii() and digits.isdecimal()):
            raise BadGenesisTx(f"commission.{name} is no decimal")
        setattr(message.commission, name, digits.lstrip("0") or "0")
    packed.value = encode(message)


def collect(genesis: Genesis, prefix: str, txs: Iterable[GenesisTx]) -> Genesis:
    """Return genesis with the transactions' validators, their stake taken from their balances.

    Raises:
        BadGenesisTx: None, two of one account, or a balance that is too small.
    """
    listed = tuple(txs)
    if not listed:
        raise BadGenesisTx("there is no genesis transaction")
    operators = [tx.validator.operator for tx in listed]
    if len(set(operators)) != len(operators):
        raise BadGenesisTx("two genesis transactions of one account")
    bank, staking = _part(genesis, "bank"), _part(genesis, "staking")
    balances = {text(e, "address"): coins(e, "coins") for e in list_of_mappings(bank, "balances")}
    validators = []
    for tx in listed:
        address = format_address(prefix, tx.validator.operator)
        _require_balance(genesis, address, tx.validator.value)
        balances[address] = _less(balances[address], tx.validator.value)
        validators.append(_validator_json(tx.validator, address))
    return _with_parts(
        genesis,
        bank={**bank, "balances": [_balance_json(*each) for each in balances.items()]},
        staking={**staking, "validators": validators},
    )


def peer_texts(txs: Iterable[GenesisTx], *, but: str) -> tuple[str, ...]:
    """Return where the validators of transactions listen, without the node with the id ``but``."""
    return tuple(tx.memo for tx in txs if "@" in tx.memo and not tx.memo.startswith(f"{but}@"))


def _validator_json(validator: CreateValidator, address: str) -> JsonObject:
    key = message_to_json(PubKey(key=validator.public_key))["key"]
    return {
        "operator_address": address,
        "pub_key": key,
        "tokens": str(validator.value.amount),
        "moniker": validator.moniker,
    }


def _balance_json(address: str, held: tuple[Coin, ...]) -> JsonObject:
    return {
        "address": address,
        "coins": [{"denom": coin.denom, "amount": str(coin.amount)} for coin in held],
    }


def _less(held: tuple[Coin, ...], taken: Coin) -> tuple[Coin, ...]:
    rest = (
        Coin(coin.denom, coin.amount - (taken.amount if coin.denom == taken.denom else 0))
        for coin in held
    )
    return normalize_coins(coin for coin in rest if coin.amount)


def _require_balance(genesis: Genesis, address: str, stake: Coin) -> None:
    for entry in list_of_mappings(_part(genesis, "bank"), "balances"):
        if text(entry, "address") == address:
            held = {coin.denom: coin.amount for coin in coins(entry, "coins")}
            if 0 < stake.amount <= held.get(stake.denom, 0):
                return
            raise BadGenesisTx(f"{address} holds {held.get(stake.denom, 0)}{stake.denom}: {stake}")
    raise BadGenesisTx(f"account {address} does not have a balance in the genesis state")


def _part(genesis: Genesis, name: str) -> Mapping[str, object]:
    found = genesis.app_state.get(name, {})
    if not isinstance(found, Mapping):
        raise BadGenesisTx(f"genesis.app_state.{name} is not an object")
    return found


def _with_parts(genesis: Genesis, **parts: Any) -> Genesis:
    return replace(genesis, app_state={**genesis.app_state, **parts})
