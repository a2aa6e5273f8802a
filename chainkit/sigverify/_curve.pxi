# Points of edwards25519, one at a time, and the verification of one signature. Included by
# every engine, after _scalars.pxi.

cdef extern from "_field.h" nogil:
    ctypedef struct fe:
        uint64_t[5] v
    const fe FE_ZERO, FE_ONE, FE_D, FE_2D, FE_SQRT_M1
    uint64_t fe_load64(const uint8_t *data)
    void fe_from_bytes(fe *out, const uint8_t *data)
    void fe_to_bytes(uint8_t *out, const fe *a)
    void fe_carry(fe *a)
    void fe_freeze(fe *a)
    int fe_is_zero(const fe *a)
    int fe_parity(const fe *a)
    void fe_add(fe *out, const fe *a, const fe *b)
    void fe_sub(fe *out, const fe *a, const fe *b)
    void fe_neg(fe *out, const fe *a)
    void fe_mul(fe *out, const fe *a, const fe *b)
    void fe_sq(fe *out, const fe *a)
    void fe_sq_pair(fe *a, fe *b, int times)
    void fe_pow22523_pair(fe *out, const fe *a)

cdef struct Point:  # extended: x = X/Z, y = Y/Z, x*y = T/Z
    fe x, y, z, t

cdef struct Niels:  # made for adding: Y + X, Y - X, 2Z, 2dT
    fe s, d, z, t


cdef void point_identity(Point *p) noexcept nogil:
    p.x = FE_ZERO
    p.y = FE_ONE
    p.z = FE_ONE
    p.t = FE_ZERO


cdef int point_is_small(const Point *p) noexcept nogil:
    """Return whether 8p is the neutral element: the cofactored equation's last step.

    No point has Z = 0, and our own defect that gave zeros must not look like an accept.
    """
    cdef Point q = p[0]
    cdef fe difference
    point_double(&q, &q, 0)
    point_double(&q, &q, 0)
    point_double(&q, &q, 0)
    fe_sub(&difference, &q.y, &q.z)
    return fe_is_zero(&q.x) and fe_is_zero(&difference) and not fe_is_zero(&q.z)


cdef void point_finish(Point *out, const fe *e, const fe *f, const fe *g, const fe *h, int with_t) noexcept nogil:
    fe_mul(&out.x, e, f)
    fe_mul(&out.y, g, h)
    fe_mul(&out.z, f, g)
    if with_t:
        fe_mul(&out.t, e, h)


cdef void point_double(Point *out, const Point *p, int with_t) noexcept nogil:
    """Set out = 2p (Hisil et al. 2008, section 3.3); without T where no addition follows."""
    cdef fe a, b, c, e, f, g, h
    fe_sq(&a, &p.x)
    fe_sq(&b, &p.y)
    fe_sq(&c, &p.z)
    fe_add(&c, &c, &c)
    fe_add(&h, &a, &b)
    fe_add(&e, &p.x, &p.y)
    fe_sq(&e, &e)
    fe_sub(&e, &h, &e)
    fe_sub(&g, &a, &b)
    fe_add(&f, &c, &g)
    point_finish(out, &e, &f, &g, &h, with_t)


cdef void point_add_niels(Point *out, const Point *p, const Niels *q, int negative) noexcept nogil:
    """Set out = p + q or p - q (Hisil et al. 2008, section 3.1: complete on this curve)."""
    cdef fe a, b, c, d, e, f, g, h
    fe_sub(&a, &p.y, &p.x)
    fe_add(&b, &p.y, &p.x)
    if negative:
        fe_mul(&a, &a, &q.s)
        fe_mul(&b, &b, &q.d)
    else:
        fe_mul(&a, &a, &q.d)
        fe_mul(&b, &b, &q.s)
    fe_mul(&c, &p.t, &q.t)
    fe_mul(&d, &p.z, &q.z)
    fe_sub(&e, &b, &a)
    fe_add(&h, &b, &a)
    if negative:
        fe_add(&f, &d, &c)
        fe_sub(&g, &d, &c)
    else:
        fe_sub(&f, &d, &c)
        fe_add(&g, &d, &c)
    point_finish(out, &e, &f, &g, &h, 1)


cdef void point_to_niels(Niels *out, const Point *p) noexcept nogil:
    fe_add(&out.s, &p.y, &p.x)
    fe_sub(&out.d, &p.y, &p.x)
    fe_add(&out.z, &p.z, &p.z)
    fe_mul(&out.t, &p.t, &FE_2D)


cdef void point_add(Point *out, const Point *p, const Point *q, int negative) noexcept nogil:
    """Set out = p + q, or p - q."""
    cdef Niels other
    point_to_niels(&other, q)
    point_add_niels(out, p, &other, negative)


cdef int finish_root(fe *x, const fe *power, const fe *u, const fe *v, int sign) noexcept nogil:
    """Set x to the root of u/v with this parity and return whether there is one.

    ``power`` is (u v^7)^((p - 5)/8), and x = u v^3 power is the root or the root of -u/v.
    """
    cdef fe check, test
    fe_sq(x, v)
    fe_mul(x, x, v)
    fe_mul(x, x, u)
    fe_mul(x, x, power)
    fe_sq(&check, x)
    fe_mul(&check, &check, v)
    fe_sub(&test, &check, u)
    if not fe_is_zero(&test):
        fe_add(&test, &check, u)
        if not fe_is_zero(&test):
            return 0
        fe_mul(x, x, &FE_SQRT_M1)
    if fe_parity(x) != sign:
        fe_neg(x, x)
        fe_carry(x)
    return 1


cdef int decompress_pair(fe *x, fe *y, const uint8_t *first, const uint8_t *second) noexcept nogil:
    """Read two encodings by ZIP-215; return bit 0 and bit 1 for which of them are points.

    As in RFC 8032, section 5.1.3, but y may be p or more, and x = 0 may carry the sign bit.
    """
    cdef fe[2] u
    cdef fe[2] v
    cdef fe[2] power
    cdef int i
    fe_from_bytes(&y[0], first)
    fe_from_bytes(&y[1], second)
    for i in range(2):
        fe_sq(&u[i], &y[i])
        fe_mul(&v[i], &u[i], &FE_D)
        fe_sub(&u[i], &u[i], &FE_ONE)
        fe_carry(&u[i])
        fe_add(&v[i], &v[i], &FE_ONE)
        fe_sq(&power[i], &v[i])
        fe_mul(&power[i], &power[i], &v[i])
        fe_sq(&power[i], &power[i])
        fe_mul(&power[i], &power[i], &v[i])
        fe_mul(&power[i], &power[i], &u[i])
    fe_pow22523_pair(power, power)
    return (
        finish_root(&x[0], &power[0], &u[0], &v[0], first[31] >> 7)
        | finish_root(&x[1], &power[1], &u[1], &v[1], second[31] >> 7) << 1
    )


cdef void point_set_affine(Point *out, const fe *x, const fe *y) noexcept nogil:
    out.x = x[0]
    out.y = y[0]
    out.z = FE_ONE
    fe_mul(&out.t, x, y)


cdef void affine(fe *x, fe *y, const Point *p) noexcept nogil:
    """Set x = X/Z and y = Y/Z; 1/Z = Z^(p - 2), and p - 2 is 8 (2^252 - 3) + 3."""
    cdef fe[2] power
    power[0] = p.z
    power[1] = p.z
    fe_pow22523_pair(power, power)
    fe_sq_pair(&power[0], &power[1], 3)
    fe_mul(x, &power[0], &p.z)
    fe_sq(&power[1], &p.z)
    fe_mul(x, x, &power[1])
    fe_mul(y, x, &p.y)
    fe_mul(x, x, &p.x)


cdef void odd_multiples(Niels *table, const Point *p, int count) noexcept nogil:
    """Fill the table with p, 3p, 5p, ..."""
    cdef Point twice, multiple = p[0]
    cdef Niels step
    cdef int i
    point_double(&twice, p, 1)
    point_to_niels(&step, &twice)
    point_to_niels(&table[0], p)
    for i in range(1, count):
        point_add_niels(&multiple, &multiple, &step, 0)
        point_to_niels(&table[i], &multiple)


cdef void add_digit(Point *p, const Niels *odd, int digit) noexcept nogil:
    """Add digit times the point whose odd multiples these are; 0 adds nothing."""
    if digit > 0:
        point_add_niels(p, p, &odd[digit >> 1], 0)
    elif digit < 0:
        point_add_niels(p, p, &odd[-digit >> 1], 1)


# --- one signature ---------------------------------------------------------------------------

cdef Niels[64] BASE_ODD  # B, 3B, ..., 127B
cdef Niels[64] BASE_HIGH_ODD  # the same of 2^128 B
cdef Point BASE
cdef Point BASE_HIGH


cdef void fill_base() noexcept:
    global BASE_HIGH
    cdef uint8_t[32] encoded
    cdef fe[2] x
    cdef fe[2] y
    cdef int i
    memset(encoded, 0x66, 32)
    encoded[0] = 0x58
    decompress_pair(x, y, encoded, encoded)
    point_set_affine(&BASE, x, y)
    BASE_HIGH = BASE
    for i in range(128):
        point_double(&BASE_HIGH, &BASE_HIGH, 1)
    odd_multiples(BASE_ODD, &BASE, 64)
    odd_multiples(BASE_HIGH_ODD, &BASE_HIGH, 64)


fill_base()


cdef int equation_holds(
    const Niels *minus_r_odd, const Niels *minus_a_odd, const uint64_t *h, const uint64_t *s
) noexcept nogil:
    """Return whether [8]([s]B - [h]A - R) is the neutral element; -R and -A by odd multiples.

    Multiplied by v with u = v * h modulo L and both of 127 bits, which halves the doublings:
    [8]([v s]B - [u]A - [v]R). The cofactor makes the two equations the same: what the 8 leaves
    lies in the group of prime order L, where v has an inverse, and A enters with v h replaced
    by another number of its class modulo L only up to a point of small order.
    """
    cdef uint64_t[2] u
    cdef uint64_t[2] v
    cdef uint64_t[4] w
    cdef int8_t[132] u_digits
    cdef int8_t[132] v_digits
    cdef int8_t[132] low_digits
    cdef int8_t[132] high_digits
    cdef Point total
    cdef int negative = halve_scalar(u, v, h), i
    memset(u_digits, 0, 132)
    memset(v_digits, 0, 132)
    memset(low_digits, 0, 132)
    memset(high_digits, 0, 132)
    scalar_multiply(w, s, v, 2)
    if negative:
        scalar_negate(w)
    wnaf(u_digits, 1, u, 2, 5)
    wnaf(v_digits, 1, v, 2, 5)
    wnaf(low_digits, 1, w, 2, 8)
    wnaf(high_digits, 1, w + 2, 2, 8)
    point_identity(&total)
    for i in range(128, -1, -1):
        point_double(
            &total, &total, u_digits[i] | v_digits[i] | low_digits[i] | high_digits[i]
        )
        if u_digits[i]:
            add_digit(&total, minus_a_odd, u_digits[i])
        if v_digits[i]:
            add_digit(&total, minus_r_odd, -v_digits[i] if negative else v_digits[i])
        if low_digits[i]:
            add_digit(&total, BASE_ODD, low_digits[i])
        if high_digits[i]:
            add_digit(&total, BASE_HIGH_ODD, high_digits[i])
    return point_is_small(&total)
