"""``htlc``: the messages that are signed, and what is printed."""

import base64
import json

import pytest
from click.testing import CliRunner

from chainkit.primitives.hashing import sha256
from isthmus.cli import tx as tx_module
from isthmus.cli.main import cli
from parachains.sdk.users import RawMessage
from tests.fake_chain import SECOND, T0, Net, included, install

BOB = "isthmus1erxf3sa9q2j4vgseu7jq4a258ckmk7cyhywak2"
SECRET = b"\x07" * 32


@pytest.fixture
def net(tmp_path, monkeypatch) -> Net:
    install(tmp_path / "site", monkeypatch)
    monkeypatch.setattr(tx_module, "POLL_S", 0)
    return Net(tmp_path / "net")


def run(net: Net, *arguments: str):
    net.chains["hub"].outcomes = [included()]
    return CliRunner().invoke(cli, ["htlc", *arguments, "--home", str(net.home)])


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def intent(net: Net) -> dict:
    [wanted] = net.chains["hub"].intents
    assert isinstance(wanted, RawMessage)
    return dict(wanted.value)


def test_a_lock_names_its_terms(net) -> None:
    """
    Names become addresses, the time counts from the chain's own clock.
    """
    digest = sha256(SECRET)
    result = run(net, "lock", "alice", "bob", "5ucoin", "--hash", digest.hex(), "--for", "10m")

    assert result.exit_code == 0, result.output
    message = intent(net)
    assert message["receiver"] == BOB
    assert message["hash"] == base64_of(digest)
    assert message["amount"] == {"denom": "ucoin", "amount": "5"}
    assert int(message["expires_at"]) == T0 // SECOND + 600
    assert "preimage" not in result.stdout


def test_without_a_hash_a_preimage_is_drawn_and_printed(net) -> None:
    """
    What is printed opens what was locked; two draws differ.
    """
    drawn = []
    for _ in range(2):
        net.chains["hub"].intents.clear()
        result = run(net, "lock", "alice", "bob", "5ucoin", "--json")
        answer = json.loads(result.stdout)
        preimage = bytes.fromhex(answer["preimage"])
        assert len(preimage) == 32
        assert intent(net)["hash"] == base64_of(sha256(preimage))
        assert answer["lock"] == sha256(preimage).hex()
        drawn.append(preimage)
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("command", "kind", "name"),
    [("claim", "MsgClaim", "preimage"), ("refund", "MsgRefund", "hash")],
)
def test_claims_and_refunds(net, command, kind, name) -> None:
    """
    The account signs; the bytes are given in hex.
    """
    result = run(net, command, "bob", SECRET.hex())

    assert result.exit_code == 0, result.output
    message = intent(net)
    assert message["@type"] == f"/isthmus.htlc.v1.{kind}"
    assert message["signer"] == BOB
    assert message[name] == base64_of(SECRET)


@pytest.mark.parametrize("value", ["", "07" * 31, "07" * 33, "zz" * 32])
def test_a_preimage_of_another_size_is_refused_at_once(net, value) -> None:
    """
    One line that says what was expected.
    """
    result = run(net, "claim", "bob", value)

    assert result.exit_code == 2
    assert "expected 64 hex digits" in result.stderr
    assert net.chains["hub"].intents == []
