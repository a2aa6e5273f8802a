"""Signatures of a run: stubs that nobody forges, or real ed25519 ones."""

from dataclasses import replace
from hashlib import sha256
from typing import Protocol

from chainkit.formats.tendermint.sign_bytes import proposal_sign_bytes, vote_sign_bytes
from chainkit.formats.tendermint.types import Proposal, Vote
from chainkit.primitives.types import Address, ChainId, TimestampNs
from chainkit.sigverify.ed25519 import ed25519_address, public_key_from_seed, sign, verify

CHAIN_ID = ChainId("simulated")
Message = Vote | Proposal


class Keys(Protocol):
    """The keys of all validators of a run."""

    def public_key(self, number: int) -> bytes:
        """Return the key of the validator made as the ``number``-th."""
        ...

    def signed(self, message: Message, signer: Address, time: TimestampNs) -> Message:
        """Return the message with that time and the signer's signature."""
        ...

    def is_signed(self, message: Message, signer: Address) -> bool:
        """Return whether the message's signature is the signer's."""
        ...


class StubKeys:
    """A signature is the signer's name: cheap, and the simulated hostile forge none."""

    def public_key(self, number: int) -> bytes:
        """Return bytes that are no point."""
        return bytes([number + 1]) * 32

    def signed(self, message: Message, signer: Address, time: TimestampNs) -> Message:
        """Return the message with the stub."""
        signature = b"signed by " + signer
        if isinstance(message, Proposal):
            return replace(message, timestamp=time, signature=signature)
        return Vote(
            message.type,
            message.height,
            message.round,
            message.block_id,
            time,
            message.validator_address,
            message.validator_index,
            signature,
        )

    def is_signed(self, message: Message, signer: Address) -> bool:
        """Return whether it is the signer's stub."""
        return message.signature == b"signed by " + signer


class Ed25519Keys:
    """Real keys, from the seed of the run. Mutable: it remembers the keys that it made."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._seeds: dict[Address, bytes] = {}
        self._public_keys: dict[Address, bytes] = {}

    def public_key(self, number: int) -> bytes:
        """Return a new key."""
        seed = sha256(f"key {number} of run {self._seed}".encode()).digest()
        public_key = public_key_from_seed(seed)
        address = ed25519_address(public_key)
        self._seeds[address], self._public_keys[address] = seed, public_key
        return public_key

    def signed(self, message: Message, signer: Address, time: TimestampNs) -> Message:
        """Return the message with the signature over its canonical bytes."""
        timed = replace(message, timestamp=time)
        return replace(timed, signature=sign(self._seeds[signer], _sign_bytes(timed)))

    def is_signed(self, message: Message, signer: Address) -> bool:
        """Return whether the signature verifies under the signer's key."""
        key = self._public_keys.get(signer)
        if key is None or message.height < 0 or message.round < 0:
            return False
        return verify(key, _sign_bytes(message), message.signature)


def _sign_bytes(message: Message) -> bytes:
    if isinstance(message, Vote):
        return vote_sign_bytes(CHAIN_ID, message)
    return proposal_sign_bytes(CHAIN_ID, message)
