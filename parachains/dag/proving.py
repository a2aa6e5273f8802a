"""What this chain shows to light clients of it: genesis, headers, proofs. Reads only."""

from chainkit.commitments.ics23 import join_merkle_proof
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
    """
    p = chain.parameters.dag
    final = final_score(chain, finality_depth)
    root = chain.chain_block(max(final - p.reach, 0))
    assert root is not None
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


def updates(chain: DagChain, tip: Hash32) -> tuple[AnyValue, ...]:
    """Return messages with the headers that a client with this tip may lack.

    They are the past of our own tip less that of the client's, parents before children:
    what was never merged is of no use to it. A client passes over what it has already.

    Raises:
        NotOnChain: The tip is not known here.
    """
    if chain.dag.find(tip) is None:
        raise NotOnChain(f"block {tip.hex()} is not known")
    own = chain.tip.hash
    lacking = [
        block.header
        for block in chain.dag
        if chain.dag.is_ancestor(block.hash, own) and not chain.dag.is_ancestor(block.hash, tip)
    ]
    messages: list[AnyValue] = []
    batch: list[Header] = []
    size = 0
    for header in lacking:
        size += len(header.encode())
        if batch and (size > MESSAGE_HEADER_BYTES or len(batch) == MAX_HEADERS_PER_MESSAGE):
            messages.append(encode_headers(Headers(tuple(batch))))
            batch, size = [], len(header.encode())
        batch.append(header)
    if batch:
        messages.append(encode_headers(Headers(tuple(batch))))
    return tuple(messages)


def prove(chain: DagChain, path: tuple[bytes, bytes], height: int) -> bytes:
    """Return the proof of a path in the state of the chain block with exactly this blue score.

    Raises:
        NotOnChain: There is none.
    """
    block = chain.chain_block(height)
    if block is None or block.order.blue_score != height:
        raise NotOnChain(f"no block of the selected chain has the blue score {height}")
    version = chain.version_of(block.hash)
    assert version is not None
    store, key = path
    return join_merkle_proof(tuple(chain.machine.stores.prove(store.decode(), key, version)))
