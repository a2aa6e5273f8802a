"""Ed25519 verdicts and signatures of the peers' sets, under ZIP-215."""

import itertools

import pytest

from chainkit.sigverify import _reference, ed25519
from tests.vectors.support import load_json, vector_set, vectors_root

RFC8032 = load_json("rfc8032/ed25519.json")
SPECCHECK = load_json("ed25519-speccheck/cases.json")
ZIP215_ACCEPTS_INVALID = {151}


def _wycheproof():
    groups = load_json("wycheproof/ed25519_test.json", {"testGroups": ()})["testGroups"]
    for group in groups:
        for case in group["tests"]:
            yield pytest.param(group["publicKey"]["pk"], case, id=f"tcId-{case['tcId']}")


def _batch_of_one(public_key, message, signature):
    batch = ed25519.BatchVerifier()
    batch.add(public_key, message, signature)
    (verdict,) = batch.verify()
    return verdict


def _verdicts(public_key, message, signature):
    item = (public_key, message, signature)
    return {ed25519.verify(*item), _reference.verify(*item), _batch_of_one(*item)}


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
        good, bad = ed25519.BatchVerifier(), ed25519.BatchVerifier()
        for line in lines:
            secret, public, text, signed = (
                bytes.fromhex(field) for field in line.rstrip(":").split(":")
            )
            signature = signed[:64]
            assert ed25519.public_key_from_seed(secret[:32]) == public
            assert ed25519.sign(secret[:32], text) == signature
            assert _reference.verify(public, text, signature)
            good.add(public, text, signature)
            bad.add(public, text + b"\0", signature)

        assert good.verify() == (True,) * 128
        assert bad.verify() == (False,) * 128
        vector_cases(len(lines))


def small_order_encodings():
    """All 14 encodings of the 8 points of small order, canonical and not."""
    found = []
    for y, sign in _candidates():
        data = (y | sign << 255).to_bytes(32, "little")
        point = _reference.decompress(data)
        if point is not None:
            for _ in range(3):
                point = _reference.double(point)
            if _reference.is_identity(point):
                found.append(data)
    return found


def _candidates():
    """Every y below 2**255 that can be of small order: 0, 1, -1, the two of order 8, and each + p."""
    order_8 = []
    point = _torsion_generator()
    for _ in range(8):
        order_8.append(point[1] * pow(point[2], -1, _reference.P) % _reference.P)
        point = _reference.add(point, _torsion_generator())
    ys = {y + shift for y in order_8 for shift in (0, _reference.P) if y + shift < 2**255}
    return itertools.product(sorted(ys), (0, 1))


def _torsion_generator():
    """A point of order 8: L times the first point that has such a part."""
    for y in range(2, 100):
        point = _reference.decompress(y.to_bytes(32, "little"))
        if point is None:
            continue
        torsion = _multiply(_reference.L, point)
        twice = _reference.double(torsion)
        if not _reference.is_identity(_reference.double(twice)):
            return torsion
    raise AssertionError


def _multiply(scalar, point):
    result = _reference.IDENTITY
    while scalar:
        if scalar & 1:
            result = _reference.add(result, point)
        point, scalar = _reference.double(point), scalar >> 1
    return result


def test_small_order_pairs_are_accepted_singly_and_as_one_batch():
    """All 14 x 14 pairs of small-order A and R with s = 0 are accepted (ZIP-215)."""
    encodings = small_order_encodings()
    batch = ed25519.BatchVerifier()
    for public_key, r in itertools.product(encodings, repeat=2):
        item = (public_key, b"Zcash", r + bytes(32))
        assert _verdicts(*item) == {True}
        batch.add(*item)

    assert len(encodings) == 14
    assert batch.verify() == (True,) * 196
