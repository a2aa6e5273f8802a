"""Node keys, addresses, node info and the compatibility rules."""

import base64
import contextlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.primitives.errors import MalformedMessage
from chainkit.wire.proto.tendermint.p2p import types_pb2
from relay_chain.node.p2p.address import parse_host_port, parse_peer_address
from relay_chain.node.p2p.errors import IncompatiblePeer, InvalidNodeInfo
from relay_chain.node.p2p.node_info import (
    NodeInfo,
    check_compatible,
    decode_node_info,
    encode_node_info,
)
from relay_chain.node.p2p.node_key import (
    NodeKey,
    decode_node_key,
    encode_node_key,
    load_or_create_node_key,
)

INFO = NodeInfo(
    id="ab" * 20,
    listen_address="tcp://127.0.0.1:26656",
    network="hub-1",
    version="0.38.0",
    channels=b"\x20\x21\x30",
    moniker="node 0",
    rpc_address="tcp://127.0.0.1:26657",
)


def test_node_info_is_the_protobuf_message():
    """The bytes written by hand are those of the compiled message, and decode back."""
    message = types_pb2.DefaultNodeInfo(
        default_node_id=INFO.id,
        listen_addr=INFO.listen_address,
        network=INFO.network,
        version=INFO.version,
        channels=INFO.channels,
        moniker=INFO.moniker,
    )
    message.protocol_version.p2p, message.protocol_version.block = 8, 11
    message.other.tx_index, message.other.rpc_address = "on", INFO.rpc_address

    assert encode_node_info(INFO) == message.SerializeToString()
    assert decode_node_info(encode_node_info(INFO)) == INFO


@pytest.mark.parametrize(
    "change",
    [
        {"id": "AB" * 20},
        {"id": "ab" * 19},
        {"listen_address": "nowhere"},
        {"listen_address": "tcp://127.0.0.1:70000"},
        {"version": "\t"},
        {"channels": bytes(range(17))},
        {"channels": b"\x20\x20"},
        {"moniker": ""},
        {"moniker": "   "},
        {"moniker": "caf\u00e9"},
        {"tx_index": "maybe"},
        {"rpc_address": "\n"},
    ],
)
def test_a_node_info_that_breaks_a_rule_is_refused(change):
    """Each rule of CometBFT's Validate has a case that breaks it."""
    with pytest.raises(InvalidNodeInfo):
        decode_node_info(encode_node_info(replace(INFO, **change)))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_node_info_or_refused(data):
    """No input makes the decoder raise anything else."""
    with contextlib.suppress(InvalidNodeInfo):
        decode_node_info(data)


@pytest.mark.parametrize(
    "change", [{"network": "hub-2"}, {"block_version": 10}, {"channels": b"\x40"}]
)
def test_an_incompatible_peer_is_refused(change):
    """Another network, block version, or no channel in common."""
    with pytest.raises(IncompatiblePeer):
        check_compatible(INFO, replace(INFO, **change))


def test_other_versions_of_p2p_and_application_are_compatible():
    """Only the block version must agree."""
    check_compatible(INFO, replace(INFO, p2p_version=9, app_version=7, channels=b"\x30\x99"))


def test_a_node_key_file_is_cometbfts(tmp_path):
    """The JSON has CometBFT's form, is private, and names the same node when read again."""
    path = tmp_path / "node_key.json"
    key = load_or_create_node_key(path)
    file = json.loads(path.read_text())

    assert file["priv_key"]["type"] == "tendermint/PrivKeyEd25519"
    assert base64.b64decode(file["priv_key"]["value"]) == key.seed + key.public_key
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_or_create_node_key(path) == key
    assert len(key.id) == 40
    assert key.seed.hex() not in repr(key)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"!"}}',
        b'{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"AAAA"}}',
        encode_node_key(NodeKey(bytes(32))).replace(b"Ed25519", b"Secp256k1"),
        json.dumps(
            {
                "priv_key": {
                    "type": "tendermint/PrivKeyEd25519",
                    "value": base64.b64encode(bytes(64)).decode(),
                }
            }
        ).encode(),
    ],
)
def test_a_broken_node_key_file_is_refused(data):
    """Also one whose public half is another key's."""
    with pytest.raises(MalformedMessage):
        decode_node_key(data)


def test_addresses_are_parsed_with_and_without_scheme():
    """Host names, IPv4, IPv6; with the id before."""
    assert parse_host_port("tcp://localhost:26656") == ("localhost", 26656)
    assert parse_host_port("[::1]:1") == ("::1", 1)
    assert str(parse_peer_address("ab" * 20 + "@10.0.0.1:26656")) == "ab" * 20 + "@10.0.0.1:26656"


@pytest.mark.parametrize(
    "text", ["", "host", "host:", ":1", "host:1:2", "a b:1", "host:999999", "x" * 500]
)
def test_a_broken_address_is_refused(text):
    """Every other form is an error by name."""
    with pytest.raises(MalformedMessage):
        parse_host_port(text)
