"""Sizes of Ethereum's structures, and the most that we take of each."""

ADDRESS_BYTES = 20
HASH_BYTES = 32
BLOOM_BYTES = 256
NONCE_BYTES = 8
UINT256_MAX = 2**256 - 1
UINT64_BYTES = 8

MAX_HEADER_BYTES = 131_072
"""A header whose extra data names 1,000 validators and carries their seals has 88,000."""

MAX_EXTRA_DATA_BYTES = 122_880
"""Ethereum's own limit is 32, but Besu's QBFT keeps validators and seals there."""

MAX_QBFT_VALIDATORS = 1_000
SEAL_BYTES = 65
"""r, s and the recovery id."""

VANITY_BYTES = 32
MAX_ROUND = 2**31 - 1
"""Besu keeps the round in a signed 32-bit number."""

MAX_TRANSACTION_BYTES = 131_072
"""go-ethereum's ``txMaxSize``."""

MAX_ACCESS_LIST_ENTRIES = 1_024
MAX_RECEIPT_BYTES = 4_194_304
MAX_LOG_TOPICS = 4
"""LOG0 to LOG4 of the virtual machine."""

MAX_BLOCK_BYTES = 10_485_760
"""10 MiB: Ethereum's limit on a block since EIP-7934."""

MAX_BLOCK_ITEMS = 1_048_576
MAX_BLOCK_TRANSACTIONS = 65_536
MAX_WITHDRAWALS = 16
"""The consensus specification's ``MAX_WITHDRAWALS_PER_PAYLOAD``."""

MAX_ABI_DEPTH = 4
"""Arrays and tuples within one another in the arguments of a call."""

MAX_ABI_ITEMS = 1_024
"""Items of the arrays of one call."""
