"""Every size that comes from outside has its limit here, with where it comes from."""

MAX_CHAIN_ID_BYTES = 50
"""CometBFT types, ``MaxChainIDLen``."""

MAX_TOTAL_VOTING_POWER = (2**63 - 1) // 8
"""CometBFT types, ``MaxTotalVotingPower``: products with it must fit 64 bits."""

MAX_VOTES_COUNT = 10_000
"""CometBFT types, ``MaxVotesCount``: the largest validator set."""

MAX_BLOCK_SIZE_BYTES = 104_857_600
"""CometBFT types, ``MaxBlockSizeBytes``: 100 MiB, the most that a parameter may allow."""

BLOCK_PART_SIZE_BYTES = 65_536
"""CometBFT types, ``BlockPartSizeBytes``."""

MAX_BLOCK_PARTS_COUNT = MAX_BLOCK_SIZE_BYTES // BLOCK_PART_SIZE_BYTES + 1
MAX_TX_BYTES = 1_048_576
"""CometBFT config, ``mempool.max_tx_bytes``."""

MAX_MESSAGES_IN_TX = 256
MAX_MEMO_BYTES = 32_768
"""ibc-go, transfer ``MaximumMemoLength``."""

MAX_RECEIVER_BYTES = 2_048
"""ibc-go, transfer ``MaximumReceiverLength``."""

MAX_PROOF_BYTES = 1_048_576
MAX_PROOF_DEPTH = 128
"""ICS-23: the most inner operations in one existence proof."""

MAX_STORE_KEY_BYTES = 65_535
MAX_STORE_VALUE_BYTES = 4_194_304
MAX_FORWARD_HOPS = 8
MAX_DENOM_HOPS = 16
"""Port/channel pairs in a denom trace that we accept."""

UINT64_MAX = 2**64 - 1
INT64_MAX = 2**63 - 1

MAX_ANY_BYTES = 4_194_304
"""A message carried in an ``Any``: more than any transaction that a block admits."""
