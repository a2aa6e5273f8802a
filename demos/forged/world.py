"""What gathering needs beside the chains' clients: transactions done, and time passed."""

from typing import Protocol

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.timestamps import seconds_to_ns
from chainkit.primitives.types import BlockHeight, PortId, TimestampNs
from ibc.ics02_client.port import AnyValue
from parachains.sdk.relaying import TxOutcome
from relayer.ports import ChainClient

PORT = PortId("transfer")
AMOUNT = 1_000
LONG_NS = seconds_to_ns(3_600)
SHORT_NS = seconds_to_ns(5)


class World(Protocol):
    """What gathering needs beside the two chains: transactions done, and time passed."""

    async def deliver(self, client: ChainClient, *messages: AnyValue) -> TxOutcome:
        """Return what a block made of the messages in one transaction."""
        ...

    async def wait_for_outcome(self, client: ChainClient, tx_hash: str) -> TxOutcome:
        """Return what a block made of a transaction that the chain has."""
        ...

    async def wait_for_time(self, client: ChainClient, time: TimestampNs) -> None:
        """Return when the chain's newest provable block is later than ``time``."""
        ...

    async def wait_for_height(self, client: ChainClient, height: BlockHeight) -> None:
        """Return when the chain's newest provable block is at ``height``."""
        ...


class NotDone(OperationFailed):
    """A true message was refused: there is nothing to forge."""

    def __init__(self, *, what: str, outcome: TxOutcome) -> None:
        super().__init__(
            f"{what} was refused with {outcome.codespace}/{outcome.code}: {outcome.log[:300]}"
        )
