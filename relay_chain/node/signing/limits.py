"""Sizes and times of the remote signer, with where they come from."""

from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs

MAX_SIGNER_MESSAGE_BYTES = 10_240
"""CometBFT privval, ``maxRemoteSignerMsgSize``."""

MAX_SIGNER_ERROR_CHARACTERS = 500
"""Of a signer's reason so much is logged."""

ANSWER_TIMEOUT_NS = DurationNs(5 * NS_PER_SECOND)
"""CometBFT privval, ``defaultTimeoutReadWriteSeconds``: a signer that takes longer is dropped."""

PING_AFTER_NS = DurationNs(ANSWER_TIMEOUT_NS * 2 // 3)
"""CometBFT privval, ``pingInterval``: a signer at rest for so long is asked for a sign of life."""

SILENCE_TIMEOUT_NS = DurationNs(2 * ANSWER_TIMEOUT_NS)
"""A node that neither asks nor pings for so long is dialled anew."""

HANDSHAKE_TIMEOUT_NS = DurationNs(3 * NS_PER_SECOND)
"""CometBFT privval, ``defaultTimeoutAcceptSeconds``."""

FIRST_KEY_TIMEOUT_NS = DurationNs(60 * NS_PER_SECOND)
"""How long a node that never saw its signer waits for it before it gives up starting."""

MAX_PENDING_SIGNATURES = 16
"""Requests that wait while the signer is away; the oldest is given up for a new one."""

MAX_ATTEMPTS = 3
"""A request that spoilt so many connections is given up: the vote is lost, the node goes on."""

REDIAL_FIRST_NS = DurationNs(NS_PER_SECOND // 10)
"""CometBFT privval, ``defaultRetryWaitMilliseconds``."""

REDIAL_LONGEST_NS = DurationNs(NS_PER_SECOND)
