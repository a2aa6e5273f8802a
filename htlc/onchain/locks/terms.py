"""A hash lock of accounts as a value, and its bounds."""

from dataclasses import dataclass
from enum import Enum

from chainkit.primitives.amounts import Coin
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Address, TimestampNs
from htlc.onchain.bitcoin import HASH_BYTES, PREIMAGE_BYTES
from htlc.onchain.errors import WrongPreimage, WrongTerms

NS_PER_SECOND = 1_000_000_000
MAX_LOCK_SECONDS = 366 * 86_400
"""How far ahead an expiry may lie: coins under a lost preimage come back within a year."""

MAX_EXPIRY = 2**32 - 1
"""UNIX seconds as a lock time on a chain of scripts can say them too."""

_MODULE_TYPE = b"module"
_NAME = b"htlc\x00"


class Status(Enum):
    """What became of a lock."""

    OPEN = 0
    CLAIMED = 1
    REFUNDED = 2


@dataclass(frozen=True, slots=True)
class Lock:
    """Coins that the receiver gets for a preimage, or the sender back from the expiry on."""

    digest: bytes
    """SHA-256 of the preimage, 32 bytes; a ledger locks under each only once."""
    sender: Address
    receiver: Address
    coin: Coin
    expires_at: int
    """UNIX seconds: a claim is of a block before it, a refund of one from it on."""
    status: Status = Status.OPEN
    preimage: bytes = b""
    """What opened it; empty unless it was claimed."""

    def is_expired(self, now: TimestampNs) -> bool:
        """Return whether a block of this time refunds; else it claims. Never both."""
        return now >= self.expires_at * NS_PER_SECOND


def check_digest(digest: bytes) -> bytes:
    """Return a hash lock's hash.

    Raises:
        WrongTerms: Not of 32 bytes.
    """
    if len(digest) != HASH_BYTES:
        raise WrongTerms(f"a hash lock has {HASH_BYTES} bytes, not {len(digest)}")
    return digest


def check_preimage(preimage: bytes) -> bytes:
    """Return a preimage.

    Raises:
        WrongPreimage: Not of exactly 32 bytes: a longer one would open a lock here that
            the other chain of a swap could not open.
    """
    if len(preimage) != PREIMAGE_BYTES:
        raise WrongPreimage(f"a preimage has {PREIMAGE_BYTES} bytes, not {len(preimage)}")
    return preimage


def lock_address(digest: bytes) -> Address:
    """Return the account that holds the coins of one lock (ADR-028's of a module and a key).

    Each lock has its own: coins of one pool would exchange the labels of their lots.
    """
    return Address(sha256(sha256(_MODULE_TYPE) + _NAME + digest))
