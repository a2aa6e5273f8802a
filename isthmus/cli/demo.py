"""``demo NAME``: scenarios that packages offer under the entry point group isthmus.demos."""

import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

import click

from isthmus.cli.output import Output, json_option

GROUP = "isthmus.demos"


class Demo(Protocol):
    """A scenario: what it shows, and how to run it."""

    summary: str

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it in ``home``, or in a folder that goes away; return whether all went well."""
        ...


@click.command()
@click.argument("name", required=False)
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Keep files here.")
@json_option
def demo(name: str | None, home: Path | None, *, as_json: bool) -> None:
    r"""Run a demo by its name, or list them.

    \b
    Example:
      isthmus demo transfer --json
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name is None:
        Output(as_json).result({"demos": sorted(points)}, lambda: "\n".join(sorted(points)))
        return
    if name not in points:
        raise click.UsageError(f"expected one of {', '.join(sorted(points))}")
    found = cast("Demo", points[name].load())
    sys.exit(0 if found.run(home, Output(as_json)) else 1)
