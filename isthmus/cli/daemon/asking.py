"""Asking a node by its JSON-RPC: methods by their gRPC names, answers as the gateway's JSON."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from chainkit.primitives.errors import OperationFailed
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.cli.daemon.options import node_url
from parachains.sdk.ibc_queries import QueryFailed
from parachains.zone.rpc import Rpc
from relay_chain.node.api.json_forms import message_to_json
from relay_chain.node.json_forms import JsonObject

M = TypeVar("M", bound=Message)
R = TypeVar("R")


class NodeQuery:
    """One node's methods."""

    def __init__(self, transport: HttpRpcTransport) -> None:
        self.transport = transport
        self._rpc = Rpc(transport)

    async def ask(self, path: str, request: Message, answer: type[M]) -> M:
        """Return what a method answers.

        Raises:
            OperationFailed: It refuses; the text is the node's.
        """
        try:
            return await self._rpc.query(path, request, answer)
        except QueryFailed as error:
            raise OperationFailed(str(error)) from error

    async def show(self, path: str, request: Message, answer: type[Message]) -> JsonObject:
        """Return what a method answers, as JSON."""
        return message_to_json(await self.ask(path, request, answer))


def with_node(node: str, work: Callable[[NodeQuery], Awaitable[R]]) -> R:
    """Return what ``work`` makes of the node that is named."""

    async def run() -> R:
        async with HttpRpcTransport([node_url(node)]) as transport:
            return await work(NodeQuery(transport))

    return asyncio.run(run())
