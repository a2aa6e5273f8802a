"""Identifiers, paths, heights and v2 keys, judged by ibc-go."""

import pytest

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import Height, chain_revision
from ibc.ics24_host import paths
from ibc.ics24_host.identifiers import (
    InvalidIdentifier,
    check_path,
    parse_channel_id,
    parse_channel_sequence,
    parse_client_id,
    parse_client_sequence,
    parse_connection_id,
    parse_connection_sequence,
    parse_port_id,
    parse_sequence_after,
)
from ibc.ics24_host.path_parser import parse_store_path
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("ibc-go/ics24")

_TABLES = load_json("ibc-go/ics24_identifiers_and_paths.json", {})


def _cases(table: str):
    return [
        pytest.param(case, id=f"{table}-{case['row']}")
        for case in _TABLES.get(table, {"cases": []})["cases"]
    ]


def _accepts(check, *arguments) -> bool:
    try:
        check(*arguments)
    except RuleBroken:
        return False
    return True


@pytest.mark.parametrize("case", _cases("identifier_any"))
def test_every_kind_of_identifier_agrees(case):
    """The four kinds of identifier accept and refuse what ibc-go does."""
    parsers = (parse_client_id, parse_connection_id, parse_channel_id, parse_port_id)

    assert all(_accepts(parse, case["id"]) is case["valid"] for parse in parsers)


@pytest.mark.parametrize("case", _cases("identifier_port"))
def test_port_identifiers_agree(case):
    """Port identifiers accept and refuse what ibc-go does."""
    assert _accepts(parse_port_id, case["id"]) is case["valid"]


@pytest.mark.parametrize("case", _cases("path"))
def test_paths_agree(case):
    """Paths of identifiers accept and refuse what ibc-go does."""
    assert _accepts(check_path, case["id"]) is case["valid"]


@pytest.mark.parametrize("case", _cases("path_custom"))
def test_custom_paths_agree(case):
    """With a rule more for each part, paths still agree."""

    def check(text):
        check_path(text)
        if not all(part.startswith("id_") for part in text.split("/")):
            raise InvalidIdentifier(text)

    assert _accepts(check, case["id"]) is case["valid"]


@pytest.mark.parametrize("case", _cases("parse_identifier"))
def test_number_after_a_prefix_agrees(case):
    """The number after a prefix is the one ibc-go reads, or refused."""
    if not case["valid"]:
        with pytest.raises(InvalidIdentifier):
            parse_sequence_after(case["identifier"], case["prefix"])
        return

    assert parse_sequence_after(case["identifier"], case["prefix"]) == int(case["sequence"])


@pytest.mark.parametrize("case", _cases("parse_client_state_path"))
def test_client_state_paths_agree(case):
    """The client id in a client state's path is the one ibc-go reads, or refused."""
    if not case["valid"]:
        assert not _accepts(_kind, case["path"], "client_state")
        return

    assert _kind(case["path"], "client_state")["client_id"] == case["client_id"]


def _kind(text, kind):
    parsed = parse_store_path(text)
    if parsed.kind != kind:
        raise InvalidIdentifier(text)
    return dict(parsed.fields)


@pytest.mark.parametrize("case", _cases("parse_connection_path"))
def test_connection_paths_agree(case):
    """A path of two parts names the connection in its second, whatever the first is."""
    parts = case["path"].split("/")

    assert (len(parts) == 2) is case["valid"]
    if case["valid"]:
        found = _kind(f"connections/{parts[1]}", "connection")
        assert found["connection_id"] == case["connection_id"]


@pytest.mark.parametrize("case", _cases("parse_channel_sequence"))
def test_channel_sequences_agree(case):
    """channel-N reads as in ibc-go."""
    _sequence(parse_channel_sequence, case)


@pytest.mark.parametrize("case", _cases("parse_connection_sequence"))
def test_connection_sequences_agree(case):
    """connection-N reads as in ibc-go."""
    _sequence(parse_connection_sequence, case)


def _sequence(parse, case):
    if not case["valid"]:
        with pytest.raises(InvalidIdentifier):
            parse(case["id"])
        return

    assert parse(case["id"]) == int(case["sequence"])


@pytest.mark.parametrize("case", _cases("parse_client_identifier"))
def test_client_identifiers_agree(case):
    """{client type}-N reads as in ibc-go."""
    if not case["valid"]:
        with pytest.raises(InvalidIdentifier):
            parse_client_sequence(case["id"])
        return

    assert parse_client_sequence(case["id"]) == (case["client_type"], int(case["sequence"]))


@pytest.mark.parametrize("case", _cases("compare_heights"))
def test_heights_compare_alike(case):
    """Heights are ordered by revision, then height."""
    a, b = (Height(*map(int, case[side])) for side in "ab")

    assert (a > b) - (a < b) == case["compare"]


@pytest.mark.parametrize("case", _cases("chain_id_revision"))
def test_revisions_agree(case):
    """The revision in a chain id is the one ibc-go reads."""
    assert chain_revision(case["chain_id"]) == case["revision"]


@pytest.mark.parametrize("case", _cases("v2_packet_keys"))
def test_v2_keys_agree(case):
    """IBC v2's keys have ibc-go's bytes."""
    key = getattr(paths, f"{case['kind']}_v2")(case["id"], int(case["sequence"]))

    assert key.hex() == case["key_hex"]
