"""What the relayer needs of the world: chains, a journal, a bus and a clock.

``isthmus/adapters`` and each chain kind's ``client.py`` implement them; ``isthmus/compose.py``
joins them. Nothing here names a consensus, a proof format or a transport.
"""

from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import Protocol

from chainkit.primitives.heights import Height
from chainkit.primitives.types import (
    BlockHeight,
    ChainId,
    ChannelId,
    ClientId,
    ConnectionId,
    DurationNs,
    PortId,
    Sequence,
    TimestampNs,
)
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import IdentifiedChannel, Packet
from ibc.v2.types import AcknowledgementV2, PacketV2
from parachains.sdk.relaying import (
    ChainStatus,
    ClientInfo,
    ConnectionInfo,
    HostedClient,
    NewClient,
    ProvenValue,
    SignedTx,
    TxOutcome,
)


class TrackedChain(Protocol):
    """A chain as the one whose headers and state are proven elsewhere."""

    @property
    def chain_id(self) -> ChainId:
        """The chain's name."""
        ...

    @property
    def commitment_prefix(self) -> bytes:
        """What stands before the chain's IBC paths in a proof."""
        ...

    async def status(self) -> ChainStatus:
        """Return the newest provable block."""
        ...

    async def time_at(self, height: Height) -> TimestampNs:
        """Return the time of the header at ``height``."""
        ...

    async def new_client(self, trusting_period_ns: DurationNs | None) -> NewClient:
        """Return what a client of this chain starts from; None takes the chain's own default."""
        ...

    def read_client(self, state: AnyValue) -> ClientInfo | None:
        """Return what a client state says, or None where it tracks no chain of this kind."""
        ...

    async def consensus_state(self, height: Height) -> AnyValue:
        """Return what an honest client keeps of the header at ``height``."""
        ...

    async def updates(self, trusted: Height, target: BlockHeight) -> tuple[AnyValue, ...]:
        """Return the client messages that bring a client from ``trusted`` to ``target``."""
        ...

    async def fork_evidence(self, state: AnyValue, agreed: Height) -> tuple[AnyValue, ...]:
        """Return the client messages that freeze a client which followed another branch.

        Args:
            state: The client's state.
            agreed: A height at which it keeps what this chain has.

        Empty where there is nothing to show (yet), or the kind's clients take no evidence.
        """
        ...

    async def prove(self, path: bytes, target: BlockHeight) -> ProvenValue:
        """Return the value at ``path`` and its proof under the header at ``target``."""
        ...


class HostChain(Protocol):
    """A chain as the one that holds clients, connections and channels, and takes transactions."""

    @property
    def signer(self) -> str:
        """Address of the relayer's account here."""
        ...

    async def clients(self) -> tuple[HostedClient, ...]:
        """Return every light client here."""
        ...

    async def hosted_consensus_state(self, client_id: ClientId, height: Height) -> AnyValue | None:
        """Return what a client here keeps of ``height``, or None."""
        ...

    async def consensus_heights(self, client_id: ClientId) -> tuple[Height, ...]:
        """Return the heights of which a client here keeps something, in no order."""
        ...

    async def connections(self) -> tuple[ConnectionInfo, ...]:
        """Return every connection end here."""
        ...

    async def channels(self, connection_id: ConnectionId) -> tuple[IdentifiedChannel, ...]:
        """Return the channel ends on a connection."""
        ...

    async def commitments(self, port: PortId, channel: ChannelId) -> tuple[Sequence, ...]:
        """Return the sequences of packets sent from here that are not finished yet."""
        ...

    async def unreceived(
        self, port: PortId, channel: ChannelId, sequences: Items[Sequence]
    ) -> frozenset[Sequence]:
        """Return which of the ``sequences`` sent to this end were not received."""
        ...

    async def sent_packet(
        self, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> Packet | None:
        """Return a packet that was sent from here, or None where its event can't be found."""
        ...

    async def acknowledgement(
        self, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> bytes | None:
        """Return the acknowledgement written here for a packet received here, or None yet."""
        ...

    async def counterparty(self, client_id: ClientId) -> ClientId | None:
        """Return the client there that belongs to a client here in IBC v2, or None."""
        ...

    async def commitments_v2(self, client_id: ClientId) -> tuple[Sequence, ...]:
        """Return the sequences of packets of IBC v2 sent from here that are not finished yet."""
        ...

    async def unreceived_v2(
        self, client_id: ClientId, sequences: Items[Sequence]
    ) -> frozenset[Sequence]:
        """Return which of the packets of IBC v2 to a client were not received here."""
        ...

    async def sent_packet_v2(self, client_id: ClientId, sequence: Sequence) -> PacketV2 | None:
        """Return a packet of IBC v2 that was sent from here, or None where none is found."""
        ...

    async def acknowledgement_v2(
        self, client_id: ClientId, sequence: Sequence
    ) -> AcknowledgementV2 | None:
        """Return the answer written here for a packet of IBC v2, or None yet."""
        ...

    async def sign(self, messages: tuple[AnyValue, ...]) -> SignedTx:
        """Return the messages in one transaction with the account's present sequence."""
        ...

    async def broadcast(self, tx: SignedTx) -> None:
        """Hand a transaction to the chain.

        Raises:
            TxRefused: The node did not take it.
        """
        ...

    async def outcome(self, tx_hash: str) -> TxOutcome | None:
        """Return what a block made of a transaction, or None where no block holds it."""
        ...


class ChainClient(TrackedChain, HostChain, Protocol):
    """Both sides of a chain."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A transaction that the relayer has signed, as the journal keeps it."""

    chain_id: ChainId
    tx_hash: str
    height: BlockHeight
    """The chain's height when it was signed."""
    summary: str
    data: bytes
    """The transaction itself, to be handed over again where nothing is known of it."""
    account_sequence: Sequence


class Journal(Protocol):
    """The relayer's record: what was submitted and what came of it. The chains are the truth."""

    def submitted(self, submission: Submission) -> None:
        """Keep, durably, that this transaction is about to be broadcast."""
        ...

    def settled(self, tx_hash: str, *, code: int, log: str) -> None:
        """Keep what came of a transaction; -1 for one that no block will hold."""
        ...

    def unsettled(self, chain_id: ChainId) -> tuple[Submission, ...]:
        """Return the transactions on a chain of which nothing is known yet, oldest first."""
        ...

    def note(self, path: str, event: str, detail: str) -> None:
        """Keep something worth telling an operator."""
        ...


class Bus(Protocol):
    """Wakes the relayer and carries what it reports. It may lose anything: it is no record."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Report; where no broker is there, do nothing."""
        ...

    async def wait(self, timeout_ns: DurationNs) -> None:
        """Return when something happened on a chain, or when the time is over."""
        ...


class Clock(Protocol):
    """The machine's clock."""

    def now(self) -> TimestampNs:
        """Return the time."""
        ...

    async def wait(self, duration_ns: DurationNs) -> None:
        """Return after ``duration_ns``."""
        ...
