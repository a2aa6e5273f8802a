/* SHA-256 (FIPS 180-4) as far as a search for proof of work needs it: an 80-byte header is two
   blocks, of which the first does not change, and its hash is hashed once more. */

#include <stdint.h>
#include <string.h>

static const uint32_t SHA256_START[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint32_t SHA256_ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t sha256_turn(uint32_t x, int count) { return x >> count | x << (32 - count); }

static uint32_t sha256_load(const unsigned char *raw) {
    return (uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 | raw[3];
}

static void sha256_block(uint32_t state[8], const uint32_t words[16]) {
    uint32_t w[64];
    memcpy(w, words, 64);
    for (int t = 16; t < 64; t++) {
        uint32_t a = w[t - 15], b = w[t - 2];
        w[t] = w[t - 16] + (sha256_turn(a, 7) ^ sha256_turn(a, 18) ^ a >> 3)
             + w[t - 7] + (sha256_turn(b, 17) ^ sha256_turn(b, 19) ^ b >> 10);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t++) {
        uint32_t one = h + (sha256_turn(e, 6) ^ sha256_turn(e, 11) ^ sha256_turn(e, 25))
                     + (g ^ (e & (f ^ g))) + SHA256_ROUND[t] + w[t];
        uint32_t two = (sha256_turn(a, 2) ^ sha256_turn(a, 13) ^ sha256_turn(a, 22))
                     + ((a & b) | (c & (a | b)));
        h = g, g = f, f = e, e = d + one, d = c, c = b, b = a, a = one + two;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

typedef void (*sha256_function)(uint32_t state[8], const uint32_t words[16]);

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/* The processor's own rounds: two a instruction, on the state as (A B E F) and (C D G H). */
__attribute__((target("sha,sse4.1"))) static void sha256_block_sha(
    uint32_t state[8], const uint32_t words[16]
) {
    __m128i w[4];
    for (int at = 0; at < 4; at++) w[at] = _mm_loadu_si128((const __m128i *)(words + 4 * at));
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xF0);
    const __m128i abef_before = abef, cdgh_before = cdgh;
    for (int t = 0; t < 16; t++) {
        __m128i round = _mm_add_epi32(
            w[t & 3], _mm_loadu_si128((const __m128i *)(SHA256_ROUND + 4 * t))
        );
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, round);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(round, 0x0E));
        if (t < 12) {
            __m128i last = w[(t + 3) & 3];
            __m128i sum = _mm_add_epi32(
                _mm_sha256msg1_epu32(w[t & 3], w[(t + 1) & 3]),
                _mm_alignr_epi8(last, w[(t + 2) & 3], 4)
            );
            w[t & 3] = _mm_sha256msg2_epu32(sum, last);
        }
    }
    abef = _mm_shuffle_epi32(_mm_add_epi32(abef, abef_before), 0x1B);
    cdgh = _mm_shuffle_epi32(_mm_add_epi32(cdgh, cdgh_before), 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(abef, cdgh, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(cdgh, abef, 8));
}

static sha256_function sha256_fast(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA)) return 0;
    return sha256_block_sha;
}
#else
static sha256_function sha256_fast(void) { return 0; }
#endif

/* The first of `count` nonces from `start` whose header hashes to at most `target` (32 bytes,
   big-endian), or -1. `head` is the header's 76 bytes before the nonce; start + count <= 2^32;
   `fast` allows the processor's own rounds where it has them. */
static int64_t nonces_search(
    const unsigned char *head, const unsigned char *target, uint64_t start, uint64_t count, int fast
) {
    sha256_function block = fast ? sha256_fast() : 0;
    if (!block) block = sha256_block;
    uint32_t middle[8], first[16], limit[8];
    memcpy(middle, SHA256_START, 32);
    for (int at = 0; at < 16; at++) first[at] = sha256_load(head + 4 * at);
    block(middle, first);
    uint32_t second[16] = {
        sha256_load(head + 64), sha256_load(head + 68), sha256_load(head + 72), 0, 0x80000000,
    };
    second[15] = 640;
    for (int at = 0; at < 8; at++) limit[at] = sha256_load(target + 4 * at);
    for (uint64_t nonce = start; nonce < start + count; nonce++) {
        uint32_t outer[16] = {0}, hash[8];
        second[3] = __builtin_bswap32((uint32_t)nonce);
        memcpy(outer, middle, 32);
        block(outer, second);
        outer[8] = 0x80000000;
        outer[15] = 256;
        memcpy(hash, SHA256_START, 32);
        block(hash, outer);
        /* The hash is a little-endian number: its last word's last byte is the highest. */
        for (int at = 0; at < 8; at++) {
            uint32_t word = __builtin_bswap32(hash[7 - at]);
            if (word > limit[at]) break;
            if (word < limit[at] || at == 7) return (int64_t)nonce;
        }
    }
    return -1;
}
