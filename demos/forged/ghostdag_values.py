"""Real headers of a DAG, all judged by a host's client of it."""

from dataclasses import dataclass

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.headers import Header
from chainkit.primitives.types import ClientId
from demos.forged.values import Kind, Proven
from light_clients.ghostdag.types import ClientState
from parachains.sdk.relaying import ProvenValue

KINDS = (
    Kind.WORK_MISSING,
    Kind.RETARGET_WRONG,
    Kind.BLOCK_HEADER_WRONG,
    Kind.BLOCK_SHALLOW,
    Kind.ORDER_WRONG,
    Kind.STATE_OF_A_MERGED_BLOCK,
)
"""What can be forged of this kind of client."""


@dataclass(frozen=True, slots=True)
class GhostdagEvidence:
    """What the forgeries of a client of a DAG start from."""

    host_signer: str
    client_id: ClientId
    client: ClientState
    blocks: tuple[DagBlock, ...]
    """Blocks that the client has, its tip and what new ones are judged by, parents first."""
    now_ms: int
    """The host's time."""
    fresh: Proven
    """Sent by the source, on its way; proven under the newest final block."""
    shallow: tuple[ProvenValue, ...]
    """True proofs of it under blocks of the selected chain that the client has, not final yet."""
    unreceived: Proven
    """Sent by the host, past its timeout: the proof is of the receipt's absence."""
    update: tuple[Header, ...]
    """What follows the tip."""
