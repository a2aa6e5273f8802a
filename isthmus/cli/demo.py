"""``demo NAME``: scenarios that packages offer under the entry point group isthmus.demos."""

import sys
from pathlib import Path
from typing import Protocol, cast

import click

from isthmus.cli.output import Command, Output, json_option, say_when_slow
from isthmus.discovery import DEMO_GROUP


class Demo(Protocol):
    """A scenario: what it shows, and how to run it."""

    summary: str

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it in ``home``, or in a folder that goes away; return whether all went well."""
        ...


@click.command(cls=Command, example="isthmus demo\nisthmus demo transfer --json")
@click.argument("name", required=False)
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Keep files here.")
@json_option
def demo(name: str | None, home: Path | None, *, as_json: bool) -> None:
    """Run a demo by its name, or list them."""
    output = Output(as_json)
    if name is None:
        say_when_slow()
        found = {each: cast("Demo", DEMO_GROUP.load(each)).summary for each in DEMO_GROUP.points()}
        output.result(
            {"demos": found},
            lambda: "\n".join(f"{each:<15} {summary}" for each, summary in found.items()),
        )
        return
    chosen = cast("Demo", DEMO_GROUP.load(name))
    say_when_slow()
    sys.exit(0 if chosen.run(home, output) else 1)
