"""Sign bytes, header hashes, proposers, commits, evidence and the light verifier of CometBFT."""

import re
from dataclasses import replace

import pytest

from chainkit.formats.tendermint import light, light_client, sign_bytes, validator_set
from chainkit.formats.tendermint import verify_commit as commits
from chainkit.formats.tendermint.errors import (
    InvalidHeader,
    NotEnoughTrust,
    NotEnoughVotingPower,
    TendermintRuleBroken,
)
from chainkit.formats.tendermint.evidence import new_duplicate_vote_evidence, verify_duplicate_vote
from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.light import Options, trusted_state_of
from chainkit.formats.tendermint.types import (
    BlockIdFlag,
    Commit,
    CommitSig,
    DuplicateVoteEvidence,
    LightBlock,
    Validator,
    Vote,
    VoteType,
)
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.limits import MAX_TOTAL_VOTING_POWER
from chainkit.primitives.timestamps import parse_rfc3339
from relay_chain.consensus.evidence_pool import verify_evidence
from relay_chain.consensus.state import genesis_state
from tests import signers
from tests.signers import GENESIS_TIME, HOUR, SECOND
from tests.vectors import tendermint_json
from tests.vectors.support import load_json, vector_set

SIGN_BYTES = load_json("cometbft/vote_sign_bytes.json", {"cases": ()})["cases"]
HEADERS = load_json("cometbft/header_hash.json", {"cases": ()})["cases"]
COMMITS = load_json("cometbft/commit_verification_rules.json", {"cases": (), "early_return": ()})
EVIDENCE = load_json("cometbft/duplicate_vote_evidence_rules.json", {"cases": ()})["cases"]
LIGHT = load_json("cometbft/light_verifier_rules.json", {})
CHAIN = "Lalande21185"


@pytest.mark.parametrize("case", SIGN_BYTES, ids=lambda case: case["name"])
class TestVoteSignBytes:
    pytestmark = vector_set("cometbft/vote_sign_bytes")

    def test_the_bytes_are_equal(self, case):
        """The canonical vote's bytes are CometBFT's; extensions are not in them."""
        json = case["vote"]
        vote = Vote(
            type=json["type"],
            height=json["height"],
            round=json["round"],
            block_id=tendermint_json.block_id_of(json["block_id"]),
            timestamp=parse_rfc3339(json["timestamp"]),
            validator_address=b"",
            validator_index=0,
            extension=bytes.fromhex(json["extension_hex"]),
        )

        assert sign_bytes.vote_sign_bytes(case["chain_id"], vote).hex() == case["sign_bytes_hex"]


@pytest.mark.parametrize("case", HEADERS, ids=lambda case: case["name"])
class TestHeaderHash:
    pytestmark = vector_set("cometbft/header_hash")

    def test_the_hash_is_equal(self, case):
        """The hash is CometBFT's; a header without validators has none."""
        # No header at all cannot be written down here: the type rules it out.
        if case["header"] is not None:
            header = tendermint_json.header_of(case["header"])
            assert header_hash(header).hex().upper() == (case["hash"] or "")
        else:
            assert case["hash"] is None


class TestProposerSelection:
    pytestmark = vector_set("cometbft/proposer_selection")

    def test_turns(self, vector_cases):
        """Three validators take 99 turns in CometBFT's order."""
        case = load_json("cometbft/proposer_selection.json")
        current = validator_set.new_validator_set(
            [
                Validator(v["address_utf8"].encode(), b"", v["voting_power"])
                for v in case["validators"]
            ]
        )
        for expected in case["expected_proposers"]:
            assert validator_set.proposer(current).address == expected.encode()
            current = validator_set.increment_proposer_priority(current, 1)

        vector_cases(len(case["expected_proposers"]))


def _refuses(expected, call):
    """Run; the error must contain the text, or there must be none."""
    if expected is None:
        call()
        return
    with pytest.raises(TendermintRuleBroken, match=re.escape(expected) or None):
        call()


def _commit_of_case(case):
    """Build as the file's ``setup`` says: absent first, then block votes, then nil votes."""
    keys = signers.signers(case["validators"], "c")
    validators = signers.set_of(keys, 10)
    order = {v.address: i for i, v in enumerate(validators.validators)}
    keys.sort(key=lambda key: order[key.address])
    right = signers.block_id_of("expected")
    block_id = right if case["vote_block_id"] == "expected" else signers.block_id_of("random")
    flags = (
        [BlockIdFlag.ABSENT] * case["absent_votes"]
        + [BlockIdFlag.COMMIT] * case["block_votes"]
        + [BlockIdFlag.NIL] * case["nil_votes"]
    )
    places = tuple(
        signers.ABSENT_SIG
        if flag is BlockIdFlag.ABSENT
        else CommitSig(flag, keys[i % len(keys)].address, GENESIS_TIME)
        for i, flag in enumerate(flags)
    )
    unsigned = Commit(case["commit_height"], 0, block_id, places)
    by_address = {key.address: key for key in keys}
    return validators, right, signers.sign_commit(case["vote_chain_id"], unsigned, by_address)


@pytest.mark.parametrize("case", COMMITS["cases"], ids=lambda case: case["name"])
class TestCommitRules:
    pytestmark = vector_set("cometbft/commit_rules")

    def test_each_function_has_its_verdict(self, case, vector_cases):
        """Five ways to verify a commit refuse with CometBFT's words, or accept."""
        validators, block_id, commit = _commit_of_case(case)
        for function in (
            "verify_commit",
            "verify_commit_light",
            "verify_commit_light_all_signatures",
        ):
            verify = getattr(commits, function)
            _refuses(case[function], lambda: verify(CHAIN, validators, block_id, 100, commit))  # noqa: B023
        for function in (
            "verify_commit_light_trusting",
            "verify_commit_light_trusting_all_signatures",
        ):
            verify = getattr(commits, function)
            _refuses(case[function], lambda: verify(CHAIN, validators, commit, commits.TWO_THIRDS))  # noqa: B023

        vector_cases(5)


def _signed_by_all(count, power=10, bad=None):
    """A set, a block id and its commit; the signature at index ``bad`` is for another chain."""
    keys = signers.signers(count, "e")
    validators = signers.set_of(keys, power)
    block_id = signers.block_id_of("early")
    commit = signers.commit_of("test_chain_id", validators, keys, block_id, 3)
    if bad is not None:
        other = signers.commit_of("CentaurusA", validators, keys, block_id, 3)
        places = list(commit.signatures)
        places[bad] = other.signatures[bad]
        commit = replace(commit, signatures=tuple(places))
    return validators, block_id, commit


def _early_return(index):
    full = [
        (commits.verify_commit, 3),
        (commits.verify_commit_light, 3),
        (commits.verify_commit_light_all_signatures, 3),
    ]
    if index < 3:
        function, bad = full[index]
        validators, block_id, commit = _signed_by_all(4, bad=bad)
        return lambda: function("test_chain_id", validators, block_id, 3, commit)
    trusting = commits.verify_commit_light_trusting
    if index in {3, 4}:
        function = trusting if index == 3 else commits.verify_commit_light_trusting_all_signatures
        validators, _, commit = _signed_by_all(4, bad=2)
        return lambda: function("test_chain_id", validators, commit, commits.ONE_THIRD)
    if index == 8:
        validators, _, commit = _signed_by_all(1, power=MAX_TOTAL_VOTING_POWER)
        level = commits.TrustLevel(25, 55)
        return lambda: trusting("test_chain_id", validators, commit, level)
    validators, _, commit = _signed_by_all(6, power=1)
    strangers = signers.set_of(signers.signers(2, "stranger"), 1)
    both = validator_set.new_validator_set([*strangers.validators, *validators.validators])
    chosen = {5: validators, 6: strangers, 7: both}[index]
    return lambda: trusting("test_chain_id", chosen, commit, commits.ONE_THIRD)


@pytest.mark.parametrize("index", range(len(COMMITS["early_return"])))
class TestEarlyReturn:
    pytestmark = vector_set("cometbft/commit_early_return")

    def test_looks_at_as_many_signatures_as_cometbft(self, index):
        """Light forms stop at the power they need; the others look at every signature."""
        case = COMMITS["early_return"][index]
        expected = None if case["valid"] else case.get("error_contains", "")
        _refuses(expected, _early_return(index))


def _votes(change_b, signer_b=None, chain_b="mychain", validator=None):
    key = validator or signers.Signer("dup")
    vote_a = Vote(
        VoteType.PREVOTE,
        10,
        2,
        signers.BlockId(
            signers.hash_of("blockhash"),
            signers.PartSetHeader(1000, signers.hash_of("partshash")),
        ),
        GENESIS_TIME,
        key.address,
        0,
    )
    vote_b = (signer_b or key).sign_vote(replace(vote_a, **change_b), chain_b)
    return DuplicateVoteEvidence(key.sign_vote(vote_a, "mychain"), vote_b, 1, 1, GENESIS_TIME)


def _duplicate_vote_case(name):
    key, other = signers.Signer("dup"), signers.Signer("other")
    parts = signers.PartSetHeader
    first = signers.BlockId(signers.hash_of("blockhash"), parts(1000, signers.hash_of("partshash")))
    another = {"block_id": replace(first, hash=signers.hash_of("blockhash2"))}
    cases = {
        "different block hash": _votes(another),
        "different part set total": _votes(
            {
                "block_id": replace(
                    first, part_set_header=parts(10_000, signers.hash_of("partshash"))
                )
            }
        ),
        "different part set total and hash": _votes(
            {"block_id": replace(first, part_set_header=parts(10_000, signers.hash_of("parts2")))}
        ),
        "same block id": _votes({}),
        "vote B signed for another chain id": _votes(another, chain_b="mychain2"),
        "different height": _votes({**another, "height": 11}),
        "different round": _votes({**another, "round": 3}),
        "different vote type": _votes({**another, "type": VoteType.PRECOMMIT}),
        "vote B by another validator": _votes(
            {**another, "validator_address": other.address}, signer_b=other
        ),
        "a different vote time does not matter": _votes(
            {**another, "timestamp": GENESIS_TIME + HOUR}
        ),
        "vote signed by a wrong key, same block id": _votes({}, signer_b=other),
    }
    return cases[name], signers.set_of([key], 1)


@pytest.mark.parametrize("case", EVIDENCE, ids=lambda case: case["name"])
class TestDuplicateVoteRules:
    pytestmark = vector_set("cometbft/duplicate_vote")

    def test_the_verdict_is_equal(self, case):
        """Two votes are evidence exactly where CometBFT says so."""
        evidence, validators = _duplicate_vote_case(case["name"])
        _refuses(
            None if case["valid"] else "",
            lambda: verify_duplicate_vote(evidence, "mychain", validators),
        )


# --- light verifier -----------------------------------------------------------------------

KEYS = signers.signers(4, "l")
POWERS = [20, 30, 40, 50]
LIGHT_CHAIN = "TestVerify"
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "h": HOUR}


def _duration(text):
    """Nanoseconds of a text like ``2h + 10s - 1ms``."""
    total, sign = 0, 1
    for word in text.replace("-", " - ").replace("+", " + ").split():
        if word in "+-":
            sign = -1 if word == "-" else 1
            continue
        number, unit = re.fullmatch(r"(\d+)([a-z]+)", word).groups()
        total += sign * int(number) * _UNITS[unit]
        sign = 1
    return total


def _set(text):
    if text == "as trusted":
        return signers.set_of(KEYS, POWERS)
    pairs = [part.strip().split("=") for part in text.split(",")]
    return signers.set_of([KEYS[int(k[1:])] for k, _ in pairs], [int(p) for _, p in pairs])


def _keys(text):
    return KEYS if text == "all" else [KEYS[int(name[1:])] for name in text.split(",")]


def _light_case(case):
    new = case["new_header"]
    trusted_set = _set("as trusted")
    first = signers.light_block_of(LIGHT_CHAIN, 1, GENESIS_TIME, trusted_set, KEYS)
    chain = LIGHT_CHAIN if new["chain_id"] == "same" else "different-chain"
    validators = _set(new["validators"])
    header = signers.header_of(
        chain,
        new["height"],
        GENESIS_TIME + _duration(new["time_offset"]),
        validators,
        _set(new["next_validators"]),
    )
    signed = signers.signed_header_of(header, validators, _keys(new["signed_by"]))
    block = LightBlock(signed, _set(case["validators_supplied"]))
    options = Options(_duration(case["trusting_period"]), 10 * SECOND)
    now = GENESIS_TIME + _duration(case["now_offset"])
    return trusted_state_of(first, trusted_set), block, options, now


def _power_of(text):
    got, needed = re.search(r"got (\d+), needed (\d+)", text).groups()
    return int(got), int(needed)


def _check_light(case, function):
    arguments = _light_case(case)
    if case["valid"]:
        function(*arguments)
        return
    with pytest.raises(TendermintRuleBroken) as refused:
        function(*arguments)
    assert (case["error_contains"] or "") in str(refused.value)
    kind = case["error_type"]
    if kind and kind.startswith("ErrNewValSetCantBeTrusted"):
        assert isinstance(refused.value, NotEnoughTrust)
        assert (refused.value.got, refused.value.needed) == _power_of(kind)
    elif kind:
        assert isinstance(refused.value, InvalidHeader)
        assert isinstance(refused.value.__cause__, NotEnoughVotingPower)
        cause = refused.value.__cause__
        assert (cause.got, cause.needed) == _power_of(kind)


class TestLightVerifier:
    pytestmark = vector_set("cometbft/light_verifier")

    def test_adjacent(self, vector_cases):
        """The next header is judged as CometBFT judges it."""
        for case in LIGHT["verify_adjacent"]:
            _check_light(case, light.verify_adjacent)
        vector_cases(len(LIGHT["verify_adjacent"]))

    def test_non_adjacent(self, vector_cases):
        """A later header is judged as CometBFT judges it."""
        for case in LIGHT["verify_non_adjacent"]["cases"]:
            _check_light(case, light.verify_non_adjacent)
        vector_cases(len(LIGHT["verify_non_adjacent"]["cases"]))

    def test_a_trust_level_of_two_is_refused(self):
        """A trust level above one is refused in verification too."""
        case = LIGHT["verify_non_adjacent"]["cases"][0]
        trusted, block, options, now = _light_case(case)
        options = replace(options, trust_level=commits.TrustLevel(2, 1))
        assert not LIGHT["verify_with_trust_level_2_over_1"]["valid"]
        with pytest.raises(TendermintRuleBroken):
            light.verify(trusted, block, options, now)

    def test_trust_levels(self, vector_cases):
        """Only levels from a third to one are taken."""
        for case in LIGHT["validate_trust_level"]:
            level = commits.TrustLevel(case["numerator"], case["denominator"])
            _refuses(None if case["valid"] else "", lambda: commits.validate_trust_level(level))  # noqa: B023
        vector_cases(len(LIGHT["validate_trust_level"]))

    def test_trust_options(self, vector_cases):
        """A trusted block needs a period, a height and a whole hash."""
        good = light_client.TrustOptions(4 * HOUR, 1, signers.hash_of("h1"))
        options = [
            good,
            replace(good, period=-HOUR),
            replace(good, height=0),
            replace(good, hash=b"incorrect hash"),
        ]
        for case, option in zip(LIGHT["validate_trust_options"], options, strict=True):
            _refuses(
                None if case["valid"] else "",
                lambda: light_client.validate_trust_options(option),  # noqa: B023
            )
        vector_cases(len(options))


NEW_KEYS = signers.signers(4, "new")
OLD = signers.set_of(KEYS, POWERS)
NEW = signers.set_of(NEW_KEYS, [10, 11, 12, 13])
TRANSIT_KEYS = [*KEYS, *signers.signers(3, "transit")]
TRANSIT = signers.set_of(TRANSIT_KEYS, list(range(10, 17)))
STRANGERS = signers.set_of(signers.signers(10, "stranger"), 100)


def _at(height, hours, keys=None, validators=OLD, next_validators=None, *, shown=None):
    """A block and the set of the next height; ``shown`` is the set handed out instead."""
    keys = KEYS if keys is None else keys
    following = next_validators or validators
    time = GENESIS_TIME + int(hours * HOUR)
    block = signers.light_block_of(LIGHT_CHAIN, height, time, validators, keys, following)
    return (replace(block, validator_set=shown) if shown else block), following


H1 = _at(1, 0)
GOOD = {1: H1, 2: _at(2, 0.5), 3: _at(3, 1)}
SEQUENTIAL = {
    "good": GOOD,
    "bad: different first header": {1: _at(1, 1)},
    "bad: no first signed header": {},
    "bad: different first validator set": {1: _at(1, 0, shown=STRANGERS)},
    "bad: 1/3 signed interim header": {1: H1, 2: _at(2, 1, KEYS[-1:]), 3: _at(3, 2)},
    "bad: 1/3 signed last header": {1: H1, 2: _at(2, 1), 3: _at(3, 2, KEYS[-1:])},
    "bad: different validator set at height 3": {**GOOD, 3: _at(3, 1, shown=NEW)},
}
SKIPPING = {
    "good": {1: H1, 3: _at(3, 1)},
    "good, but val set changes by 2/3 (1/3 of vals is still present)": {
        1: H1,
        3: _at(3, 2, TRANSIT_KEYS, TRANSIT),
    },
    "good, but val set changes 100% at height 2": {
        1: H1,
        2: _at(2, 1, next_validators=NEW),
        3: _at(3, 2, NEW_KEYS, NEW),
    },
    "bad: last header signed by newVals, interim header has no signers": {
        1: H1,
        2: _at(2, 1, [], next_validators=NEW),
        3: _at(3, 2, NEW_KEYS, NEW),
    },
}


class _NoBlock(RuleBroken):
    """The test's provider has no block of a height."""


def _provider(blocks):
    def fetch(height):
        if height not in blocks:
            raise _NoBlock
        return blocks[height]

    return fetch


def _run_client(case, blocks, advance):
    trust = light_client.TrustOptions(4 * HOUR, 1, header_hash(H1[0].signed_header.header))
    options = Options(4 * HOUR, 10 * SECOND)
    fetch = _provider(blocks)
    try:
        trusted = light_client.initialize(LIGHT_CHAIN, trust, fetch)
    except RuleBroken:
        assert case["init_error"]
        return
    assert not case["init_error"]
    try:
        reached = advance(trusted, 3, fetch, options, GENESIS_TIME + 3 * HOUR)
    except RuleBroken:
        assert case["verify_error"]
        return
    assert not case["verify_error"]
    assert reached.height == 3


class TestLightClient:
    pytestmark = vector_set("cometbft/light_client")

    def test_sequential(self, vector_cases):
        """Header by header, a client gets through exactly where CometBFT's does."""
        for case in LIGHT["sequential_verification"]:
            _run_client(case, SEQUENTIAL[case["name"]], light_client.verify_sequentially)
        vector_cases(len(SEQUENTIAL))

    def test_skipping(self, vector_cases):
        """By bisection, a client gets through exactly where CometBFT's does."""
        for case in LIGHT["skipping_verification"]:
            _run_client(case, SKIPPING[case["name"]], light_client.verify_skipping)
        vector_cases(len(SKIPPING))


class _OneBlock:
    """The history of a chain whose block 10 is asked for."""

    def __init__(self, key):
        self.set = signers.set_of([key], 1)
        header = signers.header_of("mychain", 10, GENESIS_TIME, self.set)
        self.header = signers.signed_header_of(header, self.set, [key])

    def signed_header(self, height):
        return self.header if height == 10 else None

    def validators(self, height):
        return self.set if height == 10 else None

    def latest_height(self):
        return 10


POOL = load_json("cometbft/duplicate_vote_evidence_rules.json", {"pool": ()})["pool"]
POOL_CHANGES = {
    "good evidence with power 1, total 1, time of the block at height 10": {},
    "validator power differs from the set": {"validator_power": 0},
    "timestamp differs from the block's time": {"timestamp": GENESIS_TIME + SECOND},
}


@pytest.mark.parametrize("case", POOL, ids=lambda case: case["name"])
class TestEvidencePoolRules:
    pytestmark = vector_set("cometbft/duplicate_vote_pool")

    def test_the_verdict_is_equal(self, case):
        """The pool takes evidence whose facts are the chain's, and no other."""
        key = signers.Signer("dup")
        votes, validators = _duplicate_vote_case("different block hash")
        evidence = new_duplicate_vote_evidence(votes.vote_a, votes.vote_b, GENESIS_TIME, validators)
        state = genesis_state(
            chain_id="mychain", genesis_time=GENESIS_TIME, validators=[key.validator(1)]
        )
        changed = replace(evidence, **POOL_CHANGES[case["name"]])
        _refuses(
            None if case["valid"] else "",
            lambda: verify_evidence(changed, state, _OneBlock(key)),
        )
