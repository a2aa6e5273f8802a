"""New headers: verification of their order, finality by blue score, and the freeze.

Final is the highest block of the selected chain that lies at least the finality depth
below the tip, in blue score. The selected chain may change above it. A block with more
blue work than the tip whose selected chain does not hold it proves that the depth was too
small for what happened, and freezes the client.
"""

from dataclasses import replace

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.dag import kept_above, selected_chain
from chainkit.formats.ghostdag.order import known
from chainkit.formats.ghostdag.rules import chain_block_at, check_alone, place
from chainkit.primitives.heights import Height
from chainkit.primitives.types import TimestampNs
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore
from light_clients.ghostdag import store as states
from light_clients.ghostdag.types import NS_PER_MS, PRUNE_STEP, ClientState, Headers
from light_clients.ghostdag.view import StoredDag


def judge(
    store: ReadStore, client: ClientState, message: Headers, now: TimestampNs
) -> tuple[StoredDag, tuple[DagBlock, ...]]:
    """Return the DAG with the headers of a message in their places, and those that are new.

    A header that is kept already is passed over: two relayers may send the same ones.

    Raises:
        GhostdagRuleBroken: A header is refused; the subclass names the rule.
    """
    view = StoredDag(store, client)
    fresh = []
    for header in message.headers:
        if view.find(header.hash) is not None:
            continue
        check_alone(header, client.parameters, now // NS_PER_MS)
        block = place(view, header, client.parameters, view.windows)
        view.add(block)
        fresh.append(block)
    return view, tuple(fresh)


def final_block(view: StoredDag, tip: DagBlock, finality_depth: int) -> DagBlock:
    """Return the highest block of the tip's selected chain at the finality depth; or genesis."""
    return chain_block_at(view, tip.hash, tip.order.blue_score - finality_depth)


def is_deep_reorganisation(
    store: ReadStore, client: ClientState, message: Headers, now: TimestampNs
) -> bool:
    """Return whether verified headers have more blue work than all that hold the final block."""
    view, fresh = judge(store, client, message, now)
    final = states.read_consensus_state(store, client.latest_height).block_hash
    most = known(view, client.tip).order.blue_work
    loyal = [most]
    strange = [0]
    for block in fresh:
        on_chain = view.is_chain_ancestor(final, block.hash)
        (loyal if on_chain else strange).append(block.order.blue_work)
    return max(strange) > max(loyal)


def update_state(
    ctx: Context, store: KVStore, client: ClientState, message: Headers
) -> tuple[Height, ...]:
    """Keep verified headers; where the heaviest chain has grown, make its blocks final.

    Returns the heights that became final, lowest first.
    """
    view, fresh = judge(store, client, message, ctx.time)
    for block in fresh:
        states.write_block(store, block)
    old_final = states.read_consensus_state(store, client.latest_height).block_hash
    loyal = [block for block in fresh if view.is_chain_ancestor(old_final, block.hash)]
    tip = max((known(view, client.tip), *loyal), key=lambda block: block.sort_key)
    final = final_block(view, tip, client.finality_depth)
    newly = []
    if final.order.blue_score > client.latest_height.revision_height:
        for block in selected_chain(view, final.hash):
            if block.hash == old_final:
                break
            newly.append(block)
    heights = []
    for block in reversed(newly):
        states.write_final(ctx, store, block)
        heights.append(Height(0, block.order.blue_score))
    latest = heights[-1] if heights else client.latest_height
    client = replace(client, tip=tip.hash, latest_height=latest)
    states.write_client_state(store, prune(store, view, client))
    return tuple(heights)


def prune(store: KVStore, view: StoredDag, client: ClientState) -> ClientState:
    """Forget what no block above the retained depth can need; return the state with its root."""
    lowest = client.latest_height.revision_height - client.retained_depth
    if lowest < known(view, client.root).order.blue_score + PRUNE_STEP:
        return client
    root = states.final_at_most(store, lowest)
    if root is None:
        return client
    blocks = {block.hash: block for block in states.stored_blocks(store)}
    kept = kept_above(blocks.values(), root)
    for block in blocks:
        if block not in kept:
            states.delete_block(store, block)
    states.mark_beside_root(store, kept, root)
    states.forget_final_below(store, blocks[root].order.blue_score)
    return replace(client, root=root)


def freeze(store: KVStore, client: ClientState) -> None:
    """Stop the client for good, until governance replaces it."""
    states.write_client_state(store, replace(client, frozen=True))
