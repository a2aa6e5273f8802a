"""``demo isolation``: a hostile zone takes no throughput from the others, and no more than it held."""

import json

import pytest
from click.testing import CliRunner

from demos.isolation import scenario
from demos.isolation.attacks import ATTACKS, impersonate, spam
from integrity.isolation import FLOODED, FROZEN, HALTED, INFLATED
from isthmus.cli.main import cli

BLOCKS = 14


@pytest.fixture(scope="module")
def calm():
    return scenario.run(None, blocks=BLOCKS)


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_the_others_keep_their_throughput(calm, name):
    """At least nine tenths; what is lost is at most what the zone held."""
    outcome = scenario.run(ATTACKS[name], blocks=BLOCKS)
    assert outcome.per_block() >= scenario.LEAST * calm.per_block()
    assert 0 <= outcome.lost <= outcome.limit
    reason, level = {
        "halted": (HALTED, 0),
        "equivocating": (FROZEN, 0),
        "inflating": (INFLATED, 0),
        "forging": (INFLATED, 0),
        "spamming": (FLOODED, calm.level),
    }[name]
    assert (outcome.reason, outcome.level) == (reason, level)
    assert outcome.isolated_after
    assert name != "spamming" or outcome.kept_out


def test_no_zone_is_cut_off_for_what_a_relayer_forged_in_its_name(calm):
    """Else anybody could have anybody cut off; the proofs keep the forgeries out."""
    outcome = scenario.run(impersonate, blocks=4)
    assert (outcome.reason, outcome.level, outcome.lost) == ("", calm.level, 0)
    assert outcome.kept_out
    assert outcome.per_block() >= scenario.LEAST * calm.per_block()


def test_without_the_gate_a_flood_stops_the_others(calm):
    """The measure can fail: the same flood takes the room of the others' packets."""
    outcome = scenario.run(spam, blocks=4, gated=False)
    assert outcome.per_block() < scenario.LEAST * calm.per_block()


def test_the_result_line_has_ratios_losses_and_limits(monkeypatch):
    """Also where it goes ill: the exit code says so."""
    monkeypatch.setattr(scenario, "run", lambda attack, gated=True: outcome(attack, gated))
    result = CliRunner().invoke(cli, ["demo", "isolation", "--json"])
    assert result.exit_code == 1, result.output
    values = json.loads(result.stdout.splitlines()[-1])
    assert values["least_ratio"] == 0.5
    assert set(values["attacks"]) == set(ATTACKS)
    assert values["attacks"]["spamming"]["limit"] == 9
    assert values["ok"] is False


def outcome(attack, gated):
    """A run in which the flood took half of the others' throughput."""
    packets = 5 if attack is spam else 10
    return scenario.Outcome(packets if gated else 0, 10, None, "", 3, 0, 0, 9)
