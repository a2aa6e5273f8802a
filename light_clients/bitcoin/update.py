"""New headers: verification, fork choice by work, finality by depth, and the freeze.

A block is final under ``confirmations`` blocks, itself counted in. The heaviest chain
known may change above the newest final block; a heavier one that does not hold it proves
that the depth was too small for what happened, and freezes the client.
"""

from dataclasses import replace

from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.header_chain import ChainPoint, extend
from chainkit.formats.bitcoin.proof_of_work import work_of
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore
from ibc.ics02_client.delays import host_height
from light_clients.bitcoin import store as states
from light_clients.bitcoin.errors import TooLittleWork, UnknownParent
from light_clients.bitcoin.types import ClientState, ConsensusState, Headers


def points_of(
    store: ReadStore, client: ClientState, message: Headers, now: int
) -> tuple[ChainPoint, ...]:
    """Return the verified points of the headers; ``now`` in UNIX seconds.

    Raises:
        UnknownParent: The first one's parent is not kept.
        TooLittleWork: A header is easier than the client's minimum.
        BitcoinRuleBroken: A header breaks a rule of consensus.
    """
    first = message.headers[0]
    parent = states.find_point(store, first.previous_block)
    if parent is None:
        raise UnknownParent(
            f"parent {display_hash(first.previous_block)} is unknown or too far below the tip"
        )
    points = []
    for header in message.headers:
        parent = extend(
            parent, header, client.rules, now=now, minimum_version=client.minimum_version
        )
        if work_of(header.bits) < client.minimum_work:
            raise TooLittleWork(f"header at {parent.height} has less work than the minimum")
        points.append(parent)
    return tuple(points)


def verify_headers(ctx: Context, store: ReadStore, client: ClientState, message: Headers) -> None:
    """Check the headers; see :func:`points_of` for what refuses them."""
    points_of(store, client, message, ctx.time // NS_PER_SECOND)


def is_deep_reorganisation(
    ctx: Context, store: ReadStore, client: ClientState, message: Headers
) -> bool:
    """Return whether verified headers make a heavier chain that lacks the newest final block."""
    points = points_of(store, client, message, ctx.time // NS_PER_SECOND)
    if points[-1].chain_work <= states.read_point(store, client.tip).chain_work:
        return False
    final_height = client.latest_height.revision_height
    final = states.read_consensus_state(store, client.latest_height)
    on_chain = next((point for point in points if point.height == final_height), None)
    if on_chain is None:
        parent = states.read_point(store, message.headers[0].previous_block)
        for point in states.ancestors(store, parent):
            if point.height <= final_height:
                on_chain = point
                break
    return on_chain is None or on_chain.header.hash != final.block_hash


def update_state(
    ctx: Context, store: KVStore, client: ClientState, message: Headers
) -> tuple[Height, ...]:
    """Keep verified headers; where they are the heaviest chain, make its blocks final.

    Returns the heights that became final, lowest first.
    """
    points = points_of(store, client, message, ctx.time // NS_PER_SECOND)
    for point in points:
        states.write_point(store, point)
    tip = points[-1]
    if tip.chain_work <= states.read_point(store, client.tip).chain_work:
        return ()
    final_height = max(tip.height - client.confirmations + 1, client.latest_height.revision_height)
    fresh = []
    for point in states.ancestors(store, tip):
        if point.height <= client.latest_height.revision_height:
            break
        if point.height <= final_height:
            fresh.append(point)
    for point in reversed(fresh):
        write_final(ctx, store, point)
    latest = Height(0, final_height)
    states.write_client_state(store, replace(client, tip=tip.header.hash, latest_height=latest))
    states.prune_below(store, final_height - client.retained_depth)
    return tuple(Height(0, point.height) for point in reversed(fresh))


def write_final(ctx: Context, store: KVStore, point: ChainPoint) -> None:
    """Write the consensus state of a block that is final."""
    state = ConsensusState(
        median_time_past=point.median_time_past,
        merkle_root=point.header.merkle_root,
        block_hash=point.header.hash,
    )
    states.write_consensus_state(
        store,
        Height(0, point.height),
        state,
        processed_height=host_height(ctx),
        processed_time=ctx.time,
    )


def freeze(store: KVStore, client: ClientState) -> None:
    """Stop the client for good, until governance replaces it."""
    states.write_client_state(store, replace(client, frozen=True))
