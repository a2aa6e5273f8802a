"""How much the relayer takes on at once, and how long it waits."""

from chainkit.primitives.timestamps import NS_PER_SECOND, seconds_to_ns
from chainkit.primitives.types import DurationNs

MAX_MESSAGES_PER_TX = 30
"""Packets and handshake steps in one transaction, as Hermes's ``max_msg_num``."""

MAX_PACKETS_PER_CHANNEL = 500
"""Oldest unfinished packets of a channel looked at in one round; the rest wait for the next."""

MAX_DEFERRED = 10_000
"""Actions that failed and wait for another try; over it, the oldest are tried at once."""

MAX_FORK_DEPTH = 512
"""How far below a client's newest block its branch is followed to where it left its chain's."""

POLL_INTERVAL_NS = DurationNs(NS_PER_SECOND // 2)
"""Between two looks at a path when nothing wakes the relayer."""

TX_POLL_INTERVAL_NS = DurationNs(NS_PER_SECOND // 5)
TX_WAIT_NS = seconds_to_ns(30)
"""How long to wait for a block to hold a transaction before its fate is left to the journal."""

TX_LIFETIME_BLOCKS = 50
"""After so many blocks, a transaction that no block holds is taken to be lost."""

FIRST_BACKOFF_NS = seconds_to_ns(1)
MAX_BACKOFF_NS = seconds_to_ns(60)
MAX_SEQUENCE_RETRIES = 3
"""How often a transaction is signed again because the account's sequence was another."""
