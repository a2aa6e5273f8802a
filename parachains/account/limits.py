"""The account chain's own bounds; those of the formats are ``chainkit.formats.ethereum.limits``."""

MINIMUM_GAS_LIMIT = 5_000
"""A block's gas limit is never below (Yellow Paper, section 4.4.4)."""

GAS_LIMIT_BOUND_DIVISOR = 1_024
"""A block's gas limit differs from its parent's by less than this part of it."""

MAX_NONCE = 2**64 - 2
"""The last nonce that a transaction can have (EIP-2681)."""

MAX_KNOWN_MESSAGES = 1_024
"""Consensus messages that a peer is known to have: some heights' of a large set."""

MAX_PASSED_ON = 64
"""Messages of one validator that a node passes on while it is in one round.

A correct validator says four things in a round; a hostile one could have others carry its flood.
"""

MAX_MESSAGES_PER_CALL = 256
"""IBC messages in one call; the relayer's batches are far below."""

MAX_TOKEN_NAME_BYTES = 256
MAX_TOKEN_SYMBOL_BYTES = 64
MAX_TRACKED_STATES = 1_024
"""Most recent states that a node may be told to keep beside keeping all."""

MAX_POOL_TRANSACTIONS = 5_120
"""go-ethereum's ``GlobalSlots`` and ``GlobalQueue`` together."""

MAX_POOL_TRANSACTIONS_PER_SENDER = 64
"""go-ethereum's ``AccountQueue``."""

REMEMBERED_SENDERS = 16_384
"""Transactions whose sender is not recovered again: more than a block and the pool."""

PRICE_BUMP_PERCENT = 10
"""go-ethereum's ``PriceBump``: a replacement pays so much more."""

MAX_LOG_BLOCKS = 10_000
"""Blocks that one ``eth_getLogs`` may look through."""

MAX_LOGS = 10_000
"""Logs in one answer."""

MAX_LOG_BYTES = 16_777_216
"""Data of the logs in one answer."""

MAX_SEARCHED_TRANSACTIONS = 50_000
"""Transactions that one ``eth_getLogs`` or ``eth_feeHistory`` looks at: consensus waits as long."""

MAX_FEE_HISTORY_BLOCKS = 1_024
"""go-ethereum's limit of ``eth_feeHistory``."""

MAX_REWARD_PERCENTILES = 100
MAX_PROOF_SLOTS = 1_024
"""Slots in one ``eth_getProof`` (go-ethereum's ``maxGetStorageSlots``)."""

MAX_FILTER_ADDRESSES = 1_000
MAX_FILTER_TOPICS = 4
MAX_TOPIC_CHOICES = 1_000
MAX_SUBSCRIPTIONS = 128
"""Subscriptions of one connection."""

MAX_CALL_GAS = 50_000_000
"""go-ethereum's ``RPCGasCap``: of a call that nobody pays for."""
