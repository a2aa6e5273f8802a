"""Schnorr signatures over secp256k1 (BIP-340) and the tweaks of taproot (BIP-341)."""

import coincurve

X_ONLY_BYTES = 32
SIGNATURE_BYTES = 64


def public_key_of(private_key: bytes) -> bytes:
    """Return the 32-byte x-only public key of a 32-byte private key."""
    return bytes(coincurve.PublicKeyXOnly.from_secret(private_key).format())


def sign(private_key: bytes, message: bytes, auxiliary: bytes) -> bytes:
    """Return the 64-byte signature over a 32-byte message with 32 bytes of auxiliary data."""
    return bytes(coincurve.PrivateKey(private_key).sign_schnorr(message, auxiliary))


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the signature holds; False for wrong sizes and keys that are no point."""
    if len(public_key) != X_ONLY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        return bool(coincurve.PublicKeyXOnly(public_key).verify(signature, message))
    except ValueError:
        return False


def tweak_public_key(public_key: bytes, tweak: bytes) -> tuple[bytes, int] | None:
    """Return (x-only key plus tweak times the generator, parity of its y); None where invalid."""
    try:
        key = coincurve.PublicKeyXOnly(public_key)
        key.tweak_add(tweak)
    except ValueError:
        return None
    return bytes(key.format()), int(key.parity)


def tweak_private_key(private_key: bytes, tweak: bytes) -> bytes:
    """Return the private key of the tweaked x-only key."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    secret = int.from_bytes(private_key, "big")
    if coincurve.PublicKeyXOnly.from_secret(private_key).parity:
        secret = order - secret
    return ((secret + int.from_bytes(tweak, "big")) % order).to_bytes(32, "big")
