"""Real bytes of a chain with proof of work, all judged by a host's client of it."""

from dataclasses import dataclass

from chainkit.formats.bitcoin.header_chain import ChainPoint
from chainkit.formats.bitcoin.transactions import Transaction
from chainkit.primitives.types import ClientId
from demos.forged.values import Kind, Proven
from light_clients.bitcoin.types import ClientState, Headers
from parachains.sdk.relaying import ProvenValue

KINDS = (
    Kind.WORK_MISSING,
    Kind.RETARGET_WRONG,
    Kind.BLOCK_HEADER_WRONG,
    Kind.BLOCK_SHALLOW,
    Kind.COMMITMENT_ELSEWHERE,
    Kind.COINBASE_ELSEWHERE,
)
"""What can be forged of this kind of client alone."""


@dataclass(frozen=True, slots=True)
class Bait:
    """A payment in a final block that bought an output like the coinbase's commitment.

    It names a root that is the chain's own, under which the packet is proven; only its place
    is wrong.
    """

    height: int
    transactions: tuple[Transaction, ...]
    """Of the whole block."""
    index: int
    """Of the payment in it."""
    merkle_proof: bytes
    """Of the packet under the root that the payment names."""


@dataclass(frozen=True, slots=True)
class BitcoinEvidence:
    """What the forgeries of a Bitcoin client start from."""

    host_signer: str
    client_id: ClientId
    client: ClientState
    tip: ChainPoint
    """The heaviest header that the client has."""
    now: int
    """The host's time in UNIX seconds."""
    fresh: Proven
    """Sent by the source, on its way; proven under the newest final block."""
    shallow: tuple[ProvenValue, ...]
    """True proofs of it under blocks whose headers the client has, and which are not final."""
    unreceived: Proven
    """Sent by the host, past its timeout: the proof is of the receipt's absence."""
    update: Headers
    """What follows the tip."""
    bait: Bait

    @property
    def confirmations(self) -> int:
        """Blocks, itself counted in, that make a block final."""
        return self.client.confirmations
