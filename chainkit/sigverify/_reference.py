"""Ed25519 by ZIP-215 in plain integers: the oracle of every engine, and the slow path.

Written for reading: RFC 8032, section 5.1, with the decoding and the equation of ZIP-215.
Not constant time: it sees public data only.
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
_SQRT_M1 = pow(2, (P - 1) // 4, P)
_SIGN_BIT = 1 << 255

Point = tuple[int, int, int, int]
"""Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x*y = T/Z."""

IDENTITY: Point = (0, 1, 1, 0)


def add(a: Point, b: Point) -> Point:
    """Return a + b; complete on this curve, so equal and opposite points need no case."""
    s = (a[1] - a[0]) * (b[1] - b[0]) % P
    t = (a[1] + a[0]) * (b[1] + b[0]) % P
    c = 2 * D * a[3] * b[3] % P
    d = 2 * a[2] * b[2] % P
    e, f, g, h = t - s, d - c, d + c, t + s
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(a: Point) -> Point:
    """Return 2a."""
    x2 = a[0] * a[0] % P
    y2 = a[1] * a[1] % P
    h = x2 + y2
    e = h - (a[0] + a[1]) ** 2
    g = x2 - y2
    f = 2 * a[2] * a[2] + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def negate(a: Point) -> Point:
    """Return -a."""
    return -a[0] % P, a[1], a[2], -a[3] % P


def is_identity(a: Point) -> bool:
    """Return whether this is the neutral element."""
    return a[0] % P == 0 and (a[1] - a[2]) % P == 0


def decompress(data: bytes) -> Point | None:
    """Return the point of 32 bytes by ZIP-215, or None where y is on no point.

    Unlike RFC 8032, y may be p or more, and x = 0 may carry the sign bit.
    """
    raw = int.from_bytes(data, "little")
    y = (raw & (_SIGN_BIT - 1)) % P
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    square = v * x * x % P
    if square == -u % P:
        x = x * _SQRT_M1 % P
    elif square != u:
        return None
    if x & 1 != raw >> 255:
        x = -x % P
    return x, y, 1, x * y % P


def _base_point() -> Point:
    point = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    assert point is not None
    return point


BASE = _base_point()


def double_multiply(s: int, h: int, a: Point) -> Point:
    """Return [s]B + [h]a, bit by bit with one table of sums (Straus)."""
    sums = (IDENTITY, BASE, a, add(BASE, a))
    result = IDENTITY
    for bit in range(max(s.bit_length(), h.bit_length()) - 1, -1, -1):
        result = double(result)
        choice = s >> bit & 1 | (h >> bit & 1) << 1
        if choice:
            result = add(result, sums[choice])
    return result


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether [8]([s]B - [h]A - R) is the identity, as ZIP-215 asks.

    The hash is taken over the bytes as received. Wrong lengths are refused.
    """
    if len(public_key) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    a, r = decompress(public_key), decompress(signature[:32])
    if s >= L or a is None or r is None:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    h = int.from_bytes(digest, "little") % L
    difference = add(double_multiply(s, h, negate(a)), negate(r))
    return is_identity(double(double(double(difference))))
