"""``python -m benchmarks``: every module with a ``measure``, as a table and a JSON line."""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import benchmarks
from benchmarks.report import Machine, Row, describe_machine, format_rows

PACKAGES = (
    "protobuf",
    "pynacl",
    "cryptography",
    "coincurve",
    "aiohttp",
    "msgspec",
    "rlp",
    "trie",
    "eth-account",
)
"""What is measured with us: their versions are named."""


def modules() -> list[ModuleType]:
    """Return the modules that measure, by name; the one that needs the whole machine last."""
    found = [
        importlib.import_module(f"benchmarks.{each.name}")
        for each in pkgutil.iter_modules(benchmarks.__path__)
        if not each.name.startswith("_")
    ]
    measuring = [module for module in found if hasattr(module, "measure")]
    return sorted(
        measuring, key=lambda module: (module.__name__.endswith(".live"), module.__name__)
    )


def title_of(module: ModuleType) -> str:
    """Return the first line of a module's docstring."""
    return (module.__doc__ or "").strip().partition("\n")[0]


def document(machine: Machine, sections: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Return the page that ``make bench`` writes."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Every figure is of one run on the machine below; rates of pure",
        "code are per second of processor time, those of networks per second of the clock.",
        "Beside Isthmus there is no other Python implementation of IAVL, ICS-23, Tendermint or",
        "IBC to install; where a peer does the same work (ed25519, RLP, tries), its figure is of",
        "the same run.",
        "",
        f"Commit `{machine.commit}`. {machine.processor}, {machine.cores} cores,",
        f"{machine.memory_gib} GiB, {machine.system}, {machine.python}.",
        f"Load average when it began: {machine.load_1_min}.",
        f"With {versions}.",
    ]
    for title, rows in sections:
        lines += ["", f"## {title}", "", format_rows(rows)]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help="modules whose names contain this")
    parser.add_argument("--document", type=Path, help="write the Markdown page to this file")
    given = parser.parse_args(arguments)
    machine = describe_machine()
    sections: list[tuple[str, Sequence[Row]]] = []
    for module in modules():
        if given.only not in module.__name__:
            continue
        print(f"measuring {module.__name__}", file=sys.stderr, flush=True)
        rows = module.measure()
        sections.append((title_of(module), rows))
        print(format_rows(rows) + "\n", flush=True)
    if given.document is not None:
        given.document.parent.mkdir(parents=True, exist_ok=True)
        given.document.write_text(document(machine, sections), encoding="utf-8")
    rows_json = [asdict(row) for _, rows in sections for row in rows]
    print(json.dumps({"machine": asdict(machine), "rows": rows_json}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
