"""What the fuzzer found: each input once ended in an exception that nobody names."""

import pytest

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.proof_operators import parse_key_path
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import chain_revision
from chainkit.wire.proto.cosmos.bank.v1beta1.query_pb2 import QueryBalanceRequest
from ibc.ics03_connection.codec import decode_connection
from ibc.ics04_channel.types import ChannelState
from isthmus.compose import read_toml
from isthmus.config import BadSpec, parse_spec
from isthmus.errors import DamagedFile
from parachains.sdk.ibc_queries import known_member
from parachains.zone.user_codec import request_from_json
from relay_chain.node.config import BadSetting, parse_config
from relay_chain.node.event_query import BadQuery, parse_query
from relay_chain.node.genesis import genesis_from_json
from relay_chain.node.p2p.node_key import decode_node_key
from relay_chain.node.rpc.evidence_forms import evidence_from_json
from relay_chain.node.rpc.parameters import BadRequest, Parameters
from relay_chain.node.wal_codec import decode_entry

SURROGATE = "\ud800"
DEEP_TOML = "a = " + "[" * 5_000


def test_half_of_a_pair_in_a_path_is_refused():
    """JSON can carry it in abci_query's path; UTF-8 cannot write it."""
    with pytest.raises(InvalidProof):
        parse_key_path(f"/store/{SURROGATE}")


def test_half_of_a_pair_in_a_query_is_refused():
    """JSON can carry it in tx_search's query."""
    with pytest.raises(BadQuery):
        parse_query(f"a.b = '{SURROGATE}'")


def test_half_of_a_pair_in_a_request_of_a_user_is_refused():
    """protobuf's own parser ends in a SystemError for it."""
    with pytest.raises(MalformedMessage):
        request_from_json({SURROGATE: {}}, QueryBalanceRequest)


@pytest.mark.parametrize("value", [[], {}, [None], {"a": 1}, "yes"])
def test_a_flag_that_is_none_is_refused(value):
    """A list or an object cannot even be looked up."""
    with pytest.raises(BadRequest):
        Parameters({"prove": value}).flag("prove")


def test_a_state_that_no_connection_has_is_refused():
    """A lying node would end the relayer with it."""
    with pytest.raises(MalformedMessage):
        decode_connection(b"\x18\x6d")
    with pytest.raises(MalformedMessage):
        known_member(ChannelState, 109)


def test_files_nested_too_deep_are_refused_by_name(tmp_path):
    """The interpreter's own parser of TOML is recursive."""
    with pytest.raises(BadSpec):
        parse_spec(DEEP_TOML)
    with pytest.raises(BadSetting):
        parse_config(DEEP_TOML)
    (tmp_path / "app.toml").write_text(DEEP_TOML)
    with pytest.raises(DamagedFile):
        read_toml(tmp_path / "app.toml")


def test_files_with_a_number_of_thousands_of_digits_are_refused_by_name(tmp_path):
    """The interpreter refuses to convert it, with an error that is not the parser's."""
    toml = f"a = {'9' * 5_000}"
    with pytest.raises(BadSpec):
        parse_spec(toml)
    with pytest.raises(BadSetting):
        parse_config(toml)
    (tmp_path / "app.toml").write_text(toml)
    with pytest.raises(DamagedFile):
        read_toml(tmp_path / "app.toml")


def test_a_chain_id_of_thousands_of_digits_has_no_revision():
    """A client's state can name such a chain, and the interpreter would not convert it."""
    assert chain_revision("a-" + "9" * 5_000) == 0
    assert chain_revision("a-18446744073709551615") == 2**64 - 1
    assert chain_revision("a-18446744073709551616") == 0


def test_half_of_a_pair_in_a_genesis_is_refused():
    """JSON files can carry it wherever a text is expected."""
    with pytest.raises(MalformedMessage):
        genesis_from_json({"chain_id": SURROGATE})


def test_half_of_a_pair_in_a_name_of_evidence_is_refused():
    """protobuf's own table of names ends in a SystemError for it."""
    value = {"type": "tendermint/DuplicateVoteEvidence", "value": {SURROGATE: 1}}
    with pytest.raises(MalformedMessage):
        evidence_from_json(value)


def test_a_node_key_beyond_ascii_is_refused_by_name():
    """base64 has an error of its own for such a text."""
    file = '{"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": "\u2a67"}}'
    with pytest.raises(MalformedMessage):
        decode_node_key(file.encode())


@pytest.mark.parametrize("kind", [5, 6])
def test_a_log_entry_of_no_step_is_refused_by_name(kind):
    """A timeout's step, or a claim's vote type, that no consensus has."""
    peer = bytes(4) if kind == 5 else b""
    entry = bytes([kind]) + peer + bytes(16) + (99).to_bytes(8, "big") + bytes(64)
    with pytest.raises(MalformedMessage):
        decode_entry(entry)
