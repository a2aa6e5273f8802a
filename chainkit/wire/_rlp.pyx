# cython: boundscheck=False, wraparound=False, cdivision=True
"""The compiled twin of ``chainkit.wire.rlp``: reads and writes without intermediate values.

A refusal is None here; the Python twin then says which rule was broken.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef enum:
    MOST_PREFIX = 9
    LARGEST_BUFFER_ON_STACK = 1024

ctypedef const unsigned char *Place

cdef struct Span:
    Place start
    Place stop
    bint is_list


cdef inline bint read_prefix(Place at, Place end, Span *span) noexcept nogil:
    """Set where the payload at ``at`` begins and ends; False where there is none."""
    cdef unsigned int first, size_bytes
    cdef size_t size
    if at >= end:
        return False
    first = at[0]
    if first < 0x80:
        span.start, span.stop, span.is_list = at, at + 1, False
        return True
    span.is_list = first >= 0xC0
    size = first - (0xC0 if span.is_list else 0x80)
    at += 1
    if size > 55:
        size_bytes = <unsigned int>size - 55
        if size_bytes > <size_t>(end - at) or at[0] == 0:
            return False
        if size_bytes > 7:
            # no memory has so much: 2**56 bytes and more
            return False
        size = 0
        while size_bytes:
            size = size << 8 | at[0]
            at += 1
            size_bytes -= 1
        if size <= 55:
            return False
    if size > <size_t>(end - at):
        return False
    if size == 1 and not span.is_list and at[0] < 0x80:
        return False
    span.start, span.stop = at, at + size
    return True


cdef object read_items(Place at, Place end, int depth_left, Py_ssize_t *items_left):
    """Return the tuple of the items from ``at`` to ``end``, or None."""
    cdef Span span
    cdef Place place = at
    cdef Py_ssize_t count = 0, index = 0
    while place < end:
        if not read_prefix(place, end, &span):
            return None
        place = span.stop
        count += 1
    items_left[0] -= count
    if items_left[0] < 0:
        return None
    cdef tuple items = PyTuple_New(count)
    cdef object item
    while index < count:
        read_prefix(at, end, &span)
        at = span.stop
        if span.is_list:
            item = None
            if depth_left > 0:
                item = read_items(span.start, span.stop, depth_left - 1, items_left)
            if item is None:
                return None
        else:
            item = PyBytes_FromStringAndSize(<const char *>span.start, span.stop - span.start)
        Py_INCREF(item)
        PyTuple_SET_ITEM(items, index, item)
        index += 1
    return items


def decoder(refuse, Py_ssize_t most_bytes, Py_ssize_t most_items, int most_depth):
    """Return ``rlp.decode`` with these defaults; ``refuse`` is its twin, which names the rule."""

    def decode(
        bytes data not None,
        *,
        Py_ssize_t max_bytes=most_bytes,
        Py_ssize_t max_items=most_items,
        int max_depth=most_depth,
    ):
        """Return the item that ``data`` is the encoding of."""
        item = read(data, max_bytes, max_items, max_depth)
        if item is None:
            return refuse(data, max_bytes=max_bytes, max_items=max_items, max_depth=max_depth)
        return item

    return decode


cdef object read(bytes data, Py_ssize_t max_bytes, Py_ssize_t max_items, int max_depth):
    """Return the item whose encoding ``data`` is, or None where it is refused."""
    cdef Span span
    cdef Place at = <Place>PyBytes_AS_STRING(data)
    cdef Place end = at + PyBytes_GET_SIZE(data)
    cdef Py_ssize_t items_left = max_items - 1
    if PyBytes_GET_SIZE(data) > max_bytes or items_left < 0:
        return None
    if not read_prefix(at, end, &span) or span.stop != end:
        return None
    if not span.is_list:
        return PyBytes_FromStringAndSize(<const char *>span.start, span.stop - span.start)
    if max_depth <= 0:
        return None
    return read_items(span.start, span.stop, max_depth - 1, &items_left)


cdef Py_ssize_t bound_of(object item) except -1:
    """Return a size that the encoding of ``item`` does not exceed."""
    cdef Py_ssize_t bound = MOST_PREFIX, index
    if isinstance(item, bytes):
        return MOST_PREFIX + PyBytes_GET_SIZE(item)
    if not isinstance(item, tuple):
        raise TypeError(f"rlp items are bytes and tuples, not {type(item).__name__}")
    for index in range(PyTuple_GET_SIZE(item)):
        bound += bound_of(<object>PyTuple_GET_ITEM(item, index))
    return bound


cdef inline unsigned char *write_prefix(
    unsigned char *end, size_t size, unsigned int base
) noexcept nogil:
    """Write the prefix of ``size`` bytes so that it ends at ``end``; return its begin."""
    cdef unsigned char count = 0
    if size <= 55:
        end -= 1
        end[0] = <unsigned char>(base + size)
        return end
    while size:
        end -= 1
        end[0] = size & 0xFF
        size >>= 8
        count += 1
    end -= 1
    end[0] = <unsigned char>(base + 55 + count)
    return end


cdef unsigned char *write_item(unsigned char *end, object item) noexcept:
    """Write ``item`` so that it ends at ``end``; return its begin. Its bound was taken."""
    cdef unsigned char *begin
    cdef Py_ssize_t index, size
    if isinstance(item, bytes):
        size = PyBytes_GET_SIZE(item)
        begin = end - size
        memcpy(begin, PyBytes_AS_STRING(item), size)
        if size == 1 and begin[0] < 0x80:
            return begin
        return write_prefix(begin, size, 0x80)
    begin = end
    index = PyTuple_GET_SIZE(item)
    while index:
        index -= 1
        begin = write_item(begin, <object>PyTuple_GET_ITEM(item, index))
    return write_prefix(begin, end - begin, 0xC0)


def encode_list(list parts not None):
    """Return the list whose items, each encoded already, are ``parts``."""
    cdef Py_ssize_t size = 0
    cdef unsigned char[MOST_PREFIX] prefix
    cdef unsigned char *begin
    cdef char *to
    cdef object part
    cdef bytes result
    for part in parts:
        if not isinstance(part, bytes):
            raise TypeError(f"encoded items are bytes, not {type(part).__name__}")
        size += PyBytes_GET_SIZE(part)
    begin = write_prefix(prefix + <Py_ssize_t>MOST_PREFIX, size, 0xC0)
    result = PyBytes_FromStringAndSize(NULL, prefix + <Py_ssize_t>MOST_PREFIX - begin + size)
    to = PyBytes_AS_STRING(result)
    memcpy(to, begin, prefix + <Py_ssize_t>MOST_PREFIX - begin)
    to += prefix + <Py_ssize_t>MOST_PREFIX - begin
    for part in parts:
        memcpy(to, PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
        to += PyBytes_GET_SIZE(part)
    return result


def encode(item):
    """Return the only encoding of ``item``."""
    cdef Py_ssize_t bound = bound_of(item)
    cdef unsigned char[LARGEST_BUFFER_ON_STACK] small
    cdef unsigned char *buffer = small
    cdef unsigned char *begin
    if bound > LARGEST_BUFFER_ON_STACK:
        buffer = <unsigned char *>malloc(bound)
        if buffer == NULL:
            raise MemoryError
    begin = write_item(buffer + bound, item)
    try:
        return PyBytes_FromStringAndSize(<char *>begin, buffer + bound - begin)
    finally:
        if bound > LARGEST_BUFFER_ON_STACK:
            free(buffer)
