"""A forger with a miner: headers that have their work, whatever else is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chainkit.formats.bitcoin.blocks import Block, height_script, transactions_root
from chainkit.formats.bitcoin.header_chain import ChainPoint, extend, next_bits
from chainkit.formats.bitcoin.headers import BlockHeader
from chainkit.formats.bitcoin.proof_of_work import ProofOfWorkRules, starts_period, target_of
from chainkit.formats.bitcoin.script import push
from chainkit.formats.bitcoin.transactions import (
    NULL_INDEX,
    NULL_TXID,
    OutPoint,
    Transaction,
    TxInput,
    TxOutput,
)
from parachains.utxo.mining import search

_VERSION = 0x20000000
_NONCES = 1 << 32
NO_ROOT = bytes(32)


@dataclass(frozen=True, slots=True)
class MinedBlock:
    """A block of the forger's, and the headers that make it final."""

    height: int
    transactions: tuple[Transaction, ...]
    headers: tuple[BlockHeader, ...]


def has_work(header: BlockHeader) -> bool:
    """Return whether a header has the work that its bits name."""
    return int.from_bytes(header.hash, "little") <= target_of(header.bits)


def child(
    parent: ChainPoint, rules: ProofOfWorkRules, *, root: bytes = NO_ROOT, time: int | None = None
) -> BlockHeader:
    """Return a header on ``parent`` that every rule accepts but that of work.

    Its time is as early as the rules let it be, where none is given.
    """
    earliest = parent.median_time_past + 1
    return BlockHeader(
        version=_VERSION,
        previous_block=parent.header.hash,
        merkle_root=root,
        time=earliest if time is None else time,
        bits=next_bits(parent, rules),
        nonce=0,
    )


def with_work(header: BlockHeader) -> BlockHeader:
    """Return the header with a nonce that gives it the work that its bits name."""
    found = search(Block(header, ()), 0, _NONCES)
    assert found is not None, "no nonce gives the header its work"
    return found.header


def without_work(header: BlockHeader) -> BlockHeader:
    """Return the header with a nonce that does not give it its work."""
    while has_work(header):
        header = replace(header, nonce=header.nonce + 1)
    return header


def mine_run(
    parent: ChainPoint, rules: ProofOfWorkRules, roots: Sequence[bytes]
) -> tuple[ChainPoint, ...]:
    """Return headers on ``parent`` with these merkle roots, as a client would keep them."""
    points = []
    for root in roots:
        header = with_work(child(parent, rules, root=root))
        parent = extend(parent, header, rules, now=header.time)
        points.append(parent)
    return tuple(points)


def mine_to_retarget(parent: ChainPoint, rules: ProofOfWorkRules) -> tuple[ChainPoint, ...]:
    """Return headers on ``parent`` up to the last of its difficulty period; maybe none."""
    points: tuple[ChainPoint, ...] = ()
    while not starts_period(parent.height + 1, rules):
        points += mine_run(parent, rules, (NO_ROOT,))
        parent = points[-1]
    return points


def mine_block(
    parent: ChainPoint,
    rules: ProofOfWorkRules,
    transactions: tuple[Transaction, ...],
    confirmations: int,
) -> MinedBlock:
    """Return a block on ``parent`` under so many headers that it is final."""
    roots = (transactions_root(transactions), *(NO_ROOT for _ in range(confirmations - 1)))
    points = mine_run(parent, rules, roots)
    headers = tuple(point.header for point in points)
    return MinedBlock(points[0].height, transactions, headers)


def coinbase(height: int, scripts: Sequence[bytes], *, note: bytes = b"forged") -> Transaction:
    """Return a coinbase with an output for each script."""
    entry = TxInput(OutPoint(NULL_TXID, NULL_INDEX), height_script(height) + push(note), 0xFFFFFFFF)
    return Transaction(2, (entry,), tuple(TxOutput(0, script) for script in scripts), 0)


def payment(scripts: Sequence[bytes]) -> Transaction:
    """Return a transaction that spends something and has an output for each script."""
    entry = TxInput(OutPoint(b"\x0f" * 32, 0), b"", 0xFFFFFFFF)
    return Transaction(2, (entry,), tuple(TxOutput(0, script) for script in scripts), 0)
