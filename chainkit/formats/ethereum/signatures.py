"""ECDSA over secp256k1 as Ethereum uses it: the key is recovered from the signature."""

import coincurve

from chainkit.formats.ethereum.addresses import address_of_public_key
from chainkit.formats.ethereum.errors import HighS, InvalidSignature, WrongParity
from chainkit.primitives.types import Address, Hash32
from chainkit.sigverify.secp256k1 import ORDER


def address_of(private_key: bytes) -> Address:
    """Return the address of a 32-byte private key."""
    point = coincurve.PrivateKey(private_key).public_key.format(compressed=False)
    return address_of_public_key(point[1:])


def sign_digest(private_key: bytes, digest: Hash32) -> tuple[int, int, int]:
    """Return (y parity, r, s) over a 32-byte digest, s low; deterministic (RFC 6979)."""
    signature = coincurve.PrivateKey(private_key).sign_recoverable(digest, hasher=None)
    return (
        signature[64],
        int.from_bytes(signature[:32], "big"),
        int.from_bytes(signature[32:64], "big"),
    )


def recover_address(digest: Hash32, y_parity: int, r: int, s: int) -> Address:
    """Return the address whose key made the signature.

    Raises:
        WrongParity: ``y_parity`` is neither 0 nor 1.
        HighS: ``s`` is above half the order (EIP-2).
        InvalidSignature: ``r`` or ``s`` is 0 or not below the order, or no key fits.

    Spec:
        Yellow Paper, appendix F.
    """
    if y_parity not in {0, 1}:
        raise WrongParity(value=y_parity)
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise InvalidSignature
    if s > ORDER // 2:
        raise HighS
    return recover_any_s(digest, y_parity, r, s)


def recover_any_s(digest: Hash32, y_parity: int, r: int, s: int) -> Address:
    """Return the address of a signature whose numbers are in range, its ``s`` high or low.

    Raises:
        InvalidSignature: No key fits.
    """
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((y_parity,))
    try:
        key = coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError as error:
        raise InvalidSignature from error
    return address_of_public_key(key.format(compressed=False)[1:])
