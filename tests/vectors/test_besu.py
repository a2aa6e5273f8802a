"""Besu's extra data of QBFT and IBFT 2, and the hashes of sealed headers."""

from types import ModuleType
from typing import Any

import pytest

from chainkit.formats.ethereum import ibft2, qbft
from chainkit.formats.ethereum.bft_extra_data import QbftExtraData, ValidatorVote
from chainkit.formats.ethereum.headers import decode_header, encode_header
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.keccak import keccak256
from tests.ethereum_json import data
from tests.vectors.support import load_json, vector_set

CODECS: dict[str, ModuleType] = {"qbft": qbft, "ibft2": ibft2}
BESU: Any = load_json("besu/bft_extra_data.json", {"cases": [], "encode_only": []})
besu = vector_set("besu")[1]


def _extra(fields: Any) -> QbftExtraData:
    vote = fields["vote"]
    return QbftExtraData(
        vanity=data(fields["vanity_hex"]),
        validators=tuple(map(data, fields["validators"])),
        vote=vote and ValidatorVote(data(vote["recipient"]), vote["type"] == "add"),
        round=fields["round"],
        seals=tuple(map(data, fields.get("committed_seals_hex", []))),
    )


@pytest.mark.parametrize("number", range(len(BESU["cases"])))
@pytest.mark.vectors("besu/extra_data")
@besu
def test_extra_data(number: int) -> None:
    """Valid bytes decode to the fields and encode back; others are refused by name."""
    case = BESU["cases"][number]
    codec, raw = CODECS[case["format"]], data(case["rlp_hex"])
    if not case["valid"]:
        with pytest.raises(MalformedMessage):
            codec.decode_extra_data(raw)
        return
    assert codec.decode_extra_data(raw) == _extra(case["decoded"])
    assert codec.encode_extra_data(_extra(case["decoded"])) == raw


@pytest.mark.vectors("besu/extra_data_hashed")
@besu
def test_what_ibft2_hashes(vector_cases: Any) -> None:
    """IBFT 2 leaves out of the list what it does not hash."""
    extra = _extra(BESU["encode_only_fields"])
    without_seals, without_round = (data(case["rlp_hex"]) for case in BESU["encode_only"])

    assert ibft2.encode_without_seals(extra) == without_seals
    assert ibft2.encode_without_round_and_seals(extra) == without_round
    vector_cases(2)


@pytest.mark.vectors("besu/ibft2_hashes")
@besu
def test_ibft2_hashes() -> None:
    """A sealed header has Besu's two hashes, and its seals are of these committers."""
    case = load_json("besu/ibft2_block_hashing.json")
    header = decode_header(data(case["header_rlp_hex"]))

    assert encode_header(header) == data(case["header_rlp_hex"])
    assert ibft2.seal_hash(header) == data(case["seal_hash"])
    assert ibft2.block_hash(header) == data(case["block_hash"])
    assert ibft2.recover_seals(header) == tuple(map(data, case["committers"]))
    seals = ibft2.decode_extra_data(header.extra_data).seals
    digest = ibft2.seal_hash(header)
    keys = [number.to_bytes(32, "big") for number in range(1, 5)]
    assert tuple(qbft.make_seal(key, digest) for key in keys) == seals


@pytest.mark.vectors("besu-qbft-elc/header")
@vector_set("besu-qbft-elc")[1]
def test_qbft_header() -> None:
    """A header of a live QBFT network: its extra data, both hashes and who sealed it."""
    case = load_json("besu-qbft-elc/qbft_header.json")
    header = decode_header(data(case["header_rlp_hex"]))

    assert encode_header(header) == data(case["header_rlp_hex"])
    assert (header.number, header.timestamp) == (case["number"], case["timestamp"])
    assert header.state_root == data(case["state_root"])
    assert header.beneficiary == data(case["coinbase"])
    assert header.mix_hash == qbft.QBFT_MIX_HASH
    assert qbft.decode_extra_data(header.extra_data) == _extra(case["extra_data"])
    assert header.extra_data == data(case["extra_data"]["rlp_hex"])
    signed = data(case["header_for_seals_rlp_hex"])
    assert keccak256(signed) == qbft.seal_hash(header) == data(case["commit_hash"])
    assert qbft.block_hash(header) == data(case["block_hash"])
    assert qbft.recover_seals(header) == tuple(map(data, case["seal_signers"]))


@pytest.mark.vectors("besu-qbft-elc/extra_data")
@vector_set("besu-qbft-elc")[1]
def test_qbft_extra_data() -> None:
    """Extra data of a network of one validator."""
    for case in load_json("besu-qbft-elc/qbft_header.json")["more_extra_data"]:
        raw = data(case["rlp_hex"])

        assert qbft.decode_extra_data(raw) == _extra(case)
        assert qbft.encode_extra_data(_extra(case)) == raw
