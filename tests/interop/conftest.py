"""Programs of others that run beside our nodes: those found on PATH."""

import os
import shutil
from pathlib import Path

import pytest


def program(name: str) -> Path:
    """The program of that name; skipped by name where it is not on PATH, with INTEROP=1 a failure."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    if os.environ.get("INTEROP") == "1":
        pytest.fail(f"{name} is not on PATH")
    pytest.skip(f"{name} is not on PATH")


@pytest.fixture(scope="session")
def hermes() -> Path:
    """The Hermes relayer."""
    return program("hermes")


@pytest.fixture(scope="session")
def cometbft() -> Path:
    """A CometBFT node."""
    return program("cometbft")
