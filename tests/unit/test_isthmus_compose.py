"""What a local network's files hold is what the composed applications start from."""

import json

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.primitives.types import TimestampNs
from isthmus.compose import build_node, node_parts, read_app_config, read_relayer_settings
from isthmus.config import NetSpec
from isthmus.discovery import find_node_application
from isthmus.homes import write_network
from relay_chain.node.config import BadSetting
from relay_chain.node.genesis import read_genesis


@pytest.mark.parametrize("name", ["hub", "zone-a"])
def test_genesis_starts_the_application(tmp_path, name):
    """The written genesis is accepted, and its validators are those of the document."""
    place = write_network(
        tmp_path,
        NetSpec(),
        genesis_time=TimestampNs(10**18),
        seeds=[bytes([n]) * 32 for n in range(1, 7)],
    )
    chain = place.chain(name)
    folder = tmp_path / chain.nodes[0].home / "config"
    genesis = read_genesis(folder / "genesis.json")
    config = read_app_config(folder / "app.toml")
    parts = node_parts(config, genesis, 0)
    app = find_node_application(config.app)(MemoryDatabase(), parts)
    result = app.init_chain(genesis)

    keys = {v.public_key for v in genesis.validators}
    assert {u.public_key for u in result.validators} in (keys, set())
    assert json.dumps(dict(genesis.app_state))
    assert len(read_relayer_settings(tmp_path / "relayer").paths) == 2


async def test_a_written_node_answers_grpc_and_rest_on_loopback(tmp_path):
    """What app.toml says is what is served; an address that is none is refused by its path."""
    place = write_network(
        tmp_path,
        NetSpec(),
        genesis_time=TimestampNs(10**18),
        seeds=[bytes([n]) * 32 for n in range(1, 7)],
    )
    node = place.chain("zone-a").nodes[0]
    found = build_node(tmp_path / node.home)
    for close in found._close:
        close()
    app_toml = tmp_path / node.home / "config" / "app.toml"
    app_toml.write_text(app_toml.read_text().replace(f"127.0.0.1:{node.grpc_port}", "nowhere"))

    assert [(place.host, place.port) for _, place in found.api_servers] == [
        ("127.0.0.1", node.grpc_port),
        ("127.0.0.1", node.api_port),
    ]
    with pytest.raises(BadSetting, match=r"grpc\.address"):
        build_node(tmp_path / node.home)
