"""The search for proof of work: what is compiled finds what its Python twin finds."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.formats.bitcoin import nonces
from chainkit.formats.bitcoin.nonces import NONCES, first_nonce_python
from chainkit.formats.bitcoin.proof_of_work import target_of
from parachains.utxo.parameters import ISTHMUS, REGTEST

compiled = pytest.importorskip(
    "chainkit.formats.bitcoin._nonces", reason="the extension was not built"
).first_nonce


def rounds_in_c(head, target, start, count):
    return compiled(head, target, start, count, False)


def rounds_of_the_processor(head, target, start, count):
    return compiled(head, target, start, count, True)


ENGINES = [first_nonce_python, rounds_in_c, rounds_of_the_processor]
each_engine = pytest.mark.parametrize("search", ENGINES, ids=lambda engine: engine.__name__)


def test_the_compiled_one_is_used():
    """Where it was built."""
    assert nonces.first_nonce is compiled


@each_engine
@pytest.mark.parametrize("parameters", [ISTHMUS, REGTEST], ids=lambda each: each.name)
def test_the_genesis_nonce_gives_its_work(search, parameters):
    """Alone, and as the first at all where it was searched for from zero."""
    header = parameters.genesis.header
    head, target = header.encode()[:76], target_of(header.bits).to_bytes(32, "big")

    assert search(head, target, header.nonce, 1) == header.nonce
    assert search(head, target, 0, header.nonce) in {-1, 0}
    if parameters is ISTHMUS:
        assert search(head, target, 0, 1 << 17) == header.nonce


def hash_at(head, nonce):
    data = head + nonce.to_bytes(4, "little")
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()[::-1]


@each_engine
@given(head=st.binary(min_size=76, max_size=76), nonce=st.integers(0, NONCES - 1))
def test_a_hash_that_is_its_target_is_enough_and_one_less_is_not(search, head, nonce):
    """The bound is inclusive, to the last bit."""
    found = hash_at(head, nonce)
    one_less = (int.from_bytes(found, "big") - 1).to_bytes(32, "big")

    assert search(head, found, nonce, 1) == nonce
    assert search(head, one_less, nonce, 1) == -1


@given(
    head=st.binary(min_size=76, max_size=76),
    target=st.binary(min_size=32, max_size=32),
    bits=st.integers(0, 9),
    start=st.integers(0, NONCES - 600),
    count=st.integers(0, 600),
)
def test_all_find_the_same(head, target, bits, start, count):
    """Over targets of different difficulty, and where nothing is found."""
    limit = (int.from_bytes(target, "big") >> bits).to_bytes(32, "big")

    assert len({search(head, limit, start, count) for search in ENGINES}) == 1


@each_engine
def test_the_last_nonce_is_tried_and_none_beyond(search):
    """Up to 2^32 - 1; nothing at all where nothing is asked for."""
    head = bytes(range(76))

    assert search(head, b"\xff" * 32, NONCES - 1, 1) == NONCES - 1
    assert search(head, b"\xff" * 32, NONCES, 0) == -1
    assert search(head, bytes(32), NONCES - 3, 3) == -1


@each_engine
@pytest.mark.parametrize(
    ("head", "target", "start", "count"),
    [
        (75, 32, 0, 1),
        (77, 32, 0, 1),
        (76, 31, 0, 1),
        (76, 33, 0, 1),
        (76, 32, NONCES, 1),
        (76, 32, NONCES + 1, 0),
        (76, 32, 1, NONCES),
        (76, 32, -1, 1),
        (76, 32, 0, -1),
        (76, 32, 1 << 63, 1 << 63),
    ],
)
def test_what_is_out_of_range_is_refused(search, head, target, start, count):
    """Sizes and nonces, before anything is read."""
    with pytest.raises((ValueError, OverflowError)):
        search(bytes(head), bytes(target), start, count)
