/* Arithmetic modulo p = 2^255 - 19 in five limbs of 51 bits, one number at a time.
 *
 * Only field arithmetic: the algorithms that use it are in the .pyx and .pxi files.
 * Bounds, which every function keeps:
 *   tight: every limb below 2^51 + 2^18;   loose: every limb below 2^54.
 * Products take loose numbers and give tight ones; sums and differences of tight numbers
 * are loose and need no carry. Nothing here is constant time: all data is public.
 */
#ifndef ISTHMUS_SIGVERIFY_FIELD_H
#define ISTHMUS_SIGVERIFY_FIELD_H

#include <stdint.h>
#include <string.h>

typedef unsigned __int128 fe_wide;
typedef struct {
    uint64_t v[5];
} fe;

#define FE_MASK ((1ULL << 51) - 1)

static const fe FE_ZERO = {{0, 0, 0, 0, 0}};
static const fe FE_ONE = {{1, 0, 0, 0, 0}};
/* d = -121665/121666, 2d, and a square root of -1 */
static const fe FE_D = {{929955233495203ULL, 466365720129213ULL, 1662059464998953ULL,
                         2033849074728123ULL, 1442794654840575ULL}};
static const fe FE_2D = {{1859910466990425ULL, 932731440258426ULL, 1072319116312658ULL,
                          1815898335770999ULL, 633789495995903ULL}};
static const fe FE_SQRT_M1 = {{1718705420411056ULL, 234908883556509ULL, 2233514472574048ULL,
                               2117202627021982ULL, 765476049583133ULL}};

static inline uint64_t fe_load64(const unsigned char *in) {
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--) word = word << 8 | in[i];
    return word;
}

static inline void fe_store64(unsigned char *out, uint64_t word) {
    for (int i = 0; i < 8; i++) out[i] = (unsigned char)(word >> (8 * i));
}

/* the low 255 bits of 32 bytes; tight, possibly p or more (ZIP-215 wants that) */
static inline void fe_from_bytes(fe *out, const unsigned char *in) {
    uint64_t a = fe_load64(in), b = fe_load64(in + 8), c = fe_load64(in + 16),
             d = fe_load64(in + 24);
    out->v[0] = a & FE_MASK;
    out->v[1] = (a >> 51 | b << 13) & FE_MASK;
    out->v[2] = (b >> 38 | c << 26) & FE_MASK;
    out->v[3] = (c >> 25 | d << 39) & FE_MASK;
    out->v[4] = (d >> 12) & FE_MASK;
}

/* one pass of carries: any limbs in, tight out */
static inline void fe_carry(fe *a) {
    uint64_t c0 = a->v[0] >> 51, c1 = a->v[1] >> 51, c2 = a->v[2] >> 51, c3 = a->v[3] >> 51,
             c4 = a->v[4] >> 51;
    a->v[0] = (a->v[0] & FE_MASK) + 19 * c4;
    a->v[1] = (a->v[1] & FE_MASK) + c0;
    a->v[2] = (a->v[2] & FE_MASK) + c1;
    a->v[3] = (a->v[3] & FE_MASK) + c2;
    a->v[4] = (a->v[4] & FE_MASK) + c3;
}

/* the one representative below p: any any limbs in, limbs below 2^51 out */
static inline void fe_freeze(fe *a) {
    fe_carry(a);
    fe_carry(a);
    uint64_t q = (a->v[0] + 19) >> 51;
    for (int i = 1; i < 5; i++) q = (a->v[i] + q) >> 51;
    a->v[0] += 19 * q;
    for (int i = 0; i < 4; i++) {
        a->v[i + 1] += a->v[i] >> 51;
        a->v[i] &= FE_MASK;
    }
    a->v[4] &= FE_MASK;
}

static inline void fe_to_bytes(unsigned char *out, const fe *in) {
    fe a = *in;
    fe_freeze(&a);
    fe_store64(out, a.v[0] | a.v[1] << 51);
    fe_store64(out + 8, a.v[1] >> 13 | a.v[2] << 38);
    fe_store64(out + 16, a.v[2] >> 26 | a.v[3] << 25);
    fe_store64(out + 24, a.v[3] >> 39 | a.v[4] << 12);
}

static inline int fe_is_zero(const fe *in) {
    fe a = *in;
    fe_freeze(&a);
    return (a.v[0] | a.v[1] | a.v[2] | a.v[3] | a.v[4]) == 0;
}

static inline int fe_parity(const fe *in) {
    fe a = *in;
    fe_freeze(&a);
    return (int)(a.v[0] & 1);
}

/* limbs add: two of at most 2^53 give loose */
static inline void fe_add(fe *out, const fe *a, const fe *b) {
    for (int i = 0; i < 5; i++) out->v[i] = a->v[i] + b->v[i];
}

/* a + 4p - b: b below 2^53 - 80 in each limb, a at most 2^53 */
static inline void fe_sub(fe *out, const fe *a, const fe *b) {
    out->v[0] = a->v[0] + 0x1fffffffffffb4ULL - b->v[0];
    for (int i = 1; i < 5; i++) out->v[i] = a->v[i] + 0x1ffffffffffffcULL - b->v[i];
}

static inline void fe_neg(fe *out, const fe *a) { fe_sub(out, &FE_ZERO, a); }

/* columns below 2^115 in; carries go in two parallel passes, since one chain of carries takes
 * longer than the multiplications */
static inline void fe_reduce_wide(fe *out, fe_wide r0, fe_wide r1, fe_wide r2, fe_wide r3,
                                  fe_wide r4) {
    uint64_t c0 = (uint64_t)(r0 >> 51), c1 = (uint64_t)(r1 >> 51), c2 = (uint64_t)(r2 >> 51),
             c3 = (uint64_t)(r3 >> 51), c4 = (uint64_t)(r4 >> 51);
    out->v[0] = ((uint64_t)r0 & FE_MASK) + 19 * c4;
    out->v[1] = ((uint64_t)r1 & FE_MASK) + c0;
    out->v[2] = ((uint64_t)r2 & FE_MASK) + c1;
    out->v[3] = ((uint64_t)r3 & FE_MASK) + c2;
    out->v[4] = ((uint64_t)r4 & FE_MASK) + c3;
    fe_carry(out);
}

static inline void fe_mul(fe *out, const fe *x, const fe *y) {
    uint64_t a0 = x->v[0], a1 = x->v[1], a2 = x->v[2], a3 = x->v[3], a4 = x->v[4];
    uint64_t b0 = y->v[0], b1 = y->v[1], b2 = y->v[2], b3 = y->v[3], b4 = y->v[4];
    uint64_t b1_19 = 19 * b1, b2_19 = 19 * b2, b3_19 = 19 * b3, b4_19 = 19 * b4;
    fe_wide r0 = (fe_wide)a0 * b0 + (fe_wide)a1 * b4_19 + (fe_wide)a2 * b3_19 +
                 (fe_wide)a3 * b2_19 + (fe_wide)a4 * b1_19;
    fe_wide r1 = (fe_wide)a0 * b1 + (fe_wide)a1 * b0 + (fe_wide)a2 * b4_19 +
                 (fe_wide)a3 * b3_19 + (fe_wide)a4 * b2_19;
    fe_wide r2 = (fe_wide)a0 * b2 + (fe_wide)a1 * b1 + (fe_wide)a2 * b0 +
                 (fe_wide)a3 * b4_19 + (fe_wide)a4 * b3_19;
    fe_wide r3 = (fe_wide)a0 * b3 + (fe_wide)a1 * b2 + (fe_wide)a2 * b1 + (fe_wide)a3 * b0 +
                 (fe_wide)a4 * b4_19;
    fe_wide r4 = (fe_wide)a0 * b4 + (fe_wide)a1 * b3 + (fe_wide)a2 * b2 + (fe_wide)a3 * b1 +
                 (fe_wide)a4 * b0;
    fe_reduce_wide(out, r0, r1, r2, r3, r4);
}

static inline void fe_sq(fe *out, const fe *x) {
    uint64_t a0 = x->v[0], a1 = x->v[1], a2 = x->v[2], a3 = x->v[3], a4 = x->v[4];
    uint64_t d0 = 2 * a0, d1 = 2 * a1, a3_19 = 19 * a3, a4_19 = 19 * a4, d4_19 = 2 * a4_19;
    uint64_t d2_19x = 2 * a2;
    fe_wide r0 = (fe_wide)a0 * a0 + (fe_wide)d4_19 * a1 + (fe_wide)d2_19x * a3_19;
    fe_wide r1 = (fe_wide)d0 * a1 + (fe_wide)d4_19 * a2 + (fe_wide)a3 * a3_19;
    fe_wide r2 = (fe_wide)d0 * a2 + (fe_wide)a1 * a1 + (fe_wide)d4_19 * a3;
    fe_wide r3 = (fe_wide)d0 * a3 + (fe_wide)d1 * a2 + (fe_wide)a4 * a4_19;
    fe_wide r4 = (fe_wide)d0 * a4 + (fe_wide)d1 * a3 + (fe_wide)a2 * a2;
    fe_reduce_wide(out, r0, r1, r2, r3, r4);
}

/* two numbers at a time, since one chain of squares leaves most of a processor idle */
static inline void fe_sq_pair(fe *a, fe *b, int times) {
    while (times-- > 0) {
        fe_sq(a, a);
        fe_sq(b, b);
    }
}

/* x^((p-5)/8) = x^(2^252 - 3) of both numbers, for square roots */
static inline void fe_pow22523_pair(fe out[2], const fe x[2]) {
    static const unsigned char squares[] = {5, 10, 20, 10, 50, 100, 50};
    fe low[2], high[2], kept[2];
    for (int i = 0; i < 2; i++) {
        fe_sq(&low[i], &x[i]);             /* 2 */
        fe_sq(&high[i], &low[i]);          /* 4 */
        fe_sq(&high[i], &high[i]);         /* 8 */
        fe_mul(&high[i], &high[i], &x[i]); /* 9 */
        fe_mul(&low[i], &low[i], &high[i]);
        fe_sq(&low[i], &low[i]); /* 22 */
        fe_mul(&low[i], &low[i], &high[i]);
    }
    /* low = x^(2^k - 1) for k = 5, 10, 20, 40, 50, 100, 200, 250; kept has k = 10, then 50 */
    for (int step = 0; step < 7; step++) {
        for (int i = 0; i < 2; i++) {
            high[i] = low[i];
            if (step == 1 || step == 4) kept[i] = low[i];
        }
        fe_sq_pair(&high[0], &high[1], squares[step]);
        for (int i = 0; i < 2; i++)
            fe_mul(&low[i], &high[i], step == 3 || step == 6 ? &kept[i] : &low[i]);
    }
    fe_sq_pair(&low[0], &low[1], 2);
    for (int i = 0; i < 2; i++) fe_mul(&out[i], &low[i], &x[i]);
}

#endif
