"""State under a final block: ICS-23 under the root in its header.

Only blocks of the selected chain at or below finality have a consensus state. A block that
was merged has proof of work, and its root is the state after *its* merge set: true of no
block that counts, so nothing can be proven by it.
"""

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.ics23 import (
    IAVL_SPEC,
    TENDERMINT_SPEC,
    split_merkle_proof,
    verify_chained_membership,
    verify_chained_non_membership,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.runtime.context import Context
from chainkit.runtime.store import ReadStore
from ibc.ics02_client.delays import DelayRefusals, require_delay_passed
from light_clients.ghostdag import store as states
from light_clients.ghostdag.errors import (
    ConsensusStateNotFound,
    DelayPeriodNotPassed,
    InvalidHeight,
)
from light_clients.ghostdag.types import ClientState, ConsensusState

SPECS = (IAVL_SPEC, TENDERMINT_SPEC)
"""The trees below the state root, lowest first: a store's IAVL, then the stores."""

_DELAY_REFUSALS = DelayRefusals(
    time_not_found=ConsensusStateNotFound,
    height_not_found=ConsensusStateNotFound,
    not_passed=DelayPeriodNotPassed,
)


def state_for_proof(
    ctx: Context,
    store: ReadStore,
    client: ClientState,
    height: Height,
    *,
    delay_time_ns: int,
    delay_blocks: int,
) -> ConsensusState:
    """Return the final block with the blue score ``height``, if a proof may rely on it now.

    Raises:
        InvalidHeight: The height is above the newest final block.
        ConsensusStateNotFound: No block of the selected chain has this blue score.
        DelayPeriodNotPassed: The delay has not passed since it was stored.
    """
    if client.latest_height < height:
        raise InvalidHeight(f"height {height} is above the newest final {client.latest_height}")
    state = states.read_consensus_state(store, height)
    require_delay_passed(
        ctx,
        store,
        height,
        delay_time_ns=delay_time_ns,
        delay_blocks=delay_blocks,
        refusals=_DELAY_REFUSALS,
    )
    return state


def verify_membership(
    state: ConsensusState, proof: bytes, path: tuple[bytes, ...], value: bytes
) -> None:
    """Check that ``value`` is at ``path`` in the state after the block's merge set.

    Raises:
        RuleBroken: It is not proven; the class names the rule.
    """
    try:
        chain = split_merkle_proof(proof)
        verify_chained_membership(SPECS, chain, state.state_root, path, value)
    except MalformedMessage as error:
        raise InvalidProof(f"a proof does not decode: {error}") from error


def verify_non_membership(state: ConsensusState, proof: bytes, path: tuple[bytes, ...]) -> None:
    """Check that nothing is at ``path`` in the state after the block's merge set.

    Raises:
        RuleBroken: It is not proven; the class names the rule.
    """
    try:
        chain = split_merkle_proof(proof)
        verify_chained_non_membership(SPECS, chain, state.state_root, path)
    except MalformedMessage as error:
        raise InvalidProof(f"a proof does not decode: {error}") from error
