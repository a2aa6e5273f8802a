"""Sets of indices with a size: which votes or parts a node has (CometBFT ``BitArray``)."""

from collections.abc import Sequence
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage

_WORD = 64
_WORD_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class BitArray:
    """``size`` bits, of which bit ``i`` of ``mask`` is the one at index ``i``."""

    size: int
    mask: int = 0

    def has(self, index: int) -> bool:
        """Return whether the bit at an index is set; False outside."""
        return 0 <= index < self.size and bool(self.mask >> index & 1)

    def with_index(self, index: int) -> "BitArray":
        """Return this with one more bit set; unchanged for an index outside."""
        if not 0 <= index < self.size:
            return self
        return BitArray(self.size, self.mask | 1 << index)

    def with_mask(self, mask: int) -> "BitArray":
        """Return other bits of the same size; those outside are cut off."""
        return BitArray(self.size, mask & (1 << self.size) - 1)

    def missing(self) -> int:
        """Return the mask of bits that are not set."""
        return ~self.mask & (1 << self.size) - 1

    def words(self) -> list[int]:
        """Return the bits as 64-bit words, as the wire has them."""
        count = -(-self.size // _WORD)
        return [self.mask >> _WORD * at & _WORD_MASK for at in range(count)]


def bit_array_of_words(size: int, words: Sequence[int], *, max_size: int) -> BitArray:
    """Return the bit array that the wire describes.

    Raises:
        MalformedMessage: A negative size, one over ``max_size``, or words that do not fit
            the size (ASA-2025-003).
    """
    if not 0 <= size <= max_size:
        raise MalformedMessage(f"bit array of {size} bits, over {max_size}")
    if len(words) != -(-size // _WORD):
        raise MalformedMessage(f"bit array of {size} bits in {len(words)} words")
    mask = int.from_bytes(b"".join(word.to_bytes(8, "little") for word in words), "little")
    return BitArray(size).with_mask(mask)
