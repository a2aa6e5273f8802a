# cython: boundscheck=False, wraparound=False, cdivision=True
"""The permutation Keccak-f[1600] (FIPS 202, section 3.3) over a 200-byte buffer."""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef uint64_t[24] ROUND_CONSTANTS = [
    0x0000000000000001ULL, 0x0000000000008082ULL, 0x800000000000808aULL, 0x8000000080008000ULL,
    0x000000000000808bULL, 0x0000000080000001ULL, 0x8000000080008081ULL, 0x8000000000008009ULL,
    0x000000000000008aULL, 0x0000000000000088ULL, 0x0000000080008009ULL, 0x000000008000000aULL,
    0x000000008000808bULL, 0x800000000000008bULL, 0x8000000000008089ULL, 0x8000000000008003ULL,
    0x8000000000008002ULL, 0x8000000000000080ULL, 0x000000000000800aULL, 0x800000008000000aULL,
    0x8000000080008081ULL, 0x8000000000008080ULL, 0x0000000080000001ULL, 0x8000000080008008ULL,
]
cdef int[24] ROTATIONS = [
    1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44,
]
cdef int[24] LANES = [
    10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1,
]


cdef inline uint64_t rotl(uint64_t value, int count) noexcept nogil:
    return (value << count) | (value >> (64 - count))


cdef void permute(uint64_t *state) noexcept nogil:
    cdef uint64_t[5] column
    cdef uint64_t moved, kept
    cdef int turn, x, y
    for turn in range(24):
        for x in range(5):
            column[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]
        for x in range(5):
            moved = column[(x + 4) % 5] ^ rotl(column[(x + 1) % 5], 1)
            for y in range(0, 25, 5):
                state[x + y] ^= moved
        moved = state[1]
        for x in range(24):
            kept = state[LANES[x]]
            state[LANES[x]] = rotl(moved, ROTATIONS[x])
            moved = kept
        for y in range(0, 25, 5):
            for x in range(5):
                column[x] = state[y + x]
            for x in range(5):
                state[y + x] = column[x] ^ (~column[(x + 1) % 5] & column[(x + 2) % 5])
        state[0] ^= ROUND_CONSTANTS[turn]


def keccak_f1600(bytearray state not None):
    """Permute the 200-byte ``state`` in place; lanes are little-endian (x86, arm)."""
    if len(state) != 200:
        raise ValueError("keccak state is 200 bytes")
    cdef uint64_t[25] lanes
    cdef unsigned char *raw = <unsigned char *>state
    memcpy(lanes, raw, 200)
    permute(lanes)
    memcpy(raw, lanes, 200)
