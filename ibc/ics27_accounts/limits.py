"""Sizes of ICS-27, with where they come from."""

MAX_ADDRESS_BYTES = 128
"""ibc-go, ``DefaultMaxAddrLength``."""

MAX_OWNER_BYTES = 100
"""ibc-go allows 2,048, but the port made of it has at most 128 characters."""

MAX_VERSION_BYTES = 4_096
"""Our own bound of a channel's version."""

MAX_MESSAGES = 256
"""Our own bound of the messages in one packet; ibc-go bounds their gas alone."""

MAX_ALLOWED_MESSAGES = 500
"""ibc-go, ``MaxAllowListLength``."""
