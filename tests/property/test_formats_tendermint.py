"""Laws of CometBFT's values, over values and bytes that nobody wrote down."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.formats.tendermint import block_codec, codec, hashing, parts, validator_set
from chainkit.formats.tendermint.errors import InvalidValidatorSet, TendermintRuleBroken
from chainkit.formats.tendermint.light import Options, Verdict, trusted_state_of, verdict
from chainkit.formats.tendermint.sign_bytes import vote_sign_bytes
from chainkit.formats.tendermint.types import BlockId, PartSetHeader, Validator, Vote, VoteType
from chainkit.formats.tendermint.verify_commit import verify_commit
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_TOTAL_VOTING_POWER
from chainkit.sigverify import _reference, ed25519
from chainkit.wire.proto.tendermint.types import canonical_pb2
from tests import signers
from tests.signers import GENESIS_TIME, HOUR, SECOND

DECODERS = [
    codec.decode_vote,
    codec.decode_proposal,
    codec.decode_commit,
    codec.decode_header,
    codec.decode_validator_set,
    codec.decode_light_block,
    codec.decode_part,
    codec.decode_consensus_params,
    block_codec.decode_evidence,
    block_codec.decode_block,
]
int63 = st.integers(0, 2**63 - 1)
times = st.integers(-62_135_596_800 * SECOND, 253_402_300_799 * SECOND)
block_ids = st.builds(
    BlockId,
    st.binary(max_size=32),
    st.builds(PartSetHeader, st.integers(0, 2**32 - 1), st.binary(max_size=32)),
)
votes = st.builds(
    Vote,
    st.sampled_from(list(VoteType)),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**31), 2**31 - 1),
    block_ids,
    times,
    st.binary(max_size=20),
    st.integers(-(2**31), 2**31 - 1),
    st.binary(max_size=64),
    st.binary(max_size=64),
    st.binary(max_size=64),
)
KEYS = signers.signers(5, "law")
CHAIN = "law-1"


@given(votes)
def test_votes_come_back(vote):
    """Every vote, however odd, decodes from its own bytes to itself."""
    assert codec.decode_vote(codec.encode_vote(vote)) == vote


@given(votes, st.text(max_size=50))
def test_sign_bytes_are_the_canonical_message(vote, chain_id):
    """The hand-written sign bytes are those of the protobuf schema."""
    canonical = canonical_pb2.CanonicalVote(
        type=int(vote.type),
        height=vote.height,
        round=vote.round,
        timestamp=codec.timestamp_to_proto(vote.timestamp),
        chain_id=chain_id,
    )
    if not vote.block_id.is_nil():
        parts_header = vote.block_id.part_set_header
        canonical.block_id.CopyFrom(
            canonical_pb2.CanonicalBlockID(
                hash=vote.block_id.hash,
                part_set_header=canonical_pb2.CanonicalPartSetHeader(
                    total=parts_header.total, hash=parts_header.hash
                ),
            )
        )
    body = codec.encode(canonical)

    assert vote_sign_bytes(chain_id, vote).endswith(body)


@given(st.sampled_from(DECODERS), st.binary(max_size=200))
def test_any_bytes_are_a_value_or_malformed(decode, data):
    """No bytes do anything to a decoder but give a value or a named refusal."""
    with suppress(MalformedMessage):
        decode(data)


@given(st.binary(min_size=1, max_size=3_000), st.integers(1, 500), st.randoms())
def test_parts_give_the_block_back(data, size, order):
    """Cut anywhere and shuffled, parts come together again; proofs are each its own."""
    header, pieces = parts.split_block(data, size)
    assert header.total == -(-len(data) // size)
    shuffled = list(pieces)
    order.shuffle(shuffled)
    joined = b"".join(piece.data for piece in sorted(shuffled, key=lambda p: p.index))

    assert joined == data
    assert {piece.proof_index for piece in pieces} == set(range(header.total))


powers = st.lists(st.integers(1, MAX_TOTAL_VOTING_POWER // 8), min_size=1, max_size=8)


def _set(values):
    return validator_set.new_validator_set(
        [Validator(bytes([i]) * 20, bytes(32), p) for i, p in enumerate(values)]
    )


@given(powers, st.integers(1, 50))
def test_priorities_stay_in_their_window(values, turns):
    """Priorities stay centred and within twice the total, however powers are spread."""
    current = validator_set.increment_proposer_priority(_set(values), turns)
    total = validator_set.total_voting_power(current)
    priorities = [v.proposer_priority for v in current.validators]

    assert abs(sum(priorities)) < 2 * len(priorities)
    assert max(priorities) - min(priorities) <= 2 * total + max(values)


@given(powers, st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 2**61)), max_size=5))
def test_changes_make_a_set_or_are_refused(values, changes):
    """Any changes give a well-ordered set within the limits, or a refusal and no change."""
    before = _set(values)
    try:
        after = validator_set.update_with_changes(
            before, [Validator(bytes([i]) * 20, bytes(32), p) for i, p in changes]
        )
    except InvalidValidatorSet:
        return
    order = [(-v.voting_power, v.address) for v in after.validators]

    assert order == sorted(order)
    assert 0 < validator_set.total_voting_power(after) <= MAX_TOTAL_VOTING_POWER
    assert len({v.address for v in after.validators}) == len(after.validators)


@given(powers)
def test_everyone_proposes_in_time(values):
    """Small powers or great, a round of total power over power passes nobody over for ever."""
    small = [1 + value % 7 for value in values]
    current = _set(small)
    proposers = set()
    for _ in range(2 * sum(small)):
        proposers.add(validator_set.proposer(current).address)
        current = validator_set.increment_proposer_priority(current, 1)

    assert proposers == {v.address for v in current.validators}


@settings(max_examples=50)
@given(st.lists(st.integers(1, 100), min_size=5, max_size=5), st.sets(st.integers(0, 4)))
def test_a_commit_counts_exactly_its_signers(values, chosen):
    """A commit is accepted exactly when those who signed have more than two thirds."""
    validators = signers.set_of(KEYS, values)
    block_id = signers.block_id_of("law")
    commit = signers.commit_of(CHAIN, validators, [KEYS[i] for i in chosen], block_id, 1)
    enough = 3 * sum(values[i] for i in chosen) > 2 * sum(values)
    try:
        verify_commit(CHAIN, validators, block_id, 1, commit)
    except TendermintRuleBroken:
        assert not enough
    else:
        assert enough


@settings(max_examples=50)
@given(
    st.lists(st.integers(1, 100), min_size=5, max_size=5),
    st.sets(st.integers(0, 4), min_size=1),
    st.integers(2, 30),
)
def test_the_three_verdicts(values, chosen, height):
    """Between honest sets a header is trusted, not trusted enough, or invalid as powers say."""
    old = signers.set_of(KEYS, values)
    first = signers.light_block_of(CHAIN, 1, GENESIS_TIME, old, KEYS)
    keys = [KEYS[i] for i in sorted(chosen)]
    new = signers.set_of(keys, [values[i] for i in sorted(chosen)])
    block = signers.light_block_of(CHAIN, height, GENESIS_TIME + HOUR, new, keys)
    answer = verdict(
        trusted_state_of(first, old), block, Options(4 * HOUR, 0), GENESIS_TIME + 2 * HOUR
    )
    overlap = 3 * sum(values[i] for i in chosen) > sum(values)
    if height == 2:
        same = hashing.validator_set_hash(new) == hashing.validator_set_hash(old)
        assert answer is (Verdict.TRUSTED if same else Verdict.INVALID)
    else:
        assert answer is (Verdict.TRUSTED if overlap else Verdict.NOT_ENOUGH_TRUST)


@settings(max_examples=30)
@given(st.binary(max_size=64), st.integers(0, 511), st.integers(0, 255))
def test_engine_batch_and_reference_agree(message, bit, key_bit):
    """Whatever bit is flipped, all three ways give one verdict."""
    seed = KEYS[0].seed
    key = bytearray(ed25519.public_key_from_seed(seed))
    signature = bytearray(ed25519.sign(seed, message))
    signature[bit // 8] ^= 1 << bit % 8
    if key_bit < 64:
        key[key_bit // 8] ^= 1 << key_bit % 8
    item = (bytes(key), message, bytes(signature))
    batch = ed25519.BatchVerifier()
    batch.add(*item)

    assert batch.verify() == (ed25519.verify(*item),) == (_reference.verify(*item),)
