/* Four field elements at a time with AVX2 and FMA: five limbs of 51 bits, held as doubles.
 *
 * AVX2 multiplies 32 bits by 32, but its fused multiply-add rounds a 106-bit product once.
 * With C1 = 3 * 2^102, fma(a, b, C1) is C1 plus the product rounded to a multiple of 2^51;
 * subtracting that and multiplying again gives the rest exactly. So two FMAs and one
 * subtraction yield both halves of a 51-bit product in four lanes, where 32-bit limbs need
 * four multiplications and more sums. Added to a large constant, a double carries its integer
 * in its low bits, so columns are summed and carried as 64-bit integers.
 *
 * Bounds (tests/unit/test_sigverify_field.py tries them on extreme limbs):
 *   vfe: limbs are integers of at most 2^50 + 2^17 in absolute value;
 *   a product needs |a_i * b_j| < 2^102; a vfe times a sum of three stays below it;
 *   vwide: signed 64-bit columns below 2^61 in absolute value.
 * The rounding mode must be to nearest: simd_enter sets it, simd_leave restores the caller's.
 */
#ifndef ISTHMUS_SIGVERIFY_VECTOR_H
#define ISTHMUS_SIGVERIFY_VECTOR_H

#include <immintrin.h>

#include "_field.h"

#define LANES 4
#define TABLE_WORDS 180 /* nine entries (0 to 8 times the point) of four coordinates */
#define VECTOR_NAME "avx2"

typedef __m256i V;
typedef struct {
    __m256d v[5];
} vfe;
typedef struct {
    __m256i v[5];
} vwide;
typedef struct {
    vfe s, d, z, t; /* Y + X, Y - X, 2Z, 2dT */
} vniels;

static inline unsigned simd_enter(void) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(0x1f80);
    return before;
}
static inline void simd_leave(unsigned before) { _mm_setcsr(before); }

/* --- 64-bit integers in lanes, for SHA-512 ------------------------------------------- */

static inline V v_set1(uint64_t a) { return _mm256_set1_epi64x((long long)a); }
static inline V v_load(const uint64_t *in) { return _mm256_loadu_si256((const __m256i *)in); }
static inline void v_store(uint64_t *out, V a) { _mm256_storeu_si256((__m256i *)out, a); }
static inline V v_add(V a, V b) { return _mm256_add_epi64(a, b); }
static inline V v_xor(V a, V b) { return _mm256_xor_si256(a, b); }
static inline V v_and(V a, V b) { return _mm256_and_si256(a, b); }
static inline V v_or(V a, V b) { return _mm256_or_si256(a, b); }
static inline V v_andnot(V a, V b) { return _mm256_andnot_si256(a, b); }
#define v_shr(a, n) _mm256_srli_epi64(a, n)
#define v_ror(a, n) _mm256_or_si256(_mm256_srli_epi64(a, n), _mm256_slli_epi64(a, 64 - (n)))

/* --- the field ------------------------------------------------------------------------ */

#define C1_VALUE 0x1.8p103
#define C2_VALUE (0x1.8p103 + 0x1.8p52)
#define C3_VALUE 0x1.8p52
#define C1_BITS 0x4668000000000000ULL
#define C3_BITS 0x4338000000000000ULL
#define CARRY_BIAS ((1ULL << 62) + (1ULL << 50))
#define CARRIED (1ULL << 11) /* what the bias adds to each carry */

static inline void vw_carry(vfe *out, const vwide *in) {
    const __m256i bias = v_set1(CARRY_BIAS), mask = v_set1(FE_MASK);
    const __m256i back = v_set1(C3_BITS - (1ULL << 50) - CARRIED);
    const __m256i back0 = v_set1(C3_BITS - (1ULL << 50) - 19 * CARRIED);
    const __m256d magic = _mm256_set1_pd(C3_VALUE);
    __m256i r[5], q[5];
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        __m256i t = _mm256_add_epi64(in->v[i], bias);
        q[i] = _mm256_srli_epi64(t, 51);
        r[i] = _mm256_and_si256(t, mask);
    }
    r[0] = _mm256_add_epi64(_mm256_add_epi64(r[0], back0), _mm256_mul_epu32(q[4], v_set1(19)));
#pragma GCC unroll 4
    for (int i = 1; i < 5; i++)
        r[i] = _mm256_add_epi64(_mm256_add_epi64(r[i], back), q[i - 1]);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) out->v[i] = _mm256_sub_pd(_mm256_castsi256_pd(r[i]), magic);
}

static inline __m256i v_times19(__m256i a) {
    __m256i nine = _mm256_add_epi64(a, _mm256_slli_epi64(a, 3));
    return _mm256_add_epi64(a, _mm256_slli_epi64(nine, 1));
}

/* both halves of a product, added to the columns L and H as raw bits */
#define FIRST(L, H, a, b)                                              \
    {                                                                  \
        __m256d hi_ = _mm256_fmadd_pd(a, b, c1);                       \
        __m256d lo_ = _mm256_fmadd_pd(a, b, _mm256_sub_pd(c2, hi_));   \
        H = _mm256_castpd_si256(hi_);                                  \
        L = _mm256_castpd_si256(lo_);                                  \
    }
#define NEXT(L, H, a, b)                                               \
    {                                                                  \
        __m256d hi_ = _mm256_fmadd_pd(a, b, c1);                       \
        __m256d lo_ = _mm256_fmadd_pd(a, b, _mm256_sub_pd(c2, hi_));   \
        H = _mm256_add_epi64(H, _mm256_castpd_si256(hi_));             \
        L = _mm256_add_epi64(L, _mm256_castpd_si256(lo_));             \
    }
/* what the constants contribute to column k, modulo 2^64 */
#define MUL_OFFSET(k) \
    ((k + 1) * C3_BITS + k * C1_BITS + 19 * ((4 - k) * C3_BITS + (5 - k) * C1_BITS))
#define SQ_OFFSET(n0, n1, n5, n4) \
    ((n0) * C3_BITS + (n1) * C1_BITS + 19 * ((n5) * C3_BITS + (n4) * C1_BITS))
#define OFF(x) v_set1(0ULL - (uint64_t)(x))

static inline void vfe_wmul(vwide *out, const vfe *x, const vfe *y) {
    const __m256d c1 = _mm256_set1_pd(C1_VALUE), c2 = _mm256_set1_pd(C2_VALUE);
    const __m256d *a = x->v, *b = y->v;
    __m256i l0, l1, l4, l5, h0, h1, h4, h5, up;
    FIRST(l4, h4, a[0], b[4]) NEXT(l4, h4, a[1], b[3]) NEXT(l4, h4, a[2], b[2])
    NEXT(l4, h4, a[3], b[1]) NEXT(l4, h4, a[4], b[0])
    FIRST(l0, h0, a[0], b[0])
    FIRST(l5, h5, a[1], b[4]) NEXT(l5, h5, a[2], b[3]) NEXT(l5, h5, a[3], b[2])
    NEXT(l5, h5, a[4], b[1])
    up = v_times19(_mm256_add_epi64(l5, h4));
    out->v[0] = _mm256_add_epi64(_mm256_add_epi64(l0, OFF(MUL_OFFSET(0))), up);
    FIRST(l1, h1, a[0], b[1]) NEXT(l1, h1, a[1], b[0])
    FIRST(l5, h4, a[2], b[4]) NEXT(l5, h4, a[3], b[3]) NEXT(l5, h4, a[4], b[2])
    up = v_times19(_mm256_add_epi64(l5, h5));
    l1 = _mm256_add_epi64(l1, h0);
    out->v[1] = _mm256_add_epi64(_mm256_add_epi64(l1, OFF(MUL_OFFSET(1))), up);
    FIRST(l1, h0, a[0], b[2]) NEXT(l1, h0, a[1], b[1]) NEXT(l1, h0, a[2], b[0])
    FIRST(l5, h5, a[3], b[4]) NEXT(l5, h5, a[4], b[3])
    up = v_times19(_mm256_add_epi64(l5, h4));
    l1 = _mm256_add_epi64(l1, h1);
    out->v[2] = _mm256_add_epi64(_mm256_add_epi64(l1, OFF(MUL_OFFSET(2))), up);
    FIRST(l1, h1, a[0], b[3]) NEXT(l1, h1, a[1], b[2]) NEXT(l1, h1, a[2], b[1])
    NEXT(l1, h1, a[3], b[0])
    FIRST(l5, h4, a[4], b[4])
    up = v_times19(_mm256_add_epi64(l5, h5));
    l1 = _mm256_add_epi64(l1, h0);
    out->v[3] = _mm256_add_epi64(_mm256_add_epi64(l1, OFF(MUL_OFFSET(3))), up);
    l4 = _mm256_add_epi64(l4, h1);
    out->v[4] = _mm256_add_epi64(_mm256_add_epi64(l4, OFF(MUL_OFFSET(4))), v_times19(h4));
}

static inline void vfe_wsq(vwide *out, const vfe *x) {
    const __m256d c1 = _mm256_set1_pd(C1_VALUE), c2 = _mm256_set1_pd(C2_VALUE);
    const __m256d *a = x->v;
    __m256d d0 = _mm256_add_pd(a[0], a[0]), d1 = _mm256_add_pd(a[1], a[1]),
            d2 = _mm256_add_pd(a[2], a[2]), d3 = _mm256_add_pd(a[3], a[3]);
    __m256i l0, l1, l4, l5, h0, h1, h4, h5, up;
    FIRST(l4, h4, d0, a[4]) NEXT(l4, h4, d1, a[3]) NEXT(l4, h4, a[2], a[2])
    FIRST(l0, h0, a[0], a[0])
    FIRST(l5, h5, d1, a[4]) NEXT(l5, h5, d2, a[3])
    up = v_times19(_mm256_add_epi64(l5, h4));
    out->v[0] = _mm256_add_epi64(_mm256_add_epi64(l0, OFF(SQ_OFFSET(1, 0, 2, 3))), up);
    FIRST(l1, h1, d0, a[1])
    FIRST(l5, h4, d2, a[4]) NEXT(l5, h4, a[3], a[3])
    up = v_times19(_mm256_add_epi64(l5, h5));
    l1 = _mm256_add_epi64(l1, h0);
    out->v[1] = _mm256_add_epi64(_mm256_add_epi64(l1, OFF(SQ_OFFSET(1, 1, 2, 2))), up);
    FIRST(l1, h0, d0, a[2]) NEXT(l1, h0, a[1], a[1])
    FIRST(l5, h5, d3, a[4])
    up = v_times19(_mm256_add_epi64(l5, h4));
    l1 = _mm256_add_epi64(l1, h1);
    out->v[2] = _mm256_add_epi64(_mm256_add_epi64(l1, OFF(SQ_OFFSET(2, 1, 1, 2))), up);
    FIRST(l1, h1, d0, a[3]) NEXT(l1, h1, d1, a[2])
    FIRST(l5, h4, a[4], a[4])
    up = v_times19(_mm256_add_epi64(l5, h5));
    l1 = _mm256_add_epi64(l1, h0);
    out->v[3] = _mm256_add_epi64(_mm256_add_epi64(l1, OFF(SQ_OFFSET(2, 2, 1, 1))), up);
    l4 = _mm256_add_epi64(l4, h1);
    out->v[4] = _mm256_add_epi64(_mm256_add_epi64(l4, OFF(SQ_OFFSET(3, 2, 0, 1))), v_times19(h4));
}

static inline void vw_add(vwide *out, const vwide *a, const vwide *b) {
    for (int i = 0; i < 5; i++) out->v[i] = _mm256_add_epi64(a->v[i], b->v[i]);
}

static inline void vw_sub(vwide *out, const vwide *a, const vwide *b) {
    for (int i = 0; i < 5; i++) out->v[i] = _mm256_sub_epi64(a->v[i], b->v[i]);
}

static inline void vw_neg(vwide *out, const vwide *a) {
    for (int i = 0; i < 5; i++) out->v[i] = _mm256_sub_epi64(_mm256_setzero_si256(), a->v[i]);
}

static inline void vfe_mul(vfe *out, const vfe *a, const vfe *b) {
    vwide wide;
    vfe_wmul(&wide, a, b);
    vw_carry(out, &wide);
}

static inline void vfe_sq(vfe *out, const vfe *a) {
    vwide wide;
    vfe_wsq(&wide, a);
    vw_carry(out, &wide);
}

static inline void vfe_narrow(vfe *out, const __m256d *in) {
    const __m256d magic = _mm256_set1_pd(C1_VALUE);
    __m256d r[5], q[5];
    for (int i = 0; i < 5; i++) {
        q[i] = _mm256_sub_pd(_mm256_add_pd(in[i], magic), magic);
        r[i] = _mm256_sub_pd(in[i], q[i]);
    }
    out->v[0] = _mm256_fmadd_pd(q[4], _mm256_set1_pd(19 * 0x1p-51), r[0]);
    for (int i = 1; i < 5; i++)
        out->v[i] = _mm256_fmadd_pd(q[i - 1], _mm256_set1_pd(0x1p-51), r[i]);
}

static inline void vfe_add(vfe *out, const vfe *a, const vfe *b) {
    __m256d sum[5];
    for (int i = 0; i < 5; i++) sum[i] = _mm256_add_pd(a->v[i], b->v[i]);
    vfe_narrow(out, sum);
}

static inline void vfe_sub(vfe *out, const vfe *a, const vfe *b) {
    __m256d difference[5];
    for (int i = 0; i < 5; i++) difference[i] = _mm256_sub_pd(a->v[i], b->v[i]);
    vfe_narrow(out, difference);
}

/* limbs below 2^60, five rows of one word a lane */
static inline void vfe_load(vfe *out, const uint64_t *in) {
    vwide wide;
    for (int i = 0; i < 5; i++) wide.v[i] = v_load(in + LANES * i);
    vw_carry(out, &wide);
}

/* loose limbs for the scalar field: a multiple of p is added to make them positive */
static inline void vfe_store(uint64_t *out, const vfe *in) {
    const __m256d magic = _mm256_set1_pd(C3_VALUE);
    for (int i = 0; i < 5; i++) {
        uint64_t positive = (i ? (1ULL << 52) - 2 : (1ULL << 52) - 38) - C3_BITS;
        V bits = _mm256_castpd_si256(_mm256_add_pd(in->v[i], magic));
        v_store(out + LANES * i, v_add(bits, v_set1(positive)));
    }
}

static inline void vfe_broadcast(vfe *out, const fe *in) {
    vwide wide;
    for (int i = 0; i < 5; i++) wide.v[i] = v_set1(in->v[i]);
    vw_carry(out, &wide);
}

/* --- tables: rows of an entry are Y + X, Y - X, 2Z, 2dT, five limbs each ------------------ */

static inline void transpose4(double *out[4], const __m256d r[4], int at) {
    __m256d a = _mm256_unpacklo_pd(r[0], r[1]), b = _mm256_unpackhi_pd(r[0], r[1]);
    __m256d c = _mm256_unpacklo_pd(r[2], r[3]), d = _mm256_unpackhi_pd(r[2], r[3]);
    _mm256_storeu_pd(out[0] + at, _mm256_permute2f128_pd(a, c, 0x20));
    _mm256_storeu_pd(out[1] + at, _mm256_permute2f128_pd(b, d, 0x20));
    _mm256_storeu_pd(out[2] + at, _mm256_permute2f128_pd(a, c, 0x31));
    _mm256_storeu_pd(out[3] + at, _mm256_permute2f128_pd(b, d, 0x31));
}

static inline void niels_identity(double *out) {
    memset(out, 0, 20 * sizeof(double));
    out[0] = out[5] = 1;
    out[10] = 2;
}

/* entries[0..7], lane = point, to a table for each lane */
static inline void vtable_store(uint64_t *tables[LANES], const vniels *entries) {
    double *rows[LANES];
    for (int lane = 0; lane < LANES; lane++) {
        rows[lane] = (double *)tables[lane];
        niels_identity(rows[lane]);
    }
    for (int m = 0; m < 8; m++) {
        const __m256d *row = entries[m].s.v;
        for (int k = 0; k < 20; k += 4) transpose4(rows, row + k, 20 * (m + 1) + k);
    }
}

/* swap the first two coordinates and negate the last where the digit is negative */
static inline void vniels_sign(vniels *q, __m256i negative) {
    __m256d mask = _mm256_castsi256_pd(negative);
    __m256d flip = _mm256_and_pd(mask, _mm256_set1_pd(-0.0));
    for (int i = 0; i < 5; i++) {
        __m256d s = q->s.v[i], d = q->d.v[i];
        q->s.v[i] = _mm256_blendv_pd(s, d, mask);
        q->d.v[i] = _mm256_blendv_pd(d, s, mask);
        q->t.v[i] = _mm256_xor_pd(q->t.v[i], flip);
    }
}

static inline __m256i v_negative(const signed char *digits) {
    int word;
    memcpy(&word, digits, 4);
    return _mm256_cmpgt_epi64(_mm256_setzero_si256(),
                              _mm256_cvtepi8_epi64(_mm_cvtsi32_si128(word)));
}

/* lane = window: digits[lane] times the one point of the table */
static inline void vtable_lookup(vniels *out, const uint64_t *table, const signed char *digits) {
    const double *e[LANES];
    for (int lane = 0; lane < LANES; lane++) {
        int digit = digits[lane], sign = digit >> 31;
        e[lane] = (const double *)table + 20 * ((digit ^ sign) - sign);
    }
    __m256d *row = out->s.v;
    for (int k = 0; k < 20; k += 2) {
        __m256d a = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(e[0] + k)),
                                         _mm_loadu_pd(e[2] + k), 1);
        __m256d b = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(e[1] + k)),
                                         _mm_loadu_pd(e[3] + k), 1);
        row[k] = _mm256_unpacklo_pd(a, b);
        row[k + 1] = _mm256_unpackhi_pd(a, b);
    }
    vniels_sign(out, v_negative(digits));
}

/* lane = point: digits[lane] times the point of that lane, from entries before vtable_store */
static inline void vniels_lookup(vniels *out, const vniels *entries, const signed char *digits) {
    static const double identity[20 * LANES] = {
        [0] = 1, [1] = 1, [2] = 1, [3] = 1, [20] = 1, [21] = 1, [22] = 1, [23] = 1,
        [40] = 2, [41] = 2, [42] = 2, [43] = 2,
    };
    const double *e[LANES];
    for (int lane = 0; lane < LANES; lane++) {
        int digit = digits[lane], sign = digit >> 31, size = (digit ^ sign) - sign;
        e[lane] = size ? (const double *)(entries + size - 1) + lane : identity + lane;
    }
    __m256d *row = out->s.v;
    for (int k = 0; k < 20; k++)
        row[k] = _mm256_set_pd(e[3][4 * k], e[2][4 * k], e[1][4 * k], e[0][4 * k]);
    vniels_sign(out, v_negative(digits));
}

#endif
