"""What this chain shows to light clients of it: anchors, headers, proofs. Reads only."""

from chainkit.commitments.ics23 import join_merkle_proof
from chainkit.formats.bitcoin.header_chain import ChainPoint
from chainkit.formats.bitcoin.merkle import merkle_branch
from chainkit.formats.bitcoin.proof_of_work import work_of
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.heights import Height
from ibc.ics02_client.port import AnyValue
from ibc.ics24_host.paths import STORE_NAME
from light_clients.bitcoin.codec import (
    encode_anchor,
    encode_client_state,
    encode_consensus_state,
    encode_headers,
    encode_membership_proof,
)
from light_clients.bitcoin.types import (
    MAX_HEADERS_PER_MESSAGE,
    Anchor,
    ClientState,
    ConsensusState,
    Headers,
    MembershipProof,
)
from parachains.utxo.chain import Chain
from parachains.utxo.parameters import UtxoParameters

RETAINED_DEPTH_FACTOR = 8
MINIMUM_RETAINED_DEPTH = 64


class NotOnChain(OperationFailed):
    """The active chain has no such block (any more)."""


def client_state(
    parameters: UtxoParameters, chain_id: str, confirmations: int, point: ChainPoint
) -> ClientState:
    """Return the state of a client that starts at ``point``."""
    return ClientState(
        chain_id=chain_id,
        rules=parameters.rules,
        confirmations=confirmations,
        minimum_work=work_of(parameters.genesis.header.bits),
        commitment_tag=parameters.commitment_tag,
        retained_depth=max(RETAINED_DEPTH_FACTOR * confirmations, MINIMUM_RETAINED_DEPTH),
        minimum_version=parameters.minimum_version,
        frozen=False,
        tip=point.header.hash,
        latest_height=Height(0, point.height),
    )


def _point_at(chain: Chain, height: int) -> ChainPoint:
    point = chain.at(height)
    if point is None:
        raise NotOnChain(f"no block at height {height}, the tip is at {chain.tip.height}")
    return point


def new_client(
    chain: Chain, chain_id: str, confirmations: int, height: int
) -> tuple[AnyValue, AnyValue]:
    """Return client state and anchor of a client that trusts the block at ``height``.

    Raises:
        NotOnChain: There is no block, or it is genesis, which has no state.
    """
    if height < 1:
        raise NotOnChain("a client starts at height 1 or above: genesis has no state")
    point = _point_at(chain, height)
    state = client_state(chain.parameters, chain_id, confirmations, point)
    return encode_client_state(state), encode_anchor(Anchor(point))


def header_updates(chain: Chain, tip: bytes, target: int) -> tuple[AnyValue, ...]:
    """Return the messages that bring a client whose heaviest header is ``tip`` to ``target``.

    Where ``tip`` left the active chain, they start at the newest block that both share.

    Raises:
        NotOnChain: The header is unknown, or ``target`` above the tip.
    """
    point = chain.point(tip)
    while point is not None and not chain.is_active(point):
        point = chain.point(point.header.previous_block)
    if point is None:
        raise NotOnChain(f"header {tip[::-1].hex()} is unknown here")
    _point_at(chain, target)
    headers = [_point_at(chain, at).header for at in range(point.height + 1, target + 1)]
    return tuple(
        encode_headers(Headers(tuple(headers[at : at + MAX_HEADERS_PER_MESSAGE])))
        for at in range(0, len(headers), MAX_HEADERS_PER_MESSAGE)
    )


def consensus_state(chain: Chain, height: int) -> AnyValue:
    """Return what an honest client keeps of the block at ``height``.

    Raises:
        NotOnChain: There is no block.
    """
    point = _point_at(chain, height)
    state = ConsensusState(point.median_time_past, point.header.merkle_root, point.header.hash)
    return encode_consensus_state(state)


def prove(chain: Chain, path: bytes, height: int) -> tuple[bytes, bytes]:
    """Return the value at ``path`` of the IBC store after a block (empty: none), and its proof.

    Raises:
        NotOnChain: There is no block, or its state is pruned.
    """
    point = _point_at(chain, height)
    block = chain.block(point.header.hash)
    stores = chain.machine.stores
    if block is None or not stores.earliest_version() <= height <= stores.version:
        raise NotOnChain(f"the state at height {height} is not kept")
    txids = [tx.txid for tx in block.transactions]
    proof = MembershipProof(
        coinbase=block.transactions[0].stripped,
        transactions=len(txids),
        branch=merkle_branch(txids, 0),
        merkle_proof=join_merkle_proof(tuple(stores.prove(STORE_NAME, path, height))),
    )
    value = stores.query(STORE_NAME, path, height) or b""
    return value, encode_membership_proof(proof)
