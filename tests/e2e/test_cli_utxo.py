"""The commands on a chain of outputs: paying on it, and sending from it to the hub."""

import subprocess

import pytest

from tests.e2e.test_cli_network import ISTHMUS, Person

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

SPEC = """
[[chains]]
name = "hub"
kind = "hub"
denom = "uisth"
[[chains]]
name = "coin"
kind = "utxo"
validators = 2
denom = "sat"
[[paths]]
a = "coin"
b = "hub"
[[accounts]]
name = "alice"
[[accounts]]
name = "bob"
[[accounts]]
name = "relayer"
[relayer]
poll_ms = 60000
"""
"""The relayer looks once a minute where nothing wakes it: what is quick was told by a node."""


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """Bring a network up once; it is ended whatever happens."""
    folder = tmp_path_factory.mktemp("cli-utxo")
    (folder / "net.toml").write_text(SPEC)
    person = Person(folder / "net")
    person.types("up", "--spec", str(folder / "net.toml"), "--detach", "--json")
    yield person
    subprocess.run([ISTHMUS, "down", "--home", person.home], check=False, timeout=120)


def test_coins_are_paid_to_an_account(person) -> None:
    """
    The receiver has the amount more, the payer the amount and a fee less.
    """
    before = {name: person.holds(name, "coin")["sat"] for name in ("alice", "bob")}
    paid = person.asks("tx", "send", "alice", "bob", "12345sat", "--chain", "coin")
    after = {name: person.holds(name, "coin")["sat"] for name in ("alice", "bob")}

    assert (paid["chain"], paid["code"]) == ("coin", 0)
    assert after["bob"] == before["bob"] + 12_345
    assert 0 < before["alice"] - after["alice"] - 12_345 < 10_000
    tx = person.asks("query", "tx", paid["hash"], "--chain", "coin")
    assert "0.00012345" in {output["value"] for output in tx["vout"]}


def test_a_coin_crosses_to_the_hub_and_comes_home(person) -> None:
    """
    A voucher on the hub, and the coin again for it; nodes' blocks wake the relayer.
    """
    arguments = ("tx", "transfer", "alice", "bob", "50000sat", "--chain", "coin", "--to", "hub")
    sent = person.asks(*arguments, "--follow")
    held = person.holds("bob", "hub")
    [voucher] = [denom for denom in held if denom.startswith("ibc/")]
    before = person.holds("alice", "coin")["sat"]
    back = ("tx", "transfer", "bob", "alice", f"50000{voucher}", "--chain", "hub", "--to", "coin")
    home = person.asks(*back, "--follow")

    assert sent["trace"]["state"] == home["trace"]["state"] == "delivered"
    assert held[voucher] == 50_000
    assert voucher not in person.holds("bob", "hub")
    assert person.holds("alice", "coin")["sat"] == before + 50_000
    told = (person.home / "logs" / "relayer.log").read_text()
    assert "mqtt.connected" in told


def test_refusals_are_one_line(person) -> None:
    """
    An address of nowhere, too little for an output, too much for the purse, nothing to stake.
    """
    for arguments, text in (
        (("send", "alice", "nowhere", "5000sat"), "receiver"),
        (("send", "alice", "bob", "1sat"), "at least 330sat"),
        (("send", "alice", "bob", "999999999999sat"), "more than the coins hold"),
        (("delegate", "alice", "coin-0", "1sat"), "has no message for delegate"),
    ):
        refused = person.types("tx", *arguments, "--chain", "coin", code=1)

        assert text in refused.stderr.splitlines()[-1]
