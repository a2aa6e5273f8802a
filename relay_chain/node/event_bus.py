"""From the executor to subscribers: new blocks and what their transactions did.

A subscriber's queue holds ``SUBSCRIPTION_BUFFER`` events. One that reads slower loses its
subscription, not events in the middle: it sees the end and asks again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from chainkit.formats.tendermint.hashing import tx_hash
from chainkit.formats.tendermint.types import Block, BlockId
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import BlockHeight
from chainkit.runtime.events import Event
from relay_chain.node.event_index import block_tags, tx_tags
from relay_chain.node.event_query import Query, matches
from relay_chain.node.limits import (
    MAX_SUBSCRIPTION_CLIENTS,
    MAX_SUBSCRIPTIONS_PER_CLIENT,
    SUBSCRIPTION_BUFFER,
)
from relay_chain.node.ports import FinalizeBlockResult, TxResult


@dataclass(frozen=True, slots=True)
class BlockPublished:
    """A block was committed."""

    block: Block
    block_id: BlockId
    result: FinalizeBlockResult


@dataclass(frozen=True, slots=True)
class HeaderPublished:
    """The same, for those who want the header only."""

    block: Block


@dataclass(frozen=True, slots=True)
class TxPublished:
    """A transaction was committed, with success or without."""

    height: BlockHeight
    index: int
    tx: bytes
    result: TxResult


Payload = BlockPublished | HeaderPublished | TxPublished


@dataclass(frozen=True, slots=True)
class Published:
    """A payload and the events that queries are matched against."""

    payload: Payload
    events: tuple[Event, ...]


class TooManySubscriptions(RuleBroken):
    """A client, or all clients together, have as many subscriptions as are allowed."""


class AlreadySubscribed(RuleBroken):
    """The client has a subscription with this query."""


class NotSubscribed(RuleBroken):
    """The client has no subscription with this query."""


@dataclass(slots=True)
class Subscription:
    """One client's query and what waits for it; mutable: it is a queue."""

    query: Query
    queue: asyncio.Queue[Published | None] = field(
        default_factory=lambda: asyncio.Queue(SUBSCRIPTION_BUFFER + 1)
    )
    """None is the end: the client was too slow, or the node stops."""
    ended: bool = False
    too_slow: bool = False
    """Whether it ended because its client does not read fast enough."""

    def offer(self, item: Published) -> bool:
        """Queue an event, or end the subscription if the queue is full; say whether it lives."""
        if not self.ended and self.queue.qsize() >= SUBSCRIPTION_BUFFER:
            self.too_slow = True
            self.end()
        elif not self.ended:
            self.queue.put_nowait(item)
        return not self.ended

    def end(self) -> None:
        """Say that nothing more comes."""
        if not self.ended:
            self.ended = True
            self.queue.put_nowait(None)


class EventBus:
    """Subscriptions by client and query. Mutable: clients come and go."""

    def __init__(self) -> None:
        self._clients: dict[str, dict[str, Subscription]] = {}
        self._listeners: list[Callable[[Published], None]] = []

    def listen(self, listener: Callable[[Published], None]) -> None:
        """Call ``listener`` with everything that is published; it must not wait."""
        self._listeners.append(listener)

    def subscribe(self, client: str, query: Query) -> Subscription:
        """Return a new subscription.

        Raises:
            TooManySubscriptions: The client or the node has its most.
            AlreadySubscribed: The client has this query.
        """
        subscriptions = self._clients.get(client, {})
        if query.text in subscriptions:
            raise AlreadySubscribed("already subscribed")
        if len(subscriptions) >= MAX_SUBSCRIPTIONS_PER_CLIENT:
            raise TooManySubscriptions(
                f"max_subscriptions_per_client {MAX_SUBSCRIPTIONS_PER_CLIENT} reached"
            )
        if client not in self._clients and len(self._clients) >= MAX_SUBSCRIPTION_CLIENTS:
            raise TooManySubscriptions(
                f"max_subscription_clients {MAX_SUBSCRIPTION_CLIENTS} reached"
            )
        subscription = Subscription(query)
        self._clients.setdefault(client, {})[query.text] = subscription
        return subscription

    def unsubscribe(self, client: str, query_text: str) -> None:
        """End one subscription.

        Raises:
            NotSubscribed: There is none with this query.
        """
        subscription = self._clients.get(client, {}).pop(query_text, None)
        if subscription is None:
            raise NotSubscribed("subscription not found")
        subscription.end()
        if not self._clients[client]:
            del self._clients[client]

    def unsubscribe_all(self, client: str) -> None:
        """End all subscriptions of a client."""
        for subscription in self._clients.pop(client, {}).values():
            subscription.end()

    def stop(self) -> None:
        """End all subscriptions."""
        for client in list(self._clients):
            self.unsubscribe_all(client)

    def publish_block(self, block: Block, block_id: BlockId, result: FinalizeBlockResult) -> None:
        """Tell subscribers of a committed block and of each of its transactions."""
        height = block.header.height
        tags = block_tags(height)
        block_events = (Event("tm", (("event", "NewBlock"),)), tags, *result.events)
        self._publish(Published(BlockPublished(block, block_id, result), block_events))
        header_events = (Event("tm", (("event", "NewBlockHeader"),)), tags)
        self._publish(Published(HeaderPublished(block), header_events))
        for index, (tx, outcome) in enumerate(zip(block.txs, result.tx_results, strict=True)):
            events = (
                Event("tm", (("event", "Tx"),)),
                tx_tags(height, tx_hash(tx)),
                *outcome.events,
            )
            self._publish(Published(TxPublished(height, index, tx, outcome), events))

    def _publish(self, item: Published) -> None:
        for listener in self._listeners:
            listener(item)
        for client, subscriptions in list(self._clients.items()):
            for text, subscription in list(subscriptions.items()):
                if matches(subscription.query, item.events) and not subscription.offer(item):
                    self.unsubscribe(client, text)
