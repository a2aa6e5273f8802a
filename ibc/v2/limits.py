"""Sizes that IBC v2 accepts, with where they come from."""

MAX_TIMEOUT_SECONDS = 24 * 60 * 60
"""ibc-go v10, ``MaxTimeoutDelta``."""

MAX_PREFIX_ELEMENTS = 32
"""ibc-go v11, ``MaxCounterpartyMerklePrefixElements``."""

MAX_PREFIX_BYTES = 256
"""ibc-go v11, ``MaxMerklePrefixLength`` of one element."""

MAX_ALLOWED_RELAYERS = 20
"""ibc-go v10, ``MaxAllowedRelayersLength``."""

MAX_PAYLOADS = 64
"""Our own bound; ibc-go bounds their bytes alone."""
