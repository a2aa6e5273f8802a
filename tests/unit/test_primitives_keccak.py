"""Keccak against an independent library."""

import hashlib

import pytest
import sha3

from chainkit.primitives.keccak import (
    keccak256,
    keccak256_python,
    keccak_f1600,
    keccak_f1600_python,
)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 134, 135, 136, 137, 200, 271, 272, 273, 5000])
def test_keccak256_is_the_librarys(size):
    """Around each block boundary the hash, compiled or not, is safe-pysha3's."""
    data = bytes(index * 7 % 256 for index in range(size))

    assert keccak256(data) == sha3.keccak_256(data).digest()
    assert keccak256_python(data) == sha3.keccak_256(data).digest()


def test_the_twin_permutes_as_the_extension():
    """The Python permutation and the one in use give the same state, over a chain of states."""
    fast, slow = bytearray(range(200)), bytearray(range(200))
    for _ in range(50):
        keccak_f1600(fast)
        keccak_f1600_python(slow)

        assert fast == slow


def test_it_is_not_sha3():
    """The padding is that from before FIPS 202."""
    assert keccak256(b"isthmus") != hashlib.sha3_256(b"isthmus").digest()


@pytest.mark.parametrize("permute", [keccak_f1600, keccak_f1600_python])
@pytest.mark.parametrize("size", [0, 199, 201])
def test_a_state_of_another_size_is_refused(permute, size):
    """Neither permutation touches memory beyond 200 bytes."""
    with pytest.raises(ValueError, match="200"):
        permute(bytearray(size))
