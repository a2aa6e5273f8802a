"""What a client keeps in its own store: states, and the blocks that new ones are judged by."""

from collections.abc import Iterator, Mapping

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.dag import future_of
from chainkit.primitives.heights import Height
from chainkit.primitives.types import Hash32
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore, prefix_end
from ibc.ics02_client.delays import host_height, write_processed
from ibc.ics24_host.paths import CLIENT_STATE, consensus_state_key
from light_clients.ghostdag.codec import (
    decode_any,
    decode_block,
    decode_client_state,
    decode_consensus_state,
    encode_any,
    encode_block,
    encode_client_state,
    encode_consensus_state,
)
from light_clients.ghostdag.errors import ClientNotFound, ConsensusStateNotFound
from light_clients.ghostdag.types import ClientState, ConsensusState

_HEADER = b"headers/"
_FINAL = b"finalByScore/"
"""Final blocks above the root, by blue score: the root moves along them."""

_BESIDE = b"besideRoot/"
"""Blocks that are kept and do not have the root in their past: few, and no new one joins them."""

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


def write_final(ctx: Context, store: KVStore, block: DagBlock) -> None:
    """Write the consensus state of a block that is final, and when it was stored here."""
    height = Height(0, block.order.blue_score)
    state = ConsensusState(block.chain_time_ms, block.header.utxo_commitment, block.hash)
    store.set(consensus_state_key(height), encode_any(encode_consensus_state(state)))
    write_processed(store, height, host_height(ctx), ctx.time)
    store.set(_final_key(block.order.blue_score), block.hash)


def final_at_most(store: ReadStore, blue_score: int) -> Hash32 | None:
    """Return the highest final block with at most this blue score, or None."""
    newest = store.iterate(_FINAL, _final_key(blue_score) + b"\0", reverse=True)
    return next((Hash32(value) for _, value in newest), None)


def _final_key(blue_score: int) -> bytes:
    return _FINAL + blue_score.to_bytes(_UINT64_BYTES)


def find_block(store: ReadStore, block: Hash32) -> DagBlock | None:
    """Return a block that is kept, or None."""
    data = store.get(_HEADER + block)
    return None if data is None else decode_block(data)


def read_block(store: ReadStore, block: Hash32) -> DagBlock:
    """Return a block that must be there."""
    found = find_block(store, block)
    assert found is not None
    return found


def write_block(store: KVStore, block: DagBlock) -> None:
    """Keep a block."""
    store.set(_HEADER + block.hash, encode_block(block))


def delete_block(store: KVStore, block: Hash32) -> None:
    """Forget a block."""
    store.delete(_HEADER + block)


def is_beside_root(store: ReadStore, block: Hash32) -> bool:
    """Return whether a block that is kept does not have the root in its past."""
    return store.get(_BESIDE + block) is not None


def mark_beside_root(store: KVStore, kept: Mapping[Hash32, DagBlock], root: Hash32) -> None:
    """Note which of the kept blocks, parents before children, are beside a new root."""
    for key, _ in list(store.iterate(_BESIDE, prefix_end(_BESIDE))):
        store.delete(key)
    future = future_of(kept.values(), root)
    for block in kept:
        if block not in future:
            store.set(_BESIDE + block, b"\x01")


def stored_blocks(store: ReadStore) -> Iterator[DagBlock]:
    """Yield all blocks that are kept, by hash."""
    for _, value in store.iterate(_HEADER, prefix_end(_HEADER)):
        yield decode_block(value)


def forget_final_below(store: KVStore, blue_score: int) -> None:
    """Drop the index of final blocks below a blue score; their consensus states stay."""
    for key, _ in list(store.iterate(_FINAL, _final_key(blue_score))):
        store.delete(key)
