"""Valid encodings to begin from, and the inputs that once broke something.

``fuzz/corpus/<decoder>.json`` holds them. ``python -m pytest -p fuzz.record tests/unit ...``
writes down what the tests give to the decoders and the decoders accept.
"""

import json
from pathlib import Path

from google.protobuf.any_pb2 import Any as AnyProto

from ibc.ics02_client.port import AnyValue

FOLDER = Path(__file__).resolve().parent / "corpus"


def to_json(value: object) -> dict[str, object]:
    """Return a value as the corpus holds it."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, AnyValue | AnyProto):
        return {"type_url": value.type_url, "hex": bytes(value.value).hex()}
    return {"json": value}


def from_json(entry: dict[str, object], kind: str) -> object:
    """Return the value of an entry, as a decoder of ``kind`` takes it."""
    if kind == "any":
        return AnyValue(str(entry["type_url"]), bytes.fromhex(str(entry["hex"])))
    if kind == "proto_any":
        return AnyProto(type_url=str(entry["type_url"]), value=bytes.fromhex(str(entry["hex"])))
    if "hex" in entry:
        return bytes.fromhex(str(entry["hex"]))
    if "text" in entry:
        text = str(entry["text"])
        return text.encode(errors="surrogatepass") if kind == "bytes" else text
    return entry["json"]


def path_of(name: str) -> Path:
    """Return the file of a target."""
    return FOLDER / f"{name}.json"


def load(name: str, kind: str) -> tuple[list[object], list[object]]:
    """Return a target's seeds and its past crashers; none where there is no file."""
    path = path_of(name)
    if not path.exists():
        return [], []
    stored = json.loads(path.read_text(encoding="utf-8"))
    seeds = [from_json(entry, kind) for entry in stored["seeds"]]
    return seeds, [from_json(entry, kind) for entry in stored.get("crashers", ())]


def save(name: str, seeds: list[dict[str, object]], crashers: list[dict[str, object]]) -> None:
    """Write a target's file."""
    FOLDER.mkdir(exist_ok=True)
    stored: dict[str, object] = {"seeds": seeds}
    if crashers:
        stored["crashers"] = crashers
    text = json.dumps(stored, indent=1, ensure_ascii=True, sort_keys=True)
    path_of(name).write_text(text + "\n", encoding="utf-8")
