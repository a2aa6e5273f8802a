"""A client that follows its chain into a new revision, or that governance revives.

Spec:
    ibc-go 07-tendermint, ``upgrade.go`` and ``proposal_handle.go``.
"""

from dataclasses import replace

from chainkit.formats.tendermint.verify_commit import TrustLevel
from chainkit.primitives.heights import ZERO_HEIGHT, Height
from chainkit.primitives.types import ChainId, DurationNs
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore
from ibc.ics02_client.delays import find_processed_height, find_processed_time, host_height
from light_clients.tendermint import errors, store
from light_clients.tendermint.codec import (
    encode_any,
    encode_client_state,
    encode_consensus_state,
)
from light_clients.tendermint.proofs import verify_membership
from light_clients.tendermint.rules import validate_client_state
from light_clients.tendermint.types import SENTINEL_ROOT, ClientState, ConsensusState

_NO_TRUST = TrustLevel(0, 0)
_NO_TIME = DurationNs(0)


def zero_custom_fields(state: ClientState) -> ClientState:
    """Return the client state as a chain commits to it: without what each client chooses."""
    return replace(
        state,
        trust_level=_NO_TRUST,
        trusting_period=_NO_TIME,
        max_clock_drift=_NO_TIME,
        frozen_height=ZERO_HEIGHT,
        allow_update_after_expiry=False,
        allow_update_after_misbehaviour=False,
    )


def upgrade_path_to(upgrade_path: tuple[str, ...], height: Height, key: str) -> tuple[bytes, ...]:
    """Return where the old chain committed to ``key`` at its last height."""
    last = f"{upgrade_path[-1]}/{height.revision_height}/{key}"
    return tuple(part.encode() for part in (*upgrade_path[:-1], last))


def verify_upgrade_and_update_state(
    ctx: Context,
    client_store: KVStore,
    client: ClientState,
    new_client: ClientState,
    new_consensus: ConsensusState,
    client_proof: bytes,
    consensus_state_proof: bytes,
) -> None:
    """Check that the old chain committed to both new states, and write them.

    Raises:
        InvalidUpgradeClient: The client has no upgrade path.
        InvalidHeight: The new client is not above the old.
        CommitmentRefused: A state is not proven.
        TendermintClientRefused: The new client state is not acceptable.
    """
    last_height = client.latest_height
    if new_client.latest_height <= last_height:
        raise errors.InvalidHeight(
            f"upgraded client height {new_client.latest_height} must be greater than "
            f"current client height {last_height}"
        )
    if not client.upgrade_path:
        raise errors.InvalidUpgradeClient("cannot upgrade client, no upgrade path set")
    trusted = store.read_consensus_state(client_store, last_height)
    committed = encode_any(encode_client_state(zero_custom_fields(new_client)))
    client_path = upgrade_path_to(client.upgrade_path, last_height, "upgradedClient")
    verify_membership(client, trusted, client_proof, client_path, committed)
    consensus_path = upgrade_path_to(client.upgrade_path, last_height, "upgradedConsState")
    consensus_bytes = encode_any(encode_consensus_state(new_consensus))
    verify_membership(client, trusted, consensus_state_proof, consensus_path, consensus_bytes)
    upgraded = ClientState(
        chain_id=new_client.chain_id,
        trust_level=client.trust_level,
        trusting_period=_scaled_trusting_period(client, new_client.unbonding_period),
        unbonding_period=new_client.unbonding_period,
        max_clock_drift=client.max_clock_drift,
        latest_height=new_client.latest_height,
        proof_specs=new_client.proof_specs,
        upgrade_path=new_client.upgrade_path,
    )
    validate_client_state(upgraded)
    store.write_client_state(client_store, upgraded)
    # Nothing can be proven under this root: the next header brings the first real one.
    store.write_consensus_state(
        client_store,
        upgraded.latest_height,
        replace(new_consensus, root=SENTINEL_ROOT),
        processed_height=host_height(ctx),
        processed_time=ctx.time,
    )


def _scaled_trusting_period(client: ClientState, new_unbonding: DurationNs) -> DurationNs:
    """Return the trusting period, shortened with the unbonding period if that shrinks."""
    if new_unbonding >= client.unbonding_period:
        return client.trusting_period
    return DurationNs(client.trusting_period * new_unbonding // client.unbonding_period)


def recover(client_store: KVStore, substitute_store: ReadStore) -> None:
    """Revive a frozen or expired client with a substitute's newest state.

    Raises:
        InvalidSubstitute: The substitute differs in more than chain id, heights and
            trusting period.
        ConsensusStateNotFound, UpdateClientFailed: Its newest state is not complete.
    """
    client = store.read_client_state(client_store)
    substitute = store.read_client_state(substitute_store)
    if _without_changeable(client) != _without_changeable(substitute):
        raise errors.InvalidSubstitute(
            "subject client state does not match substitute client state"
        )
    height = substitute.latest_height
    consensus = store.read_consensus_state(substitute_store, height)
    processed_height = find_processed_height(substitute_store, height)
    processed_time = find_processed_time(substitute_store, height)
    if processed_height is None or processed_time is None:
        raise errors.UpdateClientFailed("unable to retrieve when the substitute was updated")
    store.write_consensus_state(
        client_store,
        height,
        consensus,
        processed_height=processed_height,
        processed_time=processed_time,
    )
    store.write_client_state(
        client_store,
        replace(
            client,
            chain_id=substitute.chain_id,
            latest_height=height,
            frozen_height=ZERO_HEIGHT,
            trusting_period=substitute.trusting_period,
        ),
    )


def _without_changeable(state: ClientState) -> ClientState:
    return replace(
        state,
        chain_id=ChainId(""),
        latest_height=ZERO_HEIGHT,
        frozen_height=ZERO_HEIGHT,
        trusting_period=_NO_TIME,
        allow_update_after_expiry=True,
        allow_update_after_misbehaviour=True,
    )
