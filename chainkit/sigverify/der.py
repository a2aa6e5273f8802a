"""ECDSA over secp256k1 with signatures in DER, as Bitcoin takes and makes them."""

import coincurve

from chainkit.sigverify.secp256k1 import ORDER


def _read_length(data: bytes, at: int) -> tuple[int, int] | None:
    if at >= len(data):
        return None
    first = data[at]
    at += 1
    if first & 0x80 == 0:
        return first, at
    width = first & 0x7F
    if width > len(data) - at:
        return None
    return int.from_bytes(data[at : at + width], "big"), at + width


def _read_integer(data: bytes, at: int) -> tuple[int, int] | None:
    if at >= len(data) or data[at] != 0x02:
        return None
    sized = _read_length(data, at + 1)
    if sized is None or sized[0] > len(data) - sized[1]:
        return None
    size, at = sized
    return int.from_bytes(data[at : at + size], "big"), at + size


def parse_lax(signature: bytes) -> tuple[int, int] | None:
    """Return (r, s) of a signature in BER as old OpenSSL took it; None where it has no integers.

    Spec:
        Bitcoin Core ``pubkey.cpp``, ``ecdsa_signature_parse_der_lax``.
    """
    if not signature or signature[0] != 0x30:
        return None
    if len(signature) < 2:
        return None
    width = signature[1] & 0x7F if signature[1] & 0x80 else 0
    if width > len(signature) - 2:
        return None
    first = _read_integer(signature, 2 + width)
    if first is None:
        return None
    second = _read_integer(signature, first[1])
    if second is None:
        return None
    return first[0], second[0]


def _integer(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(data)]) + data


def encode(r: int, s: int) -> bytes:
    """Return the strict DER form."""
    body = _integer(r) + _integer(s)
    return b"\x30" + bytes([len(body)]) + body


def verify(public_key: bytes, digest: bytes, signature: bytes) -> bool:
    """Return whether a signature, in DER or the laxer forms of old, signs the 32-byte digest.

    High s verifies like its low twin: rules that refuse it are Script's, not the curve's.
    """
    parsed = parse_lax(signature)
    if parsed is None:
        return False
    r, s = parsed
    if not (0 < r < ORDER and 0 < s < ORDER):
        return False
    try:
        key = coincurve.PublicKey(public_key)
        return bool(key.verify(encode(r, min(s, ORDER - s)), digest, hasher=None))
    except ValueError:
        return False


def sign(private_key: bytes, digest: bytes) -> bytes:
    """Return the deterministic signature (RFC 6979) with low s in DER over a 32-byte digest."""
    return bytes(coincurve.PrivateKey(private_key).sign(digest, hasher=None))
