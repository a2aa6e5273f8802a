"""What a peer may make the machine keep, and how far its numbers go."""

from chainkit.formats.ethereum.limits import MAX_QBFT_VALIDATORS, MAX_ROUND

__all__ = [
    "MAX_FUTURE_HEIGHTS",
    "MAX_FUTURE_MESSAGES_PER_AUTHOR",
    "MAX_FUTURE_ROUNDS",
    "MAX_OUTSTANDING_VOTES",
    "MAX_QBFT_VALIDATORS",
    "MAX_ROUND",
    "MAX_TIMEOUT_DOUBLINGS",
]

MAX_FUTURE_HEIGHTS = 10
"""Besu ``futuremessagesmaxdistance``: messages further ahead are dropped."""

MAX_FUTURE_MESSAGES_PER_AUTHOR = 32
"""Messages for later heights that are kept of one validator.

Besu keeps 1,000 of anybody and drops the furthest first, so that one hostile validator can
push out everybody's; here each has its own share.
"""

MAX_FUTURE_ROUNDS = 8
"""Prepares and commits of so many rounds ahead are kept; later ones come again (``ResendDue``)."""

MAX_OUTSTANDING_VOTES = 16
"""Votes of one validator in an epoch that have decided nothing yet.

Besu's tally has no bound: one hostile proposer adds an address to it with each of its blocks.
"""

MAX_TIMEOUT_DOUBLINGS = 10
"""The wait of round 10, 17 minutes at Besu's base of 1 s, is the longest."""
