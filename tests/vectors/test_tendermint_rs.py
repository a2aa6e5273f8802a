"""Light-client verdicts and header forms of tendermint-rs."""

import pytest

from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.light import (
    Options,
    TrustedState,
    Verdict,
    trusted_state_of,
    verdict,
)
from chainkit.formats.tendermint.verify_commit import TrustLevel, validate_trust_level
from chainkit.primitives.timestamps import parse_rfc3339
from tests.vectors.support import load_json, vector_set, vectors_root
from tests.vectors.tendermint_json import header_of, light_block_of, validator_set_of

FILES = sorted(
    path.name for path in (vectors_root() / "tendermint-rs/light_client/single_step").glob("*.json")
)
KNOWN_HASH = "F30A71F2409FB15AACAEDB6CC122DFA2525BEE9CAE521721B06BFDCA291B8D56"


@pytest.mark.parametrize("name", FILES)
class TestSingleStep:
    pytestmark = vector_set("tendermint-rs/light_client")

    def test_each_step_has_its_verdict(self, name, vector_cases):
        """Real headers and signatures get tendermint-rs's verdict, step by step."""
        case = load_json(f"tendermint-rs/light_client/single_step/{name}")
        header = header_of(case["initial"]["signed_header"]["header"])
        trusted = TrustedState(
            header.chain_id,
            header.height,
            header.time,
            header.next_validators_hash,
            validator_set_of(case["initial"]["next_validator_set"]),
        )
        options = Options(int(case["initial"]["trusting_period"]), 0)
        for step in case["input"]:
            block = light_block_of(step["block"])
            answer = verdict(trusted, block, options, parse_rfc3339(step["now"]))
            assert answer.value == step["verdict"]
            if answer is Verdict.TRUSTED:
                trusted = trusted_state_of(
                    block, validator_set_of(step["block"]["next_validator_set"])
                )

        vector_cases(len(case["input"]))


class TestSerialization:
    pytestmark = vector_set("tendermint-rs/serialization")

    def test_the_known_header_has_its_hash(self):
        """A real header's hash comes out."""
        header = header_of(load_json("tendermint-rs/serialization/header_with_known_hash.json"))

        assert header_hash(header).hex().upper() == KNOWN_HASH

    def test_an_old_header_parses(self):
        """A header with fields that are gone (num_txs, total_txs) parses without them."""
        header = header_of(load_json("tendermint-rs/serialization/header.json"))

        assert (header.version_block, header.height) == (10, 15)
        assert len(header_hash(header)) == 32

    def test_the_trust_threshold_parses(self):
        """The fraction is a third, written as strings."""
        json = load_json("tendermint-rs/serialization/trust_threshold_fraction.json")
        level = TrustLevel(int(json["numerator"]), int(json["denominator"]))
        validate_trust_level(level)

        assert level == TrustLevel(1, 3)
