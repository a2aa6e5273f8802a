"""A header of a Besu network, and Besu's extra data, before our QBFT light client."""

from dataclasses import replace
from typing import Any

import pytest

from chainkit.formats.ethereum.headers import decode_header
from chainkit.formats.ethereum.qbft import decode_extra_data, seal_hash, with_extra_data
from chainkit.formats.ethereum.types import Header
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.primitives.types import Address, Hash32
from light_clients.qbft import codec, errors
from light_clients.qbft.rules import validate_header, verify_seals
from light_clients.qbft.types import SealedHeader
from parachains.account.consensus.validators import proposer_at
from tests.ethereum_json import data
from tests.vectors.support import load_json, vector_set

ELC: Any = load_json("besu-qbft-elc/qbft_header.json", {})
BESU: Any = load_json("besu/bft_extra_data.json", {"cases": []})
CASES = [case for case in BESU["cases"] if case["format"] == "qbft"]
elc = vector_set("besu-qbft-elc")[1]
besu = vector_set("besu")[1]


def _read(header: Header, trusted: int = 1) -> SealedHeader:
    return codec.sealed_header(header, Height(0, trusted))


@pytest.mark.vectors("besu-qbft-elc/light_client")
@elc
def test_a_besu_header_passes_and_none_of_its_parts_may_change() -> None:
    """
    Three of four sealed block 7528 in round 1: it is trusted by its set, and by no other; without
    one seal, with one twice, in another round or with another root it is refused.
    """
    header = decode_header(data(ELC["header_rlp_hex"]))
    extra = decode_extra_data(header.extra_data)
    message = _read(header)
    validate_header(message)
    verify_seals(extra.validators, message)

    assert seal_hash(header) == data(ELC["commit_hash"])
    assert message.block_hash == data(ELC["block_hash"])
    assert message.consensus_state().state_root == data(ELC["state_root"])
    # The next block's first proposer comes after this block's maker, the last of four.
    assert proposer_at(extra.validators, header.beneficiary, 0) == extra.validators[0]  # type: ignore[arg-type]
    seals = extra.seals
    for changed, refusal in (
        (replace(extra, seals=seals[:2]), errors.NotEnoughSeals),
        (replace(extra, seals=(*seals[:2], seals[0])), errors.DuplicateSeal),
        (replace(extra, seals=(*seals, *seals[:2])), errors.TooManySeals),
        (replace(extra, round=0), errors.UnknownSeal),
    ):
        with pytest.raises(refusal):
            verify_seals(extra.validators, _read(with_extra_data(header, changed)))
    with pytest.raises(errors.UnknownSeal):
        verify_seals(extra.validators, _read(replace(header, state_root=Hash32(bytes(32)))))
    strangers = tuple(Address(bytes([n]) * 20) for n in range(4))
    with pytest.raises(errors.NotEnoughTrust):
        verify_seals((*extra.validators[:1], *strangers[1:]), message)


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.vectors("besu/light_client")
@besu
def test_besus_extra_data_in_a_header(number: int) -> None:
    """
    What Besu does not decode is no client message; what it does is read as Besu reads it.
    """
    case, header = CASES[number], decode_header(data(ELC["header_rlp_hex"]))
    mutated = replace(header, extra_data=data(case["rlp_hex"]))
    if not case["valid"]:
        with pytest.raises(MalformedMessage):
            _read(mutated)
        return
    message = codec.decode_client_message(codec.encode_header_message(_read(mutated)))

    assert isinstance(message, SealedHeader)
    assert message.extra.round == case["decoded"]["round"]
    assert message.extra.validators == tuple(map(data, case["decoded"]["validators"]))
    assert len(message.extra.seals) == len(case["decoded"]["committed_seals_hex"])
