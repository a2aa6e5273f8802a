"""The home folders of a local network are what its nodes and its relayer read."""

import tomllib

import pytest

from chainkit.primitives.types import TimestampNs
from isthmus.accounts import derive_account
from isthmus.config import NetSpec, parse_spec
from isthmus.homes import free_ports, read_network, write_network
from relay_chain.node.config import read_config
from relay_chain.node.genesis import read_genesis
from relayer.config import parse_settings

TIME = TimestampNs(1_700_000_000_000_000_000)
SEEDS = tuple(bytes([n]) * 32 for n in range(1, 7))


def test_development_account():
    """Index 0 of the well-known phrase is the account that every Cosmos wallet derives."""
    account = derive_account("alice", 0)
    twin = derive_account("bob", 1)

    assert account.bech32("cosmos").startswith("cosmos1")
    assert account.private_key != twin.private_key
    assert repr(account.private_key) not in repr(account)


def test_bip32_path():
    """A phrase with a published address gives it: the path and the derivation are Cosmos's."""
    phrase = "abandon " * 11 + "about"

    assert (
        derive_account("x", 0, phrase).bech32("cosmos")
        == "cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal4"
    )


def test_written_network(tmp_path):
    """Nodes know each other's ids and ports; genesis has no channel; the relayer's file parses."""
    spec = NetSpec()
    place = write_network(tmp_path, spec, genesis_time=TIME, seeds=SEEDS)

    assert read_network(tmp_path) == place
    ports = [p for c in place.chains for n in c.nodes for p in (n.p2p_port, n.rpc_port)]
    assert len(set(ports)) == len(ports) == 12
    hub = place.chain("hub")
    for node in hub.nodes:
        folder = tmp_path / node.home / "config"
        config = read_config(folder / "config.toml")
        others = {(n.node_id, n.p2p_port) for n in hub.nodes if n is not node}
        assert {(p.node_id, p.port) for p in config.p2p.persistent_peers} == others
        assert config.rpc.laddr.port == node.rpc_port
        genesis = read_genesis(folder / "genesis.json")
        assert genesis.chain_id == "hub-1"
        assert len(genesis.validators) == 4
        assert sorted(genesis.app_state) == ["auth", "bank", "gov", "ibc", "integrity", "staking"]
        assert (folder / "priv_validator_key.json").stat().st_mode & 0o077 == 0
    settings = parse_settings(tomllib.loads((tmp_path / "relayer" / "relayer.toml").read_text()))
    assert [chain.chain_id for chain in settings.chains] == ["hub-1", "zone-a-1", "zone-b-1"]
    assert [path.name for path in settings.paths] == ["zone-a.hub.transfer", "hub.zone-b.transfer"]


def test_a_network_is_never_overwritten(tmp_path):
    """A second network in the same folder is refused: its keys may have signed."""
    spec = parse_spec('paths = []\naccounts = []\n[[chains]]\nname = "solo"\n')
    write_network(tmp_path, spec, genesis_time=TIME, seeds=SEEDS[:1])

    with pytest.raises(FileExistsError):
        write_network(tmp_path, spec, genesis_time=TIME, seeds=SEEDS[:1])


def test_ports_differ():
    """No port is given twice."""
    assert len(set(free_ports(20))) == 20


def test_any_port_gives_a_path_that_the_relayer_reads(tmp_path):
    """A port may have characters, or a length, that a path's name may not."""
    text = """
    accounts = [{name = "relayer"}]
    chains = [{name = "a"}, {name = "b"}]
    paths = [{a = "a", b = "b", port = "x+y#<z>"}, {a = "a", b = "b", port = "%s"}]
    """
    write_network(tmp_path, parse_spec(text % ("p" * 100)), genesis_time=TIME, seeds=SEEDS[:2])
    settings = parse_settings(tomllib.loads((tmp_path / "relayer" / "relayer.toml").read_text()))

    assert [path.name for path in settings.paths] == ["path-0", "path-1"]


def test_the_description_s_poll_interval_is_the_relayer_s(tmp_path):
    """A key that is read and used nowhere would be a lie."""
    write_network(tmp_path, parse_spec("[relayer]\npoll_ms = 70\n"), genesis_time=TIME, seeds=SEEDS)
    settings = parse_settings(tomllib.loads((tmp_path / "relayer" / "relayer.toml").read_text()))

    assert settings.poll_interval_ns == 70_000_000
