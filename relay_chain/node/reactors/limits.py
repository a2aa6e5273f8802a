"""Channels, sizes and periods of the reactors, with where they come from."""

from chainkit.primitives.limits import MAX_BLOCK_SIZE_BYTES
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs

STATE_CHANNEL = 0x20
DATA_CHANNEL = 0x21
VOTE_CHANNEL = 0x22
VOTE_SET_BITS_CHANNEL = 0x23
MEMPOOL_CHANNEL = 0x30
EVIDENCE_CHANNEL = 0x38
BLOCKSYNC_CHANNEL = 0x40

MAX_CONSENSUS_MESSAGE_BYTES = 1_048_576
"""CometBFT consensus, ``maxMsgSize``."""

MAX_EVIDENCE_MESSAGE_BYTES = 1_048_576
"""CometBFT evidence, ``maxMsgSize``."""

MAX_BLOCKSYNC_MESSAGE_BYTES = MAX_BLOCK_SIZE_BYTES + 16
"""CometBFT blocksync, ``MaxMsgSize``: a block and the fields around it."""

MAX_EVIDENCE_IN_MESSAGE = 64
MAX_TXS_IN_MESSAGE = 1_024
MEMPOOL_OVERHEAD_BYTES = 16
"""The fields around one transaction."""

CONSENSUS_QUEUE_MESSAGES = 100
VOTE_SET_BITS_QUEUE_MESSAGES = 2
MEMPOOL_QUEUE_MESSAGES = 64
EVIDENCE_QUEUE_MESSAGES = 8
BLOCKSYNC_QUEUE_MESSAGES = 64
"""Answers that wait for one peer; more requests than that are dropped, and asked again."""

GOSSIP_PERIOD_NS = DurationNs(NS_PER_SECOND // 10)
"""CometBFT config, ``peer_gossip_sleep_duration``: how long gossip waits unless woken."""

CLAIM_PERIOD_NS = DurationNs(2 * NS_PER_SECOND)
"""CometBFT config, ``peer_query_maj23_sleep_duration``."""

EVIDENCE_RESEND_NS = DurationNs(60 * NS_PER_SECOND)
"""Evidence that is still pending is sent to a peer again after this."""

MAX_REQUESTS_PER_PEER = 20
"""CometBFT blocksync, ``maxPendingRequestsPerPeer``."""

MAX_WINDOW_BLOCKS = 200
"""Heights asked for or kept ahead of the one that is applied next."""

BLOCK_TIMEOUT_NS = DurationNs(15 * NS_PER_SECOND)
"""CometBFT blocksync, ``peerTimeout``: silence of a peer that owes blocks."""

POOL_BAN_NS = DurationNs(60 * NS_PER_SECOND)
MAX_POOL_BANS = 1_024
STATUS_PERIOD_NS = DurationNs(10 * NS_PER_SECOND)
"""CometBFT blocksync, ``statusUpdateIntervalSeconds``."""

PEER_GRACE_NS = DurationNs(NS_PER_SECOND)
"""How long after the first status a sync may end: later peers may be further ahead."""

PEX_CHANNEL = 0x00
MAX_PEX_ADDRESSES = 250
"""CometBFT p2p/pex, ``maxGetSelection``: addresses in one answer."""

MAX_PEX_MESSAGE_BYTES = 256 * MAX_PEX_ADDRESSES
"""CometBFT p2p/pex, ``maxMsgSize``."""

PEX_QUEUE_MESSAGES = 10
PEX_PERIOD_NS = DurationNs(30 * NS_PER_SECOND)
"""CometBFT p2p/pex, ``defaultEnsurePeersPeriod``: how often more peers are looked for."""

PEX_REQUEST_PERIOD_NS = DurationNs(PEX_PERIOD_NS // 3)
"""CometBFT p2p/pex, ``minReceiveRequestInterval``: a peer that asks more often is dropped."""

PEX_FREE_REQUESTS = 2
"""CometBFT p2p/pex, ``receiveRequest``: so many are answered whenever they come."""

SNAPSHOT_CHANNEL = 0x60
CHUNK_CHANNEL = 0x61
MAX_SNAPSHOT_MESSAGE_BYTES = 4_000_000
"""CometBFT statesync, ``snapshotMsgSize``."""

MAX_CHUNK_MESSAGE_BYTES = 16_000_000
"""CometBFT statesync, ``chunkMsgSize``."""

MAX_SNAPSHOT_CHUNKS = 100_000
"""More chunks than that make no snapshot; CometBFT has no bound."""

MAX_SNAPSHOTS_TOLD = 10
"""CometBFT statesync, ``recentSnapshots``: the newest so many are told."""

STATESYNC_QUEUE_MESSAGES = 10
