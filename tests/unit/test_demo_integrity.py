"""The demo ``integrity`` apart from its network: its chains, the forged header, the report."""

import base64
import json
from dataclasses import fields, replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.verify_commit import verify_commit_light
from chainkit.primitives.heights import Height
from chainkit.primitives.types import BlockHeight, ChainId, TimestampNs
from chainkit.sigverify.ed25519 import public_key_from_seed
from demos.integrity.fraud import read_seed, signed_again
from demos.integrity.report import Report, describe
from demos.integrity.scenario import lots_of
from demos.integrity.world import APPROVALS, BANK, OFFICES, PARTS, network, parts
from isthmus.compose import node_parts, read_app_config
from isthmus.discovery import chain_kind_names, find_node_application
from isthmus.homes import write_network
from light_clients.tendermint.types import ClientHeader
from relay_chain.node.genesis import read_genesis
from tests.signers import GENESIS_TIME, header_of, set_of, signed_header_of, signers

GOOD = Report(
    levels={"hub": 3, BANK: 3, APPROVALS: 2},
    low_to_high_refused=True,
    high_to_low_delivered=True,
    returned_home=True,
    indirect_refused=True,
    endorsed_delivered=True,
    endorsed_once=True,
    fraud_proved=True,
    level_dropped_blocks=1,
    quarantined=True,
    contaminated_packets=3,
    contaminated_lots=2,
    appeal_upheld=True,
    others_undisturbed=True,
    supply_agrees=True,
    reasons={"low_to_high": "IL-low-to-high"},
    seconds=1.0,
)


def test_the_chains_are_of_every_kind_but_the_hubs():
    """One chain a kind; the offices' operators run none of them."""
    kinds = [part.chain.kind for part in parts()]
    assert sorted(kinds) == sorted(set(chain_kind_names()) - {"hub"})
    assert not {part.operator for part in PARTS} & set(OFFICES)


def test_the_hub_of_the_network_starts_from_what_it_is_told(tmp_path):
    """Genesis is accepted: levels, sources whose accounts are those of the offices, bonds."""
    spec = network()
    seeds = [bytes([n]) * 32 for n in range(1, 1 + sum(c.validators for c in spec.chains))]
    place = write_network(tmp_path, spec, genesis_time=TimestampNs(10**18), seeds=seeds)
    folder = tmp_path / place.chain("hub").nodes[0].home / "config"
    genesis = read_genesis(folder / "genesis.json")
    config = read_app_config(folder / "app.toml")
    app = find_node_application(config.app)(MemoryDatabase(), node_parts(config, genesis, 0))
    app.init_chain(genesis)
    told = genesis.app_state["integrity"]
    accounts = {account.name: account.addresses["hub"] for account in place.accounts}

    assert {s["name"]: s["account"] for s in told["sources"]} == {o: accounts[o] for o in OFFICES}
    assert told["params"]["registrar"] == accounts["registrar"]


@pytest.mark.parametrize("name", [f.name for f in fields(Report) if getattr(GOOD, f.name) is True])
def test_each_claim_that_does_not_hold_is_a_failure(name):
    """And it is named; a report of good claims has none."""
    assert GOOD.failures() == ()
    assert replace(GOOD, **{name: False}).failures() == (name.replace("_", " "),)
    assert "NO" in describe(replace(GOOD, **{name: False}))


def test_a_level_that_falls_late_is_a_failure():
    """Within one block of the proof."""
    assert len(replace(GOOD, level_dropped_blocks=2).failures()) == 1
    assert "NO" not in describe(GOOD)


def test_lots_are_found_by_their_owner():
    """Of a report of the hub."""
    report = {"holdings": [{"owner": "a", "denom": "u", "lots": [{"amount": "1"}]}]}
    assert lots_of(report, "a") == [("u", {"amount": "1"})]
    assert lots_of(report, "b") == []


def test_a_validators_seed_is_read_from_its_key_file(tmp_path):
    """Seed and public key stand behind one another, as CometBFT writes them."""
    seed = b"\x05" * 32
    value = base64.b64encode(seed + public_key_from_seed(seed)).decode()
    file = tmp_path / "key.json"
    file.write_text(json.dumps({"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": value}}))
    assert read_seed(file) == seed


def test_the_second_header_is_really_signed():
    """Another state at the same height, by the validator's own key: what a light client believes."""
    (key,) = signers(1)
    validators = set_of([key], 10)
    header = header_of("approvals-1", 9, GENESIS_TIME, validators)
    true = ClientHeader(
        signed_header_of(header, validators, [key]), validators, Height(1, 8), validators
    )
    forged = signed_again(true, key.seed, Height(1, 7))
    other, commit = forged.signed_header.header, forged.signed_header.commit

    assert other.height == header.height
    assert other.app_hash != header.app_hash
    assert commit.block_id.hash == header_hash(other)
    assert forged.trusted_height == Height(1, 7)
    verify_commit_light(ChainId("approvals-1"), validators, commit.block_id, BlockHeight(9), commit)
