"""Four QBFT validators with stub signatures, and one machine among them to look at."""

from collections.abc import Sequence
from typing import TypeVar

from chainkit.primitives.types import Address, BlockHeight, Hash32, Round, TimestampNs
from parachains.account.consensus.codec import sign_draft
from parachains.account.consensus.machine import new_machine, step
from parachains.account.consensus.messages import (
    SELF,
    BlockTimeReached,
    CommitDraft,
    Draft,
    Effect,
    Input,
    Message,
    MessageReceived,
    PeerId,
    PreparedRound,
    PreparePayload,
    ProposalDraft,
    ProposalPayload,
    RoundChange,
    RoundChangeDraft,
    RoundChangePayload,
    SealableBlock,
    Sign,
    Signed,
    StartHeight,
)
from parachains.account.consensus.state import Parameters, QbftState
from parachains.account.simulation.keys import SimBlock, StubKeys, make_block

EffectT = TypeVar("EffectT")
KEYS = StubKeys()
VALIDATORS = tuple(KEYS.address(number) for number in range(4))
"""At height 5, after a block of the fourth, validator r mod 4 proposes in round r."""

HEIGHT = BlockHeight(5)
PEER = PeerId("peer")


def start(height: int = HEIGHT, validators: tuple[Address, ...] = VALIDATORS) -> StartHeight:
    """Return the beginning of a height whose round 0 is the first validator's."""
    return StartHeight(BlockHeight(height), validators, VALIDATORS[3], TimestampNs(7))


def said(number: int, draft: Draft) -> Message:
    """Return what a validator says."""
    return sign_draft(draft, KEYS.address(number), lambda digest: KEYS.sign(number, digest))


def block(round_: int = 0, maker: int | None = None, number: int = 0) -> SimBlock:
    """Return a block for a round, made by its proposer unless another is named."""
    coinbase = KEYS.address(round_ % 4 if maker is None else maker)
    parent, time = Hash32(bytes(32)), TimestampNs(9)
    return make_block(
        HEIGHT, coinbase, Round(round_), parent, time, number, is_sound=True, vote=None
    )


def proposal(
    of: SimBlock,
    by: int | None = None,
    round_changes: Sequence[RoundChange] = (),
    prepares: tuple[Signed[PreparePayload], ...] = (),
) -> Message:
    """Return a proposal of a block, by its round's proposer unless another is named."""
    payload = ProposalPayload(HEIGHT, of.round, of)
    draft = ProposalDraft(payload, tuple(each.signed for each in round_changes), prepares)
    return said(of.round % 4 if by is None else by, draft)


def prepare(number: int, of: SealableBlock, round_: int = 0) -> Message:
    """Return a validator's prepare."""
    digest = of.with_round(Round(round_)).digest
    return said(number, PreparePayload(HEIGHT, Round(round_), digest))


def prepares(of: SealableBlock, round_: int, *numbers: int) -> tuple[Signed[PreparePayload], ...]:
    """Return the signed prepares of some validators."""
    messages = (prepare(number, of, round_) for number in numbers)
    return tuple(message.signed for message in messages)  # type: ignore[misc]


def commit(number: int, of: SealableBlock, round_: int = 0) -> Message:
    """Return a validator's commit."""
    return said(number, CommitDraft(HEIGHT, Round(round_), of.with_round(Round(round_)).digest))


def round_change(
    number: int, round_: int, prepared: SealableBlock | None = None, at: int = 0, proven_by: int = 3
) -> RoundChange:
    """Return a round change; ``prepared`` in round ``at``, proven by so many validators."""
    if prepared is None:
        payload = RoundChangePayload(HEIGHT, Round(round_), None)
        message = said(number, RoundChangeDraft(payload, None, ()))
    else:
        of_round = prepared.with_round(Round(at))
        metadata = PreparedRound(Round(at), of_round.digest)
        payload = RoundChangePayload(HEIGHT, Round(round_), metadata)
        proof = prepares(of_round, at, *range(proven_by))
        message = said(number, RoundChangeDraft(payload, of_round, proof))
    assert isinstance(message, RoundChange)
    return message


class Machine:
    """One validator's machine; what it asks to sign comes back at once."""

    def __init__(self, number: int | None = 1, height: int = HEIGHT) -> None:
        self.number = number
        parameters = Parameters(None if number is None else KEYS.address(number))
        self.state: QbftState
        self.state, self.first = new_machine(parameters, start(height))
        self.effects: list[Effect] = []

    def feed(self, *inputs: Input | Message) -> list[Effect]:
        """Feed inputs, messages as from a peer; return all effects, signing done."""
        self.effects = []
        queue: list[Input] = [
            each if not hasattr(each, "signed") else MessageReceived(each, PEER)  # type: ignore[arg-type,misc]
            for each in inputs
        ]
        while queue:
            self.state, effects = step(self.state, queue.pop(0))
            self.effects += effects
            for effect in effects:
                if isinstance(effect, Sign):
                    assert self.number is not None
                    queue.append(MessageReceived(said(self.number, effect.draft), SELF))
        return self.effects

    def begin(self) -> "Machine":
        """Reach the block's time: round 0 begins."""
        self.feed(BlockTimeReached(HEIGHT))
        return self

    def signed(self) -> list[Draft]:
        """Return what the last inputs made it sign."""
        return [effect.draft for effect in self.effects if isinstance(effect, Sign)]

    def all_of(self, kind: type[EffectT]) -> list[EffectT]:
        """Return the effects of one kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]
