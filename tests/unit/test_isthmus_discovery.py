"""What packages offer is found by entry points, anybody's like ours."""

import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.testing import CliRunner

from chainkit.primitives.types import ChainId, TimestampNs
from ibc.ics02_client.clients import ALLOW_ALL
from isthmus import discovery
from isthmus.cli.main import cli
from isthmus.compose import AppConfig, node_parts
from isthmus.config import parse_spec
from isthmus.devnet import child_specs
from isthmus.entry_points import CannotLoad, NotInstalled
from isthmus.homes import write_network
from relay_chain.node.genesis import Genesis
from tests.fake_chain import CHAIN_KIND, install

ROOT = Path(__file__).parents[2]
SOLO = 'paths = []\naccounts = []\n[[chains]]\nname = "solo"\nkind = "fake"\n'


def test_a_kind_that_only_an_entry_point_names_is_found(tmp_path, monkeypatch) -> None:
    """
    A distribution on the path is all that it takes: no list of ours has the name.
    """
    assert "fake" not in discovery.chain_kind_names()
    install(tmp_path, monkeypatch)

    assert {"fake", "hub", "zone"} <= set(discovery.chain_kind_names())
    assert discovery.find_chain_kind("fake") is CHAIN_KIND


def test_a_found_kind_makes_networks_and_answers_queries(tmp_path, monkeypatch) -> None:
    """
    Its name is a kind of net.toml, it writes its homes, starts its nodes, and its questions are
    commands.
    """
    install(tmp_path / "site", monkeypatch)
    spec = parse_spec(SOLO)
    place = write_network(
        tmp_path / "net", spec, genesis_time=TimestampNs(1), seeds=(b"\x01" * 32,)
    )
    specs = child_specs(tmp_path / "net", place, broker=False)

    assert (tmp_path / "net" / "solo" / "node0").is_dir()
    assert specs[0].command[1:3] == ("-m", "tests.fake_chain")
    assert "Says what was asked." in CliRunner().invoke(cli, ["query", "--help"]).output


def test_an_entry_point_that_cannot_be_loaded_is_named(tmp_path, monkeypatch) -> None:
    """
    The line says which package's entry is broken.
    """
    install(tmp_path, monkeypatch, "[isthmus.chain_kinds]\nbroken = no.such.module:KIND\n")

    with pytest.raises(CannotLoad, match=r"broken.*no\.such\.module"):
        discovery.find_chain_kind("broken")


def test_another_package_cannot_take_one_of_our_names(tmp_path, monkeypatch) -> None:
    """
    Installing something beside Isthmus does not change what a chain runs.
    """
    install(
        tmp_path,
        monkeypatch,
        "[isthmus.light_clients]\n07-tendermint = tests.fake_chain:CHAIN_KIND\n"
        "extra = tests.fake_chain:CHAIN_KIND\n",
    )

    assert discovery.find_light_clients(["07-tendermint"]) != (CHAIN_KIND,)
    assert "extra" not in discovery.light_client_names()


def test_a_name_that_nothing_has_is_refused_with_those_there_are() -> None:
    """
    The person reads what could have been meant.
    """
    with pytest.raises(NotInstalled, match=r"expected one of .*kvstore"):
        discovery.find_node_application("nothing")


def genesis(state: dict) -> Genesis:
    return Genesis(ChainId("x-1"), TimestampNs(1), app_state={"ibc": state})


def test_a_node_that_lacks_what_genesis_names_refuses_to_go_on() -> None:
    """
    Nodes that run different applications compute different states: better to stop and say why.
    """
    for key in ("allowed_clients", "applications"):
        with pytest.raises(NotInstalled, match="moon"):
            node_parts(AppConfig(), genesis({key: ["moon"]}), 0)


def test_a_silent_genesis_runs_what_this_distribution_brings(tmp_path, monkeypatch) -> None:
    """
    Never what happens to be installed beside it on one machine.
    """
    install(tmp_path, monkeypatch, "[isthmus.ibc_applications]\nx = tests.fake_chain:CHAIN_KIND\n")

    for state in ({}, {"allowed_clients": [ALLOW_ALL]}):
        parts = node_parts(AppConfig(), genesis(state), 0)
        assert len(parts.applications) == len(discovery.ibc_application_names())
        assert CHAIN_KIND not in parts.applications
        assert len(parts.light_clients) == len(discovery.light_client_names())


@pytest.mark.parametrize(
    ("group", "pattern", "name"),
    [
        (discovery.LIGHT_CLIENTS, "light_clients/**/*.py", "LIGHT_CLIENT"),
        ("isthmus.file_verifiers", "light_clients/**/*.py", "FILE_VERIFIER"),
        (discovery.CHAIN_KINDS, "parachains/*/kind.py", "CHAIN_KIND"),
        (discovery.DEMOS, "demos/**/*.py", "DEMO"),
    ],
)
def test_every_folder_that_offers_something_is_registered(group, pattern, name) -> None:
    """
    A folder whose line in pyproject.toml was forgotten would never be found.
    """
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][group]
    offered = {
        str(path.relative_to(ROOT)).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in ROOT.glob(pattern)
        if f"\n{name} = " in path.read_text() or f"\n{name}: " in path.read_text()
    }

    assert {value.partition(":")[0] for value in points.values()} == offered
    assert offered


def test_what_is_registered_is_installed() -> None:
    """
    The environment is that of the checkout: its entry points are pyproject.toml's.
    """
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    for group, points in groups.items():
        installed = {point.name: point.value for point in entry_points(group=group)}
        assert points.items() <= installed.items(), f"{group}: install the package again"
