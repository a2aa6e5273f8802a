"""What a client keeps in its own store: states, and the headers near the tip."""

from collections.abc import Iterator

from chainkit.formats.bitcoin.header_chain import ChainPoint
from chainkit.primitives.heights import Height
from chainkit.primitives.types import TimestampNs
from chainkit.runtime.store import KVStore, ReadStore
from ibc.ics02_client.delays import write_processed
from ibc.ics24_host.paths import CLIENT_STATE, consensus_state_key
from light_clients.bitcoin.codec import (
    decode_any,
    decode_client_state,
    decode_consensus_state,
    decode_point,
    encode_any,
    encode_client_state,
    encode_consensus_state,
    encode_point,
)
from light_clients.bitcoin.errors import ClientNotFound, ConsensusStateNotFound
from light_clients.bitcoin.types import ClientState, ConsensusState

_HEADER = b"headers/"
_BY_HEIGHT = b"headersByHeight/"
_UINT64_BYTES = 8


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


def read_consensus_state(store: ReadStore, height: Height) -> ConsensusState:
    """Return the consensus state at ``height``.

    Raises:
        ConsensusStateNotFound: There is none.
    """
    data = store.get(consensus_state_key(height))
    if data is None:
        raise ConsensusStateNotFound(f"height {height}")
    return decode_consensus_state(decode_any(data))


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


def find_point(store: ReadStore, block_hash: bytes) -> ChainPoint | None:
    """Return a header that is kept, or None."""
    data = store.get(_HEADER + block_hash)
    return None if data is None else decode_point(data)


def read_point(store: ReadStore, block_hash: bytes) -> ChainPoint:
    """Return a header that must be there: one of the heaviest chain near its tip."""
    point = find_point(store, block_hash)
    assert point is not None
    return point


def write_point(store: KVStore, point: ChainPoint) -> None:
    """Keep a header."""
    store.set(_HEADER + point.header.hash, encode_point(point))
    store.set(_BY_HEIGHT + point.height.to_bytes(_UINT64_BYTES) + point.header.hash, b"\x01")


def ancestors(store: ReadStore, point: ChainPoint) -> Iterator[ChainPoint]:
    """Yield the point and its ancestors that are kept, newest first."""
    current: ChainPoint | None = point
    while current is not None:
        yield current
        current = find_point(store, current.header.previous_block)


def prune_below(store: KVStore, height: int) -> None:
    """Forget headers below ``height``."""
    end = _BY_HEIGHT + max(height, 0).to_bytes(_UINT64_BYTES)
    for key, _ in list(store.iterate(_BY_HEIGHT, end)):
        store.delete(_HEADER + key[len(_BY_HEIGHT) + _UINT64_BYTES :])
        store.delete(key)
