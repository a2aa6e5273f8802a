"""``query``: what a chain's kind can be asked, each question a command of its own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from isthmus.cli.output import (
    Command,
    Group,
    Output,
    home_option,
    json_option,
)
from isthmus.cli.patience import run_with_patience
from isthmus.cli.session import Session
from isthmus.cli.tx import chain_option
from isthmus.discovery import chain_kind_names, find_chain_kind
from parachains.sdk.users import QueryForm

svg_option = click.option("--svg", "as_svg", is_flag=True, help="Draw the answer as SVG.")


class Questions(Group):
    """One command for each question that an installed chain kind answers."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the questions, by name."""
        del ctx
        return sorted(_forms())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a question."""
        del ctx
        form = _forms().get(cmd_name)
        return None if form is None else _command(form)


def _forms() -> Mapping[str, QueryForm]:
    """Return every question that some kind answers; the kinds are told apart when asked."""
    return {
        form.name: form for name in chain_kind_names() for form in find_chain_kind(name).queries
    }


def _command(form: QueryForm) -> click.Command:
    """Return the command that asks one question."""

    def run(
        home: Path,
        chain_name: str,
        *,
        as_json: bool,
        as_svg: bool = False,
        **values: str | None,
    ) -> None:
        given = {name: value for name, value in values.items() if value is not None}
        draw = form.draw if as_svg else None
        _ask(form, given, chain_name, home, Output(as_json), draw)

    arguments: list[click.Parameter] = [
        click.Argument([name.rstrip("?")], required=not name.endswith("?"))
        for name in form.arguments
    ]
    command = Command(
        form.name,
        callback=run,
        params=arguments,
        help=form.summary,
        example=f"isthmus query {form.example}",
    )
    drawing = (svg_option,) if form.draw is not None else ()
    for option in (json_option, *drawing, home_option, chain_option):
        option(command)
    return command


def _ask(
    form: QueryForm,
    values: Mapping[str, str],
    chain_name: str,
    home: Path,
    output: Output,
    draw: Callable[[Mapping[str, object]], str] | None,
) -> None:
    async def ask() -> Mapping[str, object]:
        async with Session(home) as session:
            chain = session.chain(chain_name)
            user = await session.user(chain)
            given = {
                name: session.address(value, chain) if name == "address" else value
                for name, value in values.items()
            }
            return await user.ask(form.name, given)

    reason = f"waiting for {chain_name or 'the chain'} to answer"
    answer = run_with_patience(ask(), output, reason)
    if draw is not None:
        drawn = draw(answer)
        output.result({"svg": drawn}, lambda: drawn.rstrip("\n"))
        return
    output.result(answer, lambda: json.dumps(answer, indent=2, ensure_ascii=False))


@click.group(
    cls=Questions,
    example="isthmus query balances alice --chain zone-a\n"
    "isthmus query channels --chain hub\n"
    'isthmus query grpc /cosmos.bank.v1beta1.Query/SupplyOf \'{"denom": "uisth"}\' --chain hub',
)
def query() -> None:
    """Ask a chain; answers are JSON, one line of it with --json."""
