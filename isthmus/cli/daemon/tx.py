"""``isthmusd tx``: transactions that SDK tools sign by the command line."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from chainkit.formats.tendermint.hashing import tx_hash
from chainkit.primitives.amounts import Coin, parse_coin, parse_coins
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import parse_height
from chainkit.primitives.limits import UINT64_MAX
from chainkit.primitives.types import ChainId
from chainkit.runtime.fees import GasPrice, parse_gas_prices
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx, coin_to_proto
from chainkit.wire.codec import encode, unpack_any
from chainkit.wire.proto.cosmos.auth.v1beta1 import auth_pb2
from chainkit.wire.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query_pb2
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2 as bank_pb2
from chainkit.wire.proto.cosmos.base.abci.v1beta1 import abci_pb2
from chainkit.wire.proto.cosmos.tx.v1beta1 import service_pb2
from chainkit.wire.proto.ibc.applications.transfer.v1 import tx_pb2 as transfer_pb2
from isthmus.accounts import Account
from isthmus.cli.daemon.asking import NodeQuery, with_node
from isthmus.cli.daemon.keys import find_key
from isthmus.cli.daemon.options import (
    address_prefix,
    chain_id_option,
    home_of,
    home_option,
    keyring_option,
    known_chain_id,
    node_option,
    output_option,
    show,
)
from isthmus.cli.output import Command, Group
from relay_chain.node.api.json_forms import message_to_json
from relay_chain.node.api.transactions import decode_tx_proto

DEFAULT_GAS = 300_000
MIN_ADJUSTMENT = 1
MAX_ADJUSTMENT = 100
TRANSFER_TIMEOUT_S = 600
"""What the SDK's command adds to the present time."""

SEND = "/cosmos.bank.v1beta1.MsgSend"
TRANSFER = "/ibc.applications.transfer.v1.MsgTransfer"


@dataclass(frozen=True, slots=True)
class Signing:
    """How a transaction is signed and where it goes."""

    chain_id: ChainId
    node: str
    fees: tuple[Coin, ...]
    gas_prices: tuple[GasPrice, ...]
    gas: int | None
    """None where it is simulated."""
    gas_adjustment: Decimal
    memo: str
    generate_only: bool


def signing_options(function: Any) -> Any:
    """Take what every transaction takes."""
    for option in (
        output_option,
        node_option,
        keyring_option,
        chain_id_option,
        home_option,
        click.option("--yes", "-y", is_flag=True, help="Taken for SDK tools: nothing is asked."),
        click.option("--generate-only", is_flag=True, help="Print the transaction, send nothing."),
        click.option("--note", "memo", default="", help="The memo."),
        click.option(
            "--gas", default=str(DEFAULT_GAS), show_default=True, help="A number, or auto."
        ),
        click.option(
            "--gas-adjustment",
            default="1.0",
            show_default=True,
            help="With --gas auto: what the node's estimate is multiplied by.",
        ),
        click.option("--fees", default="", help="As 10stake; none by default."),
        click.option("--gas-prices", default="", help="Instead of fees, as 0.025stake."),
    ):
        function = option(function)
    return function


def _signing(options: dict[str, Any], home: Path) -> Signing:
    if options["fees"] and options["gas_prices"]:
        raise click.UsageError("--fees and --gas-prices: one of them")
    return Signing(
        chain_id=ChainId(known_chain_id(options["chain_id"], home)),
        node=options["node"],
        fees=parse_coins(options["fees"]) if options["fees"] else (),
        gas_prices=parse_gas_prices(options["gas_prices"]),
        gas=None if options["gas"] == "auto" else _whole_gas(options["gas"]),
        gas_adjustment=_adjustment(options["gas_adjustment"]),
        memo=options["memo"],
        generate_only=options["generate_only"],
    )


def _whole_gas(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:20]) <= UINT64_MAX):
        raise click.UsageError(f"--gas: expected auto or a number above 0, got {text[:40]!r}")
    return int(text)


def _adjustment(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(0)
    if not found.is_finite() or not MIN_ADJUSTMENT <= found <= MAX_ADJUSTMENT:
        raise click.UsageError(
            f"--gas-adjustment: expected {MIN_ADJUSTMENT} to {MAX_ADJUSTMENT}, got {text[:40]!r}"
        )
    return found


@click.group(cls=Group, example="isthmusd tx bank send alice isthmus1... 10stake --yes")
def tx() -> None:
    """Sign transactions and hand them to a node."""


@tx.group(cls=Group, example="isthmusd tx bank send alice isthmus1... 10stake --yes")
def bank() -> None:
    """Move coins."""


@bank.command(
    cls=Command,
    example="isthmusd tx bank send alice isthmus1... 10stake --fees 1stake --chain-id hub-1 --yes",
)
@click.argument("sender")
@click.argument("recipient")
@click.argument("coins")
@signing_options
def send(sender: str, recipient: str, coins: str, *, home: Path | None, **options: Any) -> None:
    """Send COINS from SENDER, a key or its address, to an address."""
    folder = home_of(home)
    account, prefix = find_key(folder, sender).account(), address_prefix(folder)
    message = bank_pb2.MsgSend(
        from_address=account.bech32(prefix),
        to_address=recipient,
        amount=[coin_to_proto(coin) for coin in parse_coins(coins)],
    )
    _submit(account, prefix, [AnyMessage(SEND, encode(message))], _signing(options, folder))


@tx.group(
    "ibc-transfer",
    cls=Group,
    example="isthmusd tx ibc-transfer transfer transfer channel-0 isthmus1... 10stake --from alice",
)
def ibc_transfer() -> None:
    """Move coins to other chains."""


@ibc_transfer.command(
    cls=Command,
    example="isthmusd tx ibc-transfer transfer transfer channel-0 isthmus1... 10stake "
    "--from alice --timeout-height 1-1000 --yes",
)
@click.argument("port")
@click.argument("channel")
@click.argument("recipient")
@click.argument("amount")
@click.option("--from", "sender", required=True, help="A key or its address.")
@click.option("--timeout-height", default="0-0", help="Of the other chain: revision-height.")
@click.option("--timeout-timestamp", type=click.IntRange(0), help="Nanoseconds; 0 for none.")
@signing_options
def transfer(
    port: str,
    channel: str,
    recipient: str,
    amount: str,
    *,
    sender: str,
    timeout_height: str,
    timeout_timestamp: int | None,
    home: Path | None,
    **options: Any,
) -> None:
    """Send AMOUNT to RECIPIENT over a channel; it times out ten minutes from now by default."""
    folder = home_of(home)
    account, prefix = find_key(folder, sender).account(), address_prefix(folder)
    message = transfer_pb2.MsgTransfer(
        source_port=port,
        source_channel=channel,
        token=coin_to_proto(parse_coin(amount)),
        sender=account.bech32(prefix),
        receiver=recipient,
        timeout_timestamp=(
            time.time_ns() + TRANSFER_TIMEOUT_S * 10**9
            if timeout_timestamp is None
            else timeout_timestamp
        ),
    )
    revision, height = _timeout_height(timeout_height)
    message.timeout_height.revision_number = revision
    message.timeout_height.revision_height = height
    _submit(account, prefix, [AnyMessage(TRANSFER, encode(message))], _signing(options, folder))


def _timeout_height(text: str) -> tuple[int, int]:
    if text == "0-0":
        return 0, 0
    try:
        height = parse_height(text)
    except MalformedMessage as error:
        raise click.UsageError("--timeout-height: expected revision-height") from error
    return height.revision_number, height.revision_height


def _submit(
    account: Account, prefix: str, messages: Sequence[AnyMessage], signing: Signing
) -> None:
    """Sign, hand in, and print what CheckTx said as the SDK's ``TxResponse``."""

    async def work(node: NodeQuery) -> None:
        number, sequence = await _numbers(node, account.bech32(prefix))

        def signed_with(gas: int) -> bytes:
            prices = [Coin(each.denom, each.fee_of(gas)) for each in signing.gas_prices]
            return build_tx(
                messages,
                account.private_key,
                chain_id=signing.chain_id,
                account_number=number,
                sequence=sequence,
                fee=(*signing.fees, *(coin for coin in prices if coin.amount)),
                gas_limit=gas,
                memo=signing.memo,
            )

        signed = signed_with(signing.gas or await _simulated(node, signed_with(0), signing))
        if signing.generate_only:
            readable = decode_tx_proto(signed)
            assert readable is not None
            del readable.signatures[:]
            show(message_to_json(readable))
            return
        request = service_pb2.BroadcastTxRequest(
            tx_bytes=signed, mode=service_pb2.BroadcastMode.BROADCAST_MODE_SYNC
        )
        path = "/cosmos.tx.v1beta1.Service/BroadcastTx"
        answer = await node.ask(path, request, service_pb2.BroadcastTxResponse)
        response = abci_pb2.TxResponse()
        response.CopyFrom(answer.tx_response)
        response.txhash = response.txhash or tx_hash(signed).hex().upper()
        show(message_to_json(response))
        if response.code:
            click.get_current_context().exit(1)

    with_node(signing.node, work)


async def _simulated(node: NodeQuery, trial: bytes, signing: Signing) -> int:
    """Return the gas to offer after the node's own run of a transaction; the SDK's words say it."""
    request = service_pb2.SimulateRequest(tx_bytes=trial)
    path = "/cosmos.tx.v1beta1.Service/Simulate"
    answer = await node.ask(path, request, service_pb2.SimulateResponse)
    gas = int(answer.gas_info.gas_used * signing.gas_adjustment)
    click.echo(f"gas estimate: {gas}", err=True)
    return gas


async def _numbers(node: NodeQuery, address: str) -> tuple[int, int]:
    """Return an account's number and sequence."""
    request = auth_query_pb2.QueryAccountRequest(address=address)
    path = "/cosmos.auth.v1beta1.Query/Account"
    answer = await node.ask(path, request, auth_query_pb2.QueryAccountResponse)
    found = unpack_any(answer.account, auth_pb2.BaseAccount)
    return found.account_number, found.sequence
