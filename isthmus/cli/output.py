"""How commands print: words for a person, or one JSON line with ``--json``."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

DEFAULT_HOME = Path.home() / ".isthmus" / "net"

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_HOME,
    show_default=True,
    help="The network's folder.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON line.")


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's words go: progress to stderr, the result to stdout."""

    as_json: bool

    def progress(self, line: str) -> None:
        """Tell the person who waits."""
        click.echo(line, err=True)

    def result(self, values: Mapping[str, object], text: Callable[[], str]) -> None:
        """Print the result in the form that was asked for."""
        click.echo(json.dumps(dict(values)) if self.as_json else text())
        sys.stdout.flush()
