"""What the scenario is about: the kinds of forgery, the real bytes, and what came of each try."""

from dataclasses import dataclass
from enum import Enum

from chainkit.primitives.heights import Height
from chainkit.primitives.types import ClientId
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import IdentifiedChannel, Packet
from light_clients.tendermint.types import ClientHeader
from parachains.sdk.relaying import ConnectionInfo, NewClient, ProvenValue


class Kind(Enum):
    """What was forged; each goes through RPC into a block at least once."""

    PROOF_BYTE = "a byte of a proof"
    PROOF_CUT_OPEN = "a proof cut open elsewhere"
    PROOF_OF_ANOTHER_KEY = "a proof of another key"
    PROOF_OF_ANOTHER_KIND = "existence for absence, or the reverse"
    PROOF_AT_ANOTHER_HEIGHT = "a proof at another height"
    PROOF_ENCODING = "a proof in another encoding"
    PACKET_ALTERED = "a packet that was not sent"
    PACKET_REPLAYED = "a packet received before"
    PACKET_LATE = "a packet after its timeout"
    ACKNOWLEDGEMENT_ALTERED = "an acknowledgement that was not written"
    ACKNOWLEDGEMENT_UNSENT = "an acknowledgement for a packet never sent"
    TIMEOUT_OF_RECEIVED = "a timeout of a packet that was received"
    TIMEOUT_EARLY = "a timeout before its time"
    CLOSE_CLAIMED = "a timeout by the close of a channel that is open"
    CONNECTION_ALTERED = "a connection that the other chain has not begun"
    CHANNEL_ALTERED = "a channel that the other chain has not begun"
    MESSAGE_BYTE = "a byte of a message around proof and header"
    HEADER_BYTE = "a byte of a final header"
    HEADER_ENCODING = "a header in another encoding"
    SIGNATURE_FORGED = "a signature copied, moved, cut or from another height"
    TWO_OF_THREE = "a commit with two of three signing"
    VALIDATORS_ALTERED = "a validator set cut, doubled or reweighted"
    SIGNED_BY_STRANGERS = "a header signed by a set of the forger's own"
    TRUST_ALTERED = "a header that builds on what is not trusted"
    HEADER_OF_ANOTHER_CHAIN = "a final header of another chain"
    CLIENT_EXPIRED = "a header for an expired client"
    CLIENT_UNKNOWN = "a header for a client that is not there"
    UPGRADE_FORGED = "an upgrade that the other chain has not committed to"
    AUTHORITY_CLAIMED = "a message that only governance may send"
    MISBEHAVIOUR_FALSE = "a false accusation"
    WORK_MISSING = "a block header without its work"
    RETARGET_WRONG = "a block header of another difficulty than is due"
    BLOCK_HEADER_WRONG = "a block header against the rules of time, version and order"
    BLOCK_SHALLOW = "a proof under a block that is not final"
    COMMITMENT_ELSEWHERE = "a state's root in another output than the coinbase's commitment"
    COINBASE_ELSEWHERE = "a coinbase that is not the block's first transaction"
    SEAL_FORGED = "a seal copied, moved, bent or of a stranger"
    SEALS_TOO_FEW = "a header with seals of fewer than two thirds"
    VALIDATORS_NAMED = "a header that names its own validators"
    EXTRA_DATA_WRONG = "a sealed header of another form than QBFT's"
    ORDER_WRONG = "a DAG's header whose parents or scores are not its order's"
    STATE_OF_A_MERGED_BLOCK = "a state named by a block that is not on the selected chain"
    TRIE_NODES_FORGED = "nodes of a trie left out, doubled, exchanged or of another trie"


class Verdict(Enum):
    """What came of a try."""

    REFUSED = "refused"
    """Nothing but fee and sequence changed."""
    INERT = "inert"
    """It led to the very state that the original leads to."""
    ACCEPTED = "accepted"
    """Anything else: a defect."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A packet with the proof that is relayed with it, and for an answer its bytes."""

    packet: Packet
    proof: ProvenValue
    acknowledgement: bytes = b""


@dataclass(frozen=True, slots=True)
class Absences:
    """True proofs of the other chain around a receipt that is there, to forge its absence with."""

    receipt: ProvenValue
    """That the receipt is there."""
    before: ProvenValue
    """Of a key that sorts before the receipt."""
    other: ProvenValue
    """That another receipt is not there."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Final headers of a chain that a client of it does not have yet."""

    host_signer: str
    client_id: ClientId
    adjacent: ClientHeader
    """Of the height after the one that the client trusts."""
    skipping: ClientHeader
    """Of a later one."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Real bytes of two chains, all judged by ``host``'s client of ``source``.

    ``trusted`` is the height of ``source`` that the client knows and that every proof is
    under; the headers are above it. Names of packets say what the host has seen of them.
    """

    host_signer: str
    headers: Headers
    expired_client_id: ClientId
    trusted: Height
    received: Proven
    """Sent by the source, received by the host: a second receive is a replay."""
    fresh: Proven
    """Sent by the source, on its way."""
    late: Proven
    """Sent by the source, past its timeout."""
    answered: Proven
    """Sent by the host, received and answered by the source, past its timeout, not acknowledged."""
    unreceived: Proven
    """Sent by the host, past its timeout: the proof is of the receipt's absence."""
    pending: Proven
    """Sent by the host, not received, long before its timeout."""
    absences: Absences
    channel: IdentifiedChannel
    """Begun by the source, for which the host has no end yet."""
    channel_proof: ProvenValue
    open_channel: ProvenValue
    """The source's end of the channel that the packets go over."""
    connection: ConnectionInfo
    """The host's."""
    begun_connection: ConnectionInfo
    """Begun by the source, for which the host has no end yet."""
    begun_proof: ProvenValue
    prefix: bytes
    """What stands before the source's paths."""
    upgrade: NewClient
    """States above the client's, as an upgrade would bring them."""
    other_chain: ClientHeader
    """Final on the host's own chain."""
    expired_header: ClientHeader
    """Fit for the expired client, had it not expired."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A forged message; ``original`` names the true one that it comes from, or is empty.

    ``before`` goes before it in the transaction: what prepares the forgery.
    """

    kind: Kind
    label: str
    message: AnyValue
    original: str = ""
    before: tuple[AnyValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: the verdict, and the refusal's name."""

    verdict: Verdict
    refusal: str = ""
    is_paid: bool = False
    """The fee was taken: the forgery reached its handler in a block."""
