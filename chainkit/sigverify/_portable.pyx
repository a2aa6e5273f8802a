# cython: boundscheck=False, wraparound=False, cdivision=True, language_level=3
"""The engine for every 64-bit machine: one point at a time, Straus's method in wNAF.

Needs a compiler with 128-bit integers and nothing of the processor.
"""

include "_scalars.pxi"
include "_curve.pxi"

cdef enum:
    CHUNK = 128  # 1.3 KB of multiples for each of 256 points stays in the second cache
    PARTS_FROM = 64  # below, the three sums of a batch in parts cost too much more than one
    BATCH_FROM = 4
    TABLE_WORDS = 160  # eight odd multiples
    A_ROWS = 257
    R_ROWS = 129

NAME = "portable"

cdef extern from *:
    """
    #if defined(__x86_64__)
    static int processor_has_avx2(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi2");
    }
    static int processor_has_ifma(void) {
        return processor_has_avx2() && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512ifma");
    }
    #else
    static int processor_has_avx2(void) { return 0; }
    static int processor_has_ifma(void) { return 0; }
    #endif
    """
    int processor_has_avx2()
    int processor_has_ifma()


def processor_runs(str engine):
    """Return whether processor and kernel can run the engine "avx2" or "ifma"."""
    return bool(processor_has_ifma() if engine == "ifma" else processor_has_avx2())


include "_batch.pxi"


cdef unsigned simd_enter() noexcept nogil:
    return 0


cdef void simd_leave(unsigned before) noexcept nogil:
    pass


cdef size_t scratch_bytes(Py_ssize_t count) noexcept nogil:
    return count * (2 * 8 * TABLE_WORDS + A_ROWS + R_ROWS)


cdef inline Niels *a_table(Batch *b, Py_ssize_t i) noexcept nogil:
    if b.items[i].table != NULL:
        return <Niels *>b.items[i].table
    return <Niels *>(b.scratch + 8 * TABLE_WORDS * i)


cdef inline Niels *r_table(Batch *b, Py_ssize_t i) noexcept nogil:
    return <Niels *>(b.scratch + 8 * TABLE_WORDS * (b.count + i))


cdef inline int8_t *a_rows(Batch *b) noexcept nogil:
    return <int8_t *>(b.scratch + 2 * 8 * TABLE_WORDS * b.count)


cdef inline int8_t *r_rows(Batch *b) noexcept nogil:
    return a_rows(b) + A_ROWS * b.count


cdef void hash_all(Batch *b) noexcept nogil:
    cdef Py_ssize_t i
    cdef Signature *item
    for i in range(b.count):
        item = &b.items[i]
        hash_to_scalar(item.h, item.signature, item.key, item.message, item.size)


cdef void decode_all(Batch *b) noexcept nogil:
    """Decode A and R of each and negate them; two chains of squares run side by side."""
    cdef Py_ssize_t i, pending = -1
    cdef Signature *item
    for i in range(b.count):
        if not b.items[i].known:
            decode_two(&b.items[i], &b.items[i], 1)
        elif pending < 0:
            pending = i
        else:
            decode_two(&b.items[pending], &b.items[i], 0)
            pending = -1
    if pending >= 0:
        decode_two(&b.items[pending], &b.items[pending], 0)
    for i in range(b.count):
        item = &b.items[i]
        if item.key_decodes and not item.known:
            make_odd(a_table(b, i), &item.ax, &item.ay)
            item.known = 1


cdef void decode_two(Signature *one, Signature *other, int with_key) noexcept nogil:
    """Decode R of one and R of the other, or A of the other."""
    cdef fe[2] x
    cdef fe[2] y
    cdef int found = decompress_pair(x, y, one.signature, other.key if with_key else other.signature)
    fe_neg(&x[0], &x[0])
    fe_carry(&x[0])
    fe_neg(&x[1], &x[1])
    fe_carry(&x[1])
    one.rx = x[0]
    one.ry = y[0]
    one.r_decodes = found & 1
    if with_key:
        other.ax = x[1]
        other.ay = y[1]
        other.key_decodes = found >> 1
    else:
        other.rx = x[1]
        other.ry = y[1]
        other.r_decodes = found >> 1


cdef void make_odd(Niels *table, const fe *x, const fe *y) noexcept nogil:
    cdef Point point
    point_set_affine(&point, x, y)
    odd_multiples(table, &point, 8)


cdef void prepare(Batch *b, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    """Multiply by the coefficients, and write the digits in rows: one row a bit."""
    cdef Py_ssize_t i
    cdef Signature *item
    cdef uint64_t[2] z
    for i in range(low, high):
        item = &b.items[i]
        memset(item.zs, 0, 32)
        if not b.verdicts[i]:
            continue
        memcpy(z, b.coefficients + 16 * i, 16)
        scalar_multiply(item.zh, item.h, z, 2)
        scalar_multiply(item.zs, item.s, z, 2)
        wnaf(a_rows(b) + i, b.count, item.zh, 4, 5)
        wnaf(r_rows(b) + i, b.count, z, 2, 5)
        make_odd(r_table(b, i), &item.rx, &item.ry)


cdef void add_row(
    Batch *b, Point *sum, const int8_t *row, Py_ssize_t low, Py_ssize_t high, int of_r
) noexcept nogil:
    """Add every digit of the row's part times its point."""
    cdef Py_ssize_t i = low
    cdef uint64_t eight
    while i < high:
        if i + 8 <= high:
            memcpy(&eight, row + i, 8)
            if eight == 0:
                i += 8
                continue
        if row[i]:
            add_digit(sum, r_table(b, i) if of_r else a_table(b, i), row[i])
        i += 1


cdef void range_sum(Batch *b, Py_ssize_t low, Py_ssize_t high, Point *sum) noexcept nogil:
    """Set ``sum`` to the sum of z (s B - h A - R) over [low, high)."""
    cdef uint64_t[4] zs
    cdef int8_t[257] base_digits
    cdef Py_ssize_t i
    cdef int bit
    memset(zs, 0, 32)
    memset(base_digits, 0, 257)
    for i in range(low, high):
        scalar_add(zs, zs, b.items[i].zs)
    wnaf(base_digits, 1, zs, 4, 8)
    point_identity(sum)
    for bit in range(256, -1, -1):
        point_double(sum, sum, 1)
        add_row(b, sum, a_rows(b) + b.count * bit, low, high, 0)
        if bit < R_ROWS:
            add_row(b, sum, r_rows(b) + b.count * bit, low, high, 1)
        if base_digits[bit]:
            add_digit(sum, BASE_ODD, base_digits[bit])


cdef void judge_each(Batch *b, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    judge_rest(b, low, high, low)


cdef void judge_rest(Batch *b, Py_ssize_t low, Py_ssize_t high, Py_ssize_t prepared) noexcept nogil:
    """Judge each alone; below ``prepared`` the multiples of R are there."""
    cdef Py_ssize_t i
    cdef Signature *item
    for i in range(low, high):
        if b.verdicts[i]:
            item = &b.items[i]
            if i >= prepared:
                make_odd(r_table(b, i), &item.rx, &item.ry)
            b.verdicts[i] = equation_holds(r_table(b, i), a_table(b, i), item.h, item.s)


cdef int part_holds(Batch *b, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    cdef Point total
    prepare(b, low, high)
    range_sum(b, low, high, &total)
    return point_is_small(&total)


cdef void judge_together(Batch *b) noexcept nogil:
    """Judge by shared equations of a sixteenth, an eighth, a quarter and the rest.

    Alone costs about 1.8 times as much as together, so summing again does not pay. From the
    first part that fails on each is judged alone: then no number and no place of bad ones
    makes a batch slower than one by one.
    """
    cdef Py_ssize_t low = 0, high = 0, size = b.count
    memset(a_rows(b), 0, (A_ROWS + R_ROWS) * b.count)
    if b.count >= PARTS_FROM:
        size = b.count // 16
    while low < b.count:
        high = low + size if b.count - low >= 2 * size else b.count
        if not part_holds(b, low, high):
            break
        low = high
        size *= 2
    judge_rest(b, low, b.count, high)
