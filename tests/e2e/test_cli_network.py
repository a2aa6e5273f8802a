"""The commands as a person types them, on one network from ``up`` to ``down``."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

ISTHMUS = Path(sys.executable).with_name("isthmus")
SPEC = """
[[chains]]
name = "hub"
kind = "hub"
validators = 4
denom = "uisth"
[chains.genesis.gov]
voting_seconds = 15
[chains.genesis.integrity.params]
profile = "laptop"
stale_epochs = 0
registrar = "isthmus15yk64u7zc9g9k2yr2wmzeva5qgwxps6y7gmegk"
endorsers = 2
bond_denom = "uisth"
challenge_blocks = 2
[[chains.genesis.integrity.chains]]
name = "hub"
operator = "hub"
[[chains.genesis.integrity.chains]]
name = "zone-a"
operator = "a"
cap = 2
[[chains.genesis.integrity.chains]]
name = "zone-b"
operator = "b"
cap = 1
[[chains.genesis.integrity.sources]]
name = "civil"
operator = "civil"
account = "isthmus1erxf3sa9q2j4vgseu7jq4a258ckmk7cyhywak2"
chain = "hub"
[[chains.genesis.integrity.sources]]
name = "audit"
operator = "audit"
account = "isthmus19tkvgvwht3n8pcqydrcq4cxwhr8rp2ge88q65v"
chain = "zone-a"
[[chains]]
name = "zone-a"
denom = "utoka"
[[chains]]
name = "zone-b"
denom = "utokb"
[[accounts]]
name = "alice"
[[accounts]]
name = "bob"
[[accounts]]
name = "relayer"
[[accounts]]
name = "dave"
"""
"""The hub 3, zone-a 2, zone-b 1; bob and dave may endorse, alice binds the chains."""


class Person:
    """Somebody at a terminal."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def types(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command, which must end with ``code``; a failure says one line."""
        result = subprocess.run(
            [ISTHMUS, *arguments, "--home", self.home],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert result.returncode == code, f"{arguments}: {result.stdout}{result.stderr}"
        assert "Traceback" not in result.stderr
        return result

    def asks(self, *arguments: str) -> dict:
        """Run a command with --json and return its one line."""
        result = self.types(*arguments, "--json")
        [line] = result.stdout.splitlines()
        return json.loads(line)

    def holds(self, account: str, chain: str) -> dict[str, int]:
        found = self.asks("query", "balances", account, "--chain", chain)["balances"]
        return {coin["denom"]: int(coin["amount"]) for coin in found}

    def pids(self) -> dict[str, int]:
        return {p["name"]: p["pid"] for p in self.asks("status")["processes"]}


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """Bring a network up once; it is ended whatever happens."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "net.toml").write_text(SPEC)
    person = Person(folder / "net")
    result = person.types("up", "--spec", str(folder / "net.toml"), "--detach", "--json")
    person.ready = json.loads(result.stdout)
    person.progress = result.stderr
    yield person
    subprocess.run([ISTHMUS, "down", "--home", person.home], check=False, timeout=120)


def test_up_says_what_it_waits_for_and_ends_ready(person) -> None:
    """
    Ports, accounts and chains are printed and in the home; the waits had reasons.
    """
    assert re.search(r"waiting for height 2 on hub, now \d", person.progress)
    assert "waiting for the relayer to open transfer zone-a <-> hub, now" in person.progress
    assert [chain["name"] for chain in person.ready["chains"]] == ["hub", "zone-a", "zone-b"]
    assert {a["name"] for a in person.ready["accounts"]} == {"alice", "bob", "relayer", "dave"}
    assert "the hub rates zone-a, zone-b by their clients" in person.progress
    status = person.asks("status")
    assert status["running"]
    assert status["relayer"]["running"]
    assert {p["name"] for p in status["processes"]} == {
        "up",
        "broker",
        "relayer",
        *(f"hub-{n}" for n in range(4)),
        "zone-a-0",
        "zone-b-0",
    }
    assert all(p["rss_mib"] > 10 for p in status["processes"])
    assert [node["peers"] for node in status["chains"]["hub"]] == [3] * 4
    assert {c["state"] for c in status["channels"]} == {"open"}
    assert {c["health"] for c in status["clients"]} == {"active"}
    assert len(status["channels"]) == len(status["clients"]) == 4
    assert f"runs in {person.home}" in person.types("up", code=1).stderr


def test_a_new_key_is_paid(person) -> None:
    """
    Keys, a payment, the balance, the transaction and its block.
    """
    added = person.asks("keys", "add", "carol")
    sent = person.asks("tx", "send", "alice", "carol", "1000uisth", "--chain", "hub")
    tx = person.asks("query", "tx", sent["hash"], "--chain", "hub")
    block = person.asks("query", "block", str(sent["height"]), "--chain", "hub")

    assert sent["code"] == tx["code"] == 0
    assert person.holds("carol", "hub") == {"uisth": 1000}
    assert tx["messages"][0]["to_address"] == added["addresses"]["hub"]
    assert sent["hash"] in block["txs"]


def test_a_token_crosses_the_hub_and_comes_home(person) -> None:
    """
    There by --to, back by the voucher's name; the trace has both hops; nothing is left over.
    """
    before = person.holds("alice", "zone-a")["utoka"]
    arguments = ("--chain", "zone-a", "--to", "zone-b", "--follow")
    there = person.asks("tx", "transfer", "alice", "carol", "700utoka", *arguments)
    [(voucher, amount)] = person.holds("carol", "zone-b").items()
    trace = person.asks("query", "denom", voucher, "--chain", "zone-b")["denom"]
    [packet] = person.asks("trace", there["packet"])["packets"]
    [by_hash] = person.asks("trace", there["hash"])["packets"]

    assert amount == 700
    assert (trace["base"], len(trace["trace"])) == ("utoka", 2)
    assert packet == by_hash
    [child] = packet["forwarded"]
    for hop in (packet, child):
        assert [event["step"] for event in hop["events"]] == [
            "sent",
            "received",
            "answered",
            "acknowledged",
        ]
        assert (hop["state"], hop["waits_for"]) == ("delivered", "")
    arguments = ("--chain", "zone-b", "--to", "zone-a", "--follow")
    back = person.types("tx", "transfer", "carol", "alice", f"700{voucher}", *arguments)
    assert "delivered" in back.stdout
    assert person.holds("carol", "zone-b") == {}
    assert person.holds("alice", "zone-a")["utoka"] == before


def test_refusals_are_one_line(person) -> None:
    """
    Too much money, no such receiver, no such way.
    """
    poor = person.types("tx", "send", "carol", "bob", "999999uisth", "--chain", "hub", code=1)
    arguments = ("--chain", "zone-a", "--to", "zone-b", "--follow")
    lost = person.types("tx", "transfer", "alice", "nobody", "5utoka", *arguments, code=1)

    assert "insufficient funds" in poor.stderr.splitlines()[-1]
    assert "was refused" in lost.stderr.splitlines()[-1]
    assert "refunded" in lost.stderr.splitlines()[-1]


def test_levels_are_explained_and_two_sources_lift_one_packet(person) -> None:
    """
    Low to high is refused with its rule; what two offices vouched for passes; the books agree.
    """
    levels = {chain["name"]: chain["level"] for chain in person.asks("level", "list")["chains"]}
    explained = person.types("level", "explain", "zone-b").stdout
    picture = person.home.parent / "net.svg"
    drawn = person.asks("level", "svg", "--output", str(picture))
    assert levels == {"hub": 3, "zone-a": 2, "zone-b": 1}
    assert "its operator caps it at 1" in explained
    assert (drawn["allowed"], drawn["refused"]) == ([["zone-a", "zone-b"]], [["zone-b", "zone-a"]])
    assert picture.read_text().startswith("<svg")

    arguments = ("tx", "transfer", "alice", "bob", "7utokb", "--chain", "zone-b", "--to", "zone-a")
    packet = person.asks(*arguments)["packet"]
    [told] = person.asks("trace", packet, "--follow")["packets"]
    [lineage] = person.asks("taint", "explain", packet)["packets"]
    assert told["state"] == "refused"
    assert lineage["refused"].startswith("IL-low-to-high")

    first = person.asks("endorse", "packet", "bob", "civil", packet, "--level", "2")
    second = person.asks("endorse", "packet", "dave", "audit", packet, "--level", "2")
    assert first["datum"] == second["datum"]
    [view] = person.asks("endorse", "list")["endorsements"]
    assert (int(view["independent"]), int(view["needed"])) == (2, 2)
    deadline = time.monotonic() + 60
    while person.asks("status")["chains"]["hub"][0]["height"] <= int(view["acts_at"]):
        assert time.monotonic() < deadline
    again = person.asks(*arguments, "--follow")
    [lineage, _] = person.asks("taint", "explain", again["packet"])["packets"]
    assert again["trace"]["state"] == "delivered"
    assert lineage["record"]["endorsers"] == ["civil", "audit"]
    assert "used by" in person.types("endorse", "list").stdout
    assert person.asks("supply", "audit")["agrees"]
    assert person.asks("quarantine", "list") == {"chains": [], "appeals": []}


def test_stakers_decide(person) -> None:
    """
    Delegating makes a vote count; the proposal passes when its time is over.
    """
    before = int(person.asks("query", "pool", "--chain", "hub")["pool"]["bonded_tokens"])
    person.asks("tx", "delegate", "alice", "hub-1", f"{before}uisth", "--chain", "hub")
    arguments = ("--deposit", "10000000uisth", "--chain", "hub")
    person.asks("tx", "submit-proposal", "alice", "Hello", *arguments)
    person.asks("tx", "vote", "alice", "1", "yes", "--chain", "hub")
    person.asks("tx", "undelegate", "alice", "hub-1", "1uisth", "--chain", "hub")
    deadline = time.monotonic() + 120
    while True:
        proposal = person.asks("query", "proposal", "1", "--chain", "hub")["proposal"]
        if proposal["status"] != "PROPOSAL_STATUS_VOTING_PERIOD":
            break
        assert time.monotonic() < deadline

    assert proposal["status"] == "PROPOSAL_STATUS_PASSED"


def test_packets_are_relayed_when_the_broker_is_killed(person) -> None:
    """
    kill -9 of the broker: status shows that it is gone, and the next transfer arrives by polling.
    """
    os.kill(person.pids()["broker"], signal.SIGKILL)
    arguments = ("--chain", "zone-a", "--to", "hub", "--follow")
    result = person.asks("tx", "transfer", "alice", "bob", "3utoka", *arguments)

    assert result["trace"]["state"] == "delivered"
    assert "broker" not in person.pids()


def _alive(pids) -> list[str]:
    """Return those that run; one that ended and whose parent has not looked does not."""
    command = ["ps", "-o", "stat=", "-p", ",".join(map(str, pids))]
    states = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return [state for state in states if not state.startswith("Z")]


def test_down_ends_everything_and_up_goes_on_where_it_stopped(person) -> None:
    """
    No process is left; the same folder starts again in the foreground, and Ctrl-C ends it cleanly.
    """
    pids = person.pids()
    height = person.asks("status")["chains"]["hub"][0]["height"]
    alice = person.holds("alice", "hub")
    assert person.asks("down") == {"stopped": True, "processes": len(pids)}
    assert _alive(pids.values()) == []
    assert not person.asks("status")["running"]
    assert "no network runs" in person.types("down", code=1).stderr

    command = [ISTHMUS, "up", "--home", person.home, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as up:
        assert json.loads(up.stdout.readline())["home"] == str(person.home)
        assert person.asks("status")["chains"]["hub"][0]["height"] > height
        assert person.holds("alice", "hub") == alice
        up.send_signal(signal.SIGINT)
        _, errors = up.communicate(timeout=120)

    assert up.returncode == 0
    assert errors.splitlines()[-1] == "stopped"
    assert not person.asks("status")["processes"]
