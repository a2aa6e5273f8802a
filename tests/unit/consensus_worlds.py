"""Four validators, and the machine of one of them: helpers of the consensus tests."""

from dataclasses import dataclass

from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    Block,
    BlockId,
    Header,
    PartSetHeader,
    Proposal,
    ValidatorSet,
    Vote,
    VoteType,
)
from chainkit.formats.tendermint.validator_set import new_validator, new_validator_set
from chainkit.primitives.types import ChainId, Round, TimestampNs, VotingPower
from relay_chain.consensus.machine import ConsensusState, new_machine, step
from relay_chain.consensus.messages import (
    BlockReceived,
    Effect,
    Input,
    PeerId,
    ProposalReceived,
    StartHeight,
    Step,
    TimeoutFired,
    Timeouts,
    VoteReceived,
)
from relay_chain.consensus.votes import electorate_of

VALIDATORS: ValidatorSet = new_validator_set(
    [new_validator(bytes([n]) * 32, VotingPower(10)) for n in range(1, 5)]
)
ELECTORATE = electorate_of(VALIDATORS)
PROPOSER = ELECTORATE.index_of(VALIDATORS.proposer.address if VALIDATORS.proposer else None)
OTHERS = [index for index in range(4) if index != PROPOSER]
PEER = PeerId("peer")


def block_of(letter: str, height: int = 1) -> tuple[BlockId, Block]:
    digest = letter.encode() * 32
    header = Header(
        ChainId("test"),
        height,
        TimestampNs(5_000),
        NIL_BLOCK_ID,
        *(b"",) * 8,
        ELECTORATE.addresses[0],
    )
    return BlockId(digest, PartSetHeader(1, digest)), Block(header, (), (), None)


A, BLOCK_A = block_of("A")
B, BLOCK_B = block_of("B")


def vote(index: int, type_: VoteType, block_id: BlockId, round_: int = 0, height: int = 1) -> Vote:
    return Vote(
        type_, height, Round(round_), block_id, TimestampNs(7), ELECTORATE.addresses[index], index,
        b"signed",
    )  # fmt: skip


def prevote(index: int, block_id: BlockId, round_: int = 0) -> VoteReceived:
    return VoteReceived(vote(index, VoteType.PREVOTE, block_id, round_), PEER)


def precommit(index: int, block_id: BlockId, round_: int = 0, height: int = 1) -> VoteReceived:
    return VoteReceived(vote(index, VoteType.PRECOMMIT, block_id, round_, height), PEER)


def proposal(block_id: BlockId, round_: int = 0, pol_round: int = -1) -> ProposalReceived:
    return ProposalReceived(
        Proposal(1, Round(round_), Round(pol_round), block_id, TimestampNs(7), b"signed"), PEER
    )


def received(block_id: BlockId, block: Block, *, valid: bool = True) -> BlockReceived:
    return BlockReceived(1, block_id, block, valid, PEER)


def fired(step_: Step, round_: int = 0, height: int = 1) -> TimeoutFired:
    return TimeoutFired(height, Round(round_), step_)


START = StartHeight(1, VALIDATORS, None, None)


@dataclass
class Machine:
    """Feeds inputs, answers nothing, remembers all effects and inputs."""

    state: ConsensusState

    def __post_init__(self) -> None:
        self.inputs: list[Input] = []
        self.effects: list[Effect] = []

    def feed(self, *inputs: Input) -> list[Effect]:
        """Return the effects of these inputs."""
        begun = len(self.effects)
        for input_ in inputs:
            self.inputs.append(input_)
            self.state, effects = step(self.state, input_)
            self.effects += effects
        return self.effects[begun:]

    def of(self, kind: type) -> list:
        """Return all effects of a kind so far."""
        return [effect for effect in self.effects if isinstance(effect, kind)]


def machine(own: int | None, timeouts: Timeouts | None = None) -> Machine:
    """Return a validator's machine (None: a follower's) in round 0 of height 1."""
    address = None if own is None else ELECTORATE.addresses[own]
    made = Machine(new_machine(address, timeouts or Timeouts()))
    made.feed(START, fired(Step.NEW_HEIGHT))
    return made
