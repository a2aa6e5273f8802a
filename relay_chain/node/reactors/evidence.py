"""The evidence reactor: passes evidence of misbehaviour on."""

import time
from collections.abc import Mapping

import structlog

from chainkit.formats.tendermint.block_codec import (
    evidence_from_proto,
    evidence_to_proto,
    hash_of_evidence,
)
from chainkit.formats.tendermint.evidence import evidence_height, validate_evidence
from chainkit.formats.tendermint.types import Evidence
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.types import TimestampNs
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.tendermint.types import evidence_pb2
from relay_chain.node.p2p.multiplex import ChannelDescriptor
from relay_chain.node.p2p.peer import Peer
from relay_chain.node.p2p.reactor import Peers
from relay_chain.node.reactors.limits import (
    EVIDENCE_CHANNEL,
    EVIDENCE_QUEUE_MESSAGES,
    EVIDENCE_RESEND_NS,
    GOSSIP_PERIOD_NS,
    MAX_EVIDENCE_IN_MESSAGE,
    MAX_EVIDENCE_MESSAGE_BYTES,
)
from relay_chain.node.reactors.ports import EvidencePort, PeerHeights
from relay_chain.node.reactors.waiting import Wakers, wait_for_flag


def encode_evidence_list(evidence: tuple[Evidence, ...]) -> bytes:
    """Return ``tendermint.types.EvidenceList``."""
    pieces = [evidence_to_proto(piece) for piece in evidence]
    return encode(evidence_pb2.EvidenceList(evidence=pieces))


def decode_evidence_list(data: bytes) -> tuple[Evidence, ...]:
    """Return the evidence of a message, each well-formed by itself.

    Raises:
        RuleBroken: The bytes do not decode, hold too many, or evidence that cannot be.
    """
    message = decode_known(evidence_pb2.EvidenceList, data, max_bytes=MAX_EVIDENCE_MESSAGE_BYTES)
    if len(message.evidence) > MAX_EVIDENCE_IN_MESSAGE:
        raise MalformedMessage(f"{len(message.evidence)} pieces of evidence in a message")
    pieces = tuple(evidence_from_proto(piece) for piece in message.evidence)
    for piece in pieces:
        validate_evidence(piece)
    return pieces


def next_evidence(
    pending: tuple[Evidence, ...],
    peer_height: int | None,
    max_age_blocks: int,
    sent: Mapping[bytes, TimestampNs],
    now: TimestampNs,
) -> Evidence | None:
    """Return evidence that a peer can judge and was not sent of late.

    A peer at or below the evidence's height cannot know its validators yet; to one far
    above, it is too old to matter (CometBFT evidence, ``prepareEvidenceMessage``).
    """
    if peer_height is None:
        return None
    for piece in pending:
        height = evidence_height(piece)
        if not height < peer_height <= height + max_age_blocks:
            continue
        sent_at = sent.get(hash_of_evidence(piece))
        if sent_at is None or now >= sent_at + EVIDENCE_RESEND_NS:
            return piece
    return None


class EvidenceReactor:
    """Channel 0x38."""

    channels = (
        ChannelDescriptor(EVIDENCE_CHANNEL, 6, EVIDENCE_QUEUE_MESSAGES, MAX_EVIDENCE_MESSAGE_BYTES),
    )

    def __init__(self, pool: EvidencePort, heights: PeerHeights) -> None:
        self._pool = pool
        self._heights = heights
        self._wakers = Wakers()
        self._log = structlog.get_logger()

    def wake(self) -> None:
        """Evidence became pending."""
        self._wakers.wake()

    def peer_added(self, peer: Peer) -> None:
        """Peers are served by ``serve_peer``."""

    def peer_removed(self, peer: Peer, reason: Exception) -> None:
        """There is nothing kept of a peer."""

    async def run(self, peers: Peers) -> None:
        """There is nothing to do that is not about one peer."""

    async def receive(self, channel_id: int, peer: Peer, message: bytes) -> None:  # noqa: ARG002
        """Add a peer's evidence to the pool.

        Raises:
            RuleBroken: It does not decode, or is invalid: only a liar passes that on.
        """
        for piece in decode_evidence_list(message):
            try:
                self._pool.add(piece)
            except OperationFailed as error:
                self._log.debug("evidence.not_added", peer=peer.id, reason=str(error))
        self.wake()

    async def serve_peer(self, peer: Peer) -> None:
        """Send a peer pending evidence, each piece once in a while, until cancelled."""
        flag = self._wakers.add()
        sent: dict[bytes, TimestampNs] = {}
        try:
            while True:
                now = TimestampNs(time.monotonic_ns())
                pending = self._pool.pending()
                piece = next_evidence(
                    pending,
                    self._heights.peer_height(peer.id),
                    self._pool.max_age_blocks,
                    sent,
                    now,
                )
                if piece is None:
                    waiting = {bytes(hash_of_evidence(other)) for other in pending}
                    sent = {key: at for key, at in sent.items() if key in waiting}
                    await wait_for_flag(flag, GOSSIP_PERIOD_NS)
                elif await peer.send(EVIDENCE_CHANNEL, encode_evidence_list((piece,))):
                    sent[hash_of_evidence(piece)] = now
        finally:
            self._wakers.discard(flag)
