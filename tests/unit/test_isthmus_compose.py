"""What a local network's files hold is what the composed applications start from."""

import json

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.primitives.types import TimestampNs
from isthmus.compose import node_parts, read_app_config, read_relayer_settings
from isthmus.config import NetSpec
from isthmus.discovery import find_node_application
from isthmus.homes import write_network
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
