"""Headers: verified against a stored state, then stored (ICS-07, "Validity predicate")."""

from dataclasses import replace

from chainkit.formats.tendermint import light
from chainkit.formats.tendermint.errors import TendermintRuleBroken, TrustedHeaderExpired
from chainkit.formats.tendermint.types import LightBlock
from chainkit.primitives.heights import Height
from chainkit.primitives.types import BlockHeight
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import KVStore, ReadStore
from ibc.ics02_client.delays import host_height
from light_clients.tendermint import errors, store
from light_clients.tendermint.rules import trusted_set_matches, validate_header
from light_clients.tendermint.types import ClientHeader, ClientState, ConsensusState


def verify_header(
    ctx: Context, client_store: ReadStore, client: ClientState, header: ClientHeader
) -> None:
    """Check that a header can be trusted because of a stored consensus state.

    Raises:
        ConsensusStateNotFound: Nothing is stored at its trusted height.
        TendermintClientRefused: The subclass names the rule.
    """
    validate_header(header)
    trusted = store.read_consensus_state(client_store, header.trusted_height)
    trusted_set_matches(header, trusted)
    block = LightBlock(header.signed_header, header.validator_set)
    options = light.Options(client.trusting_period, client.max_clock_drift, client.trust_level)
    try:
        light.verify(_trusted_state(client, header, trusted), block, options, ctx.time)
    except TrustedHeaderExpired as error:
        raise errors.TrustingPeriodExpired(str(error)) from error
    except TendermintRuleBroken as error:
        raise errors.InvalidHeader(f"failed to verify header: {error}") from error


def _trusted_state(
    client: ClientState, header: ClientHeader, trusted: ConsensusState
) -> light.TrustedState:
    return light.TrustedState(
        chain_id=client.chain_id,
        height=BlockHeight(header.trusted_height.revision_height),
        time=trusted.timestamp,
        next_validators_hash=trusted.next_validators_hash,
        next_validators=header.trusted_validators,
    )


def update_state(
    ctx: Context, client_store: KVStore, client: ClientState, header: ClientHeader
) -> tuple[Height, ...]:
    """Store what a verified header brings; return its height.

    A header that is stored already changes nothing. The oldest consensus state goes if it
    is expired: one a time, so that an update costs the same whatever piled up.
    """
    if ctx.mode in {ExecutionMode.DELIVER, ExecutionMode.SIMULATE}:
        prune_oldest(ctx, client_store, client)
    height = header.height
    if store.find_consensus_state(client_store, height) is not None:
        return (height,)
    newest = max(client.latest_height, height)
    store.write_client_state(client_store, replace(client, latest_height=newest))
    store.write_consensus_state(
        client_store,
        height,
        header.consensus_state(),
        processed_height=host_height(ctx),
        processed_time=ctx.time,
    )
    return (height,)


def prune_oldest(ctx: Context, client_store: KVStore, client: ClientState) -> None:
    """Remove the consensus state of the lowest height if it is expired."""
    oldest = next(store.stored_heights(client_store), None)
    if oldest is None:
        return
    state = store.read_consensus_state(client_store, oldest)
    if light.is_expired(state.timestamp, client.trusting_period, ctx.time):
        store.delete_consensus_state(client_store, oldest)
