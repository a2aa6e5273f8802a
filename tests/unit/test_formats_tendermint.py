"""CometBFT's values: encodings, sets, parts, commits and evidence, and what each check refuses."""

from dataclasses import replace

import pytest

from chainkit.formats.tendermint import (
    block_codec,
    codec,
    errors,
    fields,
    hashing,
    parts,
    validate_basic,
    validator_set,
    verify_commit,
)
from chainkit.formats.tendermint.evidence import (
    AttackKind,
    byzantine_validators,
    classify_attack,
    is_evidence_expired,
    new_duplicate_vote_evidence,
    validate_evidence,
    verify_light_client_attack,
)
from chainkit.formats.tendermint.light import (
    Options,
    Verdict,
    is_expired,
    trusted_state_of,
    verdict,
    verify,
)
from chainkit.formats.tendermint.median_time import weighted_median
from chainkit.formats.tendermint.types import (
    ABSENT_SIG,
    NIL_BLOCK_ID,
    Block,
    BlockIdFlag,
    Commit,
    CommitSig,
    ConsensusParams,
    LightBlock,
    LightClientAttackEvidence,
    PartSetHeader,
    Proposal,
    ValidatorSet,
    Vote,
    VoteType,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import BLOCK_PART_SIZE_BYTES, MAX_TOTAL_VOTING_POWER
from tests import signers
from tests.signers import GENESIS_TIME, HOUR, SECOND

CHAIN = "chain-1"
KEYS = signers.signers(4, "u")
VALIDATORS = signers.set_of(KEYS, [10, 20, 30, 40])
BLOCK = signers.light_block_of(CHAIN, 5, GENESIS_TIME, VALIDATORS, KEYS)
OPTIONS = Options(4 * HOUR, 10 * SECOND)


def _vote(**changes):
    vote = Vote(
        VoteType.PRECOMMIT,
        7,
        1,
        signers.block_id_of("b"),
        GENESIS_TIME,
        KEYS[0].address,
        3,
        b"\1" * 64,
        b"extension",
        b"\2" * 64,
    )
    return replace(vote, **changes)


PROPOSAL = Proposal(7, 2, -1, signers.block_id_of("p"), GENESIS_TIME, b"\3" * 64)
DUPLICATE = new_duplicate_vote_evidence(
    _vote(extension=b"", extension_signature=b""),
    _vote(block_id=signers.block_id_of("c"), extension=b"", extension_signature=b""),
    GENESIS_TIME,
    VALIDATORS,
)
ATTACK = LightClientAttackEvidence(BLOCK, 3, VALIDATORS.validators, 100, GENESIS_TIME)
WHOLE = Block(
    BLOCK.signed_header.header,
    (b"tx1", b"", b"tx3"),
    (DUPLICATE, ATTACK),
    BLOCK.signed_header.commit,
)
FORMS = [
    (codec.encode_vote, codec.decode_vote, _vote()),
    (codec.encode_vote, codec.decode_vote, _vote(type=VoteType.PREVOTE, block_id=NIL_BLOCK_ID)),
    (codec.encode_proposal, codec.decode_proposal, PROPOSAL),
    (codec.encode_header, codec.decode_header, BLOCK.signed_header.header),
    (codec.encode_commit, codec.decode_commit, BLOCK.signed_header.commit),
    (
        codec.encode_commit,
        codec.decode_commit,
        replace(BLOCK.signed_header.commit, signatures=(ABSENT_SIG,)),
    ),
    (codec.encode_signed_header, codec.decode_signed_header, BLOCK.signed_header),
    (codec.encode_validator_set, codec.decode_validator_set, VALIDATORS),
    (codec.encode_light_block, codec.decode_light_block, BLOCK),
    (codec.encode_part, codec.decode_part, parts.split_block(b"x" * 200_000)[1][1]),
    (codec.encode_consensus_params, codec.decode_consensus_params, ConsensusParams()),
    (block_codec.encode_evidence, block_codec.decode_evidence, DUPLICATE),
    (block_codec.encode_evidence, block_codec.decode_evidence, ATTACK),
    (block_codec.encode_block, block_codec.decode_block, WHOLE),
]


@pytest.mark.parametrize(("encode", "decode", "value"), FORMS)
class TestForms:
    def test_decoding_gives_the_value_back(self, encode, decode, value):
        """Each form decodes to the value that it encodes."""
        assert decode(encode(value)) == value

    def test_a_changed_length_is_refused(self, encode, decode, value):
        """A byte more or less is no longer the form."""
        data = encode(value)
        for changed in (data[:-1], data + b"\0", data + b"\xf8\x3f\1"):
            with pytest.raises(MalformedMessage):
                decode(changed)


class TestBytesByHand:
    """The hashed and signed bytes are written by hand; the codec must agree with them."""

    def test_block_ids(self):
        """A block id, nil or not, has one encoding."""
        for block_id in (NIL_BLOCK_ID, signers.block_id_of("a", 300)):
            assert hashing.block_id_bytes(block_id) == codec.encode_block_id(block_id)

    def test_commit_signatures(self):
        """A commit's signatures have one encoding, the absent too."""
        for signature in (ABSENT_SIG, *BLOCK.signed_header.commit.signatures):
            by_codec = codec.encode(codec.commit_sig_to_proto(signature))
            assert hashing.commit_sig_bytes(signature) == by_codec

    def test_negative_integers(self):
        """-1 is ten bytes, as protobuf has it (max gas of the default parameters)."""
        assert fields.integer(2, -1) == b"\x10" + b"\xff" * 9 + b"\1"

    def test_known_hashes(self):
        """CometBFT's default parameters hash to what its chains have in their headers."""
        params = ConsensusParams(block_max_bytes=22_020_096)
        expected = "048091bc7ddc283f77bfbf91d73c44da58c3df8a9cbc867405d8b7f3daada22f"
        assert hashing.consensus_params_hash(params).hex() == expected
        assert hashing.results_hash([]).hex().startswith("e3b0c442")


class TestUnknownForms:
    def test_a_vote_of_no_type(self):
        """A proposal's type in a vote is refused."""
        pb = codec.vote_to_proto(_vote())
        pb.type = 32
        with pytest.raises(MalformedMessage, match="type 32"):
            codec.decode_vote(codec.encode(pb))

    def test_an_unknown_flag(self):
        """Flag 0 in a commit is refused."""
        pb = codec.commit_to_proto(BLOCK.signed_header.commit)
        pb.signatures[0].block_id_flag = 0
        with pytest.raises(MalformedMessage, match="BlockIDFlag"):
            codec.decode_commit(codec.encode(pb))

    def test_a_key_of_another_kind(self):
        """A secp256k1 validator is refused."""
        pb = codec.validator_set_to_proto(VALIDATORS)
        pb.validators[0].pub_key.secp256k1 = bytes(33)
        with pytest.raises(MalformedMessage, match="ed25519"):
            codec.decode_validator_set(codec.encode(pb))

    def test_half_a_light_block(self):
        """A light block without its set is refused."""
        pb = codec.light_block_to_proto(BLOCK)
        pb.ClearField("validator_set")
        with pytest.raises(MalformedMessage):
            codec.decode_light_block(codec.encode(pb))


class TestValidatorSet:
    def test_a_new_validator_starts_behind(self):
        """Joining costs 1.125 times the total power, so leaving and coming back wins nothing."""
        new = signers.Signer("new").validator(10)
        changed = validator_set.update_with_changes(VALIDATORS, [new])
        priority = {v.address: v.proposer_priority for v in changed.validators}

        assert priority[new.address] == min(priority.values())
        assert abs(sum(priority.values())) < len(priority)

    def test_everyone_has_turns_in_proportion(self):
        """Over 100 turns, power 40 of 100 proposes 40 times."""
        turns = {key.address: 0 for key in KEYS}
        current = VALIDATORS
        for _ in range(100):
            turns[validator_set.proposer(current).address] += 1
            current = validator_set.increment_proposer_priority(current, 1)

        assert sorted(turns.values()) == [10, 20, 30, 40]

    @pytest.mark.parametrize(
        "changes",
        [
            [KEYS[0].validator(1), KEYS[0].validator(2)],
            [KEYS[0].validator(-1)],
            [KEYS[0].validator(MAX_TOTAL_VOTING_POWER + 1)],
            [KEYS[0].validator(MAX_TOTAL_VOTING_POWER)],
            [signers.Signer("x").validator(0)],
            [key.validator(0) for key in KEYS],
        ],
        ids=["twice", "negative", "too much", "too much in all", "stranger removed", "nobody left"],
    )
    def test_changes_that_no_set_allows(self, changes):
        """A change that CometBFT refuses is refused."""
        with pytest.raises(errors.InvalidValidatorSet):
            validator_set.update_with_changes(VALIDATORS, changes)

    @pytest.mark.parametrize(
        "validators",
        [
            (),
            (*VALIDATORS.validators, VALIDATORS.validators[0]),
            (replace(VALIDATORS.validators[0], address=KEYS[1].address),),
            (replace(VALIDATORS.validators[0], public_key=bytes(31)),),
            (KEYS[0].validator(-5),),
            (KEYS[0].validator(MAX_TOTAL_VOTING_POWER), KEYS[1].validator(1)),
            (replace(KEYS[0].validator(1), proposer_priority=2**63),),
        ],
        ids=["empty", "twice", "altered address", "short key", "negative", "too much", "priority"],
    )
    def test_sets_that_no_chain_has(self, validators):
        """A set with a defect is refused, whatever it hashes to."""
        with pytest.raises(errors.InvalidValidatorSet):
            validator_set.validate(ValidatorSet(tuple(validators)))

    def test_a_proposer_from_outside(self):
        """The named proposer must be of the set."""
        stranger = signers.Signer("s").validator(1)
        with pytest.raises(errors.InvalidValidatorSet, match="proposer"):
            validator_set.validate(replace(VALIDATORS, proposer=stranger))


class TestParts:
    DATA = b"".join(i.to_bytes(4) for i in range(40_000))

    def test_a_block_comes_together_from_its_parts(self):
        """Parts in any order give the bytes back."""
        header, pieces = parts.split_block(self.DATA)
        received = parts.PartSet(header)
        for part in reversed(pieces):
            assert received.add(part)
            assert not received.add(part)

        assert received.is_complete()
        assert received.assemble() == self.DATA
        assert received.byte_size == len(self.DATA)

    def test_forged_parts_are_refused(self):
        """Another's index, altered data, another total, an oversized or half part: all refused."""
        header, pieces = parts.split_block(self.DATA)
        good = pieces[0]
        forged = [
            replace(good, index=1),
            replace(good, index=1, proof_index=1),
            replace(good, data=b"\1" + good.data[1:]),
            replace(good, proof_total=4),
            replace(good, data=good.data + b"x"),
            replace(good, data=good.data[:-1]),
            replace(good, proof_aunts=good.proof_aunts * 60),
            replace(good, index=-1, proof_index=-1),
        ]
        for part in forged:
            with pytest.raises(errors.InvalidPart):
                parts.PartSet(header).add(part)

    @pytest.mark.parametrize("total", [0, -1, 2_000])
    def test_no_block_has_so_many_parts(self, total):
        """A header with a total that no block has is refused before memory is taken."""
        with pytest.raises(errors.InvalidPart):
            parts.PartSet(PartSetHeader(total, bytes(32)))

    def test_part_sizes(self):
        """All parts but the last are full."""
        header, pieces = parts.split_block(b"x" * (2 * BLOCK_PART_SIZE_BYTES + 1))

        assert header.total == 3
        assert [len(p.data) for p in pieces] == [BLOCK_PART_SIZE_BYTES] * 2 + [1]


class TestCommits:
    def test_exactly_two_thirds_is_not_enough(self):
        """Of three equal validators, two are not more than two thirds."""
        keys = signers.signers(3, "t")
        validators = signers.set_of(keys, 1)
        block_id = signers.block_id_of("two thirds")
        commit = signers.commit_of(CHAIN, validators, keys[:2], block_id, 5)
        for verify_it in (verify_commit.verify_commit, verify_commit.verify_commit_light):
            with pytest.raises(errors.NotEnoughVotingPower):
                verify_it(CHAIN, validators, block_id, 5, commit)

    def test_a_validator_listed_twice_counts_once(self):
        """A set that lists one key three times is no majority (ISA-2025-003)."""
        key, others = KEYS[0], signers.signers(2, "o")
        validators = signers.unsorted_set([key.validator(1)] * 3 + [o.validator(1) for o in others])
        block_id = signers.block_id_of("double")
        commit = signers.commit_of(CHAIN, validators, [key], block_id, 5)
        with pytest.raises(errors.DoubleVote):
            verify_commit.verify_commit_light(CHAIN, validators, block_id, 5, commit)
        with pytest.raises(errors.DoubleVote):
            verify_commit.verify_commit_light_trusting(
                CHAIN, validators, commit, verify_commit.ONE_THIRD
            )

    def test_an_altered_address_is_refused(self):
        """A valid signature under another's address does not count (the "Tachyon" incident)."""
        commit = BLOCK.signed_header.commit
        places = list(commit.signatures)
        places[0] = replace(places[0], validator_address=bytes(20))
        altered = replace(commit, signatures=tuple(places))
        with pytest.raises(errors.InvalidCommit, match="mismatch"):
            verify_commit.verify_commit(CHAIN, VALIDATORS, commit.block_id, 5, altered)
        with pytest.raises(errors.InvalidCommit, match="not found"):
            weighted_median(altered, VALIDATORS)

    def test_median_time_is_weighted(self):
        """The median lies where half of the power is, and absent ones do not count."""

        def commit(times):
            return Commit(
                5,
                0,
                signers.block_id_of("m"),
                tuple(
                    ABSENT_SIG if time is None else CommitSig(BlockIdFlag.COMMIT, v.address, time)
                    for v, time in zip(VALIDATORS.validators, times, strict=True)
                ),
            )

        # Powers in order: 40, 30, 20, 10.
        assert weighted_median(commit([1, 2, 3, 4]), VALIDATORS) == 2
        assert weighted_median(commit([9, 1, 1, 1]), VALIDATORS) == 1
        assert weighted_median(commit([None, 5, 6, 7]), VALIDATORS) == 5

    @pytest.mark.parametrize(
        "change",
        [
            {"height": -1},
            {"round": -1},
            {"block_id": NIL_BLOCK_ID},
            {"signatures": ()},
            {"signatures": (replace(ABSENT_SIG, signature=b"x"),)},
            {"signatures": (replace(ABSENT_SIG, timestamp=0),)},
            {"signatures": (CommitSig(BlockIdFlag.COMMIT, bytes(19), 0, b"s"),)},
            {"signatures": (CommitSig(BlockIdFlag.NIL, bytes(20), 0, b""),)},
            {"signatures": (CommitSig(BlockIdFlag.COMMIT, bytes(20), 0, bytes(65)),)},
        ],
    )
    def test_malformed_commits(self, change):
        """A commit with a part that cannot be is refused."""
        with pytest.raises(errors.InvalidCommit):
            validate_basic.validate_commit(replace(BLOCK.signed_header.commit, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"height": 0},
        {"round": -1},
        {"validator_index": -1},
        {"block_id": replace(signers.block_id_of("b"), hash=b"")},
        {"block_id": replace(signers.block_id_of("b"), part_set_header=PartSetHeader())},
        {"validator_address": bytes(21)},
        {"signature": b""},
        {"signature": bytes(65)},
        {"type": VoteType.PREVOTE},
        {"block_id": NIL_BLOCK_ID},
        {"extension_signature": b""},
        {"extension_signature": bytes(65)},
    ],
)
def test_malformed_votes(change):
    """A vote with a part that cannot be is refused."""
    validate_basic.validate_vote(_vote())
    with pytest.raises(errors.InvalidVote):
        validate_basic.validate_vote(_vote(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"height": -1},
        {"round": -1},
        {"pol_round": -2},
        {"block_id": NIL_BLOCK_ID},
        {"signature": b""},
        {"signature": bytes(65)},
    ],
)
def test_malformed_proposals(change):
    """A proposal with a part that cannot be is refused."""
    validate_basic.validate_proposal(PROPOSAL)
    with pytest.raises(errors.InvalidProposal):
        validate_basic.validate_proposal(replace(PROPOSAL, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"version_block": 10},
        {"chain_id": "c" * 51},
        {"height": 0},
        {"height": -1},
        {"last_block_id": replace(signers.block_id_of("l"), hash=b"short")},
        {"data_hash": b"short"},
        {"validators_hash": bytes(33)},
        {"proposer_address": b""},
    ],
)
def test_malformed_headers(change):
    """A header with a part that cannot be is refused."""
    validate_basic.validate_header(BLOCK.signed_header.header)
    with pytest.raises(errors.InvalidBlock):
        validate_basic.validate_header(replace(BLOCK.signed_header.header, **change))


class TestLight:
    TRUSTED = trusted_state_of(BLOCK, VALIDATORS)

    def test_a_trusted_set_that_doubles_a_key(self):
        """A trusted set with one key twice is refused before it is counted."""
        first = VALIDATORS.validators[0]
        doubled = ValidatorSet((*VALIDATORS.validators, first))
        trusted = replace(
            self.TRUSTED,
            next_validators=doubled,
            next_validators_hash=hashing.validator_set_hash(doubled),
        )
        block = signers.light_block_of(CHAIN, 9, GENESIS_TIME + HOUR, VALIDATORS, KEYS)
        with pytest.raises(errors.InvalidValidatorSet):
            verify(trusted, block, OPTIONS, GENESIS_TIME + HOUR)

    def test_a_new_set_that_doubles_a_key(self):
        """A header whose own set lists a key twice is invalid, though it hashes right."""
        doubled = signers.unsorted_set([KEYS[0].validator(10)] * 3)
        block = signers.light_block_of(CHAIN, 6, GENESIS_TIME + HOUR, doubled, [KEYS[0]])
        trusted = replace(self.TRUSTED, next_validators_hash=hashing.validator_set_hash(doubled))
        with pytest.raises(errors.InvalidHeader, match="twice"):
            verify(trusted, block, OPTIONS, GENESIS_TIME + HOUR)

    def test_another_trusted_set_than_named(self):
        """A skipping header needs the very set that the trusted header named."""
        trusted = replace(self.TRUSTED, next_validators=signers.set_of(KEYS, 1))
        block = signers.light_block_of(CHAIN, 9, GENESIS_TIME + HOUR, VALIDATORS, KEYS)
        assert verdict(trusted, block, OPTIONS, GENESIS_TIME + HOUR) is Verdict.INVALID

    def test_the_trusting_period_ends_at_its_last_instant(self):
        """At trusted time plus period the header is no longer trusted; a nanosecond before, it is."""
        end = GENESIS_TIME + OPTIONS.trusting_period
        block = signers.light_block_of(CHAIN, 9, GENESIS_TIME + HOUR, VALIDATORS, KEYS)

        assert verdict(self.TRUSTED, block, OPTIONS, end - 1) is Verdict.TRUSTED
        assert verdict(self.TRUSTED, block, OPTIONS, end) is Verdict.INVALID
        assert is_expired(GENESIS_TIME, OPTIONS.trusting_period, end)

    def test_a_commit_for_another_header(self):
        """A header under another header's commit is invalid."""
        block = signers.light_block_of(CHAIN, 9, GENESIS_TIME + HOUR, VALIDATORS, KEYS)
        header = replace(block.signed_header.header, app_hash=bytes(32))
        forged = LightBlock(replace(block.signed_header, header=header), VALIDATORS)
        assert verdict(self.TRUSTED, forged, OPTIONS, GENESIS_TIME + HOUR) is Verdict.INVALID


class TestAttacks:
    """What a light-client attack convicts."""

    COMMON = signers.light_block_of(CHAIN, 3, GENESIS_TIME, VALIDATORS, KEYS)
    TRUSTED = signers.light_block_of(CHAIN, 5, GENESIS_TIME + HOUR, VALIDATORS, KEYS)

    def _evidence(self, block, common_height, guilty):
        return LightClientAttackEvidence(block, common_height, tuple(guilty), 100, GENESIS_TIME)

    def test_lunatic(self):
        """A made-up app hash convicts every common validator that signed it."""
        forged = signers.light_block_of(
            CHAIN, 5, GENESIS_TIME + HOUR, VALIDATORS, KEYS[1:], app_hash=bytes(32)
        )
        guilty = [v for v in VALIDATORS.validators if v.address != KEYS[0].address]
        evidence = self._evidence(forged, 3, guilty)
        validate_evidence(evidence)
        verify_light_client_attack(
            evidence, self.COMMON.signed_header, self.TRUSTED.signed_header, VALIDATORS
        )

        kind = classify_attack(self.TRUSTED.signed_header, forged.signed_header)
        assert kind is AttackKind.LUNATIC

    def test_equivocation(self):
        """Two blocks of one round convict who signed both."""
        forged = signers.light_block_of(
            CHAIN, 5, GENESIS_TIME + HOUR, VALIDATORS, KEYS, data_hash=bytes(32)
        )
        evidence = self._evidence(forged, 5, VALIDATORS.validators)
        verify_light_client_attack(
            evidence, self.TRUSTED.signed_header, self.TRUSTED.signed_header, VALIDATORS
        )
        assert byzantine_validators(evidence, VALIDATORS, self.TRUSTED.signed_header)

    def test_amnesia_names_nobody(self):
        """Two blocks of different rounds do not say who lied."""
        forged = signers.light_block_of(
            CHAIN, 5, GENESIS_TIME + HOUR, VALIDATORS, KEYS, round_=1, data_hash=bytes(32)
        )
        evidence = self._evidence(forged, 5, [])
        verify_light_client_attack(
            evidence, self.TRUSTED.signed_header, self.TRUSTED.signed_header, VALIDATORS
        )
        named = self._evidence(forged, 5, VALIDATORS.validators)
        with pytest.raises(errors.InvalidEvidence):
            verify_light_client_attack(
                named, self.TRUSTED.signed_header, self.TRUSTED.signed_header, VALIDATORS
            )

    @pytest.mark.parametrize(
        "change",
        [
            {"total_voting_power": 99},
            {"byzantine_validators": VALIDATORS.validators[1:]},
            {
                "byzantine_validators": (
                    replace(VALIDATORS.validators[0], public_key=KEYS[0].public_key),
                    *VALIDATORS.validators[1:],
                )
            },
            {"conflicting_block": TRUSTED},
        ],
        ids=["wrong total", "one left out", "swapped key", "no conflict"],
    )
    def test_wrong_accusations(self, change):
        """Evidence that accuses otherwise than the commits do is refused."""
        forged = signers.light_block_of(
            CHAIN, 5, GENESIS_TIME + HOUR, VALIDATORS, KEYS, data_hash=bytes(32)
        )
        evidence = replace(self._evidence(forged, 5, VALIDATORS.validators), **change)
        with pytest.raises(errors.InvalidEvidence):
            verify_light_client_attack(
                evidence, self.TRUSTED.signed_header, self.TRUSTED.signed_header, VALIDATORS
            )

    def test_a_bad_signature_beyond_two_thirds(self):
        """All signatures of evidence are looked at (CometBFT issue 1749)."""
        forged = signers.light_block_of(
            CHAIN, 5, GENESIS_TIME + HOUR, VALIDATORS, KEYS, data_hash=bytes(32)
        )
        commit = forged.signed_header.commit
        last = replace(commit.signatures[-1], signature=bytes(64))
        commit = replace(commit, signatures=(*commit.signatures[:-1], last))
        forged = replace(forged, signed_header=replace(forged.signed_header, commit=commit))
        with pytest.raises(errors.InvalidEvidence, match="wrong signature"):
            verify_light_client_attack(
                self._evidence(forged, 5, VALIDATORS.validators),
                self.TRUSTED.signed_header,
                self.TRUSTED.signed_header,
                VALIDATORS,
            )


def test_evidence_expires_by_both_ages():
    """Evidence is too old only when it is old in blocks and in time."""
    params = ConsensusParams(evidence_max_age_blocks=10, evidence_max_age_duration_ns=10 * SECOND)

    assert is_evidence_expired(21, 11 * SECOND, 10, 0, params)
    assert not is_evidence_expired(20, 11 * SECOND, 10, 0, params)
    assert not is_evidence_expired(21, 10 * SECOND, 10, 0, params)


def test_votes_in_the_wrong_order_are_refused():
    """The order of the two votes is fixed, so that one offence has one evidence."""
    validate_evidence(DUPLICATE)
    with pytest.raises(errors.InvalidEvidence, match="order"):
        validate_evidence(replace(DUPLICATE, vote_a=DUPLICATE.vote_b, vote_b=DUPLICATE.vote_a))
