# Integers modulo L, the order of the base point, and SHA-512. Included by every engine.
#
# L = 2^252 + 27742317777372353535851937790883648493. A scalar is four words of 64 bits, least
# first. Everything here sees public data only, so nothing is constant time.

from libc.stdint cimport int8_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #include <stdint.h>
    typedef unsigned __int128 word_pair;
    #define high_word(pair) ((uint64_t)((pair) >> 64))
    #define product_of(a, b) ((word_pair)(a) * (b))
    #define bits_of(word) (64 - __builtin_clzll(word))
    #define rotate_right(word, n) ((word) >> (n) | (word) << (64 - (n)))
    #define byte_swapped(word) __builtin_bswap64(word)
    """
    ctypedef unsigned long long word_pair
    uint64_t high_word(word_pair pair) nogil
    word_pair product_of(uint64_t a, uint64_t b) nogil
    int bits_of(uint64_t word) nogil
    uint64_t rotate_right(uint64_t word, int n) nogil
    uint64_t byte_swapped(uint64_t word) nogil

cdef uint64_t[5] ORDER = [
    0x5812631A5CF5D3ED, 0x14DEF9DEA2F79CD6, 0, 0x1000000000000000, 0,
]
# floor(2^512 / L), for Barrett's reduction
cdef uint64_t[5] RECIPROCAL = [
    0xED9CE5A30A2C131B, 0x2106215D086329A7, 0xFFFFFFFFFFFFFFEB, 0xFFFFFFFFFFFFFFFF, 0xF,
]


cdef int scalar_load(uint64_t *out, const uint8_t *data) noexcept nogil:
    """Read 32 bytes, least first; return whether the number is below L."""
    cdef int i
    for i in range(4):
        out[i] = fe_load64(data + 8 * i)
    for i in range(3, -1, -1):
        if out[i] != ORDER[i]:
            return out[i] < ORDER[i]
    return 0


cdef void multiply_words(
    uint64_t *out, const uint64_t *a, int a_words, const uint64_t *b, int b_words
) noexcept nogil:
    cdef int i, j
    cdef word_pair pair
    memset(out, 0, 8 * (a_words + b_words))
    for i in range(a_words):
        pair = 0
        for j in range(b_words):
            pair = product_of(a[i], b[j]) + out[i + j] + high_word(pair)
            out[i + j] = <uint64_t>pair
        out[i + b_words] = high_word(pair)


cdef int subtract_words(uint64_t *out, const uint64_t *a, const uint64_t *b, int words) noexcept nogil:
    """Set out = a - b; return the borrow."""
    cdef uint64_t borrow = 0, difference, word, taken
    cdef int i
    for i in range(words):
        word, taken = a[i], b[i]
        difference = word - taken
        out[i] = difference - borrow
        borrow = (word < taken) | (difference < borrow)
    return <int>borrow


cdef void scalar_reduce(uint64_t *out, const uint64_t *wide) noexcept nogil:
    """Set out to eight words modulo L (Handbook of Applied Cryptography, algorithm 14.42)."""
    cdef uint64_t[10] quotient
    cdef uint64_t[10] product
    cdef uint64_t[5] rest
    cdef uint64_t[5] less
    multiply_words(quotient, wide + 3, 5, RECIPROCAL, 5)
    multiply_words(product, quotient + 5, 5, ORDER, 4)
    subtract_words(rest, wide, product, 5)
    while not subtract_words(less, rest, ORDER, 5):
        memcpy(rest, less, 40)
    memcpy(out, rest, 32)


cdef void scalar_multiply(uint64_t *out, const uint64_t *a, const uint64_t *b, int b_words) noexcept nogil:
    """Set out = a * b modulo L; b has two or four words."""
    cdef uint64_t[8] wide
    memset(wide, 0, 64)
    multiply_words(wide, a, 4, b, b_words)
    scalar_reduce(out, wide)


cdef void scalar_add(uint64_t *out, const uint64_t *a, const uint64_t *b) noexcept nogil:
    """Set out = a + b modulo L, both below L."""
    cdef word_pair pair = 0
    cdef uint64_t[4] total
    cdef int i
    for i in range(4):
        pair = product_of(a[i], 1) + b[i] + high_word(pair)
        total[i] = <uint64_t>pair
    if subtract_words(out, total, ORDER, 4):
        memcpy(out, total, 32)


cdef void scalar_negate(uint64_t *a) noexcept nogil:
    """Set a = -a modulo L."""
    if a[0] | a[1] | a[2] | a[3]:
        subtract_words(a, ORDER, a, 4)


cdef void signed_nibbles(int8_t *digits, const uint64_t *scalar, int words) noexcept nogil:
    """Write 16 digits a word, each in [-8, 7]: the sum of digit * 16^i is the scalar.

    Adding 8 to every digit once makes the digits plain nibbles. The scalar must be below
    0.46 * 2^(64 words), so that the sum fits.
    """
    cdef word_pair pair = 0
    cdef uint64_t word
    cdef int i, j
    for i in range(words):
        pair = product_of(scalar[i], 1) + <uint64_t>0x8888888888888888 + high_word(pair)
        word = <uint64_t>pair
        for j in range(16):
            digits[16 * i + j] = <int8_t>(<int>(word >> (4 * j) & 15) - 8)


cdef int wnaf(int8_t *digits, Py_ssize_t stride, const uint64_t *scalar, int words, int width) noexcept nogil:
    """Write the scalar's non-adjacent form of ``width`` bits; return its length.

    Digits are odd and below 2^(width - 1) in size, with at least ``width - 1`` zeros between;
    zeros are not written. The length is at most 64 * words + 1.
    """
    cdef int bit = 0, end = 64 * words, length = 0, digit, carry = 0
    cdef uint64_t word
    while bit < end or carry:
        word = 0
        if bit < end:
            word = scalar[bit >> 6] >> (bit & 63)
            if bit & 63 and (bit >> 6) + 1 < words:
                word |= scalar[(bit >> 6) + 1] << (64 - (bit & 63))
        if <int>(word & 1) == carry:
            bit += 1
            continue
        digit = <int>(word & ((1 << width) - 1)) + carry
        carry = digit >> (width - 1)
        digits[bit * stride] = <int8_t>(digit - (carry << width))
        length = bit + 1
        bit += width
    return length


cdef int bit_length(const uint64_t *a, int words) noexcept nogil:
    cdef int i
    for i in range(words - 1, -1, -1):
        if a[i]:
            return 64 * i + bits_of(a[i])
    return 0


cdef void shift_left(uint64_t *out, const uint64_t *a, int words, int count) noexcept nogil:
    cdef int i, skip = count >> 6, bits = count & 63
    for i in range(words - 1, -1, -1):
        out[i] = 0
        if i >= skip:
            out[i] = a[i - skip] << bits
            if bits and i > skip:
                out[i] |= a[i - skip - 1] >> (64 - bits)


cdef int halve_scalar(uint64_t *u, uint64_t *v, const uint64_t *h) noexcept nogil:
    """Find u and |v| below 2^127, v not 0, with u = v * h modulo L; return whether v < 0.

    Euclid's algorithm on L and h, stopped half way (Antipa et al., "Accelerated verification
    of ECDSA signatures", 2005). Each division is done as shifted subtractions.
    """
    cdef uint64_t[4] big
    cdef uint64_t[4] small
    cdef uint64_t[4] shifted
    cdef uint64_t[4] big_factor
    cdef uint64_t[4] small_factor
    cdef word_pair pair
    cdef int shift, i, negative = 0, big_bits, small_bits, swap_bits
    memcpy(big, ORDER, 32)
    memcpy(small, h, 32)
    memset(big_factor, 0, 32)
    memset(small_factor, 0, 32)
    small_factor[0] = 1
    big_bits, small_bits = 253, bit_length(small, 4)
    while small_bits > 126:
        while big_bits >= small_bits:
            shift = big_bits - small_bits
            shift_left(shifted, small, 4, shift)
            if subtract_words(shifted, big, shifted, 4):
                if shift == 0:
                    break
                shift -= 1
                shift_left(shifted, small, 4, shift)
                subtract_words(shifted, big, shifted, 4)
            memcpy(big, shifted, 32)
            big_bits = bit_length(big, 4)
            # the two factors have opposite signs, so their sizes add
            shift_left(shifted, small_factor, 4, shift)
            pair = 0
            for i in range(4):
                pair = product_of(big_factor[i], 1) + shifted[i] + high_word(pair)
                big_factor[i] = <uint64_t>pair
        for i in range(4):
            big[i], small[i] = small[i], big[i]
            big_factor[i], small_factor[i] = small_factor[i], big_factor[i]
        swap_bits = big_bits
        big_bits = small_bits
        small_bits = swap_bits
        negative ^= 1
    memcpy(u, small, 16)
    memcpy(v, small_factor, 16)
    return negative


# --- SHA-512 (FIPS 180-4, section 6.4) ------------------------------------------------------

cdef uint64_t[80] ROUND_CONSTANTS
cdef uint64_t[8] FIRST_STATE


def _root(number, degree):
    """Return the integer part of the root."""
    low, high = 0, 1 << (number.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**degree <= number:
            low = middle
        else:
            high = middle - 1
    return low


def _fill_constants():
    """Compute the constants: 64 bits of the fractions of roots of the first primes."""
    primes = [n for n in range(2, 410) if all(n % m for m in range(2, n))]
    for i in range(80):
        ROUND_CONSTANTS[i] = _root(primes[i] << 192, 3) & 0xFFFFFFFFFFFFFFFF
    for i in range(8):
        FIRST_STATE[i] = _root(primes[i] << 128, 2) & 0xFFFFFFFFFFFFFFFF


_fill_constants()


cdef void sha512_block(uint64_t *state, const uint8_t *block) noexcept nogil:
    cdef uint64_t[16] w
    cdef uint64_t a, b, c, d, e, f, g, h, t, s0, s1
    cdef int i, j
    for i in range(16):
        memcpy(&t, block + 8 * i, 8)
        w[i] = byte_swapped(t)
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    for i in range(0, 80, 16):
        for j in range(16):
            if i:
                s0 = w[(j + 1) & 15]
                s1 = w[(j + 14) & 15]
                s0 = rotate_right(s0, 1) ^ rotate_right(s0, 8) ^ (s0 >> 7)
                s1 = rotate_right(s1, 19) ^ rotate_right(s1, 61) ^ (s1 >> 6)
                w[j] += s0 + w[(j + 9) & 15] + s1
            t = h + (rotate_right(e, 14) ^ rotate_right(e, 18) ^ rotate_right(e, 41))
            t += (g ^ (e & (f ^ g))) + ROUND_CONSTANTS[i + j] + w[j]
            h = g
            g = f
            f = e
            e = d + t
            t += (rotate_right(a, 28) ^ rotate_right(a, 34) ^ rotate_right(a, 39))
            t += (a & b) | (c & (a | b))
            d = c
            c = b
            b = a
            a = t
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e
    state[5] += f
    state[6] += g
    state[7] += h


cdef size_t hash_tail(uint8_t *tail, const uint8_t *message, size_t size) noexcept nogil:
    """Write the last one or two padded blocks of R, A and the message; return their bytes.

    Only for what lies beyond the message's last whole block, counted with the 64 bytes before.
    """
    cdef size_t total = size + 64, kept = total & 127, used, i
    cdef uint64_t bits = <uint64_t>total * 8
    used = 128 if kept < 112 else 256
    memset(tail + kept, 0, used - kept)
    tail[kept] = 0x80
    for i in range(8):
        tail[used - 1 - i] = <uint8_t>(bits >> (8 * i))
    return used


cdef void hash_to_scalar(
    uint64_t *out, const uint8_t *r, const uint8_t *key, const uint8_t *message, size_t size
) noexcept nogil:
    """Set out = SHA-512(r, key, message) modulo L, over the bytes as received."""
    cdef uint64_t[8] state
    cdef uint8_t[256] block
    cdef size_t taken, i, used
    memcpy(state, FIRST_STATE, 64)
    memcpy(block, r, 32)
    memcpy(block + 32, key, 32)
    if size >= 64:
        memcpy(block + 64, message, 64)
        sha512_block(state, block)
        taken = 64
        while size - taken >= 128:
            sha512_block(state, message + taken)
            taken += 128
        memcpy(block, message + taken, size - taken)
    else:
        memcpy(block + 64, message, size)
    used = hash_tail(block, message, size)
    for i in range(0, used, 128):
        sha512_block(state, block + i)
    for i in range(8):
        state[i] = byte_swapped(state[i])
    scalar_reduce(out, state)
