"""The consensus reactor: hands peers' messages to consensus, and sends peers what they lack."""

import asyncio
import random
from collections.abc import Callable

import structlog

from chainkit.formats.tendermint.types import Proposal, Vote, VoteType
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import BLOCK_PART_SIZE_BYTES, MAX_BLOCK_SIZE_BYTES
from chainkit.primitives.types import BlockHeight
from relay_chain.consensus.messages import (
    AnnounceStep,
    AnnounceValidBlock,
    AnnounceVote,
    MajorityClaimed,
    PeerId,
    ProposalReceived,
    VoteReceived,
)
from relay_chain.node.p2p.multiplex import ChannelDescriptor
from relay_chain.node.p2p.peer import Peer
from relay_chain.node.p2p.reactor import Peers
from relay_chain.node.reactors.bit_arrays import BitArray
from relay_chain.node.reactors.consensus_messages import (
    BlockPart,
    ConsensusMessage,
    HasVote,
    NewRoundStep,
    NewValidBlock,
    ProposalMessage,
    ProposalPol,
    VoteMessage,
    VoteSetBits,
    VoteSetMaj23,
    decode_consensus_message,
    encode_consensus_message,
    validate_consensus_message,
    validate_step_height,
)
from relay_chain.node.reactors.gossip import Pick, next_claims, next_data, next_vote, step_message
from relay_chain.node.reactors.limits import (
    CLAIM_PERIOD_NS,
    CONSENSUS_QUEUE_MESSAGES,
    DATA_CHANNEL,
    GOSSIP_PERIOD_NS,
    MAX_CONSENSUS_MESSAGE_BYTES,
    STATE_CHANNEL,
    VOTE_CHANNEL,
    VOTE_SET_BITS_CHANNEL,
    VOTE_SET_BITS_QUEUE_MESSAGES,
)
from relay_chain.node.reactors.peer_state import PeerState
from relay_chain.node.reactors.ports import BlockStorePort, ConsensusPort, PartReceived
from relay_chain.node.reactors.waiting import Wakers, wait_for_flag

Announcement = AnnounceStep | AnnounceVote | AnnounceValidBlock

_CHANNEL_OF: dict[type, int] = {
    NewRoundStep: STATE_CHANNEL,
    NewValidBlock: STATE_CHANNEL,
    HasVote: STATE_CHANNEL,
    VoteSetMaj23: STATE_CHANNEL,
    ProposalMessage: DATA_CHANNEL,
    ProposalPol: DATA_CHANNEL,
    BlockPart: DATA_CHANNEL,
    VoteMessage: VOTE_CHANNEL,
    VoteSetBits: VOTE_SET_BITS_CHANNEL,
}


class ProposalTooLarge(MalformedMessage):
    """A proposal has more parts than a block of the largest allowed size."""

    codespace = "reactors"
    code = 3

    def __init__(self, *, parts: int, limit: int) -> None:
        super().__init__(f"proposal of {parts} parts, over {limit}")
        self.parts = parts
        self.limit = limit


def random_index(mask: int) -> int:
    """Return one of the indices of a mask that is not zero, each with the same chance."""
    indices = [index for index in range(mask.bit_length()) if mask >> index & 1]
    return random.choice(indices)


def _channel(id_: int, priority: int, queue: int) -> ChannelDescriptor:
    return ChannelDescriptor(id_, priority, queue, MAX_CONSENSUS_MESSAGE_BYTES)


class ConsensusReactor:
    """Channels 0x20 to 0x23. Mutable: it keeps what each peer is known to have.

    Args:
        consensus: The consensus shell.
        store: Stored blocks, for peers that are behind.
        syncing: Whether block sync runs first; then nothing is gossiped, and proposals,
            parts and votes are ignored until ``consensus_started``.
        pick: Chooses what to send among what a peer lacks.
    """

    channels = (
        _channel(STATE_CHANNEL, 6, CONSENSUS_QUEUE_MESSAGES),
        _channel(DATA_CHANNEL, 10, CONSENSUS_QUEUE_MESSAGES),
        _channel(VOTE_CHANNEL, 7, CONSENSUS_QUEUE_MESSAGES),
        _channel(VOTE_SET_BITS_CHANNEL, 1, VOTE_SET_BITS_QUEUE_MESSAGES),
    )

    def __init__(
        self,
        consensus: ConsensusPort,
        store: BlockStorePort,
        *,
        syncing: bool,
        pick: Pick = random_index,
    ) -> None:
        self._consensus = consensus
        self._store = store
        self._syncing = syncing
        self._pick = pick
        self._states: dict[PeerId, PeerState] = {}
        self._peers: dict[PeerId, Peer] = {}
        self._wakers = Wakers()
        self._log = structlog.get_logger()

    # --- from the node --------------------------------------------------------------------

    def announce(self, effect: Announcement) -> None:
        """Tell peers what the machine announces; call once for each, in order."""
        match effect:
            case AnnounceStep():
                for peer_id in self._peers:
                    self._send_step(peer_id)
            case AnnounceVote(vote):
                self._broadcast(HasVote(vote.height, vote.round, vote.type, vote.validator_index))
            case AnnounceValidBlock(height, round_, block_id, is_commit):
                header = block_id.part_set_header
                parts = self._consensus.view().parts
                mask = parts.mask() if parts is not None and parts.header == header else 0
                bits = BitArray(header.total, mask)
                self._broadcast(NewValidBlock(height, round_, header, bits, is_commit))
        self.wake()

    def wake(self) -> None:
        """Look again at what peers lack: a proposal, a part or a late vote is new."""
        self._wakers.wake()

    def consensus_started(self) -> None:
        """Begin to take part: block sync is over."""
        self._syncing = False
        for peer_id in self._peers:
            self._send_step(peer_id)
        self.wake()

    def peer_height(self, peer_id: PeerId) -> BlockHeight | None:
        """Return the height that a peer works on; None before it said so."""
        state = self._states.get(peer_id)
        return state.height if state is not None and state.height else None

    def peer_state(self, peer_id: PeerId) -> PeerState | None:
        """Return what a peer is known to have, for ``dump_consensus_state``."""
        return self._states.get(peer_id)

    # --- from the switch ------------------------------------------------------------------

    def peer_added(self, peer: Peer) -> None:
        """Begin to keep a peer's state, and tell it ours."""
        self._states[peer.id] = PeerState()
        self._peers[peer.id] = peer
        if not self._syncing:
            self._send_step(peer.id)

    def peer_removed(self, peer: Peer, reason: Exception) -> None:  # noqa: ARG002 - the port's
        """Forget a peer."""
        del self._states[peer.id]
        del self._peers[peer.id]

    async def run(self, peers: Peers) -> None:
        """There is nothing to do that is not about one peer."""

    async def serve_peer(self, peer: Peer) -> None:
        """Send a peer the parts, votes and majorities that it lacks, until cancelled."""
        state = self._states[peer.id]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._gossip(peer, state, self._next_data))
            group.create_task(self._gossip(peer, state, self._next_votes))
            group.create_task(self._claim(peer, state))

    async def receive(self, channel_id: int, peer: Peer, message: bytes) -> None:
        """Take a peer's message: change its state, and hand over what consensus needs.

        Raises:
            RuleBroken: The message does not decode or breaks a rule by itself.
        """
        decoded = decode_consensus_message(message)
        validate_consensus_message(decoded)
        if _CHANNEL_OF[type(decoded)] != channel_id:
            # Not punished, as in CometBFT: it leaves room for soft upgrades.
            self._log.debug("peer.message_ignored", peer=peer.id, channel=channel_id)
            return
        state = self._states[peer.id]
        match decoded:
            case NewRoundStep():
                validate_step_height(decoded, self._consensus.initial_height)
                state.apply_step(decoded)
                self.wake()
            case NewValidBlock():
                state.apply_valid_block(decoded)
                self.wake()
            case HasVote():
                state.apply_has_vote(decoded)
            case VoteSetMaj23():
                await self._receive_claim(peer, decoded)
            case VoteSetBits() | ProposalPol() | ProposalMessage() | BlockPart() | VoteMessage():
                if not self._syncing:
                    await self._receive_for_consensus(peer.id, state, decoded)

    # --- one message ----------------------------------------------------------------------

    async def _receive_for_consensus(
        self,
        peer_id: PeerId,
        state: PeerState,
        message: VoteSetBits | ProposalPol | ProposalMessage | BlockPart | VoteMessage,
    ) -> None:
        height = self._consensus.view().height
        match message:
            case VoteSetBits():
                votes = self._consensus.votes(message.round, message.type)
                known = message.height == height and votes is not None
                ours = votes.mask_for(message.block_id) if known and votes is not None else None
                state.apply_vote_set_bits(message, ours)
                self.wake()
            case ProposalPol():
                state.apply_pol(message)
            case ProposalMessage(proposal):
                self._check_size(proposal)
                state.set_has_proposal(proposal)
                if proposal.height == height:
                    await self._consensus.submit(ProposalReceived(proposal, peer_id))
            case BlockPart(part_height, round_, part):
                state.set_has_part(part_height, round_, part.index)
                if part_height == height:
                    await self._consensus.submit(PartReceived(part_height, round_, part, peer_id))
            case VoteMessage(vote):
                await self._receive_vote(peer_id, state, vote)

    async def _receive_vote(self, peer_id: PeerId, state: PeerState, vote: Vote) -> None:
        view = self._consensus.view()
        before = BlockHeight(view.height - 1)
        state.ensure_votes(view.height, view.validator_count)
        state.ensure_votes(before, view.last_validator_count)
        state.set_has_vote(vote.height, vote.round, vote.type, vote.validator_index)
        is_late = vote.height == before and vote.type is VoteType.PRECOMMIT
        if vote.height == view.height or is_late:
            await self._consensus.submit(VoteReceived(vote, peer_id))

    async def _receive_claim(self, peer: Peer, claim: VoteSetMaj23) -> None:
        if self._syncing or claim.height != self._consensus.view().height:
            return
        await self._consensus.submit(
            MajorityClaimed(claim.height, claim.round, claim.type, claim.block_id, peer.id)
        )
        votes = self._consensus.votes(claim.round, claim.type)
        bits = (
            BitArray(0) if votes is None else BitArray(votes.size, votes.mask_for(claim.block_id))
        )
        self._try_send(
            peer, VoteSetBits(claim.height, claim.round, claim.type, claim.block_id, bits)
        )

    def _check_size(self, proposal: Proposal) -> None:
        allowed = self._consensus.max_block_bytes
        most = MAX_BLOCK_SIZE_BYTES if allowed == -1 else allowed
        limit = (most - 1) // BLOCK_PART_SIZE_BYTES + 1
        parts = proposal.block_id.part_set_header.total
        if parts > limit:
            raise ProposalTooLarge(parts=parts, limit=limit)

    # --- sending --------------------------------------------------------------------------

    def _next_data(self, state: PeerState) -> tuple[ConsensusMessage, ...]:
        return next_data(self._consensus, self._store, state, self._pick)

    def _next_votes(self, state: PeerState) -> tuple[ConsensusMessage, ...]:
        if state.owes_step:
            state.owes_step = False  # _send sets it again if the peer has no room
            return (step_message(self._consensus.view()),)
        vote = next_vote(self._consensus, self._store, state, self._pick)
        return () if vote is None else (vote,)

    async def _gossip(
        self,
        peer: Peer,
        state: PeerState,
        following: Callable[[PeerState], tuple[ConsensusMessage, ...]],
    ) -> None:
        flag = self._wakers.add()
        try:
            while True:
                messages = () if self._syncing else following(state)
                for message in messages:
                    await self._send(peer, state, message)
                if messages:
                    await asyncio.sleep(0)  # let others run between two messages
                else:
                    await wait_for_flag(flag, GOSSIP_PERIOD_NS)
        finally:
            self._wakers.discard(flag)

    async def _claim(self, peer: Peer, state: PeerState) -> None:
        flag = asyncio.Event()
        while True:
            await wait_for_flag(flag, CLAIM_PERIOD_NS)
            if not self._syncing:
                for claim in next_claims(self._consensus, self._store, state):
                    self._try_send(peer, claim)

    async def _send(self, peer: Peer, state: PeerState, message: ConsensusMessage) -> None:
        sent = await peer.send(_CHANNEL_OF[type(message)], encode_consensus_message(message))
        if sent:
            state.set_has(message)
        elif isinstance(message, NewRoundStep):
            state.owes_step = True

    def _try_send(self, peer: Peer, message: ConsensusMessage) -> bool:
        return peer.try_send(_CHANNEL_OF[type(message)], encode_consensus_message(message))

    def _send_step(self, peer_id: PeerId) -> None:
        """Send our step; where the queue is full the vote loop sends it later.

        Before its first height consensus is nowhere, and a peer would drop us for saying so.
        """
        view = self._consensus.view()
        if view.height < self._consensus.initial_height:
            return
        sent = self._try_send(self._peers[peer_id], step_message(view))
        self._states[peer_id].owes_step = not sent

    def _broadcast(self, message: ConsensusMessage) -> None:
        data = encode_consensus_message(message)
        for peer in self._peers.values():
            peer.try_send(_CHANNEL_OF[type(message)], data)
