"""Membership and absence under a stored root (ICS-07, "State verification functions")."""

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.ics23 import (
    split_merkle_proof,
    verify_chained_membership,
    verify_chained_non_membership,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.runtime.context import Context
from chainkit.runtime.store import ReadStore
from ibc.ics02_client.delays import DelayRefusals, require_delay_passed
from light_clients.tendermint import errors, store
from light_clients.tendermint.types import ClientState, ConsensusState

_DELAY_REFUSALS = DelayRefusals(
    time_not_found=errors.ProcessedTimeNotFound,
    height_not_found=errors.ProcessedHeightNotFound,
    not_passed=errors.DelayPeriodNotPassed,
)


def decode_merkle_proof(proof: bytes) -> tuple[bytes, ...]:
    """Return the chain of proofs, lowest tree first.

    Raises:
        InvalidProof: The bytes are no such chain.
    """
    try:
        return split_merkle_proof(proof)
    except MalformedMessage as error:
        raise InvalidProof(f"failed to decode merkle proof: {error}") from error


def verify_membership(
    client: ClientState,
    consensus: ConsensusState,
    proof: bytes,
    path: tuple[bytes, ...],
    value: bytes,
) -> None:
    """Check that ``value`` is at ``path`` under the consensus state's root.

    Raises:
        CommitmentRefused: It is not proven; the subclass names the rule.
    """
    proofs = decode_merkle_proof(proof)
    try:
        verify_chained_membership(client.proof_specs, proofs, consensus.root, path, value)
    except MalformedMessage as error:
        raise InvalidProof(f"a proof does not decode: {error}") from error


def verify_non_membership(
    client: ClientState, consensus: ConsensusState, proof: bytes, path: tuple[bytes, ...]
) -> None:
    """Check that nothing is at ``path`` under the consensus state's root.

    Raises:
        CommitmentRefused: It is not proven; the subclass names the rule.
    """
    proofs = decode_merkle_proof(proof)
    try:
        verify_chained_non_membership(client.proof_specs, proofs, consensus.root, path)
    except MalformedMessage as error:
        raise InvalidProof(f"a proof does not decode: {error}") from error


def consensus_state_for_proof(
    ctx: Context,
    client_store: ReadStore,
    client: ClientState,
    height: Height,
    *,
    delay_time_ns: int,
    delay_blocks: int,
) -> ConsensusState:
    """Return the state at ``height``, if it may be relied on for a proof now.

    Raises:
        InvalidHeight: Above the client's newest.
        ProcessedTimeNotFound, ProcessedHeightNotFound, DelayPeriodNotPassed: The delay has
            not passed since it was stored.
        ConsensusStateNotFound: None is stored there.
    """
    if client.latest_height < height:
        raise errors.InvalidHeight(
            f"client state height < proof height ({client.latest_height} < {height}), "
            "please ensure the client has been updated"
        )
    require_delay_passed(
        ctx,
        client_store,
        height,
        delay_time_ns=delay_time_ns,
        delay_blocks=delay_blocks,
        refusals=_DELAY_REFUSALS,
    )
    return store.read_consensus_state(client_store, height)
