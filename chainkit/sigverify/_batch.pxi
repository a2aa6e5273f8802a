# What an engine shows to Python: batches in, verdicts out. Included last by every engine, which
# gives CHUNK, BATCH_FROM, TABLE_WORDS and the functions simd_enter, simd_leave, scratch_bytes,
# hash_all, decode_all, judge_each and judge_together.

from collections import OrderedDict
from os import urandom

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc

cdef struct Signature:
    const uint8_t *key
    const uint8_t *message
    size_t size
    const uint8_t *signature
    uint64_t *table  # multiples of -A in the engine's form, or NULL
    int known  # the table is filled
    uint8_t key_decodes, r_decodes
    fe ax, ay, rx, ry  # -A and -R
    uint64_t[4] h  # the hash modulo L
    uint64_t[4] s
    uint64_t[4] zh  # h and s times the coefficient
    uint64_t[4] zs
    int8_t[96] digits  # 64 of z*h, 32 of z, in the engine's order
    Py_ssize_t place

cdef struct Batch:
    Signature *items
    Py_ssize_t count
    uint8_t *verdicts
    const uint8_t *coefficients  # 16 bytes a signature
    uint8_t *scratch


cdef void *aligned(void *memory) noexcept nogil:
    return <void *>((<size_t>memory + 63) & ~<size_t>63)


cdef void judge(Batch *b) noexcept nogil:
    """Set the verdict of every signature of the batch."""
    cdef Py_ssize_t i
    hash_all(b)
    decode_all(b)
    for i in range(b.count):
        b.verdicts[i] = b.items[i].key_decodes & b.items[i].r_decodes
    if b.count < BATCH_FROM:
        judge_each(b, 0, b.count)
        return
    judge_together(b)


cdef class Expanded:
    """A public key ready for use: -A decoded, and its multiples."""

    cdef void *memory
    cdef uint64_t *table
    cdef fe x, y
    cdef int used  # since the cache was last full

    def __cinit__(self):
        self.memory = malloc(8 * TABLE_WORDS + 64)
        if self.memory == NULL:
            raise MemoryError
        self.table = <uint64_t *>aligned(self.memory)

    def __dealloc__(self):
        free(self.memory)


cdef class Keys:
    """The most recently used keys, expanded; at most ``capacity``.

    Keyed by the 32 bytes as received, so that two encodings of a point stay two keys. A use sets
    a mark only; what has one when room is needed gets a second round (the clock algorithm).
    """

    cdef object entries
    cdef readonly Py_ssize_t capacity

    def __cinit__(self, Py_ssize_t capacity):
        self.entries = OrderedDict()
        self.capacity = capacity

    def __len__(self):
        return len(self.entries)

    def __contains__(self, key):
        return key in self.entries

    def clear(self):
        """Forget all keys."""
        self.entries.clear()

    cdef Expanded find(self, bytes key):
        # an OrderedDict read as the dict that it is: its own way takes four times as long
        cdef Expanded entry = (<dict>self.entries).get(key)
        if entry is not None:
            entry.used = 1
        return entry

    cdef void keep(self, bytes key, Expanded entry) except *:
        cdef Expanded oldest
        self.entries[key] = entry
        while len(self.entries) > self.capacity:
            name, oldest = self.entries.popitem(last=False)
            if oldest.used:
                oldest.used = 0
                self.entries[name] = oldest


cdef int read_item(Signature *item, bytes key, bytes message, bytes signature):
    """Point ``item`` at the bytes; return whether their sizes and s allow them to be valid."""
    if PyBytes_GET_SIZE(key) != 32 or PyBytes_GET_SIZE(signature) != 64:
        return 0
    item.key = <const uint8_t *>PyBytes_AS_STRING(key)
    item.message = <const uint8_t *>PyBytes_AS_STRING(message)
    item.size = PyBytes_GET_SIZE(message)
    item.signature = <const uint8_t *>PyBytes_AS_STRING(signature)
    item.table = NULL
    item.known = 0
    return scalar_load(item.s, item.signature + 32)


cdef void verify_chunk(
    tuple items, Py_ssize_t first, Py_ssize_t last, uint8_t *out, Keys keys
) except *:
    cdef Py_ssize_t count = last - first, i
    cdef size_t scratch = scratch_bytes(count)
    cdef void *memory = malloc(count * (sizeof(Signature) + 1) + scratch + 192)
    if memory == NULL:
        raise MemoryError
    cdef Batch b
    cdef list held = []
    cdef Expanded entry
    cdef dict fresh = {}
    cdef unsigned before
    cdef bytes key, message, signature, coefficients
    b.count = 0
    b.items = <Signature *>aligned(memory)
    b.scratch = <uint8_t *>aligned(b.items + count)
    b.verdicts = b.scratch + scratch
    try:
        for i in range(first, last):
            key, message, signature = items[i]
            out[i] = 0
            if not read_item(&b.items[b.count], key, message, signature):
                continue
            b.items[b.count].place = i
            if keys is not None:
                entry = keys.find(key)
                if entry is not None:
                    b.items[b.count].known = b.items[b.count].key_decodes = 1
                    b.items[b.count].ax = entry.x
                    b.items[b.count].ay = entry.y
                elif key not in fresh:
                    fresh[key] = entry = Expanded()
                    held.append(b.count)
                if entry is not None:
                    b.items[b.count].table = entry.table
                    held.append(entry)
            b.count += 1
        coefficients = urandom(16 * b.count if b.count >= BATCH_FROM else 0)
        b.coefficients = <const uint8_t *>PyBytes_AS_STRING(coefficients)
        with nogil:
            before = simd_enter()
            judge(&b)
            simd_leave(before)
        for i in range(b.count):
            out[b.items[i].place] = b.verdicts[i]
        if fresh:
            keep_fresh(&b, held, fresh, keys)
    finally:
        free(memory)


cdef void keep_fresh(Batch *b, list held, dict fresh, Keys keys) except *:
    """Put the keys that were expanded in this batch into the cache."""
    cdef Expanded entry
    cdef Py_ssize_t i
    for i in [index for index in held if type(index) is int]:
        if b.items[i].key_decodes and b.items[i].known:
            key = b.items[i].key[:32]
            entry = fresh[key]
            entry.x = b.items[i].ax
            entry.y = b.items[i].ay
            keys.keep(key, entry)


def verify_range(tuple items, Py_ssize_t first, Py_ssize_t last, bytearray verdicts, Keys keys):
    """Judge items[first:last] and write 1 or 0 for each into ``verdicts`` at its place.

    Args:
        items: Tuples (public key, message, signature) of bytes.
        first: Where to begin.
        last: Where to end; at most len(items) and len(verdicts).
        verdicts: Not resized by anybody until this returns.
        keys: Where to look for expanded keys and keep new ones, or None.

    Raises:
        TypeError: An item is no tuple of three bytes objects.
        MemoryError: As always.
    """
    if not 0 <= first <= last <= min(len(items), len(verdicts)):
        raise ValueError("the range is outside the batch")
    cdef Py_ssize_t chunks = (last - first + CHUNK - 1) // CHUNK, i, begin = first, end
    cdef uint8_t *out = <uint8_t *>PyByteArray_AS_STRING(verdicts)
    for i in range(chunks):
        end = first + (last - first) * (i + 1) // chunks
        verify_chunk(items, begin, end, out, keys)
        begin = end


def hash_modulo_order(bytes r, bytes key, bytes message):
    """Return SHA-512 of the three modulo L, for tests."""
    cdef uint64_t[4] h
    cdef uint8_t *data = <uint8_t *>h
    if len(r) != 32 or len(key) != 32:
        raise ValueError("R and A have 32 bytes")
    hash_to_scalar(
        h, <const uint8_t *>PyBytes_AS_STRING(r), <const uint8_t *>PyBytes_AS_STRING(key),
        <const uint8_t *>PyBytes_AS_STRING(message), len(message),
    )
    return int.from_bytes(data[:32], "little")


def halved(bytes h):
    """Return (u, v) with u = v * h modulo L and both short, for tests; h has 32 bytes."""
    cdef uint64_t[4] scalar
    cdef uint64_t[4] u
    cdef uint64_t[4] v
    cdef int negative
    if len(h) != 32 or not scalar_load(scalar, <const uint8_t *>PyBytes_AS_STRING(h)):
        raise ValueError("a scalar is 32 bytes, least first, and below the order")
    negative = halve_scalar(u, v, scalar)
    size = v[0] | <object>v[1] << 64
    return u[0] | <object>u[1] << 64, -size if negative else size
