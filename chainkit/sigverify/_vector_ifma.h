/* Eight field elements at a time with AVX-512 IFMA: five unsigned limbs of 51 bits.
 *
 * vpmadd52 multiplies the low 52 bits of two words and adds the low or the high 52 bits of
 * the product, so a product of limbs of weights 51i and 51j has its high part, doubled, one
 * column further up. Columns 5 to 9 return to 0 to 4 times 19, and one parallel carry follows.
 *
 * Bounds (tests/unit/test_sigverify_field.py tries them on extreme limbs):
 *   vfe: limbs below 2^51 + 2^18;  factors: below 2^52;  vwide: columns below 2^60 from a
 *   product; vw_sub takes columns below 2^62 and gives some below 2^64.
 *
 * With SIGVERIFY_EMULATED the same source is compiled on eight plain words, one instruction
 * a function, so that any machine can test what only some can run fast.
 */
#ifndef ISTHMUS_SIGVERIFY_VECTOR_H
#define ISTHMUS_SIGVERIFY_VECTOR_H

#include "_field.h"

#define LANES 8
#define TABLE_WORDS 160 /* four coordinates of five limbs: a word for each of the multiples 1 to 8 */
#define MASK52 ((1ULL << 52) - 1)

/* --- instructions ------------------------------------------------------------------------- */

#ifdef SIGVERIFY_EMULATED

#define VECTOR_NAME "ifma-emulated"
typedef struct {
    uint64_t w[8];
} V;
#define EACH(expression)                                \
    {                                                   \
        V out_;                                         \
        for (int i = 0; i < 8; i++) out_.w[i] = expression; \
        return out_;                                    \
    }
static inline V v_set1(uint64_t a) EACH(a)
static inline V v_load(const uint64_t *in) EACH(in[i])
static inline void v_store(uint64_t *out, V a) { memcpy(out, a.w, 64); }
static inline V v_add(V a, V b) EACH(a.w[i] + b.w[i])
static inline V v_sub(V a, V b) EACH(a.w[i] - b.w[i])
static inline V v_xor(V a, V b) EACH(a.w[i] ^ b.w[i])
static inline V v_and(V a, V b) EACH(a.w[i] & b.w[i])
static inline V v_or(V a, V b) EACH(a.w[i] | b.w[i])
static inline V v_andnot(V a, V b) EACH(~a.w[i] & b.w[i])
static inline V v_shr(V a, int n) EACH(a.w[i] >> n)
static inline V v_shl(V a, int n) EACH(a.w[i] << n)
static inline V v_ror(V a, int n) EACH(a.w[i] >> n | a.w[i] << (64 - n))
static inline V v_madlo(V acc, V a, V b)
    EACH(acc.w[i] + ((uint64_t)((fe_wide)(a.w[i] & MASK52) * (b.w[i] & MASK52)) & MASK52))
static inline V v_madhi(V acc, V a, V b)
    EACH(acc.w[i] + (uint64_t)((fe_wide)(a.w[i] & MASK52) * (b.w[i] & MASK52) >> 52))
static inline V v_permute(V index, V a) EACH(a.w[index.w[i] & 7])
static inline V v_blend(unsigned mask, V a, V b) EACH(mask >> i & 1 ? b.w[i] : a.w[i])
static inline V v_from_i8(const signed char *in) EACH((uint64_t)(int64_t)in[i])
static inline V v_abs(V a) EACH((int64_t)a.w[i] < 0 ? 0 - a.w[i] : a.w[i])
static inline V v_unpacklo(V a, V b) EACH(i & 1 ? b.w[i - 1] : a.w[i])
static inline V v_unpackhi(V a, V b) EACH(i & 1 ? b.w[i] : a.w[i + 1])
static inline V v_blocks(V a, V b, int selector)
    EACH((i < 4 ? a : b).w[2 * (selector >> (2 * (i / 2)) & 3) + (i & 1)])
static inline unsigned v_mask_negative(V a) {
    unsigned mask = 0;
    for (int i = 0; i < 8; i++) mask |= (unsigned)(a.w[i] >> 63) << i;
    return mask;
}
static inline unsigned v_mask_equal(V a, V b) {
    unsigned mask = 0;
    for (int i = 0; i < 8; i++) mask |= (unsigned)(a.w[i] == b.w[i]) << i;
    return mask;
}

#else

#include <immintrin.h>
#define VECTOR_NAME "ifma"
typedef __m512i V;
static inline V v_set1(uint64_t a) { return _mm512_set1_epi64((long long)a); }
static inline V v_load(const uint64_t *in) { return _mm512_loadu_si512(in); }
static inline void v_store(uint64_t *out, V a) { _mm512_storeu_si512(out, a); }
static inline V v_add(V a, V b) { return _mm512_add_epi64(a, b); }
static inline V v_sub(V a, V b) { return _mm512_sub_epi64(a, b); }
static inline V v_xor(V a, V b) { return _mm512_xor_si512(a, b); }
static inline V v_and(V a, V b) { return _mm512_and_si512(a, b); }
static inline V v_or(V a, V b) { return _mm512_or_si512(a, b); }
static inline V v_andnot(V a, V b) { return _mm512_andnot_si512(a, b); }
#define v_shr(a, n) _mm512_srli_epi64(a, n)
#define v_shl(a, n) _mm512_slli_epi64(a, n)
#define v_ror(a, n) _mm512_ror_epi64(a, n)
static inline V v_madlo(V acc, V a, V b) { return _mm512_madd52lo_epu64(acc, a, b); }
static inline V v_madhi(V acc, V a, V b) { return _mm512_madd52hi_epu64(acc, a, b); }
static inline V v_permute(V index, V a) { return _mm512_permutexvar_epi64(index, a); }
static inline V v_blend(unsigned mask, V a, V b) {
    return _mm512_mask_blend_epi64((__mmask8)mask, a, b);
}
static inline V v_from_i8(const signed char *in) {
    return _mm512_cvtepi8_epi64(_mm_loadl_epi64((const __m128i *)in));
}
static inline V v_abs(V a) { return _mm512_abs_epi64(a); }
static inline V v_unpacklo(V a, V b) { return _mm512_unpacklo_epi64(a, b); }
static inline V v_unpackhi(V a, V b) { return _mm512_unpackhi_epi64(a, b); }
#define v_blocks(a, b, selector) _mm512_shuffle_i64x2(a, b, selector)
static inline unsigned v_mask_negative(V a) { return _mm512_movepi64_mask(a); }
static inline unsigned v_mask_equal(V a, V b) { return _mm512_cmpeq_epi64_mask(a, b); }

#endif

static inline unsigned simd_enter(void) { return 0; } /* integers know no rounding mode */
static inline void simd_leave(unsigned before) { (void)before; }

/* --- the field ---------------------------------------------------------------------------- */

typedef struct {
    V v[5];
} vfe;
typedef struct {
    V v[5];
} vwide;
typedef struct {
    vfe s, d, z, t; /* Y + X, Y - X, 2Z, 2dT */
} vniels;

static inline V v_times19(V a) { return v_add(a, v_shl(v_add(a, v_shl(a, 3)), 1)); }
static inline V v_twice(V a) { return v_add(a, a); }

static inline void vw_carry(vfe *out, const vwide *in) {
    const V mask = v_set1(FE_MASK);
    V q0 = v_shr(in->v[0], 51), q1 = v_shr(in->v[1], 51), q2 = v_shr(in->v[2], 51),
      q3 = v_shr(in->v[3], 51), q4 = v_shr(in->v[4], 51);
    out->v[0] = v_madlo(v_and(in->v[0], mask), q4, v_set1(19));
    out->v[1] = v_add(v_and(in->v[1], mask), q0);
    out->v[2] = v_add(v_and(in->v[2], mask), q1);
    out->v[3] = v_add(v_and(in->v[3], mask), q2);
    out->v[4] = v_add(v_and(in->v[4], mask), q3);
}

#define PRODUCT(L, H, a, b) \
    L = v_madlo(L, a, b);   \
    H = v_madhi(H, a, b);

static inline void vfe_wmul(vwide *out, const vfe *x, const vfe *y) {
    const V zero = v_set1(0);
    const V *a = x->v, *b = y->v;
    V l[9], h[9];
    for (int k = 0; k < 9; k++) l[k] = h[k] = zero;
    PRODUCT(l[0], h[0], a[0], b[0])
    PRODUCT(l[1], h[1], a[0], b[1])
    PRODUCT(l[2], h[2], a[0], b[2])
    PRODUCT(l[3], h[3], a[0], b[3])
    PRODUCT(l[4], h[4], a[0], b[4])
    PRODUCT(l[5], h[5], a[1], b[4])
    PRODUCT(l[6], h[6], a[2], b[4])
    PRODUCT(l[7], h[7], a[3], b[4])
    PRODUCT(l[8], h[8], a[4], b[4])
    PRODUCT(l[1], h[1], a[1], b[0])
    PRODUCT(l[2], h[2], a[1], b[1])
    PRODUCT(l[3], h[3], a[1], b[2])
    PRODUCT(l[4], h[4], a[1], b[3])
    PRODUCT(l[5], h[5], a[2], b[3])
    PRODUCT(l[6], h[6], a[3], b[3])
    PRODUCT(l[7], h[7], a[4], b[3])
    PRODUCT(l[2], h[2], a[2], b[0])
    PRODUCT(l[3], h[3], a[2], b[1])
    PRODUCT(l[4], h[4], a[2], b[2])
    PRODUCT(l[5], h[5], a[3], b[2])
    PRODUCT(l[6], h[6], a[4], b[2])
    PRODUCT(l[3], h[3], a[3], b[0])
    PRODUCT(l[4], h[4], a[3], b[1])
    PRODUCT(l[5], h[5], a[4], b[1])
    PRODUCT(l[4], h[4], a[4], b[0])
    out->v[0] = v_add(l[0], v_times19(v_add(l[5], v_twice(h[4]))));
    out->v[1] = v_add(v_add(l[1], v_twice(h[0])), v_times19(v_add(l[6], v_twice(h[5]))));
    out->v[2] = v_add(v_add(l[2], v_twice(h[1])), v_times19(v_add(l[7], v_twice(h[6]))));
    out->v[3] = v_add(v_add(l[3], v_twice(h[2])), v_times19(v_add(l[8], v_twice(h[7]))));
    out->v[4] = v_add(v_add(l[4], v_twice(h[3])), v_times19(v_twice(h[8])));
}

/* a doubled limb may have 53 bits, so sums of unequal pairs are doubled instead */
static inline void vfe_wsq(vwide *out, const vfe *x) {
    const V zero = v_set1(0);
    const V *a = x->v;
    V l[9], h[9];
    for (int k = 0; k < 9; k++) l[k] = h[k] = zero;
    PRODUCT(l[1], h[1], a[0], a[1])
    PRODUCT(l[2], h[2], a[0], a[2])
    PRODUCT(l[3], h[3], a[0], a[3])
    PRODUCT(l[4], h[4], a[0], a[4])
    PRODUCT(l[5], h[5], a[1], a[4])
    PRODUCT(l[6], h[6], a[2], a[4])
    PRODUCT(l[7], h[7], a[3], a[4])
    PRODUCT(l[3], h[3], a[1], a[2])
    PRODUCT(l[4], h[4], a[1], a[3])
    PRODUCT(l[5], h[5], a[2], a[3])
    for (int k = 1; k < 8; k++) {
        l[k] = v_twice(l[k]);
        h[k] = v_twice(h[k]);
    }
    PRODUCT(l[0], h[0], a[0], a[0])
    PRODUCT(l[2], h[2], a[1], a[1])
    PRODUCT(l[4], h[4], a[2], a[2])
    PRODUCT(l[6], h[6], a[3], a[3])
    PRODUCT(l[8], h[8], a[4], a[4])
    out->v[0] = v_add(l[0], v_times19(v_add(l[5], v_twice(h[4]))));
    out->v[1] = v_add(v_add(l[1], v_twice(h[0])), v_times19(v_add(l[6], v_twice(h[5]))));
    out->v[2] = v_add(v_add(l[2], v_twice(h[1])), v_times19(v_add(l[7], v_twice(h[6]))));
    out->v[3] = v_add(v_add(l[3], v_twice(h[2])), v_times19(v_add(l[8], v_twice(h[7]))));
    out->v[4] = v_add(v_add(l[4], v_twice(h[3])), v_times19(v_twice(h[8])));
}

static inline void vw_add(vwide *out, const vwide *a, const vwide *b) {
    for (int i = 0; i < 5; i++) out->v[i] = v_add(a->v[i], b->v[i]);
}

/* a + 4096p - b */
static inline void vw_sub(vwide *out, const vwide *a, const vwide *b) {
    out->v[0] = v_sub(v_add(a->v[0], v_set1((FE_MASK - 18) << 12)), b->v[0]);
    for (int i = 1; i < 5; i++)
        out->v[i] = v_sub(v_add(a->v[i], v_set1(FE_MASK << 12)), b->v[i]);
}

static inline void vw_neg(vwide *out, const vwide *a) {
    out->v[0] = v_sub(v_set1((FE_MASK - 18) << 12), a->v[0]);
    for (int i = 1; i < 5; i++) out->v[i] = v_sub(v_set1(FE_MASK << 12), a->v[i]);
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

static inline void vfe_add(vfe *out, const vfe *a, const vfe *b) {
    vwide wide;
    for (int i = 0; i < 5; i++) wide.v[i] = v_add(a->v[i], b->v[i]);
    vw_carry(out, &wide);
}

/* 2p - a, below 2^52 in each limb: a factor, but no vfe */
static inline V v_limb_neg(V a, int i) {
    return v_sub(v_set1(i ? 2 * FE_MASK : 2 * (FE_MASK - 18)), a);
}

static inline void vfe_sub(vfe *out, const vfe *a, const vfe *b) {
    vwide wide;
    for (int i = 0; i < 5; i++) wide.v[i] = v_add(a->v[i], v_limb_neg(b->v[i], i));
    vw_carry(out, &wide);
}

/* limbs below 2^60, five rows of one word a lane */
static inline void vfe_load(vfe *out, const uint64_t *in) {
    vwide wide;
    for (int i = 0; i < 5; i++) wide.v[i] = v_load(in + LANES * i);
    vw_carry(out, &wide);
}

static inline void vfe_store(uint64_t *out, const vfe *in) {
    for (int i = 0; i < 5; i++) v_store(out + LANES * i, in->v[i]);
}

static inline void vfe_broadcast(vfe *out, const fe *in) {
    for (int i = 0; i < 5; i++) out->v[i] = v_set1(in->v[i]);
}

/* --- tables ------------------------------------------------------------------------------- */

/* one limb of the multiples 1 to 8 of eight points, lane = point, to lane = multiple */
static inline void transpose8(uint64_t *tables[LANES], const V r[8], int at) {
    V t[8], u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = v_unpacklo(r[i], r[i + 1]);
        t[i + 1] = v_unpackhi(r[i], r[i + 1]);
    }
    for (int odd = 0; odd < 2; odd++) {
        u[odd] = v_blocks(t[odd], t[odd + 2], 0x88);
        u[odd + 2] = v_blocks(t[odd], t[odd + 2], 0xdd);
        u[odd + 4] = v_blocks(t[odd + 4], t[odd + 6], 0x88);
        u[odd + 6] = v_blocks(t[odd + 4], t[odd + 6], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        v_store(tables[i] + at, v_blocks(u[i], u[i + 4], 0x88));
        v_store(tables[i + 4] + at, v_blocks(u[i], u[i + 4], 0xdd));
    }
}

/* entries[0..7], lane = point, to a table for each lane */
static inline void vtable_store(uint64_t *tables[LANES], const vniels *entries) {
    V rows[8];
    for (int k = 0; k < 20; k++) {
        for (int m = 0; m < 8; m++) rows[m] = ((const V *)(entries + m))[k];
        transpose8(tables, rows, 8 * k);
    }
}

/* the neutral element where the digit is 0; swapped and negated where it is negative */
static inline void vniels_sign(vniels *q, V digits) {
    unsigned negative = v_mask_negative(digits), none = v_mask_equal(digits, v_set1(0));
    for (int i = 0; i < 5; i++) {
        V one = v_set1(i == 0), two = v_set1(2 * (i == 0));
        V s = v_blend(none, q->s.v[i], one), d = v_blend(none, q->d.v[i], one);
        V t = v_blend(none, q->t.v[i], v_set1(0));
        q->s.v[i] = v_blend(negative, s, d);
        q->d.v[i] = v_blend(negative, d, s);
        q->z.v[i] = v_blend(none, q->z.v[i], two);
        q->t.v[i] = v_blend(negative, t, v_limb_neg(t, i));
    }
}

/* lane = window: digits[lane] times the one point of the table */
static inline void vtable_lookup(vniels *out, const uint64_t *table, const signed char *digits) {
    V signed_digits = v_from_i8(digits);
    V index = v_sub(v_abs(signed_digits), v_set1(1));
    V *row = out->s.v;
    for (int k = 0; k < 20; k++) row[k] = v_permute(index, v_load(table + 8 * k));
    vniels_sign(out, signed_digits);
}

/* lane = point: digits[lane] times the point of that lane, from entries before vtable_store */
static inline void vniels_lookup(vniels *out, const vniels *entries, const signed char *digits) {
    V signed_digits = v_from_i8(digits), size = v_abs(signed_digits);
    *out = entries[0];
    V *row = out->s.v;
    for (int m = 1; m < 8; m++) {
        unsigned chosen = v_mask_equal(size, v_set1((uint64_t)m + 1));
        const V *entry = entries[m].s.v;
        for (int k = 0; k < 20; k++) row[k] = v_blend(chosen, row[k], entry[k]);
    }
    vniels_sign(out, signed_digits);
}

#endif
