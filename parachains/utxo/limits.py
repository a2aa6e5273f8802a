"""The UTXO chain's own bounds."""

MAX_CARRIER_BYTES = 400_000
"""Payload of one carrier: an update with two full validator sets fits."""

MAX_CARRIER_MESSAGES = 256
MAX_CARRIER_GAS = 20_000_000
MAX_BLOCK_GAS = 100_000_000
LOT_OUTPUT_VALUE = 330
"""Satoshis on an output that carries foreign tokens: Core's dust limit of P2WPKH."""

MAX_LOTS_PER_OUTPUT = 16
MAX_HOLDINGS = 10_000
"""Entries of the ledger that one answer tells; one with more is not told."""

MAX_UNDO_BLOCKS = 288
"""Blocks that can be disconnected: two days of Bitcoin; a deeper fork stops the node."""
