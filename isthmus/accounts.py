"""Funded accounts of a local network: keys from one well-known phrase, as anvil has them.

The phrase is public, so these keys guard nothing; a real network gets another phrase.

Spec:
    BIP-39, BIP-32; the path is Cosmos's, m/44'/118'/0'/0/index (SLIP-44).
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from chainkit.primitives.bech32 import encode_bech32
from chainkit.primitives.types import Address
from chainkit.sigverify.secp256k1 import public_key_of, secp256k1_address

DEVELOPMENT_PHRASE = "test test test test test test test test test test test junk"
COSMOS_COIN_TYPE = 118
_HARDENED = 2**31
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_SEED_ROUNDS = 2_048


@dataclass(frozen=True, slots=True)
class Account:
    """A named key; its address has another prefix on each chain."""

    name: str
    index: int
    private_key: bytes = field(repr=False)

    @property
    def address(self) -> Address:
        """The 20 bytes that chains know it by."""
        return secp256k1_address(public_key_of(self.private_key))

    def bech32(self, prefix: str) -> str:
        """Return the address as users of a chain write it."""
        return encode_bech32(prefix, self.address)


def derive_account(name: str, index: int, phrase: str = DEVELOPMENT_PHRASE) -> Account:
    """Return the account at ``index`` of a phrase, whose words are taken as they are."""
    seed = hashlib.pbkdf2_hmac("sha512", phrase.encode(), b"mnemonic", _SEED_ROUNDS)
    key, chain_code = _split(hmac.digest(b"Bitcoin seed", seed, "sha512"))
    for step in (44 + _HARDENED, COSMOS_COIN_TYPE + _HARDENED, _HARDENED, 0, index):
        if step >= _HARDENED:
            data = b"\x00" + key + step.to_bytes(4, "big")
        else:
            data = public_key_of(key) + step.to_bytes(4, "big")
        tweak, chain_code = _split(hmac.digest(chain_code, data, "sha512"))
        child = (int.from_bytes(tweak, "big") + int.from_bytes(key, "big")) % _ORDER
        # BIP-32 skips such a step; its chance is 2**-127 and nobody has ever seen one.
        assert child != 0
        assert int.from_bytes(tweak, "big") < _ORDER
        key = child.to_bytes(32, "big")
    return Account(name, index, key)


def _split(digest: bytes) -> tuple[bytes, bytes]:
    return digest[:32], digest[32:]
