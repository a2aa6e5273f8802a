"""Compares the hub's ledger of zones with the chains themselves, over public RPC.

For each channel of the hub and each token, on a quiet channel:

* what the hub sent there (*held*): the hub's escrow of it, and the vouchers on the zone;
* what came from there (*custody*): the vouchers on the hub, and the zone's escrow of it.

Every kind of chain answers the same two queries, so no kind is told from another.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChannelId, PortId
from chainkit.wire.proto.ibc.applications.transfer.v1 import query_pb2 as transfer_query
from chainkit.wire.proto.isthmus.transfer.v1 import query_pb2 as amounts_query
from ibc.ics20_transfer.denoms import Hop, TracedDenom, extract_denom
from isthmus.integrity_view import HubView, Json, inner, number, objects
from isthmus.ports import ChainUser
from isthmus.routes import Link, links_of
from parachains.sdk.ibc_queries import IbcQueries

PORT = PortId("transfer")
TRIES = 5
"""Readings of an entry before it is told as busy: packets pass while it is read."""


class NotAsked(OperationFailed):
    """A chain's client asks no queries of IBC."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of the ledger and what the chains say."""

    chain: str
    """The zone."""
    channel: str
    """The hub's end."""
    denom: str
    """The hub's name of the token."""
    what: str
    ledger: int
    found: int
    busy: bool = False
    """Whether packets were on their way, so that a zone may rightly have less by now."""

    @property
    def holds(self) -> bool:
        """Whether it agrees; of a busy channel, whether there is no more than there may be."""
        return self.found <= self.ledger if self.busy else self.found == self.ledger


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger with both ends of its channel."""

    view: Json
    link: Link

    @property
    def key(self) -> tuple[str, str]:
        """The hub's channel and the token."""
        return str(self.view.get("channel")), str(self.view.get("denom"))

    def amount(self, name: str) -> int:
        """Return one of its numbers."""
        return number(inner(self.view, "entry"), name)


async def audit(hub: HubView, users: Mapping[str, ChainUser]) -> tuple[Compared, ...]:
    """Return every comparison of the hub's ledger of zones with the chains.

    Raises:
        OperationFailed: A chain does not answer.
    """
    links = {str(link.end.channel_id): link for link in await links_of(hub.name, users)}
    found: list[Compared] = []
    for key in await _keys(hub):
        if key[0] in links:
            found += await _read(hub, users, links[key[0]], key)
    return tuple(found)


async def _keys(hub: HubView) -> list[tuple[str, str]]:
    zones = objects(await hub.ask("Zones"), "zones")
    return [(str(view.get("channel")), str(view.get("denom"))) for view in zones]


async def _entry(hub: HubView, link: Link, key: tuple[str, str]) -> Entry:
    """Return an entry as it is now; one of nothing where it is gone."""
    for view in objects(await hub.ask("Zones"), "zones"):
        entry = Entry(view, link)
        if entry.key == key:
            return entry
    return Entry({"channel": key[0], "denom": key[1], "entry": {}}, link)


async def _read(
    hub: HubView, users: Mapping[str, ChainUser], link: Link, key: tuple[str, str]
) -> tuple[Compared, ...]:
    """Return the comparisons of one entry, read while nothing changed if that can be had."""
    for attempt in range(TRIES):
        before = await _entry(hub, link, key)
        quiet = not await _pending(users, link)
        compared = await _compare(hub, users, before, busy=not quiet)
        after = await _entry(hub, link, key)
        same = before.view.get("entry") == after.view.get("entry")
        settled = same and quiet and not await _pending(users, link)
        if settled or attempt == TRIES - 1:
            break
    if settled:
        return compared
    return tuple(_as_busy(each) for each in compared)


def _as_busy(each: Compared) -> Compared:
    return Compared(
        each.chain, each.channel, each.denom, each.what, each.ledger, each.found, busy=True
    )


async def _pending(users: Mapping[str, ChainUser], link: Link) -> bool:
    """Return whether packets of either end are unfinished."""
    _, channel = link.other
    here = await users[link.chain].client.commitments(PORT, link.end.channel_id)
    there = await users[link.other_chain].client.commitments(PORT, channel)
    return bool(here or there)


async def _compare(
    hub: HubView, users: Mapping[str, ChainUser], entry: Entry, *, busy: bool
) -> tuple[Compared, ...]:
    """Return what the chains say of one entry."""
    channel, denom = entry.key
    link = entry.link
    port, there = link.other
    zone = users[link.other_chain]
    trace = await traced(hub.user, denom)
    here = await amounts(hub.user, denom, PORT, ChannelId(channel))
    found: list[Compared] = []

    def tell(what: str, ledger: int, amount: int) -> None:
        found.append(Compared(link.other_chain, channel, denom, what, ledger, amount, busy))

    if trace.has_prefix(PORT, ChannelId(channel)):
        base = TracedDenom(trace.base, trace.trace[1:]).local_denom()
        back = await amounts(zone, str(base), port, there)
        custody = entry.amount("custody")
        tell("vouchers on the hub", custody, int(here.supply))
        tell(
            f"escrow on {link.other_chain}", custody + entry.amount("returning"), int(back.escrowed)
        )
    held = entry.amount("held")
    tell("escrow on the hub", held, int(here.escrowed))
    if held or not trace.has_prefix(PORT, ChannelId(channel)):
        voucher = TracedDenom(trace.base, (Hop(port, there), *trace.trace)).local_denom()
        away = await amounts(zone, str(voucher), port, there)
        tell(f"vouchers on {link.other_chain}", held, int(away.supply))
    return tuple(found)


async def amounts(
    user: ChainUser, denom: str, port: PortId, channel: ChannelId
) -> amounts_query.QueryAmountsResponse:
    """Return a token's supply on a chain and what of it lies in a channel's escrow."""
    request = amounts_query.QueryAmountsRequest(denom=denom, port_id=port, channel_id=channel)
    return await _queries(user).query(
        "/isthmus.transfer.v1.Query/Amounts", request, amounts_query.QueryAmountsResponse
    )


async def traced(user: ChainUser, denom: str) -> TracedDenom:
    """Return the path that a token of a chain came by."""
    if not denom.startswith("ibc/"):
        return extract_denom(denom)
    answer = await _queries(user).query(
        "/ibc.applications.transfer.v1.Query/Denom",
        transfer_query.QueryDenomRequest(hash=denom),
        transfer_query.QueryDenomResponse,
    )
    hops = (Hop(PortId(hop.port_id), ChannelId(hop.channel_id)) for hop in answer.denom.trace)
    return TracedDenom(answer.denom.base, tuple(hops))


def _queries(user: ChainUser) -> IbcQueries:
    client = user.client
    if not isinstance(client, IbcQueries):
        raise NotAsked(f"{client.chain_id} answers no queries of IBC")
    return client
