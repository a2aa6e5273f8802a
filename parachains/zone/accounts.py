"""An account on a zone: its key, and what a signature must name of it."""

import hashlib
from dataclasses import dataclass, field

from chainkit.primitives.bech32 import encode_bech32
from chainkit.sigverify import secp256k1


@dataclass(frozen=True, slots=True)
class Key:
    """An account's private key with the address prefix of its chain; never printed."""

    private_key: bytes = field(repr=False)
    address_prefix: str

    @property
    def public_key(self) -> bytes:
        """The 33-byte public key."""
        return secp256k1.public_key_of(self.private_key)

    @property
    def address(self) -> str:
        """The account's bech32 address."""
        return encode_bech32(self.address_prefix, secp256k1.secp256k1_address(self.public_key))


@dataclass(frozen=True, slots=True)
class Account:
    """What a signature must name of the account, so that it counts once and here only."""

    number: int
    sequence: int


def tx_hash_of(data: bytes) -> str:
    """Return the name of a transaction: upper-case hex of its SHA-256."""
    return hashlib.sha256(data).hexdigest().upper()
