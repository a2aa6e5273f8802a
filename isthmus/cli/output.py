"""How commands print: words for a person, or one JSON line with ``--json``."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.sigverify.engines import notice
from relayer.errors import WrongSetting

DEFAULT_HOME = Path.home() / ".isthmus" / "net"

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_HOME,
    show_default=True,
    help="The network's folder.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON line.")


_EXPECTED = (RuleBroken, OperationFailed, WrongSetting, OSError)
"""What is not this program's defect."""


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error in a group of groups."""
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first


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


class Failed(click.ClickException):
    """Something that a person can read in one line; exit code 1."""

    def __init__(self, line: str, *, as_json: bool) -> None:
        super().__init__(line)
        self.as_json = as_json

    def show(self, file: object = None) -> None:
        """Print the line; with ``--json`` also as a JSON line where the result would be."""
        del file
        click.echo(f"error: {self.message}", err=True)
        if self.as_json:
            click.echo(json.dumps({"error": self.message}))


def say_when_slow() -> None:
    """Say in one line that signatures will be verified slowly, where they will.

    For commands that verify, after they have checked what they were given, so that a refusal
    stays one line.
    """
    slow = notice()
    if slow is not None:
        click.echo(slow, err=True)


class Command(click.Command):
    """A command that shows an example, and whose errors are one clear line.

    Args:
        example: Lines that a person can type.
    """

    def __init__(self, *args: object, example: str, **attributes: object) -> None:
        super().__init__(*args, **attributes)  # type: ignore[arg-type]
        self.example = example

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example below the options."""
        del ctx
        write_example(formatter, self.example)

    def invoke(self, ctx: click.Context) -> object:
        """Run it; an expected error becomes one line."""
        try:
            return super().invoke(ctx)
        except _EXPECTED as error:
            raise self._failed(ctx, str(error)) from error
        except BaseExceptionGroup as group:
            # Tasks of a daemon end in groups. One defect among them is told with its traceback.
            if group.split(_EXPECTED)[1] is not None:
                raise
            raise self._failed(ctx, str(_first_of(group))) from group
        except msgspec.MsgspecError as error:
            raise self._failed(ctx, f"a file is damaged: {error}") from error

    @staticmethod
    def _failed(ctx: click.Context, line: str) -> Failed:
        return Failed(" ".join(line.split()), as_json=bool(ctx.params.get("as_json")))


class Group(click.Group):
    """A group of commands that shows an example."""

    def __init__(self, *args: object, example: str, **attributes: object) -> None:
        super().__init__(*args, **attributes)  # type: ignore[arg-type]
        self.example = example

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example below the commands."""
        del ctx
        write_example(formatter, self.example)


def write_example(formatter: click.HelpFormatter, example: str) -> None:
    """Write lines as they are, under a heading."""
    with formatter.section("Example"):
        for line in example.strip().splitlines():
            formatter.write(f"  {line.strip()}\n")
