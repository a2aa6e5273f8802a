"""The bounds of what integrity levels keep."""

MAX_CHAINS = 256
"""Chains that can be registered; the white paper's hub joins tens of spaces."""

MAX_NAME_BYTES = 64
"""A chain's name, an operator, an axis' note."""

MAX_LOTS = 32
"""Lots of one denomination in one account; above it the two lowest become one."""

MAX_DENOMS = 256
"""Denominations by channel whose names are remembered between packets."""

MAX_SCORE = 2**63 - 1
"""An axis' score is a whole number of this size at most."""

MAX_VOUCHES = 32
"""Sources that speak for one datum."""

MAX_GROUNDS_BYTES = 512
"""What a challenger writes."""
