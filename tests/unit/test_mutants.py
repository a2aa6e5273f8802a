"""The mutants fit the code, so that ``make mutants`` never finds one stale."""

from pathlib import Path

import pytest

from tests.mutants.__main__ import ROOT, try_mutant
from tests.mutants.catalogue import REQUIRED, all_mutants
from tests.mutants.support import Mutant


@pytest.mark.parametrize("mutant", all_mutants(), ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place_and_names_a_test_that_exists(mutant: Mutant) -> None:
    """
    Its text stands once in its file, changed Python compiles, and its test is where it says.
    """
    path, *names = mutant.test.split("[")[0].split("::")
    source, text = (ROOT / path).read_text(), (ROOT / mutant.file).read_text()

    assert text.count(mutant.old) == 1
    assert mutant.new != mutant.old
    assert bool(mutant.extension) == (not mutant.file.endswith(".py"))
    if not mutant.extension:
        compile(text.replace(mutant.old, mutant.new), mutant.file, "exec")
    assert all(f"class {name}" in source or f"def {name}(" in source for name in names)


def test_no_required_defence_is_without_a_mutant() -> None:
    """
    The lists of the issues, by the names of their mutants.
    """
    known = {mutant.name for mutant in all_mutants()}

    assert set().union(*map(set, REQUIRED.values())) <= known
    assert len(REQUIRED) == 13


def test_a_mutant_that_no_test_notices_survives(tmp_path: Path) -> None:
    """
    The runner can fail, and puts the file back.
    """
    (tmp_path / "code.py").write_text("ANSWER = 41 + 1\nUNUSED = 1\n")
    (tmp_path / "test_code.py").write_text(
        "import code_under_test\n\n\ndef test_answer():\n    assert code_under_test.ANSWER == 42\n"
    )
    (tmp_path / "code.py").rename(tmp_path / "code_under_test.py")
    killed = Mutant("a", "code_under_test.py", "41 + 1", "41", "test_code.py::test_answer")
    alive = Mutant("b", "code_under_test.py", "UNUSED = 1", "UNUSED = 2", killed.test)
    stale = Mutant("c", "code_under_test.py", "NOT THERE", "", killed.test)

    assert try_mutant(tmp_path, killed) == "killed"
    assert try_mutant(tmp_path, alive) == "SURVIVED"
    assert "0 times" in try_mutant(tmp_path, stale)
    assert "ANSWER = 41 + 1" in (tmp_path / "code_under_test.py").read_text()
