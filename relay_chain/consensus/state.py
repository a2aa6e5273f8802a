"""The chain's state as consensus sees it, between two blocks (CometBFT ``state.State``).

Spec:
    CometBFT spec/core/state; state, ``state.go``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from chainkit.commitments.merkle import EMPTY_ROOT
from chainkit.formats.tendermint.errors import InvalidBlock, InvalidConsensusParams
from chainkit.formats.tendermint.hashing import results_hash
from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    BlockId,
    ConsensusParams,
    Header,
    Validator,
    ValidatorSet,
)
from chainkit.formats.tendermint.validator_set import (
    EMPTY_VALIDATOR_SET,
    increment_proposer_priority,
    new_validator,
    new_validator_set,
    update_with_changes,
)
from chainkit.primitives.limits import MAX_BLOCK_SIZE_BYTES
from chainkit.primitives.types import BlockHeight, ChainId, TimestampNs
from chainkit.runtime.module import ValidatorUpdate

BEFORE_FIRST = BlockHeight(0)
FIRST = BlockHeight(1)


@dataclass(frozen=True, slots=True)
class ChainState:
    """What the last block left behind, and who may make and sign the next.

    The set of a height is decided two heights before: ``validators`` signs the next block,
    ``last_validators`` signed the last one, ``next_validators`` signs the one after.
    """

    chain_id: ChainId
    initial_height: BlockHeight
    last_block_height: BlockHeight
    """0 before the first block, whatever ``initial_height`` is."""
    last_block_id: BlockId
    last_block_time: TimestampNs
    """Genesis time before the first block."""
    next_validators: ValidatorSet
    validators: ValidatorSet
    last_validators: ValidatorSet
    last_height_validators_changed: BlockHeight
    consensus_params: ConsensusParams
    last_height_params_changed: BlockHeight
    last_results_hash: bytes
    app_hash: bytes
    version_app: int = 0


class TxOutcome(Protocol):
    """What the results hash covers of a transaction's result."""

    @property
    def code(self) -> int:
        """0 for success."""
        ...

    @property
    def data(self) -> bytes:
        """The response."""
        ...

    @property
    def gas_wanted(self) -> int:
        """The transaction's limit."""
        ...

    @property
    def gas_used(self) -> int:
        """What it used."""
        ...


class BlockOutcome(Protocol):
    """What consensus reads of the application's ``FinalizeBlockResult``."""

    @property
    def tx_results(self) -> Sequence[TxOutcome]:
        """One result a transaction, in order."""
        ...

    @property
    def validator_updates(self) -> Sequence[ValidatorUpdate]:
        """Changes of powers, in force two heights later."""
        ...

    @property
    def consensus_param_updates(self) -> ConsensusParams | None:
        """The whole new parameters, in force at the next height; None for no change."""
        ...

    @property
    def app_hash(self) -> bytes:
        """The state's root, in the next block's header."""
        ...


def genesis_state(
    *,
    chain_id: ChainId,
    genesis_time: TimestampNs,
    validators: Sequence[Validator],
    consensus_params: ConsensusParams | None = None,
    initial_height: BlockHeight = FIRST,
    app_hash: bytes = b"",
) -> ChainState:
    """Return the state of a genesis document, before the application was asked.

    Args:
        chain_id: At most 50 bytes.
        genesis_time: The first block's time.
        validators: May be empty: then the application's ``init_chain`` names them.
        consensus_params: CometBFT's defaults if None.
        initial_height: Height of the first block, from 1.
        app_hash: The state's root before the first block.

    Raises:
        InvalidValidatorSet: The validators do not make a set.
        InvalidConsensusParams: The parameters are out of bounds.
        InvalidBlock: The initial height is below 1.
    """
    if initial_height < 1:
        raise InvalidBlock(f"initial height {initial_height} is below 1")
    params = consensus_params or ConsensusParams()
    validate_params(params)
    return ChainState(
        chain_id=chain_id,
        initial_height=initial_height,
        last_block_height=BEFORE_FIRST,
        last_block_id=NIL_BLOCK_ID,
        last_block_time=genesis_time,
        next_validators=_one_turn_later(new_validator_set(validators)),
        validators=new_validator_set(validators),
        last_validators=EMPTY_VALIDATOR_SET,
        last_height_validators_changed=initial_height,
        consensus_params=params,
        last_height_params_changed=initial_height,
        last_results_hash=b"",
        app_hash=app_hash,
        version_app=params.app_version,
    )


def state_after_init_chain(
    state: ChainState,
    *,
    app_hash: bytes,
    validator_updates: Sequence[ValidatorUpdate] = (),
    consensus_param_updates: ConsensusParams | None = None,
) -> ChainState:
    """Return the genesis state with what the application answered to ``init_chain``.

    Spec:
        CometBFT consensus, ``Handshaker.ReplayBlocks``.

    Raises:
        InvalidValidatorSet: The validators do not make a set.
        InvalidConsensusParams: The parameters are out of bounds.
        InvalidBlock: Neither genesis nor the application named a validator.
    """
    if app_hash:
        state = replace(state, app_hash=app_hash)
    if validator_updates:
        chosen = new_validator_set(validators_of_updates(validator_updates))
        state = replace(state, validators=chosen, next_validators=_one_turn_later(chosen))
    elif not state.validators.validators:
        raise InvalidBlock("validator set is nil in genesis and still empty after InitChain")
    if consensus_param_updates is not None:
        validate_params(consensus_param_updates)
        state = replace(
            state,
            consensus_params=consensus_param_updates,
            version_app=consensus_param_updates.app_version,
        )
    return replace(state, last_results_hash=EMPTY_ROOT)


def next_state(
    state: ChainState, block_id: BlockId, header: Header, outcome: BlockOutcome
) -> ChainState:
    """Return the state after a block: its updates of validators act two heights later.

    Raises:
        InvalidValidatorSet, InvalidConsensusParams: The application asked for a change that
            no set or parameters can make: a defect of ours, on every node alike.
    """
    changed = state.last_height_validators_changed
    next_validators = state.next_validators
    if outcome.validator_updates:
        changes = validators_of_updates(outcome.validator_updates)
        next_validators = update_with_changes(next_validators, changes)
        changed = BlockHeight(header.height + 2)
    params, params_changed = state.consensus_params, state.last_height_params_changed
    if outcome.consensus_param_updates is not None:
        validate_params(outcome.consensus_param_updates)
        validate_params_change(params, outcome.consensus_param_updates, header.height)
        params = outcome.consensus_param_updates
        params_changed = BlockHeight(header.height + 1)
    return ChainState(
        chain_id=state.chain_id,
        initial_height=state.initial_height,
        last_block_height=header.height,
        last_block_id=block_id,
        last_block_time=header.time,
        next_validators=increment_proposer_priority(next_validators, 1),
        validators=state.next_validators,
        last_validators=state.validators,
        last_height_validators_changed=changed,
        consensus_params=params,
        last_height_params_changed=params_changed,
        last_results_hash=results_hash(
            (result.code, result.data, result.gas_wanted, result.gas_used)
            for result in outcome.tx_results
        ),
        app_hash=outcome.app_hash,
        version_app=params.app_version,
    )


def next_height(state: ChainState) -> BlockHeight:
    """Return the height of the block that comes after this state."""
    if state.last_block_height == BEFORE_FIRST:
        return state.initial_height
    return BlockHeight(state.last_block_height + 1)


def validators_of_updates(updates: Sequence[ValidatorUpdate]) -> tuple[Validator, ...]:
    """Return the application's updates as validators (a power of 0 removes one)."""
    return tuple(new_validator(update.public_key, update.power) for update in updates)


def validate_params(params: ConsensusParams) -> None:
    """Check parameters by themselves (CometBFT ``ConsensusParams.ValidateBasic``).

    Raises:
        InvalidConsensusParams: One is out of bounds, or a key type is not ed25519.
    """
    limit = MAX_BLOCK_SIZE_BYTES if params.block_max_bytes == -1 else params.block_max_bytes
    rules = {
        "block.MaxBytes": 0 < limit <= MAX_BLOCK_SIZE_BYTES,
        "block.MaxGas": params.block_max_gas >= -1,
        "evidence.MaxAgeNumBlocks": params.evidence_max_age_blocks > 0,
        "evidence.MaxAgeDuration": params.evidence_max_age_duration_ns > 0,
        "evidence.MaxBytes": 0 <= params.evidence_max_bytes <= limit,
        "validator.PubKeyTypes": params.public_key_types == ("ed25519",),
        "abci.VoteExtensionsEnableHeight": params.vote_extensions_enable_height >= 0,
    }
    for name, holds in rules.items():
        if not holds:
            raise InvalidConsensusParams(f"{name} is out of bounds")


def validate_params_change(old: ConsensusParams, new: ConsensusParams, height: BlockHeight) -> None:
    """Check a change of parameters by the block at ``height``.

    Raises:
        InvalidConsensusParams: Vote extensions would begin at a height that is past, or end
            or move after they began (ASA-2024-001).
    """
    before, after = old.vote_extensions_enable_height, new.vote_extensions_enable_height
    if before == after:
        return
    if 0 < before <= height:
        raise InvalidConsensusParams("vote extensions cannot be changed once enabled")
    if 0 < after <= height:
        raise InvalidConsensusParams("vote extensions cannot begin at a past or current height")


def _one_turn_later(validator_set: ValidatorSet) -> ValidatorSet:
    if not validator_set.validators:
        return validator_set
    return increment_proposer_priority(validator_set, 1)
