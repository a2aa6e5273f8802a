/* Keccak-f[1600] (FIPS 202, section 3.3) and Ethereum's Keccak-256 over it.
 *
 * Lanes are in 25 variables, so that a compiler keeps what it can in registers: a round reads
 * a[] and writes b[] in the order of step rho and pi, then chi goes back.
 */
#ifndef CHAINKIT_KECCAK_H
#define CHAINKIT_KECCAK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KECCAK_RATE 136

static const uint64_t keccak_constants[24] = {
    0x0000000000000001ULL, 0x0000000000008082ULL, 0x800000000000808aULL, 0x8000000080008000ULL,
    0x000000000000808bULL, 0x0000000080000001ULL, 0x8000000080008081ULL, 0x8000000000008009ULL,
    0x000000000000008aULL, 0x0000000000000088ULL, 0x0000000080008009ULL, 0x000000008000000aULL,
    0x000000008000808bULL, 0x800000000000008bULL, 0x8000000000008089ULL, 0x8000000000008003ULL,
    0x8000000000008002ULL, 0x8000000000000080ULL, 0x000000000000800aULL, 0x800000008000000aULL,
    0x8000000080008081ULL, 0x8000000000008080ULL, 0x0000000080000001ULL, 0x8000000080008008ULL,
};

#define KECCAK_ROTATE(value, count) (((value) << (count)) | ((value) >> (64 - (count))))

/* Step chi over the row of five lanes that begins at ``at``. */
#define KECCAK_CHI(at)                                                                         \
    a[at] = b[at] ^ (~b[at + 1] & b[at + 2]);                                                  \
    a[at + 1] = b[at + 1] ^ (~b[at + 2] & b[at + 3]);                                          \
    a[at + 2] = b[at + 2] ^ (~b[at + 3] & b[at + 4]);                                          \
    a[at + 3] = b[at + 3] ^ (~b[at + 4] & b[at]);                                              \
    a[at + 4] = b[at + 4] ^ (~b[at] & b[at + 1]);

/* Steps theta, rho and pi of one lane: from x + 5y to y + 5(2x + 3y). */
#define KECCAK_MOVE(to, from, count) b[to] = KECCAK_ROTATE(a[from] ^ d[(from) % 5], count);

static inline void keccak_permute(uint64_t *a) {
    uint64_t b[25], c[5], d[5];
    for (int turn = 0; turn < 24; turn++) {
        for (int x = 0; x < 5; x++)
            c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        d[0] = c[4] ^ KECCAK_ROTATE(c[1], 1);
        d[1] = c[0] ^ KECCAK_ROTATE(c[2], 1);
        d[2] = c[1] ^ KECCAK_ROTATE(c[3], 1);
        d[3] = c[2] ^ KECCAK_ROTATE(c[4], 1);
        d[4] = c[3] ^ KECCAK_ROTATE(c[0], 1);
        b[0] = a[0] ^ d[0];
        KECCAK_MOVE(1, 6, 44)
        KECCAK_MOVE(2, 12, 43)
        KECCAK_MOVE(3, 18, 21)
        KECCAK_MOVE(4, 24, 14)
        KECCAK_MOVE(5, 3, 28)
        KECCAK_MOVE(6, 9, 20)
        KECCAK_MOVE(7, 10, 3)
        KECCAK_MOVE(8, 16, 45)
        KECCAK_MOVE(9, 22, 61)
        KECCAK_MOVE(10, 1, 1)
        KECCAK_MOVE(11, 7, 6)
        KECCAK_MOVE(12, 13, 25)
        KECCAK_MOVE(13, 19, 8)
        KECCAK_MOVE(14, 20, 18)
        KECCAK_MOVE(15, 4, 27)
        KECCAK_MOVE(16, 5, 36)
        KECCAK_MOVE(17, 11, 10)
        KECCAK_MOVE(18, 17, 15)
        KECCAK_MOVE(19, 23, 56)
        KECCAK_MOVE(20, 2, 62)
        KECCAK_MOVE(21, 8, 55)
        KECCAK_MOVE(22, 14, 39)
        KECCAK_MOVE(23, 15, 41)
        KECCAK_MOVE(24, 21, 2)
        KECCAK_CHI(0)
        KECCAK_CHI(5)
        KECCAK_CHI(10)
        KECCAK_CHI(15)
        KECCAK_CHI(20)
        a[0] ^= keccak_constants[turn];
    }
}

/* Write Keccak-256 of ``size`` bytes, padded as before FIPS 202, to the 32 bytes at ``out``.
 * Lanes are little-endian (x86, arm). */
static inline void keccak_256(const unsigned char *data, size_t size, unsigned char *out) {
    uint64_t state[25] = {0}, block[KECCAK_RATE / 8];
    while (size >= KECCAK_RATE) {
        memcpy(block, data, KECCAK_RATE);
        for (int lane = 0; lane < KECCAK_RATE / 8; lane++)
            state[lane] ^= block[lane];
        keccak_permute(state);
        data += KECCAK_RATE;
        size -= KECCAK_RATE;
    }
    memset(block, 0, KECCAK_RATE);
    memcpy(block, data, size);
    ((unsigned char *)block)[size] = 0x01;
    ((unsigned char *)block)[KECCAK_RATE - 1] |= 0x80;
    for (int lane = 0; lane < KECCAK_RATE / 8; lane++)
        state[lane] ^= block[lane];
    keccak_permute(state);
    memcpy(out, state, 32);
}

#endif
