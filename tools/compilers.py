"""Build the extension modules with every compiler here, and with one that lacks AVX-512 and AVX2.

For each: which modules were built, which engines verify, and the engines' tests. A compiler that
does not know an instruction set must leave that engine out and nothing else.
"""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "*_cache", ".hypothesis", "*.so")
TESTS = (
    "tests/unit/test_sigverify_engines.py",
    "tests/unit/test_sigverify_field.py",
    "tests/unit/test_sigverify.py",
    "tests/unit/test_sigverify_use.py",
)
LACKING = """#!/bin/sh
# a compiler from before these instruction sets
for argument in "$@"; do
    case "$argument" in
        {flags}) echo "unknown option $argument" >&2; exit 1 ;;
    esac
done
exec {compiler} "$@"
"""
ABSENT = """#!/bin/sh
echo "no compiler" >&2
exit 1
"""


def old_compiler(folder: Path, compiler: str, flags: str) -> str:
    """Return a compiler that refuses options that match the flags."""
    path = folder / "old-compiler"
    text = LACKING.format(compiler=compiler, flags=flags) if flags else ABSENT
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def check(title: str, compiler: str, lacking: frozenset[str]) -> bool:
    """Build with the compiler; return whether just what must be lacking is, and the tests pass."""
    with tempfile.TemporaryDirectory(prefix="isthmus-compilers-") as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        environment = os.environ | {"CC": compiler, "PYTHONPATH": str(copy)}
        built = subprocess.run(
            [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
            cwd=copy, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        sources = {path.stem for path in (copy / "chainkit").rglob("*.pyx")}
        modules = {path.name.split(".")[0] for path in (copy / "chainkit").rglob("*.so")}
        print(f"{title}: built {', '.join(sorted(modules)) or 'nothing'}", flush=True)
        if built.returncode or sources - modules != lacking:
            print(f"{title}: expected all but {sorted(lacking)}\n{built.stderr[-2000:]}")
            return False
        tested = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS],
            cwd=copy, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        engines = subprocess.run(
            [sys.executable, "-c",
             "from chainkit.sigverify import engines; print(*engines.available())"],
            cwd=copy, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        summary = tested.stdout.strip().splitlines()[-1]
        print(f"{title}: engines {engines.stdout.strip()}; {summary}", flush=True)
        return tested.returncode == 0


def main() -> int:
    """Return 0 when every compiler gives what it should."""
    found = [name for name in ("gcc", "clang") if shutil.which(name)]
    if not found:
        sys.exit("compilers: neither gcc nor clang is here")
    everything = frozenset(path.stem for path in (ROOT / "chainkit").rglob("*.pyx"))
    good = [check(name, name, frozenset()) for name in found]
    with tempfile.TemporaryDirectory(prefix="isthmus-compilers-") as folder:
        for title, flags, lacking in (
            (f"{found[0]} without AVX-512", "-mavx512*", frozenset({"_ifma"})),
            (f"{found[0]} without AVX2", "-mavx*", frozenset({"_ifma", "_avx2"})),
            ("no compiler", "", everything),
        ):
            good.append(check(title, old_compiler(Path(folder), found[0], flags), lacking))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
