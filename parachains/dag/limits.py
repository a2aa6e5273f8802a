"""What a block and a transaction of the DAG chain may hold."""

MAX_TRANSACTION_BYTES = 1_048_576
"""A client update with many headers is the largest."""

MAX_BODY_BYTES = 2_097_152
MAX_BLOCK_TRANSACTIONS = 5_000
MAX_MESSAGES = 64
MAX_BLOCK_GAS = 100_000_000
"""Sum of the gas limits of a block's transactions."""

MAX_UNDO_BLOCKS = 512
"""Blocks of the selected chain that a node can take back."""

KEEP_STATES = 1_024
"""States of the selected chain that a node keeps: more than it can take back."""

MAX_CACHED_BODIES = 64
MAX_REMEMBERED_RUNS = 4
MAX_MEMPOOL_TRANSACTIONS = 20_000
MAX_MEMPOOL_BYTES = 67_108_864
MAX_WAITING_PER_ACCOUNT = 256
"""Sequences from the account's next one on that may wait."""

MAX_ORPHANS = 256
MAX_ORPHAN_BYTES = 33_554_432
MAX_WANTED_BLOCKS = 16_384
"""Headers with work whose blocks are being fetched."""

MAX_WANTED_OF_PEER = 2_048
"""Of them, those that one peer told of first; two full answers."""

GAS_TRANSACTION = 2_000
"""What every transaction uses before its messages."""
