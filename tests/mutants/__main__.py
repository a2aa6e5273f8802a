"""Run every mutant: ``python -m tests.mutants [NAME ...]``.

Each is applied to a copy of the checkout, so that the working tree is never changed. First the
test must pass on the unchanged copy, then it must fail on the mutated one. There is a copy for
each processor, and the mutants of one test stay together, since its first run serves them all.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.catalogue import all_mutants
from tests.mutants.support import Mutant

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "build", "*_cache", ".hypothesis", "__pycache__", "node_modules"
)
CLEAN_TIMEOUT_S = 900
_PRINTING = threading.Lock()


def run_test(copy: Path, mutant: Mutant, timeout_s: float) -> str:
    """Return ``passed``, ``failed``, ``timed out``, or why the test could not run in ``copy``."""
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CI": "1",
        "ISTHMUS_VECTORS": os.environ.get(
            "ISTHMUS_VECTORS", str(ROOT.parent / "shared" / "vectors")
        ),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutant.test]
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "timed out"
    if done.returncode not in {0, 1}:
        return f"pytest says {done.returncode}: {(done.stdout + done.stderr)[-800:]}"
    return "passed" if done.returncode == 0 else "failed"


def built_files(copy: Path, extension: str) -> list[Path]:
    """Return the compiled forms of an extension module."""
    if not extension:
        return []
    *folders, name = extension.split(".")
    return sorted(copy.joinpath(*folders).glob(f"{name}.*.so"))


def build(copy: Path, extension: str) -> str:
    """Compile one extension module in the copy; return nothing, or why it did not."""
    for old in built_files(copy, extension):
        old.unlink()
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    done = subprocess.run(
        command, cwd=copy, env=os.environ | {"ISTHMUS_EXTENSION": extension},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 0 and built_files(copy, extension):
        return ""
    return f"does not build: {(done.stdout + done.stderr)[-800:]}"


def try_mutant(copy: Path, mutant: Mutant, clean_s: float = 0) -> str:
    """Return ``killed`` or ``SURVIVED``, or why neither can be said.

    A test that hangs has noticed; how long that takes depends on how long it takes unmutated.
    """
    file = copy / mutant.file
    text = file.read_text()
    if text.count(mutant.old) != 1:
        return f"its text stands {text.count(mutant.old)} times in {mutant.file}"
    file.write_text(text.replace(mutant.old, mutant.new))
    built = {path: path.read_bytes() for path in built_files(copy, mutant.extension)}
    try:
        outcome = build(copy, mutant.extension) if mutant.extension else ""
        outcome = outcome or run_test(copy, mutant, max(mutant.timeout_s, 3 * clean_s))
    finally:
        file.write_text(text)
        for path, content in built.items():
            path.write_bytes(content)
    return {"failed": "killed", "timed out": "killed", "passed": "SURVIVED"}.get(outcome, outcome)


def run_group(copies: "SimpleQueue[Path]", mutants: Sequence[Mutant]) -> list[str]:
    """Run the mutants of one test; return those that are not killed."""
    copy = copies.get()
    alive = []
    try:
        clean_begun = time.monotonic()
        clean = run_test(copy, mutants[0], CLEAN_TIMEOUT_S)
        clean_s = time.monotonic() - clean_begun
        for mutant in mutants:
            begun = time.monotonic()
            unchanged = f"unchanged: {clean}"
            outcome = try_mutant(copy, mutant, clean_s) if clean == "passed" else unchanged
            with _PRINTING:
                seconds = time.monotonic() - begun
                print(f"{outcome:8}  {mutant.name}  by {mutant.test}  {seconds:.0f} s", flush=True)
            if outcome != "killed":
                alive.append(mutant.name)
    finally:
        copies.put(copy)
    return alive


def main() -> int:
    """Run all or the named ones; return 1 where one is not killed.

    A name that ends in a colon stands for all that begin with it.
    """
    wanted = set(sys.argv[1:])
    groups_wanted = tuple(name for name in wanted if name.endswith(":"))
    mutants = [
        m for m in all_mutants()
        if not wanted or m.name in wanted or (groups_wanted and m.name.startswith(groups_wanted))
    ]  # fmt: skip
    unknown = wanted - {mutant.name for mutant in mutants} - set(groups_wanted)
    if unknown:
        print(f"no such mutant: {', '.join(sorted(unknown))}")
        return 1
    groups: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        groups.setdefault(mutant.test, []).append(mutant)
    workers = min(os.cpu_count() or 1, len(groups))
    with tempfile.TemporaryDirectory(prefix="isthmus-mutants-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copy = Path(folder) / f"checkout{number}"
            shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
            copies.put(copy)
        with ThreadPoolExecutor(workers) as pool:
            results = list(pool.map(lambda group: run_group(copies, group), groups.values()))
    alive = [name for result in results for name in result]
    print(f"{len(mutants) - len(alive)} of {len(mutants)} killed")
    if alive:
        print(f"not killed: {', '.join(alive)}")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
