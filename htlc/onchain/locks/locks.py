"""Locking, claiming and refunding: a handler over the store ``htlc``."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chainkit.primitives.amounts import Coin
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Address
from chainkit.runtime.addresses import format_address
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from chainkit.runtime.store import prefix_end
from htlc.onchain.errors import (
    HashReused,
    LockClosed,
    LockExpired,
    NotExpired,
    UnknownLock,
    WrongTerms,
)
from htlc.onchain.locks.codec import dump_lock, load_lock
from htlc.onchain.locks.terms import (
    MAX_EXPIRY,
    MAX_LOCK_SECONDS,
    NS_PER_SECOND,
    Lock,
    Status,
    check_preimage,
    lock_address,
)
from ibc.ics20_transfer.port import TokenLedger

STORE_NAME = "htlc"
LOCKS = b"locks/"


@dataclass(frozen=True, slots=True)
class HashLocks:
    """The locks of one ledger.

    A lock is kept under ``locks/`` and its hash, so that other chains can be shown it, and
    its end, by proof.
    """

    ledger: TokenLedger
    account_prefix: str

    def lock(self, ctx: Context, lock: Lock) -> None:
        """Take the sender's coins under a hash.

        Raises:
            WrongTerms: The expiry is not ahead, or over a year ahead; no amount; a receiver
                that is a module.
            HashReused: The hash was used before.
            RuleBroken: The sender has not got the coins, or not to give away.
        """
        present = ctx.time // NS_PER_SECOND
        if lock.is_expired(ctx.time):
            raise WrongTerms(f"expires at {lock.expires_at}, it is {present}")
        if lock.expires_at > min(present + MAX_LOCK_SECONDS, MAX_EXPIRY):
            raise WrongTerms(f"expires at {lock.expires_at}, over {MAX_LOCK_SECONDS} s ahead")
        if lock.coin.amount <= 0:
            raise WrongTerms("a lock holds coins")
        if self.ledger.is_blocked(lock.receiver):
            raise WrongTerms("the receiver is a module")
        if self.get(ctx, lock.digest) is not None:
            raise HashReused(lock.digest.hex())
        self._put(ctx, lock)
        self.ledger.send(ctx, lock.sender, lock_address(lock.digest), lock.coin)
        self._emit(ctx, "hash_locked", lock)

    def claim(self, ctx: Context, preimage: bytes) -> Lock:
        """Give the receiver the coins for the preimage; whoever brings it.

        Raises:
            WrongPreimage: Not of 32 bytes.
            UnknownLock: It opens nothing.
            LockClosed, LockExpired: Too late.
        """
        lock = self._open(ctx, sha256(check_preimage(preimage)))
        if lock.is_expired(ctx.time):
            raise LockExpired(f"since {lock.expires_at}")
        return self._close(
            ctx,
            replace(lock, status=Status.CLAIMED, preimage=preimage),
            lock.receiver,
            "hash_lock_claimed",
        )

    def refund(self, ctx: Context, digest: bytes) -> Lock:
        """Give the sender the coins back; whoever asks.

        Raises:
            UnknownLock: Nothing was locked under the hash.
            LockClosed: It was claimed or refunded.
            NotExpired: Too early.
        """
        lock = self._open(ctx, digest)
        if not lock.is_expired(ctx.time):
            raise NotExpired(f"until {lock.expires_at}")
        return self._close(
            ctx, replace(lock, status=Status.REFUNDED), lock.sender, "hash_lock_refunded"
        )

    def get(self, ctx: Context, digest: bytes) -> Lock | None:
        """Return a lock, open or closed."""
        value = ctx.store(STORE_NAME).get(LOCKS + digest)
        return None if value is None else load_lock(value, self.account_prefix)

    def is_open(self, ctx: Context, digest: bytes) -> bool:
        """Return whether a user of this ledger has coins locked under a hash."""
        lock = self.get(ctx, digest)
        return lock is not None and lock.status is Status.OPEN

    def all(self, ctx: Context) -> Iterator[Lock]:
        """Yield every lock, by hash."""
        for _, value in ctx.store(STORE_NAME).iterate(LOCKS, prefix_end(LOCKS)):
            yield load_lock(value, self.account_prefix)

    def _open(self, ctx: Context, digest: bytes) -> Lock:
        lock = self.get(ctx, digest)
        if lock is None:
            raise UnknownLock(digest.hex())
        if lock.status is not Status.OPEN:
            raise LockClosed(f"{digest.hex()} was {lock.status.name.lower()}")
        return lock

    def _close(self, ctx: Context, lock: Lock, to: Address, event: str) -> Lock:
        """Pay out and keep the lock as closed.

        All of the denomination that its account holds is paid: a coin that somebody sent
        there stays with the locked ones, and its label takes none of theirs away.
        """
        self._put(ctx, lock)
        account = lock_address(lock.digest)
        held = self.ledger.balance(ctx, account, lock.coin.denom)
        self.ledger.send(ctx, account, to, Coin(lock.coin.denom, held))
        self._emit(ctx, event, lock)
        return lock

    def _put(self, ctx: Context, lock: Lock) -> None:
        value = dump_lock(lock, self.account_prefix)
        ctx.store(STORE_NAME).set(LOCKS + lock.digest, value)

    def _emit(self, ctx: Context, kind: str, lock: Lock) -> None:
        attributes = (
            ("hash", lock.digest.hex()),
            ("sender", format_address(self.account_prefix, lock.sender)),
            ("receiver", format_address(self.account_prefix, lock.receiver)),
            ("amount", str(lock.coin)),
            ("expires_at", str(lock.expires_at)),
            ("preimage", lock.preimage.hex()),
        )
        ctx.emit(Event(kind, attributes))
