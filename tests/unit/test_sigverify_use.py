"""Where batches are used: how much is verified, once, and what still gets refused."""

import random
from dataclasses import replace

import pytest

from chainkit.formats.tendermint import errors, light
from chainkit.formats.tendermint import sign_bytes as sign_bytes_module
from chainkit.formats.tendermint.evidence import (
    new_duplicate_vote_evidence,
    verify_duplicate_vote,
)
from chainkit.formats.tendermint.sign_bytes import (
    commit_sign_bytes,
    commit_vote,
    commit_vote_sign_bytes,
    vote_sign_bytes,
)
from chainkit.formats.tendermint.types import ABSENT_SIG, BlockIdFlag, Vote, VoteType
from chainkit.formats.tendermint.verify_commit import verify_commit
from chainkit.primitives.timestamps import GO_ZERO_TIME_NS
from chainkit.primitives.varint import decode_uvarint, encode_uvarint
from chainkit.sigverify import ed25519
from tests import signers
from tests.signers import GENESIS_TIME, HOUR, SECOND

CHAIN = "batch-1"
KEYS = signers.signers(6, "batch")
VALIDATORS = signers.set_of(KEYS, 10)
NEW_KEYS = [*KEYS[:4], *signers.signers(2, "batch-new")]
NEW_VALIDATORS = signers.set_of(NEW_KEYS, 10)
BLOCK_ID = signers.block_id_of("block 5")
COMMIT = signers.commit_of(CHAIN, VALIDATORS, KEYS, BLOCK_ID, 5)
OPTIONS = light.Options(4 * HOUR, 10 * SECOND)
NOW = GENESIS_TIME + HOUR
TRUSTED = light.trusted_state_of(
    signers.light_block_of(CHAIN, 5, GENESIS_TIME, VALIDATORS, KEYS), VALIDATORS
)


@pytest.fixture(autouse=True)
def batches(monkeypatch):
    """Nothing is remembered; the sizes of the batches that reach an engine are noted."""
    ed25519.VERIFIED.clear()
    sizes = []
    judge = ed25519._verify_all

    def noting(items):
        sizes.append(len(items))
        return judge(items)

    monkeypatch.setattr(ed25519, "_verify_all", noting)
    return sizes


def _spoil(commit, index):
    places = list(commit.signatures)
    signature = bytearray(places[index].signature)
    signature[0] ^= 1
    places[index] = replace(places[index], signature=bytes(signature))
    return replace(commit, signatures=tuple(places))


class TestCommits:
    def test_one_batch_and_then_from_memory(self, batches):
        """A commit is one batch; the same commit again costs no equation."""
        verify_commit(CHAIN, VALIDATORS, BLOCK_ID, 5, COMMIT)
        verify_commit(CHAIN, VALIDATORS, BLOCK_ID, 5, COMMIT)
        assert batches == [6, 0]

    def test_votes_of_the_gossip_are_not_verified_again(self, batches):
        """Four votes came one by one: the commit's batch holds the other two."""
        for index in range(4):
            vote = commit_vote(COMMIT, index)
            key = VALIDATORS.validators[index].public_key
            assert ed25519.verify_remembered(key, vote_sign_bytes(CHAIN, vote), vote.signature)
        verify_commit(CHAIN, VALIDATORS, BLOCK_ID, 5, COMMIT)
        assert batches == [2]

    @pytest.mark.parametrize("index", range(6))
    def test_what_is_remembered_excuses_nobody_else(self, index):
        """After the good commit was seen, each altered signature is still refused."""
        verify_commit(CHAIN, VALIDATORS, BLOCK_ID, 5, COMMIT)
        for _ in range(2):
            with pytest.raises(errors.WrongSignature) as refused:
                verify_commit(CHAIN, VALIDATORS, BLOCK_ID, 5, _spoil(COMMIT, index))
            assert f"#{index}" in str(refused.value)


class TestSkipping:
    def _block(self, spoiled=None):
        block = signers.light_block_of(CHAIN, 9, NOW, NEW_VALIDATORS, NEW_KEYS)
        if spoiled is None:
            return block
        commit = _spoil(block.signed_header.commit, spoiled)
        return replace(block, signed_header=replace(block.signed_header, commit=commit))

    def test_both_sets_are_one_batch_of_distinct_signatures(self, batches):
        """A third of the old set and two thirds of the new: what both hold is verified once."""
        light.verify(TRUSTED, self._block(), OPTIONS, NOW)
        (size,) = batches
        assert 5 <= size <= 6

    def test_a_bad_signature_in_either_set_is_refused(self):
        """Five of six places are looked at, and each of them counts."""
        refused = 0
        for spoiled in range(6):
            ed25519.VERIFIED.clear()
            verdict = light.verdict(TRUSTED, self._block(spoiled), OPTIONS, NOW)
            refused += verdict is light.Verdict.INVALID
        assert refused >= 5

    def test_a_bad_signature_that_only_the_trusted_set_needs(self):
        """The new set has enough without its last place, on which all the trust stands."""
        last = NEW_VALIDATORS.validators[-1].address
        key = next(key for key in NEW_KEYS if key.address == last)
        old = signers.set_of([key], 10)
        trusted = light.trusted_state_of(
            signers.light_block_of(CHAIN, 5, GENESIS_TIME, old, [key]), old
        )

        assert light.verdict(trusted, self._block(), OPTIONS, NOW) is light.Verdict.TRUSTED
        ed25519.VERIFIED.clear()
        assert light.verdict(trusted, self._block(5), OPTIONS, NOW) is light.Verdict.INVALID

    def test_a_large_new_set_waits_for_the_trusted(self, batches, monkeypatch):
        """A set made to keep us busy is not looked at before the trusted signatures held."""
        monkeypatch.setattr(light, "MAX_JOINT_VALIDATORS", 5)
        light.verify(TRUSTED, self._block(), OPTIONS, NOW)
        assert len(batches) == 2

        batches.clear()
        ed25519.VERIFIED.clear()
        old = {key.address for key in KEYS}
        first = next(
            index
            for index, place in enumerate(self._block().signed_header.commit.signatures)
            if place.validator_address in old
        )
        with pytest.raises(errors.InvalidHeader):
            light.verify(TRUSTED, self._block(first), OPTIONS, NOW)
        assert len(batches) == 1

    def test_too_few_of_the_new_set_is_refused_after_the_trusted(self, batches):
        """The trusted signatures are judged also where the new set's power falls short."""
        block = signers.light_block_of(CHAIN, 9, NOW, NEW_VALIDATORS, NEW_KEYS[:3])
        with pytest.raises(errors.InvalidHeader, match="power"):
            light.verify(TRUSTED, block, OPTIONS, NOW)
        assert batches == [3]


def test_two_votes_of_evidence_are_one_batch(batches):
    """Both signatures are verified together, and either one bad refuses the evidence."""
    votes = [
        KEYS[0].sign_vote(
            Vote(
                VoteType.PRECOMMIT,
                5,
                0,
                signers.block_id_of(text),
                GENESIS_TIME,
                KEYS[0].address,
                0,
                b"",
            ),
            CHAIN,
        )
        for text in ("one", "two")
    ]
    evidence = new_duplicate_vote_evidence(*votes, GENESIS_TIME, VALIDATORS)
    verify_duplicate_vote(evidence, CHAIN, VALIDATORS)
    assert batches == [2]

    for name in ("vote_a", "vote_b"):
        vote = getattr(evidence, name)
        forged = replace(evidence, **{name: replace(vote, signature=bytes(64))})
        with pytest.raises(errors.InvalidEvidence, match="invalid signature"):
            verify_duplicate_vote(forged, CHAIN, VALIDATORS)


@pytest.mark.parametrize("chain_id", ["", "c", "batch-1", "x" * 50])
@pytest.mark.parametrize(
    "time",
    [
        GO_ZERO_TIME_NS,
        -(2**63) - 1,
        -(10**9),
        -1,
        0,
        1,
        127,
        128,
        10**9,
        GENESIS_TIME,
        GENESIS_TIME + 999_999_999,
        2**63 - 1,
        2**63,
        253_402_300_799 * 10**9 + 999_999_999,
    ],
)
def test_sign_bytes_of_a_commit_are_those_of_its_votes(chain_id, time):
    """The shared parts change no byte: for every flag, time (years 1 to 9999) and length."""
    places = [
        replace(place, timestamp=time + index % 2, block_id_flag=flag)
        for index, (place, flag) in enumerate(
            zip(COMMIT.signatures, [BlockIdFlag.COMMIT, BlockIdFlag.NIL] * 3, strict=True)
        )
    ]
    commit = replace(COMMIT, signatures=(*places, ABSENT_SIG))
    expected = [commit_vote_sign_bytes(chain_id, commit, index) for index in range(len(places))]

    assert commit_sign_bytes(chain_id, commit, list(range(len(places)))) == expected
    assert commit_sign_bytes(chain_id, commit, [4, 1]) == [expected[4], expected[1]]


def test_sign_bytes_of_a_commit_at_random_times():
    """Every length of seconds and nanoseconds, and both signs."""
    rng = random.Random(5)
    places = tuple(
        replace(
            COMMIT.signatures[index % 6],
            timestamp=rng.randrange(2 ** rng.randrange(1, 67)) * rng.choice((1, -1)),
        )
        for index in range(400)
    )
    commit = replace(COMMIT, signatures=places)
    expected = [commit_vote_sign_bytes(CHAIN, commit, index) for index in range(400)]
    assert commit_sign_bytes(CHAIN, commit, list(range(400))) == expected


def test_sign_bytes_without_a_compiler(monkeypatch):
    """The way without the extension gives the same, and neither reads outside the commit."""
    ways = []
    for way in (sign_bytes_module._timed, None):
        monkeypatch.setattr(sign_bytes_module, "_timed", way)
        ways.append(commit_sign_bytes(CHAIN, COMMIT, [0, 5]))
        with pytest.raises(IndexError):
            commit_sign_bytes(CHAIN, COMMIT, [6])

    assert ways[0] == ways[1]


def test_varints_at_every_length():
    """The short way and the loop give the same bytes on both sides of each length."""
    for bits in range(65):
        for value in {max(0, (1 << bits) + step) for step in (-1, 0, 1)}:
            if value < 2**64:
                encoded = encode_uvarint(value)
                assert len(encoded) == max(1, -(-value.bit_length() // 7))
                assert decode_uvarint(encoded) == (value, len(encoded))
