"""The transcript, the handshake and the frames, each with what must be refused."""

import nacl.bindings
import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from chainkit.sigverify import ed25519
from relay_chain.node.p2p import secret_connection as module
from relay_chain.node.p2p.errors import (
    ChallengeNotSigned,
    FrameNotAuthentic,
    LowOrderPoint,
    MalformedFrame,
    NonceExhausted,
    PeerError,
    ReflectedKey,
)
from relay_chain.node.p2p.fields import bytes_field, delimited, message_field
from relay_chain.node.p2p.limits import SEALED_FRAME_BYTES
from relay_chain.node.p2p.secret_connection import (
    Authenticated,
    Received,
    Reply,
    SecretConnection,
)
from relay_chain.node.p2p.transcript import Transcript

LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def connection(number: int) -> SecretConnection:
    return SecretConnection(bytes([number]) * 32, bytes([number + 100]) * 32)


def open_pair() -> tuple[SecretConnection, SecretConnection]:
    a, b = connection(1), connection(2)
    (reply_a,) = a.receive(b.opening())
    (reply_b,) = b.receive(a.opening())
    a.receive(reply_b.data)
    b.receive(reply_a.data)
    return a, b


def test_merlin_gives_its_published_challenge():
    """The transcript of Merlin's own test gives the challenge published with it."""
    transcript = Transcript(b"test protocol")
    transcript.append_message(b"some label", b"some data")

    assert transcript.challenge(b"challenge", 32).hex() == (
        "d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615"
    )


def test_a_transcript_longer_than_the_rate_binds_every_byte():
    """Messages over several permutations give other challenges when one byte differs."""

    def challenge(message):
        transcript = Transcript(b"long")
        transcript.append_message(b"m", message)
        return transcript.challenge(b"c", 400)

    long = bytes(1000)
    assert len(challenge(long)) == 400
    assert challenge(long) != challenge(long[:999] + b"\1")


@pytest.mark.parametrize("step", [1, 7, 1044, 10_000])
def test_both_sides_authenticate_and_talk(step):
    """However the bytes are cut, each side learns the other's key and then the plaintext."""
    a, b = connection(1), connection(2)
    to_b, to_a = a.opening(), b.opening()
    seen_a, seen_b = [], []

    def pump(side, data):
        events = [
            event
            for at in range(0, len(data), step)
            for event in side.receive(data[at : at + step])
        ]
        return b"".join(e.data for e in events if isinstance(e, Reply)), [
            e for e in events if not isinstance(e, Reply)
        ]

    while to_a or to_b:
        (out_b, events_b), (out_a, events_a) = pump(b, to_b), pump(a, to_a)
        seen_a += events_a
        seen_b += events_b
        to_a, to_b = out_b, out_a
    text = bytes(range(256)) * 11
    _, events = pump(b, a.seal(text))

    assert seen_a == [Authenticated(ed25519.public_key_from_seed(bytes([2]) * 32))]
    assert seen_b == [Authenticated(ed25519.public_key_from_seed(bytes([1]) * 32))]
    assert b"".join(e.data for e in events) == text


def test_plaintext_right_behind_the_authentication_is_not_lost():
    """A peer may write on before our own authentication reached it."""
    a, b = connection(1), connection(2)
    (reply,) = a.receive(b.opening())
    early = a.seal(b"early")
    events = b.receive(a.opening() + reply.data + early)

    assert events[-1] == Received(b"early")
    assert isinstance(events[1], Authenticated)


@pytest.mark.parametrize("point", LOW_ORDER)
def test_a_low_order_ephemeral_key_is_refused(point):
    """With such a key the secret is zero and anybody could read and forge."""
    with pytest.raises(LowOrderPoint):
        connection(1).receive(delimited(bytes_field(1, bytes.fromhex(point))))


def test_our_own_ephemeral_key_is_refused():
    """A mirror cannot pass as a peer."""
    a = connection(1)
    with pytest.raises(ReflectedKey):
        a.receive(a.opening())


@pytest.mark.parametrize(
    "data",
    [
        delimited(bytes_field(1, bytes(31))),
        delimited(bytes_field(1, bytes(33))),
        delimited(bytes_field(2, bytes(32))),
        delimited(b""),
        delimited(b"\x0a\x7f"),
        b"\xff\xff\xff\xff\x0f",
        b"\xa0\x00",
        delimited(bytes(65)),
    ],
)
def test_a_malformed_ephemeral_key_is_refused(data):
    """Another size, field or length is an error by name, not a crash."""
    with pytest.raises(MalformedFrame):
        connection(1).receive(data)


def test_a_signature_by_another_key_is_refused(monkeypatch):
    """A peer that names a key without holding it is not that peer."""
    a, b = connection(1), connection(2)
    monkeypatch.setattr(module.ed25519, "public_key_from_seed", lambda _seed: bytes([9]) * 32)
    (reply,) = b.receive(a.opening())
    a.receive(b.opening())
    with pytest.raises(ChallengeNotSigned):
        a.receive(reply.data)


def test_an_authentication_of_another_connection_is_refused():
    """The signature binds both ephemeral keys: a recorded one is worth nothing."""
    a, b = connection(1), connection(2)
    b.receive(a.opening())
    recorded = b._authentication()
    c = SecretConnection(bytes([3]) * 32, bytes([77]) * 32)
    fresh = SecretConnection(bytes([2]) * 32, bytes([78]) * 32)
    fresh.receive(c.opening())
    c.receive(fresh.opening())
    fresh._sending.counter = 0
    with pytest.raises(ChallengeNotSigned):
        c.receive(fresh.seal(delimited(recorded)))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        message_field(1, bytes_field(2, bytes(33))) + bytes_field(2, bytes(64)),
        message_field(1, bytes_field(1, bytes(31))) + bytes_field(2, bytes(64)),
        message_field(1, bytes_field(1, bytes(32))) + bytes_field(2, bytes(63)),
        bytes_field(3, bytes(9)),
        bytes(1025),
    ],
)
def test_a_malformed_authentication_is_refused(message):
    """A secp256k1 key, wrong sizes, unknown fields and long messages are errors by name."""
    a, b = connection(1), connection(2)
    b.receive(a.opening())
    a.receive(b.opening())
    b._sending.counter = 0
    with pytest.raises(MalformedFrame):
        a.receive(b.seal(delimited(message)))


def test_every_flipped_bit_of_a_frame_is_noticed():
    """No byte of a sealed frame can be changed on the way."""
    a, b = open_pair()
    frame = bytearray(a.seal(b"pay 5 to carol"))
    for at in range(0, SEALED_FRAME_BYTES, 61):
        frame[at] ^= 1
        with pytest.raises(FrameNotAuthentic):
            b.receive(bytes(frame))
        b._sealed.clear()
        b._receiving.counter -= 1
        frame[at] ^= 1

    assert b.receive(bytes(frame)) == (Received(b"pay 5 to carol"),)


def test_a_repeated_or_reordered_frame_is_noticed():
    """The nonce counts frames, so each opens once and in its place."""
    a, b = open_pair()
    first, second = a.seal(b"1"), a.seal(b"2")
    with pytest.raises(FrameNotAuthentic):
        b.receive(second)
    a, b = open_pair()
    first = a.seal(b"1")
    b.receive(first)
    with pytest.raises(FrameNotAuthentic):
        b.receive(first)


def test_a_frame_that_says_more_than_it_holds_is_refused():
    """The inner length is checked although the frame is authentic."""
    a, b = open_pair()
    key = a._sending
    bad = (1025).to_bytes(4, "little") + bytes(1024)
    with pytest.raises(MalformedFrame):
        b.receive(key._aead.encrypt(key._next_nonce(), bad, None))


def test_no_nonce_is_ever_used_twice():
    """After the last nonce the connection stops instead of wrapping round."""
    a, _ = open_pair()
    a._sending.counter = 2**64 - 1
    with pytest.raises(NonceExhausted):
        a.seal(b"x")


def test_the_cipher_is_libsodiums():
    """OpenSSL's and libsodium's ChaCha20-Poly1305 seal a frame alike."""
    key, nonce, frame = bytes(range(32)), bytes(4) + (7).to_bytes(8, "little"), bytes(1028)

    assert ChaCha20Poly1305(key).encrypt(
        nonce, frame, None
    ) == nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(frame, None, nonce, key)


def test_every_refusal_is_a_peer_error():
    """The switch catches one class for all that a peer can do wrong here."""
    assert all(
        issubclass(error, PeerError)
        for error in (
            LowOrderPoint,
            ReflectedKey,
            FrameNotAuthentic,
            ChallengeNotSigned,
            MalformedFrame,
        )
    )
