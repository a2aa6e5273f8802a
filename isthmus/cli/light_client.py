"""``light-client``: what a light client checks of a file, and how deep it should look.

Each installed check of files is a command of its own.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TextIO

import click

from chainkit.primitives.confirmations import confirmations_needed
from chainkit.primitives.errors import MalformedMessage
from isthmus.cli.output import Command, Group, Output, json_option
from isthmus.file_verifiers import (
    FileVerdict,
    FileVerifier,
    file_verifier_names,
    find_file_verifier,
)

MAX_NUMBER_CHARACTERS = 40
MIN_PART = Fraction(1, 10**30)


class Verifiers(Group):
    """One command for each check that is installed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return what can be checked, by name."""
        del ctx
        return list(file_verifier_names())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of one."""
        del ctx
        known = cmd_name in file_verifier_names()
        return _command(find_file_verifier(cmd_name)) if known else None


def _command(verifier: FileVerifier) -> click.Command:
    """Return the command that checks files of one kind."""
    names = {option.name.replace("-", "_"): option.name for option in verifier.options}

    def run(file: Path, *, as_json: bool, **given: str) -> None:
        values = {names[key]: value for key, value in given.items()}
        sys.exit(0 if _verify(verifier, file, values, Output(as_json)) else 1)

    options: list[click.Parameter] = [
        click.Option(
            [f"--{option.name}"],
            default=option.default,
            show_default=bool(option.default),
            help=option.summary,
        )
        for option in verifier.options
    ]
    file = click.Argument(["file"], type=click.Path(path_type=Path, exists=True, dir_okay=False))
    command = Command(
        verifier.name,
        callback=run,
        params=[file, *options],
        help=verifier.summary,
        example=f"isthmus light-client verify {verifier.name} {verifier.example}",
    )
    json_option(command)
    return command


def _verify(verifier: FileVerifier, file: Path, values: Mapping[str, str], output: Output) -> bool:
    """Check a file and print the result; return whether all of it is right."""
    size = file.stat().st_size
    if size > verifier.max_bytes:
        raise MalformedMessage(f"{file}: {size} bytes, more than {verifier.max_bytes}")
    began = time.monotonic()
    steps = verifier.verify(file.read_bytes(), values, int(time.time()))
    verdict = follow(steps, verifier.unit, sys.stderr)
    seconds = round(time.monotonic() - began, 3)
    answer: dict[str, object] = {
        "valid": verdict.wrong is None,
        "checked": verdict.checked,
        "total": verdict.total,
        **verdict.facts,
        "seconds": seconds,
    }
    if verdict.wrong is not None:
        answer["wrong"] = dict(verdict.wrong)
    output.result(answer, lambda: _text(verifier, verdict, seconds))
    return verdict.wrong is None


def follow(steps: Iterator[FileVerdict], unit: str, screen: TextIO) -> FileVerdict:
    """Return the last step; a person at ``screen`` sees a bar move."""
    verdict = next(steps)
    with click.progressbar(
        length=verdict.total, label=unit, file=screen, hidden=not screen.isatty()
    ) as bar:
        bar.update(verdict.checked)
        for step in steps:
            bar.update(step.checked - verdict.checked)
            verdict = step
    return verdict


def _text(verifier: FileVerifier, verdict: FileVerdict, seconds: float) -> str:
    lines = [f"{verdict.checked} of {verdict.total} {verifier.unit} are right, in {seconds:.3f} s"]
    lines += [f"{name.replace('_', ' '):<13} {value}" for name, value in verdict.facts.items()]
    if verdict.wrong is not None:
        lines.append("the next is wrong:")
        lines += [f"{name.replace('_', ' '):<13} {value}" for name, value in verdict.wrong.items()]
    return "\n".join(lines)


@click.group("light-client", example="isthmus light-client verify --help", cls=Group)
def light_client() -> None:
    """Use a light client by itself."""


@light_client.group(
    cls=Verifiers,
    example="isthmus light-client verify bitcoin headers.bin --first-height 822528\n"
    "isthmus light-client verify bitcoin headers.bin --first-height 822528 --json",
)
def verify() -> None:
    """Check a file as the hub's light client would."""


@light_client.command(
    "finality-table",
    cls=Command,
    example="isthmus light-client finality-table\n"
    "isthmus light-client finality-table --share 0.25 --probability 1e-9",
)
@click.option(
    "--share",
    "shares",
    multiple=True,
    default=("0.1", "0.2", "0.3", "0.4"),
    show_default=True,
    help="The attacker's part of all work, below one half; may be given again.",
)
@click.option(
    "--probability",
    "probabilities",
    multiple=True,
    default=("1e-3", "1e-6"),
    show_default=True,
    help="How often an attack may succeed; may be given again.",
)
@json_option
def finality_table(shares: Sequence[str], probabilities: Sequence[str], *, as_json: bool) -> None:
    """Print how deep a block must lie before an attacker's share of the work cannot undo it.

    Rosenfeld's formula, exactly. The depth is what a client of a chain by work takes as its
    parameter: confirmations of a chain of blocks. A DAG's depth in blue scores adds what
    delay between miners reorganises without an attacker (ADR 0011).
    """
    rows: list[dict[str, object]] = [
        {
            "share": share,
            "probability": probability,
            "depth": confirmations_needed(_part(share, "share"), _part(probability, "probability")),
        }
        for share in shares
        for probability in probabilities
    ]
    Output(as_json).result({"rows": rows}, lambda: _table(rows))


def _part(text: str, name: str) -> Fraction:
    """Return an exact number strictly between 0 and 1.

    Raises:
        MalformedMessage: It is none, is below 1e-30, or has over 40 characters.
    """
    try:
        value = Fraction(text) if len(text) <= MAX_NUMBER_CHARACTERS else Fraction(0)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not MIN_PART <= value < 1:
        raise MalformedMessage(f"{name}: expected a number between 1e-30 and 1, got {text[:40]!r}")
    return value


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    lines = [f"{'attacker':<12} {'succeeds':<12} {'depth':>6}"]
    lines += [
        f"{row['share']!s:<12} {row['probability']!s:<12} {row['depth']!s:>6}" for row in rows
    ]
    return "\n".join(lines)
