"""Denominations and packet data, judged by ibc-go."""

import pytest

from chainkit.primitives.errors import RuleBroken
from ibc.ics20_transfer.denoms import (
    Hop,
    TracedDenom,
    extract_denom,
    parse_local_denom,
    validate_denoms,
    validate_hop,
)
from ibc.ics20_transfer.packet_data import TransferData, validate_transfer_data
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("ibc-go/ics20")

_TABLES = load_json("ibc-go/ics20_denoms.json", {})


def _cases(table: str):
    return [pytest.param(case, id=f"{table}-{case['row']}") for case in _TABLES.get(table, [])]


def _denom(value) -> TracedDenom:
    trace = tuple(Hop(hop["port_id"], hop["channel_id"]) for hop in value["trace"])
    return TracedDenom(value["base"], trace)


def _accepts(check, *arguments) -> bool:
    try:
        check(*arguments)
    except RuleBroken:
        return False
    return True


@pytest.mark.parametrize("case", _cases("extract_from_path"))
def test_paths_come_apart_alike(case):
    """A path's hops and base are those that ibc-go finds."""
    assert extract_denom(case["full_path"]) == _denom(case["denom"])


@pytest.mark.parametrize("case", _cases("path"))
def test_denominations_print_alike(case):
    """A denomination's path is ibc-go's text."""
    assert _denom(case["denom"]).path() == case["path"]


@pytest.mark.parametrize("case", _cases("has_prefix"))
def test_prefixes_agree(case):
    """Whether a token came by a channel is judged as in ibc-go."""
    found = _denom(case["denom"]).has_prefix(case["port_id"], case["channel_id"])

    assert found is case["has_prefix"]


@pytest.mark.parametrize("case", _cases("validate_list"))
def test_lists_agree(case):
    """Lists of denominations are refused as in ibc-go."""
    assert _accepts(validate_denoms, [_denom(each) for each in case["denoms"]]) is case["valid"]


@pytest.mark.parametrize("case", _cases("sort"))
def test_order_agrees(case):
    """Denominations sort by base, number of hops, path."""
    denoms = [_denom(each) for each in case["denoms"]]

    assert sorted(denoms, key=TracedDenom.sort_key) == [_denom(each) for each in case["sorted"]]


@pytest.mark.parametrize("case", _cases("validate_ibc_denom"))
def test_ledger_denominations_agree(case):
    """A ledger's name for a token is refused as in ibc-go."""
    assert _accepts(parse_local_denom, case["denom"]) is case["valid"]


@pytest.mark.parametrize("case", _cases("validate_hop"))
def test_hops_agree(case):
    """A hop is refused as in ibc-go."""
    hop = Hop(case["hop"]["port_id"], case["hop"]["channel_id"])

    assert _accepts(validate_hop, hop) is case["valid"]


@pytest.mark.parametrize("case", _cases("packet_data_validate_basic"))
def test_packet_data_agrees(case):
    """A token packet's fields are refused as in ibc-go, by the same kind of error."""
    names = {
        "ErrInvalidID": "InvalidIdentifier",
        "ErrInvalidAmount": "InvalidAmount",
        "ErrInvalidAddress": "InvalidAddress",
    }
    data = TransferData(**case["data"])
    if case["valid"]:
        assert validate_transfer_data(data) == int(case["data"]["amount"])
        return
    with pytest.raises(RuleBroken) as refusal:
        validate_transfer_data(data)

    assert type(refusal.value).__name__ == names[case["error_type"]]
