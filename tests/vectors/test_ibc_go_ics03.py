"""Versions of a connection, judged by ibc-go."""

import pytest

from chainkit.primitives.errors import RuleBroken
from ibc.ics03_connection import versions
from ibc.ics03_connection.versions import Version
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("ibc-go/ics03")

_RULES = load_json("ibc-go/ics03_versions.json", {})


def _cases(table: str):
    return [pytest.param(case, id=f"{table}-{case['name']}") for case in _RULES.get(table, [])]


def _version(value) -> Version:
    return Version(value["identifier"], tuple(value["features"]))


def _versions(values) -> tuple[Version, ...]:
    return tuple(_version(value) for value in values)


def _accepts(check, *arguments) -> bool:
    try:
        check(*arguments)
    except RuleBroken:
        return False
    return True


@pytest.mark.parametrize("case", _cases("validate"))
def test_validation_agrees(case):
    """Malformed versions are refused as in ibc-go."""
    assert _accepts(versions.validate_version, _version(case["version"])) is case["valid"]


@pytest.mark.parametrize("case", _cases("is_supported"))
def test_support_agrees(case):
    """What we support is what ibc-go supports."""
    found = versions.is_supported(versions.COMPATIBLE_VERSIONS, _version(case["version"]))

    assert found is case["supported"]
    assert _versions(_RULES["compatible"]) == versions.COMPATIBLE_VERSIONS


@pytest.mark.parametrize("case", _cases("find_supported"))
def test_finding_agrees(case):
    """A supported version is found by its name."""
    found = versions.find_supported(
        _version(case["version"]), _versions(case["supported_versions"])
    )

    assert (found.identifier if found else None) == case["found_identifier"]


@pytest.mark.parametrize("case", _cases("pick"))
def test_picking_agrees(case):
    """Two sides settle on a version exactly when ibc-go does."""
    found = _accepts(
        versions.pick_version,
        _versions(case["supported_versions"]),
        _versions(case["counterparty_versions"]),
    )

    assert found is case["found"]


@pytest.mark.parametrize("case", _cases("verify_proposed"))
def test_proposals_agree(case):
    """A proposal with more than is supported is refused as in ibc-go."""
    arguments = _version(case["supported"]), _version(case["proposed"])

    assert _accepts(versions.verify_proposed, *arguments) is case["valid"]


@pytest.mark.parametrize("case", _cases("supports_feature"))
def test_features_agree(case):
    """A feature is supported when the version lists it."""
    found = versions.supports_feature(_version(case["version"]), case["feature"])

    assert found is case["supported"]
