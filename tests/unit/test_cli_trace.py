"""``trace``: where a packet is on every chain, and what it waits for."""

import json

import pytest
from click.testing import CliRunner

from isthmus.cli import trace as trace_module
from isthmus.cli.main import cli
from parachains.sdk.users import PacketKey, PacketStep
from tests.fake_chain import HASH, SECOND, T0, Net, install

SENT = PacketKey("transfer", "channel-0", 1)
FORWARDED = PacketKey("transfer", "channel-2", 4)
OK = b'{"result":"AQ=="}'
ERROR = b'{"error":"ABCI code: 5: error handling packet: see events for details"}'


@pytest.fixture
def net(tmp_path, monkeypatch) -> Net:
    install(tmp_path / "site", monkeypatch)
    monkeypatch.setattr(trace_module, "POLL_S", 0)
    net = Net(tmp_path / "net")
    net.happened("zone-a", PacketStep.SENT, SENT)
    return net


def run(net: Net, *arguments: str):
    return CliRunner().invoke(cli, ["trace", *arguments, "--home", str(net.home)])


def traced(net: Net, name: str = "zone-a/channel-0/1") -> dict:
    result = run(net, name, "--json")
    assert result.exit_code == 0, result.output
    [packet] = json.loads(result.stdout)["packets"]
    return packet


@pytest.mark.parametrize(
    "name", ["zone-a/channel-0/1", "zone-a/transfer/channel-0/1", "zone-a-1/channel-0/1"]
)
def test_a_packet_is_named_by_the_end_that_sent_it(net, name) -> None:
    """
    The transfer port need not be said, and a chain's id does as well as its name.
    """
    packet = traced(net, name)

    assert packet["packet"] == "zone-a/transfer/channel-0/1"
    assert (packet["source"], packet["destination"], packet["state"]) == ("zone-a", "hub", "sent")
    assert packet["events"] == [
        {
            "chain": "zone-a",
            "step": "sent",
            "height": 9,
            "time": "2023-11-14T22:13:20Z",
            "tx_hash": HASH,
        }
    ]


@pytest.mark.parametrize("name", [HASH, f"zone-a/{HASH}", HASH.lower()])
def test_a_transaction_names_the_packets_that_it_sent(net, name) -> None:
    """
    Whatever chain it was on: all are asked.
    """
    net.chains["zone-a"].sent_by[name.rpartition("/")[2]] = (SENT,)

    assert traced(net, name)["packet"] == "zone-a/transfer/channel-0/1"


STEPS = [
    ([], T0, "sent", "the relayer to bring it to hub; it times out in 60 s"),
    ([], T0 + 90 * SECOND, "sent", "the relayer to prove on zone-a that it timed out 30 s ago"),
    ([("hub", PacketStep.RECEIVED, b"")], T0, "received", "the application on hub to answer"),
    (
        [("hub", PacketStep.RECEIVED, b""), ("hub", PacketStep.ANSWERED, OK)],
        T0,
        "answered",
        "the relayer to bring the acknowledgement to zone-a",
    ),
    (
        [("hub", PacketStep.ANSWERED, OK), ("zone-a", PacketStep.ACKNOWLEDGED, b"")],
        T0,
        "delivered",
        "",
    ),
    (
        [("hub", PacketStep.ANSWERED, ERROR), ("zone-a", PacketStep.ACKNOWLEDGED, b"")],
        T0,
        "refused",
        "",
    ),
    ([("zone-a", PacketStep.TIMED_OUT, b"")], T0, "timed_out", ""),
]


@pytest.mark.parametrize(("steps", "now", "state", "waits_for"), STEPS)
def test_each_state_says_what_it_waits_for(net, steps, now, state, waits_for) -> None:
    """
    The reason is what must happen next, and by whom.
    """
    net.chains["hub"].time = now
    for chain, step, acknowledgement in steps:
        net.happened(chain, step, SENT, acknowledgement=acknowledgement)
    packet = traced(net)

    assert (packet["state"], packet["waits_for"]) == (state, waits_for)


def test_a_forwarded_packet_is_followed_to_the_last_hop(net) -> None:
    """
    What the hub sent on is below what it received, and the first packet waits for it.
    """
    net.happened("hub", PacketStep.RECEIVED, SENT, caused=(FORWARDED,))
    net.happened("hub", PacketStep.SENT, FORWARDED)
    packet = traced(net)
    text = run(net, "zone-a/channel-0/1").stdout.splitlines()

    assert packet["waits_for"] == "packet transfer/channel-2/4 from hub to be answered"
    [child] = packet["forwarded"]
    assert (child["source"], child["destination"]) == ("hub", "zone-b")
    assert child["waits_for"].startswith("the relayer to bring it to zone-b")
    assert text[0] == "packet zone-a/transfer/channel-0/1 to hub: received"
    assert text[3] == "    packet hub/transfer/channel-2/4 to zone-b: sent"


def test_following_waits_with_the_innermost_reason_and_gives_up_in_time(net) -> None:
    """
    The reason of a wait is where the packet really is.
    """
    net.happened("hub", PacketStep.RECEIVED, SENT, caused=(FORWARDED,))
    net.happened("hub", PacketStep.SENT, FORWARDED)
    result = run(net, "zone-a/channel-0/1", "--follow", "--timeout", "1")

    assert result.exit_code == 1
    first, *_, last = result.stderr.splitlines()
    assert first.startswith(
        "packet transfer/channel-2/4 from hub: waiting for the relayer to bring it to zone-b"
    )
    assert last.startswith("error: gave up after 1 s waiting for the relayer to bring it to zone-b")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("foo", "expected CHAIN/CHANNEL/SEQUENCE"),
        ("a/b/c/d/e", "expected CHAIN/CHANNEL/SEQUENCE"),
        ("moon/channel-0/1", "no chain 'moon': expected one of hub, zone-a, zone-b"),
        ("zone-a/channel-9/1", "zone-a has no channel transfer/channel-9"),
        ("zone-a/channel-0/9", "zone-a sent no packet transfer/channel-0/9"),
        ("CD" * 32, f"no transaction {'CD' * 32} on hub, zone-a, zone-b"),
    ],
)
def test_what_is_not_there_is_one_line(net, name, said) -> None:
    """
    A typing error and a packet that never was are told apart.
    """
    result = run(net, name)

    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {said}")
    assert result.stderr.count("\n") == 1
