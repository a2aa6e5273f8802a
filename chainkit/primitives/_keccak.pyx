# cython: boundscheck=False, wraparound=False, cdivision=True
"""The permutation Keccak-f[1600] (FIPS 202, section 3.3) and Ethereum's Keccak-256."""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy
from cpython.bytes cimport PyBytes_FromStringAndSize


cdef extern from "_keccak.h":
    void keccak_permute(uint64_t *state) noexcept nogil
    void keccak_256(const unsigned char *data, size_t size, unsigned char *out) noexcept nogil


def keccak_f1600(bytearray state not None):
    """Permute the 200-byte ``state`` in place; lanes are little-endian (x86, arm)."""
    if len(state) != 200:
        raise ValueError("keccak state is 200 bytes")
    cdef uint64_t[25] lanes
    cdef unsigned char *raw = <unsigned char *>state
    memcpy(lanes, raw, 200)
    keccak_permute(lanes)
    memcpy(raw, lanes, 200)


def keccak256(bytes data not None):
    """Return Keccak-256 with the padding from before FIPS 202, 32 bytes."""
    cdef bytes result = PyBytes_FromStringAndSize(NULL, 32)
    keccak_256(<const unsigned char *>data, len(data), <unsigned char *>result)
    return result
