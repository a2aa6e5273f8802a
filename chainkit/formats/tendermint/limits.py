"""Sizes of encoded CometBFT values that come from outside, in bytes."""

from chainkit.primitives.limits import BLOCK_PART_SIZE_BYTES, MAX_BLOCK_SIZE_BYTES

MAX_HEADER_BYTES = 626
"""CometBFT types, ``MaxHeaderBytes``; with the slack of an arbitrarily long app hash."""

MAX_ENCODED_HEADER_BYTES = 2_048
MAX_COMMIT_OVERHEAD_BYTES = 94
MAX_COMMIT_SIG_BYTES = 109
MAX_OVERHEAD_FOR_BLOCK_BYTES = 11
"""CometBFT types, ``MaxOverheadForBlock``."""

MAX_ENCODED_VOTE_BYTES = 1_049_600
"""A vote with the longest extension that CometBFT's p2p lets through (1 MiB) and the rest."""

MAX_ENCODED_PROPOSAL_BYTES = 512
MAX_ENCODED_PART_BYTES = BLOCK_PART_SIZE_BYTES + 8_192
"""A part and a proof of 100 aunts."""

MAX_ENCODED_COMMIT_BYTES = 2_097_152
"""10,000 signatures."""

MAX_ENCODED_VALIDATOR_SET_BYTES = 2_097_152
"""10,000 validators."""

MAX_ENCODED_LIGHT_BLOCK_BYTES = (
    MAX_ENCODED_HEADER_BYTES + MAX_ENCODED_COMMIT_BYTES + MAX_ENCODED_VALIDATOR_SET_BYTES
)
MAX_ENCODED_EVIDENCE_BYTES = MAX_ENCODED_LIGHT_BLOCK_BYTES + MAX_ENCODED_VALIDATOR_SET_BYTES
MAX_ENCODED_BLOCK_BYTES = MAX_BLOCK_SIZE_BYTES
MAX_ENCODED_PARAMS_BYTES = 4_096


def max_commit_bytes(validators: int) -> int:
    """Return the most bytes of a commit of a set of this size (``MaxCommitBytes``)."""
    return MAX_COMMIT_OVERHEAD_BYTES + (MAX_COMMIT_SIG_BYTES + 2) * validators


def max_data_bytes(block_max_bytes: int, evidence_bytes: int, validators: int) -> int:
    """Return how many bytes a block's transactions may take, below 0 if none fit.

    -1 for ``block_max_bytes`` stands for the protocol's limit (CometBFT ``MaxDataBytes``).
    """
    limit = MAX_BLOCK_SIZE_BYTES if block_max_bytes == -1 else block_max_bytes
    overhead = MAX_OVERHEAD_FOR_BLOCK_BYTES + MAX_HEADER_BYTES + max_commit_bytes(validators)
    return limit - overhead - evidence_bytes
