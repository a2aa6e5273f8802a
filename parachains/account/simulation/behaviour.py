"""What Byzantine validators send instead of what a correct one would."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Protocol, TypeVar

from chainkit.primitives.types import Address, BlockHeight, Hash32, Round
from parachains.account.consensus.messages import (
    Commit,
    CommitDraft,
    CommitPayload,
    Draft,
    Message,
    Prepare,
    PreparedRound,
    PreparePayload,
    Proposal,
    ProposalDraft,
    ProposalPayload,
    RoundChange,
    RoundChangeDraft,
    RoundChangePayload,
    SealableBlock,
    Signed,
)
from parachains.account.simulation.keys import SimBlock
from parachains.account.simulation.plan import Kind

Mail = tuple[int, Message]
"""(recipient, message)."""

SignedT = TypeVar("SignedT", PreparePayload, CommitPayload, RoundChangePayload)


class Forge(Protocol):
    """What a Byzantine node may do with the world: make blocks and its own signatures."""

    def sign_as(self, index: int, draft: Draft) -> Message:
        """Return a draft's message with the node's own key, which refuses nothing."""
        ...

    def rival(self, index: int, block: SealableBlock, *, is_sound: bool) -> SimBlock:
        """Return another block of the same height and round, made by the node."""
        ...

    def blocks_at(self, height: BlockHeight) -> tuple[SimBlock, ...]:
        """Return the blocks that anybody made for a height so far."""
        ...

    def heard(self, index: int) -> tuple[RoundChange, ...]:
        """Return the round changes that the node has for its round."""
        ...


def mail(
    kind: Kind, forge: Forge, rng: Random, index: int, peers: list[int], message: Message
) -> Iterator[Mail]:
    """Yield what a Byzantine validator sends where a correct one would send ``message``."""
    match kind:
        case Kind.EQUIVOCATOR:
            yield from _equivocate(forge, rng, index, peers, message)
        case Kind.LIAR:
            yield from _lie(forge, rng, index, peers, message)
        case Kind.SILENT:
            yield from ((peer, message) for peer in peers if rng.random() < 0.3)
        case Kind.GARBAGE:
            for peer in peers:
                yield peer, _spoilt(forge, rng, index, message)
                yield peer, message
        case Kind.CORRECT:
            raise AssertionError(kind)


def _equivocate(
    forge: Forge, rng: Random, index: int, peers: list[int], message: Message
) -> Iterator[Mail]:
    """Show even peers one block and odd peers another, and vote with each for its own."""
    payload = message.signed.payload
    if isinstance(message, RoundChange):
        yield from ((peer, message) for peer in peers)
        return
    if isinstance(message, Proposal):
        first, second = message, _rival_proposal(forge, index, message)
        yield from ((peer, second if peer % 2 else first) for peer in peers)
        return
    blocks = [block.with_round(payload.round) for block in forge.blocks_at(payload.height)]
    for peer in peers:
        if not blocks:
            yield peer, message
            continue
        block = blocks[peer % len(blocks)] if rng.random() < 0.8 else rng.choice(blocks)
        yield (
            peer,
            forge.sign_as(index, PreparePayload(payload.height, payload.round, block.digest)),
        )
        # The commit comes at once: together with others' it may decide for one peer alone.
        yield peer, forge.sign_as(index, CommitDraft(payload.height, payload.round, block.digest))


def _rival_proposal(forge: Forge, index: int, message: Proposal) -> Message:
    payload = message.signed.payload
    rival = forge.rival(index, payload.block, is_sound=True)
    draft = ProposalDraft(replace(payload, block=rival), message.round_changes, message.prepares)
    return forge.sign_as(index, draft)


def _lie(
    forge: Forge, rng: Random, index: int, peers: list[int], message: Message
) -> Iterator[Mail]:
    view = message.signed.payload
    match message:
        case RoundChange():
            forgetful = replace(message.signed.payload, prepared=None)
            lie = forge.sign_as(index, RoundChangeDraft(forgetful, None, ()))
            yield from ((peer, lie) for peer in peers)
            block = _some_block(forge, index, message)
            if block is not None and rng.random() < 0.5:
                # In the round that it would lead, it does not wait for the others.
                rival = forge.rival(index, block, is_sound=True)
                heard = tuple(each.signed for each in forge.heard(index))
                payload = ProposalPayload(view.height, view.round, rival)
                yield from _push(forge, index, peers, ProposalDraft(payload, heard, ()))
        case Proposal() if view.round > 0:
            rival = forge.rival(index, message.block, is_sound=True)
            # One lie for all: a new block decides only if enough believe the same.
            draft = _false(rng, replace(message.signed.payload, block=rival), message)
            yield from _push(forge, index, peers, draft)
        case Commit() if view.round == 0:
            return  # So that sometimes one alone decides, and the liar has its turn after that.
        case Prepare() | Commit() if _has_rival(forge, message):
            return  # It voted with its lie.
        case _:
            yield from ((peer, message) for peer in peers)


def _push(forge: Forge, index: int, peers: list[int], draft: ProposalDraft) -> Iterator[Mail]:
    """Send everybody a proposal, and the votes that it needs most."""
    height, round_, digest = draft.payload.height, draft.payload.round, draft.payload.block.digest
    votes = (PreparePayload(height, round_, digest), CommitDraft(height, round_, digest))
    for said in (draft, *votes):
        signed = forge.sign_as(index, said)
        yield from ((peer, signed) for peer in peers)


def _has_rival(forge: Forge, message: Message) -> bool:
    view, author = message.signed.payload, message.signed.author
    blocks = forge.blocks_at(view.height)
    return any((block.coinbase, block.round) == (author, view.round) for block in blocks)


def _some_block(forge: Forge, index: int, message: RoundChange) -> SealableBlock | None:
    payload = message.signed.payload
    blocks = forge.blocks_at(payload.height)
    return blocks[index % len(blocks)].with_round(payload.round) if blocks else None


def _false(rng: Random, rival: ProposalPayload, message: Proposal) -> ProposalDraft:
    """Return a proposal of a new block whose justification does not justify it."""
    round_changes, prepares = message.round_changes, message.prepares
    free = tuple(each for each in round_changes if each.payload.prepared is None)
    return rng.choice(
        (
            ProposalDraft(rival, round_changes, prepares),
            ProposalDraft(rival, round_changes, ()),
            ProposalDraft(rival, free, ()),
            ProposalDraft(rival, free, ()),
            ProposalDraft(rival, free[:1], ()),
            ProposalDraft(rival, free * len(round_changes), ()),
            ProposalDraft(message.signed.payload, round_changes, prepares[:1]),
            ProposalDraft(message.signed.payload, round_changes, prepares[:1] * len(prepares)),
            ProposalDraft(rival, (), ()),
        )
    )


def _spoilt(forge: Forge, rng: Random, index: int, message: Message) -> Message:
    """Return a message that a correct node must refuse or may ignore."""
    match message:
        case Prepare():
            return Prepare(_spoilt_signed(rng, message.signed))
        case Commit():
            payload = message.signed.payload
            if rng.random() < 0.3:
                stolen = replace(payload, seal=bytes(20) + payload.seal[20:])
                return Commit(replace(message.signed, payload=stolen))
            return Commit(_spoilt_signed(rng, message.signed))
        case RoundChange():
            if rng.random() < 0.5:
                return RoundChange(_spoilt_signed(rng, message.signed), message.block)
            invented = PreparedRound(Round(0), Hash32(bytes(32)))
            claim = replace(message.signed.payload, prepared=invented)
            return forge.sign_as(index, RoundChangeDraft(claim, message.block, message.prepares))
        case Proposal():
            proposal = message.signed.payload
            if rng.random() < 0.5:
                worse = replace(proposal, block=forge.rival(index, proposal.block, is_sound=False))
            else:
                other = Round(proposal.round + 1)
                worse = replace(proposal, round=other)
            draft = ProposalDraft(worse, message.round_changes, message.prepares)
            return forge.sign_as(index, draft)


def _spoilt_signed(rng: Random, signed: Signed[SignedT]) -> Signed[SignedT]:
    payload = signed.payload
    return rng.choice(
        (
            replace(signed, signature=bytes(65)),
            replace(signed, author=Address(b"stranger" * 2 + b"....")),
            Signed(
                replace(payload, round=Round(payload.round + 1_000_000)),
                signed.author,
                signed.signature,
            ),
            Signed(
                replace(payload, height=BlockHeight(payload.height + 7)),
                signed.author,
                signed.signature,
            ),
        )
    )
