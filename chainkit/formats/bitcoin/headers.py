"""The 80-byte block header."""

from dataclasses import dataclass
from functools import cached_property

from chainkit.formats.bitcoin.encoding import Reader
from chainkit.formats.bitcoin.hashing import double_sha256

HEADER_BYTES = 80


@dataclass(frozen=True)
class BlockHeader:
    """A block header; hashes are 32 bytes in internal order, ``time`` is in UNIX seconds."""

    version: int
    previous_block: bytes
    merkle_root: bytes
    time: int
    bits: int
    nonce: int

    def encode(self) -> bytes:
        """Return the 80 bytes."""
        return b"".join(
            (
                self.version.to_bytes(4, "little", signed=True),
                self.previous_block,
                self.merkle_root,
                self.time.to_bytes(4, "little"),
                self.bits.to_bytes(4, "little"),
                self.nonce.to_bytes(4, "little"),
            )
        )

    @cached_property
    def hash(self) -> bytes:
        """The block's hash, 32 bytes in internal order."""
        return double_sha256(self.encode())


def read_header(reader: Reader) -> BlockHeader:
    """Return the header at the cursor."""
    raw = reader.take(HEADER_BYTES)
    header = BlockHeader(
        version=int.from_bytes(raw[:4], "little", signed=True),
        previous_block=raw[4:36],
        merkle_root=raw[36:68],
        time=int.from_bytes(raw[68:72], "little"),
        bits=int.from_bytes(raw[72:76], "little"),
        nonce=int.from_bytes(raw[76:80], "little"),
    )
    header.__dict__["hash"] = double_sha256(raw)
    return header


def decode_header(data: bytes) -> BlockHeader:
    """Return the header in exactly 80 bytes.

    Raises:
        MalformedBitcoin: There are fewer or more.
    """
    reader = Reader(data)
    header = read_header(reader)
    reader.finish()
    return header
