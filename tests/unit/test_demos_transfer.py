"""The demo transfer's own judgement, its names, and how it tells its story."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from demos.journeys import there_and_back
from demos.ledgers import short, voucher
from demos.miners import Taken, share
from demos.network import Channel
from demos.routes import COIN_TO_VAULT, COIN_TO_ZONE, HUB, ZONE_TO_ZONE
from demos.story import Story
from demos.transfer import Report, describe
from ibc.ics20_transfer.denoms import extract_denom

GOOD = Report(
    route=("coin", "hub", "zone", "hub", "coin"),
    delivered=True,
    returned=True,
    supply_conserved=True,
    supply_checked_at_heights=120,
    supply_violations=(),
    hops=2,
    proofs_verified=20,
    headers_verified=16,
    fee_paid=488,
    seconds_to_ready=12.5,
    seconds_to_first_delivery=4.2,
    seconds_to_ready_limit=90.0,
    seconds_to_first_delivery_limit=30.0,
    block_seconds={"hub": 0.6},
    timeout_commit_seconds={"hub": 0.5},
    mining_share=0.05,
    miner_process_share=0.12,
)


def test_a_report_in_which_all_holds_has_no_failures():
    """Two connections and channels of six proofs, and two for each of four packets."""
    assert GOOD.failures() == ()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"delivered": False}, "did not arrive"),
        ({"returned": False}, "did not come home"),
        ({"supply_conserved": False, "supply_violations": ("1 too many",)}, "1 too many"),
        ({"hops": 1}, "1 hops, expected 2"),
        ({"proofs_verified": 19}, "19 proofs were verified, expected 20 or more"),
    ],
)
def test_everything_that_does_not_hold_fails_the_demo(change, text):
    """Each claim alone is enough, and is named."""
    (failure,) = replace(GOOD, **change).failures()

    assert text in failure


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"seconds_to_ready": 90.0}, "ready after 90.0 s, expected under 90.0 s"),
        ({"seconds_to_first_delivery": 30.0}, "delivered after 30.0 s, expected under 30.0 s"),
        ({"mining_share": 0.11}, "mining took 0.11 of a core, expected 0.1"),
    ],
)
def test_what_is_slow_is_said_and_fails_nothing(change, text):
    """A busy machine makes a demo slow, not wrong."""
    report = replace(GOOD, **change)

    assert report.slow_parts() == (text,)
    assert report.failures() == GOOD.slow_parts() == ()


def test_the_report_reads_as_a_text():
    """What a person sees says yes or NO, and how it was found out."""
    assert "supply conserved   yes, compared at 120 heights" in describe(GOOD)
    assert "supply conserved   NO" in describe(replace(GOOD, supply_conserved=False))
    assert "came home          yes: coin -> hub -> zone -> hub -> coin" in describe(GOOD)
    assert "mining             5.0% of one core" in describe(GOOD)
    assert "mining" not in describe(replace(GOOD, mining_share=0.0))


def test_what_miners_take_is_counted_between_two_moments():
    """What they took before, as for the first blocks, does not count."""
    found = share(Taken(100.0, 7.5, 30.0), Taken(160.0, 10.5, 36.0))

    assert (found.mining, found.processes) == (0.05, 0.1)
    assert share(Taken(0.0, 0.0, None), Taken(1.0, 0.5, None)).processes is None


@pytest.mark.parametrize("route", [COIN_TO_VAULT, COIN_TO_ZONE, ZONE_TO_ZONE])
def test_a_route_s_network_joins_both_ends_to_the_hub(route):
    """What stands at the ends is the description's matter alone."""
    joined = {frozenset({path.a, path.b}) for path in route.spec.paths}

    assert joined == {frozenset({route.start, HUB}), frozenset({HUB, route.end})}
    assert {route.start, HUB, route.end} == {chain.name for chain in route.spec.chains}
    assert set(route.voting) <= {chain.name for chain in route.spec.chains}


SPOKES = {"a": Channel("channel-3", "channel-1"), "b": Channel("channel-7", "channel-0")}


def test_the_way_home_undoes_the_way_out():
    """The voucher that arrives is what is sent back, over the same channels."""
    out, home = there_and_back("a", "b", "utok", SPOKES, amount=7)

    path = "transfer/channel-7/transfer/channel-1/utok"
    assert out.denom_at_end == home.denom == extract_denom(path).local_denom()
    assert out.via_denom == home.via_denom == voucher("transfer/channel-1/utok")
    assert (out.channel, out.onward) == ("channel-3", "channel-0")
    assert (home.channel, home.onward) == ("channel-7", "channel-1")
    assert (home.start, home.sender, home.end, home.receiver) == (
        out.end, out.receiver, out.start, out.sender,
    )  # fmt: skip
    assert home.denom_at_end == out.denom == "utok"
    assert (out.start, out.end) == ("a", "b")
    assert out.amount == home.amount == 7


@pytest.mark.parametrize(
    ("start", "end", "channels", "path"),
    [
        ("a", HUB, ("channel-3", "channel-1"), "transfer/channel-1/utok"),
        (HUB, "b", ("channel-0", "channel-7"), "transfer/channel-7/utok"),
    ],
)
def test_a_journey_to_or_from_the_hub_has_one_hop(start, end, channels, path):
    """Nothing is forwarded, and the hub's own ledger is an end."""
    out, home = there_and_back(start, end, "utok", SPOKES)

    assert (out.channel, home.channel) == channels
    assert out.denom_at_end == home.denom == voucher(path)
    assert out.onward is out.via_denom is home.onward is home.via_denom is None


def test_a_voucher_is_cut_for_people():
    """A native denomination is not."""
    assert short(voucher("transfer/channel-0/utok")).endswith("...")
    assert short("utoka") == "utoka"


def told(*, terminal):
    text = io.StringIO()
    with Story(Console(file=text, force_terminal=terminal, width=80)) as story:
        story.say("starting [8] processes")
        story.say("waiting for height 2")
        story.say("done")
    return text.getvalue()


def test_every_line_stays_where_nobody_watches():
    """In a log, waits are lines too, with the seconds since the start."""
    lines = told(terminal=False).splitlines()

    assert [line.split(" s  ", 1)[1] for line in lines] == [
        "starting [8] processes",
        "waiting for height 2",
        "done",
    ]
    assert all(float(line.split(" s  ", 1)[0]) >= 0 for line in lines)


def test_waits_give_way_on_a_terminal():
    """What is waited for is shown and cleared; only what happened stays."""
    text = told(terminal=True)

    assert "waiting for height 2" in text
    assert "\x1b[2K" in text, "the line is cleared"
    assert " s  waiting" not in text
