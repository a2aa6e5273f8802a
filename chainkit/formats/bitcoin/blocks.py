"""Blocks: encoding, merkle roots, the witness commitment, and the checks that need no chain.

Spec:
    Bitcoin Core ``validation.cpp`` (CheckBlock, CheckWitnessMalleation); BIP-34, BIP-141.
"""

from dataclasses import dataclass
from functools import cached_property

from chainkit.formats.bitcoin.encoding import Reader, encode_compact_size
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken, MalformedBitcoin
from chainkit.formats.bitcoin.hashing import double_sha256
from chainkit.formats.bitcoin.headers import BlockHeader, read_header
from chainkit.formats.bitcoin.limits import (
    MAX_BLOCK_SIGOPS_COST,
    MAX_BLOCK_WEIGHT,
    WITNESS_SCALE_FACTOR,
)
from chainkit.formats.bitcoin.merkle import MAX_BLOCK_TRANSACTIONS, merkle_root, root_and_mutation
from chainkit.formats.bitcoin.script import count_sigops, push_number
from chainkit.formats.bitcoin.transactions import Transaction, check_transaction, read_transaction

WITNESS_COMMITMENT_PREFIX = bytes.fromhex("6a24aa21a9ed")
WITNESS_RESERVED_BYTES = 32


@dataclass(frozen=True)
class Block:
    """A header with its transactions, the coinbase first."""

    header: BlockHeader
    transactions: tuple[Transaction, ...]

    @cached_property
    def encoded(self) -> bytes:
        """The full encoding."""
        count = encode_compact_size(len(self.transactions))
        return b"".join((self.header.encode(), count, *(tx.encoded for tx in self.transactions)))

    @cached_property
    def weight(self) -> int:
        """The block's weight (BIP-141)."""
        overhead = 80 + len(encode_compact_size(len(self.transactions)))
        return overhead * WITNESS_SCALE_FACTOR + sum(tx.weight for tx in self.transactions)


def decode_block(data: bytes) -> Block:
    """Return the block in exactly ``data``.

    Raises:
        MalformedBitcoin: The bytes are no canonical block, or over the weight limit.
    """
    if len(data) > MAX_BLOCK_WEIGHT:
        raise MalformedBitcoin(f"block of {len(data)} bytes is over {MAX_BLOCK_WEIGHT}")
    reader = Reader(data)
    header = read_header(reader)
    count = reader.compact_size(MAX_BLOCK_TRANSACTIONS)
    transactions = tuple(read_transaction(reader) for _ in range(count))
    reader.finish()
    return Block(header, transactions)


def transactions_root(transactions: tuple[Transaction, ...]) -> bytes:
    """Return the merkle root that the header carries."""
    return merkle_root([tx.txid for tx in transactions])


def witness_root(transactions: tuple[Transaction, ...]) -> bytes:
    """Return the root over the identifiers with witness; the coinbase counts as zero."""
    return merkle_root([bytes(32), *(tx.wtxid for tx in transactions[1:])])


def witness_commitment(transactions: tuple[Transaction, ...], reserved: bytes) -> bytes:
    """Return the output script with which a coinbase commits to all witnesses."""
    root = witness_root(transactions)
    return WITNESS_COMMITMENT_PREFIX + double_sha256(root + reserved)


def find_witness_commitment(coinbase: Transaction) -> int | None:
    """Return the index of the coinbase's last output with a witness commitment."""
    found = None
    for index, output in enumerate(coinbase.outputs):
        script = output.script_pubkey
        if len(script) >= 38 and script.startswith(WITNESS_COMMITMENT_PREFIX):
            found = index
    return found


def height_script(height: int) -> bytes:
    """Return what a coinbase's script must begin with (BIP-34)."""
    return push_number(height)


def check_block(block: Block) -> None:
    """Check what needs no other block; proof of work is the header's affair.

    Raises:
        BitcoinRuleBroken: With Bitcoin Core's reject reason.
    """
    txids = [tx.txid for tx in block.transactions]
    root, mutated = root_and_mutation(txids)
    if root != block.header.merkle_root:
        raise BitcoinRuleBroken("bad-txnmrklroot")
    if mutated:
        raise BitcoinRuleBroken("bad-txns-duplicate")
    stripped = 80 + len(encode_compact_size(len(txids)))
    stripped += sum(len(tx.stripped) for tx in block.transactions)
    if not block.transactions or stripped * WITNESS_SCALE_FACTOR > MAX_BLOCK_WEIGHT:
        raise BitcoinRuleBroken("bad-blk-length")
    if not block.transactions[0].is_coinbase:
        raise BitcoinRuleBroken("bad-cb-missing")
    if any(tx.is_coinbase for tx in block.transactions[1:]):
        raise BitcoinRuleBroken("bad-cb-multiple")
    for tx in block.transactions:
        check_transaction(tx)
    sigops = sum(legacy_sigops(tx) for tx in block.transactions)
    if sigops * WITNESS_SCALE_FACTOR > MAX_BLOCK_SIGOPS_COST:
        raise BitcoinRuleBroken("bad-blk-sigops")


def legacy_sigops(tx: Transaction) -> int:
    """Return the signature operations in a transaction's own scripts."""
    return sum(count_sigops(i.script_sig, accurate=False) for i in tx.inputs) + sum(
        count_sigops(output.script_pubkey, accurate=False) for output in tx.outputs
    )


def check_block_in_context(block: Block, height: int) -> None:
    """Check the coinbase's height, the witness commitment and the weight.

    Raises:
        BitcoinRuleBroken: With Bitcoin Core's reject reason.
    """
    coinbase = block.transactions[0]
    if not coinbase.inputs[0].script_sig.startswith(height_script(height)):
        raise BitcoinRuleBroken("bad-cb-height")
    check_witness_commitment(block)
    if block.weight > MAX_BLOCK_WEIGHT:
        raise BitcoinRuleBroken("bad-blk-weight")


def check_witness_commitment(block: Block) -> None:
    """Check that the coinbase commits to the witnesses, where there are any.

    Raises:
        BitcoinRuleBroken: With Bitcoin Core's reject reason.
    """
    coinbase = block.transactions[0]
    index = find_witness_commitment(coinbase)
    if index is None:
        if any(tx.has_witness for tx in block.transactions):
            raise BitcoinRuleBroken("unexpected-witness")
        return
    witness = coinbase.inputs[0].witness
    if len(witness) != 1 or len(witness[0]) != WITNESS_RESERVED_BYTES:
        raise BitcoinRuleBroken("bad-witness-nonce-size")
    expected = witness_commitment(block.transactions, witness[0])
    if coinbase.outputs[index].script_pubkey[:38] != expected:
        raise BitcoinRuleBroken("bad-witness-merkle-match")
