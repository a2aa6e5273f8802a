"""Commands about integrity against a hub in process: finding it, lineage, the audit of supply."""

import asyncio
import json
from dataclasses import replace

import pytest

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from ibc.ics04_channel.types import (
    ChannelCounterparty,
    ChannelEnd,
    ChannelState,
    IdentifiedChannel,
    Order,
)
from isthmus import supply_audit
from isthmus.cli.taint import judged
from isthmus.integrity_view import HubView, NoHub, find_hub, number, objects, words
from isthmus.routes import Link
from isthmus.supply_audit import audit
from isthmus.trace import Hop, PacketState
from parachains.sdk.ibc_queries import IbcQueries, QueryFailed
from parachains.sdk.users import NotOffered, PacketKey
from parachains.zone import user_codec
from tests.unit.ibc_worlds import send
from tests.unit.integrity_worlds import ACCEPTED
from tests.unit.test_integrity_guard import forward, send_to_low
from tests.unit.test_integrity_module import World


class Client(IbcQueries):
    """A chain in process that answers what relayers ask of it."""

    def __init__(self, chain) -> None:
        self.chain = chain
        self.chain_id = chain.chain_id
        self.under_way: tuple[int, ...] = ()

    async def query(self, path, request, answer):
        return self.chain.query(path, request, answer)

    async def event_v2(self, kind, client_id, sequence):
        return None

    async def commitments(self, port, channel):
        return self.under_way


class User:
    """A chain in process as people see it; the hub answers about integrity too."""

    def __init__(self, chain, world: World | None = None) -> None:
        self.client = Client(chain)
        self.world = world

    async def ask(self, name, arguments):
        if name != "grpc":
            raise NotOffered(chain_id=self.client.chain_id, what=f"query {name!r}")
        path = arguments["method"]
        routes = {} if self.world is None else self.world.module.query_routes()
        for route in routes:
            if route.path == path:
                request, answer = user_codec.query_types(path)
                asked = user_codec.request_from_json(json.loads(arguments["request"]), request)
                try:
                    data = route.handle(self.client.chain.context(), asked.SerializeToString())
                except RuleBroken as error:
                    raise QueryFailed(path=path, code=1, codespace="sdk", log=str(error)) from error
                return user_codec.to_json(answer.FromString(data))
        raise QueryFailed(path=path, code=6, codespace="sdk", log="unknown query path")


@pytest.fixture
def world() -> World:
    """Return a hub with a low and a high zone."""
    return World(low=1, high=3)


def users_of(world: World) -> dict[str, User]:
    """Return every chain by its name; the zones come first."""
    zones = {name: User(chain) for name, chain in world.hub.zones.items()}
    return {**zones, "middle": User(world.hub.chain, world)}


def test_the_hub_is_the_chain_that_answers_about_integrity(world):
    """Whatever its name and place; none is an error in a line."""
    found = asyncio.run(find_hub(users_of(world)))
    assert found.name == "middle"
    with pytest.raises(NoHub, match="among low, high, middle"):
        asyncio.run(find_hub(users_of(world), "low"))


def test_a_refused_packet_is_told_with_its_rule_and_an_accepted_one_with_its_lineage(world):
    """The code in the acknowledgement names the rule; the hub's record tells the rest."""
    hub, view = world.hub, HubView("middle", User(world.hub.chain, world))
    refused, (answer,) = hub.send_up("low", "ulow", 5, memo=forward(hub, "high"))
    key = PacketKey(refused.source_port, refused.source_channel, refused.sequence)
    hop = Hop("low", "middle", key, refused, PacketState.REFUSED, (), answer, "", ())
    assert asyncio.run(judged(view, hop))["refused"].startswith("IL-low-to-high: ")

    accepted, _ = hub.send_up("high", "uhigh", 5, memo=forward(hub, "low"))
    hop = replace(hop, source="high", packet=accepted, state=PacketState.SENT, acknowledgement=b"")
    assert asyncio.run(judged(view, hop))["record"]["label"] == 3
    onward = replace(hop, source="middle", destination="low")
    assert "as it was sent" in asyncio.run(judged(view, onward))["judged"]


def links(world: World) -> list[Link]:
    """Return the hub's channels as the command line finds them."""
    found = []
    for name, path in world.hub.paths.items():
        counterparty = ChannelCounterparty(path.b.port_id, path.b.channel_id)
        end = ChannelEnd(ChannelState.OPEN, Order.UNORDERED, counterparty, ("c",), "ics20-1")
        identified = IdentifiedChannel(path.a.port_id, path.a.channel_id, end)
        found.append(Link("middle", "c", path.a.client_id, identified, name))
    return found


def audited(world: World, monkeypatch, users=None):
    """Return the comparisons of the ledger with the chains."""

    async def links_of(name, users):
        return links(world)

    monkeypatch.setattr(supply_audit, "links_of", links_of)
    users = users or users_of(world)
    return asyncio.run(audit(HubView("middle", users["middle"]), users))


def test_the_ledger_agrees_with_honest_chains(world, monkeypatch):
    """Escrow and vouchers on both sides of both channels."""
    send_to_low(world.hub)
    found = audited(world, monkeypatch)

    assert all(each.holds and not each.busy for each in found)
    assert {(each.chain, each.what): each.found for each in found} == {
        ("low", "escrow on the hub"): 60,
        ("low", "vouchers on low"): 60,
        ("high", "vouchers on the hub"): 100,
        ("high", "escrow on high"): 100,
        ("high", "escrow on the hub"): 0,
    }


def test_a_zone_that_makes_vouchers_up_is_found_out(world, monkeypatch):
    """And one whose escrow lost what the hub's vouchers stand for."""
    at_low = send_to_low(world.hub)
    world.hub.zones["low"].fund("mallory", at_low, 1)
    wrong = [each for each in audited(world, monkeypatch) if not each.holds]
    assert [(each.what, each.ledger, each.found) for each in wrong] == [("vouchers on low", 60, 61)]


def test_a_busy_channel_is_held_to_what_there_may_be_at_most(world, monkeypatch):
    """A packet that is sent and not received yet: the zone has less, which is no fault."""
    hub = world.hub
    assert hub.send_up("high", "uhigh", 100)[1] == [ACCEPTED]
    send(hub.paths["low"].a, "bob", "alice", hub.voucher("high", "uhigh"), 60)
    users = users_of(world)
    users["middle"].client.under_way = (1,)
    found = {each.what: each for each in audited(world, monkeypatch, users) if each.chain == "low"}

    assert found["vouchers on low"].busy
    assert (found["vouchers on low"].found, found["vouchers on low"].ledger) == (0, 60)
    assert found["vouchers on low"].holds


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (objects, {"x": 7}),
        (objects, {"x": [7]}),
        (number, {"x": "seven"}),
        (words, {"x": "seven"}),
    ],
)
def test_an_answer_of_another_form_is_refused(read, value):
    """A hub may be anybody's."""
    with pytest.raises(MalformedMessage):
        read(value, "x")
