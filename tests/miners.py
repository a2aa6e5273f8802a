"""Mines headers and blocks at a few bits of work, for tests."""

from dataclasses import replace

from chainkit.formats.bitcoin.header_chain import ChainPoint, extend, next_bits
from chainkit.formats.bitcoin.headers import BlockHeader
from chainkit.formats.bitcoin.proof_of_work import ProofOfWorkRules, bits_of, target_of
from chainkit.formats.bitcoin.transactions import (
    NULL_INDEX,
    NULL_TXID,
    OutPoint,
    Transaction,
    TxInput,
    TxOutput,
)

START = 1_700_000_000
EASY_LIMIT = (1 << 250) - 1
"""Six bits of work: 64 hashes a header."""

RULES = ProofOfWorkRules(pow_limit=EASY_LIMIT, target_spacing=10, retarget_interval=20)


def coinbase(height: int, *scripts: bytes) -> Transaction:
    """A coinbase whose outputs carry ``scripts`` and no coins."""
    entry = TxInput(OutPoint(NULL_TXID, NULL_INDEX), height.to_bytes(4, "little"), 0xFFFFFFFF)
    return Transaction(2, (entry,), tuple(TxOutput(0, script) for script in scripts), 0)


def work_on(header: BlockHeader) -> BlockHeader:
    """The header with a nonce that gives it proof of work."""
    target = target_of(header.bits)
    nonce = 0
    while int.from_bytes(header.hash, "little") > target:
        nonce += 1
        header = replace(header, nonce=nonce)
    return header


def mine(
    parent: ChainPoint, *, time: int | None = None, root: bytes = bytes(32), bits: int | None = None
) -> BlockHeader:
    """A child of ``parent``; a ``bits`` that the rules do not give is mined all the same."""
    return work_on(
        BlockHeader(
            version=4,
            previous_block=parent.header.hash,
            merkle_root=root,
            time=parent.header.time + RULES.target_spacing if time is None else time,
            bits=next_bits(parent, RULES) if bits is None else bits,
            nonce=0,
        )
    )


def grow(parent: ChainPoint, count: int, *, salt: int = 0, spacing: int = 10) -> list[ChainPoint]:
    """``count`` descendants of ``parent``; another salt gives other blocks."""
    points = []
    for _ in range(count):
        header = mine(parent, time=parent.header.time + spacing, root=salt.to_bytes(32, "big"))
        parent = extend(parent, header, RULES, now=header.time)
        points.append(parent)
    return points


def first_point() -> ChainPoint:
    """A genesis of the test rules."""
    header = work_on(BlockHeader(4, bytes(32), bytes(32), START, bits_of(EASY_LIMIT), 0))
    return ChainPoint(header, 0, (1 << 256) // (target_of(header.bits) + 1), START, ())
