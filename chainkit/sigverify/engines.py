"""Which engine verifies: the fastest that this build has and this processor runs.

Each compiled engine is an extension module of its own, built with its own flags, and imported
only when the processor was asked. So one build serves every machine.
"""

import os
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from chainkit.primitives.errors import OperationFailed
from chainkit.sigverify import _python

ENGINE_VARIABLE = "ISTHMUS_SIGVERIFY_ENGINE"
"""Environment variable that names the engine to use, for tests and measurements."""

FASTEST_FIRST = ("ifma", "avx2", "portable", "python")
_MODULES = {
    "ifma": "_ifma",
    "avx2": "_avx2",
    "portable": "_portable",
    "ifma-emulated": "_ifma_emulated",
}
"""``ifma-emulated`` is the first engine's source on plain words: for tests, never chosen."""

SLOW_NOTICE = (
    "ed25519: no compiled engine, so signatures are verified one by one; "
    "install with a C compiler for a speed of two to fifteen times this"
)

Item = tuple[bytes, bytes, bytes]
"""Public key, message, signature."""


class KeyCache(Protocol):
    """Expanded keys, the least recently used dropped."""

    capacity: int

    def __len__(self) -> int:
        """Return how many keys are kept."""
        ...

    def clear(self) -> None:
        """Forget all keys."""
        ...


class KeyCacheClass(Protocol):
    """What makes an engine's cache."""

    def __call__(self, capacity: int) -> KeyCache:
        """Return an empty cache."""
        ...


class Engine(Protocol):
    """What an engine's module offers."""

    NAME: str
    Keys: KeyCacheClass

    def verify_range(
        self,
        items: tuple[Item, ...],
        first: int,
        last: int,
        verdicts: bytearray,
        keys: KeyCache | None,
    ) -> None:
        """Judge items[first:last] and write 1 or 0 for each into ``verdicts`` at its place."""
        ...


class EngineUnavailable(OperationFailed):
    """The engine that was asked for was not built, or the processor does not run it."""

    def __init__(self, *, name: str, available: tuple[str, ...]) -> None:
        super().__init__(f"no ed25519 engine {name!r} here; there are: {', '.join(available)}")
        self.name = name


def _runs_here(name: str) -> bool:
    """Return whether the processor (and its kernel) can run the engine, without importing it."""
    if name not in {"ifma", "avx2"}:
        return True
    try:
        portable = import_module("chainkit.sigverify._portable")
    except ImportError:
        return False
    return bool(portable.processor_runs(name))


def load(name: str) -> Engine | None:
    """Return an engine by name, or None where it was not built or does not run here."""
    if name == "python":
        return cast("Engine", _python)
    if name not in _MODULES or not _runs_here(name):
        return None
    try:
        return cast("Engine", import_module(f"chainkit.sigverify.{_MODULES[name]}"))
    except ImportError:
        return None


@cache
def available() -> tuple[str, ...]:
    """Return the engines that verify on this machine, the fastest first."""
    return tuple(name for name in FASTEST_FIRST if load(name) is not None)


@cache
def engine() -> Engine:
    """Return the engine of this process: the fastest, or the one that the environment names.

    Raises:
        EngineUnavailable: The environment names one that is not here.
    """
    name = os.environ.get(ENGINE_VARIABLE) or available()[0]
    found = load(name)
    if found is None:
        raise EngineUnavailable(name=name, available=available())
    return found


def notice() -> str | None:
    """Return the line to show where only the plain Python engine is there; else None."""
    return SLOW_NOTICE if engine().NAME == "python" else None
