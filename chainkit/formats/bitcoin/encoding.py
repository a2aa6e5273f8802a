"""Bitcoin's serialization: little-endian integers and canonical compact sizes."""

from chainkit.formats.bitcoin.errors import MalformedBitcoin
from chainkit.formats.bitcoin.limits import MAX_COMPACT_SIZE


class Reader:
    """A cursor over bytes from outside; every read is checked."""

    __slots__ = ("_data", "_end", "position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._end = len(data)
        self.position = 0

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes.

        Raises:
            MalformedBitcoin: There are fewer.
        """
        end = self.position + count
        if end > self._end:
            raise MalformedBitcoin(f"data ends early: {count} bytes expected at {self.position}")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def unsigned(self, size: int) -> int:
        """Return a little-endian unsigned integer of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def signed(self, size: int) -> int:
        """Return a little-endian two's complement integer of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little", signed=True)

    def compact_size(self, limit: int = MAX_COMPACT_SIZE) -> int:
        """Return a compact size of at most ``limit``.

        Raises:
            MalformedBitcoin: It is not the shortest encoding, or over the limit.
        """
        first = self.unsigned(1)
        if first < 0xFD:
            value = first
        else:
            size = {0xFD: 2, 0xFE: 4, 0xFF: 8}[first]
            value = self.unsigned(size)
            if value < (0xFD, 0x1_0000, 0x1_0000_0000)[first - 0xFD]:
                raise MalformedBitcoin("non-canonical compact size")
        if value > limit:
            raise MalformedBitcoin(f"compact size {value} is over {limit}")
        return value

    def sized_bytes(self, limit: int = MAX_COMPACT_SIZE) -> bytes:
        """Return bytes with their compact size before them."""
        return self.take(self.compact_size(limit))

    def remaining(self) -> int:
        """Return how many bytes are left."""
        return self._end - self.position

    def finish(self) -> None:
        """Refuse bytes after the value.

        Raises:
            MalformedBitcoin: There are some.
        """
        if self.position != self._end:
            raise MalformedBitcoin(f"{self.remaining()} bytes after the end")


def encode_compact_size(value: int) -> bytes:
    """Return the compact size of ``value``, 0 to 2**64-1."""
    if value < 0xFD:
        return value.to_bytes(1, "little")
    if value < 0x1_0000:
        return b"\xfd" + value.to_bytes(2, "little")
    if value < 0x1_0000_0000:
        return b"\xfe" + value.to_bytes(4, "little")
    return b"\xff" + value.to_bytes(8, "little")


def encode_sized(data: bytes) -> bytes:
    """Return ``data`` after its compact size."""
    return encode_compact_size(len(data)) + data


def display_hash(internal: bytes) -> str:
    """Return a hash as people read it: reversed, in hex."""
    return internal[::-1].hex()


def parse_display_hash(text: str) -> bytes:
    """Return the 32 internal bytes of a displayed hash.

    Raises:
        MalformedBitcoin: It is not 64 hex digits.
    """
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise MalformedBitcoin("a hash is 64 hex digits") from None
    if len(data) != 32 or len(text) != 64:
        raise MalformedBitcoin("a hash is 64 hex digits")
    return data[::-1]
