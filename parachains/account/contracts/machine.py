"""What native contracts run on: words of storage and logs, each with Ethereum's price.

Which slots were touched, what they held when the transaction began, and the refund lie in a
store of the transaction's overlay, so that a savepoint takes them back with the rest.

Spec:
    EIP-2929 (cold and warm access), EIP-2200 and EIP-3529 (the price of a write, refunds).
"""

from chainkit.formats.ethereum.types import Log
from chainkit.primitives.types import Address, Hash32
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from parachains.account.contracts.abi import revert_data
from parachains.account.errors import Reverted
from parachains.account.world import WORD_BYTES, world_of

TRANSIENT = "transaction"
LOG_EVENT = "evm_log"
"""The event that becomes a log; the core renames what a refused receive has logged."""

GAS_COLD_ACCOUNT = 2_600
GAS_COLD_SLOAD = 2_100
GAS_WARM_READ = 100
GAS_SSTORE_SET = 20_000
GAS_SSTORE_RESET = 5_000
REFUND_SSTORE_CLEAR = 4_800
GAS_LOG = 375
GAS_LOG_TOPIC = 375
GAS_LOG_BYTE = 8
GAS_HASH = 30
GAS_HASH_WORD = 6
GAS_CALL_VALUE = 9_000
_ZERO = bytes(WORD_BYTES)
_MARK = b"\x01"
_REFUND = b"refund"


def revert(reason: str) -> Reverted:
    """Return a refusal with a reason that clients can read."""
    return Reverted(reason, revert_data(reason))


def gas_of_hash(size: int) -> int:
    """Return the price of hashing ``size`` bytes with Keccak-256."""
    return GAS_HASH + GAS_HASH_WORD * ((size + WORD_BYTES - 1) // WORD_BYTES)


def _account_key(address: Address) -> bytes:
    return b"account/" + address


def _slot_key(address: Address, slot: bytes) -> bytes:
    return b"slot/" + address + slot


def warm_account(ctx: Context, address: Address) -> None:
    """Count an account as touched, without a price."""
    ctx.overlay.store(TRANSIENT).set(_account_key(address), _MARK)


def warm_slot(ctx: Context, address: Address, slot: bytes) -> None:
    """Count a slot as touched, without a price; remember what it holds."""
    ctx.overlay.store(TRANSIENT).set(
        _slot_key(address, slot), _MARK + world_of(ctx).word(address, slot)
    )


def touch_account(ctx: Context, address: Address) -> None:
    """Pay for access to an account."""
    if ctx.overlay.store(TRANSIENT).get(_account_key(address)) is None:
        ctx.gas.consume(GAS_COLD_ACCOUNT, "cold account")
        warm_account(ctx, address)
    else:
        ctx.gas.consume(GAS_WARM_READ, "warm account")


def _touch_slot(ctx: Context, address: Address, slot: bytes) -> bytes | None:
    """Return what a touched slot held when the transaction began; None for a cold one."""
    data = ctx.overlay.store(TRANSIENT).get(_slot_key(address, slot))
    return None if data is None else data[1:]


def load(ctx: Context, address: Address, slot: bytes) -> bytes:
    """Return a word, for its price."""
    if _touch_slot(ctx, address, slot) is None:
        ctx.gas.consume(GAS_COLD_SLOAD, "cold slot")
        warm_slot(ctx, address, slot)
    else:
        ctx.gas.consume(GAS_WARM_READ, "warm slot")
    return world_of(ctx).word(address, slot)


def store(ctx: Context, address: Address, slot: bytes, word: bytes) -> None:
    """Write a word, for its price."""
    world = world_of(ctx)
    original = _touch_slot(ctx, address, slot)
    current = world.word(address, slot)
    price = 0
    if original is None:
        price = GAS_COLD_SLOAD
        warm_slot(ctx, address, slot)
        original = current
    if current == word or original != current:
        price += GAS_WARM_READ
    elif original == _ZERO:
        price += GAS_SSTORE_SET
    else:
        price += GAS_SSTORE_RESET - GAS_COLD_SLOAD
    ctx.gas.consume(price, "write slot")
    change = _refund_change(original, current, word)
    if change:
        _set_refund(ctx, refund(ctx) + change)
    world.set_word(address, slot, word)


def _refund_change(original: bytes, current: bytes, word: bytes) -> int:
    """Return how a write changes the refund (EIP-3529's amounts in EIP-2200's rules)."""
    if current == word:
        return 0
    if original == current:
        return REFUND_SSTORE_CLEAR if original != _ZERO and word == _ZERO else 0
    change = 0
    if original != _ZERO:
        if current == _ZERO:
            change -= REFUND_SSTORE_CLEAR
        elif word == _ZERO:
            change += REFUND_SSTORE_CLEAR
    if original == word:
        spent = GAS_SSTORE_SET if original == _ZERO else GAS_SSTORE_RESET - GAS_COLD_SLOAD
        change += spent - GAS_WARM_READ
    return change


def refund(ctx: Context) -> int:
    """Return what the transaction has earned back so far."""
    data = ctx.overlay.store(TRANSIENT).get(_REFUND)
    return 0 if data is None else int.from_bytes(data, "big", signed=True)


def _set_refund(ctx: Context, amount: int) -> None:
    ctx.overlay.store(TRANSIENT).set(_REFUND, amount.to_bytes(9, "big", signed=True))


def log(ctx: Context, address: Address, topics: tuple[bytes, ...], data: bytes) -> None:
    """Log, for its price."""
    ctx.gas.consume(GAS_LOG + GAS_LOG_TOPIC * len(topics) + GAS_LOG_BYTE * len(data), "log")
    attributes = (
        ("address", address.hex()),
        *(("topic", topic.hex()) for topic in topics),
        ("data", data.hex()),
    )
    ctx.emit(Event(LOG_EVENT, attributes))


def logs_of(events: tuple[Event, ...]) -> tuple[Log, ...]:
    """Return the logs among events, in order."""
    return tuple(_log_of(event) for event in events if event.type == LOG_EVENT)


def _log_of(event: Event) -> Log:
    (_, address), *topics, (_, data) = event.attributes
    return Log(
        Address(bytes.fromhex(address)),
        tuple(Hash32(bytes.fromhex(topic)) for _, topic in topics),
        bytes.fromhex(data),
    )
