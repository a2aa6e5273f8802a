"""Every test that the design of integrity levels names exists, with a mutant that it notices."""

import ast
import re
from pathlib import Path

from tests.mutants.catalogue import all_mutants

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs/protocol/integrity-tests.md"
ROW = re.compile(r"^\| (IL-[a-z-]+) \| `([a-z_0-9]+\.py)::(test_\w+)` \| ([^|]+) \|$", re.MULTILINE)
NAMED = {
    "IL-equal",
    "IL-ack-covert",
    "IL-forged-timeout",
    "IL-return",
    "IL-return-excess",
    "IL-return-memo",
    "IL-preimage",
    "IL-hysteresis",
    "IL-drop-inflight",
    "IL-endorse-m",
    "IL-endorse-same-operator",
    "IL-endorse-fraud",
    "IL-indirect",
    "IL-quarantine",
}
"""The design's own list."""


WAY = re.compile(r"^\| ([a-z, -]+) \| `([a-z_0-9]+\.py)::(test_\w+)` \|$", re.MULTILINE)
WAYS = ("memo", "callback", "multi-hop", "swap", "oracle", "governance", "name-service", "label")


def names_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests/unit" / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall(TABLE.read_text(encoding="utf-8"))


def test_each_id_of_the_design_has_its_row() -> None:
    """None is missing, none is there twice."""
    assert sorted(row[0] for row in rows()) == sorted(NAMED)


def test_each_row_names_a_test_and_its_mutant() -> None:
    """The test exists, and the mutant is one that this very test must notice."""
    mutants = {mutant.name: mutant for mutant in all_mutants()}
    for name, file, test, mutant in rows():
        assert test in names_in(file), f"{name}: no {test} in {file}"
        assert mutant in mutants, f"{name}: no mutant {mutant!r}"
        assert mutants[mutant].test == f"tests/unit/{file}::{test}", name


def test_each_id_is_claimed_by_a_test() -> None:
    """The docstring of some test says which id it stands for."""
    claims = "".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests/unit").glob("*.py"))
    )
    assert [
        name for name in sorted(NAMED) if f"{name}:" not in claims and f"{name}," not in claims
    ] == []


def test_each_rule_that_the_random_nets_notice_is_listed() -> None:
    """The list of the page is that of the mutants, in its order."""
    listed = re.findall(r"^- (.+)$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    names = [each.name for each in all_mutants() if each.name.startswith("flows: ")]
    assert [f"flows: {name}" for name in listed] == names


def test_each_way_around_the_rule_has_its_test() -> None:
    """Those that the design lists, each with a test that exists."""
    found = WAY.findall(TABLE.read_text(encoding="utf-8"))
    for way in WAYS:
        assert any(way in name for name, _, _ in found), way
    for name, file, test in found:
        assert test in names_in(file), name
