"""ERC-20 tokens: the standard's methods and logs, in the storage that Solidity would lay out.

Vouchers of IBC have no owner: only the transfer application mints and burns them, through the
functions of this module, which are no methods. A token of the factory may have an owner who
mints.

Spec:
    EIP-20; Solidity documentation, "Layout of State Variables in Storage".
"""

from chainkit.formats.ethereum.types import ZERO_ADDRESS
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from parachains.account.contracts.abi import (
    WORD,
    address_at,
    encode_abi,
    number_at,
    topic_of,
    word_of,
)
from parachains.account.contracts.contract import Arguments, Call, Method, NativeContract
from parachains.account.contracts.machine import gas_of_hash, load, log, revert, store
from parachains.account.world import AccountState, world_of

TRANSFER = topic_of("Transfer(address,address,uint256)")
APPROVAL = topic_of("Approval(address,address,uint256)")
UINT256_MAX = 2**256 - 1
_BALANCES = 0
_ALLOWANCES = 1
_SUPPLY = word_of(2)
_NAME = word_of(3)
_SYMBOL = word_of(4)
_DECIMALS = word_of(5)
_OWNER = word_of(6)
_LAST_SHORT = 31


def mapping_slot(key: bytes, slot: bytes) -> bytes:
    """Return where Solidity keeps the value of a mapping's key."""
    return keccak256(key.rjust(WORD, b"\x00") + slot)


def _balance_slot(ctx: Context, owner: Address) -> bytes:
    ctx.gas.consume(gas_of_hash(2 * WORD), "hash")
    return mapping_slot(owner, word_of(_BALANCES))


def _allowance_slot(ctx: Context, owner: Address, spender: Address) -> bytes:
    ctx.gas.consume(2 * gas_of_hash(2 * WORD), "hash")
    return mapping_slot(spender, mapping_slot(owner, word_of(_ALLOWANCES)))


def _number(ctx: Context, token: Address, slot: bytes) -> int:
    return int.from_bytes(load(ctx, token, slot), "big")


def _store_text(ctx: Context, token: Address, slot: bytes, text: str) -> None:
    data = text.encode()
    if len(data) <= _LAST_SHORT:
        store(ctx, token, slot, data.ljust(_LAST_SHORT, b"\x00") + bytes([2 * len(data)]))
        return
    store(ctx, token, slot, word_of(2 * len(data) + 1))
    first = int.from_bytes(keccak256(slot), "big")
    for index in range(0, len(data), WORD):
        word = data[index : index + WORD].ljust(WORD, b"\x00")
        store(ctx, token, word_of((first + index // WORD) % 2**256), word)


def _load_text(ctx: Context, token: Address, slot: bytes) -> str:
    word = load(ctx, token, slot)
    if not word[-1] & 1:
        return word[: word[-1] // 2].decode()
    size = (int.from_bytes(word, "big") - 1) // 2
    first = int.from_bytes(keccak256(slot), "big")
    words = [
        load(ctx, token, word_of((first + index) % 2**256)) for index in range(-(-size // WORD))
    ]
    return b"".join(words)[:size].decode()


def is_token(ctx: Context, token: Address) -> bool:
    """Return whether an account is an ERC-20 token of this chain."""
    return world_of(ctx).account(token).code_hash == ERC20.code_hash


def deploy(
    ctx: Context, token: Address, *, name: str, symbol: str, decimals: int, owner: Address
) -> None:
    """Make an account a token without supply; the owner (zero: nobody) may mint."""
    world = world_of(ctx)
    balance = world.balance(token)
    world.set_account(token, AccountState(1, balance, ERC20.code_hash))
    _store_text(ctx, token, _NAME, name)
    _store_text(ctx, token, _SYMBOL, symbol)
    if decimals:
        store(ctx, token, _DECIMALS, word_of(decimals))
    if owner != ZERO_ADDRESS:
        store(ctx, token, _OWNER, owner.rjust(WORD, b"\x00"))


def balance_of(ctx: Context, token: Address, owner: Address) -> int:
    """Return what an account holds of a token."""
    return _number(ctx, token, _balance_slot(ctx, owner))


def total_supply(ctx: Context, token: Address) -> int:
    """Return how much of a token there is."""
    return _number(ctx, token, _SUPPLY)


def _add(ctx: Context, token: Address, owner: Address, amount: int) -> None:
    slot = _balance_slot(ctx, owner)
    balance = _number(ctx, token, slot) + amount
    if balance < 0:
        raise revert("ERC20: transfer amount exceeds balance")
    store(ctx, token, slot, word_of(balance))


def _log_transfer(
    ctx: Context, token: Address, sender: Address, receiver: Address, amount: int
) -> None:
    topics = (TRANSFER, sender.rjust(WORD, b"\x00"), receiver.rjust(WORD, b"\x00"))
    log(ctx, token, topics, word_of(amount))


def move(ctx: Context, token: Address, sender: Address, receiver: Address, amount: int) -> None:
    """Move tokens.

    Raises:
        Reverted: The receiver is the zero address, or the sender holds less.
    """
    if receiver == ZERO_ADDRESS:
        raise revert("ERC20: transfer to the zero address")
    _add(ctx, token, sender, -amount)
    _add(ctx, token, receiver, amount)
    _log_transfer(ctx, token, sender, receiver, amount)


def mint(ctx: Context, token: Address, receiver: Address, amount: int) -> None:
    """Make tokens; who may is the caller's matter.

    Raises:
        Reverted: The supply would be above what a word holds, or for the zero address.
    """
    if receiver == ZERO_ADDRESS:
        raise revert("ERC20: mint to the zero address")
    supply = total_supply(ctx, token) + amount
    if supply > UINT256_MAX:
        raise revert("ERC20: supply overflows")
    store(ctx, token, _SUPPLY, word_of(supply))
    _add(ctx, token, receiver, amount)
    _log_transfer(ctx, token, ZERO_ADDRESS, receiver, amount)


def burn(ctx: Context, token: Address, owner: Address, amount: int) -> None:
    """Destroy tokens of an account; who may is the caller's matter.

    Raises:
        Reverted: The owner holds less.
    """
    _add(ctx, token, owner, -amount)
    store(ctx, token, _SUPPLY, word_of(total_supply(ctx, token) - amount))
    _log_transfer(ctx, token, owner, ZERO_ADDRESS, amount)


def move_for(
    ctx: Context, token: Address, spender: Address, owner: Address, to: Address, amount: int
) -> None:
    """Move tokens that ``owner`` has allowed ``spender`` to move.

    Raises:
        Reverted: The allowance or the balance is less.
    """
    slot = _allowance_slot(ctx, owner, spender)
    allowed = _number(ctx, token, slot)
    if allowed < amount:
        raise revert("ERC20: insufficient allowance")
    if allowed != UINT256_MAX:
        store(ctx, token, slot, word_of(allowed - amount))
    move(ctx, token, owner, to, amount)


def _transfer(call: Call, arguments: Arguments) -> Arguments:
    move(call.ctx, call.this, call.sender, address_at(arguments, 0), number_at(arguments, 1))
    return (True,)


def _approve(call: Call, arguments: Arguments) -> Arguments:
    spender, amount = address_at(arguments, 0), number_at(arguments, 1)
    if spender == ZERO_ADDRESS:
        raise revert("ERC20: approve to the zero address")
    slot = _allowance_slot(call.ctx, call.sender, spender)
    store(call.ctx, call.this, slot, word_of(amount))
    topics = (APPROVAL, call.sender.rjust(WORD, b"\x00"), spender.rjust(WORD, b"\x00"))
    log(call.ctx, call.this, topics, encode_abi(("uint256",), (amount,)))
    return (True,)


def _transfer_from(call: Call, arguments: Arguments) -> Arguments:
    owner, receiver = address_at(arguments, 0), address_at(arguments, 1)
    move_for(call.ctx, call.this, call.sender, owner, receiver, number_at(arguments, 2))
    return (True,)


def _mint(call: Call, arguments: Arguments) -> Arguments:
    owner = load(call.ctx, call.this, _OWNER)[-len(call.sender) :]
    if owner == ZERO_ADDRESS or call.sender != owner:
        raise revert("ERC20: caller is not the owner")
    mint(call.ctx, call.this, address_at(arguments, 0), number_at(arguments, 1))
    return ()


def _allowance(call: Call, arguments: Arguments) -> Arguments:
    slot = _allowance_slot(call.ctx, address_at(arguments, 0), address_at(arguments, 1))
    return (_number(call.ctx, call.this, slot),)


def _owner(call: Call, _: Arguments) -> Arguments:
    return (load(call.ctx, call.this, _OWNER)[-len(ZERO_ADDRESS) :],)


ERC20 = NativeContract(
    "isthmus/erc20/1",
    (
        Method("name", (), ("string",), lambda c, _: (_load_text(c.ctx, c.this, _NAME),)),
        Method("symbol", (), ("string",), lambda c, _: (_load_text(c.ctx, c.this, _SYMBOL),)),
        Method("decimals", (), ("uint8",), lambda c, _: (_number(c.ctx, c.this, _DECIMALS),)),
        Method("totalSupply", (), ("uint256",), lambda c, _: (total_supply(c.ctx, c.this),)),
        Method(
            "balanceOf",
            ("address",),
            ("uint256",),
            lambda c, a: (balance_of(c.ctx, c.this, address_at(a, 0)),),
        ),
        Method("transfer", ("address", "uint256"), ("bool",), _transfer),
        Method("approve", ("address", "uint256"), ("bool",), _approve),
        Method("allowance", ("address", "address"), ("uint256",), _allowance),
        Method("transferFrom", ("address", "address", "uint256"), ("bool",), _transfer_from),
        Method("owner", (), ("address",), _owner),
        Method("mint", ("address", "uint256"), (), _mint),
    ),
)
"""The code of every token."""
