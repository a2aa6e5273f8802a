"""Which channels join which chains, and the way of a token through them: by public RPC only."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.limits import MAX_FORWARD_HOPS
from chainkit.primitives.types import ChannelId, ClientId, ConnectionId, PortId
from ibc.forward.memo import ForwardInstruction, encode_memo
from ibc.ics04_channel.types import ChannelState, IdentifiedChannel
from isthmus.ports import ChainUser

FORWARDED_RECEIVER = "pfm"
"""Receiver at a chain that only forwards, no address on purpose: packet-forward-middleware's
advice, so that a chain without it refuses the token instead of keeping it."""


class NoRoute(OperationFailed):
    """No open channels lead from one chain to another."""

    def __init__(self, *, source: str, target: str, links: Sequence["Link"]) -> None:
        joined = ", ".join(f"{link.chain} -> {link.other_chain}" for link in links)
        super().__init__(
            f"no open channels from {source} to {target}; there are: {joined or 'none'}"
        )
        self.source = source
        self.target = target


@dataclass(frozen=True, slots=True)
class Link:
    """One end of a channel and the chain at its other end, by the network's names."""

    chain: str
    connection_id: ConnectionId
    client_id: ClientId
    end: IdentifiedChannel
    other_chain: str

    @property
    def is_open(self) -> bool:
        """Whether packets pass."""
        return self.end.end.state is ChannelState.OPEN

    @property
    def other(self) -> tuple[PortId, ChannelId]:
        """Port and channel at the other end; the channel is empty before it is known."""
        counterparty = self.end.end.counterparty
        return counterparty.port_id, ChannelId(counterparty.channel_id)


async def links_of(name: str, users: Mapping[str, ChainUser]) -> tuple[Link, ...]:
    """Return the channel ends on a chain that lead to chains of ``users``.

    A client is asked of the chain that it tracks: only that one can read it.
    """
    host = users[name].client
    tracked: dict[ClientId, str] = {}
    for hosted in await host.clients():
        for other, user in users.items():
            info = user.client.read_client(hosted.state)
            if info is not None and info.chain_id == user.client.chain_id:
                tracked[hosted.client_id] = other
    links: list[Link] = []
    for connection in await host.connections():
        client_id = connection.end.client_id
        if client_id in tracked:
            links += (
                Link(name, connection.connection_id, client_id, channel, tracked[client_id])
                for channel in await host.channels(connection.connection_id)
            )
    return tuple(links)


async def all_links(users: Mapping[str, ChainUser]) -> tuple[Link, ...]:
    """Return the channel ends on every chain."""
    return tuple([link for name in users for link in await links_of(name, users)])


def find_route(links: Sequence[Link], source: str, target: str, port: str) -> tuple[Link, ...]:
    """Return the shortest way from ``source`` to ``target``, one link a hop.

    Raises:
        NoRoute: There is none, or it is longer than packets are forwarded.
    """
    ways: dict[str, tuple[Link, ...]] = {source: ()}
    queue = deque([source])
    while queue and target not in ways:
        here = queue.popleft()
        for link in links:
            fits = link.chain == here and link.is_open and link.end.port_id == port
            if fits and link.other_chain not in ways:
                ways[link.other_chain] = (*ways[here], link)
                queue.append(link.other_chain)
    way = ways.get(target, ())
    if not way or len(way) > MAX_FORWARD_HOPS:
        raise NoRoute(source=source, target=target, links=[link for link in links if link.is_open])
    return way


def address_packet(
    route: Sequence[Link], receiver: str, *, timeout_ns: int, memo: str = ""
) -> tuple[str, str]:
    """Return receiver and memo of the first packet of a route that ends at ``receiver``.

    Raises:
        OperationFailed: A memo of one's own with hops between: the memo carries the way.
    """
    onward = route[1:]
    if not onward:
        return receiver, memo
    if memo:
        raise OperationFailed("a token that is forwarded carries its way in the memo: leave it out")
    instruction: ForwardInstruction | None = None
    address = receiver
    for link in reversed(onward):
        instruction = ForwardInstruction(
            receiver=address,
            port_id=link.end.port_id,
            channel_id=link.end.channel_id,
            timeout_ns=timeout_ns,
            retries=None,
            next=instruction,
        )
        address = FORWARDED_RECEIVER
    return FORWARDED_RECEIVER, encode_memo(instruction)
