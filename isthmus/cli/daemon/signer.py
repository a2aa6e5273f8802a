"""``isthmusd signer``: the key that votes, in a process and on a machine of its own."""

import asyncio
import fcntl
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import structlog

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChainId
from isthmus.cli.daemon.options import chain_id_option, home_of, home_option, known_chain_id
from isthmus.cli.logs import configure_logs
from isthmus.cli.output import Command
from relay_chain.node.node import NodePaths
from relay_chain.node.privval import FilePrivateValidator
from relay_chain.node.signing.endpoint import SignerEndpoint, signer_endpoint_of
from relay_chain.node.signing.server import SignerServer


@click.command(
    cls=Command,
    example="isthmusd signer --home /tmp/signer --address tcp://127.0.0.1:26659 --chain-id zone-1\n"
    "isthmusd signer --home /tmp/signer --address unix:///run/signer.sock --chain-id zone-1",
)
@home_option
@chain_id_option
@click.option("--address", required=True, help="The node's priv_validator_laddr.")
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning"]))
def signer(*, home: Path | None, chain_id: str, address: str, log_level: str) -> None:
    """Sign for a node that listens at `--address`, until interrupted.

    The key and the memory of what it signed are in this home: config/priv_validator_key.json
    and data/priv_validator_state.json. The chain is that of --chain-id or of the home's genesis.
    """
    folder = home_of(home)
    try:
        endpoint = signer_endpoint_of(address)
    except ValueError as error:
        raise click.UsageError(
            '--address: expected one like "tcp://127.0.0.1:26659" or "unix:///run/signer.sock"'
        ) from error
    name = known_chain_id(chain_id, folder)
    configure_logs(as_json=True, level=log_level)
    paths = NodePaths(folder)
    with _alone(paths.data / "signer.lock"):
        key = FilePrivateValidator(paths.validator_key, paths.validator_state)
        asyncio.run(_run(SignerServer(key, ChainId(name), endpoint), endpoint))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the home's signer lock: of two processes each would forget what the other signed.

    Raises:
        OperationFailed: Another process holds it.
    """
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OperationFailed(f"another signer uses {path.parent.parent}") from error
        yield


async def _run(server: SignerServer, endpoint: SignerEndpoint) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    structlog.get_logger().info("signer.started", node=str(endpoint))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(server.run())
        await stopped.wait()
        running.cancel()
