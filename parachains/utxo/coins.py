"""Unspent outputs: their encoding and a view that collects changes."""

from dataclasses import dataclass
from typing import Protocol

from chainkit.formats.bitcoin.encoding import Reader, encode_compact_size, encode_sized
from chainkit.formats.bitcoin.transactions import OutPoint, TxOutput
from chainkit.primitives.hashing import sha256

PREFIX = b"c/"
_BY_SCRIPT = b"a/"


@dataclass(frozen=True, slots=True)
class Coin:
    """An unspent output with where it came from."""

    output: TxOutput
    height: int
    is_coinbase: bool


class CoinSource(Protocol):
    """Where coins are looked up."""

    def coin(self, point: OutPoint) -> Coin | None:
        """Return the unspent coin at ``point``, or None."""
        ...


class BytesReader(Protocol):
    """The part of a database that a view reads."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None."""
        ...


def coin_key(point: OutPoint) -> bytes:
    """Return the database key of a coin."""
    return PREFIX + point.txid + point.index.to_bytes(4, "big")


def point_of_key(key: bytes) -> OutPoint:
    """Return the outpoint of a coin's key."""
    return OutPoint(key[len(PREFIX) : -4], int.from_bytes(key[-4:], "big"))


def script_prefix(script: bytes) -> bytes:
    """Return what the keys of a script's coins begin with in the index by script."""
    return _BY_SCRIPT + sha256(script)


def script_end(script: bytes) -> bytes:
    """Return the first key after a script's coins."""
    return script_prefix(script) + b"\xff" * 37


def point_of_script_key(script: bytes, key: bytes) -> OutPoint:
    """Return the outpoint of a key in the index by script."""
    rest = key[len(script_prefix(script)) :]
    return OutPoint(rest[:-4], int.from_bytes(rest[-4:], "big"))


def _script_key(script: bytes, point: OutPoint) -> bytes:
    return script_prefix(script) + point.txid + point.index.to_bytes(4, "big")


def encode_coin(coin: Coin) -> bytes:
    """Return the stored form."""
    head = encode_compact_size(coin.height * 2 + coin.is_coinbase)
    value = coin.output.value.to_bytes(8, "little")
    return head + value + encode_sized(coin.output.script_pubkey)


def decode_coin(data: bytes) -> Coin:
    """Return a coin that this node stored itself."""
    reader = Reader(data)
    code = reader.compact_size()
    value = reader.signed(8)
    return Coin(TxOutput(value, reader.sized_bytes()), code >> 1, bool(code & 1))


class CoinView:
    """Changes over the stored coins; mutable, one for each block or mempool check."""

    def __init__(self, source: BytesReader) -> None:
        self._source = source
        self.changes: dict[bytes, bytes | None] = {}

    def coin(self, point: OutPoint) -> Coin | None:
        """Return the unspent coin at ``point``, or None."""
        key = coin_key(point)
        data = self.changes[key] if key in self.changes else self._source.get(key)
        return None if data is None else decode_coin(data)

    def spend(self, point: OutPoint) -> None:
        """Take a coin away."""
        coin = self.coin(point)
        self.changes[coin_key(point)] = None
        if coin is not None:
            self.changes[_script_key(coin.output.script_pubkey, point)] = None

    def add(self, point: OutPoint, coin: Coin) -> None:
        """Add a coin."""
        self.changes[coin_key(point)] = encode_coin(coin)
        self.changes[_script_key(coin.output.script_pubkey, point)] = b"\x01"
