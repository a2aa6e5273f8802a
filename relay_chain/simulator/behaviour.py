"""What Byzantine validators send instead of what a correct one would."""

from collections.abc import Iterator, Mapping
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
    MajorityClaimed,
    PeerId,
    ProposalReceived,
    VoteReceived,
)
from relay_chain.simulator.plan import Kind, Plan

HYDRA_ROUNDS = 2
"""A hydra gives away precommits of so many rounds before."""
HYDRA_PREVOTES = 0.7
"""So often a peer hears a hydra's prevotes."""


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

    def address_of(self, index: int) -> Address:
        """Return a node's validator address."""
        ...

    def blocks_at(self, height: BlockHeight) -> tuple[tuple[BlockId, Block], ...]:
        """Return the blocks that anybody made for a height so far."""
        ...


Mail = tuple[int, tuple[Input, ...]]
"""(recipient, inputs)."""


_TWO_FACED = (Kind.EQUIVOCATOR, Kind.GARBAGE, Kind.HYDRA, Kind.PUPPET, Kind.FLATTERER)
"""They make a second block beside the one that they propose."""


def mail_vote(
    plan: Plan,
    forge: Forge,
    rng: Random,
    index: int,
    peers: list[int],
    vote: Vote,
) -> Iterator[Mail]:
    """Yield what a Byzantine validator sends for its own vote."""
    peer_id = PeerId(str(index))
    match plan.kinds[index]:
        case Kind.EQUIVOCATOR:
            yield from _equivocate(forge, rng, plan.sides, index, peers, vote)
        case Kind.WITHHOLDER:
            some = [peer for peer in peers if rng.random() < 0.3]
            yield from ((peer, (VoteReceived(vote, peer_id),)) for peer in some)
        case Kind.GARBAGE:
            for peer in peers:
                yield peer, (VoteReceived(_spoilt(rng, vote), peer_id),)
                yield peer, (VoteReceived(vote, peer_id),)
        case Kind.HYDRA:
            yield from _vote_for_everything(forge, rng, index, peers, vote)
        case Kind.PUPPET | Kind.FLATTERER | Kind.MIRROR:
            return  # They answer the votes of others.
        case Kind.AMNESIAC | Kind.CORRECT | Kind.COMETBFT | Kind.PAPER:
            yield from ((peer, (VoteReceived(vote, peer_id),)) for peer in peers)


def _vote_for_everything(
    forge: Forge, rng: Random, index: int, peers: list[int], vote: Vote
) -> Iterator[Mail]:
    """Sign for every block and for nil: two prevotes count, precommits come rounds later.

    A claim of +2/3 lets the second prevote count beside the first, so each polka needs two
    correct votes of four, and some see it and others do not. The precommits of one round are
    given away in the next ones, to each peer another: a decision that nobody knew of comes
    to light when its voters have gone elsewhere. It is the adversary of ``model_check``, as
    far as one validator can play it.
    """
    peer_id = PeerId(str(index))
    blocks = [block_id for block_id, _ in forge.blocks_at(vote.height)]

    def signed(block_id: BlockId, round_: int) -> VoteReceived:
        double = forge.sign_as(index, replace(vote, block_id=block_id, round=Round(round_)))
        assert isinstance(double, Vote)
        return VoteReceived(double, peer_id)

    for peer in peers:
        if vote.type is VoteType.PRECOMMIT:
            if blocks and vote.round:
                round_ = max(0, vote.round - rng.randint(0, HYDRA_ROUNDS))
                yield peer, (signed(rng.choice(blocks), round_),)
        elif rng.random() < HYDRA_PREVOTES:
            first, second = rng.choice([NIL_BLOCK_ID, *blocks]), rng.choice([NIL_BLOCK_ID, *blocks])
            claim = MajorityClaimed(vote.height, vote.round, vote.type, second, peer_id)
            yield peer, (signed(first, vote.round), claim, signed(second, vote.round))


Answer = tuple[int, int, tuple[Input, ...]]
"""(hostile node, recipient, inputs)."""


def flatter(
    plan: Plan, forge: Forge, said: dict[tuple[int, int, int, int], BlockId], node: int, vote: Vote
) -> Iterator[Answer]:
    """Yield what flatterers and mirrors answer to a correct node's vote.

    Args:
        plan: Of the run.
        forge: The run.
        said: What each mirror voted, by node, height, round and type: added to here.
        node: Whose vote it is.
        vote: The vote.
    """
    for hostile, kind in enumerate(plan.kinds):
        if kind is not Kind.FLATTERER and kind is not Kind.MIRROR:
            continue
        block_id = vote.block_id
        if kind is Kind.MIRROR:
            key = (hostile, vote.height, vote.round, vote.type)
            block_id = said.setdefault(key, block_id)
        own = replace(vote, validator_index=hostile, validator_address=forge.address_of(hostile))
        signed = forge.sign_as(hostile, replace(own, block_id=block_id))
        assert isinstance(signed, Vote)
        yield hostile, node, (VoteReceived(signed, PeerId(str(hostile))),)


def on_cue(plan: Plan, forge: Forge, node: int, vote: Vote) -> Iterator[Answer]:
    """Yield (puppet, recipient, inputs) for what a script has at a correct node's vote."""
    if vote.height != 1:
        return
    blocks = [block_id for block_id, _ in forge.blocks_at(vote.height)]
    puppet = plan.kinds.index(Kind.PUPPET)
    for cue in plan.script:
        if (cue.round, cue.type, cue.node) != (vote.round, vote.type, node):
            continue
        if cue.block >= len(blocks):
            continue
        block_id = blocks[cue.block] if cue.block >= 0 else NIL_BLOCK_ID
        round_ = vote.round if cue.of_round < 0 else Round(cue.of_round)
        own = replace(vote, validator_index=puppet, validator_address=forge.address_of(puppet))
        said = forge.sign_as(puppet, replace(own, block_id=block_id, round=round_))
        assert isinstance(said, Vote)
        recipient = node if cue.recipient < 0 else cue.recipient
        peer_id = PeerId(str(puppet))
        # A peer has one claim for each round and type: it is for the second vote.
        claim = MajorityClaimed(vote.height, round_, vote.type, block_id, peer_id)
        heard = VoteReceived(said, peer_id)
        yield puppet, recipient, (heard,) if cue.of_round < 0 else (claim, heard)


def _equivocate(
    forge: Forge, rng: Random, sides: Mapping[int, int], index: int, peers: list[int], vote: Vote
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
            replace(vote, signature=bytes([vote.signature[0] ^ 1]) + vote.signature[1:]),
            replace(vote, validator_index=10_000),
            replace(vote, validator_index=-1),
            replace(vote, validator_address=Address(b"stranger" * 2 + b"....")),
            replace(vote, round=Round(vote.round + 1_000_000)),
            replace(vote, round=Round(-5)),
            replace(vote, height=BlockHeight(vote.height + 7)),
        )
    )


def mail_proposal(
    plan: Plan,
    forge: Forge,
    rng: Random,
    index: int,
    peers: list[int],
    proposal: Proposal,
    block: Block,
) -> Iterator[Mail]:
    """Yield what a Byzantine proposer sends for its own proposal."""
    kind, sides = plan.kinds[index], plan.sides
    offers = [(proposal, block, True)]
    forgets = kind is Kind.AMNESIAC and proposal.pol_round >= 0
    if forgets or kind in _TWO_FACED:
        is_valid = kind is not Kind.GARBAGE
        other_id, other = forge.make_block(index, proposal.height, is_valid=is_valid)
        fake = forge.sign_as(index, replace(proposal, block_id=other_id, pol_round=Round(-1)))
        assert isinstance(fake, Proposal)
        offers.append((fake, other, is_valid))
    if forgets:
        offers = offers[1:]
    if kind is Kind.PUPPET:
        # Its new block goes to those whom the script promises a prevote for it.
        offers, place = offers[1:], len(forge.blocks_at(proposal.height)) - 1
        round_ = proposal.round
        peers = [
            cue.node
            for cue in plan.script
            if (cue.round, cue.type, cue.block) == (round_, VoteType.PREVOTE, place)
        ]
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
