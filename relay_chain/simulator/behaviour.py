"""What Byzantine validators send instead of what a correct one would."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Protocol

from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    Block,
    BlockId,
    Proposal,
    Vote,
    VoteType,
)
from chainkit.primitives.types import Address, BlockHeight, Round
from relay_chain.consensus.messages import (
    BlockReceived,
    Input,
    PeerId,
    ProposalReceived,
    VoteReceived,
)
from relay_chain.simulator.plan import Kind


class Forge(Protocol):
    """What a Byzantine node may do with the world: make blocks and its own signatures."""

    def make_block(
        self, index: int, height: BlockHeight, *, is_valid: bool
    ) -> tuple[BlockId, Block]:
        """Return a new block."""
        ...

    def sign_as(self, index: int, message: Vote | Proposal) -> Vote | Proposal:
        """Return a message signed with the validator's own key, which refuses nothing."""
        ...

    def blocks_at(self, height: BlockHeight) -> tuple[tuple[BlockId, Block], ...]:
        """Return the blocks that anybody made for a height so far."""
        ...


Mail = tuple[int, tuple[Input, ...]]
"""(recipient, inputs)."""


def mail_vote(
    kind: Kind,
    forge: Forge,
    rng: Random,
    sides: dict[int, int],
    index: int,
    peers: list[int],
    vote: Vote,
) -> Iterator[Mail]:
    """Yield what a Byzantine validator sends for its own vote."""
    peer_id = PeerId(str(index))
    match kind:
        case Kind.EQUIVOCATOR:
            yield from _equivocate(forge, rng, sides, index, peers, vote)
        case Kind.WITHHOLDER:
            for peer in peers:
                if rng.random() < 0.3:
                    yield peer, (VoteReceived(vote, peer_id),)
        case Kind.GARBAGE:
            for peer in peers:
                yield peer, (VoteReceived(_spoilt(rng, vote), peer_id),)
                yield peer, (VoteReceived(vote, peer_id),)
        case Kind.AMNESIAC | Kind.CORRECT | Kind.COMETBFT | Kind.PAPER:
            for peer in peers:
                yield peer, (VoteReceived(vote, peer_id),)


def _equivocate(
    forge: Forge, rng: Random, sides: dict[int, int], index: int, peers: list[int], vote: Vote
) -> Iterator[Mail]:
    """Sign for every known block, and give each peer one of the votes.

    With ``sides``, a peer gets the vote for the block that its side was shown.
    """
    peer_id = PeerId(str(index))
    others = [block_id for block_id, _ in forge.blocks_at(vote.height)]
    for peer in peers:
        if sides:
            chosen = others[sides[peer] % len(others)] if others else vote.block_id
        elif rng.random() < 0.5:
            chosen = rng.choice([*others, NIL_BLOCK_ID])
        else:
            chosen = vote.block_id
        signed = vote
        if chosen != vote.block_id:
            double = forge.sign_as(index, replace(vote, block_id=chosen))
            assert isinstance(double, Vote)
            signed = double
        yield peer, (VoteReceived(signed, peer_id),)
        if sides:
            precommit = forge.sign_as(index, replace(signed, type=VoteType.PRECOMMIT))
            assert isinstance(precommit, Vote)
            yield peer, (VoteReceived(precommit, peer_id),)


def _spoilt(rng: Random, vote: Vote) -> Vote:
    """Return a vote that a correct node must refuse or may ignore."""
    return rng.choice(
        (
            replace(vote, signature=b"forged"),
            replace(vote, validator_index=10_000),
            replace(vote, validator_index=-1),
            replace(vote, validator_address=Address(b"stranger" * 2 + b"....")),
            replace(vote, round=Round(vote.round + 1_000_000)),
            replace(vote, round=Round(-5)),
            replace(vote, height=BlockHeight(vote.height + 7)),
        )
    )


def mail_proposal(
    kind: Kind,
    forge: Forge,
    rng: Random,
    sides: dict[int, int],
    index: int,
    peers: list[int],
    proposal: Proposal,
    block: Block,
) -> Iterator[Mail]:
    """Yield what a Byzantine proposer sends for its own proposal."""
    offers = [(proposal, block, True)]
    if kind is Kind.EQUIVOCATOR or kind is Kind.GARBAGE:
        is_valid = kind is Kind.EQUIVOCATOR
        other_id, other = forge.make_block(index, proposal.height, is_valid=is_valid)
        fake = forge.sign_as(index, replace(proposal, block_id=other_id, pol_round=Round(-1)))
        assert isinstance(fake, Proposal)
        offers.append((fake, other, is_valid))
    for peer in peers:
        if kind is Kind.WITHHOLDER and rng.random() < 0.6:
            continue
        chosen = offers[sides[peer] % len(offers)] if sides else rng.choice(offers)
        yield peer, proposal_mail(index, *chosen)


def proposal_mail(index: int, proposal: Proposal, block: Block, valid: bool) -> tuple[Input, ...]:
    """Return a proposal and its block, as a peer receives them."""
    peer_id = PeerId(str(index))
    return (
        ProposalReceived(proposal, peer_id),
        BlockReceived(proposal.height, proposal.block_id, block, valid, peer_id),
    )
