"""Genesis documents and settings."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import ChainId, DurationNs, TimestampNs, VotingPower
from relay_chain.consensus.messages import Timeouts
from relay_chain.node.config import (
    BadSetting,
    Endpoint,
    NodeConfig,
    P2pConfig,
    PeerAddress,
    RpcConfig,
    format_config,
    parse_config,
    parse_duration,
)
from relay_chain.node.genesis import (
    Genesis,
    GenesisValidator,
    genesis_from_json,
    genesis_to_json,
    read_genesis,
    write_genesis,
)

GENESIS = Genesis(
    chain_id=ChainId("hub-1"),
    genesis_time=TimestampNs(1_700_000_000_000_000_001),
    validators=(GenesisValidator(b"\x07" * 32, VotingPower(10), "alice"),),
    app_state={"bank": {"balances": []}},
)


def test_a_genesis_document_reads_back(tmp_path: Path) -> None:
    """
    What is written is what is read, in CometBFT's form.
    """
    path = tmp_path / "genesis.json"
    write_genesis(path, GENESIS)

    assert read_genesis(path) == GENESIS
    fields = json.loads(path.read_text())
    assert fields["initial_height"] == "1"
    assert fields["validators"][0]["power"] == "10"
    assert fields["genesis_time"] == "2023-11-14T22:13:20.000000001Z"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["chain_id"], ""),
        (["chain_id"], "x" * 51),
        (["chain_id"], 5),
        (["genesis_time"], "yesterday"),
        (["initial_height"], "-1"),
        (["validators", 0, "power"], "0"),
        (["validators", 0, "power"], 2**64),
        (["validators", 0, "pub_key", "type"], "tendermint/PubKeySecp256k1"),
        (["validators", 0, "pub_key", "value"], "AAAA"),
        (["validators", 0, "address"], "00" * 20),
        (["validators"], {}),
        (["app_hash"], "zz"),
        (["app_state"], []),
        (["consensus_params", "block", "max_bytes"], "many"),
        (["consensus_params"], 7),
    ],
)
def test_a_wrong_genesis_is_refused_with_its_path(path: list[str | int], value: object) -> None:
    """
    Each member is checked, and the refusal names it.
    """
    document = json.loads(json.dumps(genesis_to_json(GENESIS)))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    if path == ["app_state"]:
        value = document["app_state"] = [1]
    with pytest.raises(MalformedMessage, match=r"genesis|consensus_params|RFC"):
        genesis_from_json(document)


def test_settings_read_back() -> None:
    """
    The written TOML gives the same settings.
    """
    config = NodeConfig(
        moniker='a "quoted" name',
        rpc=RpcConfig(Endpoint("127.0.0.1", 0)),
        p2p=P2pConfig(persistent_peers=(PeerAddress("ab" * 20, "10.0.0.1", 26656),)),
        timeouts=replace(Timeouts(), commit_ns=DurationNs(0), propose_ns=DurationNs(1)),
    )

    assert parse_config(format_config(config)) == config
    assert parse_config("") == NodeConfig()


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("3s", 3 * 10**9),
        ("500ms", 5 * 10**8),
        ("1m30s", 90 * 10**9),
        ("1.5s", 15 * 10**8),
        ("0", 0),
    ],
)
def test_durations_are_gos(text: str, ns: int) -> None:
    """
    Go's duration texts mean what Go means.
    """
    assert parse_duration(text) == ns


@pytest.mark.parametrize(
    ("toml", "path"),
    [
        ("[rpc]\nladdr = 5", "rpc.laddr"),
        ('[rpc]\nladdr = "nowhere"', "rpc.laddr"),
        ('[rpc]\nladdr = "tcp://127.0.0.1:99999"', "rpc.laddr"),
        ('[consensus]\ntimeout_commit = "1 second"', "consensus.timeout_commit"),
        ("[consensus]\ntimeout_commit = 1", "consensus.timeout_commit"),
        ('[consensus]\ntimeout_comit = "1s"', "consensus.timeout_comit"),
        ('[p2p]\npersistent_peers = "me"', "p2p.persistent_peers"),
        ("[p2p]\nallow_duplicate_ip = 1", "p2p.allow_duplicate_ip"),
        ("[mempool]\nsize = -1", "mempool.size"),
        ("rpc = 1", "rpc"),
        ("rcp = 1", "rcp"),
        ("moniker =", "config.toml"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_path(toml: str, path: str) -> None:
    """
    The refusal names the key, and what was expected there.
    """
    with pytest.raises(BadSetting) as refused:
        parse_config(toml)

    assert refused.value.path == path
