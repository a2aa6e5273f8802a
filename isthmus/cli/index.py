"""``isthmusd index``: look after the index of events of a node that is stopped."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import BlockHeight
from isthmus.adapters.event_index import SqliteEventIndex
from isthmus.adapters.sqlite import SqliteDatabase
from isthmus.cli.output import Command, Group
from relay_chain.node.block_store import BlockStore
from relay_chain.node.event_index import EventIndex
from relay_chain.node.node import NodePaths
from relay_chain.node.state_store import StateStore

_HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path.home() / ".isthmusd",
    show_default=True,
    help="The node's folder.",
)


@contextmanager
def _opened(home: Path, *, anew: bool = False) -> Iterator[tuple[EventIndex, BlockStore]]:
    """The index and the blocks of a home; no node can be running on it meanwhile."""
    paths = NodePaths(home)
    if not paths.chain_database.exists():
        raise OperationFailed(f"{paths.chain_database} does not exist: no node ran here")
    chain = SqliteDatabase(paths.chain_database)
    try:
        if anew:
            for suffix in ("", "-wal", "-shm"):
                paths.event_index.with_name(paths.event_index.name + suffix).unlink(missing_ok=True)
        entries = SqliteEventIndex(paths.event_index)
        try:
            blocks = BlockStore(chain)
            yield EventIndex(entries, blocks, StateStore(chain)), blocks
        finally:
            entries.close()
    finally:
        chain.close()


@click.group(
    "index",
    cls=Group,
    example="isthmusd index rebuild --home /tmp/node\n"
    "isthmusd index prune --below 1000 --home /tmp/node",
)
def index() -> None:
    """Make anew or prune what searches of a stopped node look in."""


@index.command(cls=Command, example="isthmusd index rebuild --home /tmp/node")
@_HOME
def rebuild(home: Path) -> None:
    """Make the index anew from the blocks that the node keeps."""
    with _opened(home, anew=True) as (entries, _):
        click.echo(f"{entries.rebuild()} blocks indexed")


@index.command(cls=Command, example="isthmusd index prune --below 1000 --home /tmp/node")
@_HOME
@click.option("--below", type=click.IntRange(min=1), required=True, help="The first height kept.")
def prune(home: Path, below: int) -> None:
    """Remove what blocks below a height emitted; the blocks themselves stay."""
    with _opened(home) as (entries, blocks):
        entries.prune(BlockHeight(min(below, blocks.height())))
        click.echo(f"searches begin at height {min(below, blocks.height())}")
