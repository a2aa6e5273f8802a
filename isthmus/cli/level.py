"""``level``: the integrity levels of chains, why they are so, and a picture of them."""

from pathlib import Path

import click

from isthmus.cli.output import Command, Group, Output, home_option, json_option
from isthmus.cli.patience import run_with_patience
from isthmus.cli.session import Session
from isthmus.integrity_view import (
    HUB,
    Json,
    explain_level,
    find_hub,
    inner,
    level_of,
    name_of,
    objects,
    words,
)
from isthmus.level_picture import PicturedChain, draw, flows

hub_option = click.option(
    "--hub", "hub_name", default="", help="The chain that keeps levels; the first that does else."
)
WAITS = "waiting for the hub to answer"


@click.group(
    cls=Group,
    example="isthmus level list\nisthmus level explain zone-a\nisthmus level svg --output net.svg",
)
def level() -> None:
    """Show how far each chain is to be trusted, and why."""


@level.command("list", cls=Command, example="isthmus level list")
@hub_option
@home_option
@json_option
def list_levels(hub_name: str, home: Path, *, as_json: bool) -> None:
    """List the chains that the hub knows with their levels."""
    output = Output(as_json)

    async def run() -> tuple[Json, ...]:
        async with Session(home) as session:
            return await (await find_hub(await session.users(), hub_name)).chains()

    views = run_with_patience(run(), output, WAITS)
    output.result(
        {"chains": [{"name": name_of(view), "level": level_of(view)} for view in views]},
        lambda: (
            "\n".join(map(_line, views))
            or "the hub was told of no chain: all are of level 0, and equal"
        ),
    )


def _line(view: Json) -> str:
    return f"{name_of(view):<16} level {level_of(view)}  by {', '.join(words(view, 'weakest'))}"


@level.command(
    cls=Command, example="isthmus level explain zone-a\nisthmus level explain hub --json"
)
@click.argument("chain")
@hub_option
@home_option
@json_option
def explain(chain: str, hub_name: str, home: Path, *, as_json: bool) -> None:
    """Say why CHAIN has its level: each axis, what was measured, and how the level changed."""
    output = Output(as_json)

    async def run() -> Json:
        async with Session(home) as session:
            hub = await find_hub(await session.users(), hub_name)
            return await hub.ask("Chain", name=chain)

    answer = run_with_patience(run(), output, WAITS)
    view = inner(answer, "chain")
    output.result(
        {"level": level_of(view), **answer},
        lambda: "\n".join(
            explain_level(view, objects(answer, "changes"), objects(answer, "floors"))
        ),
    )


@level.command(cls=Command, example="isthmus level svg --output net.svg")
@click.option(
    "--output", "path", type=click.Path(path_type=Path, dir_okay=False), help="A file, else stdout."
)
@hub_option
@home_option
@json_option
def svg(path: Path | None, hub_name: str, home: Path, *, as_json: bool) -> None:
    """Draw the chains by level with the flows that are allowed and those that are refused."""
    output = Output(as_json)

    async def run() -> tuple[Json, ...]:
        async with Session(home) as session:
            return await (await find_hub(await session.users(), hub_name)).chains()

    chains = [
        PicturedChain(
            name_of(view),
            level_of(view),
            is_hub=name_of(view) == HUB,
            isolated=bool(inner(view, "chain").get("isolated")),
            note=f"by {', '.join(words(view, 'weakest'))}",
        )
        for view in run_with_patience(run(), output, WAITS)
    ]
    shown = flows(chains)
    picture = draw(chains, shown)
    if path is not None:
        path.write_text(picture, encoding="utf-8")
    values = {
        "chains": {chain.name: chain.level for chain in chains},
        "allowed": [[flow.source, flow.destination] for flow in shown if flow.allowed],
        "refused": [[flow.source, flow.destination] for flow in shown if not flow.allowed],
        "svg": picture if path is None else str(path),
    }
    output.result(values, lambda: picture if path is None else f"drawn in {path}")
