"""Fuzz the compiled ed25519 engines, guided by their coverage: ``--minutes N``.

Builds the extension modules beside the checkout with clang's sanitizers and coverage counters,
and libFuzzer as a library that ``fuzz.coverage`` drives from Python. Prints how many inputs were
executed; an input that breaks something is kept under ``build/`` and fails the run.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARTIFACTS = ROOT / "build" / "fuzz-sigverify"
FLAGS = (
    "-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -shared-libasan "
    "-fno-omit-frame-pointer -O2"
)
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "*_cache", ".hypothesis", "*.so")


def runtime(compiler: str, name: str) -> Path:
    """Return one of the compiler's runtime libraries."""
    found = subprocess.run(
        [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not Path(found).is_absolute():
        sys.exit(f"fuzz-sigverify: {compiler} has no {name} here; set CC to a clang that has")
    return Path(found)


def build(copy: Path, compiler: str) -> Path:
    """Build the engines in the copy, and libFuzzer as a shared library; return its path."""
    environment = os.environ | {"CC": compiler, "ISTHMUS_SANITIZE": FLAGS}
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=copy, env=environment, check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    driver = copy / "libfuzzer.so"
    archive = runtime(compiler, "libclang_rt.fuzzer_no_main-x86_64.a")
    subprocess.run(
        [compiler, "-shared", "-o", str(driver), "-Wl,--whole-archive", str(archive),
         "-Wl,--no-whole-archive", "-lstdc++", "-lpthread", "-lm"],
        check=True,
    )  # fmt: skip
    return driver


def main() -> int:
    """Return 0 when the time is up and nothing broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    compiler = os.environ.get("CC", "clang")
    if shutil.which(compiler) is None:
        sys.exit(f"fuzz-sigverify: needs clang; there is no {compiler!r}")
    sanitizer = runtime(compiler, "libclang_rt.asan-x86_64.so")
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="isthmus-fuzz-") as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        print("fuzz-sigverify: building", flush=True)
        driver = build(copy, compiler)
        corpus = Path(folder) / "corpus"
        environment = os.environ | {
            # libFuzzer first: AddressSanitizer has empty twins of its coverage functions
            "LD_PRELOAD": f"{driver}:{sanitizer}",
            "PYTHONPATH": str(copy),
            "PYTHONMALLOC": "malloc",
            # the interpreter keeps what it allocated until it ends
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:verify_asan_link_order=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        }
        command = [
            sys.executable, "-m", "fuzz.coverage", str(corpus),
            f"-max_total_time={round(60 * arguments.minutes)}", "-print_final_stats=1",
            "-max_len=2048", "-timeout=60", "-detect_leaks=0", f"-artifact_prefix={ARTIFACTS}/",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=copy, env=environment, stderr=subprocess.PIPE, text=True, check=False
        )
    shown = [line for line in done.stderr.splitlines() if line.startswith("INFO: Loaded")]
    executed = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    shown += done.stderr.splitlines()[-60 if done.returncode else -12 :]
    print("\n".join(shown))
    if done.returncode or executed is None:
        print(f"fuzz-sigverify: broken; the input is in {ARTIFACTS.relative_to(ROOT)}/")
        return 1
    print(f"fuzz-sigverify: {executed[1]} inputs executed, nothing broke")
    return 0


if __name__ == "__main__":
    sys.exit(main())
