"""``supply``: whether the hub's ledger of zones agrees with the chains."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from isthmus.cli.level import hub_option
from isthmus.cli.output import Command, Group, Output, home_option, json_option
from isthmus.cli.patience import run_with_patience
from isthmus.cli.session import Session
from isthmus.integrity_view import find_hub
from isthmus.supply_audit import Compared, audit


@click.group(cls=Group, example="isthmus supply audit")
def supply() -> None:
    """Check that no zone has more than the hub's ledger says."""


@supply.command("audit", cls=Command, example="isthmus supply audit\nisthmus supply audit --json")
@hub_option
@home_option
@json_option
def audit_command(hub_name: str, home: Path, *, as_json: bool) -> None:
    """Compare the hub's ledger of zones with every chain, over RPC; exit code 1 if one differs."""
    output = Output(as_json)

    async def run() -> tuple[Compared, ...]:
        async with Session(home) as session:
            users = await session.users()
            return await audit(await find_hub(users, hub_name), users)

    found = run_with_patience(run(), output, "waiting for the chains to answer")
    agrees = all(each.holds for each in found)
    output.result(
        {"agrees": agrees, "compared": [{**asdict(each), "holds": each.holds} for each in found]},
        lambda: "\n".join([*map(_line, found), _verdict(found, agrees=agrees)]),
    )
    sys.exit(0 if agrees else 1)


def _line(each: Compared) -> str:
    mark = "ok " if each.holds else "NO "
    busy = "  (packets on their way)" if each.busy else ""
    return (
        f"{mark} {each.chain:<12} {each.channel:<11} {each.what:<22} ledger {each.ledger:<14} "
        f"found {each.found:<14} {each.denom[:24]}{busy}"
    )


def _verdict(found: tuple[Compared, ...], *, agrees: bool) -> str:
    if not found:
        return "the ledger is empty: nothing has crossed the hub"
    return f"{len(found)} comparisons, " + ("all agree" if agrees else "some do NOT agree")
