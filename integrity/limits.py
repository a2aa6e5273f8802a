"""The bounds of what integrity levels keep."""

MAX_CHAINS = 256
"""Chains that can be registered; the white paper's hub joins tens of spaces."""

MAX_NAME_BYTES = 64
"""A chain's name, an operator, an axis' note."""

MAX_REASON_BYTES = 256
"""What a record says of why a level changed."""

MAX_LOTS = 32
"""Lots of one denomination in one account; above it the two lowest become one."""

MAX_SCORE = 2**63 - 1
"""An axis' score is a whole number of this size at most."""

MAX_ENDORSERS = 32
"""Sources of one endorsement."""

MAX_LEVEL_RECORDS_SHOWN = 1_000
"""Records of one answer to a query."""
