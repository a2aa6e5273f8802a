"""The committed message classes against the sources that they came from."""

import importlib
import importlib.util
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_committed_classes_are_what_the_sources_give(tmp_path: Path) -> None:
    """
    Nobody edits a generated file, and nobody changes a source without `make proto`.
    """
    if importlib.util.find_spec("grpc_tools") is None:
        pytest.skip("grpcio-tools, a developer's package, is not installed")
    spec = importlib.util.spec_from_file_location(
        "compile_protos", REPOSITORY / "tools" / "compile_protos.py"
    )
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    assert tool.differences(REPOSITORY, tool.generate(REPOSITORY, tmp_path)) == ()


def test_every_generated_module_imports_under_our_names() -> None:
    """
    No standard file finds our own `ibc` package in place of its messages.
    """
    root = REPOSITORY / "chainkit" / "wire" / "proto"
    sources = sorted(root.rglob("*.proto"))
    for source in sources:
        name = ".".join(source.relative_to(REPOSITORY).with_suffix("").parts) + "_pb2"
        module = importlib.import_module(name)
        assert module.DESCRIPTOR.name == source.relative_to(REPOSITORY).as_posix()

    assert len(sources) > 70
