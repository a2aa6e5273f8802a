"""Commitments, paths and denominations, judged by ibc-rs."""

import pytest

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import Height
from ibc.ics04_channel.commitments import commit_acknowledgement, packet_commitment
from ibc.ics20_transfer.denoms import (
    Hop,
    TracedDenom,
    extract_denom,
    split_trace,
    validate_denom,
)
from ibc.ics24_host.identifiers import InvalidIdentifier, is_channel_format, parse_port_id
from ibc.ics24_host.path_parser import parse_store_path
from tests.vectors.support import load_json, vector_set

_COMMITMENTS = load_json("ibc-rs/v1_commitments.json", {})
_PATHS = load_json("ibc-rs/ics24_paths.json", {})
_DENOMS = load_json("ibc-rs/ics20_denoms.json", {})
ics04 = [*vector_set("ibc-rs/commitments")]
ics24 = [*vector_set("ibc-rs/ics24")]
ics20 = [*vector_set("ibc-rs/ics20")]


def _marked(marks, cases):
    return [pytest.param(case, marks=marks) for case in cases]


def _accepts(check, *arguments) -> bool:
    try:
        check(*arguments)
    except RuleBroken:
        return False
    return True


def _is_hop(port, channel) -> bool:
    """ibc-rs's rule: a valid port, then channel-N; ibc-go's is wider."""
    return _accepts(parse_port_id, port) and is_channel_format(channel)


@pytest.mark.parametrize("case", _marked(ics04, _COMMITMENTS.get("packets", [])))
def test_packet_commitments_agree(case):
    """A packet is committed to by ibc-rs's bytes."""
    height = case["timeout_height"]
    commitment = packet_commitment(
        int(case["timeout_timestamp_ns"]),
        Height(int(height["revision_number"]), int(height["revision_height"])),
        bytes.fromhex(case["data_hex"]),
    )

    assert commitment.hex() == case["commitment_hex"]


@pytest.mark.parametrize("case", _marked(ics04, _COMMITMENTS.get("acknowledgements", [])))
def test_acknowledgement_commitments_agree(case):
    """An acknowledgement is committed to by ibc-rs's bytes."""
    data = bytes.fromhex(case["acknowledgement_hex"])

    assert commit_acknowledgement(data).hex() == case["commitment_hex"]


@pytest.mark.parametrize("case", _marked(ics24, _PATHS.get("paths", [])))
def test_store_paths_agree(case):
    """A path names what ibc-rs says that it names."""
    parsed = parse_store_path(case["path"])

    assert parsed.kind == case["kind"]
    assert dict(parsed.fields) == case["fields"]


@pytest.mark.parametrize("case", _marked(ics24, _PATHS.get("rejected", [])))
def test_other_paths_are_refused(case):
    """What ibc-rs does not read as a path, we do not."""
    assert not _accepts(parse_store_path, case["path"])


@pytest.mark.parametrize("case", _marked(ics20, _DENOMS.get("prefixed_denom_accepted", [])))
def test_prefixed_denominations_agree(case):
    """
    Trace and base are ibc-rs's, by its own rule of a hop; ours prints the same path.

    Where the rules differ ("(transfer)/channel-0/uatom") ibc-go finds a hop, and then
    refuses it: so do we.
    """
    parts = case["input"].split("/")
    trace, rest = split_trace(parts, _is_hop) if len(parts) > 2 else ((), parts)
    ours = extract_denom(case["input"])

    assert "/".join(map(str, trace)) == case["trace_path"]
    assert "/".join(rest) == case["base_denom"]
    assert ours.path() == case["input"]
    if ours != TracedDenom("/".join(rest), trace):
        with pytest.raises(InvalidIdentifier):
            validate_denom(ours)


@pytest.mark.parametrize("case", _marked(ics20, _DENOMS.get("prefixed_denom_rejected", [])))
def test_denominations_without_base_are_refused(case):
    """A path without a base is refused when it is checked, as in ibc-rs."""
    assert not _accepts(validate_denom, extract_denom(case["denom"]))


@pytest.mark.parametrize("case", _marked(ics20, _DENOMS.get("trace_path_trim", [])))
def test_traces_are_taken_off_alike(case):
    """The longest run of hops is taken off the start."""
    trace, rest = split_trace(case["input"].split("/"), _is_hop)

    assert trace == tuple(Hop(hop["port_id"], hop["channel_id"]) for hop in case["trace"])
    assert ("/".join(rest) if rest else None) == case["remaining"]


@pytest.mark.parametrize("case", _marked(ics20, _DENOMS.get("trace_path_rejected", [])))
def test_other_traces_are_refused(case):
    """A trace that is not all hops leaves a rest."""
    assert split_trace(case["path"].split("/"), _is_hop)[1]


@pytest.mark.parametrize("case", _marked(ics20, _DENOMS.get("base_denom_accepted", [])))
def test_base_denominations_are_accepted(case):
    """A base is accepted as in ibc-rs."""
    assert _accepts(validate_denom, TracedDenom(case["denom"]))


@pytest.mark.parametrize("case", _marked(ics20, _DENOMS.get("base_denom_rejected", [])))
def test_base_denominations_are_refused(case):
    """A base is refused as in ibc-rs."""
    assert not _accepts(validate_denom, TracedDenom(case["denom"]))
