"""CometBFT's wire vectors of the consensus and block sync messages."""

import dataclasses

import pytest

from chainkit.formats.tendermint.types import BlockId, PartSetHeader
from relay_chain.node.reactors.bit_arrays import BitArray
from relay_chain.node.reactors.blocksync_messages import (
    decode_blocksync_message,
    encode_blocksync_message,
)
from relay_chain.node.reactors.consensus_messages import (
    decode_consensus_message,
    encode_consensus_message,
)
from tests.vectors.support import load_json, vector_set

CONSENSUS = load_json("cometbft/wire_consensus.json", {"cases": []})["cases"]
BLOCKSYNC = load_json("cometbft/wire_blocksync.json", {"cases": []})["cases"]
FIELD_NAMES = {
    "seconds_since_start_time": "seconds_since_start",
    "block_part_set_header": "part_set_header",
    "block_parts": "parts",
    "proposal_pol_round": "pol_round",
    "proposal_pol": "votes",
}


def simplify(value):
    """A decoded field in the vectors' form, where that form is flat."""
    if isinstance(value, BitArray):
        return {"bits": value.size, "elems": value.words()}
    if isinstance(value, PartSetHeader):
        return {"total": value.total, "hash_hex": value.hash.hex()}
    if isinstance(value, BlockId):
        return {"hash_hex": value.hash.hex(), "part_set_header": simplify(value.part_set_header)}
    return value


@pytest.mark.parametrize("case", CONSENSUS, ids=lambda case: case["name"])
@pytest.mark.vectors("cometbft/wire_consensus")
def test_consensus_messages_have_cometbfts_bytes(case):
    """Each message decodes to the vector's fields and encodes to its bytes again."""
    wire = bytes.fromhex(case["wire_hex"])
    message = decode_consensus_message(wire)

    assert encode_consensus_message(message) == wire
    flat = {f.name: simplify(getattr(message, f.name)) for f in dataclasses.fields(message)}
    for name, value in case["fields"].items():
        if name in {"proposal", "vote", "part"}:
            continue  # nested values; their bytes were compared above
        assert flat[FIELD_NAMES.get(name, name)] == value


@pytest.mark.parametrize("case", BLOCKSYNC, ids=lambda case: case["name"])
@pytest.mark.vectors("cometbft/wire_blocksync")
def test_blocksync_messages_have_cometbfts_bytes(case):
    """Each message decodes to the vector's fields and encodes to its bytes again."""
    wire = bytes.fromhex(case["wire_hex"])
    message = decode_blocksync_message(wire)

    assert encode_blocksync_message(message) == wire
    for name, value in case["fields"].items():
        if name != "block":
            assert getattr(message, name) == value


for _test, _set in (
    (test_consensus_messages_have_cometbfts_bytes, "cometbft/wire_consensus"),
    (test_blocksync_messages_have_cometbfts_bytes, "cometbft/wire_blocksync"),
):
    _test.pytestmark += vector_set(_set)[1:]
