"""Sizes and times of the peer-to-peer layer, with where they come from."""

from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs

FRAME_DATA_BYTES = 1_024
"""CometBFT p2p/conn, ``dataMaxSize``: plaintext in one secret frame."""

FRAME_LENGTH_BYTES = 4
FRAME_TAG_BYTES = 16
SEALED_FRAME_BYTES = FRAME_LENGTH_BYTES + FRAME_DATA_BYTES + FRAME_TAG_BYTES
MAX_EPHEMERAL_KEY_BYTES = 64
"""A ``BytesValue`` with 32 bytes takes 34; CometBFT reads up to 1 MiB here."""

MAX_AUTH_MESSAGE_BYTES = 1_024
"""A public key and a signature take 102."""

MAX_NODE_INFO_BYTES = 10_240
"""CometBFT p2p, ``maxNodeInfoSize``."""

MAX_NODE_INFO_CHANNELS = 16
"""CometBFT p2p, ``maxNumChannels``."""

MAX_PACKET_PAYLOAD_BYTES = 1_024
"""CometBFT config, ``p2p.max_packet_msg_payload_size``."""

MAX_PACKET_BYTES = MAX_PACKET_PAYLOAD_BYTES + 12
"""The payload with its channel, end mark and the two field headers around it."""

MAX_SEND_BATCH_BYTES = 65_536
"""CometBFT p2p/conn, ``minWriteBufferSize``: packets joined into one write."""

MAX_SEND_QUEUE_BYTES = 8 * 1024 * 1024
"""A channel to a peer that reads slowly takes no more messages past this size, however few."""

MESSAGE_COST_BYTES = 512
"""Each message counts as this much at least against the receive rate: small ones cost work, too."""

MAX_PENDING_PONGS = 1
"""Pings that arrive while an answer waits are answered by it."""

MAX_INBOUND_PEERS = 40
MAX_OUTBOUND_PEERS = 10
MAX_PENDING_HANDSHAKES = 64
"""Connections that may be in their handshake at once; more are closed on arrival."""

MAX_ASKED_PEERS = 32
"""Peers that an operator asked for and that are not dialled yet; the next is refused."""

SEND_BYTES_PER_SECOND = 5_120_000
"""CometBFT config, ``p2p.send_rate``."""

RECEIVE_BYTES_PER_SECOND = 5_120_000
PING_INTERVAL_NS = DurationNs(60 * NS_PER_SECOND)
PONG_TIMEOUT_NS = DurationNs(45 * NS_PER_SECOND)
SEND_TIMEOUT_NS = DurationNs(10 * NS_PER_SECOND)
"""How long ``Peer.send`` waits for room in a channel's queue."""

WRITE_TIMEOUT_NS = DurationNs(30 * NS_PER_SECOND)
"""How long one batch may take to leave; a peer that does not read is dropped."""

HANDSHAKE_TIMEOUT_NS = DurationNs(20 * NS_PER_SECOND)
"""CometBFT config, ``p2p.handshake_timeout``."""

DIAL_TIMEOUT_NS = DurationNs(3 * NS_PER_SECOND)
"""CometBFT config, ``p2p.dial_timeout``."""

REDIAL_FIRST_NS = DurationNs(NS_PER_SECOND // 4)
REDIAL_LONGEST_NS = DurationNs(30 * NS_PER_SECOND)
BAN_NS = DurationNs(60 * NS_PER_SECOND)
"""How long a peer that broke a rule is refused (CometBFT blocksync, ``isPeerBanned``)."""

MAX_BANS = 1_024
"""Bans remembered; the oldest is forgotten for a new one."""

MAX_BOOK_ADDRESSES = 1_000
"""CometBFT p2p/pex, ``needAddressThreshold``: more addresses are not noted."""

MAX_BOOK_ADDRESSES_OF_SOURCE = 64
"""What one peer may tell of; the book of one that knows only liars is small, not full of lies."""

MAX_DIAL_ATTEMPTS = 16
"""CometBFT p2p/pex, ``maxAttemptsToDial``: then an address is forgotten."""

REDIAL_BOOK_FIRST_NS = DurationNs(NS_PER_SECOND // 2)
"""Doubled with each attempt, as CometBFT's one second is."""
