"""Run every mutant: ``python -m tests.mutants [NAME ...]``.

Each is applied to a copy of the checkout, so that the working tree is never changed. First the
test must pass on the unchanged copy, then it must fail on the mutated one.
"""

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tests.mutants
from tests.mutants.support import Mutant

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "build", "*_cache", ".hypothesis", "__pycache__"
)


def all_mutants() -> list[Mutant]:
    found = []
    for module in pkgutil.iter_modules(tests.mutants.__path__):
        if module.name not in {"support", "__main__"}:
            found += importlib.import_module(f"tests.mutants.{module.name}").MUTANTS
    names = [mutant.name for mutant in found]
    assert len(names) == len(set(names)), "two mutants share a name"
    return found


def run_test(copy: Path, mutant: Mutant) -> tuple[bool, str]:
    """Whether the test passed in ``copy``, and the end of what it printed."""
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CI": "1",
        "ISTHMUS_VECTORS": os.environ.get(
            "ISTHMUS_VECTORS", str(ROOT.parent / "shared" / "vectors")
        ),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.test],
            cwd=copy, env=environment, capture_output=True, text=True, timeout=mutant.timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False, "timed out"
    if done.returncode not in {0, 1}:
        raise SystemExit(
            f"{mutant.name}: the test did not run\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.returncode == 0, done.stdout[-800:]


def main() -> int:
    wanted = set(sys.argv[1:])
    mutants = [m for m in all_mutants() if not wanted or m.name in wanted]
    survived = []
    clean: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(prefix="isthmus-mutants-") as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        for mutant in mutants:
            if mutant.test not in clean:
                clean[mutant.test], tail = run_test(copy, mutant)
                if not clean[mutant.test]:
                    print(f"{mutant.name}: {mutant.test} fails without a mutant\n{tail}")
                    return 1
            file = copy / mutant.file
            text = file.read_text()
            if text.count(mutant.old) != 1:
                print(
                    f"{mutant.name}: its text stands {text.count(mutant.old)} times in {mutant.file}"
                )
                return 1
            file.write_text(text.replace(mutant.old, mutant.new))
            passed, _ = run_test(copy, mutant)
            file.write_text(text)
            print(
                f"{'SURVIVED' if passed else 'killed'}  {mutant.name}  by {mutant.test}", flush=True
            )
            if passed:
                survived.append(mutant.name)
    print(f"{len(mutants) - len(survived)} killed, {len(survived)} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
