"""A pytest plugin that writes into the corpus what the tests' decoders accepted.

``python -m pytest -p fuzz.record tests/unit tests/vectors tests/property``; it only adds.
"""

import json
import sys
from collections.abc import Mapping
from types import FrameType

from fuzz import corpus
from fuzz.discovery import Decoder, decoders

MAX_SEEDS = 6
MAX_SEED_BYTES = 6_000
MAX_KEPT = 200
"""Candidates of one decoder kept until the best are chosen."""


class Recorder:
    """Watches calls. Mutable: it collects."""

    def __init__(self) -> None:
        found, _ = decoders()
        self.decoders: dict[object, Decoder] = {each.function.__code__: each for each in found}
        self.seen: dict[str, dict[str, int]] = {}
        self.pending: dict[int, object] = {}

    def profile(self, frame: FrameType, event: str, result: object) -> None:
        """Take the argument at the call and keep it if the call returned something."""
        decoder = self.decoders.get(frame.f_code)
        if decoder is None:
            return
        if event == "call":
            value = frame.f_locals.get(decoder.parameter)
            self.pending[id(frame)] = _copied(value)
        elif event == "return":
            value = self.pending.pop(id(frame), None)
            if result is not None and value is not None:
                kept = self.seen.setdefault(decoder.name, {})
                if len(value) <= MAX_SEED_BYTES and len(kept) < MAX_KEPT:
                    kept[value] = len(value)

    def choose(self) -> None:
        """Add to each file up to ``MAX_SEEDS`` seeds of different sizes that are accepted."""
        by_name = {each.name: each for each in self.decoders.values()}
        for name, found in self.seen.items():
            decoder = by_name[name]
            path = corpus.path_of(name)
            stored = json.loads(path.read_text()) if path.exists() else {"seeds": []}
            seeds = list(stored["seeds"])
            sizes = {len(json.dumps(seed)).bit_length() for seed in seeds}
            ordered = sorted(found, key=lambda text: (found[text], text))
            for rounds in range(2):
                for text in ordered:
                    entry = json.loads(text)
                    is_new = entry not in seeds and (
                        rounds or found[text].bit_length() not in sizes
                    )
                    if len(seeds) < MAX_SEEDS and is_new and _accepts(decoder, entry):
                        seeds.append(entry)
                        sizes.add(found[text].bit_length())
            if seeds:
                corpus.save(name, seeds, stored.get("crashers", []))


def _copied(value: object) -> str | None:
    """Return the corpus entry as text: a copy that nobody changes."""
    if isinstance(value, bytearray | memoryview):
        value = bytes(value)
    if isinstance(value, Mapping):
        value = dict(value)
    try:
        return json.dumps(corpus.to_json(value), sort_keys=True)
    except (TypeError, ValueError):
        return None


def _accepts(decoder: Decoder, entry: dict[str, object]) -> bool:
    try:
        return decoder(corpus.from_json(entry, decoder.kind)) is not None
    except Exception:  # noqa: BLE001 - whatever it says, it is no seed
        return False


_recorder: list[Recorder] = []


def pytest_collection_finish() -> None:
    """Begin once all is imported."""
    _recorder.append(Recorder())
    sys.setprofile(_recorder[0].profile)


def pytest_sessionfinish() -> None:
    """Choose and write."""
    sys.setprofile(None)
    for recorder in _recorder:
        recorder.choose()
