"""What a local network's files hold is what the composed applications start from."""

import json

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.primitives.types import TimestampNs
from isthmus.compose import (
    compose_application,
    discover_applications,
    discover_light_clients,
    read_relayer_settings,
)
from isthmus.config import NetSpec
from isthmus.homes import write_network
from relay_chain.node.genesis import read_genesis


def test_discovery():
    """A folder is found without being named anywhere."""
    assert "07-tendermint" in [client.client_type for client in discover_light_clients()]
    assert {"forward", "datagram", "ics20_transfer"} <= set(discover_applications())


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
    genesis = read_genesis(tmp_path / chain.nodes[0].home / "config" / "genesis.json")
    app = compose_application(chain.kind, MemoryDatabase())
    result = app.init_chain(genesis)

    keys = {v.public_key for v in genesis.validators}
    assert {u.public_key for u in result.validators} in (keys, set())
    assert json.dumps(dict(genesis.app_state))
    assert len(read_relayer_settings(tmp_path / "relayer").paths) == 2
