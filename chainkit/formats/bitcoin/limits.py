"""Bitcoin's consensus limits, by Bitcoin Core's names for them."""

COIN = 100_000_000
"""Satoshis in a bitcoin."""

MAX_MONEY = 21_000_000 * COIN
MAX_COMPACT_SIZE = 0x02000000
"""serialize.h ``MAX_SIZE``: the most that a length prefix may say."""

MAX_BLOCK_WEIGHT = 4_000_000
MAX_BLOCK_SIGOPS_COST = 80_000
WITNESS_SCALE_FACTOR = 4
MIN_TRANSACTION_BYTES = 60
"""The smallest encoding of a valid transaction without witness (consensus.h)."""

MAX_SCRIPT_BYTES = 10_000
MAX_SCRIPT_ELEMENT_BYTES = 520
MAX_OPS_PER_SCRIPT = 201
MAX_PUBKEYS_PER_MULTISIG = 20
MAX_STACK_ITEMS = 1_000
MAX_STANDARD_OP_RETURN_BYTES = 100_000
"""Bitcoin Core 30 ``MAX_OP_RETURN_RELAY``: policy, not consensus."""

COINBASE_MATURITY = 100
MAX_FUTURE_BLOCK_SECONDS = 2 * 60 * 60
MEDIAN_TIME_SPAN = 11
LOCKTIME_THRESHOLD = 500_000_000
"""Below it a lock time is a height, from it a UNIX time in seconds."""

SEQUENCE_FINAL = 0xFFFFFFFF
SEQUENCE_LOCKTIME_DISABLE_FLAG = 1 << 31
SEQUENCE_LOCKTIME_TYPE_FLAG = 1 << 22
SEQUENCE_LOCKTIME_MASK = 0x0000FFFF
SEQUENCE_LOCKTIME_GRANULARITY = 9
"""Relative times count in units of 2**9 seconds (BIP-68)."""
