"""State under a final block: the coinbase's commitment, then ICS-23.

The coinbase is proven at index 0 of the block's tree. Its 64 bytes can never pass for an
inner node: a coinbase begins with the null outpoint, and no pair of hashes does; the check
on the size stays, since it costs nothing. The last output of the form ``6a24``, tag, root
counts, as with SegWit's commitment.
"""

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.ics23 import (
    IAVL_SPEC,
    TENDERMINT_SPEC,
    split_merkle_proof,
    verify_chained_membership,
    verify_chained_non_membership,
)
from chainkit.formats.bitcoin.merkle import INNER_NODE_BYTES, verify_branch
from chainkit.formats.bitcoin.script import Op
from chainkit.formats.bitcoin.transactions import Transaction, decode_transaction
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.runtime.context import Context
from chainkit.runtime.store import ReadStore
from ibc.ics02_client.delays import DelayRefusals, require_delay_passed
from light_clients.bitcoin import store as states
from light_clients.bitcoin.codec import decode_membership_proof
from light_clients.bitcoin.errors import (
    ConsensusStateNotFound,
    DelayPeriodNotPassed,
    InvalidCommitment,
    InvalidHeight,
)
from light_clients.bitcoin.types import ClientState, ConsensusState, MembershipProof

SPECS = (IAVL_SPEC, TENDERMINT_SPEC)
"""The trees below the committed root, lowest first: a store's IAVL, then the stores."""

ROOT_BYTES = 32
_DELAY_REFUSALS = DelayRefusals(
    time_not_found=ConsensusStateNotFound,
    height_not_found=ConsensusStateNotFound,
    not_passed=DelayPeriodNotPassed,
)


def commitment_script(tag: bytes, root: bytes) -> bytes:
    """Return the output script with which a coinbase commits to a state root."""
    return bytes([Op.RETURN, len(tag) + len(root)]) + tag + root


def committed_root(coinbase: Transaction, tag: bytes) -> bytes | None:
    """Return the root in the coinbase's last commitment of this tag, or None."""
    size = len(commitment_script(tag, bytes(ROOT_BYTES)))
    prefix = commitment_script(tag, bytes(ROOT_BYTES))[:-ROOT_BYTES]
    scripts = (output.script_pubkey for output in reversed(coinbase.outputs))
    return next((s[-ROOT_BYTES:] for s in scripts if len(s) == size and s.startswith(prefix)), None)


def state_for_proof(
    ctx: Context,
    store: ReadStore,
    client: ClientState,
    height: Height,
    *,
    delay_time_ns: int,
    delay_blocks: int,
) -> ConsensusState:
    """Return the final block at ``height``, if it may be relied on for a proof now.

    Raises:
        InvalidHeight: The block is not final here.
        ConsensusStateNotFound: None is stored there.
        DelayPeriodNotPassed: The delay has not passed since it was stored.
    """
    if client.latest_height < height:
        raise InvalidHeight(f"height {height} is above the newest final {client.latest_height}")
    state = states.read_consensus_state(store, height)
    require_delay_passed(
        ctx,
        store,
        height,
        delay_time_ns=delay_time_ns,
        delay_blocks=delay_blocks,
        refusals=_DELAY_REFUSALS,
    )
    return state


def proven_root(client: ClientState, state: ConsensusState, proof: MembershipProof) -> bytes:
    """Return the state root that the block's coinbase commits to.

    Raises:
        InvalidCommitment: It is no coinbase, or has no commitment.
        WrongMerkleProof: It is not transaction 0 of the block.
        MalformedBitcoin: It does not decode.
    """
    coinbase = decode_transaction(proof.coinbase, allow_witness=False)
    if not coinbase.is_coinbase or len(proof.coinbase) == INNER_NODE_BYTES:
        raise InvalidCommitment("the transaction is no coinbase")
    verify_branch(state.merkle_root, coinbase.txid, 0, proof.transactions, proof.branch)
    root = committed_root(coinbase, client.commitment_tag)
    if root is None:
        raise InvalidCommitment("the coinbase commits to no state")
    return root


def verify_membership(
    client: ClientState,
    state: ConsensusState,
    proof: bytes,
    path: tuple[bytes, ...],
    value: bytes,
) -> None:
    """Check that ``value`` is at ``path`` in the state after the block.

    Raises:
        RuleBroken: It is not proven; the class names the rule.
    """
    decoded = decode_membership_proof(proof)
    root = proven_root(client, state, decoded)
    try:
        chain = split_merkle_proof(decoded.merkle_proof)
        verify_chained_membership(SPECS, chain, root, path, value)
    except MalformedMessage as error:
        raise InvalidProof(f"a proof does not decode: {error}") from error


def verify_non_membership(
    client: ClientState, state: ConsensusState, proof: bytes, path: tuple[bytes, ...]
) -> None:
    """Check that nothing is at ``path`` in the state after the block.

    Raises:
        RuleBroken: It is not proven; the class names the rule.
    """
    decoded = decode_membership_proof(proof)
    root = proven_root(client, state, decoded)
    try:
        chain = split_merkle_proof(decoded.merkle_proof)
        verify_chained_non_membership(SPECS, chain, root, path)
    except MalformedMessage as error:
        raise InvalidProof(f"a proof does not decode: {error}") from error
