"""What a client keeps in its own store, under ibc-go's keys."""

from collections.abc import Iterator

from chainkit.primitives.heights import Height
from chainkit.primitives.types import TimestampNs
from chainkit.runtime.store import KVStore, ReadStore, prefix_end
from ibc.ics02_client.delays import processed_height_key, processed_time_key, write_processed
from ibc.ics24_host.paths import CLIENT_STATE, consensus_state_key
from light_clients.qbft.codec import (
    decode_any,
    decode_client_state,
    decode_consensus_state,
    encode_any,
    encode_client_state,
    encode_consensus_state,
)
from light_clients.qbft.errors import ClientNotFound, ConsensusStateNotFound
from light_clients.qbft.types import ClientState, ConsensusState

_ITERATION_PREFIX = b"iterateConsensusStates"
"""The keys below it sort as heights do; those of ICS-24 do not."""

_UINT64_BYTES = 8


def _iteration_key(height: Height) -> bytes:
    return _ITERATION_PREFIX + height.revision_height.to_bytes(_UINT64_BYTES)


def read_client_state(store: ReadStore) -> ClientState:
    """Return the client state.

    Raises:
        ClientNotFound: There is none.
    """
    data = store.get(CLIENT_STATE)
    if data is None:
        raise ClientNotFound("the store holds no client state")
    return decode_client_state(decode_any(data))


def write_client_state(store: KVStore, state: ClientState) -> None:
    """Write the client state."""
    store.set(CLIENT_STATE, encode_any(encode_client_state(state)))


def find_consensus_state(store: ReadStore, height: Height) -> ConsensusState | None:
    """Return the consensus state at ``height``, or None."""
    data = store.get(consensus_state_key(height))
    return None if data is None else decode_consensus_state(decode_any(data))


def read_consensus_state(store: ReadStore, height: Height) -> ConsensusState:
    """Return the consensus state at ``height``.

    Raises:
        ConsensusStateNotFound: There is none.
    """
    state = find_consensus_state(store, height)
    if state is None:
        raise ConsensusStateNotFound(f"height {height}")
    return state


def write_consensus_state(
    store: KVStore, height: Height, state: ConsensusState, at: Height, time: TimestampNs
) -> None:
    """Write a consensus state with this chain's height and time, when it is stored here."""
    store.set(consensus_state_key(height), encode_any(encode_consensus_state(state)))
    write_processed(store, height, at, time)
    store.set(_iteration_key(height), consensus_state_key(height))


def delete_consensus_state(store: KVStore, height: Height) -> None:
    """Remove a consensus state and all that is kept with it."""
    for key in (consensus_state_key, processed_time_key, processed_height_key, _iteration_key):
        store.delete(key(height))


def oldest_height(store: ReadStore) -> Height | None:
    """Return the least stored height, or None."""
    return next(_heights(store, _ITERATION_PREFIX), None)


def previous_height(store: ReadStore, height: Height) -> Height | None:
    """Return the greatest stored height below ``height``, or None."""
    pairs = store.iterate(_ITERATION_PREFIX, _iteration_key(height), reverse=True)
    return next((_height_of(key) for key, _ in pairs), None)


def next_height(store: ReadStore, height: Height) -> Height | None:
    """Return the least stored height above ``height``, or None."""
    return next(_heights(store, _iteration_key(height) + b"\0"), None)


def _heights(store: ReadStore, start: bytes) -> Iterator[Height]:
    for key, _ in store.iterate(start, prefix_end(_ITERATION_PREFIX)):
        yield _height_of(key)


def _height_of(key: bytes) -> Height:
    return Height(0, int.from_bytes(key[len(_ITERATION_PREFIX) :]))
