"""The engine without a compiler: libsodium where it accepts, plain Python where it refuses.

Right by the oracle, since libsodium's rules are stricter than ZIP-215's in each point
(canonical A, R and s, no small order, the equation without cofactor). One at a time.
"""

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from chainkit.sigverify import _reference

NAME = "python"


class Keys:
    """Keeps nothing: there is no expanded form."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity

    def __len__(self) -> int:
        return 0

    def clear(self) -> None:
        """Forget nothing."""


def verify_range(
    items: tuple[tuple[bytes, bytes, bytes], ...],
    first: int,
    last: int,
    verdicts: bytearray,
    keys: Keys | None,  # noqa: ARG001 - the engines share this signature
) -> None:
    """Judge items[first:last] and write 1 or 0 for each into ``verdicts`` at its place."""
    for place in range(first, last):
        verdicts[place] = _verify(*items[place])


def _verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    if len(public_key) != 32 or len(signature) != 64:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return _reference.verify(public_key, message, signature)
    return True
