"""How long a block may take, as a chain's genesis tells other chains and relayers."""

LEAST_SLOW_BLOCK_MS = 5_000
_MARGIN = 5
_NS_PER_MS = 1_000_000


def slowest_block_ns(propose_ms: int, commit_ms: int) -> int:
    """Return five times what a block's timeouts make likely, five seconds at least.

    Connections count delays in such blocks, and Hermes waits a fifth of one between attempts.

    Spec:
        ibc-go 03-connection, ``max_expected_time_per_block``: three to five times the expected.
    """
    return max(_MARGIN * (propose_ms + commit_ms), LEAST_SLOW_BLOCK_MS) * _NS_PER_MS
