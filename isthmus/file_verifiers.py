"""Checks of files without a network, found by entry points of their own.

A package names an object that fits ``FileVerifier`` under ``isthmus.file_verifiers``, by the
name that the command has. Only the one that is asked for is loaded.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, cast

from isthmus.entry_points import Group

_FILE_VERIFIERS = Group("isthmus.file_verifiers", "check of files")


class FileOption(Protocol):
    """A setting of a file's check, a text."""

    @property
    def name(self) -> str:
        """As the command line has it, without dashes."""
        ...

    @property
    def default(self) -> str:
        """What it is where it is not given."""
        ...

    @property
    def summary(self) -> str:
        """What it sets, in a line."""
        ...


class FileVerdict(Protocol):
    """How far a file's check is."""

    @property
    def checked(self) -> int:
        """Items found right."""
        ...

    @property
    def total(self) -> int:
        """Items in the file."""
        ...

    @property
    def facts(self) -> Mapping[str, object]:
        """What is known of the right ones, in JSON's values."""
        ...

    @property
    def wrong(self) -> Mapping[str, object] | None:
        """Of the first wrong one: what and why, with ``reason`` and ``detail``; else None."""
        ...


class FileVerifier(Protocol):
    """What is checked of a file without a network."""

    @property
    def name(self) -> str:
        """What the files are of."""
        ...

    @property
    def summary(self) -> str:
        """What is checked, in a line."""
        ...

    @property
    def unit(self) -> str:
        """The items of a file, in the plural."""
        ...

    @property
    def example(self) -> str:
        """What follows its name on a command line."""
        ...

    @property
    def max_bytes(self) -> int:
        """The largest file that it takes."""
        ...

    @property
    def options(self) -> Sequence[FileOption]:
        """Its settings."""
        ...

    def verify(self, data: bytes, values: Mapping[str, str], now: int) -> Iterator[FileVerdict]:
        """Yield how far it is, ending with the result; ``now`` in UNIX seconds.

        Raises:
            MalformedMessage: The file or a setting is not of its form.
        """
        ...


def file_verifier_names() -> tuple[str, ...]:
    """Return the names of what installed packages can check."""
    return tuple(_FILE_VERIFIERS.points())


def find_file_verifier(name: str) -> FileVerifier:
    """Return the check of one name.

    Raises:
        NotInstalled, CannotLoad: It cannot be had.
    """
    return cast("FileVerifier", _FILE_VERIFIERS.load(name))
