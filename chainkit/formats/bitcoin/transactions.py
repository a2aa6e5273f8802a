"""Transactions with and without witness (BIP-144), their identifiers, weight and checks.

Spec:
    Bitcoin Core ``primitives/transaction.h`` and ``consensus/tx_check.cpp``.
"""

from dataclasses import dataclass
from functools import cached_property

from chainkit.formats.bitcoin.encoding import Reader, encode_compact_size, encode_sized
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken, MalformedBitcoin
from chainkit.formats.bitcoin.hashing import double_sha256
from chainkit.formats.bitcoin.limits import MAX_BLOCK_WEIGHT, MAX_MONEY, WITNESS_SCALE_FACTOR

NULL_TXID = bytes(32)
NULL_INDEX = 0xFFFFFFFF
_INPUT_MIN_BYTES = 41
_OUTPUT_MIN_BYTES = 9


@dataclass(frozen=True, slots=True, order=True)
class OutPoint:
    """An output by the transaction that made it (32 bytes, internal order) and its index."""

    txid: bytes
    index: int

    def encode(self) -> bytes:
        """Return the 36 bytes."""
        return self.txid + self.index.to_bytes(4, "little")

    @property
    def is_null(self) -> bool:
        """Whether this is a coinbase's input."""
        return self.index == NULL_INDEX and self.txid == NULL_TXID


@dataclass(frozen=True, slots=True)
class TxInput:
    """What a transaction spends, with the data that allows it."""

    previous_output: OutPoint
    script_sig: bytes
    sequence: int
    witness: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class TxOutput:
    """``value`` satoshis that ``script_pubkey`` guards."""

    value: int
    script_pubkey: bytes

    def encode(self) -> bytes:
        """Return value, then the script with its size."""
        return self.value.to_bytes(8, "little", signed=True) + encode_sized(self.script_pubkey)


@dataclass(frozen=True)
class Transaction:
    """A transaction."""

    version: int
    inputs: tuple[TxInput, ...]
    outputs: tuple[TxOutput, ...]
    lock_time: int

    @property
    def has_witness(self) -> bool:
        """Whether any input carries witness items."""
        return any(tx_input.witness for tx_input in self.inputs)

    @property
    def is_coinbase(self) -> bool:
        """Whether it creates new coins: one input, of nothing."""
        return len(self.inputs) == 1 and self.inputs[0].previous_output.is_null

    @cached_property
    def stripped(self) -> bytes:
        """The encoding without witness, which the identifier hashes."""
        return self._version + self._body + self.lock_time.to_bytes(4, "little")

    @cached_property
    def encoded(self) -> bytes:
        """The full encoding."""
        if not self.has_witness:
            return self.stripped
        witness = b"".join(
            encode_compact_size(len(tx_input.witness))
            + b"".join(map(encode_sized, tx_input.witness))
            for tx_input in self.inputs
        )
        lock_time = self.lock_time.to_bytes(4, "little")
        return b"".join((self._version, b"\x00\x01", self._body, witness, lock_time))

    @property
    def _version(self) -> bytes:
        return self.version.to_bytes(4, "little")

    @cached_property
    def _body(self) -> bytes:
        parts = [encode_compact_size(len(self.inputs))]
        for tx_input in self.inputs:
            parts.append(tx_input.previous_output.encode())
            parts.append(encode_sized(tx_input.script_sig))
            parts.append(tx_input.sequence.to_bytes(4, "little"))
        parts.append(encode_compact_size(len(self.outputs)))
        parts.extend(output.encode() for output in self.outputs)
        return b"".join(parts)

    @cached_property
    def txid(self) -> bytes:
        """The identifier, 32 bytes in internal order."""
        return double_sha256(self.stripped)

    @cached_property
    def wtxid(self) -> bytes:
        """The identifier with witness; equal to ``txid`` where there is none."""
        return double_sha256(self.encoded)

    @property
    def weight(self) -> int:
        """Three times the stripped size plus the full size (BIP-141)."""
        return (WITNESS_SCALE_FACTOR - 1) * len(self.stripped) + len(self.encoded)


def _encode_witness(items: tuple[bytes, ...]) -> bytes:
    return encode_compact_size(len(items)) + b"".join(map(encode_sized, items))


def _read_inputs(reader: Reader) -> list[TxInput]:
    count = reader.compact_size(reader.remaining() // _INPUT_MIN_BYTES)
    inputs = []
    for _ in range(count):
        previous = OutPoint(reader.take(32), reader.unsigned(4))
        inputs.append(TxInput(previous, reader.sized_bytes(), reader.unsigned(4)))
    return inputs


def _read_outputs(reader: Reader) -> list[TxOutput]:
    count = reader.compact_size(reader.remaining() // _OUTPUT_MIN_BYTES)
    return [TxOutput(reader.signed(8), reader.sized_bytes()) for _ in range(count)]


def _read_witness(reader: Reader, tx_input: TxInput) -> TxInput:
    count = reader.compact_size(reader.remaining())
    items = tuple(reader.sized_bytes() for _ in range(count))
    return TxInput(tx_input.previous_output, tx_input.script_sig, tx_input.sequence, items)


def read_transaction(reader: Reader, *, allow_witness: bool = True) -> Transaction:
    """Return the transaction at the cursor."""
    version = reader.unsigned(4)
    inputs = _read_inputs(reader)
    outputs: list[TxOutput] = []
    flags = 0
    if not inputs and allow_witness:
        flags = reader.unsigned(1)
        if flags:
            inputs = _read_inputs(reader)
            outputs = _read_outputs(reader)
    else:
        outputs = _read_outputs(reader)
    if flags & 1:
        inputs = [_read_witness(reader, tx_input) for tx_input in inputs]
        if not any(tx_input.witness for tx_input in inputs):
            raise MalformedBitcoin("superfluous witness record")
    if flags & ~1:
        raise MalformedBitcoin("unknown optional data in a transaction")
    return Transaction(version, tuple(inputs), tuple(outputs), reader.unsigned(4))


def decode_transaction(data: bytes, *, allow_witness: bool = True) -> Transaction:
    """Return the transaction in exactly ``data``.

    Raises:
        MalformedBitcoin: The bytes are no canonical transaction.
    """
    reader = Reader(data)
    transaction = read_transaction(reader, allow_witness=allow_witness)
    reader.finish()
    return transaction


def check_transaction(transaction: Transaction) -> None:
    """Check what needs no context.

    Raises:
        BitcoinRuleBroken: With Bitcoin Core's reject reason.
    """
    if not transaction.inputs:
        raise BitcoinRuleBroken("bad-txns-vin-empty")
    if not transaction.outputs:
        raise BitcoinRuleBroken("bad-txns-vout-empty")
    if len(transaction.stripped) * WITNESS_SCALE_FACTOR > MAX_BLOCK_WEIGHT:
        raise BitcoinRuleBroken("bad-txns-oversize")
    _check_values(transaction)
    spent = {tx_input.previous_output for tx_input in transaction.inputs}
    if len(spent) != len(transaction.inputs):
        raise BitcoinRuleBroken("bad-txns-inputs-duplicate")
    if transaction.is_coinbase:
        if not 2 <= len(transaction.inputs[0].script_sig) <= 100:
            raise BitcoinRuleBroken("bad-cb-length")
    elif any(tx_input.previous_output.is_null for tx_input in transaction.inputs):
        raise BitcoinRuleBroken("bad-txns-prevout-null")


def _check_values(transaction: Transaction) -> None:
    total = 0
    for output in transaction.outputs:
        if output.value < 0:
            raise BitcoinRuleBroken("bad-txns-vout-negative")
        if output.value > MAX_MONEY:
            raise BitcoinRuleBroken("bad-txns-vout-toolarge")
        total += output.value
        if total > MAX_MONEY:
            raise BitcoinRuleBroken("bad-txns-txouttotal-toolarge")
