"""Ed25519 verdicts and signatures of the peers' sets, under ZIP-215."""

import itertools
import random

import pytest

from chainkit.sigverify import _reference, ed25519
from tests.sigverify_cases import (
    TESTED,
    judge,
    mixed,
    small_order_encodings,
    verdicts_everywhere,
)
from tests.vectors.support import load_json, vector_set, vectors_root

RFC8032 = load_json("rfc8032/ed25519.json")
SPECCHECK = load_json("ed25519-speccheck/cases.json")
ZIP215_ACCEPTS_INVALID = {151}


def _wycheproof():
    groups = load_json("wycheproof/ed25519_test.json", {"testGroups": ()})["testGroups"]
    for group in groups:
        for case in group["tests"]:
            yield pytest.param(group["publicKey"]["pk"], case, id=f"tcId-{case['tcId']}")


def _verdicts(*item):
    """What the public function, the oracle and every engine say, alone and among good ones."""
    return {ed25519.verify(*item)} | verdicts_everywhere(item)


@pytest.mark.parametrize("case", RFC8032, ids=lambda case: case["name"])
class TestRfc8032:
    pytestmark = vector_set("rfc8032/ed25519")

    def test_signing_gives_the_signature_and_it_verifies(self, case):
        """Keys and signatures are those of RFC 8032, section 7.1."""
        seed = bytes.fromhex(case["secret_key_hex"])
        message = bytes.fromhex(case["message_hex"])
        public_key = ed25519.public_key_from_seed(seed)
        signature = ed25519.sign(seed, message)

        assert public_key.hex() == case["public_key_hex"]
        assert signature.hex() == case["signature_hex"]
        assert _verdicts(public_key, message, signature) == {True}


@pytest.mark.parametrize("index", range(len(SPECCHECK)))
class TestSpeccheck:
    pytestmark = vector_set("ed25519-speccheck/zip215")

    def test_the_verdict_is_that_of_zip215(self, index):
        """The twelve cases on which libraries disagree have ZIP-215's verdict."""
        case = SPECCHECK[index]
        item = [bytes.fromhex(case[key]) for key in ("pub_key", "message", "signature")]
        expected = load_json("ed25519-speccheck/verdicts.json")["cases"][index]["zip215"]

        assert _verdicts(*item) == {expected}


@pytest.mark.parametrize(("key", "case"), list(_wycheproof()))
class TestWycheproof:
    pytestmark = vector_set("wycheproof/ed25519")

    def test_the_verdict_is_as_marked_but_for_the_zip215_case(self, key, case):
        """Verdicts are as marked; tcId 151 (R is y = 1 with the sign bit) is accepted."""
        item = [bytes.fromhex(text) for text in (key, case["msg"], case["sig"])]
        expected = case["result"] == "valid" or case["tcId"] in ZIP215_ACCEPTS_INVALID

        assert _verdicts(*item) == {expected}


class TestSignInput:
    pytestmark = vector_set("curve25519-dalek/sign_input")

    def test_all_lines(self, vector_cases):
        """Each line's key and signature come out; with a byte appended none verifies."""
        lines = (vectors_root() / "curve25519-dalek/sign_input.txt").read_text().split()
        good, bad = [], []
        for line in lines:
            secret, public, text, signed = (
                bytes.fromhex(field) for field in line.rstrip(":").split(":")
            )
            signature = signed[:64]
            assert ed25519.public_key_from_seed(secret[:32]) == public
            assert ed25519.sign(secret[:32], text) == signature
            assert _reference.verify(public, text, signature)
            good.append((public, text, signature))
            bad.append((public, text + b"\0", signature))

        for name in TESTED:
            assert judge(name, good) == [True] * 128
            assert judge(name, bad) == [False] * 128
            assert [judge(name, [item]) for item in good] == [[True]] * 128
        vector_cases(len(lines))


@pytest.mark.parametrize("name", TESTED)
def test_small_order_pairs_are_accepted_singly_and_as_one_batch(name):
    """All 14 x 14 pairs of small-order A and R with s = 0 are accepted (ZIP-215)."""
    encodings = small_order_encodings()
    items = [(key, b"Zcash", r + bytes(32)) for key, r in itertools.product(encodings, repeat=2)]

    assert len(encodings) == 14
    assert judge(name, items) == [True] * 196
    assert [verdict for item in items for verdict in judge(name, [item])] == [True] * 196


@pytest.mark.parametrize("name", TESTED)
def test_small_order_pairs_among_good_signatures(name):
    """Each pair is accepted, and refused with s = 1, at a random place of a good batch."""
    rng = random.Random(name)
    for key, r in itertools.product(small_order_encodings(), repeat=2):
        for s, verdict in ((0, True), (1, False)):
            items, place = mixed((key, b"Zcash", r + s.to_bytes(32, "little")), rng)
            verdicts = judge(name, items)
            assert verdicts.pop(place) is verdict
            assert all(verdicts)
