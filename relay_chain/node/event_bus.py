"""From the executor to subscribers: new blocks and what their transactions did.

A subscriber's queue holds ``SUBSCRIPTION_BUFFER`` events. One that reads slower loses its
subscription, not events in the middle: it sees the end and asks again. Subscribers with the
same query share each event and the form in which it is written: a thousand cost little more
than one.

Spec:
    CometBFT types ``events.go``; state ``fireEvents`` (what is published, in which order).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from chainkit.formats.tendermint.hashing import tx_hash
from chainkit.formats.tendermint.types import Block, BlockId, Evidence, Validator
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import BlockHeight
from chainkit.runtime.events import Event
from chainkit.sigverify.ed25519 import ed25519_address
from relay_chain.node.event_index import block_tags, tx_tags
from relay_chain.node.event_query import Query, matches_anywhere
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
class BlockEventsPublished:
    """What a block's own events are, without the block."""

    height: BlockHeight
    events: tuple[Event, ...]
    num_txs: int


@dataclass(frozen=True, slots=True)
class EvidencePublished:
    """A committed block carries evidence."""

    height: BlockHeight
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class ValidatorsPublished:
    """A block changed validators: each that it named with its new power, 0 if it goes."""

    validators: tuple[Validator, ...]


@dataclass(frozen=True, slots=True)
class TxPublished:
    """A transaction was committed, with success or without."""

    height: BlockHeight
    index: int
    tx: bytes
    result: TxResult


Payload = (
    BlockPublished
    | HeaderPublished
    | BlockEventsPublished
    | EvidencePublished
    | TxPublished
    | ValidatorsPublished
)


@dataclass(frozen=True, slots=True)
class Published:
    """A payload and the events that queries are matched against."""

    payload: Payload
    events: tuple[Event, ...]


class Delivery:
    """An event for all subscribers of one query. Mutable: it remembers its written form."""

    __slots__ = ("_written", "item", "query")

    def __init__(self, query: Query, item: Published) -> None:
        self.query = query
        self.item = item
        self._written: bytes | None = None

    def written(self, write: Callable[[str, Published], bytes]) -> bytes:
        """Return the form that ``write`` gives it; it is asked once."""
        if self._written is None:
            self._written = write(self.query.text, self.item)
        return self._written


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
    capacity: int = SUBSCRIPTION_BUFFER
    queue: asyncio.Queue[Delivery | None] = field(init=False)
    """At most ``capacity`` and None, the end: the client was too slow, or the node stops."""
    ended: bool = False
    too_slow: bool = False
    """Whether it ended because its client does not read fast enough."""

    def __post_init__(self) -> None:
        self.queue = asyncio.Queue(self.capacity + 1)

    def offer(self, delivery: Delivery) -> bool:
        """Queue an event, or end the subscription if the queue is full; say whether it lives."""
        if not self.ended and self.queue.qsize() >= self.capacity:
            self.too_slow = True
            self.end()
        elif not self.ended:
            self.queue.put_nowait(delivery)
        return not self.ended

    def end(self) -> None:
        """Say that nothing more comes."""
        if not self.ended:
            self.ended = True
            self.queue.put_nowait(None)


class EventBus:
    """Subscriptions by client and query. Mutable: clients come and go.

    Args:
        max_clients: Clients with subscriptions; the next is refused.
        max_per_client: Subscriptions of one client; the next is refused.
        buffer: Events that wait for one subscription.
    """

    def __init__(
        self,
        *,
        max_clients: int = MAX_SUBSCRIPTION_CLIENTS,
        max_per_client: int = MAX_SUBSCRIPTIONS_PER_CLIENT,
        buffer: int = SUBSCRIPTION_BUFFER,
    ) -> None:
        self._max_clients = max_clients
        self._max_per_client = max_per_client
        self._buffer = buffer
        self._clients: dict[str, dict[str, Subscription]] = {}
        self._queries: dict[str, dict[str, Subscription]] = {}
        """The same by query and client: an event is matched once for all with one query."""
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
        if len(subscriptions) >= self._max_per_client:
            raise TooManySubscriptions(
                f"max_subscriptions_per_client {self._max_per_client} reached"
            )
        if client not in self._clients and len(self._clients) >= self._max_clients:
            raise TooManySubscriptions(f"max_subscription_clients {self._max_clients} reached")
        subscription = Subscription(query, self._buffer)
        self._clients.setdefault(client, {})[query.text] = subscription
        self._queries.setdefault(query.text, {})[client] = subscription
        return subscription

    def unsubscribe(self, client: str, query_text: str) -> None:
        """End one subscription.

        Raises:
            NotSubscribed: There is none with this query.
        """
        subscription = self._clients.get(client, {}).pop(query_text, None)
        if subscription is None:
            raise NotSubscribed("subscription not found")
        self._remove(client, subscription)
        if not self._clients[client]:
            del self._clients[client]

    def unsubscribe_all(self, client: str) -> None:
        """End all subscriptions of a client.

        Raises:
            NotSubscribed: It has none.
        """
        if client not in self._clients:
            raise NotSubscribed("subscription not found")
        self.forget(client)

    def forget(self, client: str) -> None:
        """End whatever subscriptions a client has."""
        for subscription in self._clients.pop(client, {}).values():
            self._remove(client, subscription)

    def _remove(self, client: str, subscription: Subscription) -> None:
        subscription.end()
        clients = self._queries[subscription.query.text]
        del clients[client]
        if not clients:
            del self._queries[subscription.query.text]

    def stop(self) -> None:
        """End all subscriptions."""
        for client in list(self._clients):
            self.forget(client)

    def publish_block(self, block: Block, block_id: BlockId, result: FinalizeBlockResult) -> None:
        """Tell subscribers of a committed block, its transactions and what it changed."""
        height = block.header.height
        tags = block_tags(height)
        block_events = (*_named("NewBlock"), tags, *result.events)
        self._publish(Published(BlockPublished(block, block_id, result), block_events))
        header_events = (*_named("NewBlockHeader"), tags)
        self._publish(Published(HeaderPublished(block), header_events))
        own = (*_named("NewBlockEvents"), tags, *result.events)
        self._publish(Published(BlockEventsPublished(height, result.events, len(block.txs)), own))
        for piece in block.evidence:
            self._publish(Published(EvidencePublished(height, piece), _named("NewEvidence")))
        for index, (tx, outcome) in enumerate(zip(block.txs, result.tx_results, strict=True)):
            events = (*_named("Tx"), tx_tags(height, tx_hash(tx)), *outcome.events)
            self._publish(Published(TxPublished(height, index, tx, outcome), events))
        if result.validator_updates:
            changed = tuple(
                Validator(ed25519_address(each.public_key), each.public_key, each.power)
                for each in result.validator_updates
            )
            self._publish(Published(ValidatorsPublished(changed), _named("ValidatorSetUpdates")))

    def _publish(self, item: Published) -> None:
        for listener in self._listeners:
            listener(item)
        for clients in list(self._queries.values()):
            query = next(iter(clients.values())).query
            if not matches_anywhere(query, item.events):
                continue
            delivery = Delivery(query, item)
            for client, subscription in list(clients.items()):
                if not subscription.offer(delivery):
                    self.unsubscribe(client, query.text)


def _named(name: str) -> tuple[Event, ...]:
    return (Event("tm", (("event", name),)),)
