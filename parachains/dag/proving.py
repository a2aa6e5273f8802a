"""What this chain shows to light clients of it: genesis, headers, proofs. Reads only."""

from chainkit.commitments.ics23 import join_merkle_proof
from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.dag import kept_above
from chainkit.formats.ghostdag.headers import Header
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.types import Hash32
from ibc.ics02_client.port import AnyValue
from light_clients.ghostdag.codec import encode_anchor, encode_client_state, encode_headers
from light_clients.ghostdag.types import (
    MAX_HEADERS_PER_MESSAGE,
    Anchor,
    ClientState,
    Headers,
)
from parachains.dag.chain import DagChain

MESSAGE_HEADER_BYTES = 524_288
"""Headers of one update: what a transaction carries beside packets."""


class NotOnChain(OperationFailed):
    """The selected chain has no such block (any more), or it is not final."""


def final_score(chain: DagChain, finality_depth: int) -> int:
    """Return the blue score of the newest final block."""
    final = chain.chain_block(max(chain.tip.order.blue_score - finality_depth, 0))
    assert final is not None
    return final.order.blue_score


def new_client(chain: DagChain, finality_depth: int) -> tuple[AnyValue, AnyValue]:
    """Return client state and anchor of a client that starts now.

    From genesis while the chain is young: then it trusts nothing else. Later from the
    blocks that the newest ones are judged by. What is not in our tip's past is left out.

    Raises:
        NotOnChain: The depth reaches below what is kept in memory.
    """
    p = chain.parameters.dag
    final = final_score(chain, finality_depth)
    root = chain.chain_block(max(final - p.reach, 0))
    if root is None or chain.dag.find(root.hash) is None:
        raise NotOnChain(f"{finality_depth} blue scores below the tip reach too far down")
    own = chain.tip.hash
    past = (block for block in chain.dag if chain.dag.is_ancestor(block.hash, own))
    blocks = tuple(kept_above(past, root.hash).values())
    state = ClientState(
        chain_id=chain.parameters.chain_id,
        parameters=p,
        finality_depth=finality_depth,
        retained_depth=p.reach + 2 * finality_depth,
        genesis=chain.dag.genesis,
        root=root.hash,
        tip=own,
        latest_height=Height(0, final),
        frozen=False,
    )
    return encode_client_state(state), encode_anchor(Anchor(blocks))


def updates(chain: DagChain, known: Hash32, until_score: int | None = None) -> tuple[AnyValue, ...]:
    """Return messages with the headers that a client which has a block and its past may lack.

    They are our tip's past less that of the highest block of our selected chain in the
    known one's, parents before children: what was never merged is of no use to a client. It
    passes over what it has already.

    Args:
        chain: Ours.
        known: A block that the client has.
        until_score: The first block of the selected chain with at least this blue score is
            the last one sent; None goes on to the tip.

    Raises:
        NotOnChain: The block is not known.
    """
    block = chain.find(known)
    place = None if block is None else chain.place_of(block.hash)
    while place is None:
        below = None if block is None else block.order.selected_parent
        if below is None:
            raise NotOnChain(f"block {known.hex()} is not known")
        block, place = chain.find(below), chain.place_of(below)
    messages: list[AnyValue] = []
    batch: list[Header] = []
    size, last = 0, None
    for at, lacking in chain.headers_after(place):
        if last is not None and at > last:
            break
        if until_score is not None and lacking.order.blue_score >= until_score:
            last = at
        header = lacking.header
        size += len(header.encode())
        if batch and (size > MESSAGE_HEADER_BYTES or len(batch) == MAX_HEADERS_PER_MESSAGE):
            messages.append(encode_headers(Headers(tuple(batch))))
            batch, size = [], len(header.encode())
        batch.append(header)
    if batch:
        messages.append(encode_headers(Headers(tuple(batch))))
    return tuple(messages)


def exact_block(chain: DagChain, height: int) -> DagBlock:
    """Return the block of the selected chain with exactly this blue score.

    Raises:
        NotOnChain: There is none.
    """
    block = chain.chain_block(height)
    if block is None or block.order.blue_score != height:
        raise NotOnChain(f"no block of the selected chain has the blue score {height}")
    return block


def prove(chain: DagChain, path: tuple[bytes, bytes], height: int) -> bytes:
    """Return the proof of a path in the state of the chain block with exactly this blue score.

    Raises:
        NotOnChain: There is none, or its state is kept no more.
    """
    version = state_version(chain, height)
    store, key = path
    return join_merkle_proof(tuple(chain.machine.stores.prove(store.decode(), key, version)))


def state_version(chain: DagChain, height: int) -> int:
    """Return the version of the state that a chain block's header names.

    Raises:
        NotOnChain: There is none, or its state is kept no more.
    """
    version = chain.version_of(exact_block(chain, height).hash)
    assert version is not None
    if version < chain.machine.stores.earliest_version():
        raise NotOnChain(f"the state at the blue score {height} is kept no more")
    return version
