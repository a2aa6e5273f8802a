"""The factory of ERC-20 tokens: one call makes a token with its supply, and an owner or none."""

from dataclasses import replace

from chainkit.formats.ethereum.types import ZERO_ADDRESS
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address
from chainkit.wire.rlp import encode, encode_uint
from parachains.account.contracts import erc20
from parachains.account.contracts.abi import WORD, address_at, number_at, text_at, topic_of
from parachains.account.contracts.contract import Arguments, Call, Method, NativeContract
from parachains.account.contracts.machine import log, revert
from parachains.account.limits import MAX_TOKEN_NAME_BYTES, MAX_TOKEN_SYMBOL_BYTES
from parachains.account.world import world_of

GAS_CREATE = 32_000
CREATED = topic_of("TokenCreated(address,address)")


def created_address(creator: Address, nonce: int) -> Address:
    """Return the address of what an account creates with a nonce (Yellow Paper, section 7)."""
    return Address(keccak256(encode((creator, encode_uint(nonce))))[-len(ZERO_ADDRESS) :])


def _create(call: Call, arguments: Arguments) -> Arguments:
    name, symbol, decimals = text_at(arguments, 0), text_at(arguments, 1), number_at(arguments, 2)
    if len(name.encode()) > MAX_TOKEN_NAME_BYTES or len(symbol.encode()) > MAX_TOKEN_SYMBOL_BYTES:
        raise revert("factory: name or symbol is too long")
    call.ctx.gas.consume(GAS_CREATE, "create")
    world = world_of(call.ctx)
    account = world.account(call.this)
    world.set_account(call.this, replace(account, nonce=account.nonce + 1))
    token = created_address(call.this, account.nonce)
    owner = address_at(arguments, 4)
    erc20.deploy(call.ctx, token, name=name, symbol=symbol, decimals=decimals, owner=owner)
    supply = number_at(arguments, 3)
    if supply:
        erc20.mint(call.ctx, token, call.sender, supply)
    topics = (CREATED, token.rjust(WORD, b"\x00"), call.sender.rjust(WORD, b"\x00"))
    log(call.ctx, call.this, topics, b"")
    return (token,)


FACTORY = NativeContract(
    "isthmus/erc20-factory/1",
    (
        Method(
            "create",
            ("string", "string", "uint8", "uint256", "address"),
            ("address",),
            _create,
        ),
    ),
)
"""``create(name, symbol, decimals, supply, owner)``: the supply goes to the caller."""
