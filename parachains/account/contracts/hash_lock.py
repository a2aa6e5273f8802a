"""The hash-lock contract: coins or tokens that a preimage opens before a time, and a refund after.

At every block time exactly one of claim and refund is possible: the claim strictly before the
expiry, the refund from it on. Anyone may send either; it pays whom the lock names.

A hash serves once: a sender locks under it at most once, and nobody locks under a hash whose
preimage was shown here, since everyone could claim that.
"""

from dataclasses import dataclass

from chainkit.formats.ethereum.types import ZERO_ADDRESS
from chainkit.primitives.hashing import sha256
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from htlc.onchain.bitcoin import PREIMAGE_BYTES
from parachains.account.contracts import erc20
from parachains.account.contracts.abi import (
    WORD,
    address_at,
    bytes_at,
    encode_abi,
    number_at,
    topic_of,
    word_of,
)
from parachains.account.contracts.contract import Arguments, Call, Method, NativeContract
from parachains.account.contracts.machine import (
    GAS_CALL_VALUE,
    gas_of_hash,
    load,
    log,
    revert,
    store,
    touch_account,
)
from parachains.account.world import world_of

LOCKED = topic_of("Locked(bytes32,address,address,bytes32,address,uint256,uint256)")
CLAIMED = topic_of("Claimed(bytes32,bytes32)")
REFUNDED = topic_of("Refunded(bytes32)")
UNKNOWN, OPEN, CLAIMED_STATE, REFUNDED_STATE = range(4)
GAS_SHA256 = 72
"""Ethereum's precompile for one word: 60 + 12."""

_LOCKS = word_of(0)
_SHOWN = word_of(1)
_SENDER, _CLAIMER, _TOKEN, _AMOUNT, _EXPIRY, _STATE, _HASH = range(7)
_ADDRESS_BYTES = len(ZERO_ADDRESS)


@dataclass(frozen=True, slots=True)
class Lock:
    """What lies under a lock; the zero token is the chain's own coin."""

    sender: Address
    claimer: Address
    token: Address
    amount: int
    expiry: int
    """UNIX seconds, as block timestamps are."""
    state: int
    hash_lock: bytes


def lock_id(sender: Address, hash_lock: bytes) -> bytes:
    """Return the name of the one lock that a sender can have under a hash."""
    return keccak256(encode_abi(("address", "bytes32"), (sender, hash_lock)))


def _slots(ctx: Context, identity: bytes) -> tuple[bytes, ...]:
    ctx.gas.consume(gas_of_hash(2 * WORD), "hash")
    first = int.from_bytes(erc20.mapping_slot(identity, _LOCKS), "big")
    return tuple(word_of((first + index) % 2**256) for index in range(_HASH + 1))


def read_lock(ctx: Context, this: Address, identity: bytes) -> Lock:
    """Return a lock; its state is ``UNKNOWN`` where there is none."""
    words = [load(ctx, this, slot) for slot in _slots(ctx, identity)]
    return Lock(
        sender=Address(words[_SENDER][-_ADDRESS_BYTES:]),
        claimer=Address(words[_CLAIMER][-_ADDRESS_BYTES:]),
        token=Address(words[_TOKEN][-_ADDRESS_BYTES:]),
        amount=int.from_bytes(words[_AMOUNT], "big"),
        expiry=int.from_bytes(words[_EXPIRY], "big"),
        state=int.from_bytes(words[_STATE], "big"),
        hash_lock=words[_HASH],
    )


def _write_lock(ctx: Context, this: Address, identity: bytes, lock: Lock) -> None:
    words = (
        lock.sender.rjust(WORD, b"\x00"),
        lock.claimer.rjust(WORD, b"\x00"),
        lock.token.rjust(WORD, b"\x00"),
        word_of(lock.amount),
        word_of(lock.expiry),
        word_of(lock.state),
        lock.hash_lock,
    )
    for slot, word in zip(_slots(ctx, identity), words, strict=True):
        store(ctx, this, slot, word)


def _shown_slot(ctx: Context, hash_lock: bytes) -> bytes:
    ctx.gas.consume(gas_of_hash(2 * WORD), "hash")
    return erc20.mapping_slot(hash_lock, _SHOWN)


def _now(ctx: Context) -> int:
    return ctx.time // NS_PER_SECOND


def is_expired(lock: Lock, now: int) -> bool:
    """Return whether the lock is open to its refund; until then it is to its claim."""
    return now >= lock.expiry


def _open(call: Call, terms: Arguments, token: Address, amount: int) -> Arguments:
    """Write a lock whose coins have arrived."""
    ctx = call.ctx
    hash_lock, claimer, expiry = bytes_at(terms, 0), address_at(terms, 1), number_at(terms, 2)
    if not amount:
        raise revert("hash lock: nothing is locked")
    if claimer == ZERO_ADDRESS:
        raise revert("hash lock: claimer is the zero address")
    if expiry <= _now(ctx):
        raise revert("hash lock: expiry is not in the future")
    if any(load(ctx, call.this, _shown_slot(ctx, hash_lock))):
        raise revert("hash lock: the preimage is known")
    identity = lock_id(call.sender, hash_lock)
    if read_lock(ctx, call.this, identity).state != UNKNOWN:
        raise revert("hash lock: the hash was used")
    lock = Lock(call.sender, claimer, token, amount, expiry, OPEN, hash_lock)
    _write_lock(ctx, call.this, identity, lock)
    topics = (
        LOCKED,
        identity,
        call.sender.rjust(WORD, b"\x00"),
        claimer.rjust(WORD, b"\x00"),
    )
    data = encode_abi(
        ("bytes32", "address", "uint256", "uint256"), (hash_lock, token, amount, expiry)
    )
    log(ctx, call.this, topics, data)
    return (identity,)


def _lock(call: Call, arguments: Arguments) -> Arguments:
    return _open(call, arguments, ZERO_ADDRESS, call.value)


def _lock_token(call: Call, arguments: Arguments) -> Arguments:
    token, amount = address_at(arguments, 3), number_at(arguments, 4)
    touch_account(call.ctx, token)
    if not erc20.is_token(call.ctx, token):
        raise revert("hash lock: no such token")
    erc20.move_for(call.ctx, token, call.this, call.sender, call.this, amount)
    return _open(call, arguments, token, amount)


def _open_lock(call: Call, identity: bytes) -> Lock:
    lock = read_lock(call.ctx, call.this, identity)
    if lock.state == UNKNOWN:
        raise revert("hash lock: no such lock")
    if lock.state != OPEN:
        raise revert("hash lock: already closed")
    return lock


def _close(call: Call, identity: bytes, lock: Lock, state: int, receiver: Address) -> None:
    """Note the end first, then pay."""
    store(call.ctx, call.this, _slots(call.ctx, identity)[_STATE], word_of(state))
    if lock.token == ZERO_ADDRESS:
        call.ctx.gas.consume(GAS_CALL_VALUE, "pay")
        touch_account(call.ctx, receiver)
        world_of(call.ctx).move(call.this, receiver, lock.amount)
    else:
        touch_account(call.ctx, lock.token)
        erc20.move(call.ctx, lock.token, call.this, receiver, lock.amount)


def _claim(call: Call, arguments: Arguments) -> Arguments:
    identity, preimage = bytes_at(arguments, 0), bytes_at(arguments, 1)
    lock = _open_lock(call, identity)
    if len(preimage) != PREIMAGE_BYTES:
        raise revert("hash lock: a preimage has 32 bytes")
    call.ctx.gas.consume(GAS_SHA256, "sha256")
    if sha256(preimage) != lock.hash_lock:
        raise revert("hash lock: wrong preimage")
    if is_expired(lock, _now(call.ctx)):
        raise revert("hash lock: expired")
    shown = _shown_slot(call.ctx, lock.hash_lock)
    store(call.ctx, call.this, shown, word_of(1))
    _close(call, identity, lock, CLAIMED_STATE, lock.claimer)
    log(call.ctx, call.this, (CLAIMED, identity), preimage)
    return ()


def _refund(call: Call, arguments: Arguments) -> Arguments:
    identity = bytes_at(arguments, 0)
    lock = _open_lock(call, identity)
    if not is_expired(lock, _now(call.ctx)):
        raise revert("hash lock: not expired")
    _close(call, identity, lock, REFUNDED_STATE, lock.sender)
    log(call.ctx, call.this, (REFUNDED, identity), b"")
    return ()


def _locks(call: Call, arguments: Arguments) -> Arguments:
    lock = read_lock(call.ctx, call.this, bytes_at(arguments, 0))
    return (
        lock.sender,
        lock.claimer,
        lock.token,
        lock.amount,
        lock.expiry,
        lock.state,
        lock.hash_lock,
    )


_TERMS = ("bytes32", "address", "uint256")
HASH_LOCK = NativeContract(
    "isthmus/hash-lock/1",
    (
        Method("lock", _TERMS, ("bytes32",), _lock, is_payable=True),
        Method("lockToken", (*_TERMS, "address", "uint256"), ("bytes32",), _lock_token),
        Method("claim", ("bytes32", "bytes"), (), _claim),
        Method("refund", ("bytes32",), (), _refund),
        Method(
            "locks",
            ("bytes32",),
            ("address", "address", "address", "uint256", "uint256", "uint8", "bytes32"),
            _locks,
        ),
    ),
)
"""Locks by id: hash, claimer, expiry in seconds; ``lockToken`` needs an allowance first."""
