"""What a new client must satisfy."""

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.dag import kept_above
from chainkit.formats.ghostdag.errors import GhostdagRuleBroken
from chainkit.formats.ghostdag.parameters import validate_parameters
from chainkit.formats.ghostdag.proof_of_work import check_proof_of_work
from chainkit.formats.ghostdag.rules import genesis_block, place
from chainkit.primitives.errors import MalformedMessage
from light_clients.ghostdag.errors import InvalidClient, InvalidConsensus
from light_clients.ghostdag.types import (
    MAX_FINALITY_DEPTH,
    MAX_RETAINED_DEPTH,
    Anchor,
    ClientState,
)
from light_clients.ghostdag.update import final_block
from light_clients.ghostdag.view import StoredDag

MAX_CHAIN_ID_CHARACTERS = 64


def validate_client_state(state: ClientState) -> None:
    """Check the client's numbers.

    Raises:
        InvalidClient: One is out of its range, or the client is frozen from the start.
    """
    try:
        validate_parameters(state.parameters)
    except MalformedMessage as error:
        raise InvalidClient(str(error)) from error
    if not 1 <= state.finality_depth <= MAX_FINALITY_DEPTH:
        raise InvalidClient(f"the finality depth is 1 to {MAX_FINALITY_DEPTH} blue scores")
    least = state.parameters.reach + state.finality_depth
    if not least <= state.retained_depth <= MAX_RETAINED_DEPTH:
        # so that a branch from as far below the final block can be judged, and freeze it
        raise InvalidClient(f"the retained depth is {least} to {MAX_RETAINED_DEPTH} blue scores")
    if not 1 <= len(state.chain_id) <= MAX_CHAIN_ID_CHARACTERS:
        raise InvalidClient("the chain id is empty or too long")
    if state.frozen:
        raise InvalidClient("a new client cannot be frozen")


def validate_anchor(view: StoredDag, state: ClientState, anchor: Anchor) -> DagBlock:
    """Check the blocks that a client starts from against its state; return the final one.

    The view holds them. From genesis on every rule is checked, and nothing is trusted. In an
    anchor from the middle, that the order is right and what the root's past is, is what the
    maker of the client vouches for.

    Raises:
        InvalidConsensus: They lack work or one another, break a rule, reach not far enough
            down, or the root, tip and height in the state are not theirs.
    """
    blocks = {block.hash: block for block in anchor.blocks}
    root = anchor.blocks[0]
    tip = max(anchor.blocks, key=lambda block: block.sort_key)
    if (root.hash, tip.hash) != (state.root, state.tip):
        raise InvalidConsensus("root and tip of the client state are not the anchor's")
    kept = kept_above(blocks.values(), root.hash)
    if not len(anchor.blocks) == len(blocks) == len(kept):
        raise InvalidConsensus("the anchor holds a block twice, or one that nothing needs")
    try:
        for block in anchor.blocks:
            if block.order.selected_parent is not None:
                check_proof_of_work(block.header, state.parameters.max_target)
        if root.order.selected_parent is None:
            _check_from_genesis(view, state, anchor)
        final = final_block(view, tip, state.finality_depth)
    except GhostdagRuleBroken as error:
        raise InvalidConsensus(f"a block of the anchor is refused: {error}") from error
    if root.order.selected_parent is not None:
        _check_from_the_middle(view, state, anchor, final)
    if final.order.blue_score != state.latest_height.revision_height:
        raise InvalidConsensus("the latest height is not the final block's blue score")
    return final


def _check_from_genesis(view: StoredDag, state: ClientState, anchor: Anchor) -> None:
    """Check every block's place again.

    Raises:
        GhostdagRuleBroken: A header breaks a rule.
        InvalidConsensus: A record says other things than its header and parents do.
    """
    genesis, *others = anchor.blocks
    if genesis.hash != state.genesis or genesis != genesis_block(genesis.header):
        raise InvalidConsensus("the anchor starts at another genesis than the state names")
    for block in others:
        if place(view, block.header, state.parameters, view.windows) != block:
            raise InvalidConsensus(f"block {block.hash.hex()} of the anchor has another place")


def _check_from_the_middle(
    view: StoredDag, state: ClientState, anchor: Anchor, final: DagBlock
) -> None:
    root = anchor.blocks[0]
    if any(block.order.selected_parent not in block.header.parents for block in anchor.blocks):
        raise InvalidConsensus("a selected parent in the anchor is no parent")
    if not view.is_chain_ancestor(root.hash, final.hash):
        raise InvalidConsensus("the anchor's root is not on the selected chain of its tip")
    if final.order.blue_score - root.order.blue_score < state.parameters.reach:
        raise InvalidConsensus("the anchor does not reach far enough below the final block")
