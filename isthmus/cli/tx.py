"""``tx``: sign a transaction, hand it to a chain and wait for the block that takes it."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import click

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChannelId, PortId, TimestampNs
from isthmus.cli.output import Command, Group, Output, home_option, json_option
from isthmus.cli.session import Session
from isthmus.cli.trace import follow, hop_json, hop_text
from isthmus.cli.values import (
    CoinsType,
    CoinType,
    DurationType,
    GasPriceType,
    JsonObject,
)
from isthmus.devnet import NotReady
from isthmus.homes import ChainPlace
from isthmus.ports import ChainUser
from isthmus.routes import address_packet, all_links, find_route
from isthmus.trace import Hop, PacketState
from parachains.sdk.relaying import AccountSequenceWrong, TxOutcome
from parachains.sdk.users import (
    Delegate,
    Intent,
    RawMessage,
    Send,
    SubmitProposal,
    Transfer,
    Undelegate,
    Vote,
)

POLL_S = 0.2
INCLUSION_TIMEOUT_S = 60.0
DELIVERY_TIMEOUT_S = 300.0
SEQUENCE_TRIES = 3

chain_option = click.option(
    "--chain", "chain_name", default="", help="Chain by its name; the first of the network else."
)

_GAS_PRICE = "isthmus.gas_price"


def _keep_gas_price(ctx: click.Context, _: click.Parameter, value: int) -> None:
    ctx.meta[_GAS_PRICE] = value


gas_price_option = click.option(
    "--gas-price",
    type=GasPriceType(),
    default="0",
    show_default=True,
    expose_value=False,
    callback=_keep_gas_price,
    help="Base units of the chain's own token that a unit of gas costs, as 0.025.",
)


class TxFailed(OperationFailed):
    """A block took the transaction and refused what it does."""

    def __init__(self, *, chain: str, outcome: TxOutcome) -> None:
        super().__init__(
            f"transaction {outcome.tx_hash} failed on {chain} at height {outcome.height} with "
            f"{outcome.codespace}/{outcome.code}: {' '.join(outcome.log.split())[:300]}"
        )
        self.outcome = outcome


class NotDelivered(OperationFailed):
    """The packet came back to its sender."""

    def __init__(self, hop: Hop) -> None:
        # The last hop's own words are the reason; those before only pass a code on.
        words = [each.error for each in hop.hops() if each.error]
        reason = f" ({words[-1]})" if words else ""
        ended = "timed out" if hop.state is PacketState.TIMED_OUT else "was refused"
        super().__init__(f"packet {hop.key} from {hop.source} {ended}{reason}: refunded")
        self.hop = hop


@dataclass(frozen=True, slots=True)
class Job:
    """One transaction of one account on one chain."""

    session: Session
    chain: ChainPlace
    user: ChainUser
    output: Output


async def submit(job: Job, intent: Intent) -> TxOutcome:
    """Return what a block made of the transaction.

    Raises:
        TxRefused: The node did not take it.
        TxFailed: A block took it and it failed.
        NotReady: No block took it in time.
    """
    client = job.user.client
    message = await job.user.message(intent)
    for attempt in range(SEQUENCE_TRIES):
        tx = await client.sign((message,))
        try:
            await client.broadcast(tx)
            break
        except AccountSequenceWrong:
            if attempt == SEQUENCE_TRIES - 1:
                raise
    deadline = time.monotonic() + INCLUSION_TIMEOUT_S
    told = ""
    while True:
        outcome = await client.outcome(tx.tx_hash)
        if outcome is not None:
            if outcome.code:
                raise TxFailed(chain=job.chain.name, outcome=outcome)
            return outcome
        height = (await client.status()).height
        reason = (
            f"waiting for a block of {job.chain.name} to take transaction "
            f"{tx.tx_hash[:8]}, now at height {height}"
        )
        if reason != told:
            job.output.progress(reason)
            told = reason
        if time.monotonic() > deadline:
            raise NotReady(reason=reason, timeout_s=INCLUSION_TIMEOUT_S)
        await asyncio.sleep(POLL_S)


def outcome_json(chain: ChainPlace, outcome: TxOutcome) -> dict[str, object]:
    """Return a transaction's fate as the result line has it."""
    return {
        "chain": chain.name,
        "hash": outcome.tx_hash,
        "height": outcome.height,
        "code": outcome.code,
        "log": outcome.log,
    }


def outcome_text(chain: ChainPlace, outcome: TxOutcome) -> str:
    """Return a transaction's fate in a line."""
    log = f"  {outcome.log}" if outcome.log else ""
    return f"{outcome.tx_hash}  {chain.name} height {outcome.height}  code {outcome.code}{log}"


Body = Callable[[Job], Coroutine[object, object, None]]


def run_job(home: Path, chain_name: str, account: str, body: Body, *, as_json: bool) -> None:
    """Run ``body`` with the chain that was named, signing with ``account``."""
    price = int(click.get_current_context().meta.get(_GAS_PRICE, 0))

    async def run() -> None:
        async with Session(home) as session:
            chain = session.chain(chain_name)
            user = await session.user(chain, account, gas_price_millionths=price)
            await body(Job(session, chain, user, Output(as_json)))

    asyncio.run(run())


def run_intent(
    home: Path, chain_name: str, account: str, make: Callable[[Job], Intent], *, as_json: bool
) -> None:
    """Submit one transaction and print what came of it."""

    async def body(job: Job) -> None:
        outcome = await submit(job, make(job))
        job.output.result(
            outcome_json(job.chain, outcome), lambda: outcome_text(job.chain, outcome)
        )

    run_job(home, chain_name, account, body, as_json=as_json)


@click.group(
    cls=Group,
    example="isthmus tx send alice bob 1000uisth --chain hub\n"
    "isthmus tx transfer alice bob 1000utoka --chain zone-a --to zone-b --follow",
)
def tx() -> None:
    """Sign a transaction, submit it and wait for its block.

    ACCOUNT, SENDER and the like are names (isthmus keys lists them); receivers may be
    addresses too. Amounts are in base units.
    """


@tx.command(cls=Command, example="isthmus tx send alice bob 1000uisth --chain hub")
@click.argument("sender")
@click.argument("to")
@click.argument("coins", type=CoinsType())
@chain_option
@gas_price_option
@home_option
@json_option
def send(
    sender: str, to: str, coins: tuple[Coin, ...], chain_name: str, home: Path, *, as_json: bool
) -> None:
    """Pay an account of the same chain."""

    def make(job: Job) -> Intent:
        return Send(job.session.address(to, job.chain), coins)

    run_intent(home, chain_name, sender, make, as_json=as_json)


@tx.command(
    cls=Command,
    example="isthmus tx transfer alice bob 1000utoka --chain zone-a --to zone-b --follow\n"
    "isthmus tx transfer alice isthmus1... 5uisth --chain hub --channel channel-1 --timeout 30s",
)
@click.argument("sender")
@click.argument("receiver")
@click.argument("coin", type=CoinType())
@chain_option
@gas_price_option
@click.option("--to", "target", default="", help="Chain to send to; hops between are found.")
@click.option("--channel", default="", help="Channel, or client of IBC v2, instead of --to.")
@click.option("--port", default="transfer", show_default=True, help="Port of the channel.")
@click.option("--memo", default="", help="For the receiving chain's application.")
@click.option(
    "--timeout",
    "timeout_ns",
    type=DurationType(),
    default="10m",
    show_default=True,
    help="After it the token comes back.",
)
@click.option("--follow", "following", is_flag=True, help="Wait until it is delivered.")
@home_option
@json_option
def transfer(
    sender: str,
    receiver: str,
    coin: Coin,
    chain_name: str,
    target: str,
    channel: str,
    port: str,
    memo: str,
    timeout_ns: int,
    home: Path,
    *,
    following: bool,
    as_json: bool,
) -> None:
    """Send a token to another chain, through others where there is no direct channel."""
    if bool(target) == bool(channel):
        raise click.UsageError("expected either --to CHAIN or --channel CHANNEL")

    async def body(job: Job) -> None:
        channel_id, address, text = ChannelId(channel), receiver, memo
        if target:
            end = job.session.chain(target)
            users = await job.session.users()
            route = find_route(await all_links(users), job.chain.name, end.name, port)
            address, text = address_packet(
                route, job.session.address(receiver, end), timeout_ns=timeout_ns, memo=memo
            )
            channel_id = route[0].end.channel_id
        now = (await job.user.client.status()).time
        intent = Transfer(
            PortId(port), channel_id, coin, address, TimestampNs(now + timeout_ns), text
        )
        outcome = await submit(job, intent)
        await _report_transfer(job, outcome, following=following)

    run_job(home, chain_name, sender, body, as_json=as_json)


async def _report_transfer(job: Job, outcome: TxOutcome, *, following: bool) -> None:
    """Print the transaction and its packet; wait for the packet's end if that is wanted."""
    keys = await job.user.packets_sent_by(outcome.tx_hash)
    if not keys:
        # Steps are traced by channel; a packet of IBC v2 has none.
        job.output.result(
            outcome_json(job.chain, outcome),
            lambda: f"{outcome_text(job.chain, outcome)}\nsent by IBC v2",
        )
        return
    [key] = keys
    packet = f"{job.chain.name}/{key}"
    values = {**outcome_json(job.chain, outcome), "packet": packet}
    if not following:
        job.output.result(
            values,
            lambda: (
                f"{outcome_text(job.chain, outcome)}\npacket {packet}; see: isthmus trace {packet}"
            ),
        )
        return
    hop = await follow(
        await job.session.users(),
        job.chain.name,
        key,
        job.output.progress,
        timeout_s=DELIVERY_TIMEOUT_S,
    )
    if hop.state is not PacketState.DELIVERED:
        raise NotDelivered(hop)
    job.output.result(
        {**values, "trace": hop_json(hop)},
        lambda: f"{outcome_text(job.chain, outcome)}\n{hop_text(hop)}",
    )


@tx.command(cls=Command, example="isthmus tx delegate alice hub-0 1000000uisth --chain hub")
@click.argument("account")
@click.argument("validator")
@click.argument("coin", type=CoinType())
@chain_option
@gas_price_option
@home_option
@json_option
def delegate(
    account: str, validator: str, coin: Coin, chain_name: str, home: Path, *, as_json: bool
) -> None:
    """Stake with a validator, by its name or address."""
    run_intent(home, chain_name, account, lambda _: Delegate(validator, coin), as_json=as_json)


@tx.command(cls=Command, example="isthmus tx undelegate alice hub-0 1000000uisth --chain hub")
@click.argument("account")
@click.argument("validator")
@click.argument("coin", type=CoinType())
@chain_option
@gas_price_option
@home_option
@json_option
def undelegate(
    account: str, validator: str, coin: Coin, chain_name: str, home: Path, *, as_json: bool
) -> None:
    """Take stake back; it is paid after the unbonding period."""
    run_intent(home, chain_name, account, lambda _: Undelegate(validator, coin), as_json=as_json)


@tx.command(
    "submit-proposal",
    cls=Command,
    example="isthmus tx submit-proposal alice 'Hello' --summary 'A text to vote on' "
    "--deposit 10000000uisth --chain hub",
)
@click.argument("account")
@click.argument("title")
@click.option("--summary", default="", help="What it is about.")
@click.option("--deposit", type=CoinsType(), required=True, help="Coins put down with it.")
@click.option(
    "--message",
    "messages",
    type=JsonObject(),
    multiple=True,
    help='JSON with "@type", or @FILE: executed if it passes. May be repeated.',
)
@chain_option
@gas_price_option
@home_option
@json_option
def submit_proposal(
    account: str,
    title: str,
    summary: str,
    deposit: tuple[Coin, ...],
    messages: tuple[dict[str, object], ...],
    chain_name: str,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Ask the stakers to decide on a text, or on messages."""
    intent = SubmitProposal(title, summary, deposit, messages)
    run_intent(home, chain_name, account, lambda _: intent, as_json=as_json)


@tx.command(cls=Command, example="isthmus tx vote alice 1 yes --chain hub")
@click.argument("account")
@click.argument("proposal", type=click.IntRange(min=1))
@click.argument("option", type=click.Choice(["yes", "no", "abstain", "no_with_veto"]))
@chain_option
@gas_price_option
@home_option
@json_option
def vote(
    account: str, proposal: int, option: str, chain_name: str, home: Path, *, as_json: bool
) -> None:
    """Vote on a proposal with the account's stake."""
    run_intent(home, chain_name, account, lambda _: Vote(proposal, option), as_json=as_json)


@tx.command(
    cls=Command,
    example="isthmus tx message alice --chain zone-a "
    '\'{"@type": "/isthmus.datagram.v1.MsgSendDatagram", "sender": "isthmus1...", ...}\'',
)
@click.argument("account")
@click.argument("message", type=JsonObject())
@chain_option
@gas_price_option
@home_option
@json_option
def message(
    account: str, message: dict[str, object], chain_name: str, home: Path, *, as_json: bool
) -> None:
    """Send any message of the chain's own, as JSON or @FILE."""
    run_intent(home, chain_name, account, lambda _: RawMessage(message), as_json=as_json)
