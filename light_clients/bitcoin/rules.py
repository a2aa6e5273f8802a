"""What a new client must satisfy."""

from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.proof_of_work import check_proof_of_work, work_of
from light_clients.bitcoin.errors import InvalidClient, InvalidConsensus
from light_clients.bitcoin.types import (
    COMMITMENT_TAG_BYTES,
    MAX_CONFIRMATIONS,
    MAX_RETAINED_DEPTH,
    Anchor,
    ClientState,
)

MAX_CHAIN_ID_CHARACTERS = 64


def validate_client_state(state: ClientState) -> None:
    """Check the client's numbers.

    Raises:
        InvalidClient: One is out of its range, or the client is frozen from the start.
    """
    rules = state.rules
    numbers = (rules.pow_limit, rules.target_spacing, rules.retarget_interval, rules.clamp)
    if min(numbers) < 1 or rules.retarget_interval < 2:
        raise InvalidClient("limit, spacing, interval and clamp of the work rules are positive")
    if not 1 <= state.confirmations <= MAX_CONFIRMATIONS:
        raise InvalidClient(f"confirmations are 1 to {MAX_CONFIRMATIONS}")
    if not state.confirmations <= state.retained_depth <= MAX_RETAINED_DEPTH:
        raise InvalidClient(f"retained depth is {state.confirmations} to {MAX_RETAINED_DEPTH}")
    if len(state.commitment_tag) != COMMITMENT_TAG_BYTES:
        raise InvalidClient("the commitment's tag has 4 bytes")
    if not 1 <= len(state.chain_id) <= MAX_CHAIN_ID_CHARACTERS:
        raise InvalidClient("the chain id is empty or too long")
    if state.frozen:
        raise InvalidClient("a new client cannot be frozen")


def validate_anchor(state: ClientState, anchor: Anchor) -> None:
    """Check the header that a client starts from against its state.

    Raises:
        InvalidConsensus: It lacks work, or is not the tip and latest height that the state names.
    """
    point = anchor.point
    try:
        check_proof_of_work(point.header, state.rules)
        work = work_of(point.header.bits)
    except BitcoinRuleBroken as error:
        raise InvalidConsensus(f"the anchor has no proof of work: {error}") from error
    if work < state.minimum_work or point.chain_work < work:
        raise InvalidConsensus("the anchor has less work than the client's minimum")
    if point.header.hash != state.tip or point.height != state.latest_height.revision_height:
        raise InvalidConsensus("the anchor is not the tip and latest height of the client state")
    if point.height == 0 or len(point.earlier_times) < min(point.height, 10):
        raise InvalidConsensus("the anchor is genesis, or lacks times of the headers before it")
