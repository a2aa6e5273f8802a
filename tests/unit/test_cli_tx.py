"""``tx``: what is signed, what is printed, and that a refusal is one line with exit code 1."""

import json

import pytest
from click.testing import CliRunner

from chainkit.primitives.amounts import Coin
from isthmus.cli import trace as trace_module
from isthmus.cli import tx as tx_module
from isthmus.cli.main import cli
from parachains.sdk.relaying import AccountSequenceWrong, TxRefused
from parachains.sdk.users import (
    Delegate,
    PacketKey,
    PacketStep,
    RawMessage,
    Send,
    SubmitProposal,
    Transfer,
    Undelegate,
    Vote,
)
from tests.fake_chain import HASH, SECOND, T0, Net, included, install

BOB = "isthmus1erxf3sa9q2j4vgseu7jq4a258ckmk7cyhywak2"
SENT = PacketKey("transfer", "channel-0", 1)
FORWARDED = PacketKey("transfer", "channel-2", 4)
OK = b'{"result":"AQ=="}'
ERROR = b'{"error":"ABCI code: 5: error handling packet: see events for details"}'


@pytest.fixture
def net(tmp_path, monkeypatch) -> Net:
    install(tmp_path / "site", monkeypatch)
    for module in (tx_module, trace_module):
        monkeypatch.setattr(module, "POLL_S", 0)
    return Net(tmp_path / "net")


def run(net: Net, *arguments: str):
    return CliRunner().invoke(cli, [*arguments, "--home", str(net.home)])


def test_a_payment_is_told_with_hash_height_and_code(net) -> None:
    """
    Names become addresses, the sender's key signs, and the wait says for what.
    """
    net.chains["zone-a"].outcomes = [None, included()]
    result = run(net, "tx", "send", "alice", "bob", "5ucoin,1other", "--chain", "zone-a", "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "chain": "zone-a",
        "hash": HASH,
        "height": 12,
        "code": 0,
        "log": "",
    }
    assert net.chains["zone-a"].intents == [Send(BOB, (Coin("other", 1), Coin("ucoin", 5)))]
    assert net.chains["zone-a"].signer_key.hex().startswith("e64e7928")
    assert "waiting for a block of zone-a to take transaction ABABABAB, now at height" in (
        result.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "intent"),
    [
        (("send", "alice", "isthmus1x", "1ucoin"), Send("isthmus1x", (Coin("ucoin", 1),))),
        (("delegate", "alice", "hub-0", "7ucoin"), Delegate("hub-0", Coin("ucoin", 7))),
        (("undelegate", "alice", "hub-0", "7ucoin"), Undelegate("hub-0", Coin("ucoin", 7))),
        (("vote", "alice", "3", "no_with_veto"), Vote(3, "no_with_veto")),
        (
            (
                "submit-proposal",
                "alice",
                "T",
                "--deposit",
                "9ucoin",
                "--message",
                '{"@type": "/x"}',
            ),
            SubmitProposal("T", "", (Coin("ucoin", 9),), ({"@type": "/x"},)),
        ),
        (
            ("message", "alice", '{"@type": "/x.Msg", "n": 1}'),
            RawMessage({"@type": "/x.Msg", "n": 1}),
        ),
    ],
)
def test_each_command_asks_for_what_it_says(net, arguments, intent) -> None:
    """
    Without --chain it is the network's first chain.
    """
    net.chains["hub"].outcomes = [included()]
    result = run(net, "tx", *arguments)

    assert result.exit_code == 0, result.output
    assert net.chains["hub"].intents == [intent]
    assert result.stdout.startswith(f"{HASH}  hub height 12  code 0")


@pytest.mark.parametrize(
    ("price", "millionths"),
    [("0", 0), ("0.025", 25_000), ("3", 3_000_000), ("1.000001", 1_000_001)],
)
def test_gas_is_paid_at_the_price_that_is_given(net, price, millionths) -> None:
    """
    Whole millionths of a base unit: no float decides a fee.
    """
    net.chains["hub"].outcomes = [included()]
    result = run(net, "tx", "send", "alice", "bob", "1ucoin", "--gas-price", price)

    assert result.exit_code == 0, result.output
    assert net.chains["hub"].gas_price == millionths


def test_a_refused_transaction_is_one_line_and_exit_code_1(net) -> None:
    """
    The node's own words, its code, and no traceback; --json has the same where the result would be.
    """
    net.chains["hub"].refusals = [TxRefused(code=13, codespace="sdk", log="insufficient\nfee")]
    result = run(net, "tx", "send", "alice", "bob", "1ucoin", "--json")

    assert result.exit_code == 1
    assert result.stderr == "error: transaction refused with sdk/13: insufficient fee\n"
    assert json.loads(result.stdout)["error"] == result.stderr[7:-1]


def test_a_transaction_that_fails_in_its_block_is_refused_with_its_log(net) -> None:
    """
    Included is not done: the code decides.
    """
    net.chains["hub"].outcomes = [included(5, "insufficient funds")]
    result = run(net, "tx", "send", "alice", "bob", "1ucoin")

    assert result.exit_code == 1
    assert result.stderr.endswith(
        f"transaction {HASH} failed on hub at height 12 with sdk/5: insufficient funds\n"
    )
    assert result.stdout == ""


def test_a_wrong_sequence_is_signed_again_but_not_for_ever(net) -> None:
    """
    Another transaction of the account may be a block ahead.
    """
    wrong = AccountSequenceWrong(code=32, codespace="sdk", log="account sequence mismatch")
    net.chains["hub"].refusals = [wrong]
    net.chains["hub"].outcomes = [included()]
    assert run(net, "tx", "send", "alice", "bob", "1ucoin").exit_code == 0
    net.chains["hub"].refusals = [wrong] * 10

    assert run(net, "tx", "send", "alice", "bob", "1ucoin").exit_code == 1
    assert len(net.chains["hub"].refusals) == 10 - tx_module.SEQUENCE_TRIES


def test_a_transaction_that_no_block_takes_is_given_up(net, monkeypatch) -> None:
    """
    The reason names the chain and its height.
    """
    monkeypatch.setattr(tx_module, "INCLUSION_TIMEOUT_S", -1.0)
    result = run(net, "tx", "send", "alice", "bob", "1ucoin")

    assert result.exit_code == 1
    assert "waiting for a block of hub to take transaction ABABABAB" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("send", "alice", "bob", "ucoin"), 2, "expected coins, as 10uisth"),
        (("send", "alice", "bob", "0ucoin"), 2, "expected coins"),
        (("delegate", "alice", "hub-0", "5"), 2, "expected an amount and a denom"),
        (("transfer", "alice", "bob", "0ucoin", "--to", "hub"), 2, "above 0"),
        (("transfer", "alice", "bob", "1ucoin"), 2, "either --to CHAIN or --channel"),
        (("transfer", "alice", "bob", "1ucoin", "--to", "hub", "--timeout", "5"), 2, "as 30s"),
        (("send", "alice", "bob", "1ucoin", "--gas-price", "1.2345678"), 2, "as 0.025"),
        (("send", "alice", "bob", "1ucoin", "--gas-price", "-1"), 2, "as 0.025"),
        (("message", "alice", "[1]"), 2, "expected a JSON object"),
        (("message", "alice", "@/nowhere"), 2, "JSON object or @FILE"),
        (("vote", "alice", "1", "maybe"), 2, "no_with_veto"),
        (("send", "zoe", "bob", "1ucoin"), 1, "no account 'zoe': expected one of alice, bob"),
        (("send", "alice", "bob", "1ucoin", "--chain", "moon"), 1, "expected one of hub, zone-a"),
        (("transfer", "alice", "bob", "1ucoin", "--to", "moon"), 1, "no chain 'moon'"),
    ],
)
def test_a_wrong_argument_says_what_was_expected(net, arguments, code, said) -> None:
    """
    Nothing is signed.
    """
    result = run(net, "tx", *arguments)

    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    assert all(chain.intents == [] for chain in net.chains.values())


def transferred(net: Net) -> None:
    net.chains["zone-a"].outcomes = [included()]
    net.chains["zone-a"].sent_by[HASH] = (SENT,)


def test_a_transfer_finds_its_way_through_the_hub(net) -> None:
    """
    The first channel leads to the hub, the memo onward; the receiver's name is one of the last chain.
    """
    transferred(net)
    result = run(
        net,
        "tx",
        "transfer",
        "alice",
        "bob",
        "7ucoin",
        "--chain",
        "zone-a",
        "--to",
        "zone-b",
        "--json",
    )

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["packet"] == "zone-a/transfer/channel-0/1"
    [intent] = net.chains["zone-a"].intents
    assert isinstance(intent, Transfer)
    assert (intent.channel_id, intent.receiver) == ("channel-0", "pfm")
    assert intent.timeout_timestamp == T0 + 600 * SECOND
    assert json.loads(intent.memo) == {
        "forward": {
            "receiver": BOB,
            "port": "transfer",
            "channel": "channel-2",
            "timeout": 600 * SECOND,
        }
    }


def test_a_transfer_to_a_neighbour_needs_no_memo(net) -> None:
    """
    The receiver is the account itself, and a memo of one's own is kept.
    """
    transferred(net)
    arguments = ("--chain", "zone-a", "--to", "hub", "--memo", "hi", "--timeout", "30s")
    assert run(net, "tx", "transfer", "alice", "bob", "7ucoin", *arguments).exit_code == 0

    [intent] = net.chains["zone-a"].intents
    assert (intent.receiver, intent.memo) == (BOB, "hi")
    assert intent.timeout_timestamp == T0 + 30 * SECOND


def test_a_memo_cannot_go_with_hops_between(net) -> None:
    """
    The way itself is in the memo.
    """
    arguments = ("--chain", "zone-a", "--to", "zone-b", "--memo", "hi")
    result = run(net, "tx", "transfer", "alice", "bob", "7ucoin", *arguments)

    assert result.exit_code == 1
    assert "carries its way in the memo" in result.stderr


def test_where_no_channels_lead_it_says_which_there_are(net) -> None:
    """
    The person sees what the relayer has opened so far.
    """
    net.chains["hub"].channels_.pop("connection-1")
    arguments = ("--chain", "zone-a", "--to", "zone-b")
    result = run(net, "tx", "transfer", "alice", "bob", "7ucoin", *arguments)

    assert result.exit_code == 1
    assert "no open channels from zone-a to zone-b; there are: hub -> zone-a" in result.stderr


def follow(net: Net):
    transferred(net)
    arguments = ("--chain", "zone-a", "--to", "zone-b", "--follow", "--json")
    return run(net, "tx", "transfer", "alice", "bob", "7ucoin", *arguments)


def test_a_followed_transfer_ends_when_it_is_delivered(net) -> None:
    """
    The result has every step of every hop.
    """
    net.happened("zone-a", PacketStep.SENT, SENT)
    net.happened("hub", PacketStep.RECEIVED, SENT, caused=(FORWARDED,))
    net.happened("hub", PacketStep.ANSWERED, SENT, acknowledgement=OK)
    net.happened("zone-a", PacketStep.ACKNOWLEDGED, SENT)
    net.happened("hub", PacketStep.SENT, FORWARDED)
    net.happened("zone-b", PacketStep.RECEIVED, FORWARDED)
    net.happened("zone-b", PacketStep.ANSWERED, FORWARDED, acknowledgement=OK)
    net.happened("hub", PacketStep.ACKNOWLEDGED, FORWARDED)
    result = follow(net)

    assert result.exit_code == 0, result.output
    trace = json.loads(result.stdout)["trace"]
    assert trace["state"] == trace["forwarded"][0]["state"] == "delivered"
    assert [event["step"] for event in trace["forwarded"][0]["events"]] == [
        "sent",
        "received",
        "answered",
        "acknowledged",
    ]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            [("hub", PacketStep.ANSWERED, ERROR), ("zone-a", PacketStep.ACKNOWLEDGED, b"")],
            "was refused (ABCI code: 5",
        ),
        ([("zone-a", PacketStep.TIMED_OUT, b"")], "timed out: refunded"),
    ],
)
def test_a_followed_transfer_that_comes_back_is_exit_code_1(net, steps, said) -> None:
    """
    A script does not take a refund for a delivery.
    """
    net.happened("zone-a", PacketStep.SENT, SENT)
    for chain, step, acknowledgement in steps:
        net.happened(chain, step, SENT, acknowledgement=acknowledgement)
    result = follow(net)

    assert result.exit_code == 1
    assert said in result.stderr
