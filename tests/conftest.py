"""Counting of vector cases, and the hypothesis profiles."""

import os
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.vectors.support import vectors_root

settings.register_profile(
    "ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

EXPECTED = Path(__file__).parent / "vectors" / "expected.toml"
_counts: Counter[str] = Counter()


RECURSION_LIMIT = 1_000
"""CPython's own. py_ecc, below the oracles of Ethereum, raises it to 100,000 when it is imported,
and then hostile nesting ends in a fault of the C stack instead of a ``RecursionError``."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    sys.setrecursionlimit(RECURSION_LIMIT)
    for mark in item.iter_markers("vectors"):
        item.user_properties.append(("vector_set", mark.args[0]))


@pytest.fixture
def vector_cases(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Say how many cases this one test ran (instead of 1)."""

    def count(cases: int) -> None:
        request.node.user_properties.append(("vector_cases", cases))

    return count


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call" or not report.passed:
        return
    properties = dict(report.user_properties)
    if "vector_set" in properties:
        _counts[str(properties["vector_set"])] += int(properties.get("vector_cases", 1))


def _whole_run(config: pytest.Config) -> bool:
    paths = {Path(argument).resolve() for argument in config.args}
    tests = Path(__file__).parent
    return not config.option.keyword and bool(paths & {tests, tests / "vectors", tests.parent})


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run in which a vector set that is due ran fewer cases than it has."""
    if hasattr(session.config, "workerinput") or not _whole_run(session.config):
        return
    if session.config.option.collectonly or "slow" in session.config.option.markexpr.split(" or "):
        return
    present = vectors_root().is_dir() or os.environ.get("STRICT_VECTORS") == "1"
    if not present or not EXPECTED.exists():
        return
    expected = tomllib.loads(EXPECTED.read_text())["cases"]
    short = [f"{name}: {_counts[name]} of {n}" for name, n in expected.items() if _counts[name] < n]
    session.config.stash[_SHORT] = short
    if short and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_SHORT = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    short = terminalreporter.config.stash.get(_SHORT, [])
    if _counts:
        terminalreporter.write_line(
            f"vector cases run: {sum(_counts.values())} in {len(_counts)} sets"
        )
    for line in short:
        terminalreporter.write_line(f"vectors short: {line}", red=True)
