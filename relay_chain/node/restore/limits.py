"""Bounds and times of state sync, with where they come from."""

from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs

MAX_SNAPSHOTS_OF_PEER = 10
"""CometBFT statesync, ``recentSnapshots``: what a peer tells beyond them is not noted."""

MAX_CHUNKS_AHEAD = 4
"""Chunks asked for or kept beyond the one that is applied next (CometBFT config,
``statesync.chunk_fetchers``); at most 16 MB each."""

CHUNK_TIMEOUT_NS = DurationNs(10 * NS_PER_SECOND)
"""CometBFT config, ``statesync.chunk_request_timeout``: then another peer is asked."""

MAX_CHUNK_FAILURES = 5
"""A peer that let so many requests pass unanswered, or lacks so many, is asked no more."""

DISCOVERY_NS = DurationNs(5 * NS_PER_SECOND)
"""How long after the first snapshot better ones are waited for."""

ASK_AGAIN_NS = DurationNs(10 * NS_PER_SECOND)
"""How often peers are asked for snapshots while there is none to restore."""

HEADERS_TIMEOUT_NS = DurationNs(60 * NS_PER_SECOND)
"""How long the two headers after a snapshot are waited for."""

HEADERS_POLL_NS = DurationNs(NS_PER_SECOND // 2)
CLOCK_DRIFT_NS = DurationNs(10 * NS_PER_SECOND)
"""CometBFT light, ``defaultMaxClockDrift``."""
