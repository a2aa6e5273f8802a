"""Rules of the house that no linter knows."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = (
    "chainkit",
    "ibc",
    "light_clients",
    "integrity",
    "htlc/onchain",
    "relay_chain/consensus",
    "parachains/account/consensus",
    "relay_chain/app",
)
PRODUCT = (*PURE, "relay_chain", "parachains", "relayer", "isthmus", "demos")


def sources(*folders: str) -> list[Path]:
    found = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    return sorted(path for path in found if not path.name.endswith("_pb2.py"))


def documents() -> list[Path]:
    return sorted(
        [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
    )


def test_what_runs_in_a_block_uses_no_floats() -> None:
    """Floats round differently between machines, and nodes that round differently fork."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(*PURE)
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
    ]

    assert found == []


def test_nothing_is_left_for_later_without_saying_so() -> None:
    """No TODO, FIXME or NotImplementedError stands in the product."""
    pattern = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources(*PRODUCT)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]

    assert found == []


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link in a document names a file of the checkout."""
    broken = []
    for document in documents():
        broken += [
            f"{document.relative_to(ROOT)} -> {target}"
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text())
            if "://" not in target and not (document.parent / target).exists()
        ]

    assert broken == []


def test_every_make_verb_that_a_document_names_exists() -> None:
    """A reader may type what a document shows."""
    verbs = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        (document.name, verb)
        for document in documents()
        for verb in re.findall(
            r"(?:`|^\$? ?|  )make ([a-z0-9-]+)", document.read_text(), re.MULTILINE
        )
    }

    assert {(name, verb) for name, verb in named if verb not in verbs} == set()


def test_every_log_event_is_listed() -> None:
    """An operator finds each event name in docs/protocol/log-events.md, and no name that is gone."""
    listed = set(
        re.findall(r"`([a-z_]+\.[a-z_]+)`", (ROOT / "docs/protocol/log-events.md").read_text())
    )
    logged = set()
    for path in sources("relay_chain", "parachains", "relayer", "isthmus", "demos"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"debug", "info", "warning", "error"}
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(node.args[0].value, str)
            ):
                logged.add(node.args[0].value)

    assert logged - listed == set(), "not listed"
    assert listed - logged == set(), "listed, but nothing logs it"


def test_every_installed_command_exists() -> None:
    """A command that pyproject.toml installs is a function of the tree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    missing = []
    for target in project.get("scripts", {}).values():
        module, _, function = target.partition(":")
        file = ROOT / (module.replace(".", "/") + ".py")
        if not file.exists() or f"def {function}(" not in file.read_text():
            missing.append(target)

    assert missing == []


def test_constraints_name_no_registry() -> None:
    """The lock is names and versions only, so that it works with any index."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)


def test_the_tree_holds_no_vectors() -> None:
    """Peers' vectors are read from beside the checkout and never copied into it."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of files to look through")
    large = [
        name
        for name in listed.stdout.split()
        if (ROOT / name).is_file() and (ROOT / name).stat().st_size > 400_000
    ]

    assert large == []
