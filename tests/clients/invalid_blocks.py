"""Blocks that break one rule each, mined on a world's tip; Bitcoin Core's reason names the rule."""

from dataclasses import replace

from chainkit.formats.bitcoin.blocks import Block, transactions_root
from chainkit.formats.bitcoin.script import Op, build
from chainkit.formats.bitcoin.transactions import (
    NULL_INDEX,
    NULL_TXID,
    OutPoint,
    Transaction,
    TxInput,
    TxOutput,
)
from parachains.utxo.mining import search, with_coinbase
from parachains.utxo.wallet import Spendable, build_transaction, sign
from tests.utxo_worlds import key


def _spend(world, *, output=None, lock_time=0, sequence=0xFFFFFFFD, amount=1_000):
    tx = world.pay(world.miner, [output or TxOutput(amount, key(7).script)])
    if lock_time or sequence != 0xFFFFFFFD:
        inputs = tuple(replace(i, sequence=sequence, witness=()) for i in tx.inputs)
        spent = [world.chain.coin(i.previous_output).output for i in tx.inputs]
        tx = sign(replace(tx, inputs=inputs, lock_time=lock_time), spent, world.miner)
    return tx


def _block(world, transactions=(), *, outputs=None, coinbase=None, **header):
    """The next block with whatever is wrong, and proof of work all the same."""
    template = world.template().block
    made = outputs or template.transactions[0].outputs[:-1]
    parts = with_coinbase(world.chain.tip.height + 1, made, tuple(transactions), b"isthmus")
    parts = (*parts[:1], *parts[1:]) if coinbase is None else coinbase(parts)
    values = {"merkle_root": transactions_root(parts), **header}
    return search(Block(replace(template.header, **values), tuple(parts)), 0, 1 << 22)


def _reward(world, extra=0, **changes):
    first, second = world.template().block.transactions[0].outputs[:2]
    return (replace(first, value=first.value + extra, **changes), second)


def _doubled(world):
    tx = _spend(world)
    change = Spendable(OutPoint(tx.txid, 1), tx.outputs[1])
    child = build_transaction(world.miner, [change], [TxOutput(1_000, key(7).script)], fee_rate=2)
    good = _block(world, [tx, child])
    return Block(good.header, (*good.transactions, child))


def _other_coinbase(world):
    return with_coinbase(9, (TxOutput(0, build(Op.RETURN)),), (), b"other")[0]


def _lower(parts):
    script = b"\x01\x05" + parts[0].inputs[0].script_sig[2:]
    return (replace(parts[0], inputs=(replace(parts[0].inputs[0], script_sig=script),)),)


def _long_script(parts):
    entry = parts[0].inputs[0]
    long = entry.script_sig + bytes(101 - len(entry.script_sig))
    return (replace(parts[0], inputs=(replace(entry, script_sig=long),)),)


def _missing(world):
    tx = _spend(world)
    gone = replace(tx.inputs[0], previous_output=OutPoint(b"\x09" * 32, 0))
    return replace(tx, inputs=(gone,))


def _too_much(world):
    tx = _spend(world)
    spent = [world.chain.coin(i.previous_output).output for i in tx.inputs]
    outputs = (TxOutput(spent[0].value + 1, key(7).script),)
    bare = tuple(replace(i, witness=()) for i in tx.inputs)
    return sign(replace(tx, inputs=bare, outputs=outputs), spent, world.miner)


def _young(world):
    coinbase = world.chain.block(world.chain.tip.header.hash).transactions[0]
    spending = Transaction(
        2, (TxInput(OutPoint(coinbase.txid, 0), b"", 0),), (TxOutput(1, key(7).script),), 0
    )
    return sign(spending, [coinbase.outputs[0]], world.miner)


def _unsigned(world):
    tx = _spend(world)
    wrong = (tx.inputs[0].witness[0], key(9).public_key)
    return replace(tx, inputs=(replace(tx.inputs[0], witness=wrong),))


def _with_value(world, value):
    tx = _spend(world)
    return replace(tx, outputs=(replace(tx.outputs[0], value=value), *tx.outputs[1:]))


def _twice(world):
    tx = _spend(world)
    return replace(tx, inputs=(tx.inputs[0], tx.inputs[0]))


def _wrong_witness(world):
    good = _block(world, [_spend(world)])
    coinbase = good.transactions[0]
    script = coinbase.outputs[-1].script_pubkey
    outputs = (*coinbase.outputs[:-1], TxOutput(0, script[:-1] + bytes([script[-1] ^ 1])))
    parts = (replace(coinbase, outputs=outputs), *good.transactions[1:])
    header = replace(good.header, merkle_root=transactions_root(parts))
    return search(Block(header, parts), 0, 1 << 20)


def _unexpected_witness(world):
    good = _block(world, [_spend(world)])
    coinbase = good.transactions[0]
    bare = replace(
        coinbase,
        inputs=(replace(coinbase.inputs[0], witness=()),),
        outputs=coinbase.outputs[:-1],
    )
    parts = (bare, *good.transactions[1:])
    header = replace(good.header, merkle_root=transactions_root(parts))
    return search(Block(header, parts), 0, 1 << 20)


def _key_of_another(world):
    """A payment whose witness holds a true signature of a key that is not the output's."""
    tx = _spend(world)
    other = sign(
        replace(tx, inputs=tuple(replace(i, witness=()) for i in tx.inputs)),
        [TxOutput(1, key(9).script)] * len(tx.inputs),
        key(9),
    )
    return replace(
        tx,
        inputs=tuple(
            replace(i, witness=(o.witness[0], world.miner.public_key))
            for i, o in zip(tx.inputs, other.inputs, strict=True)
        ),
    )


def _null_input(world):
    tx = _spend(world)
    return replace(tx, inputs=(*tx.inputs, TxInput(OutPoint(NULL_TXID, NULL_INDEX), b"", 0)))


def _with_reserved(parts, reserved):
    """The coinbase with another reserved value: its witness is in no root."""
    entry = replace(parts[0].inputs[0], witness=(reserved,))
    return (replace(parts[0], inputs=(entry,)), *parts[1:])


def _large(world, size):
    """A payment with so many bytes of no use in an output."""
    return _spend(world, output=TxOutput(0, build(Op.RETURN) + bytes(size)))


def _heavy(world):
    """A payment with so long a witness that the block weighs too much."""
    tx = _spend(world)
    first = replace(tx.inputs[0], witness=(bytes(3_999_000),))
    return replace(tx, inputs=(first, *tx.inputs[1:]))


MAX_MONEY = 21_000_000 * 100_000_000
INVALID = (
    ("bad-txnmrklroot", lambda w: _block(w, merkle_root=b"\x01" * 32)),
    ("bad-txnmrklroot", lambda w: _block(w, [_spend(w)], merkle_root=bytes(32))),
    ("bad-txns-duplicate", _doubled),
    ("bad-cb-missing", lambda w: _block(w, coinbase=lambda parts: (_spend(w),))),
    ("bad-cb-multiple", lambda w: _block(w, coinbase=lambda parts: (*parts, _other_coinbase(w)))),
    ("bad-cb-amount", lambda w: _block(w, outputs=_reward(w, 1))),
    ("bad-cb-amount", lambda w: _block(w, outputs=_reward(w, 50 * 100_000_000))),
    ("bad-cb-height", lambda w: _block(w, coinbase=_lower)),
    ("bad-cb-length", lambda w: _block(w, coinbase=_long_script)),
    ("bad-txns-inputs-missingorspent", lambda w: _block(w, [_missing(w)])),
    ("bad-txns-inputs-missingorspent", lambda w: _block(w, [_spend(w), _spend(w, amount=2_000)])),
    ("bad-txns-in-belowout", lambda w: _block(w, [_too_much(w)])),
    ("bad-txns-premature-spend-of-coinbase", lambda w: _block(w, [_young(w)])),
    ("mandatory-script-verify-flag-failed", lambda w: _block(w, [_unsigned(w)])),
    ("mandatory-script-verify-flag-failed", lambda w: _block(w, [_key_of_another(w)])),
    ("bad-txns-vout-empty", lambda w: _block(w, [replace(_spend(w), outputs=())])),
    ("bad-txns-vout-negative", lambda w: _block(w, [_with_value(w, -1)])),
    ("bad-txns-vout-toolarge", lambda w: _block(w, [_with_value(w, 21_000_001 * 100_000_000)])),
    ("bad-txns-vout-toolarge", lambda w: _block(w, [_with_value(w, MAX_MONEY + 1)])),
    ("bad-txns-txouttotal-toolarge", lambda w: _block(w, [_with_value(w, MAX_MONEY)])),
    ("bad-txns-inputs-duplicate", lambda w: _block(w, [_twice(w)])),
    ("bad-txns-nonfinal", lambda w: _block(w, [_spend(w, lock_time=10_000, sequence=1)])),
    ("bad-txns-nonfinal", lambda w: _block(w, [_spend(w, lock_time=4_000_000_000, sequence=0)])),
    ("bad-txns-nonfinal", lambda w: _block(w, [_spend(w, sequence=50_000)])),
    ("bad-diffbits", lambda w: _block(w, bits=0x207FFFFE)),
    ("bad-diffbits", lambda w: _block(w, bits=0x2000FFFF)),
    ("time-too-old", lambda w: _block(w, time=w.chain.tip.median_time_past)),
    ("time-too-old", lambda w: _block(w, time=w.chain.tip.median_time_past - 600)),
    ("time-too-new", lambda w: _block(w, time=0xFFFFFFFF)),
    ("bad-version", lambda w: _block(w, version=1)),
    ("bad-version", lambda w: _block(w, version=3)),
    ("bad-version", lambda w: _block(w, version=-1)),
    ("bad-txns-prevout-null", lambda w: _block(w, [_null_input(w)])),
    (
        "bad-witness-nonce-size",
        lambda w: _block(w, [_spend(w)], coinbase=lambda p: _with_reserved(p, bytes(31))),
    ),
    (
        "bad-blk-sigops",
        lambda w: _block(w, [_spend(w, output=TxOutput(0, bytes([Op.CHECKSIG]) * 20_001))]),
    ),
    ("bad-blk-length", lambda w: _block(w, [_large(w, 999_700)])),
    ("bad-blk-weight", lambda w: _block(w, [_heavy(w)])),
    ("bad-witness-merkle-match", _wrong_witness),
    ("unexpected-witness", _unexpected_witness),
)
"""Core's reason, and what makes a block that it is the reason for: given a ``UtxoWorld``."""

KINDS = frozenset(reason for reason, _ in INVALID)
