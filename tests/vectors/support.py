"""Where the peers' vectors are, and how a test says which set it runs."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def vectors_root() -> Path:
    """The folder of the vectors; it may not exist."""
    return Path(os.environ.get("ISTHMUS_VECTORS") or ROOT.parent / "shared" / "vectors")


def have_vectors(folder: str) -> bool:
    return (vectors_root() / folder).is_dir()


def load_json(path: str, default: Any = ()) -> Any:
    """The JSON at ``path`` below the vectors, or ``default`` where the set is absent.

    Called at collection to build parameters; with the set absent the test is collected
    with no cases, and pytest reports it as skipped with the reason that `vector_set` gives.
    """
    file = vectors_root() / path
    if not file.exists():
        return default
    return json.loads(file.read_text())


def vector_set(name: str) -> list[pytest.MarkDecorator]:
    """Marks for a test module or function that runs cases of the set ``name``, e.g. "cometbft/merkle".

    The first part names the folder. Each passed test counts one case; a test that runs many
    cases in a loop says how many, itself included, with the fixture ``vector_cases``.
    """
    folder = name.split("/", maxsplit=1)[0]
    return [
        pytest.mark.vectors(name),
        pytest.mark.skipif(
            not have_vectors(folder),
            reason=f"no vectors: {vectors_root() / folder} is absent (set ISTHMUS_VECTORS)",
        ),
    ]
