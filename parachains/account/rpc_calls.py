"""``eth_call`` and ``eth_estimateGas``: a call's parameters, and running it on a kept state."""

from collections.abc import Mapping

from chainkit.formats.ethereum.types import (
    ZERO_ADDRESS,
    DynamicFeeTransaction,
    Header,
)
from chainkit.primitives.types import Address
from parachains.account.errors import CreationUnsupported, InsufficientFunds, InvalidRpcParams
from parachains.account.execution import BlockEnvironment, Outcome, call_transaction
from parachains.account.fees import most_it_costs
from parachains.account.ledger import Ledger
from parachains.account.limits import MAX_CALL_GAS
from parachains.account.rpc_forms import (
    parse_access_list,
    parse_account,
    parse_data,
    parse_quantity,
)
from parachains.account.world import World

_FIELDS = frozenset(
    {
        "from", "to", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "value",
        "data", "input", "nonce", "chainId", "accessList", "type",
    }
)  # fmt: skip


def _optional_quantity(call: Mapping[str, object], name: str) -> int:
    value = call.get(name)
    return 0 if value is None else parse_quantity(value, name)


def parse_call(call: object, chain_id: int) -> tuple[Address, DynamicFeeTransaction]:
    """Return who calls, and the call as a transaction of which only that counts.

    Raises:
        InvalidRpcParams: It is not of its form.
        CreationUnsupported: It has no receiver.
    """
    if not isinstance(call, Mapping):
        raise InvalidRpcParams("invalid argument: a call is an object")
    unknown = set(call) - _FIELDS
    if unknown:
        raise InvalidRpcParams(f"invalid argument: unknown field {min(unknown)!r:.40}")
    given = [call[name] for name in ("data", "input") if call.get(name) is not None]
    payloads = {parse_data(value, "data") for value in given}
    if len(payloads) > 1:
        raise InvalidRpcParams(
            'both "data" and "input" are set and not equal. Please use "input" to pass call data'
        )
    if call.get("to") is None:
        raise CreationUnsupported("contract creation is not supported: there is no EVM")
    sender = call.get("from")
    gas = _optional_quantity(call, "gas") or MAX_CALL_GAS
    price = _optional_quantity(call, "maxFeePerGas") or _optional_quantity(call, "gasPrice")
    return ZERO_ADDRESS if sender is None else parse_account(sender, "from"), DynamicFeeTransaction(
        chain_id=chain_id,
        nonce=0,
        max_priority_fee_per_gas=0,
        max_fee_per_gas=price,
        gas_limit=min(gas, MAX_CALL_GAS),
        to=parse_account(call["to"], "to"),
        value=_optional_quantity(call, "value"),
        data=payloads.pop() if payloads else b"",
        access_list=parse_access_list(call.get("accessList") or []),
    )


def run_call(
    ledger: Ledger, header: Header, sender: Address, transaction: DynamicFeeTransaction
) -> Outcome:
    """Return what a call does on the state after a block, at that block's number and time.

    Raises:
        StatePruned: The state is not kept.
        InsufficientFunds: The sender does not have the value.
    """
    assert header.base_fee_per_gas is not None
    block = BlockEnvironment(
        header.number,
        header.timestamp,
        header.beneficiary,
        header.gas_limit,
        header.base_fee_per_gas,
    )
    overlay = ledger.state.overlay_at(header.number)
    return call_transaction(ledger.rules, block, overlay, sender, transaction)


def estimate(
    ledger: Ledger, header: Header, sender: Address, transaction: DynamicFeeTransaction
) -> Outcome:
    """Return the outcome of a call, whose gas before the refund is what its limit must be.

    No code here asks what gas is left, so the same call needs the same gas under any limit.

    Raises:
        InsufficientFunds: The sender cannot pay for the price that the call names.
    """
    if transaction.max_fee_per_gas:
        balance = World(ledger.state.overlay_at(header.number)).balance(sender)
        left = balance - transaction.value
        cost = most_it_costs(transaction)
        if left < 0 or (transaction.gas_limit < MAX_CALL_GAS and balance < cost):
            raise InsufficientFunds(
                "insufficient funds for gas * price + value: "
                f"balance {balance}, tx cost {cost}, overshot {cost - balance}"
            )
    return run_call(ledger, header, sender, transaction)
