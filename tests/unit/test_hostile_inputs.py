"""What the fuzzer found: each input once ended in an exception that nobody names."""

import pytest

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.proof_operators import parse_key_path
from chainkit.primitives.errors import MalformedMessage
from chainkit.wire.proto.cosmos.bank.v1beta1.query_pb2 import QueryBalanceRequest
from ibc.ics03_connection.codec import decode_connection
from ibc.ics04_channel.types import ChannelState
from isthmus.compose import read_toml
from isthmus.config import BadSpec, parse_spec
from isthmus.errors import DamagedFile
from parachains.zone.rpc_forms import known_member
from parachains.zone.user_codec import request_from_json
from relay_chain.node.config import BadSetting, parse_config
from relay_chain.node.event_query import BadQuery, parse_query
from relay_chain.node.rpc.parameters import BadRequest, Parameters

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
