"""``hermes-config``: settings that Hermes takes, and commands that can be typed."""

import json
import shlex
import stat
import tomllib

import pytest
from click.testing import CliRunner

from isthmus.accounts import DEVELOPMENT_PHRASE, derive_account
from isthmus.cli.main import cli
from isthmus.config import AccountSpec, ChainSpec, NetSpec
from isthmus.homes import create_network
from isthmus.keyring import add_key

WORDS = "abandon " * 11 + "about"
CHAINS = (
    ChainSpec(name="hub", kind="hub", denom="uisth"),
    ChainSpec(
        name="zone-a",
        denom="utoka",
        genesis={"ibc": {"max_expected_time_per_block_ns": 9_000_000_000}},
    ),
    ChainSpec(name="zone-b", denom="utokb", bech32_prefix="zoneb"),
    ChainSpec(name="btc", kind="utxo"),
)


def network(home, chains=CHAINS):
    accounts = (AccountSpec(name="alice"), AccountSpec(name="relayer"))
    return create_network(home, NetSpec(chains=chains, paths=(), accounts=accounts))


def run(home, *arguments: str):
    command = ["hermes-config", "--home", str(home), *arguments]
    return CliRunner().invoke(cli, command)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("a network")
    network(root)
    return root


def genesis_block_time(home, chain) -> int:
    """What the genesis of a chain says that a block may take, in nanoseconds."""
    path = home / chain["nodes"][0]["home"] / "config" / "genesis.json"
    return json.loads(path.read_bytes())["app_state"]["ibc"]["max_expected_time_per_block_ns"]


def test_settings_name_every_chain_that_answers_grpc(home) -> None:
    """The hub and both zones by their ports, ids, prefixes and denoms; a bitcoin-like chain not."""
    place = json.loads((home / "net.json").read_bytes())
    found = json.loads(run(home, "--json").output)
    settings = tomllib.loads((home / "hermes" / "config.toml").read_text())

    assert found["chains"] == ["hub-1", "zone-a-1", "zone-b-1"]
    assert [each["id"] for each in settings["chains"]] == found["chains"]
    for written, chain in zip(settings["chains"], place["chains"][:3], strict=True):
        [node] = chain["nodes"]
        assert written["rpc_addr"] == f"http://127.0.0.1:{node['rpc_port']}"
        assert written["grpc_addr"] == f"http://127.0.0.1:{node['grpc_port']}"
        assert written["event_source"]["url"] == f"ws://127.0.0.1:{node['rpc_port']}/websocket"
        assert written["gas_price"] == {"price": 0.0, "denom": chain["denom"]}
        assert written["max_block_time"] == f"{genesis_block_time(home, chain)}ns"
        assert written["account_prefix"] == chain["bech32_prefix"]
        assert written["key_store_folder"] == str(home / "hermes" / "keys")
    assert [each["max_block_time"] for each in settings["chains"]] == [
        "7500000000ns",
        "9000000000ns",
        "7500000000ns",
    ]
    assert settings["mode"]["clients"] == {"enabled": True, "refresh": True, "misbehaviour": True}


def test_the_key_is_derived_from_the_words_that_are_written(home) -> None:
    """The words and the path give the account's key; only the owner reads the words."""
    found = json.loads(run(home, "--json").output)
    words = (home / "hermes" / "phrase").read_text()
    index = int(found["hd_path"].rpartition("/")[2])

    assert words == DEVELOPMENT_PHRASE
    assert found["hd_path"] == f"m/44'/118'/0'/0/{index}"
    relayer = json.loads((home / "net.json").read_bytes())["accounts"][1]
    assert derive_account("relayer", index, words).private_key.hex() == relayer["private_key"]
    assert stat.S_IMODE((home / "hermes" / "phrase").stat().st_mode) == 0o600


def test_a_key_of_ones_own_pays(tmp_path) -> None:
    """An added key's words and index are written instead of the network's."""
    network(tmp_path)
    add_key(tmp_path, "carol", mnemonic=WORDS, index=7)
    found = json.loads(run(tmp_path, "--account", "carol", "--json").output)

    assert (tmp_path / "hermes" / "phrase").read_text() == WORDS
    assert found["hd_path"].endswith("/7")
    assert all("--key-name carol " in line for line in found["commands"] if "keys add" in line)


def test_commands_can_be_typed_whatever_the_folder_is_called(home) -> None:
    """A shell splits each into the words that Hermes wants; the first chain joins each other."""
    shown = run(home, "--chain", "zone-b", "--chain", "hub").output.splitlines()
    lines = [shlex.split(line) for line in shown if line.startswith("hermes ")]

    assert all(line[:3] == ["hermes", "--config", f"{home}/hermes/config.toml"] for line in lines)
    kinds = [line[3:5] for line in lines]
    assert kinds == [
        ["keys", "add"],
        ["keys", "add"],
        ["health-check"],
        ["create", "channel"],
        ["start"],
    ]
    assert lines[0][lines[0].index("--hd-path") + 1] == "m/44'/118'/0'/0/1"
    assert lines[3][lines[3].index("--a-chain") + 1] == "zone-b-1"
    assert lines[3][lines[3].index("--b-chain") + 1] == "hub-1"


def test_gas_is_paid_for_where_nodes_want_it(home, tmp_path) -> None:
    """``--gas-price`` is the price on every chain, in its own denomination."""
    done = run(home, "--gas-price", "0.025", "--folder", str(tmp_path / "h"))
    settings = tomllib.loads((tmp_path / "h" / "config.toml").read_text())

    assert done.exit_code == 0
    assert [each["gas_price"] for each in settings["chains"]] == [
        {"price": 0.025, "denom": denom} for denom in ("uisth", "utoka", "utokb")
    ]


def test_events_are_pulled_where_that_is_wanted(home, tmp_path) -> None:
    """``--event-source pull`` asks for blocks; ``--folder`` writes elsewhere."""
    done = run(home, "--event-source", "pull", "--folder", str(tmp_path / "h"))
    settings = tomllib.loads((tmp_path / "h" / "config.toml").read_text())

    assert done.exit_code == 0
    assert {each["event_source"]["mode"] for each in settings["chains"]} == {"pull"}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--chain", "hub"), "error: expected two chains whose nodes answer gRPC, found hub"),
        (
            ("--chain", "btc", "--chain", "hub"),
            "error: expected two chains whose nodes answer gRPC, found hub",
        ),
        (("--chain", "x"), "error: no chain 'x': expected one of hub, zone-a, zone-b, btc"),
        (("--account", "eve"), "error: no account 'eve': expected one of alice, relayer"),
    ],
)
def test_what_cannot_be_joined_is_said_in_one_line(home, arguments, line: str) -> None:
    """Too few chains, an unknown chain, an unknown account."""
    done = run(home, *arguments)
    assert (done.exit_code, done.stderr.strip()) == (1, line)
