# cython: boundscheck=False, wraparound=False, cdivision=True, language_level=3
"""The sign-bytes of a commit's precommits, which differ in flag and time alone.

The rule, and the way without a compiler, is ``sign_bytes.vote_sign_bytes``; a test holds the two
to the same bytes.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1

cdef int64_t NS_PER_SECOND = 1_000_000_000


cdef inline uint8_t *put_varint(uint8_t *out, uint64_t value) noexcept:
    while value > 127:
        out[0] = <uint8_t>(value | 128)
        out += 1
        value >>= 7
    out[0] = <uint8_t>value
    return out + 1


cdef inline Py_ssize_t encode_time(uint8_t *out, object time) except -1:
    """Write a ``google.protobuf.Timestamp`` of nanoseconds; return its bytes, at most 17."""
    cdef int overflow
    cdef int64_t value = PyLong_AsLongLongAndOverflow(time, &overflow), second, nanos
    cdef uint8_t *end = out
    if overflow:  # before 1678 or after 2262
        second, nanos = divmod(time, NS_PER_SECOND)
    else:
        second, nanos = value // NS_PER_SECOND, value % NS_PER_SECOND
        if nanos < 0:
            second -= 1
            nanos += NS_PER_SECOND
    if second:
        end[0] = 0x08
        end = put_varint(end + 1, <uint64_t>second)
    if nanos:
        end[0] = 0x10
        end = put_varint(end + 1, <uint64_t>nanos)
    return end - out


cdef bytes whole(bytes body, object time, bytes suffix):
    """Return the delimited message: body, time as field 5, suffix."""
    cdef uint8_t encoded_time[24]
    cdef uint8_t prefix[12]
    cdef Py_ssize_t time_bytes = encode_time(encoded_time, time)
    cdef Py_ssize_t body_bytes = PyBytes_GET_SIZE(body), suffix_bytes = PyBytes_GET_SIZE(suffix)
    cdef Py_ssize_t rest = body_bytes + 2 + time_bytes + suffix_bytes
    cdef Py_ssize_t prefix_bytes = put_varint(prefix, rest) - prefix
    cdef bytes result = PyBytes_FromStringAndSize(NULL, prefix_bytes + rest)
    cdef uint8_t *out = <uint8_t *>PyBytes_AS_STRING(result)
    memcpy(out, prefix, prefix_bytes)
    out += prefix_bytes
    memcpy(out, PyBytes_AS_STRING(body), body_bytes)
    out += body_bytes
    out[0] = 0x2A
    out[1] = <uint8_t>time_bytes
    memcpy(out + 2, encoded_time, time_bytes)
    memcpy(out + 2 + time_bytes, PyBytes_AS_STRING(suffix), suffix_bytes)
    return result


def timed(tuple places, list indices, object commit_flag, bytes for_block, bytes for_nil, bytes suffix):
    """Return the sign-bytes of the places at the indices.

    Args:
        places: A commit's signatures.
        indices: Which of them.
        commit_flag: The flag of those that are ``for_block``; the others are ``for_nil``.
        for_block: The fields before the time, of a precommit for the block.
        for_nil: The same of one for nil.
        suffix: The fields after the time.

    Raises:
        IndexError: An index is outside.
    """
    cdef list found = []
    cdef object place
    cdef Py_ssize_t index, count = len(places)
    for index in indices:
        if not 0 <= index < count:
            raise IndexError(index)
        place = places[index]
        found.append(
            whole(
                for_block if place.block_id_flag is commit_flag else for_nil,
                place.timestamp,
                suffix,
            )
        )
    return found
