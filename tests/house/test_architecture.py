"""ARCHITECTURE.md names functions; each name is one of the tree's."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = "chainkit|ibc|light_clients|htlc|relay_chain|parachains|relayer|isthmus|demos"
NAME = re.compile(rf"(?<![\w./-])(?:{PACKAGES})(?:\.[A-Za-z_][A-Za-z0-9_]*)+")
FOLLOWED = re.compile(rf"({NAME.pattern})((?:, \.?[a-z_]+)+)")


def names(text: str) -> set[str]:
    """Return the dotted names; ``a.b.C.d, .e`` also names ``a.b.C.e``."""
    found = {match[0] for match in NAME.finditer(text)}
    for match in FOLLOWED.finditer(text):
        owner = match[1].rpartition(".")[0]
        found |= {f"{owner}.{each.strip(' .')}" for each in match[2].split(",")[1:]}
    return found


def resolve(name: str) -> object:
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        for part in parts[size:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


def test_every_function_that_the_architecture_names_exists() -> None:
    """The path of a packet can be followed in the code, name by name."""
    found = names((ROOT / "ARCHITECTURE.md").read_text())
    missing = []
    for name in sorted(found):
        try:
            resolve(name)
        except (AttributeError, ModuleNotFoundError):
            missing.append(name)

    assert missing == []
    assert len(found) >= 40


def test_a_name_that_is_gone_is_found() -> None:
    """The check itself can fail, also for a name that follows another."""
    assert names("`relayer.planner.plan` and x.relayer.y, relayer/worker.py") == {
        "relayer.planner.plan"
    }
    assert "relayer.planner.gone" in names("relayer.planner.plan, .gone  text")
    with pytest.raises(AttributeError):
        resolve("relayer.planner.gone")
    with pytest.raises((ModuleNotFoundError, AttributeError)):
        resolve("relayer.gone.plan")
