"""What the transfer application remembers: parameters, vouchers' traces, escrow totals."""

from dataclasses import dataclass

from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Address, ChannelId, Denom, Hash32, PortId
from chainkit.runtime.context import Context
from ibc.ics20_transfer.codec import decode_denom, encode_denom
from ibc.ics20_transfer.denoms import VOUCHER_PREFIX, TracedDenom, parse_voucher_hash
from ibc.ics20_transfer.errors import DenomNotFound, InvalidAmount

STORE_NAME = "transfer"
DENOMS = b"\x03"
_PARAMS = b"params"
_ESCROW = b"totalEscrowForDenom/"
_VERSION = b"ics20-1"


@dataclass(frozen=True, slots=True)
class TransferParams:
    """Whether tokens may leave and enter."""

    send_enabled: bool = True
    receive_enabled: bool = True


def escrow_address(port_id: PortId, channel_id: ChannelId) -> Address:
    """Return the account that holds what has left over a channel (ADR 028)."""
    return Address(sha256(_VERSION + b"\x00" + f"{port_id}/{channel_id}".encode())[:20])


def transfer_params(ctx: Context) -> TransferParams:
    """Return the parameters; both ways are open until they are set."""
    value = ctx.store(STORE_NAME).get(_PARAMS)
    return TransferParams() if value is None else TransferParams(bool(value[0]), bool(value[1]))


def set_transfer_params(ctx: Context, params: TransferParams) -> None:
    """Write the parameters: a byte each, since a value must not be empty."""
    ctx.store(STORE_NAME).set(_PARAMS, bytes([params.send_enabled, params.receive_enabled]))


def remember_denom(ctx: Context, denom: TracedDenom) -> bool:
    """Note a voucher's trace under its hash; return whether it is new."""
    store, key = ctx.store(STORE_NAME), DENOMS + denom.hash()
    if store.get(key) is not None:
        return False
    store.set(key, encode_denom(denom))
    return True


def denom_of_hash(ctx: Context, digest: Hash32) -> TracedDenom | None:
    """Return the denomination whose path has this hash, if it was ever received."""
    value = ctx.store(STORE_NAME).get(DENOMS + digest)
    return None if value is None else decode_denom(value)


def denom_of_local(ctx: Context, denom: Denom) -> TracedDenom:
    """Return the trace of a denomination of the ledger.

    Raises:
        InvalidDenom: It starts as a voucher and has no hash behind it.
        DenomNotFound: No such voucher was ever received.
    """
    first, separator, rest = denom.partition("/")
    if first != VOUCHER_PREFIX or not separator:
        return TracedDenom(denom)
    found = denom_of_hash(ctx, parse_voucher_hash(rest))
    if found is None:
        raise DenomNotFound(rest)
    return found


def total_escrow(ctx: Context, denom: Denom) -> int:
    """Return how much of a denomination lies in all escrows together."""
    value = ctx.store(STORE_NAME).get(_ESCROW + denom.encode())
    return 0 if value is None else int(value)


def add_to_escrow(ctx: Context, denom: Denom, difference: int) -> None:
    """Change the total in escrow.

    Raises:
        InvalidAmount: More would leave than ever came by a transfer. An escrow may hold more,
            since anybody can give to it; that is nobody's to send back.
    """
    total = total_escrow(ctx, denom) + difference
    if total < 0:
        raise InvalidAmount(f"the escrows of {denom} would be {total}")
    store, key = ctx.store(STORE_NAME), _ESCROW + denom.encode()
    if total:
        store.set(key, str(total).encode())
    else:
        store.delete(key)
