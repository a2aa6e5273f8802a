"""Transactions about integrity: a message of the hub's own, signed by an account of the network."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import click

from chainkit.runtime.addresses import format_address, module_address
from isthmus.cli.output import Output
from isthmus.cli.session import Session
from isthmus.cli.tx import Job, outcome_json, outcome_text, submit
from isthmus.homes import ChainPlace
from isthmus.integrity_view import HubView, find_hub
from parachains.sdk.users import Intent, RawMessage

Fields = Mapping[str, object]
MESSAGES = "/isthmus.integrity.v1."


class DatumType(click.ParamType[bytes]):
    """32 bytes in hex: what is endorsed."""

    name = "datum"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Return the bytes."""
        if isinstance(value, bytes):
            return value
        try:
            datum = bytes.fromhex(str(value))
        except ValueError:
            datum = b""
        if len(datum) != 32:
            self.fail(f"expected 64 hex digits, got {str(value)[:80]!r}", param, ctx)
        return datum


LEVEL = click.IntRange(min=1, max=4)
Wanted = Callable[[Session, HubView, ChainPlace, str], Awaitable[Intent]]
"""What an account wants of the hub: its session, the hub, where it is, and who signs."""
More = Callable[[HubView, str], Awaitable[Fields]]
"""What is told besides the transaction, after it: of the hub, to who signed."""


async def _nothing(_: HubView, __: str) -> Fields:
    return {}


def message(name: str, fields: Fields) -> RawMessage:
    """Return one of the hub's messages about integrity."""
    return RawMessage({"@type": f"{MESSAGES}{name}", **fields})


def base64_of(datum: bytes) -> str:
    """Return bytes as protobuf's JSON has them."""
    return base64.b64encode(datum).decode()


def governance(chain: ChainPlace) -> str:
    """Return the account of the hub's governance."""
    return format_address(chain.bech32_prefix, module_address("gov"))


def say(
    home: Path, hub_name: str, account: str, wanted: Wanted, *, as_json: bool, more: More = _nothing
) -> None:
    """Submit what an account wants of the hub, and print what came of it."""
    output = Output(as_json)

    async def run() -> None:
        async with Session(home) as session:
            hub = await find_hub(await session.users(), hub_name)
            chain = session.chain(hub.name)
            user = await session.user(chain, account)
            signer = user.client.signer
            intent = await wanted(session, hub, chain, signer)
            outcome = await submit(Job(session, chain, user, output), intent)
            told = await more(hub, signer)
            output.result(
                {**outcome_json(chain, outcome), **told},
                lambda: "\n".join(
                    [
                        outcome_text(chain, outcome),
                        *(f"{key}: {value}" for key, value in told.items()),
                    ]
                ),
            )

    asyncio.run(run())
