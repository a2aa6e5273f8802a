"""Headers: verified against a stored state, then stored; and what freezes the client."""

from dataclasses import replace

from chainkit.primitives.heights import Height
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import KVStore, ReadStore
from ibc.ics02_client.delays import host_height
from light_clients.qbft import errors, store
from light_clients.qbft.rules import (
    is_expired,
    require_trusted,
    validate_header,
    validate_times,
    verify_seals,
)
from light_clients.qbft.types import ClientMessage, ClientState, Misbehaviour, SealedHeader


def verify_header(
    ctx: Context, client_store: ReadStore, client: ClientState, message: SealedHeader
) -> None:
    """Check that a header can be trusted because of a stored consensus state.

    Raises:
        ConsensusStateNotFound: Nothing is stored at its trusted height.
        QbftClientRefused: The subclass names the rule.
    """
    validate_header(message)
    trusted = store.read_consensus_state(client_store, message.trusted_height)
    require_trusted(client, trusted, ctx.time)
    validate_times(client, trusted, message, ctx.time)
    verify_seals(trusted.validators, message)


def verify_misbehaviour(
    ctx: Context, client_store: ReadStore, client: ClientState, message: Misbehaviour
) -> None:
    """Check that both headers are sealed by enough; their times prove nothing here.

    Whether they conflict is for :func:`is_misbehaviour` to say.

    Raises:
        InvalidMisbehaviour: They are of two heights.
        ConsensusStateNotFound, QbftClientRefused: As for a header.
    """
    if message.header_1.height != message.header_2.height:
        raise errors.InvalidMisbehaviour("the headers are of two heights")
    for header in (message.header_1, message.header_2):
        validate_header(header)
        trusted = store.read_consensus_state(client_store, header.trusted_height)
        require_trusted(client, trusted, ctx.time)
        verify_seals(trusted.validators, header)


def is_misbehaviour(client_store: ReadStore, message: ClientMessage) -> bool:
    """Return whether a verified message proves that the chain forked or that time went back.

    The same block may be sealed in two rounds, by correct validators; so hashes without round
    and seals are compared.
    """
    if isinstance(message, Misbehaviour):
        return message.header_1.block_hash != message.header_2.block_hash
    height = message.height
    existing = store.find_consensus_state(client_store, height)
    if existing is not None:
        return existing.block_hash != message.block_hash
    before = store.previous_height(client_store, height)
    if before is not None:
        earlier = store.read_consensus_state(client_store, before)
        if earlier.seconds >= message.header.timestamp:
            return True
    after = store.next_height(client_store, height)
    if after is None:
        return False
    return store.read_consensus_state(client_store, after).seconds <= message.header.timestamp


def update_state(
    ctx: Context, client_store: KVStore, client: ClientState, message: SealedHeader
) -> tuple[Height, ...]:
    """Store what a verified header brings; return its height.

    A header that is stored already changes nothing. The oldest state goes if it is expired.
    """
    if ctx.mode in {ExecutionMode.DELIVER, ExecutionMode.SIMULATE}:
        prune_oldest(ctx, client_store, client)
    height = message.height
    if store.find_consensus_state(client_store, height) is not None:
        return (height,)
    newest = max(client.latest_height, height)
    store.write_client_state(client_store, replace(client, latest_height=newest))
    store.write_consensus_state(
        client_store, height, message.consensus_state(), host_height(ctx), ctx.time
    )
    return (height,)


def prune_oldest(ctx: Context, client_store: KVStore, client: ClientState) -> None:
    """Remove the consensus state of the lowest height if it is expired."""
    oldest = store.oldest_height(client_store)
    if oldest is None:
        return
    state = store.read_consensus_state(client_store, oldest)
    if is_expired(state, client.trusting_period, ctx.time):
        store.delete_consensus_state(client_store, oldest)


def freeze(client_store: KVStore, client: ClientState) -> None:
    """Stop the client for good, until governance recovers it."""
    store.write_client_state(client_store, replace(client, frozen=True))
