"""``quarantine``: what is doubtful and frozen, appeals against it, and its end."""

import base64
from collections.abc import Iterator
from pathlib import Path

import click

from chainkit.primitives.amounts import Coin
from isthmus.cli.integrity_tx import Fields, governance, message, say
from isthmus.cli.level import WAITS, hub_option
from isthmus.cli.output import Command, Group, Output, home_option, json_option
from isthmus.cli.patience import run_with_patience
from isthmus.cli.session import Session
from isthmus.cli.values import CoinsType
from isthmus.homes import ChainPlace
from isthmus.integrity_view import (
    HubView,
    Json,
    explain_contamination,
    find_hub,
    inner,
    number,
    objects,
)
from parachains.sdk.users import Intent, SubmitProposal

STATES = ("open", "upheld", "refused")


@click.group(
    cls=Group,
    example="isthmus quarantine list\n"
    "isthmus quarantine appeal bob ibc/27394FB0... zone-a 120\n"
    "isthmus quarantine release bob 1",
)
def quarantine() -> None:
    """Show what is frozen since its chain cheated or fell, appeal, and release it."""


@quarantine.command("list", cls=Command, example="isthmus quarantine list --chain zone-a")
@click.option("--chain", "chain", default="", help="Only what came from this chain.")
@hub_option
@home_option
@json_option
def list_quarantine(chain: str, hub_name: str, home: Path, *, as_json: bool) -> None:
    """List the packets and lots that came from chains since they are in doubt, and appeals."""
    output = Output(as_json)

    async def run() -> tuple[Json, Json]:
        async with Session(home) as session:
            hub = await find_hub(await session.users(), hub_name)
            return await hub.ask("Quarantine", chain=chain), await hub.ask("Appeals")

    reports, appeals = run_with_patience(run(), output, WAITS)
    output.result(
        {**reports, **appeals},
        lambda: "\n".join(_lines(reports, appeals)) or "nothing is in doubt",
    )


def _lines(reports: Json, appeals: Json) -> Iterator[str]:
    for report in objects(reports, "chains"):
        yield from explain_contamination(report)
    for view in objects(appeals, "appeals"):
        appeal = inner(view, "appeal")
        lot = inner(appeal, "lot")
        yield (
            f"appeal {appeal.get('id')} of {view.get('owner')}: {lot.get('amount')}"
            f"{appeal.get('denom')} from {lot.get('source')} at height {lot.get('height')}, "
            f"{STATES[number(appeal, 'state')]}; supporters endorse {hex_of(view, 'datum')} of "
            f"{lot.get('source')} for level {max(number(lot, 'label'), 1)}"
        )


def hex_of(value: Json, key: str) -> str:
    """Return bytes, which protobuf's JSON has in base64, in hex."""
    return base64.b64decode(str(value.get(key, ""))).hex()


@quarantine.command(cls=Command, example="isthmus quarantine appeal bob ibc/27394FB0... zone-a 120")
@click.argument("account")
@click.argument("denom")
@click.argument("source")
@click.argument("height", type=click.IntRange(min=0))
@hub_option
@home_option
@json_option
def appeal(
    account: str, denom: str, source: str, height: int, hub_name: str, home: Path, *, as_json: bool
) -> None:
    """Appeal for ACCOUNT against the quarantine of its lot of DENOM from SOURCE at HEIGHT.

    A bond is put down. The appeal is upheld once independent sources support it (isthmus
    endorse datum), and refused when its time is over.
    """

    async def wanted(_: Session, __: HubView, ___: ChainPlace, signer: str) -> Intent:
        fields = {"owner": signer, "denom": denom, "source": source, "height": str(height)}
        return message("MsgAppeal", fields)

    async def opened(hub: HubView, signer: str) -> Fields:
        mine = [
            view
            for view in objects(await hub.ask("Appeals"), "appeals")
            if view.get("owner") == signer
        ]
        return {
            "appeal": number(inner(mine[-1], "appeal"), "id"),
            "datum": hex_of(mine[-1], "datum"),
        }

    say(home, hub_name, account, wanted, as_json=as_json, more=opened)


@quarantine.command(
    cls=Command,
    example="isthmus quarantine release bob 1\n"
    "isthmus quarantine release alice --chain zone-a --deposit 10000000uisth",
)
@click.argument("account")
@click.argument("appeal_number", metavar="[APPEAL]", required=False, type=click.IntRange(min=1))
@click.option("--chain", "chain", default="", help="Propose to governance to release all of it.")
@click.option("--deposit", type=CoinsType(), default="10000000uisth", help="Of the proposal.")
@hub_option
@home_option
@json_option
def release(
    account: str,
    appeal_number: int | None,
    chain: str,
    deposit: tuple[Coin, ...],
    hub_name: str,
    home: Path,
    *,
    as_json: bool,
) -> None:
    """Have APPEAL decided by its rule; or propose to release all that came from a chain."""
    if (appeal_number is None) == (not chain):
        raise click.UsageError("expected either the number of an appeal or --chain")

    async def wanted(_: Session, __: HubView, place: ChainPlace, signer: str) -> Intent:
        if appeal_number is not None:
            return message("MsgSettle", {"signer": signer, "id": str(appeal_number)})
        inside = message("MsgRelease", {"authority": governance(place), "chain": chain})
        title = f"Release what came from {chain}"
        return SubmitProposal(title, title, deposit, (inside.value,))

    async def decided(hub: HubView, _: str) -> Fields:
        for view in objects(await hub.ask("Appeals"), "appeals"):
            found = inner(view, "appeal")
            if number(found, "id") == appeal_number:
                return {"appeal": appeal_number, "verdict": STATES[number(found, "state")]}
        return {}

    say(home, hub_name, account, wanted, as_json=as_json, more=decided)
