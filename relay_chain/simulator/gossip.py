"""How a node that got stuck asks a peer for what it missed.

Stands for CometBFT's gossip routines and block sync: the asker sends what it has (its
frozen state), the answer is what it lacks.
"""

from collections.abc import Iterator

from chainkit.formats.tendermint.types import BlockIdFlag, VoteType
from relay_chain.consensus.driver_state import ConsensusState
from relay_chain.consensus.messages import (
    BlockReceived,
    Input,
    MajorityClaimed,
    PeerId,
    ProposalReceived,
    VoteReceived,
)
from relay_chain.consensus.votes import Electorate, RoundVotes, from_commit
from relay_chain.simulator.disk import StoredBlock


def answer(
    asker: ConsensusState,
    state: ConsensusState,
    stored: StoredBlock | None,
    electorate: Electorate,
    peer_id: PeerId,
) -> tuple[Input, ...]:
    """Return what the asker lacks.

    Args:
        asker: State of the node that asks.
        state: State of the node that answers.
        stored: The asker's height, if the answering node has decided it.
        electorate: Of the asker's height.
        peer_id: Of the answering node.
    """
    if stored is not None:
        return tuple(_decided(stored, electorate, peer_id))
    if state.height != asker.height:
        return ()
    return tuple(_same_height(asker, state, peer_id))


def _decided(stored: StoredBlock, electorate: Electorate, peer_id: PeerId) -> Iterator[Input]:
    commit = stored.commit
    yield MajorityClaimed(commit.height, commit.round, VoteType.PRECOMMIT, commit.block_id, peer_id)
    for index, vote in enumerate(from_commit(commit, electorate).votes):
        if vote and commit.signatures[index].block_id_flag is BlockIdFlag.COMMIT:
            yield VoteReceived(vote, peer_id)
    yield BlockReceived(commit.height, commit.block_id, stored.block, True, peer_id)


def _same_height(asker: ConsensusState, state: ConsensusState, peer_id: PeerId) -> Iterator[Input]:
    for round_, pair in state.votes.rounds.items():
        theirs = asker.votes.rounds.get(round_)
        yield from _votes(pair.prevotes, theirs.prevotes if theirs else None, peer_id)
        yield from _votes(pair.precommits, theirs.precommits if theirs else None, peer_id)
    for round_, proposal in state.proposals.items():
        if round_ >= asker.round and round_ not in asker.proposals:
            yield ProposalReceived(proposal, peer_id)
    for block_id, known in state.blocks.items():
        if block_id not in asker.blocks:
            yield BlockReceived(state.height, block_id, known.block, known.is_valid, peer_id)


def _votes(own: RoundVotes, theirs: RoundVotes | None, peer_id: PeerId) -> Iterator[Input]:
    if own.majority is not None and (theirs is None or theirs.majority is None):
        yield MajorityClaimed(own.height, own.round, own.type, own.majority, peer_id)
    for block_id, votes in own.by_block.items():
        known = theirs.by_block.get(block_id) if theirs else None
        for index, vote in enumerate(votes.votes):
            if vote is not None and (known is None or known.votes[index] is None):
                yield VoteReceived(vote, peer_id)
