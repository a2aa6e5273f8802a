"""Merlin transcripts over STROBE-128, as CometBFT's handshake uses them.

Spec:
    STROBE 1.0.2 (strobe.sourceforge.io, "Specification") with Keccak-f[1600] and security
    128; Merlin 1.0 (merlin.cool, "Transcript operations"). Only the three operations that
    Merlin needs: meta-AD, AD, PRF.
"""

from chainkit.primitives.keccak import STATE_BYTES, keccak_f1600

_RATE = 166
_FLAG_INPUT = 1
_FLAG_APPLICATION = 2
_FLAG_CIPHER = 4
_FLAG_META = 16


class Strobe128:
    """A STROBE duplex without transport operations; mutable, as a sponge is."""

    def __init__(self, protocol: bytes) -> None:
        self._state = bytearray(STATE_BYTES)
        self._state[:18] = bytes([1, _RATE + 2, 1, 0, 1, 96]) + b"STROBEv1.0.2"
        keccak_f1600(self._state)
        self._position = 0
        self._begun = 0
        self.meta_ad(protocol)

    def meta_ad(self, data: bytes, *, more: bool = False) -> None:
        """Absorb framing; with ``more``, continue the operation before."""
        if not more:
            self._begin(_FLAG_META | _FLAG_APPLICATION)
        self._absorb(data)

    def ad(self, data: bytes) -> None:
        """Absorb associated data."""
        self._begin(_FLAG_APPLICATION)
        self._absorb(data)

    def prf(self, size: int) -> bytes:
        """Return ``size`` bytes that depend on everything before."""
        self._begin(_FLAG_INPUT | _FLAG_APPLICATION | _FLAG_CIPHER)
        out = bytearray()
        for _ in range(size):
            out.append(self._state[self._position])
            self._state[self._position] = 0
            self._step()
        return bytes(out)

    def _begin(self, flags: int) -> None:
        begun, self._begun = self._begun, self._position + 1
        self._absorb(bytes([begun, flags]))
        if flags & _FLAG_CIPHER and self._position:
            self._run()

    def _absorb(self, data: bytes) -> None:
        for byte in data:
            self._state[self._position] ^= byte
            self._step()

    def _step(self) -> None:
        self._position += 1
        if self._position == _RATE:
            self._run()

    def _run(self) -> None:
        self._state[self._position] ^= self._begun
        self._state[self._position + 1] ^= 0x04
        self._state[_RATE + 1] ^= 0x80
        keccak_f1600(self._state)
        self._position = self._begun = 0


class Transcript:
    """A Merlin transcript: what both sides said, and challenges that bind it."""

    def __init__(self, label: bytes) -> None:
        self._strobe = Strobe128(b"Merlin v1.0")
        self.append_message(b"dom-sep", label)

    def append_message(self, label: bytes, message: bytes) -> None:
        """Bind a labelled message."""
        self._strobe.meta_ad(label)
        self._strobe.meta_ad(len(message).to_bytes(4, "little"), more=True)
        self._strobe.ad(message)

    def challenge(self, label: bytes, size: int) -> bytes:
        """Return ``size`` bytes that bind all messages so far."""
        self._strobe.meta_ad(label)
        self._strobe.meta_ad(size.to_bytes(4, "little"), more=True)
        return self._strobe.prf(size)
