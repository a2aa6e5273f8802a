"""Keccak-256 as Ethereum uses it, once more: the standard library has only SHA-3's padding.

Spec:
    FIPS 202, section 3.2, with the padding of the Keccak submission (0x01 in place of 0x06).
"""

_RATE = 136
_LANES = 25
_MASK = (1 << 64) - 1


def _round_constants() -> tuple[int, ...]:
    """Return the 24 constants that a shift register makes (section 3.2.5)."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for exponent in range(7):
            if register & 1:
                constant |= 1 << ((1 << exponent) - 1)
            register = register << 1 ^ (register >> 7) * 0x171
        constants.append(constant)
    return tuple(constants)


def _walk() -> tuple[tuple[int, int], ...]:
    """Return for each step of rho and pi the lane that is written, and its rotation."""
    steps, x, y = [], 1, 0
    for number in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        steps.append((x + 5 * y, (number + 1) * (number + 2) // 2 % 64))
    return tuple(steps)


_CONSTANTS = _round_constants()
_STEPS = _walk()


def _rotated(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _MASK if by else lane


def _permute(lanes: list[int]) -> list[int]:
    for constant in _CONSTANTS:
        columns = [
            lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
            for x in range(5)
        ]
        mixed = [columns[(x + 4) % 5] ^ _rotated(columns[(x + 1) % 5], 1) for x in range(5)]
        lanes = [lane ^ mixed[at % 5] for at, lane in enumerate(lanes)]
        moved = lanes[1]
        for target, rotation in _STEPS:
            lanes[target], moved = _rotated(moved, rotation), lanes[target]
        lanes = [
            lane ^ (~lanes[at - at % 5 + (at + 1) % 5] & lanes[at - at % 5 + (at + 2) % 5])
            for at, lane in enumerate(lanes)
        ]
        lanes[0] ^= constant
    return lanes


def keccak256(data: bytes) -> bytes:
    """Return the digest of 32 bytes."""
    padded = bytearray(data) + b"\x01" + bytes(-(len(data) + 1) % _RATE)
    padded[-1] |= 0x80
    lanes = [0] * _LANES
    for at in range(0, len(padded), _RATE):
        for index in range(_RATE // 8):
            start = at + 8 * index
            lanes[index] ^= int.from_bytes(padded[start : start + 8], "little")
        lanes = _permute(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])
