"""Sizes that the IBC handlers accept, with where they come from."""

MAX_PACKET_DATA_BYTES = 262_144
"""ibc-go v10, ``MaximumPayloadsSize``: 256 KiB."""

MAX_VERSION_FEATURES = 100
"""ibc-go v10, ``MaxFeaturesLength``."""

MAX_COUNTERPARTY_VERSIONS = 100
"""ibc-go v10, ``MaxCounterpartyVersionsLength``."""

MAX_CLIENT_BYTES = 1_048_576
"""A client state, consensus state or client message: what a transaction can hold."""

MAX_CHANNEL_VERSION_BYTES = 4_096
"""Our own bound; ICS-29 and ICS-27 versions are below 1 KiB."""

MAX_JSON_DEPTH = 64
"""Nested arrays and objects in packet data and memos; Python's decoder recurses."""

MAX_PAGE_KEY_BYTES = 1_024
DEFAULT_PAGE_LIMIT = 100
"""Cosmos SDK ``query.DefaultLimit``."""

MAX_SEQUENCES_IN_QUERY = 10_000
"""Packet sequences that one query may ask about."""

MAX_RATE_LIMITS = 1_000
"""Limits that a block looks at when an hour begins; governance cannot add another."""

CACHED_ENDS = 512
"""Ends of channels, and of connections, that are remembered decoded."""
