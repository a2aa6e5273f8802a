"""How deep a block must lie: Rosenfeld's published figures, and the command that prints them."""

import json
from fractions import Fraction

import pytest
from click.testing import CliRunner

from chainkit.primitives.confirmations import (
    UnreachableDepth,
    confirmations_needed,
    double_spend_probability,
)
from isthmus.cli.main import cli


@pytest.mark.parametrize(
    ("share", "depth", "percent"),
    [("0.1", 1, 20), ("0.1", 2, 5.6), ("0.1", 6, 0.059), ("0.3", 6, 15.645)],
)
def test_the_paper_s_table(share, depth, percent):
    """Table 1 of arXiv:1402.2009."""
    assert float(double_spend_probability(Fraction(share), depth)) * 100 == pytest.approx(
        percent, abs=0.0006
    )


@pytest.mark.parametrize(
    ("share", "depths"),
    [("0.1", [6, 12]), ("0.2", [13, 28]), ("0.3", [32, 69]), ("0.4", [133, 294])],
)
def test_depths(share, depths):
    """The least depth at one in a thousand and in a million: one less is not enough."""
    for depth, chance in zip(depths, (Fraction(1, 10**3), Fraction(1, 10**6)), strict=True):
        assert confirmations_needed(Fraction(share), chance) == depth
        assert double_spend_probability(Fraction(share), depth - 1) > chance


def test_half_of_the_work_always_wins():
    """No depth helps from one half on, and none that is looked for just below."""
    assert double_spend_probability(Fraction(1, 2), 1_000) == 1
    for share in (Fraction(1, 2), Fraction(15, 31)):
        with pytest.raises(UnreachableDepth):
            confirmations_needed(share, Fraction(1, 10**6))


def run(*options):
    return CliRunner().invoke(cli, ["light-client", "finality-table", *options])


def test_the_command_prints_the_table():
    """Each share with each probability, in words and as one JSON line."""
    told = json.loads(run("--json").stdout)["rows"]

    assert [row["depth"] for row in told] == [6, 12, 13, 28, 32, 69, 133, 294]
    assert "0.25         1e-9" in run("--share", "0.25", "--probability", "1e-9").stdout


@pytest.mark.parametrize("share", ["0", "1", "x", "1/0", "0." + "1" * 50, "0.5", "1e-99"])
def test_the_command_refuses(share):
    """What is no share below one half is one clear line."""
    answer = run("--share", share)

    assert answer.exit_code == 1
    assert answer.stderr.startswith("error: ")
