"""Real bytes of a chain sealed by QBFT, all judged by a host's client of it."""

from dataclasses import dataclass

from chainkit.primitives.types import ClientId
from demos.forged.values import Kind, Proven
from light_clients.qbft.types import SealedHeader

KINDS = (
    Kind.SEAL_FORGED,
    Kind.SEALS_TOO_FEW,
    Kind.VALIDATORS_NAMED,
    Kind.EXTRA_DATA_WRONG,
    Kind.TRIE_NODES_FORGED,
)
"""What can be forged of this kind of client alone."""


@dataclass(frozen=True, slots=True)
class AccountEvidence:
    """What the forgeries of a QBFT client start from."""

    host_signer: str
    client_id: ClientId
    now: int
    """The host's time in UNIX seconds."""
    adjacent: SealedHeader
    """Of the height after the newest that the client has."""
    skipping: SealedHeader
    """Of a later one."""
    fresh: Proven
    """Sent by the source, on its way; proven under the client's newest header."""
    unreceived: Proven
    """Sent by the host, past its timeout: the proof is of the receipt's absence."""
    other_account: tuple[bytes, ...]
    """The nodes of another account under the same root."""
