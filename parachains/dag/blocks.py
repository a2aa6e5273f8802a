"""A block: header and body, and the first one of a chain."""

from dataclasses import dataclass

from chainkit.formats.ghostdag.hashing import ZERO_HASH
from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.proof_of_work import bits_of
from chainkit.primitives.types import Address, Hash32
from parachains.dag.parameters import ChainParameters
from parachains.dag.transactions import ADDRESS_BYTES, BlockBody


@dataclass(frozen=True, slots=True)
class Block:
    """A header and what its transaction root is over."""

    header: Header
    body: BlockBody


GENESIS_BODY = BlockBody(Address(bytes(ADDRESS_BYTES)), ())
"""Nobody mined it, so nobody is paid for it."""


def genesis_header(parameters: ChainParameters, state_root: Hash32) -> Header:
    """Return the first header, over the state that the genesis balances give."""
    return Header(
        version=parameters.dag.version,
        parents_by_level=(),
        hash_merkle_root=GENESIS_BODY.root,
        accepted_id_merkle_root=ZERO_HASH,
        utxo_commitment=state_root,
        timestamp=parameters.genesis_time_ms,
        bits=bits_of(parameters.dag.max_target),
        nonce=0,
        daa_score=0,
        blue_score=0,
        blue_work=0,
        pruning_point=ZERO_HASH,
    )
