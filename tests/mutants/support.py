"""A mutant: one defence taken out of the code, and the test that must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """Replace ``old`` by ``new`` (it stands exactly once in ``file``); ``test`` must then fail.

    ``file`` is relative to the checkout; ``test`` is a pytest node id. ``timeout_s`` bounds the run:
    a mutant that makes the test hang counts as killed too. A source that is compiled names the
    ``extension`` module to build anew.
    """

    name: str
    file: str
    old: str
    new: str
    test: str
    timeout_s: int = 120
    extension: str = ""
