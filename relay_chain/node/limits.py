"""Every bound of a node that is not the protocol's, with what happens at it."""

from chainkit.primitives.limits import MAX_BLOCK_SIZE_BYTES

MAX_WAL_ENTRY_BYTES = MAX_BLOCK_SIZE_BYTES + 65_536
"""The largest entry is one with a whole block in it; a longer length is a torn frame."""

WAL_ROTATE_BYTES = 16 * 1024 * 1024
"""The log is begun anew at the first end of height past this size."""

WAL_SEARCH_BYTES = 256 * 1024 * 1024
"""Checksums behind a bad frame cost at most so much; past it the log counts as corrupt."""

WAL_BUFFER_BYTES = 1024 * 1024
"""Entries that are not synced yet are handed to the kernel past this size."""

MAX_GENESIS_BYTES = 16 * 1024 * 1024
"""A longer genesis file is refused."""

MAX_MEMPOOL_TXS = 5_000
"""CometBFT config, ``mempool.size``: the next transaction is refused."""

MAX_MEMPOOL_BYTES = 64 * 1024 * 1024
"""CometBFT config, ``mempool.max_txs_bytes`` (a sixteenth of it): the next is refused."""

MEMPOOL_CACHE_SIZE = 10_000
"""CometBFT config, ``mempool.cache_size``: the least recently seen is forgotten."""

MAX_RPC_BODY_BYTES = 2 * 1024 * 1024
"""A larger request is answered 413. Holds a base64 transaction of MAX_TX_BYTES."""

MAX_RPC_CONNECTIONS = 900
"""CometBFT config, ``rpc.max_open_connections``: the next is answered 503 and closed."""

MAX_BATCH_REQUESTS = 10
"""CometBFT config, ``rpc.max_request_batch_size``: a longer batch is refused whole."""

RPC_READ_TIMEOUT_S = 10.0
"""CometBFT rpc/jsonrpc, ``ReadTimeout``: a body that takes longer is given up."""

RPC_WRITE_TIMEOUT_S = 10.0
"""CometBFT rpc/jsonrpc, ``WriteTimeout``: a client that reads slower loses its connection."""

RPC_IDLE_TIMEOUT_S = 60.0
"""A connection on which no whole request begins for so long is closed."""

MAX_SUBSCRIPTIONS_PER_CLIENT = 5 + 5
"""CometBFT config, ``rpc.max_subscriptions_per_client`` is 5; relayers with more paths open 10."""

MAX_SUBSCRIPTION_CLIENTS = 100
"""CometBFT config, ``rpc.max_subscription_clients``."""

SUBSCRIPTION_BUFFER = 200
"""CometBFT config, ``rpc.experimental_subscription_buffer_size``: a client that is slower
than this many events loses its subscription, and is told so."""

MAX_QUERY_BYTES = 512
"""CometBFT rpc/core, ``maxQueryLength``."""

MAX_QUERY_CONDITIONS = 32
"""Conditions in one event query; more are refused."""

MAX_SEARCH_RESULTS = 100_000
"""Matches that one search counts; a query that matches more must be narrowed."""

MAX_SEARCH_SCANNED = 10_000
"""Candidates whose events one search looks at; a query that needs more must be narrowed."""

MAX_SEARCH_STEPS = 10_000_000
"""SQLite's instructions for one search, about half a second; past it the query is too broad."""

SEARCH_TURN = 100
"""Candidates judged before peers and other requests get their turn of the event loop."""

MAX_INDEXED_VALUE_CHARS = 128
"""Of an attribute's value the index keeps so much; longer ones are compared in the results."""

MAX_PER_PAGE = 100
DEFAULT_PER_PAGE = 30
"""CometBFT rpc/core, ``maxPerPage`` and ``defaultPerPage``."""

MAX_BLOCKCHAIN_METAS = 20
"""CometBFT rpc/core, the most headers that ``blockchain`` returns."""

GENESIS_CHUNK_BYTES = 16 * 1024 * 1024
"""CometBFT rpc/core, ``genesisChunkSize``: a longer document comes only in chunks."""

MAX_ABCI_QUERY_BYTES = 1_048_576
"""Path or data of one ``abci_query``."""

BROADCAST_COMMIT_TIMEOUT_S = 10.0
"""CometBFT config, ``rpc.timeout_broadcast_tx_commit``."""

MAX_PENDING_INPUTS = 10_000
"""Consensus inputs waiting for the machine; a peer's next one is dropped (it will be
gossiped again), the node's own are never counted."""

MAX_EARLY_PARTS = 64
"""Parts of the next height kept while this node is still applying the last one."""

MAX_TX_SENDERS = 50
"""Peers noted as having one transaction; the others are sent it once more."""

STATE_SYNC_BLOCKS = 16
"""Commits of the application for one wait for the disk: power loss takes the others back, and
the handshake executes their blocks again, so as many blocks are kept whatever the settings."""

PRUNE_EVERY_BLOCKS = 100
"""Blocks past the kept ones before they are deleted."""

MAX_INPUTS_PER_TURN = 32
"""Consensus inputs handled before peers and RPC get their turn of the event loop."""

SNAPSHOT_CHUNK_BYTES = 1024 * 1024
"""A chunk of a snapshot; a longer one is fetched again elsewhere. CometBFT's peers take 16 MB."""

MAX_SNAPSHOT_CHUNKS = 65_536
"""Chunks of one snapshot, 64 GiB: an offer of more is refused, a larger state is not offered. The
hashes of so many are 2 MiB of the 4 MB that CometBFT takes for an offer."""

MAX_SNAPSHOTS = 10
"""CometBFT statesync, ``recentSnapshots``: more are not asked for, so more are not kept."""
