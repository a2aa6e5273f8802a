"""``eth_feeHistory`` and the tip that clients are told to offer."""

from collections.abc import Sequence

from chainkit.formats.ethereum.types import Header, Receipt
from parachains.account.chain import Chain, StoredBlock, receipt_gas
from parachains.account.errors import InvalidRpcParams
from parachains.account.fees import effective_tip, next_base_fee
from parachains.account.limits import (
    MAX_FEE_HISTORY_BLOCKS,
    MAX_REWARD_PERCENTILES,
    MAX_SEARCHED_TRANSACTIONS,
)
from parachains.account.rpc_forms import quantity

DEFAULT_TIP = 1
"""Where the last blocks are empty: the least, in wei, that the pool takes."""

TIP_BLOCKS = 20
"""go-ethereum's gas price oracle looks at so many blocks."""

_TIP_PERCENTILE = 60
_PERCENT = 100


def _tips(block: StoredBlock, receipts: Sequence[Receipt]) -> list[tuple[int, int]]:
    """Return what each transaction paid the proposer and how much gas it used, cheapest first."""
    base_fee = block.header.base_fee_per_gas
    assert base_fee is not None
    return sorted(
        (effective_tip(transaction, base_fee), receipt_gas(receipts, index))
        for index, transaction in enumerate(block.block.transactions)
    )


def suggested_tip(chain: Chain) -> int:
    """Return the tip that three fifths of the last transactions did not exceed, in wei."""
    head = chain.head.header.number
    if chain.suggested_tip is not None and chain.suggested_tip[0] == head:
        return chain.suggested_tip[1]
    tip = _suggested_tip(chain, head)
    chain.suggested_tip = (head, tip)
    return tip


def _suggested_tip(chain: Chain, head: int) -> int:
    paid = sorted(
        tip
        for block in chain.blocks(head - TIP_BLOCKS + 1, head)
        for tip, _ in _tips(block, chain.receipts(block.header.number))
    )
    return paid[(len(paid) - 1) * _TIP_PERCENTILE // _PERCENT] if paid else DEFAULT_TIP


def _percentiles(wanted: Sequence[object]) -> tuple[int | float, ...]:
    if len(wanted) > MAX_REWARD_PERCENTILES:
        raise InvalidRpcParams("over the query limit 100")
    found: list[int | float] = []
    for value in wanted:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidRpcParams("invalid reward percentile: no number")
        if not 0 <= value <= _PERCENT or (found and value < found[-1]):
            raise InvalidRpcParams(f"invalid reward percentile: {value}")
        found.append(value)
    return tuple(found)


def _rewards(
    tips: Sequence[tuple[int, int]], gas_used: int, wanted: Sequence[int | float]
) -> list[str]:
    """Return the tip at each percentile of the block's gas; zeros of an empty block."""
    rewards = []
    for percentile in wanted:
        threshold = gas_used * percentile / _PERCENT
        summed, reward = 0, 0
        for tip, gas in tips:
            summed, reward = summed + gas, tip
            if summed >= threshold:
                break
        rewards.append(quantity(reward))
    return rewards


def _newest_blocks(chain: Chain, count: int, newest: int) -> list[StoredBlock]:
    """Return up to ``count`` blocks in their order: fewer, where they are full."""
    found: list[StoredBlock] = []
    searched = 0
    for number in range(newest, newest - count, -1):
        block = chain.at(number)
        assert block is not None
        searched += len(block.block.transactions)
        if found and searched > MAX_SEARCHED_TRANSACTIONS:
            break
        found.append(block)
    return found[::-1]


def fee_history(
    chain: Chain, count: int, newest: int, percentiles: Sequence[object]
) -> dict[str, object]:
    """Return base fees (with the next block's), how full blocks were, and what was paid.

    Of what was paid it tells for fewer blocks than asked for, where they are full.

    Raises:
        InvalidRpcParams: A percentile is none, or they do not rise.
    """
    wanted = _percentiles(percentiles)
    count = max(0, min(count, MAX_FEE_HISTORY_BLOCKS, newest + 1))
    if not count:
        return {"oldestBlock": "0x0", "gasUsedRatio": []}
    blocks = list(_newest_blocks(chain, count, newest)) if wanted else []
    count = len(blocks) or count
    headers = list(chain.headers(newest - count + 1, newest))
    base_fees = [header.base_fee_per_gas or 0 for header in headers]
    base_fees.append(next_base_fee(base_fees[-1], headers[-1].gas_used, headers[-1].gas_limit))
    form: dict[str, object] = {
        "oldestBlock": quantity(headers[0].number),
        "baseFeePerGas": [quantity(fee) for fee in base_fees],
        "gasUsedRatio": [_ratio(header) for header in headers],
    }
    if wanted:
        form["reward"] = [
            _rewards(
                _tips(block, chain.receipts(block.header.number)), block.header.gas_used, wanted
            )
            for block in blocks
        ]
    return form


def _ratio(header: Header) -> float:
    """Return the used part of a block's gas: the one fraction of this RPC, told and never used."""
    return header.gas_used / header.gas_limit
