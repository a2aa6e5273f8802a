"""A stopped node's committed state: copied, opened as the node opens it, and compared.

A node holds its database for as long as it runs, so it is stopped for the copy and started
again; the chain goes on without it.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chainkit.commitments.database import KeyValueDatabase, MemoryDatabase
from chainkit.commitments.multistore import MultiStore
from chainkit.primitives.types import BlockHeight
from demos.network import Network
from ibc.ics24_host.paths import STORE_NAME
from isthmus.adapters.sqlite import SqliteDatabase
from isthmus.compose import node_parts, read_app_config
from isthmus.discovery import find_node_application
from relay_chain.node.config import read_config
from relay_chain.node.genesis import read_genesis
from relay_chain.node.node import NodePaths
from relay_chain.node.ports import Application

Key = tuple[str, bytes]
"""A store's name and a key in it."""


@dataclass(frozen=True, slots=True)
class NodeCopy:
    """The home of a stopped node, copied; the block store and the log are left out."""

    home: Path

    def application(self) -> Application:
        """Return the application as the node composes it, over the state in memory."""
        paths = NodePaths(self.home)
        config = read_app_config(paths.app)
        keep = read_config(paths.config).pruning.keep_states
        factory = find_node_application(config.app)
        database = MemoryDatabase()
        with self._opened() as stored:
            database.write(dict(stored.iterate(b"", None)))
        return factory(database, node_parts(config, read_genesis(paths.genesis), keep))

    def changes(self, height: BlockHeight) -> Mapping[Key, tuple[bytes, bytes]]:
        """Return what block ``height`` changed, in every store: values before and after.

        Both states are read whole. b"" stands for absent: no store holds an empty value.
        """
        with self._opened() as database:
            before = _contents(database, height - 1)
            after = _contents(database, height)
        return {
            key: (before.get(key, b""), after.get(key, b""))
            for key in sorted(before.keys() | after.keys())
            if before.get(key) != after.get(key)
        }

    @contextmanager
    def _opened(self) -> Iterator[SqliteDatabase]:
        database = SqliteDatabase(NodePaths(self.home).data / "application.db")
        try:
            yield database
        finally:
            database.close()


def _contents(database: KeyValueDatabase, version: int) -> dict[Key, bytes]:
    """Return every key of every store as of a committed version."""
    names = MultiStore(database, (STORE_NAME,)).at(version).roots
    state = MultiStore(database, tuple(names)).at(version)
    return {
        (name, key): value for name in names for key, value in state.store(name).iterate(b"", None)
    }


async def copy_node(network: Network, name: str, to: Path) -> NodeCopy:
    """Stop a node, copy its state to ``to`` and start it again."""
    place = next(
        node for chain in network.place.chains for node in chain.nodes if node.name == name
    )
    await network.devnet.stop(name)
    ignored = shutil.ignore_patterns("chain.db*", "*.wal*", "node_key.json", "priv_validator*")
    shutil.copytree(network.home / place.home, to, ignore=ignored)
    await network.devnet.start(name)
    return NodeCopy(to)
