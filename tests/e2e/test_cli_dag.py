"""The commands on a DAG chain: paying on it, and looking at it."""

import subprocess
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.test_cli_network import ISTHMUS, Person

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]

SPEC = """
paths = []
[[chains]]
name = "braid"
kind = "dag"
validators = 2
denom = "knot"
[chains.genesis.dag]
interval_ms = 500
[[accounts]]
name = "alice"
[[accounts]]
name = "bob"
[broker]
kind = "none"
"""


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """Bring a network up once; it is ended whatever happens."""
    folder = tmp_path_factory.mktemp("cli-dag")
    (folder / "net.toml").write_text(SPEC)
    person = Person(folder / "net")
    person.types("up", "--spec", str(folder / "net.toml"), "--detach", "--json")
    yield person
    subprocess.run([ISTHMUS, "down", "--home", person.home], check=False, timeout=120)


def test_coins_are_paid_to_an_account(person) -> None:
    """
    The receiver has the amount more, the payer the amount and a fee less; refusals are one line.
    """
    before = {name: person.holds(name, "braid")["knot"] for name in ("alice", "bob")}
    paid = person.asks("tx", "send", "alice", "bob", "12345knot", "--chain", "braid")
    after = {name: person.holds(name, "braid")["knot"] for name in ("alice", "bob")}
    refused = person.types(
        "tx", "send", "alice", "bob", "9999999999999999knot", "--chain", "braid", code=1
    )

    assert (paid["chain"], paid["code"]) == ("braid", 0)
    assert after["bob"] == before["bob"] + 12_345
    assert 0 < before["alice"] - after["alice"] - 12_345 < 10_000
    tx = person.asks("query", "tx", paid["hash"], "--chain", "braid")
    assert (tx["status"], tx["code"]) == ("accepted", 0)
    assert "insufficient" in refused.stderr.splitlines()[-1]


def test_the_dag_is_told_and_drawn(person) -> None:
    """
    Its blocks have colours and a tip, and as SVG each block is a rectangle.
    """
    told = person.asks("query", "dag", "20", "--chain", "braid")
    drawn = person.types("query", "dag", "20", "--svg", "--chain", "braid").stdout
    picture = ET.fromstring(drawn)

    assert {block["colour"] for block in told["blocks"]} <= {"blue", "red", "open"}
    assert told["tip"] in {block["hash"] for block in told["blocks"] if block["is_chain"]}
    assert len(told["blocks"]) <= 20
    assert 1 <= len(list(picture.iter("{http://www.w3.org/2000/svg}rect"))) <= 20
