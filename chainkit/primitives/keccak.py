"""Keccak: the permutation (FIPS 202, section 3.3) and Ethereum's Keccak-256.

``keccak_f1600`` and ``keccak256`` are the compiled extension where it was built, else their
Python twins below; they are compared in the tests.
"""

from collections.abc import Callable

from chainkit.primitives.types import Hash32

STATE_BYTES = 200
_RATE = 136
_MASK = 2**64 - 1
_ROTATIONS = (
    1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44,
)  # fmt: skip
_LANES = (
    10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1,
)  # fmt: skip


def _round_constants() -> tuple[int, ...]:
    """Return the 24 constants of step iota, from their shift register (FIPS 202, algorithm 5)."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for bit in range(7):
            if register & 1:
                constant |= 1 << (1 << bit) - 1
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


_ROUND_CONSTANTS = _round_constants()


def _rotate(value: int, count: int) -> int:
    return (value << count | value >> 64 - count) & _MASK


def keccak_f1600_python(state: bytearray) -> None:
    """Permute the 200-byte ``state`` in place: the readable twin of the extension.

    Raises:
        ValueError: The state has another size.
    """
    if len(state) != STATE_BYTES:
        raise ValueError("keccak state is 200 bytes")
    lanes = [int.from_bytes(state[at : at + 8], "little") for at in range(0, STATE_BYTES, 8)]
    for constant in _ROUND_CONSTANTS:
        column = [
            lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
            for x in range(5)
        ]
        theta = [column[(x + 4) % 5] ^ _rotate(column[(x + 1) % 5], 1) for x in range(5)]
        lanes = [lane ^ theta[index % 5] for index, lane in enumerate(lanes)]
        moved = lanes[1]
        for target, count in zip(_LANES, _ROTATIONS, strict=True):
            lanes[target], moved = _rotate(moved, count), lanes[target]
        for y in range(0, 25, 5):
            row = lanes[y : y + 5]
            for x in range(5):
                lanes[y + x] = row[x] ^ (~row[(x + 1) % 5] & _MASK & row[(x + 2) % 5])
        lanes[0] ^= constant
    state[:] = b"".join(lane.to_bytes(8, "little") for lane in lanes)


def keccak256_python(data: bytes) -> Hash32:
    """Return Keccak-256 by the Python permutation: the readable twin of the extension."""
    state = bytearray(STATE_BYTES)
    padded = data + b"\x01" + bytes(-(len(data) + 1) % _RATE)
    for at in range(0, len(padded), _RATE):
        block = int.from_bytes(padded[at : at + _RATE], "little")
        block ^= int.from_bytes(state[:_RATE], "little")
        state[:_RATE] = block.to_bytes(_RATE, "little")
        if at + _RATE == len(padded):
            state[_RATE - 1] ^= 0x80
        keccak_f1600_python(state)
    return Hash32(bytes(state[:32]))


def _fastest() -> tuple[Callable[[bytearray], None], Callable[[bytes], Hash32]]:
    try:
        from chainkit.primitives._keccak import (  # noqa: PLC0415 - it may be absent
            keccak256,
            keccak_f1600,
        )
    except ImportError:
        return keccak_f1600_python, keccak256_python
    return keccak_f1600, keccak256


keccak_f1600, keccak256 = _fastest()
"""Permute a 200-byte state in place, ``ValueError`` for another size; and return Keccak-256 of
bytes, with the padding from before FIPS 202, as Ethereum uses it."""
