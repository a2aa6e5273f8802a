# The algorithms of the vector engines, for any number of lanes. Included by each of them after
# its header, which gives LANES, TABLE_WORDS and the field in lanes.
#
# Two ways to fill the lanes:
#   lane = window  sums a batch: each point's multiples 1 to 8 are looked up once for LANES of
#                  its digits, and no doubling is needed until all points are added;
#   lane = point   judges LANES signatures at once, each alone.

cdef extern from * nogil:
    enum:
        LANES
        TABLE_WORDS
    const char *VECTOR_NAME
    ctypedef struct V:
        pass
    ctypedef struct vfe:
        pass
    ctypedef struct vwide:
        pass
    ctypedef struct vniels:
        vfe s, d, z, t
    unsigned simd_enter()
    void simd_leave(unsigned before)
    V v_set1(uint64_t a)
    V v_load(const uint64_t *data)
    void v_store(uint64_t *out, V a)
    V v_add(V a, V b)
    V v_xor(V a, V b)
    V v_and(V a, V b)
    V v_or(V a, V b)
    V v_shr(V a, int n)
    V v_ror(V a, int n)
    void vfe_wmul(vwide *out, const vfe *a, const vfe *b)
    void vfe_wsq(vwide *out, const vfe *a)
    void vw_add(vwide *out, const vwide *a, const vwide *b)
    void vw_sub(vwide *out, const vwide *a, const vwide *b)
    void vw_neg(vwide *out, const vwide *a)
    void vw_carry(vfe *out, const vwide *a)
    void vfe_mul(vfe *out, const vfe *a, const vfe *b)
    void vfe_sq(vfe *out, const vfe *a)
    void vfe_add(vfe *out, const vfe *a, const vfe *b)
    void vfe_sub(vfe *out, const vfe *a, const vfe *b)
    void vfe_load(vfe *out, const uint64_t *rows)
    void vfe_store(uint64_t *rows, const vfe *a)
    void vfe_broadcast(vfe *out, const fe *a)
    void vtable_store(uint64_t **tables, const vniels *entries)
    void vtable_lookup(vniels *out, const uint64_t *table, const int8_t *digits)
    void vniels_lookup(vniels *out, const vniels *entries, const int8_t *digits)

cdef enum:
    GROUP = LANES
    A_VECTORS = 64 // LANES  # vectors of windows of a 256-bit scalar
    R_VECTORS = 32 // LANES
    R_BITS = 128 // LANES  # the lanes' distance in bits, for R; twice that for A
    HASHED_BYTES = 1024  # longer messages are hashed one at a time

cdef struct Sum:  # a point in each lane: Y + X, Y - X, Z, T
    vfe s, d, z, t

cdef struct Scratch:
    Sum[24] sums  # A_VECTORS + R_VECTORS are used
    vniels[8] a_entries
    vniels[8] r_entries
    uint64_t[2][LANES][TABLE_WORDS] tables

cdef struct Encoded:
    const uint8_t *data
    fe *x
    fe *y
    uint8_t *decodes


cdef size_t scratch_bytes(Py_ssize_t count) noexcept nogil:
    return sizeof(Scratch)


cdef void vsum_identity(Sum *p) noexcept nogil:
    vfe_broadcast(&p.s, &FE_ONE)
    vfe_broadcast(&p.d, &FE_ONE)
    vfe_broadcast(&p.z, &FE_ONE)
    vfe_broadcast(&p.t, &FE_ZERO)


cdef inline void vsum_finish(
    Sum *out, const vwide *e, const vwide *f, const vwide *g, const vwide *h, int with_t
) noexcept nogil:
    """Carry the four factors and multiply; X and Y are never needed apart, only Y + X and Y - X."""
    cdef vfe ee, ff, gg, hh
    cdef vwide x, y, total
    vw_carry(&ee, e)
    vw_carry(&ff, f)
    vw_carry(&gg, g)
    vw_carry(&hh, h)
    vfe_wmul(&x, &ee, &ff)
    vfe_wmul(&y, &gg, &hh)
    vw_add(&total, &y, &x)
    vw_carry(&out.s, &total)
    vw_sub(&total, &y, &x)
    vw_carry(&out.d, &total)
    vfe_mul(&out.z, &ff, &gg)
    if with_t:
        vfe_mul(&out.t, &ee, &hh)


cdef void vsum_add(Sum *p, const vniels *q) noexcept nogil:
    """Add q to p in each lane: eight products, eight carries."""
    cdef vwide a, b, c, d, e, f, g, h
    vfe_wmul(&a, &p.d, &q.d)
    vfe_wmul(&b, &p.s, &q.s)
    vw_sub(&e, &b, &a)
    vw_add(&h, &b, &a)
    vfe_wmul(&c, &p.t, &q.t)
    vfe_wmul(&d, &p.z, &q.z)
    vw_sub(&f, &d, &c)
    vw_add(&g, &d, &c)
    vsum_finish(p, &e, &f, &g, &h, 1)


cdef void vsum_double(Sum *out, const Sum *p, int with_t) noexcept nogil:
    """Set out = 2p in each lane.

    With S = Y + X and D = Y - X, the usual E, F, G and H are, each doubled: S^2 - D^2,
    2SD - 4Z^2, 2SD and -(S^2 + D^2).
    """
    cdef vwide ss, dd, zz, sd, e, f, h
    vfe_wsq(&ss, &p.s)
    vfe_wsq(&dd, &p.d)
    vw_sub(&e, &ss, &dd)
    vw_add(&h, &ss, &dd)
    vw_neg(&h, &h)
    vfe_wsq(&zz, &p.z)
    vfe_wmul(&sd, &p.s, &p.d)
    vw_add(&sd, &sd, &sd)
    vw_add(&zz, &zz, &zz)
    vw_add(&zz, &zz, &zz)
    vw_sub(&f, &sd, &zz)
    vsum_finish(out, &e, &f, &sd, &h, with_t)


cdef void vsum_to_niels(vniels *out, const Sum *p) noexcept nogil:
    cdef vfe twice_d
    vfe_broadcast(&twice_d, &FE_2D)
    out.s = p.s
    out.d = p.d
    vfe_add(&out.z, &p.z, &p.z)
    vfe_mul(&out.t, &p.t, &twice_d)


cdef void vsum_add_sum(Sum *p, const Sum *q) noexcept nogil:
    cdef vniels other
    vsum_to_niels(&other, q)
    vsum_add(p, &other)


cdef void multiples(vniels *entries, const vfe *x, const vfe *y) noexcept nogil:
    """Fill entries with 1 to 8 times the affine point of each lane."""
    cdef Sum p, twice, thrice, four
    vfe_add(&p.s, y, x)
    vfe_sub(&p.d, y, x)
    vfe_broadcast(&p.z, &FE_ONE)
    vfe_mul(&p.t, x, y)
    vsum_to_niels(&entries[0], &p)
    vsum_double(&twice, &p, 1)
    vsum_to_niels(&entries[1], &twice)
    thrice = twice
    vsum_add(&thrice, &entries[0])
    vsum_to_niels(&entries[2], &thrice)
    vsum_double(&four, &twice, 1)
    vsum_to_niels(&entries[3], &four)
    p = four
    vsum_add(&p, &entries[0])
    vsum_to_niels(&entries[4], &p)
    vsum_double(&thrice, &thrice, 1)
    vsum_to_niels(&entries[5], &thrice)
    vsum_add(&thrice, &entries[0])
    vsum_to_niels(&entries[6], &thrice)
    vsum_double(&four, &four, 1)
    vsum_to_niels(&entries[7], &four)


cdef void set_lane(uint64_t *rows, int lane, const fe *a) noexcept nogil:
    cdef int i
    for i in range(5):
        rows[LANES * i + lane] = a.v[i]


cdef void get_lane(fe *out, const uint64_t *rows, int lane) noexcept nogil:
    cdef int i
    for i in range(5):
        out.v[i] = rows[LANES * i + lane]


# --- hashing: one message a lane ------------------------------------------------------------

cdef inline V vadd3(V a, V b, V c) noexcept nogil:
    return v_add(v_add(a, b), c)


cdef void sha512_rounds(V *state, V *w) noexcept nogil:
    cdef V a = state[0], b = state[1], c = state[2], d = state[3]
    cdef V e = state[4], f = state[5], g = state[6], h = state[7]
    cdef V t, x, y
    cdef int i, j
    for i in range(0, 80, 16):
        for j in range(16):
            if i:
                x = w[(j + 1) & 15]
                y = w[(j + 14) & 15]
                x = v_xor(v_xor(v_ror(x, 1), v_ror(x, 8)), v_shr(x, 7))
                y = v_xor(v_xor(v_ror(y, 19), v_ror(y, 61)), v_shr(y, 6))
                w[j] = v_add(vadd3(w[j], x, y), w[(j + 9) & 15])
            x = v_xor(v_xor(v_ror(e, 14), v_ror(e, 18)), v_ror(e, 41))
            y = v_xor(g, v_and(e, v_xor(f, g)))
            t = vadd3(vadd3(h, x, y), w[j], v_set1(ROUND_CONSTANTS[i + j]))
            h = g
            g = f
            f = e
            e = v_add(d, t)
            x = v_xor(v_xor(v_ror(a, 28), v_ror(a, 34)), v_ror(a, 39))
            y = v_or(v_and(a, b), v_and(c, v_or(a, b)))
            d = c
            c = b
            b = a
            a = vadd3(t, x, y)
    state[0] = v_add(state[0], a)
    state[1] = v_add(state[1], b)
    state[2] = v_add(state[2], c)
    state[3] = v_add(state[3], d)
    state[4] = v_add(state[4], e)
    state[5] = v_add(state[5], f)
    state[6] = v_add(state[6], g)
    state[7] = v_add(state[7], h)


cdef void hash_group(Signature *items, int count) noexcept nogil:
    """Hash up to LANES short messages at once."""
    cdef uint8_t[LANES][HASHED_BYTES + 256] text
    cdef uint64_t[16 * LANES] rows
    cdef int[LANES] blocks
    cdef uint64_t[8] digest
    cdef V[8] state
    cdef V[16] w
    cdef uint64_t word
    cdef int lane, i, block, last = 0
    cdef size_t start
    for lane in range(LANES):
        blocks[lane] = 0
        if lane < count:
            memcpy(&text[lane][0], items[lane].signature, 32)
            memcpy(&text[lane][32], items[lane].key, 32)
            memcpy(&text[lane][64], items[lane].message, items[lane].size)
            start = (items[lane].size + 64) & ~<size_t>127
            start += hash_tail(&text[lane][start], NULL, items[lane].size)
            blocks[lane] = <int>(start // 128)
            last = max(last, blocks[lane])
    for i in range(8):
        state[i] = v_set1(FIRST_STATE[i])
    for block in range(last):
        for lane in range(LANES):
            for i in range(16):
                word = 0
                if block < blocks[lane]:
                    memcpy(&word, &text[lane][128 * block + 8 * i], 8)
                rows[LANES * i + lane] = byte_swapped(word)
        for i in range(16):
            w[i] = v_load(&rows[LANES * i])
        sha512_rounds(state, w)
        for i in range(8):
            v_store(&rows[LANES * i], state[i])
        for lane in range(count):
            if block == blocks[lane] - 1:
                for i in range(8):
                    digest[i] = byte_swapped(rows[LANES * i + lane])
                scalar_reduce(items[lane].h, digest)


cdef void hash_all(Batch *b) noexcept nogil:
    cdef Py_ssize_t start, i
    cdef int count, long_ones
    cdef Signature *item
    start = -LANES
    while start + LANES < b.count:
        start += LANES
        count = <int>min(<Py_ssize_t>LANES, b.count - start)
        long_ones = count == 1
        for i in range(count):
            long_ones |= b.items[start + i].size > HASHED_BYTES
        if not long_ones:
            hash_group(&b.items[start], count)
            continue
        for i in range(count):
            item = &b.items[start + i]
            hash_to_scalar(item.h, item.signature, item.key, item.message, item.size)


# --- decoding: one point a lane, two chains of squares side by side ---------------------------

cdef void sq_times(vfe *a, int times, int chains) noexcept nogil:
    cdef int i
    if chains == 1:
        for i in range(times):
            vfe_sq(&a[0], &a[0])
    else:
        for i in range(times):
            vfe_sq(&a[0], &a[0])
            vfe_sq(&a[1], &a[1])


cdef int[7] POWER_STEPS = [5, 10, 20, 10, 50, 100, 50]


cdef void power_22523(vfe *x, int chains) noexcept nogil:
    """Set each x to x^((p - 5)/8) = x^(2^252 - 3)."""
    cdef vfe[2] low
    cdef vfe[2] high
    cdef vfe[2] kept
    cdef int i, step
    for i in range(chains):
        vfe_sq(&low[i], &x[i])
        vfe_sq(&high[i], &low[i])
        vfe_sq(&high[i], &high[i])
        vfe_mul(&high[i], &high[i], &x[i])
        vfe_mul(&low[i], &low[i], &high[i])
        vfe_sq(&low[i], &low[i])
        vfe_mul(&low[i], &low[i], &high[i])
    # low = x^(2^k - 1) for k = 5, 10, 20, 40, 50, 100, 200, 250; kept has k = 10, then 50
    for step in range(7):
        for i in range(chains):
            high[i] = low[i]
            if step == 1 or step == 4:
                kept[i] = low[i]
        sq_times(high, POWER_STEPS[step], chains)
        for i in range(chains):
            vfe_mul(&low[i], &high[i], &kept[i] if step == 3 or step == 6 else &low[i])
    sq_times(low, 2, chains)
    for i in range(chains):
        vfe_mul(&x[i], &low[i], &x[i])


cdef void decode_lanes(Encoded *points, int count) noexcept nogil:
    """Decode up to 2 LANES encodings by ZIP-215, and negate them."""
    cdef int chains = 1 if count <= LANES else 2, i, lane
    cdef uint64_t[5 * LANES] rows
    cdef vfe[2] u
    cdef vfe[2] v
    cdef vfe[2] x
    cdef vfe[2] power
    cdef vfe one, d
    vfe_broadcast(&one, &FE_ONE)
    vfe_broadcast(&d, &FE_D)
    for i in range(chains):
        for lane in range(LANES):
            if LANES * i + lane < count:
                fe_from_bytes(points[LANES * i + lane].y, points[LANES * i + lane].data)
                set_lane(rows, lane, points[LANES * i + lane].y)
            else:
                set_lane(rows, lane, &FE_ONE)
        vfe_load(&x[i], rows)
        vfe_sq(&u[i], &x[i])
        vfe_mul(&v[i], &u[i], &d)
        vfe_sub(&u[i], &u[i], &one)
        vfe_add(&v[i], &v[i], &one)
        vfe_sq(&x[i], &v[i])
        vfe_mul(&x[i], &x[i], &v[i])
        vfe_sq(&power[i], &x[i])
        vfe_mul(&power[i], &power[i], &v[i])
        vfe_mul(&power[i], &power[i], &u[i])
        vfe_mul(&x[i], &x[i], &u[i])
    power_22523(power, chains)
    for i in range(chains):
        vfe_mul(&x[i], &x[i], &power[i])
        choose_roots(
            points + LANES * i, min(<int>LANES, count - LANES * i), &x[i], &u[i], &v[i]
        )


cdef void choose_roots(Encoded *points, int count, const vfe *x, const vfe *u, const vfe *v) noexcept nogil:
    """Per lane: whether v x^2 is u, -u or neither, and the root of the sign that is *not* asked."""
    cdef uint64_t[5 * LANES] plain
    cdef uint64_t[5 * LANES] turned
    cdef uint64_t[5 * LANES] minus
    cdef uint64_t[5 * LANES] plus
    cdef vfe check, other
    cdef fe test, root
    cdef int lane
    vfe_store(plain, x)
    vfe_broadcast(&other, &FE_SQRT_M1)
    vfe_mul(&other, &other, x)
    vfe_store(turned, &other)
    vfe_sq(&check, x)
    vfe_mul(&check, &check, v)
    vfe_sub(&other, &check, u)
    vfe_store(minus, &other)
    vfe_add(&other, &check, u)
    vfe_store(plus, &other)
    for lane in range(count):
        get_lane(&test, minus, lane)
        points[lane].decodes[0] = 1
        if fe_is_zero(&test):
            get_lane(&root, plain, lane)
        else:
            get_lane(&root, turned, lane)
            get_lane(&test, plus, lane)
            points[lane].decodes[0] = fe_is_zero(&test)
        fe_freeze(&root)
        if root.v[0] & 1 == points[lane].data[31] >> 7:
            fe_neg(&root, &root)
            fe_carry(&root)
        points[lane].x[0] = root


cdef void decode_all(Batch *b) noexcept nogil:
    cdef Encoded[2 * LANES] pending
    cdef int count = 0
    cdef Py_ssize_t i
    cdef Signature *item
    for i in range(b.count):
        item = &b.items[i]
        pending[count] = Encoded(item.signature, &item.rx, &item.ry, &item.r_decodes)
        count += 1
        if count == 2 * LANES:
            decode_lanes(pending, count)
            count = 0
        if not item.known:
            pending[count] = Encoded(item.key, &item.ax, &item.ay, &item.key_decodes)
            count += 1
            if count == 2 * LANES:
                decode_lanes(pending, count)
                count = 0
    if count:
        decode_lanes(pending, count)


# --- a batch: lane = window -------------------------------------------------------------------

cdef void ordered_digits(int8_t *out, const int8_t *nibbles, int vectors) noexcept nogil:
    """Put digit lane * vectors + v at place v * LANES + lane."""
    cdef int lane, v
    for v in range(vectors):
        for lane in range(LANES):
            out[v * LANES + lane] = nibbles[lane * vectors + v]


cdef void prepare(Batch *b) noexcept nogil:
    """Multiply by the coefficients.

    A coefficient z is 32 signed nibbles, each uniform in [-8, 7]: the 128 bits drawn, less 8 in
    every nibble. So its digits cost nothing, and z takes 2^128 values that differ modulo L.
    """
    cdef Py_ssize_t i
    cdef Signature *item
    cdef uint64_t[2] drawn
    cdef uint64_t[2] middle
    cdef uint64_t[2] size
    cdef int8_t[64] nibbles
    cdef int j, negative
    middle[0] = middle[1] = 0x8888888888888888
    for i in range(b.count):
        item = &b.items[i]
        memset(item.zs, 0, 32)
        if not b.verdicts[i]:
            continue
        memcpy(drawn, b.coefficients + 16 * i, 16)
        negative = subtract_words(size, drawn, middle, 2)
        if negative:
            subtract_words(size, middle, drawn, 2)
        scalar_multiply(item.zh, item.h, size, 2)
        scalar_multiply(item.zs, item.s, size, 2)
        if negative:
            scalar_negate(item.zh)
            scalar_negate(item.zs)
        signed_nibbles(nibbles, item.zh, 4)
        ordered_digits(item.digits, nibbles, A_VECTORS)
        for j in range(32):
            nibbles[j] = <int8_t>(<int>(drawn[j >> 4] >> (4 * (j & 15)) & 15) - 8)
        ordered_digits(item.digits + 64, nibbles, R_VECTORS)


cdef void load_points(Signature *items, int count, const uint8_t *valid, int of_r, vfe *x, vfe *y) noexcept nogil:
    """Put -R or -A of each into its lane; the neutral element where there is none."""
    cdef uint64_t[5 * LANES] x_rows
    cdef uint64_t[5 * LANES] y_rows
    cdef int lane
    for lane in range(LANES):
        if lane < count and valid[lane]:
            set_lane(x_rows, lane, &items[lane].rx if of_r else &items[lane].ax)
            set_lane(y_rows, lane, &items[lane].ry if of_r else &items[lane].ay)
        else:
            set_lane(x_rows, lane, &FE_ZERO)
            set_lane(y_rows, lane, &FE_ONE)
    vfe_load(x, x_rows)
    vfe_load(y, y_rows)


cdef void add_windows(Sum *sums, const uint64_t *table, const int8_t *digits, int vectors) noexcept nogil:
    """Add the table's point times a scalar, window by window, to the windows' sums."""
    cdef vniels chosen
    cdef int v
    for v in range(vectors):
        vtable_lookup(&chosen, table, digits + LANES * v)
        vsum_add(&sums[v], &chosen)


cdef void expand_group(Scratch *space, Signature *items, int count, const uint8_t *valid) noexcept nogil:
    """Make the tables of up to LANES keys: into the cache's memory where an item has some."""
    cdef uint64_t *stores[LANES]
    cdef vfe x, y
    cdef int lane
    load_points(items, count, valid, 0, &x, &y)
    multiples(space.a_entries, &x, &y)
    for lane in range(LANES):
        stores[lane] = space.tables[1][lane]
        if lane < count and valid[lane] and items[lane].table != NULL and not items[lane].known:
            stores[lane] = items[lane].table
            items[lane].known = 1
    vtable_store(stores, space.a_entries)


cdef int all_known(const Signature *items, int count) noexcept nogil:
    cdef int lane
    for lane in range(count):
        if not items[lane].known:
            return 0
    return 1


cdef void add_group(Scratch *space, Signature *items, int count, const uint8_t *valid) noexcept nogil:
    """Add z (-R) and z h (-A) of up to LANES signatures."""
    cdef uint64_t *stores[LANES]
    cdef const uint64_t *table
    cdef vfe x, y
    cdef int lane
    if not all_known(items, count):
        expand_group(space, items, count, valid)
    for lane in range(count):
        if valid[lane]:
            table = items[lane].table if items[lane].known else space.tables[1][lane]
            add_windows(space.sums, table, items[lane].digits, A_VECTORS)
    for lane in range(LANES):
        stores[lane] = space.tables[0][lane]
    load_points(items, count, valid, 1, &x, &y)
    multiples(space.r_entries, &x, &y)
    vtable_store(stores, space.r_entries)
    for lane in range(count):
        if valid[lane]:
            add_windows(space.sums + A_VECTORS, stores[lane], items[lane].digits + 64, R_VECTORS)


cdef void weigh(Sum *sums, int vectors) noexcept nogil:
    """Set sums[0] to the sum of 16^v sums[v] in each lane (Horner's rule)."""
    cdef Sum total = sums[vectors - 1]
    cdef int v, i
    for v in range(vectors - 2, -1, -1):
        for i in range(4):
            vsum_double(&total, &total, i == 3)
        vsum_add_sum(&total, &sums[v])
    sums[0] = total


cdef void get_points(Point *out, const Sum *p) noexcept nogil:
    """Take the lanes apart; coordinates come doubled, which changes no point."""
    cdef uint64_t[5 * LANES] rows
    cdef vfe twice
    cdef int lane
    vfe_sub(&twice, &p.s, &p.d)
    vfe_store(rows, &twice)
    for lane in range(LANES):
        get_lane(&out[lane].x, rows, lane)
    vfe_add(&twice, &p.s, &p.d)
    vfe_store(rows, &twice)
    for lane in range(LANES):
        get_lane(&out[lane].y, rows, lane)
    vfe_add(&twice, &p.z, &p.z)
    vfe_store(rows, &twice)
    for lane in range(LANES):
        get_lane(&out[lane].z, rows, lane)
    vfe_add(&twice, &p.t, &p.t)
    vfe_store(rows, &twice)
    for lane in range(LANES):
        get_lane(&out[lane].t, rows, lane)
        fe_carry(&out[lane].x)
        fe_carry(&out[lane].y)
        fe_carry(&out[lane].z)
        fe_carry(&out[lane].t)


cdef void range_sum(Batch *b, Py_ssize_t low, Py_ssize_t high, Point *sum) noexcept nogil:
    """Set ``sum`` to the sum of z (s B - h A - R) over [low, high)."""
    cdef Scratch *space = <Scratch *>b.scratch
    cdef uint64_t[4] zs
    cdef int8_t[64] nibbles
    cdef int8_t[64] digits
    cdef Point[LANES] of_a
    cdef Point[LANES] of_r
    cdef Py_ssize_t start
    cdef int i, j
    memset(zs, 0, 32)
    for i in range(A_VECTORS + R_VECTORS):
        vsum_identity(&space.sums[i])
    start = low
    while start < high:
        add_group(
            space, &b.items[start], <int>min(<Py_ssize_t>LANES, high - start), b.verdicts + start
        )
        start += LANES
    for start in range(low, high):
        scalar_add(zs, zs, b.items[start].zs)
    signed_nibbles(nibbles, zs, 4)
    ordered_digits(digits, nibbles, A_VECTORS)
    add_windows(space.sums, base_table(0), digits, A_VECTORS)
    weigh(space.sums, A_VECTORS)
    weigh(space.sums + A_VECTORS, R_VECTORS)
    get_points(of_a, &space.sums[0])
    get_points(of_r, &space.sums[A_VECTORS])
    point_identity(sum)
    for i in range(2 * LANES - 1, -1, -1):
        for j in range(R_BITS):
            point_double(sum, sum, j == R_BITS - 1)
        if i < LANES:
            point_add(sum, sum, &of_r[i], 0)
        if not i & 1:
            point_add(sum, sum, &of_a[i >> 1], 0)


# --- each alone: lane = point -----------------------------------------------------------------

cdef uint64_t[2 * TABLE_WORDS + 8] BASE_TABLES


cdef inline uint64_t *base_table(int high) noexcept nogil:
    """Return the multiples of B, or of 2^128 B."""
    return <uint64_t *>aligned(BASE_TABLES) + high * TABLE_WORDS


cdef void fill_base_tables() noexcept:
    cdef uint64_t[LANES][TABLE_WORDS] unused
    cdef uint64_t *stores[LANES]
    cdef uint64_t[5 * LANES] rows
    cdef vniels[8] entries
    cdef Sum p
    cdef vfe x, y
    cdef int lane, high
    cdef fe[2] numbers
    cdef unsigned before = simd_enter()
    for high in range(2):
        affine(&numbers[0], &numbers[1], &BASE_HIGH if high else &BASE)
        for lane in range(LANES):
            stores[lane] = unused[lane]
            set_lane(rows, lane, &numbers[0])
        stores[0] = base_table(high)
        vfe_load(&x, rows)
        for lane in range(LANES):
            set_lane(rows, lane, &numbers[1])
        vfe_load(&y, rows)
        multiples(entries, &x, &y)
        vtable_store(stores, entries)
    simd_leave(before)


cdef void halved_digits(Signature *item, int lane, int8_t[LANES] *u, int8_t[LANES] *v, int8_t[LANES] *w) noexcept nogil:
    """Write the digits of u, v and v s as in ``equation_holds`` into a lane's column."""
    cdef int8_t[64] nibbles
    cdef uint64_t[2] small_u
    cdef uint64_t[2] small_v
    cdef uint64_t[4] scaled
    cdef int i, negative = halve_scalar(small_u, small_v, item.h)
    scalar_multiply(scaled, item.s, small_v, 2)
    if negative:
        scalar_negate(scaled)
    signed_nibbles(nibbles, small_u, 2)
    for i in range(32):
        u[i][lane] = nibbles[i]
    signed_nibbles(nibbles, small_v, 2)
    for i in range(32):
        v[i][lane] = -nibbles[i] if negative else nibbles[i]
    signed_nibbles(nibbles, scaled, 4)
    for i in range(64):
        w[i][lane] = nibbles[i]


cdef void judge_group(Batch *b, Py_ssize_t start, int count) noexcept nogil:
    """Judge up to LANES signatures, each by its own equation with halved scalars."""
    cdef Scratch *space = <Scratch *>b.scratch
    cdef int8_t[32][LANES] u
    cdef int8_t[32][LANES] v
    cdef int8_t[64][LANES] w
    cdef Point[LANES] totals
    cdef Sum total
    cdef vniels chosen
    cdef vfe x, y
    cdef int lane, i, j
    memset(u, 0, sizeof(u))
    memset(v, 0, sizeof(v))
    memset(w, 0, sizeof(w))
    for lane in range(count):
        if b.verdicts[start + lane]:
            halved_digits(&b.items[start + lane], lane, u, v, w)
    expand_group(space, &b.items[start], count, b.verdicts + start)
    load_points(&b.items[start], count, b.verdicts + start, 1, &x, &y)
    multiples(space.r_entries, &x, &y)
    vsum_identity(&total)
    for i in range(31, -1, -1):
        for j in range(4):
            vsum_double(&total, &total, j == 3)
        vniels_lookup(&chosen, space.a_entries, u[i])
        vsum_add(&total, &chosen)
        vniels_lookup(&chosen, space.r_entries, v[i])
        vsum_add(&total, &chosen)
        vtable_lookup(&chosen, base_table(0), w[i])
        vsum_add(&total, &chosen)
        vtable_lookup(&chosen, base_table(1), w[i + 32])
        vsum_add(&total, &chosen)
    get_points(totals, &total)
    for lane in range(count):
        b.verdicts[start + lane] &= point_is_small(&totals[lane])


cdef void judge_alone(Batch *b, Py_ssize_t i) noexcept nogil:
    cdef Niels[8] minus_a_odd
    cdef Niels[8] minus_r_odd
    cdef Point point
    cdef Signature *item = &b.items[i]
    if item.table != NULL and not item.known:
        expand_group(<Scratch *>b.scratch, item, 1, b.verdicts + i)
    point_set_affine(&point, &item.ax, &item.ay)
    odd_multiples(minus_a_odd, &point, 8)
    point_set_affine(&point, &item.rx, &item.ry)
    odd_multiples(minus_r_odd, &point, 8)
    b.verdicts[i] = equation_holds(minus_r_odd, minus_a_odd, item.h, item.s)


cdef void judge_each(Batch *b, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    cdef Py_ssize_t start = low
    while start < high:
        if high - start == 1:
            if b.verdicts[start]:
                judge_alone(b, start)
        else:
            judge_group(b, start, <int>min(<Py_ssize_t>LANES, high - start))
        start += LANES


# --- both ------------------------------------------------------------------------------------

cdef void find_bad(
    Batch *b, Py_ssize_t low, Py_ssize_t high, const Point *total, Py_ssize_t *budget
) noexcept nogil:
    """Name the bad ones among [low, high), whose sum ``total`` is not small.

    Half is summed again; the other half's sum is the difference. As soon as the budget is used
    up each of the rest is judged alone, so that many bad ones cost little more than that. The
    points are not decoded again.
    """
    cdef Py_ssize_t middle
    cdef Point left, right
    if high - low <= GROUP or budget[0] <= 0:
        judge_each(b, low, high)
        return
    middle = low + ((high - low) // 2 + GROUP - 1) // GROUP * GROUP
    budget[0] -= middle - low
    range_sum(b, low, middle, &left)
    point_add(&right, total, &left, 1)
    if not point_is_small(&left):
        find_bad(b, low, middle, &left, budget)
    if not point_is_small(&right):
        find_bad(b, middle, high, &right, budget)


cdef void judge_together(Batch *b) noexcept nogil:
    """Judge by the shared equation, and find out which are bad where it does not hold."""
    cdef Point total
    cdef Py_ssize_t budget = b.count * BUDGET_OF_8 // 8
    prepare(b)
    range_sum(b, 0, b.count, &total)
    if not point_is_small(&total):
        find_bad(b, 0, b.count, &total, &budget)


fill_base_tables()


def lanes_arithmetic(list a, list b):
    """Return a * b, a^2, b - a and (a + b)^2 in each lane as numbers, for tests.

    Args:
        a: Five rows of limbs below 2^51, one number a lane: 5 * LANES integers.
        b: The same.
    """
    cdef uint64_t[5 * LANES] rows
    cdef vfe x, y
    cdef vfe[4] results
    cdef int i, lane
    cdef unsigned before
    if len(a) != 5 * LANES or len(b) != 5 * LANES:
        raise ValueError("five limbs a lane")
    before = simd_enter()
    for i in range(5 * LANES):
        rows[i] = a[i]
    vfe_load(&x, rows)
    for i in range(5 * LANES):
        rows[i] = b[i]
    vfe_load(&y, rows)
    vfe_mul(&results[0], &x, &y)
    vfe_sq(&results[1], &x)
    vfe_sub(&results[2], &y, &x)
    vfe_add(&results[3], &x, &y)
    vfe_sq(&results[3], &results[3])
    found = []
    for i in range(4):
        vfe_store(rows, &results[i])
        numbers = [0] * LANES
        for lane in range(LANES):
            for limb in range(5):
                numbers[lane] += <object>rows[LANES * limb + lane] << 51 * limb
        found.append(numbers)
    simd_leave(before)
    return found
