"""``python -m isthmus.cli.host KIND --home DIR``: the process of a node with its own engine."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import structlog

from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.types import BlockHeight, ChainId
from isthmus.adapters import ethereum_rpc, jsonrpc
from isthmus.adapters.mqtt import BlockAnnouncer
from isthmus.adapters.sqlite import SqliteDatabase
from isthmus.cli.logs import configure_logs
from isthmus.discovery import find_hosted_kind, find_ibc_applications, find_light_clients


class ProcessHost:
    """What this process gives a node; mutable, it owns the open files."""

    def __init__(self) -> None:
        self._open: list[SqliteDatabase] = []
        self._announcers: list[BlockAnnouncer] = []

    def database(self, path: Path) -> SqliteDatabase:
        """Return the database in a file."""
        database = SqliteDatabase(path)
        self._open.append(database)
        return database

    async def serve(
        self,
        methods: Mapping[str, tuple[Callable[..., object], tuple[str, ...]]],
        host: str,
        port: int,
    ) -> None:
        """Answer JSON-RPC until cancelled."""
        await jsonrpc.serve(methods, host, port)

    async def serve_sessions(
        self, open_session: ethereum_rpc.OpenSession, host: str, port: int
    ) -> None:
        """Answer Ethereum's JSON-RPC over HTTP and WebSocket until cancelled."""
        await ethereum_rpc.serve_sessions(open_session, host, port)

    def announcer(self, url: str, chain_id: ChainId) -> Callable[[BlockHeight, int], None]:
        """Return what tells a broker of a chain's blocks; an empty URL tells nobody.

        Raises:
            BadBrokerUrl: The URL is none of a broker.
        """
        if not url:
            return _tell_nobody
        announcer = BlockAnnouncer(url, chain_id)
        self._announcers.append(announcer)
        return announcer.tell

    async def run(self) -> None:
        """Keep the connections to brokers until cancelled."""
        async with asyncio.TaskGroup() as group:
            for announcer in self._announcers:
                group.create_task(announcer.run())

    def close(self) -> None:
        """Close what was opened."""
        for database in self._open:
            database.close()


def _tell_nobody(height: BlockHeight, tx_count: int) -> None:
    """Do nothing: there is no broker, and relayers poll."""


async def _run(kind_name: str, home: Path) -> None:
    kind = find_hosted_kind(kind_name)
    clients, applications = kind.parts_of(home)
    host = ProcessHost()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        node = kind.open_node(
            home, host, find_light_clients(clients), find_ibc_applications(applications)
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(host.run()), group.create_task(node.run())]
            await stopped.wait()
            structlog.get_logger().info("node.stopping")
            for task in tasks:
                task.cancel()
    finally:
        host.close()


@click.command()
@click.argument("kind")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), required=True)
def main(kind: str, home: Path) -> None:
    """Run the node of a home until interrupted; it logs JSON lines to standard error."""
    configure_logs(as_json=True)
    try:
        asyncio.run(_run(kind, home))
    except (RuleBroken, OperationFailed, OSError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
