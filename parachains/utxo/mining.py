"""Blocks to work on: choosing transactions, the coinbase with its commitments, the search."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from chainkit.formats.bitcoin.blocks import (
    WITNESS_RESERVED_BYTES,
    Block,
    height_script,
    transactions_root,
    witness_commitment,
)
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.header_chain import next_bits
from chainkit.formats.bitcoin.headers import BlockHeader
from chainkit.formats.bitcoin.limits import MAX_BLOCK_SIGOPS_COST, MAX_BLOCK_WEIGHT
from chainkit.formats.bitcoin.nonces import HEAD_BYTES, NONCES, TARGET_BYTES, first_nonce
from chainkit.formats.bitcoin.proof_of_work import target_of
from chainkit.formats.bitcoin.script import push
from chainkit.formats.bitcoin.transactions import (
    NULL_INDEX,
    NULL_TXID,
    OutPoint,
    Transaction,
    TxInput,
    TxOutput,
)
from light_clients.bitcoin.proofs import commitment_script
from parachains.utxo.chain import Chain
from parachains.utxo.validation import apply_transaction, check_transaction_in_chain, sigops_cost

COINBASE_RESERVED_WEIGHT = 8_000
BLOCK_VERSION = 0x20000000
_RESERVED = bytes(WITNESS_RESERVED_BYTES)


@dataclass(frozen=True, slots=True)
class Template:
    """A block without proof of work, and the transactions that did not fit the chain any more."""

    block: Block
    refused: tuple[bytes, ...]


def build_template(
    chain: Chain,
    candidates: Iterable[Transaction],
    *,
    payout_script: bytes,
    time: int,
    extra: bytes = b"",
) -> Template:
    """Return a block on the active chain's tip that every rule accepts but that of work.

    Args:
        chain: The active chain.
        candidates: Transactions in the order of preference, parents before children.
        payout_script: Who gets subsidy and fees.
        time: The clock in UNIX seconds; the header's time is at least the median past plus one.
        extra: Bytes that make this miner's coinbase differ from others'.
    """
    parent = chain.tip
    height = parent.height + 1
    view = chain.coin_view()
    run = chain.machine.begin_block(parent)
    chosen: list[Transaction] = []
    refused: list[bytes] = []
    weight, cost, fees = COINBASE_RESERVED_WEIGHT, 0, 0
    for tx in candidates:
        try:
            coins, fee = check_transaction_in_chain(
                tx, view, height, parent.median_time_past, chain.median_at
            )
            tx_cost = sigops_cost(tx, coins)
            if weight + tx.weight > MAX_BLOCK_WEIGHT or cost + tx_cost > MAX_BLOCK_SIGOPS_COST:
                continue
            run.transaction(tx, coins)
        except BitcoinRuleBroken:
            refused.append(tx.txid)
            continue
        apply_transaction(tx, view, height)
        chosen.append(tx)
        weight, cost, fees = weight + tx.weight, cost + tx_cost, fees + fee
    reward = chain.parameters.subsidy(height) + fees
    root = chain.machine.root_after(run)
    outputs = (
        TxOutput(reward, payout_script),
        TxOutput(0, commitment_script(chain.parameters.commitment_tag, root)),
    )
    transactions = with_coinbase(height, outputs, tuple(chosen), extra)
    header = BlockHeader(
        version=BLOCK_VERSION,
        previous_block=parent.header.hash,
        merkle_root=transactions_root(transactions),
        time=max(time, parent.median_time_past + 1),
        bits=next_bits(parent, chain.parameters.rules),
        nonce=0,
    )
    return Template(Block(header, transactions), tuple(refused))


def with_coinbase(
    height: int, outputs: tuple[TxOutput, ...], others: tuple[Transaction, ...], extra: bytes
) -> tuple[Transaction, ...]:
    """Return the transactions of a block with the coinbase first, its witness commitment last."""
    script = height_script(height) + push(extra or b"isthmus")
    entry = TxInput(OutPoint(NULL_TXID, NULL_INDEX), script, 0xFFFFFFFF, (_RESERVED,))
    bare = Transaction(2, (entry,), outputs, 0)
    committed = witness_commitment((bare, *others), _RESERVED)
    return (Transaction(2, (entry,), (*outputs, TxOutput(0, committed)), 0), *others)


def search(block: Block, start: int, count: int) -> Block | None:
    """Return the block with proof of work among ``count`` nonces from ``start``, or None."""
    start = min(start, NONCES)
    head = block.header.encode()[:HEAD_BYTES]
    target = target_of(block.header.bits).to_bytes(TARGET_BYTES, "big")
    nonce = first_nonce(head, target, start, min(count, NONCES - start))
    if nonce < 0:
        return None
    return Block(replace(block.header, nonce=nonce), block.transactions)
