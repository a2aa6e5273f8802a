"""What networks and the command line need of a chain kind.

A kind's package has an object that fits ``ChainKind`` and names it under the entry point group
``isthmus.chain_kinds``; nothing else of ``isthmus`` knows one kind from another.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from chainkit.primitives.types import Address
from ibc.ics02_client.port import AnyValue
from isthmus.adapters.rpc_client import HttpRpcTransport
from parachains.sdk.kinds import ChainPlan, NodeCommand, NodeHealth, Ports, WrittenNode
from parachains.sdk.users import (
    ChainAccess,
    Intent,
    PacketEvent,
    PacketKey,
    PacketStep,
    QueryForm,
)
from relay_chain.node.genesis import Genesis
from relayer.ports import ChainClient


class ChainUser(Protocol):
    """A chain as people see it."""

    @property
    def client(self) -> ChainClient:
        """What relayers use of it too: signing, clients, channels."""
        ...

    @property
    def queries(self) -> Sequence[QueryForm]:
        """What can be asked."""
        ...

    async def message(self, intent: Intent) -> AnyValue:
        """Return the message that does what is wanted, from the account that signs.

        Raises:
            MalformedMessage: The chain can have no such message.
            NotOffered: The chain has nothing of this kind.
        """
        ...

    async def ask(self, name: str, arguments: Mapping[str, str]) -> Mapping[str, object]:
        """Return the answer to one of ``queries`` in JSON's values.

        Raises:
            NotOffered: It is none of them.
            MalformedMessage: An argument is not of its form.
            OperationFailed: The chain answered with an error.
        """
        ...

    async def packets_sent_by(self, tx_hash: str) -> Sequence[PacketKey]:
        """Return the packets that a transaction sent from here.

        Raises:
            OperationFailed: No block holds the transaction.
        """
        ...

    async def packet_events(
        self, step: PacketStep, key: PacketKey, counterparty: tuple[str, str]
    ) -> Sequence[PacketEvent]:
        """Return when one step of a packet happened here; normally once or never.

        ``counterparty`` is the packet's destination (port, channel), or empty texts.
        """
        ...


class ChainKind(Protocol):
    """A kind of chain: how its nodes are written and started, and how it is talked to."""

    @property
    def name(self) -> str:
        """As net.toml has it."""
        ...

    @property
    def summary(self) -> str:
        """What it is, in a line."""
        ...

    @property
    def queries(self) -> Sequence[QueryForm]:
        """What its chains can be asked."""
        ...

    def write_chain(self, folder: Path, plan: ChainPlan, ports: Ports) -> tuple[WrittenNode, ...]:
        """Write the homes of the chain's nodes below ``folder``; return them in order.

        Raises:
            OSError: The folder cannot be written.
        """
        ...

    def node_command(self, home: Path) -> NodeCommand:
        """Return the module and arguments that start the node of a home."""
        ...

    async def node_health(self, transport: HttpRpcTransport) -> NodeHealth:
        """Return what the one node behind ``transport`` says of itself.

        Raises:
            OperationFailed: It does not answer.
            MalformedMessage: It answers in another form.
        """
        ...

    def account_address(self, private_key: bytes) -> Address:
        """Return the address that a key of 32 bytes has on chains of this kind."""
        ...

    def client(self, access: ChainAccess, transport: HttpRpcTransport) -> ChainClient:
        """Return what a relayer needs of the chain."""
        ...

    def user(self, access: ChainAccess, transport: HttpRpcTransport) -> ChainUser:
        """Return what people need of the chain."""
        ...


@runtime_checkable
class FirstGenesis(Protocol):
    """A chain kind that ``isthmusd init`` can begin a chain of."""

    def first_genesis(self, plan: ChainPlan) -> Genesis:
        """Return the genesis of a plan whose validators are still to be named."""
        ...
