"""The search for proof of work."""

from dataclasses import replace

from chainkit.formats.ghostdag.hashing import BLOCK_HASH, keyed_hash
from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.proof_of_work import target_of

_NONCE_BYTES = 8


def search(header: Header, first_nonce: int, tries: int) -> Header | None:
    """Return the header with a nonce of the range that gives it work, or None."""
    target = target_of(header.bits)
    raw = bytearray(header.encode())
    work_bytes = (header.blue_work.bit_length() + 7) // 8
    at = len(raw) - 32 - work_bytes - 4 * _NONCE_BYTES
    for nonce in range(first_nonce, min(first_nonce + tries, 1 << 64)):
        raw[at : at + _NONCE_BYTES] = nonce.to_bytes(_NONCE_BYTES, "little")
        if int.from_bytes(keyed_hash(BLOCK_HASH, bytes(raw)), "little") <= target:
            return replace(header, nonce=nonce)
    return None
