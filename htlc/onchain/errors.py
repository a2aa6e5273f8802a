"""Why hash-locked terms or spends are refused."""

from chainkit.primitives.errors import RuleBroken


class HashLockRefused(RuleBroken):
    """The base of this package's refusals."""

    codespace = "htlc"
    code = 2


class WrongTerms(HashLockRefused):
    """A hash, key or time is not of its form, so that the output would lock coins for ever."""

    code = 3


class NotHashLocked(HashLockRefused):
    """A script is not byte for byte the hash lock that its terms give."""

    code = 4


class WrongPreimage(HashLockRefused):
    """A preimage is not of exactly 32 bytes, or its SHA-256 is not the hash lock."""

    code = 5


class TooLittleValue(HashLockRefused):
    """The outputs of a spend are worth more than the output that it spends."""

    code = 6


class HashReused(HashLockRefused):
    """A hash was locked before on this ledger; whoever knows the old preimage would take it."""

    code = 7


class UnknownLock(HashLockRefused):
    """No coins were ever locked under this hash."""

    code = 8


class LockClosed(HashLockRefused):
    """The lock was claimed or refunded."""

    code = 9


class LockExpired(HashLockRefused):
    """A claim at or after the expiry."""

    code = 10


class NotExpired(HashLockRefused):
    """A refund before the expiry."""

    code = 11


class WrongVersion(HashLockRefused):
    """A channel's version is not ours."""

    code = 12
