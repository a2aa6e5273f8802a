"""The application apart from its engine: ``isthmusd abci``, and ``start`` over CometBFT."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import structlog

from isthmus.adapters.cometbft import find_engine, run_engine
from isthmus.adapters.grpc_server import AbciGrpcServer
from isthmus.cli.daemon.options import home_of, home_option
from isthmus.cli.logs import configure_logs
from isthmus.cli.output import Command
from isthmus.compose import Overrides, build_application
from relay_chain.abci.driver import AbciDriver
from relay_chain.abci.server import AbciSocketServer
from relay_chain.node.signing.endpoint import SignerEndpoint, TcpEndpoint, signer_endpoint_of


@click.command(
    cls=Command,
    example="isthmusd abci --home /tmp/node\n"
    "isthmusd abci --home /tmp/node --address unix:///run/abci.sock\n"
    "isthmusd abci --home /tmp/node --transport grpc",
)
@home_option
@click.option("--address", default="tcp://127.0.0.1:26658", show_default=True)
@click.option("--transport", type=click.Choice(["socket", "grpc"]), default="socket")
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning"]))
def abci(*, home: Path | None, address: str, transport: str, log_level: str) -> None:
    """Serve the application of a home over ABCI 2.0, until interrupted.

    CometBFT 0.38 runs it from the same home: `cometbft start --home DIR --proxy_app ADDRESS`,
    with `--abci grpc` where the transport is that.
    """
    endpoint = _endpoint(address, transport)
    configure_logs(as_json=True, level=log_level)
    asyncio.run(_run(home_of(home), endpoint, transport))


def _endpoint(address: str, transport: str) -> SignerEndpoint:
    try:
        endpoint = signer_endpoint_of(address)
    except ValueError as error:
        raise click.UsageError(
            '--address: expected one like "tcp://127.0.0.1:26658" or "unix:///run/abci.sock"'
        ) from error
    if transport == "grpc" and not isinstance(endpoint, TcpEndpoint):
        raise click.UsageError("--address: gRPC is served over tcp:// only")
    return endpoint


async def run_under_cometbft(home: Path, wanted: Overrides) -> None:
    """Serve a home's application to a CometBFT of its own until interrupted.

    Raises:
        EngineAbsent: It is not on PATH.
        EngineEnded: It ended by itself.
    """
    program = find_engine()
    options = []
    for option, address in (("--rpc.laddr", wanted.rpc), ("--p2p.laddr", wanted.p2p)):
        if address:
            options += [option, address]

    async def serve(driver: AbciDriver) -> None:
        server = AbciSocketServer(driver)
        async with asyncio.TaskGroup() as group:
            group.create_task(server.run(TcpEndpoint("127.0.0.1", 0)))
            port = await server.wait_listening()
            await run_engine(program, home, f"tcp://127.0.0.1:{port}", *options)

    await _until_stopped(home, serve)


async def _run(home: Path, endpoint: SignerEndpoint, transport: str) -> None:
    async def serve(driver: AbciDriver) -> None:
        await _serve(driver, endpoint, transport)

    await _until_stopped(home, serve)


async def _until_stopped(home: Path, serve: Callable[[AbciDriver], Awaitable[None]]) -> None:
    application = build_application(home)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_awaited(serve(application.driver)))]
            tasks += [
                group.create_task(server.run(at.host, at.port))
                for server, at in application.api_servers
            ]
            await stopped.wait()
            structlog.get_logger().info("node.stopping")
            for task in tasks:
                task.cancel()
    finally:
        application.close()


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def _serve(driver: AbciDriver, endpoint: SignerEndpoint, transport: str) -> None:
    if transport == "grpc":
        assert isinstance(endpoint, TcpEndpoint)
        await AbciGrpcServer(driver).run(endpoint.host, endpoint.port)
    else:
        await AbciSocketServer(driver).run(endpoint)
