"""Commands that documents show are commands of the tree, with their options."""

import re
import shlex
from pathlib import Path

import click
import pytest

from isthmus.cli.main import cli
from isthmus.cli.node import main as isthmusd

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"isthmus": cli, "isthmusd": isthmusd}
SHOWN = re.compile(r"(?:^ +(?:\$ )?|`)(isthmusd? [a-z][^`\n]*)", re.MULTILINE)


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def complaint(line: str) -> str | None:
    """Why a line is no command of ours; None where it is one."""
    program, *words = shlex.split(line, comments=True)
    command: click.Command = PROGRAMS[program]
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0].isupper():
            return None  # a placeholder, as in `isthmus COMMAND --help`
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return f"no command {words[0]!r}"
        command, words = found, words[1:]
    options = {name for each in command.params for name in each.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("-") and word not in options]
    return f"no option {unknown[0]}" if unknown else None


def test_every_command_that_a_document_shows_exists() -> None:
    """A reader may type what a document shows."""
    shown = [
        (str(document.relative_to(ROOT)), line)
        for document in documents()
        for line in SHOWN.findall(document.read_text())
    ]
    wrong = [(*each, why) for each in shown if (why := complaint(each[1])) is not None]

    assert wrong == []
    assert len(shown) >= 8


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("isthmus up --detach", None),
        ("isthmus tx transfer a b 1x --chain c --to d --follow  # comment", None),
        ("isthmus COMMAND --help", None),
        ("isthmus upp", "no command 'upp'"),
        ("isthmus tx steal", "no command 'steal'"),
        ("isthmus up --no-such", "no option --no-such"),
        ("isthmusd start --home x", None),
    ],
)
def test_the_check_can_fail(line: str, why: str | None) -> None:
    """A command or option that is gone is found."""
    assert complaint(line) == why
