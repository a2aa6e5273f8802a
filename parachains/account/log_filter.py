"""Which logs a client wants: blocks, addresses, topics; and finding them by the blooms."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from chainkit.formats.ethereum.receipts import bloom_contains
from chainkit.formats.ethereum.types import EMPTY_BLOOM, Log
from chainkit.primitives.types import Address, Hash32
from parachains.account.chain import Chain, StoredBlock
from parachains.account.errors import InvalidRpcParams, RpcLimitExceeded
from parachains.account.limits import (
    MAX_FILTER_ADDRESSES,
    MAX_FILTER_TOPICS,
    MAX_LOG_BLOCKS,
    MAX_LOG_BYTES,
    MAX_LOGS,
    MAX_SEARCHED_TRANSACTIONS,
    MAX_TOPIC_CHOICES,
)
from parachains.account.rpc_forms import Placed, log_form, parse_account, parse_hash, parse_list


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Addresses (none: any) and, place by place, the topics that will do (None: any)."""

    addresses: frozenset[Address]
    topics: tuple[frozenset[Hash32] | None, ...]

    def matches(self, log: Log) -> bool:
        """Return whether a log is wanted."""
        if self.addresses and log.address not in self.addresses:
            return False
        if len(log.topics) < len(self.topics):
            return False
        return all(
            choices is None or topic in choices
            for choices, topic in zip(self.topics, log.topics, strict=False)
        )

    def may_be_in(self, bloom: bytes) -> bool:
        """Return False only if no log under a bloom is wanted."""
        if bloom == EMPTY_BLOOM:
            return False
        wanted = [self.addresses, *(choices for choices in self.topics if choices is not None)]
        return all(
            not choices or any(bloom_contains(bloom, each) for each in choices)
            for choices in wanted
        )


def parse_filter(options: Mapping[str, object]) -> LogFilter:
    """Return the addresses and topics of a filter.

    Raises:
        InvalidRpcParams: They are not of their form, or too many.
    """
    address = options.get("address")
    listed = address if isinstance(address, list) else [] if address is None else [address]
    topics = parse_list(options.get("topics") or [], "topics")
    if len(listed) > MAX_FILTER_ADDRESSES:
        raise InvalidRpcParams(f"exceed max addresses: {len(listed)}")
    if len(topics) > MAX_FILTER_TOPICS:
        raise InvalidRpcParams("exceed max topics")
    return LogFilter(
        frozenset(parse_account(each) for each in listed),
        tuple(_parse_choices(each) for each in topics),
    )


def _parse_choices(value: object) -> frozenset[Hash32] | None:
    if value is None:
        return None
    choices = value if isinstance(value, list) else [value]
    if len(choices) > MAX_TOPIC_CHOICES:
        raise InvalidRpcParams("exceed max topics")
    if not choices or None in choices:
        return None
    return frozenset(parse_hash(each, "topic") for each in choices)


def logs_of_block(
    chain: Chain, stored: StoredBlock, wanted: LogFilter
) -> Iterator[Mapping[str, object]]:
    """Yield a block's logs that are wanted."""
    if not wanted.may_be_in(stored.header.logs_bloom):
        return
    log_index = 0
    for index, receipt in enumerate(chain.receipts(stored.header.number)):
        for log in receipt.logs:
            if wanted.matches(log):
                placed = Placed(stored.hash, stored.header, index)
                yield log_form(log, placed, stored.block.transactions[index], log_index)
            log_index += 1


def logs_between(chain: Chain, first: int, last: int, wanted: LogFilter) -> list[object]:
    """Return the wanted logs of a range of blocks.

    Raises:
        InvalidRpcParams: The range is backwards.
        RpcLimitExceeded: The range, or the answer, is over its limit.
    """
    if first > last:
        raise InvalidRpcParams("invalid block range params")
    if last - first >= MAX_LOG_BLOCKS:
        raise RpcLimitExceeded(f"block range is over {MAX_LOG_BLOCKS}")
    found: list[object] = []
    searched = size = 0
    for header in chain.headers(first, last):
        if not wanted.may_be_in(header.logs_bloom):
            continue
        stored = chain.at(header.number)
        assert stored is not None
        searched += len(stored.block.transactions)
        if searched > MAX_SEARCHED_TRANSACTIONS:
            raise RpcLimitExceeded(f"query is over {MAX_SEARCHED_TRANSACTIONS} transactions")
        for log in logs_of_block(chain, stored, wanted):
            found.append(log)
            size += len(str(log["data"])) // 2
            if len(found) > MAX_LOGS:
                raise RpcLimitExceeded(f"query returned more than {MAX_LOGS} results")
            if size > MAX_LOG_BYTES:
                raise RpcLimitExceeded(f"query returned more than {MAX_LOG_BYTES} bytes")
    return found
