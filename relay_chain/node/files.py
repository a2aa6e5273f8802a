"""Files that survive a crash: whole old content or whole new content, never a mixture."""

import os
from pathlib import Path

from relay_chain.node.crash_points import reach


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable (a new or renamed file's name is data of it)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, data: bytes, *, mode: int = 0o644, point: str = "") -> None:
    """Replace the file at ``path`` with ``data``; on disk when this returns.

    Written beside it, synced, renamed over it: a crash leaves the old file or the new one.
    ``point`` names the write to ``crash_points``; without it the file's name does.
    """
    point = point or f"file.{path.name}"
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        reach(f"{point}.written")
        os.fsync(file.fileno())
    reach(f"{point}.synced")
    beside.replace(path)
    sync_folder(path.parent)
    reach(f"{point}.replaced")
