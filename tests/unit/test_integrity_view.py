"""What commands tell of integrity: words, the picture, and the audit of supply."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.wire.proto.isthmus.integrity.v1 import query_pb2
from chainkit.wire.proto.isthmus.transfer.v1 import query_pb2 as amounts_query
from integrity import errors
from integrity.axes import Level
from integrity.levels import LevelState
from integrity.monitor import Monitor
from integrity.queries import IntegrityQueries
from isthmus.integrity_view import (
    explain_contamination,
    explain_level,
    explain_packet,
    objects,
    rule_names,
)
from isthmus.level_picture import PicturedChain, draw, flows
from isthmus.supply_audit import Compared
from parachains.zone.user_codec import to_json
from tests.unit.ibc_worlds import send
from tests.unit.integrity_worlds import ACCEPTED, Hub
from tests.unit.test_integrity_guard import forward


def queries(hub: Hub) -> IntegrityQueries:
    """Return what answers about a hub."""
    return IntegrityQueries(Monitor(hub.clients), hub.chain.core.channels, "cosmos")


def test_every_refusal_has_a_code_of_its_own_and_a_rule():
    """A code in an acknowledgement must name one rule."""
    refusals = [
        each
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, errors.IntegrityRefusal)
        and each is not errors.IntegrityRefusal
    ]
    assert len({each.code for each in refusals}) == len(refusals)
    assert rule_names()[3].startswith("IL-low-to-high: ")


def test_a_chain_is_explained_by_its_axes():
    """Level, what decides it, every axis with its score, and what does not apply."""
    hub = Hub(low=1)
    ctx = hub.chain.context()
    answer = queries(hub).chain(ctx, query_pb2.QueryChainRequest(name="low"))
    view = to_json(answer)["chain"]
    lines = list(explain_level(view, [], [{"port": "transfer", "level": 0}]))

    assert lines[0] == "low is of level 1"
    assert any("verification" in line and "measured" in line for line in lines)
    assert any(line.startswith("  does not apply: control") for line in lines)
    assert lines[-1] == "  its port transfer took data from below and counts as 0"
    assert answer.chain.channels == [hub.channel("low")]


def test_a_packet_is_explained_by_its_label_and_what_let_it_in():
    """By its own label, by sources, or as an asset that goes home."""
    hub = Hub(low=1, high=3)
    hub.send_up("high", "uhigh", 9, memo=forward(hub, "low"))
    (record,) = hub.store.packets()
    request = query_pb2.QueryPacketRequest(
        port=record.port, channel=record.channel, sequence=record.sequence
    )
    answer = to_json(queries(hub).packet(hub.chain.context(), request))["packet"]
    told = "\n".join(explain_packet(answer))
    assert "from high to low" in told
    assert "its label is 3, the destination's level was 1" in told
    lifted = {**answer, "label": 1, "destination_level": 3, "endorsed": 4, "endorsers": ["a", "b"]}
    assert "lifted to 3 by a, b" in "\n".join(explain_packet(lifted))
    home = {**answer, "label": 1, "destination_level": 3, "content": "return"}
    assert "an asset that goes home" in "\n".join(explain_packet(home))


def test_what_is_doubtful_is_listed_with_where_it_lies():
    """Lots on the hub, and what went on over a channel and may come back."""
    hub = Hub(bad=2, other=2)
    hub.send_up("bad", "ubad", 50)
    voucher = hub.voucher("bad", "ubad")
    send(hub.paths["other"].a, "bob", "carol", voucher, 20)
    hub.store.freeze("bad", 1)
    answer = queries(hub).quarantine(hub.chain.context(), query_pb2.QueryQuarantineRequest())
    (report,) = objects(to_json(answer), "chains")
    told = "\n".join(explain_contamination(report))

    assert "is in quarantine" in told
    assert f"lot of {answer.chains[0].holdings[0].owner}: 30{voucher}" in told
    assert f"passed on over {hub.channel('other')}: 20{voucher}" in told


def test_a_chain_that_only_fell_is_listed_and_not_frozen():
    """A fall without fraud is a reason to look, not to freeze."""
    hub = Hub(tired=2)
    hub.send_up("tired", "utired", 5)
    hub.change("tired", level=LevelState(Level(0), previous=Level(2), fell_at=hub.chain.height))
    answer = queries(hub).quarantine(hub.chain.context(), query_pb2.QueryQuarantineRequest())

    assert not answer.chains[0].frozen
    assert "listed, not frozen" in "\n".join(explain_contamination(to_json(answer.chains[0])))


def test_other_questions_are_answered():
    """Parameters, all chains, lots of an account, and the ledger of zones."""
    hub = Hub(low=1)
    assert hub.send_up("low", "ulow", 7)[1] == [ACCEPTED]
    ctx, ask = hub.chain.context(), queries(hub)
    owner = ask._text(hub.chain.account("bob"))

    assert ask.params(ctx, query_pb2.QueryParamsRequest()).params.endorsers == 3
    names = [view.chain.name for view in ask.chains(ctx, query_pb2.QueryChainsRequest()).chains]
    assert names == ["hub", "low"]
    (holding,) = ask.lots(ctx, query_pb2.QueryLotsRequest(address=owner)).holdings
    assert [(lot.label, lot.amount) for lot in holding.lots] == [(1, "7")]
    (zone,) = ask.zones(ctx, query_pb2.QueryZonesRequest()).zones
    assert (zone.chain, zone.entry.custody) == ("low", "7")
    assert ask.appeals(ctx, query_pb2.QueryAppealsRequest()).appeals == []
    assert ask.endorsements(ctx, query_pb2.QueryEndorsementsRequest()).endorsements == []
    assert ask.held(ctx, query_pb2.QueryHeldRequest()).packets == []


def test_every_chain_tells_amounts_in_one_form():
    """Supply of a voucher, and what of a token lies in a channel's escrow."""
    hub = Hub(low=1)
    hub.send_up("low", "ulow", 7)
    path = hub.paths["low"]

    def amounts(chain, denom: str, channel: str):
        return chain.query(
            "/isthmus.transfer.v1.Query/Amounts",
            amounts_query.QueryAmountsRequest(denom=denom, port_id="transfer", channel_id=channel),
            amounts_query.QueryAmountsResponse,
        )

    assert amounts(hub.chain, hub.voucher("low", "ulow"), path.a.channel_id).supply == "7"
    assert amounts(path.b.chain, "ulow", path.b.channel_id).escrowed == "7"


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=7),
    st.integers(0, 4),
)
def test_the_picture_allows_what_the_rule_allows(zones, hub_level):
    """Each pair both ways; well-formed whatever the names are; a box for each chain."""
    chains = [
        PicturedChain("hub", hub_level, is_hub=True),
        *(
            PicturedChain(f"z{n}<&>", level, isolated=isolated)
            for n, (level, isolated) in enumerate(zones)
        ),
    ]
    shown = flows(chains)
    by_name = {chain.name: chain for chain in chains}
    assert len(shown) == len(zones) * (len(zones) - 1)
    for flow in shown:
        source, destination = by_name[flow.source], by_name[flow.destination]
        falls = destination.level <= source.level and destination.level <= hub_level
        joined = not (source.isolated or destination.isolated)
        assert flow.allowed == (falls and joined)
    root = ET.fromstring(draw(chains, shown))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}rect")) == len(chains) + 1
    assert len(root.findall(f"{space}line")) == len(shown)


@pytest.mark.parametrize(
    ("ledger", "found", "busy", "holds"),
    [(7, 7, False, True), (7, 6, False, False), (7, 6, True, True), (7, 8, True, False)],
)
def test_a_busy_channel_is_held_to_a_bound_and_a_quiet_one_to_the_number(
    ledger, found, busy, holds
):
    """A zone that has more than the ledger says has made it up, busy or not."""
    assert Compared("z", "channel-0", "u", "vouchers", ledger, found, busy).holds == holds
