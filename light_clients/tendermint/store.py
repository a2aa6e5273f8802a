"""What a client keeps in its own store, under ibc-go's keys.

Spec:
    ICS-24, "Path-space"; ibc-go 07-tendermint, ``store.go``.
"""

from collections.abc import Iterator

from chainkit.primitives.heights import Height
from chainkit.primitives.types import TimestampNs
from chainkit.runtime.store import KVStore, ReadStore, prefix_end
from ibc.ics02_client.delays import processed_height_key, processed_time_key, write_processed
from ibc.ics24_host.paths import CLIENT_STATE, consensus_state_key
from light_clients.tendermint.codec import (
    decode_any,
    decode_client_state,
    decode_consensus_state,
    encode_any,
    encode_client_state,
    encode_consensus_state,
)
from light_clients.tendermint.errors import ClientNotFound, ConsensusStateNotFound
from light_clients.tendermint.types import ClientState, ConsensusState

_ITERATION_PREFIX = b"iterateConsensusStates"
"""The keys below it sort as heights do; those of ICS-24 do not."""

_UINT64_BYTES = 8


def iteration_key(height: Height) -> bytes:
    """Return the key that finds the consensus state in the order of heights."""
    return _ITERATION_PREFIX + _sortable(height)


def _sortable(height: Height) -> bytes:
    return height.revision_number.to_bytes(_UINT64_BYTES) + height.revision_height.to_bytes(
        _UINT64_BYTES
    )


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
    store: KVStore,
    height: Height,
    state: ConsensusState,
    *,
    processed_height: Height,
    processed_time: TimestampNs,
) -> None:
    """Write a consensus state with when it was stored here."""
    store.set(consensus_state_key(height), encode_any(encode_consensus_state(state)))
    write_processed(store, height, processed_height, processed_time)
    store.set(iteration_key(height), consensus_state_key(height))


def delete_consensus_state(store: KVStore, height: Height) -> None:
    """Remove a consensus state and all that is kept with it."""
    for key in (consensus_state_key, processed_time_key, processed_height_key, iteration_key):
        store.delete(key(height))


def stored_heights(store: ReadStore) -> Iterator[Height]:
    """Yield the heights of all consensus states, lowest first."""
    yield from _heights(store, _ITERATION_PREFIX, prefix_end(_ITERATION_PREFIX))


def previous_height(store: ReadStore, height: Height) -> Height | None:
    """Return the greatest stored height below ``height``, or None."""
    pairs = store.iterate(_ITERATION_PREFIX, iteration_key(height), reverse=True)
    return next((_height_of(key) for key, _ in pairs), None)


def next_stored_height(store: ReadStore, height: Height) -> Height | None:
    """Return the least stored height above ``height``, or None."""
    after = iteration_key(height) + b"\0"
    return next(_heights(store, after, prefix_end(_ITERATION_PREFIX)), None)


def _heights(store: ReadStore, start: bytes, end: bytes | None) -> Iterator[Height]:
    for key, _ in store.iterate(start, end):
        yield _height_of(key)


def _height_of(key: bytes) -> Height:
    numbers = key[len(_ITERATION_PREFIX) :]
    return Height(int.from_bytes(numbers[:_UINT64_BYTES]), int.from_bytes(numbers[_UINT64_BYTES:]))
