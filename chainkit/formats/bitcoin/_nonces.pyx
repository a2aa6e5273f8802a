# cython: boundscheck=False, wraparound=False, cdivision=True
"""The search for a header's nonce, compiled."""

from libc.stdint cimport int64_t, uint64_t


cdef extern from "_nonces.h":
    int64_t nonces_search(
        const unsigned char *head, const unsigned char *target, uint64_t start, uint64_t count,
        int fast,
    ) noexcept nogil


def first_nonce(
    bytes head not None, bytes target not None, uint64_t start, uint64_t count, bint fast=True
):
    """Return the first nonce that hashes to at most ``target``, or -1; as its Python twin.

    ``fast`` allows the processor's own rounds of SHA-256 where it has them.
    """
    if len(head) != 76 or len(target) != 32 or start > 1 << 32 or count > (1 << 32) - start:
        raise ValueError("76 bytes of header, 32 of target, and nonces below 2^32 are wanted")
    cdef const unsigned char *raw = head
    cdef const unsigned char *limit = target
    cdef int64_t found
    with nogil:
        found = nonces_search(raw, limit, start, count, fast)
    return found
