"""Compile chainkit/wire/proto/**/*.proto to the *_pb2.py and *_pb2.pyi beside them.

``make proto`` writes the files; ``--check`` writes nothing and fails when the
committed ones differ from what the sources give. The sources are compiled from the
repository's root with ``-I .``, so that the modules import
``chainkit.wire.proto.ibc...`` and never our own top-level ``ibc`` package, while the
protobuf package names stay the standard ones (docs/adr/0001-structure.md).
"""

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PROTO_ROOT = Path("chainkit/wire/proto")
INIT_TEXT = '"""Generated message classes: ``make proto`` writes them; never edit by hand."""\n'


class CompilationFailed(Exception):
    """protoc refused the sources; its own message is on standard error."""


def proto_sources(repository: Path) -> tuple[str, ...]:
    """Return the sources as sorted paths relative to the repository, so runs agree."""
    return tuple(
        path.relative_to(repository).as_posix()
        for path in sorted((repository / PROTO_ROOT).rglob("*.proto"))
    )


def generate(repository: Path, output: Path) -> dict[str, bytes]:
    """Compile every source into ``output`` and return each generated file's bytes by its path."""
    sources = proto_sources(repository)
    # protoc looks for protoc-gen-mypy on PATH: it is beside this interpreter. It gets a
    # process of its own: inside ours it aborted once, beside the threads of other tests.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    arguments = (
        f"-I{repository}",
        f"-I{files('grpc_tools') / '_proto'}",
        f"--python_out={output}",
        f"--mypy_out=quiet:{output}",
        *sources,
    )
    command = (sys.executable, "-W", "ignore", "-m", "grpc_tools.protoc", *arguments)
    done = subprocess.run(command, env=os.environ | {"PATH": path}, check=False)
    if done.returncode != 0:
        raise CompilationFailed
    generated = {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in sorted(output.rglob("*_pb2.py*"))
        if path.suffix in {".py", ".pyi"}
    }
    folders = {PROTO_ROOT}
    for source in sources:
        parents = Path(source).parents
        folders.update(parent for parent in parents if parent.is_relative_to(PROTO_ROOT))
    for folder in sorted(folders):
        generated[(folder / "__init__.py").as_posix()] = INIT_TEXT.encode()
    return generated


def differences(repository: Path, generated: dict[str, bytes]) -> tuple[str, ...]:
    """Return the paths that are missing, stale or left over in the repository."""
    root = repository / PROTO_ROOT
    present = {
        path.relative_to(repository).as_posix()
        for pattern in ("*_pb2.py", "*_pb2.pyi", "__init__.py")
        for path in root.rglob(pattern)
    }
    changed = {
        path
        for path, content in generated.items()
        if path not in present or (repository / path).read_bytes() != content
    }
    return tuple(sorted(changed | (present - generated.keys())))


def main() -> int:
    """Write the generated files, or with ``--check`` only compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        try:
            generated = generate(REPOSITORY, Path(scratch))
        except CompilationFailed:
            return 1
    stale = differences(REPOSITORY, generated)
    if check:
        print("\n".join(stale) or "the generated files are up to date")
        return 1 if stale else 0
    for path in stale:
        target = REPOSITORY / path
        if path in generated:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(generated[path])
        else:
            target.unlink()
    print(f"{len(generated)} files, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
