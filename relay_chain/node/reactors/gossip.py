"""What to send next to a peer: decided from two views, sent by the reactor's loops.

Spec:
    CometBFT consensus/reactor.go: ``gossipDataRoutine``, ``gossipVotesRoutine``,
    ``queryMaj23Routine``.
"""

from collections.abc import Callable

from chainkit.formats.tendermint.types import VoteType
from relay_chain.consensus.messages import Step
from relay_chain.node.reactors.bit_arrays import BitArray
from relay_chain.node.reactors.consensus_messages import (
    BlockPart,
    ConsensusMessage,
    NewRoundStep,
    ProposalMessage,
    ProposalPol,
    VoteMessage,
    VoteSetMaj23,
)
from relay_chain.node.reactors.peer_state import PeerState
from relay_chain.node.reactors.ports import (
    BlockStorePort,
    ConsensusPort,
    RoundView,
    VoteSetView,
)
from relay_chain.node.reactors.views import CommitView

Pick = Callable[[int], int]
"""Chooses one of the indices of a mask that is not zero; random in a node, so that peers
are sent different parts and pass them on to each other."""


def lowest(mask: int) -> int:
    """Return the lowest index of a mask: the choice of tests and simulations."""
    return (mask & -mask).bit_length() - 1


def step_message(view: RoundView) -> NewRoundStep:
    """Return where this node is, as peers are told."""
    return NewRoundStep(
        view.height, view.round, view.step, view.seconds_since_start, view.last_commit_round
    )


def next_data(
    consensus: ConsensusPort, store: BlockStorePort, peer: PeerState, pick: Pick
) -> tuple[ConsensusMessage, ...]:
    """Return a block part or a proposal that the peer lacks; nothing if it lacks none."""
    view = consensus.view()
    if view.parts is not None and peer.parts is not None:
        wanted = view.parts.mask() & ~peer.parts.mask
        if view.parts.header == peer.part_set_header and wanted:
            part = view.parts.part(pick(wanted))
            assert part is not None
            return (BlockPart(view.height, view.round, part),)
    if 0 < store.base() <= peer.height < view.height:
        return _next_stored_part(store, peer, pick)
    if (view.height, view.round) != (peer.height, peer.round):
        return ()
    if view.proposal is None or peer.has_proposal:
        return ()
    proposal = ProposalMessage(view.proposal)
    pol = consensus.votes(view.proposal.pol_round, VoteType.PREVOTE)
    if view.proposal.pol_round < 0 or pol is None:
        return (proposal,)
    bits = BitArray(pol.size, pol.mask())
    return (proposal, ProposalPol(view.height, view.proposal.pol_round, bits))


def _next_stored_part(
    store: BlockStorePort, peer: PeerState, pick: Pick
) -> tuple[ConsensusMessage, ...]:
    block_id = store.block_id(peer.height)
    if block_id is None:
        return ()
    peer.init_parts(block_id.part_set_header)
    assert peer.parts is not None
    missing = peer.parts.missing()
    if peer.part_set_header != block_id.part_set_header or not missing:
        return ()
    part = store.part(peer.height, pick(missing))
    return () if part is None else (BlockPart(peer.height, peer.round, part),)


def next_vote(
    consensus: ConsensusPort, store: BlockStorePort, peer: PeerState, pick: Pick
) -> VoteMessage | None:
    """Return a vote that the peer lacks, the most useful to it first; None if it lacks none."""
    view = consensus.view()
    for votes in _sets_for(view, consensus, store, peer):
        message = _missing_vote(votes, peer, pick)
        if message is not None:
            return message
    return None


def _sets_for(
    view: RoundView, consensus: ConsensusPort, store: BlockStorePort, peer: PeerState
) -> list[VoteSetView]:
    """Return the vote sets that help a peer, in the order in which they do."""
    sets: list[VoteSetView | None] = []
    if peer.height == view.height:
        if peer.step == Step.NEW_HEIGHT:
            sets.append(view.last_commit)
        if 0 <= peer.round <= view.round:
            prevotes = consensus.votes(peer.round, VoteType.PREVOTE)
            if peer.step <= Step.PROPOSE and peer.pol_round >= 0:
                sets.append(consensus.votes(peer.pol_round, VoteType.PREVOTE))
            if peer.step <= Step.PREVOTE_WAIT:
                sets.append(prevotes)
            if peer.step <= Step.PRECOMMIT_WAIT:
                sets.append(consensus.votes(peer.round, VoteType.PRECOMMIT))
            sets.append(prevotes)  # a later polka still moves the valid block
        if peer.pol_round >= 0:
            sets.append(consensus.votes(peer.pol_round, VoteType.PREVOTE))
    elif 0 < peer.height == view.height - 1:
        sets.append(view.last_commit)
    elif 0 < store.base() <= peer.height < view.height:
        commit = store.commit(peer.height)
        sets.append(None if commit is None else CommitView(commit))
    return [votes for votes in sets if votes is not None]


def _missing_vote(votes: VoteSetView, peer: PeerState, pick: Pick) -> VoteMessage | None:
    if votes.type is VoteType.PRECOMMIT and votes.majority() is not None:
        peer.ensure_catchup(votes.height, votes.round, votes.size)
    peer.ensure_votes(votes.height, votes.size)
    known = peer.votes_of(votes.height, votes.round, votes.type)
    if known is None:
        return None
    missing = votes.mask() & ~known.mask
    if not missing:
        return None
    vote = votes.vote(pick(missing))
    assert vote is not None
    return VoteMessage(vote)


def next_claims(
    consensus: ConsensusPort, store: BlockStorePort, peer: PeerState
) -> tuple[VoteSetMaj23, ...]:
    """Return the majorities to tell a peer about, so that it says what it lacks of them.

    They matter only while an equivocator splits the votes that peers see.
    """
    view = consensus.view()
    sets: list[VoteSetView | None] = []
    if view.height == peer.height:
        if peer.round >= 0:
            sets += [consensus.votes(peer.round, type_) for type_ in VoteType]
        if peer.pol_round >= 0:
            sets.append(consensus.votes(peer.pol_round, VoteType.PREVOTE))
    elif peer.catchup_round >= 0 and 0 < store.base() <= peer.height <= store.height():
        commit = store.commit(peer.height)
        sets.append(None if commit is None else CommitView(commit))
    return tuple(
        VoteSetMaj23(votes.height, votes.round, votes.type, majority)
        for votes in sets
        if votes is not None and (majority := votes.majority()) is not None
    )
