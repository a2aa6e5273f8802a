"""Making blocks, judging them, and what the application is told of them.

Pure: the shell calls the application and the stores.

Spec:
    CometBFT state, ``validation.go``, ``execution.go``; spec/core/data_structures, "Block".
"""

from collections.abc import Sequence

from chainkit.formats.tendermint.block_codec import evidence_hash, evidence_list_bytes
from chainkit.formats.tendermint.errors import InvalidBlock, TendermintRuleBroken
from chainkit.formats.tendermint.evidence import evidence_height, validate_evidence
from chainkit.formats.tendermint.hashing import (
    commit_hash,
    consensus_params_hash,
    data_hash,
    validator_set_hash,
)
from chainkit.formats.tendermint.limits import max_data_bytes
from chainkit.formats.tendermint.median_time import weighted_median
from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    Block,
    Commit,
    DuplicateVoteEvidence,
    Evidence,
    Header,
    LightClientAttackEvidence,
)
from chainkit.formats.tendermint.validate_basic import (
    validate_commit,
    validate_header,
)
from chainkit.formats.tendermint.validator_set import get_by_address
from chainkit.formats.tendermint.verify_commit import verify_commit
from chainkit.primitives.types import Address, BlockHeight, Round, TimestampNs
from chainkit.runtime.context import LastVote, Misbehaviour, MisbehaviourKind
from relay_chain.consensus.state import ChainState, next_height

EMPTY_COMMIT = Commit(BlockHeight(0), Round(0), NIL_BLOCK_ID, ())
"""The last commit in the initial block."""


def block_time(state: ChainState, last_commit: Commit) -> TimestampNs:
    """Return the time that the next block has: genesis time, then the weighted median.

    Raises:
        InvalidCommit: The commit names a validator that was not one.
    """
    if next_height(state) == state.initial_height:
        return state.last_block_time
    return weighted_median(last_commit, state.last_validators)


def make_block(
    state: ChainState,
    height: BlockHeight,
    txs: Sequence[bytes],
    last_commit: Commit,
    evidence: Sequence[Evidence],
    proposer_address: Address,
) -> Block:
    """Return the block that this node proposes at ``height``, the next one.

    Args:
        state: After the last block.
        height: The next height.
        txs: In order, at most :func:`max_tx_bytes` in all.
        last_commit: Of the height before; ``EMPTY_COMMIT`` for the initial block.
        evidence: At most ``evidence_max_bytes`` of it.
        proposer_address: This node's validator.
    """
    assert height == next_height(state)
    header = Header(
        chain_id=state.chain_id,
        height=height,
        time=block_time(state, last_commit),
        last_block_id=state.last_block_id,
        last_commit_hash=commit_hash(last_commit),
        data_hash=data_hash(txs),
        validators_hash=validator_set_hash(state.validators),
        next_validators_hash=validator_set_hash(state.next_validators),
        consensus_hash=consensus_params_hash(state.consensus_params),
        app_hash=state.app_hash,
        last_results_hash=state.last_results_hash,
        evidence_hash=evidence_hash(evidence),
        proposer_address=proposer_address,
        version_app=state.version_app,
    )
    return Block(header, tuple(txs), tuple(evidence), last_commit)


def max_tx_bytes(state: ChainState, evidence: Sequence[Evidence]) -> int:
    """Return how many bytes of transactions the next block may hold beside ``evidence``."""
    used = evidence_list_bytes(evidence) if evidence else 0
    size = len(state.validators.validators)
    return max_data_bytes(state.consensus_params.block_max_bytes, used, size)


def validate_block(state: ChainState, block: Block, verified: Commit | None = None) -> None:
    """Check that ``block`` may follow ``state``.

    Evidence is checked by itself only: whether it is known, fresh and true is for the
    evidence pool, which has the headers.

    Args:
        state: After the last block.
        block: The next one.
        verified: A commit that was found to prove the last block, by its own set: its
            signatures are not verified again.

    Raises:
        InvalidBlock: The block is not well-formed, or does not follow.
        InvalidCommit: Its last commit does not prove the block before.
        InvalidEvidence: Its evidence is malformed.
    """
    last_commit = validate_block_basic(block)
    header = block.header
    _follows(state, header)
    is_initial = header.height == state.initial_height
    if is_initial:
        if last_commit.signatures:
            raise InvalidBlock("initial block can't have LastCommit signatures")
    elif last_commit != verified:
        verify_commit(
            state.chain_id,
            state.last_validators,
            state.last_block_id,
            BlockHeight(header.height - 1),
            last_commit,
        )
    # Which proposer is right depends on the round, which a block does not say.
    if get_by_address(state.validators, header.proposer_address) is None:
        raise InvalidBlock(f"proposer {header.proposer_address.hex()} is not a validator")
    if not is_initial and header.time <= state.last_block_time:
        raise InvalidBlock(f"block time {header.time} not greater than {state.last_block_time}")
    expected_time = block_time(state, last_commit)
    if header.time != expected_time:
        raise InvalidBlock(f"invalid block time: expected {expected_time}, got {header.time}")
    if block.evidence:
        size, limit = evidence_list_bytes(block.evidence), state.consensus_params.evidence_max_bytes
        if size > limit:
            raise InvalidBlock(f"too much evidence: max {limit}, got {size}")


def validate_block_basic(block: Block) -> Commit:
    """Check that a block is well-formed and that its header is of its contents.

    Returns:
        The last commit, which is there.

    Raises:
        InvalidBlock: The header is malformed or of other contents, or no last commit.
        InvalidCommit: The last commit is malformed.
        InvalidEvidence: A piece of evidence is.
    """
    header, last_commit = block.header, block.last_commit
    validate_header(header)
    if last_commit is None:
        raise InvalidBlock("nil LastCommit")
    validate_commit(last_commit)
    if header.last_commit_hash != commit_hash(last_commit):
        raise InvalidBlock("wrong Header.LastCommitHash")
    if header.data_hash != data_hash(block.txs):
        raise InvalidBlock("wrong Header.DataHash")
    for evidence in block.evidence:
        validate_evidence(evidence)
    if header.evidence_hash != evidence_hash(block.evidence):
        raise InvalidBlock("wrong Header.EvidenceHash")
    return last_commit


def _follows(state: ChainState, header: Header) -> None:
    """Refuse a header that does not state what ``state`` says."""
    stated = {
        "Version.App": (state.version_app, header.version_app),
        "ChainID": (state.chain_id, header.chain_id),
        "Height": (next_height(state), header.height),
        "LastBlockID": (state.last_block_id, header.last_block_id),
        "AppHash": (state.app_hash, header.app_hash),
        "ConsensusHash": (consensus_params_hash(state.consensus_params), header.consensus_hash),
        "LastResultsHash": (state.last_results_hash, header.last_results_hash),
        "ValidatorsHash": (validator_set_hash(state.validators), header.validators_hash),
        "NextValidatorsHash": (
            validator_set_hash(state.next_validators),
            header.next_validators_hash,
        ),
    }
    for name, (expected, actual) in stated.items():
        if expected != actual:
            raise InvalidBlock(f"wrong Block.Header.{name}: expected {expected!r}, got {actual!r}")


def is_valid_block(state: ChainState, block: Block) -> bool:
    """Return whether :func:`validate_block` accepts."""
    try:
        validate_block(state, block)
    except TendermintRuleBroken:
        return False
    return True


# --- what the application is told -------------------------------------------------------


def last_votes(state: ChainState, block: Block) -> tuple[LastVote, ...]:
    """Return who signed the block before, by place in its set; nothing in the first block."""
    commit = block.last_commit
    if block.header.height == state.initial_height or commit is None:
        return ()
    return tuple(
        LastVote(validator.address, validator.voting_power, signature.block_id_flag)
        for validator, signature in zip(
            state.last_validators.validators, commit.signatures, strict=True
        )
    )


def misbehaviour(evidence: Sequence[Evidence]) -> tuple[Misbehaviour, ...]:
    """Return whom a block's evidence accuses (ABCI ``Misbehavior``)."""
    accused: list[Misbehaviour] = []
    for piece in evidence:
        match piece:
            case DuplicateVoteEvidence():
                guilty = [(piece.vote_a.validator_address, piece.validator_power)]
                kind = MisbehaviourKind.DUPLICATE_VOTE
            case LightClientAttackEvidence():
                guilty = [(v.address, v.voting_power) for v in piece.byzantine_validators]
                kind = MisbehaviourKind.LIGHT_CLIENT_ATTACK
        accused += [
            Misbehaviour(
                kind,
                address,
                power,
                evidence_height(piece),
                piece.timestamp,
                piece.total_voting_power,
            )
            for address, power in guilty
        ]
    return tuple(accused)
