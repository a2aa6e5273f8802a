"""How a network is: nodes, light clients, channels with their pending packets, the relayer."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.timestamps import NS_PER_SECOND
from ibc.ics02_client.port import AnyValue
from isthmus.ports import ChainUser
from isthmus.routes import Link, links_of


class ClientHealth(Enum):
    """Whether a light client can go on."""

    ACTIVE = "active"
    OLD = "old"
    """Over two thirds of its trusting period: the relayer should have refreshed it."""
    EXPIRED = "expired"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class ClientView:
    """A light client on ``chain`` of the chain ``tracks``; times in seconds."""

    chain: str
    client_id: str
    tracks: str
    height: str
    age_s: int
    trusting_period_s: int
    health: ClientHealth


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A channel end; of the packets sent over it, how many are not finished."""

    chain: str
    port_id: str
    channel_id: str
    state: str
    other_chain: str
    other_channel_id: str
    to_receive: int
    """Sent, not received at the other end."""
    to_acknowledge: int
    """Received, and the sender has no acknowledgement yet."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What was seen of the chains that answer; ``silent`` says why the others were left out."""

    clients: tuple[ClientView, ...]
    channels: tuple[ChannelView, ...]
    silent: Mapping[str, str]


async def look(users: Mapping[str, ChainUser]) -> Overview:
    """Return how the chains are joined now; a chain that does not answer is left out."""
    silent: dict[str, str] = {}
    present: dict[str, ChainUser] = {}
    for name, user in users.items():
        try:
            await user.client.status()
            present[name] = user
        except OperationFailed as error:
            silent[name] = str(error)
    clients: list[ClientView] = []
    channels: list[ChannelView] = []
    for name in present:
        try:
            clients += await _clients(name, present)
            links = await links_of(name, present)
            channels += await asyncio.gather(*(_channel(link, present) for link in links))
        except OperationFailed as error:
            silent[name] = str(error)
    return Overview(tuple(clients), tuple(channels), silent)


async def _clients(name: str, users: Mapping[str, ChainUser]) -> list[ClientView]:
    found = []
    for hosted in await users[name].client.clients():
        for tracked in users:
            view = await _client(name, hosted.client_id, hosted.state, tracked, users)
            if view is not None:
                found.append(view)
    return found


async def _client(
    name: str, client_id: str, state: AnyValue, tracked: str, users: Mapping[str, ChainUser]
) -> ClientView | None:
    """Return a client on ``name`` if it follows ``tracked``.

    Its age is judged by the host's clock, as expiry is.
    """
    source = users[tracked].client
    info = source.read_client(state)
    if info is None:
        return None
    now = (await users[name].client.status()).time
    age = max(0, now - await source.time_at(info.latest_height))
    if info.is_frozen:
        health = ClientHealth.FROZEN
    elif age >= info.trusting_period_ns:
        health = ClientHealth.EXPIRED
    elif 3 * age >= 2 * info.trusting_period_ns:
        health = ClientHealth.OLD
    else:
        health = ClientHealth.ACTIVE
    return ClientView(
        chain=name,
        client_id=client_id,
        tracks=tracked,
        height=str(info.latest_height),
        age_s=age // NS_PER_SECOND,
        trusting_period_s=info.trusting_period_ns // NS_PER_SECOND,
        health=health,
    )


async def _channel(link: Link, users: Mapping[str, ChainUser]) -> ChannelView:
    port, channel = link.end.port_id, link.end.channel_id
    other_port, other_channel = link.other
    pending = await users[link.chain].client.commitments(port, channel)
    missing: frozenset[object] = frozenset()
    if pending and other_channel:
        other = users[link.other_chain].client
        missing = frozenset(await other.unreceived(other_port, other_channel, pending))
    return ChannelView(
        chain=link.chain,
        port_id=port,
        channel_id=channel,
        state=link.end.end.state.name.lower(),
        other_chain=link.other_chain,
        other_channel_id=other_channel,
        to_receive=len(missing),
        to_acknowledge=len(pending) - len(missing),
    )
