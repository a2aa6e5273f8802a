"""Build the extension modules with sanitizers beside the checkout, and run their tests on them.

AddressSanitizer sees reads and writes outside, UndefinedBehaviorSanitizer overflows and bad
shifts; both stop the run. Where the compiler has no sanitizers, it says so and fails.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1"
TESTS = (
    "tests/unit/test_sigverify_engines.py",
    "tests/unit/test_sigverify.py",
    "tests/unit/test_sigverify_field.py",
    "tests/unit/test_sigverify_use.py",
    "tests/vectors/test_sigverify.py",
    "tests/unit/test_p2p_secret_connection.py",
    "tests/unit/test_primitives_keccak.py",
    "tests/unit/test_rlp.py",
    "tests/unit/test_patricia_trie.py",
    "tests/vectors/test_ethereum_tests.py",
)
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "*_cache", ".hypothesis", "*.so")


def runtime_library(compiler: str) -> str:
    """Return the path of the compiler's AddressSanitizer, which must be loaded first."""
    name = "libasan.so"
    found = subprocess.run(
        [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return found if Path(found).is_absolute() else ""


def main() -> int:
    """Return pytest's exit code, or 1 where nothing can be sanitized."""
    compiler = os.environ.get("CC", "gcc")
    library = runtime_library(compiler)
    if not library:
        sys.exit(f"sanitize: {compiler} has no AddressSanitizer here; set CC to one that has")
    with tempfile.TemporaryDirectory(prefix="isthmus-sanitize-") as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        environment = os.environ | {"CC": compiler, "ISTHMUS_SANITIZE": FLAGS}
        print("sanitize: building", flush=True)
        subprocess.run(
            [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
            cwd=copy, env=environment, check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        built = sorted(path.name for path in copy.rglob("*.so"))
        print(f"sanitize: built {', '.join(built)}", flush=True)
        environment |= {
            "LD_PRELOAD": library,
            "PYTHONPATH": str(copy),
            "PYTHONMALLOC": "malloc",
            # the interpreter keeps what it allocated until it ends
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
            "ISTHMUS_VECTORS": os.environ.get(
                "ISTHMUS_VECTORS", str(ROOT.parent / "shared" / "vectors")
            ),
        }
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", *TESTS,
             "-k", "not new_process and not say_when and not Choice"],
            cwd=copy, env=environment, check=False,
        ).returncode  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
