"""What the switch asks of a reactor."""

from typing import Protocol

from relay_chain.consensus.messages import PeerId
from relay_chain.node.p2p.address import PeerAddress
from relay_chain.node.p2p.multiplex import ChannelDescriptor
from relay_chain.node.p2p.peer import Peer


class Peers(Protocol):
    """The switch, as reactors see it."""

    def peers(self) -> tuple[Peer, ...]:
        """Return the connected peers."""

    def peer(self, peer_id: PeerId) -> Peer | None:
        """Return a connected peer."""

    def broadcast(self, channel_id: int, message: bytes) -> int:
        """Queue a message for every peer that has room; return for how many."""

    def disconnect(self, peer_id: PeerId, reason: Exception) -> None:
        """End a peer's connection; ``RuleBroken`` bans it for a while."""

    def dial(self, address: PeerAddress, *, keep: bool) -> bool:
        """Dial a peer soon, and with ``keep`` for ever; False if too many wait for that."""


class Reactor(Protocol):
    """Serves channels. The switch calls it on the event loop, one peer's calls in order."""

    @property
    def channels(self) -> tuple[ChannelDescriptor, ...]:
        """Which channels it serves; no two reactors share one."""

    def peer_added(self, peer: Peer) -> None:
        """A peer is connected; nothing was received from it yet."""

    def peer_removed(self, peer: Peer, reason: Exception) -> None:
        """A peer is gone."""

    async def receive(self, channel_id: int, peer: Peer, message: bytes) -> None:
        """Handle a message; while this waits, the peer's next ones wait too.

        Raises:
            RuleBroken: The peer is dropped for it, and banned for a while.
        """

    async def serve_peer(self, peer: Peer) -> None:
        """Send to a peer what it lacks; cancelled when the peer goes."""

    async def run(self, peers: Peers) -> None:
        """Do what is not about one peer; cancelled when the switch stops."""
