"""Clients and a relayer that nobody here wrote, on a running hub and zone.

Each runs in a process of its own with its own packages: cosmjs and the Confio relayer on
Node, cosmpy and mospy on Python. What can't be installed is skipped by name.
"""

from pathlib import Path

import pytest

from chainkit.primitives.hashing import sha256
from chainkit.runtime.addresses import format_address
from tests.clients.cosmos_network import (
    CosmosNetwork,
    cosmos_network,
    npm_packages,
    python_packages,
    run_node,
    run_python,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]
HERE = Path(__file__).parent
NOBODY = format_address("isthmus", bytes(20))
COSMJS = "cosmjs-0.39.0"
CONFIO = "confio-relayer-0.12.0"
COSMPY = "cosmpy-0.12.2"
MOSPY = "mospy-wallet-0.6.0"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with cosmos_network(tmp_path_factory.mktemp("cosmos")) as found:
        yield found


@pytest.fixture(scope="module")
def cosmjs():
    return npm_packages(COSMJS, "@cosmjs/stargate@0.39.0", "cosmjs-types@0.11.0")


@pytest.fixture(scope="module")
def confio():
    # sinon is imported by the relayer and missing among its dependencies.
    packages = ("@confio/relayer@0.12.0", "@confio/ics23@0.6.8", "sinon@22.1.0")
    return npm_packages(CONFIO, *packages)


def told(network: CosmosNetwork, account: str, **more: object) -> dict[str, object]:
    """What a session on both chains is told."""
    ends = {
        "a": network.settings("hub", account) | {"nobody": NOBODY},
        "b": network.settings("zone", account) | {"nobody": NOBODY},
    }
    return {**ends, **more}


def voucher(path: str) -> str:
    return f"ibc/{sha256(path.encode()).hex().upper()}"


# --- Python -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["rest", "grpc"])
@pytest.mark.parametrize(("chain", "account"), [("hub", "alice"), ("zone", "alice")])
def test_cosmpy_pays_and_reads(network, way: str, chain: str, account: str) -> None:
    """cosmpy simulates, sends, waits and reads accounts, balances, blocks, validators and params."""
    packages = python_packages(COSMPY, "cosmpy==0.12.2")
    settings = network.settings(chain, account)
    staking = chain == "hub"
    given = {**settings, "way": way, "staking": staking, "nobody": NOBODY}
    found = run_python(HERE / "cosmpy_session.py", packages, given)

    assert found["address"] == settings["address"]
    assert (found["code"], found["arrived"]) == (0, 1234)
    assert 0 < found["gas"][0] <= found["gas"][1]
    assert {"coin_received", "transfer", "tx"} <= set(found["events"])
    assert found["sequence"] >= 1
    assert (found["chain_id"], found["sdk"]) == (settings["chain_id"], "0.53.0")
    assert found["latest"] >= found["height"] >= 1
    assert found["validators"] == (["hub-0"] if staking else [])
    assert f"account {NOBODY} not found" in found["nobody"]


@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_mospy_pays_and_is_refused_in_the_sdks_words(network, way: str) -> None:
    """mospy simulates, broadcasts and waits; a repeat has code 19, a wrong sequence code 32."""
    packages = python_packages(MOSPY, "mospy-wallet==0.6.0")
    settings = network.settings("zone", "dora")
    found = run_python(HERE / "mospy_session.py", packages, {**settings, "way": way})

    assert found["address"] == settings["address"]
    assert (found["code"], found["committed"]) == (0, 0)
    assert found["gas_used"] <= found["used"]
    assert found["stale"][0] == 19
    assert found["refused"][0] == 32
    assert "account sequence mismatch, expected " in found["refused"][1]
    assert found["refused"][1].endswith(", got 99: incorrect account sequence")


# --- Node ---------------------------------------------------------------------------------


def test_cosmjs_pays_and_reads(network, cosmjs) -> None:
    """Gas by simulation, three payments of one account in flight, blocks, searches, refusals."""
    found = run_node(HERE / "cosmjs_session.mjs", cosmjs, told(network, "carol", mode="bank"))

    assert (found["code"], found["codes"]) == (0, [0, 0, 0])
    assert found["arrived"] == 4 * 4321
    assert found["heights"] == sorted(found["heights"])
    assert found["block"][0] == "hub-1"
    assert found["block"][1] == found["results"] >= 1
    assert found["listed"] == 4
    assert found["nobody"] is None
    assert found["all"] >= 1
    assert found["validators"] == 1
    assert "insufficient funds" in found["refused"]


def test_a_foreign_relayer_opens_and_relays_both_ways(network, cosmjs, confio) -> None:
    """
    The Confio relayer opens clients, a connection and a channel between hub and zone, and
    carries the transfers that cosmjs sends on both; @confio/ics23 verifies our proofs of what
    is there and of what is not.
    """
    paths = [
        f"nextSequenceSend/ports/transfer/channels/{channel}"
        for channel in ("channel-0", "channel-77")
    ]
    script = HERE / "confio_session.cjs"
    opened = run_node(script, confio, told(network, "relayer", mode="open", paths=paths))
    sessions = HERE / "cosmjs_session.mjs"
    sent = told(network, "bob", mode="transfer", channels=opened["channels"])
    codes = run_node(sessions, cosmjs, sent)
    relayed = run_node(
        script,
        confio,
        told(
            network,
            "relayer",
            mode="relay",
            connections=opened["connections"],
            paths=[paths[0], "receipts/ports/transfer/channels/channel-0/sequences/1"],
        ),
    )
    held = run_node(sessions, cosmjs, told(network, "bob", mode="holdings"))

    assert opened["clients"] == ["07-tendermint-0", "07-tendermint-0"]
    assert opened["channels"] == ["channel-0", "channel-0"]
    assert opened["proven"] == [8, 0, 8, 0]
    assert codes == [0, 0]
    assert (relayed["pending"], relayed["left"]) == ([1, 1], [0, 0])
    assert relayed["packets"] == [1, 1]
    assert relayed["acknowledgements"] == [['{"result":"AQ=="}'], ['{"result":"AQ=="}']]
    assert relayed["proven"] == [8, 1, 8, 1]
    assert held[0][voucher("transfer/channel-0/utok")] == "1000"
    assert held[1][voucher("transfer/channel-0/uisth")] == "1000"
