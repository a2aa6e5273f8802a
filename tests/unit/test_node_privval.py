"""The private validator never contradicts itself."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chainkit.formats.tendermint.sign_bytes import proposal_sign_bytes, vote_sign_bytes
from chainkit.formats.tendermint.types import BlockId, PartSetHeader, Proposal, Vote, VoteType
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Address, BlockHeight, ChainId, Round, TimestampNs
from chainkit.sigverify.ed25519 import verify
from relay_chain.node import privval as privval_module
from relay_chain.node.privval import (
    FilePrivateValidator,
    SigningRefused,
    write_empty_state,
    write_private_key,
)

CHAIN = ChainId("test-1")
SEED = bytes(range(32))
BLOCK = BlockId(b"\x01" * 32, PartSetHeader(1, b"\x02" * 32))
OTHER = BlockId(b"\x03" * 32, PartSetHeader(1, b"\x02" * 32))
T0 = TimestampNs(1_700_000_000_123_456_789)


def validator(home: Path) -> FilePrivateValidator:
    key, state = home / "key.json", home / "state.json"
    if not key.exists():
        write_private_key(key, SEED)
        write_empty_state(state)
    return FilePrivateValidator(key, state)


def vote(height: int, round_: int, type_: VoteType, block_id: BlockId = BLOCK) -> Vote:
    return Vote(type_, BlockHeight(height), Round(round_), block_id, T0, Address(b"\x09" * 20), 0)


def proposal(height: int, round_: int, block_id: BlockId = BLOCK) -> Proposal:
    return Proposal(BlockHeight(height), Round(round_), Round(-1), block_id, T0)


def test_signatures_verify_and_the_files_have_cometbfts_form(tmp_path: Path) -> None:
    """
    A vote's signature is over its canonical bytes, and the files are CometBFT's.
    """
    key = validator(tmp_path)
    signed = key.sign_vote(CHAIN, vote(5, 1, VoteType.PRECOMMIT))

    assert verify(key.public_key, vote_sign_bytes(CHAIN, signed), signed.signature)
    state = json.loads((tmp_path / "state.json").read_text())
    assert (state["height"], state["round"], state["step"]) == ("5", 1, 3)
    assert bytes.fromhex(state["signbytes"]) == vote_sign_bytes(CHAIN, signed)
    file = json.loads((tmp_path / "key.json").read_text())
    assert file["address"] == key.address.hex().upper()
    assert file["pub_key"]["type"] == "tendermint/PubKeyEd25519"
    assert (tmp_path / "key.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "asked",
    [
        vote(4, 9, VoteType.PRECOMMIT),
        vote(5, 0, VoteType.PRECOMMIT),
        vote(5, 1, VoteType.PREVOTE),
        proposal(5, 1),
        proposal(4, 2),
    ],
    ids=["height", "round", "step", "proposal after vote", "proposal of an older height"],
)
@pytest.mark.parametrize("restarted", [False, True])
def test_a_regression_is_refused(tmp_path: Path, asked: Vote | Proposal, restarted: bool) -> None:
    """
    Nothing before the last height, round and step is signed, also after a restart.
    """
    key = validator(tmp_path)
    key.sign_vote(CHAIN, vote(5, 1, VoteType.PRECOMMIT))
    before = (tmp_path / "state.json").read_bytes()
    if restarted:
        key = validator(tmp_path)
    with pytest.raises(SigningRefused):
        key.sign_vote(CHAIN, asked) if isinstance(asked, Vote) else key.sign_proposal(CHAIN, asked)

    assert (tmp_path / "state.json").read_bytes() == before


def test_another_block_at_the_same_step_is_refused(tmp_path: Path) -> None:
    """
    Two votes for two blocks at one step are the crime that validators are slashed for.
    """
    key = validator(tmp_path)
    key.sign_vote(CHAIN, vote(5, 1, VoteType.PREVOTE))
    for other in (OTHER, BlockId()):
        with pytest.raises(SigningRefused):
            validator(tmp_path).sign_vote(CHAIN, vote(5, 1, VoteType.PREVOTE, other))
    key.sign_proposal(CHAIN, proposal(6, 0))
    with pytest.raises(SigningRefused):
        key.sign_proposal(CHAIN, proposal(6, 0, OTHER))
    with pytest.raises(SigningRefused):
        key.sign_proposal(ChainId("other-1"), proposal(6, 0))


def test_the_same_vote_again_gets_the_old_signature_and_time(tmp_path: Path) -> None:
    """
    After a crash the same vote may be asked for at a later time: the old signature answers.
    """
    first = validator(tmp_path).sign_vote(CHAIN, vote(5, 1, VoteType.PREVOTE))
    later = replace(vote(5, 1, VoteType.PREVOTE), timestamp=TimestampNs(T0 + 5))
    again = validator(tmp_path).sign_vote(CHAIN, later)

    assert again == first
    key = validator(tmp_path)
    one = key.sign_proposal(CHAIN, proposal(6, 0))
    two = key.sign_proposal(CHAIN, replace(proposal(6, 0), timestamp=TimestampNs(T0 + 9)))
    assert one == two
    assert verify(key.public_key, proposal_sign_bytes(CHAIN, two), two.signature)


def test_the_state_is_on_disk_before_the_signature_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    If the state cannot be saved, no signature leaves the key.
    """
    key = validator(tmp_path)

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(privval_module, "write_durably", full_disk)
    with pytest.raises(OSError, match="No space"):
        key.sign_vote(CHAIN, vote(5, 1, VoteType.PREVOTE))
    monkeypatch.undo()

    assert validator(tmp_path).last.position.height == 0
    signed = key.sign_vote(CHAIN, vote(5, 1, VoteType.PREVOTE, OTHER))
    assert validator(tmp_path).last.signature == signed.signature


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"height":"1","round":0,"step":4}', b'{"height":"x"}']
)
def test_a_damaged_state_stops_the_node(tmp_path: Path, content: bytes) -> None:
    """
    A validator that forgot what it signed does not start.
    """
    validator(tmp_path)
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(MalformedMessage):
        validator(tmp_path)
