"""The search for proof of work."""

from dataclasses import replace
from hashlib import blake2b

from chainkit.formats.ghostdag.hashing import BLOCK_HASH
from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.limits import HASH_BYTES
from chainkit.formats.ghostdag.proof_of_work import target_of

_NONCE_BYTES = 8


def search(header: Header, first_nonce: int, tries: int) -> Header | None:
    """Return the header with a nonce of the range that gives it work, or None.

    What comes before the nonce is hashed once.
    """
    target = target_of(header.bits).to_bytes(HASH_BYTES, "big")
    raw = header.encode()
    work_bytes = (header.blue_work.bit_length() + 7) // 8
    at = len(raw) - HASH_BYTES - work_bytes - 4 * _NONCE_BYTES
    head = blake2b(raw[:at], digest_size=HASH_BYTES, key=BLOCK_HASH)
    tail = raw[at + _NONCE_BYTES :]
    for nonce in range(first_nonce, min(first_nonce + tries, 1 << 64)):
        attempt = head.copy()
        attempt.update(nonce.to_bytes(_NONCE_BYTES, "little") + tail)
        if attempt.digest()[::-1] <= target:
            return replace(header, nonce=nonce)
    return None
