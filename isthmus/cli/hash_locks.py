"""``htlc``: coins under a hash, its preimage, and the time after which they come back."""

import base64
import json
import secrets
from pathlib import Path

import click

from chainkit.primitives.amounts import Coin
from chainkit.primitives.hashing import sha256
from isthmus.cli.output import Command, Group, Output, home_option, json_option
from isthmus.cli.patience import run_with_patience
from isthmus.cli.session import Session
from isthmus.cli.tx import (
    Job,
    chain_option,
    gas_price_option,
    outcome_json,
    outcome_text,
    run_intent,
    run_job,
    submit,
)
from isthmus.cli.values import CoinType, DurationType, Hex32
from parachains.sdk.users import RawMessage

_SERVICE = "/isthmus.htlc.v1"
_NS_PER_SECOND = 1_000_000_000
_PREIMAGE_BYTES = 32


def _text(data: bytes) -> str:
    """Return bytes as protobuf's JSON has them."""
    return base64.b64encode(data).decode()


@click.group(
    "htlc",
    cls=Group,
    example="isthmus htlc lock alice bob 1000uisth --for 1h --chain hub\n"
    "isthmus htlc claim bob PREIMAGE --chain hub",
)
def hash_locks() -> None:
    """Lock coins under a hash, claim them by its preimage, or have them back.

    Hashes are SHA-256 of preimages of exactly 32 bytes; both are given in hex.
    """


@hash_locks.command(cls=Command, example="isthmus htlc lock alice bob 1000uisth --for 1h")
@click.argument("sender")
@click.argument("receiver")
@click.argument("coin", type=CoinType())
@click.option(
    "--hash",
    "digest",
    type=Hex32(),
    default=None,
    help="SHA-256 of the preimage; without it a preimage is drawn and printed.",
)
@click.option(
    "--for",
    "duration_ns",
    type=DurationType(),
    default="1h",
    show_default=True,
    help="After it the coins come back to the sender.",
)
@chain_option
@gas_price_option
@home_option
@json_option
def lock(
    sender: str,
    receiver: str,
    coin: Coin,
    digest: bytes | None,
    duration_ns: int,
    chain_name: str,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Lock coins for a receiver."""
    preimage = b"" if digest is not None else secrets.token_bytes(_PREIMAGE_BYTES)
    hashed = sha256(preimage) if digest is None else digest

    async def body(job: Job) -> None:
        now = (await job.user.client.status()).time
        expires_at = (now + duration_ns) // _NS_PER_SECOND
        message = {
            "@type": f"{_SERVICE}.MsgLock",
            "sender": job.session.address(sender, job.chain),
            "receiver": job.session.address(receiver, job.chain),
            "amount": {"denom": str(coin.denom), "amount": str(coin.amount)},
            "hash": _text(hashed),
            "expires_at": str(expires_at),
        }
        outcome = await submit(job, RawMessage(message))
        values = {
            **outcome_json(job.chain, outcome),
            "lock": hashed.hex(),
            "preimage": preimage.hex(),
            "expires_at": expires_at,
        }
        drawn = f"\npreimage {preimage.hex()}: whoever shows it has {receiver} paid"
        job.output.result(
            values,
            lambda: (
                f"{outcome_text(job.chain, outcome)}\nlock {hashed.hex()} until {expires_at}"
                f"{drawn if preimage else ''}"
            ),
        )

    run_job(home, chain_name, sender, body, as_json=as_json)


@hash_locks.command(cls=Command, example="isthmus htlc claim bob PREIMAGE --chain hub")
@click.argument("account")
@click.argument("preimage", type=Hex32())
@chain_option
@gas_price_option
@home_option
@json_option
def claim(account: str, preimage: bytes, chain_name: str, home: Path, *, as_json: bool) -> None:
    """Show a preimage before the expiry; the lock's receiver is paid."""

    def make(job: Job) -> RawMessage:
        signer = job.session.address(account, job.chain)
        return RawMessage(
            {"@type": f"{_SERVICE}.MsgClaim", "signer": signer, "preimage": _text(preimage)}
        )

    run_intent(home, chain_name, account, make, as_json=as_json)


@hash_locks.command(cls=Command, example="isthmus htlc refund alice HASH --chain hub")
@click.argument("account")
@click.argument("digest", metavar="HASH", type=Hex32())
@chain_option
@gas_price_option
@home_option
@json_option
def refund(account: str, digest: bytes, chain_name: str, home: Path, *, as_json: bool) -> None:
    """Give an expired lock's coins back to its sender."""

    def make(job: Job) -> RawMessage:
        signer = job.session.address(account, job.chain)
        return RawMessage(
            {"@type": f"{_SERVICE}.MsgRefund", "signer": signer, "hash": _text(digest)}
        )

    run_intent(home, chain_name, account, make, as_json=as_json)


@hash_locks.command(cls=Command, example="isthmus htlc show HASH --chain hub")
@click.argument("digest", metavar="HASH", type=Hex32())
@chain_option
@home_option
@json_option
def show(digest: bytes, chain_name: str, home: Path, *, as_json: bool) -> None:
    """Print a lock: its terms, and the preimage if it was claimed."""
    output = Output(as_json)
    request = json.dumps({"hash": _text(digest)})

    async def ask() -> dict[str, object]:
        async with Session(home) as session:
            user = await session.user(session.chain(chain_name))
            question = {"method": f"{_SERVICE}.Query/Lock", "request": request}
            return dict(await user.ask("grpc", question))

    reason = f"waiting for {chain_name or 'the chain'} to answer"
    answer = run_with_patience(ask(), output, reason)
    output.result(answer, lambda: json.dumps(answer, indent=2))
