"""The secret connection (CometBFT p2p/conn, "SecretConnection"): bytes in, events out.

Station-to-station: both sides send an ephemeral X25519 key, derive two ChaCha20-Poly1305
keys, and sign a challenge over the transcript with their node keys, inside the encryption.
The caller compares the authenticated key with the peer it meant to reach.
"""

from dataclasses import dataclass
from enum import Enum, auto

import nacl.bindings
import nacl.exceptions
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import UINT64_MAX
from chainkit.sigverify import ed25519
from relay_chain.node.p2p.errors import (
    ChallengeNotSigned,
    FrameNotAuthentic,
    LowOrderPoint,
    MalformedFrame,
    NonceExhausted,
    ReflectedKey,
)
from relay_chain.node.p2p.fields import (
    DelimitedReader,
    bytes_field,
    delimited,
    message_field,
    read_bytes_fields,
)
from relay_chain.node.p2p.limits import (
    FRAME_DATA_BYTES,
    FRAME_LENGTH_BYTES,
    MAX_AUTH_MESSAGE_BYTES,
    MAX_EPHEMERAL_KEY_BYTES,
    SEALED_FRAME_BYTES,
)
from relay_chain.node.p2p.transcript import Transcript

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_HKDF_INFO = b"TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN"


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes to send now, to go on with the handshake."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The peer proved that it holds the private key of ``public_key`` (ed25519)."""

    public_key: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """Plaintext of the peer, in order; its boundaries mean nothing."""

    data: bytes


Event = Reply | Authenticated | Received


class _Phase(Enum):
    EPHEMERAL_KEY = auto()
    AUTHENTICATION = auto()
    OPEN = auto()


@dataclass(frozen=True, slots=True)
class Secrets:
    """The two keys of a connection as this side uses them, and HKDF's third output."""

    receive_key: bytes
    send_key: bytes
    challenge: bytes
    """Kept for the vectors; the protocol signs the transcript's challenge instead."""


def derive_secrets(shared_secret: bytes, *, is_lesser: bool) -> Secrets:
    """Return the keys from the X25519 secret; the lesser ephemeral key receives with the first."""
    keys = HKDF(SHA256(), 96, salt=None, info=_HKDF_INFO).derive(shared_secret)
    first, second = keys[:32], keys[32:64]
    if is_lesser:
        return Secrets(receive_key=first, send_key=second, challenge=keys[64:])
    return Secrets(receive_key=second, send_key=first, challenge=keys[64:])


def _shared_secret(private_key: bytes, remote_key: bytes) -> bytes:
    try:
        secret = bytes(nacl.bindings.crypto_scalarmult(private_key, remote_key))
    except nacl.exceptions.RuntimeError as error:
        raise LowOrderPoint from error
    if not any(secret):
        raise LowOrderPoint
    return secret


class _Sealer:
    """One direction: an AEAD key and the counter that is its nonce."""

    def __init__(self, key: bytes) -> None:
        self._aead = ChaCha20Poly1305(key)
        self.counter = 0

    def _next_nonce(self) -> bytes:
        if self.counter >= UINT64_MAX:
            raise NonceExhausted
        nonce = bytes(4) + self.counter.to_bytes(8, "little")
        self.counter += 1
        return nonce

    def seal(self, chunk: bytes) -> bytes:
        frame = len(chunk).to_bytes(FRAME_LENGTH_BYTES, "little") + chunk
        return self._aead.encrypt(
            self._next_nonce(), frame.ljust(FRAME_LENGTH_BYTES + FRAME_DATA_BYTES, b"\0"), None
        )

    def open(self, sealed: bytes) -> bytes:
        nonce = self._next_nonce()
        try:
            frame = self._aead.decrypt(nonce, sealed, None)
        except InvalidTag as error:
            raise FrameNotAuthentic(nonce=self.counter - 1) from error
        length = int.from_bytes(frame[:FRAME_LENGTH_BYTES], "little")
        if length > FRAME_DATA_BYTES:
            raise MalformedFrame(f"frame says {length} bytes of data")
        return frame[FRAME_LENGTH_BYTES : FRAME_LENGTH_BYTES + length]


class SecretConnection:
    """One side of a connection. Mutable: it owns nonces, and partial frames.

    Args:
        seed: The node key's ed25519 seed, 32 bytes.
        ephemeral_key: 32 fresh random bytes, used for nothing else.
    """

    def __init__(self, seed: bytes, ephemeral_key: bytes) -> None:
        assert len(ephemeral_key) == _KEY_BYTES
        self._seed = seed
        self._ephemeral_private = ephemeral_key
        self._ephemeral_public = nacl.bindings.crypto_scalarmult_base(ephemeral_key)
        self._phase = _Phase.EPHEMERAL_KEY
        self._clear = DelimitedReader()
        self._sealed = bytearray()
        self._auth = DelimitedReader()
        self._challenge = b""
        self._sending: _Sealer | None = None
        self._receiving: _Sealer | None = None

    def opening(self) -> bytes:
        """Return what to send first, without waiting for the peer."""
        return delimited(bytes_field(1, self._ephemeral_public))

    def receive(self, data: bytes) -> tuple[Event, ...]:
        """Take bytes from the network and say what follows.

        Raises:
            PeerError: The peer broke the protocol; nothing more may be read or sent.
        """
        events: list[Event] = []
        if self._phase is _Phase.EPHEMERAL_KEY:
            data = self._receive_ephemeral(data, events)
            if self._phase is _Phase.EPHEMERAL_KEY:
                return ()
        self._sealed += data
        whole = len(self._sealed) - len(self._sealed) % SEALED_FRAME_BYTES
        plaintext = bytearray()
        receiving = self._receiving
        assert receiving is not None
        for at in range(0, whole, SEALED_FRAME_BYTES):
            plaintext += receiving.open(bytes(self._sealed[at : at + SEALED_FRAME_BYTES]))
        del self._sealed[:whole]
        if self._phase is _Phase.AUTHENTICATION:
            plaintext = self._receive_authentication(bytes(plaintext), events)
        if plaintext:
            events.append(Received(bytes(plaintext)))
        return tuple(events)

    def seal(self, plaintext: bytes) -> bytes:
        """Return the frames that carry ``plaintext``."""
        sending = self._sending
        assert sending is not None, "sealing before the keys are agreed"
        return b"".join(
            sending.seal(plaintext[at : at + FRAME_DATA_BYTES])
            for at in range(0, len(plaintext), FRAME_DATA_BYTES)
        )

    def _receive_ephemeral(self, data: bytes, events: list[Event]) -> bytes:
        """Consume the peer's ephemeral key and return the bytes after it."""
        self._clear.feed(data)
        message = self._clear.next_message(MAX_EPHEMERAL_KEY_BYTES)
        if message is None:
            return b""
        try:
            (remote,) = read_bytes_fields(message, 1)
        except MalformedMessage as error:
            raise MalformedFrame("ephemeral key does not decode") from error
        if len(remote) != _KEY_BYTES:
            raise MalformedFrame(f"ephemeral key of {len(remote)} bytes")
        if remote == self._ephemeral_public:
            raise ReflectedKey
        self._agree(remote)
        self._phase = _Phase.AUTHENTICATION
        events.append(Reply(self.seal(delimited(self._authentication()))))
        return self._clear.rest()

    def _agree(self, remote: bytes) -> None:
        local = self._ephemeral_public
        secret = _shared_secret(self._ephemeral_private, remote)
        transcript = Transcript(b"TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH")
        transcript.append_message(b"EPHEMERAL_LOWER_PUBLIC_KEY", min(local, remote))
        transcript.append_message(b"EPHEMERAL_UPPER_PUBLIC_KEY", max(local, remote))
        transcript.append_message(b"DH_SECRET", secret)
        self._challenge = transcript.challenge(b"SECRET_CONNECTION_MAC", 32)
        secrets = derive_secrets(secret, is_lesser=local < remote)
        self._sending = _Sealer(secrets.send_key)
        self._receiving = _Sealer(secrets.receive_key)

    def _authentication(self) -> bytes:
        """Return ``AuthSigMessage``: our key, and our signature of the challenge."""
        key = bytes_field(1, ed25519.public_key_from_seed(self._seed))
        return message_field(1, key) + bytes_field(2, ed25519.sign(self._seed, self._challenge))

    def _receive_authentication(self, plaintext: bytes, events: list[Event]) -> bytearray:
        """Consume the peer's authentication and return the plaintext after it."""
        self._auth.feed(plaintext)
        message = self._auth.next_message(MAX_AUTH_MESSAGE_BYTES)
        if message is None:
            return bytearray()
        try:
            key_message, signature = read_bytes_fields(message, 2)
            (key,) = read_bytes_fields(key_message, 1)
        except MalformedMessage as error:
            raise MalformedFrame(
                "authentication does not decode, or the key is no ed25519"
            ) from error
        if len(key) != _KEY_BYTES or len(signature) != _SIGNATURE_BYTES:
            raise MalformedFrame("authentication has a key or signature of a wrong size")
        if not ed25519.verify(key, self._challenge, signature):
            raise ChallengeNotSigned
        self._phase = _Phase.OPEN
        events.append(Authenticated(key))
        return bytearray(self._auth.rest())
