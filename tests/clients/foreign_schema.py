"""Print the protobuf schema of a tree of generated modules as JSON.

Run as a script in a process of its own: two copies of one message in a process raise
"duplicate symbol", so a foreign package's messages can't be loaded beside ours.

    python foreign_schema.py <root of the modules> [<prefix of the module names>]
"""

import importlib
import json
import sys
import warnings
from pathlib import Path

NULLABLE = "gogoproto.nullable"


def load(root: Path, prefix: str) -> list:
    """Import every generated module under ``root`` and return their file descriptors."""
    files = []
    for path in sorted(root.rglob("*_pb2.py")):
        relative = path.relative_to(root)
        if relative.parts[0] in {"google", "gogoproto"}:
            continue
        name = ".".join(relative.with_suffix("").parts)
        files.append(importlib.import_module(f"{prefix}.{name}" if prefix else name).DESCRIPTOR)
    return files


def describe_field(field, nullable) -> dict:
    """Return what of one field decides its bytes."""
    options = field.GetOptions()
    inner = field.message_type or field.enum_type
    return {
        "name": field.name,
        "type": field.type,
        "label": "repeated" if field.is_repeated else "single",
        "refers_to": inner.full_name if inner else "",
        "oneof": field.containing_oneof.name if field.containing_oneof else "",
        "nullable": options.Extensions[nullable] if options.HasExtension(nullable) else True,
    }


def describe_message(message, nullable, out: dict) -> None:
    """Add a message and those nested in it."""
    out["messages"][message.full_name] = {
        str(field.number): describe_field(field, nullable) for field in message.fields
    }
    for enum in message.enum_types:
        out["enums"][enum.full_name] = {str(v.number): v.name for v in enum.values}
    for nested in message.nested_types:
        describe_message(nested, nullable, out)


def main() -> None:
    """Write the schema to standard output."""
    warnings.simplefilter("ignore")
    root = Path(sys.argv[1])
    prefix = sys.argv[2] if len(sys.argv) > 2 else ""
    sys.path[:0] = sys.argv[3:] or [str(root)]
    files = load(root, prefix)
    nullable = files[0].pool.FindExtensionByName(NULLABLE)
    out: dict = {"messages": {}, "enums": {}}
    for file in files:
        for enum in file.enum_types_by_name.values():
            out["enums"][enum.full_name] = {str(v.number): v.name for v in enum.values}
        for message in file.message_types_by_name.values():
            describe_message(message, nullable, out)
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
