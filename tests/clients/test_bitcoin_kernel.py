"""Bitcoin Core's own consensus code judges our blocks: it follows our tip, and refuses what we refuse."""

from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.blocks import Block, transactions_root
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.script import Op, build
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction, TxInput, TxOutput
from chainkit.primitives.amounts import Coin
from parachains.utxo.mining import search, with_coinbase
from parachains.utxo.wallet import Spendable, build_transaction, sign
from tests.utxo_network import Network, failures, named_key
from tests.utxo_worlds import NATIVE, UtxoWorld, key

pbk = pytest.importorskip("pbk", reason="py-bitcoinkernel is not installed for this Python")


class Kernel:
    """Bitcoin Core's chain state, fed block by block."""

    def __init__(self, folder):
        pbk.disable_log_category(pbk.LogCategory.ALL)
        self.manager = pbk.load_chainman(folder, pbk.ChainType.REGTEST)

    def feed(self, block):
        """Give it a block; whatever it answers, only its tip says whether it took it."""
        try:
            self.manager.process_block(pbk.Block(block.encoded))
        except (pbk.ProcessBlockException, RuntimeError, ValueError):
            return

    @property
    def tip(self):
        entry = self.manager.get_active_chain().block_tree_entries[-1]
        return str(entry.block_hash)


@pytest.fixture
def kernel(tmp_path):
    return Kernel(tmp_path)


def follow(kernel, chain, known):
    """Feed the active chain's blocks that the kernel has not seen; the tips must be equal."""
    fresh = []
    point = chain.tip
    while point.header.hash not in known and point.height:
        fresh.append(point)
        point = chain.point(point.header.previous_block)
    for point in reversed(fresh):
        kernel.feed(chain.block(point.header.hash))
        known.add(point.header.hash)
    assert kernel.tip == display_hash(chain.tip.header.hash)


async def test_the_kernel_follows_carriers_escrow_lots_and_reorganisations(kernel) -> None:
    """300 blocks with IBC in them: after each round of the relayer the kernel's tip is our tip."""
    network = Network()
    chain, known = network.utxo.chain, set()
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    mine = network.utxo.block

    def block():
        mine()
        follow(kernel, chain, known)

    network.utxo.block = block
    follow(kernel, chain, known)
    await network.settle()
    for amount in (1_000, 2_000, 3_000):
        await network.from_utxo(sam, ann, NATIVE, amount)
        await network.from_zone(network.utxo.address(sam), "stone", amount)
        await network.settle()
        _reorganise(network, kernel, known)
    unspent = await network.utxo.client(sam)._rpc.unspent(sam.script)
    lot = next(lot for coin in unspent for lot in coin.lots)
    await network.from_utxo(sam, ann, lot.denom, 500, lots=(Coin(lot.denom, 500),))
    vouchers = [d for d in await network.zone_balances(ann) if d.startswith("ibc/")]
    await network.from_zone(network.utxo.address(sam), vouchers[0], 4_000)
    await network.settle()
    assert failures(network) == []
    assert network.utxo.escrowed() == 2_000
    while len(known) < 300:
        block()


def _reorganise(network, kernel, known):
    """Two blocks are replaced by three of another miner, which hold the same transactions."""
    world = network.utxo
    database = MemoryDatabase()
    database.write(dict(world.database.iterate(b"", None)))
    other = UtxoWorld(miner=5, database=database, **world.parts)
    other.now = world.now
    for _ in range(2):
        world.block()
    tip = world.chain.tip.header.hash
    blocks = [other.mine(extra=bytes([n, 1])).block for n in range(3)]
    for block in blocks:
        world.chain.accept_block(block, world.now + 7_000)
        kernel.feed(block)
        known.add(block.header.hash)
    assert world.chain.tip.header.hash == blocks[-1].header.hash != tip
    assert kernel.tip == display_hash(world.chain.tip.header.hash)


# --- what both refuse -----------------------------------------------------------------


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


KINDS = {
    "bad-txnmrklroot": lambda w: _block(w, merkle_root=b"\x01" * 32),
    "bad-txns-duplicate": _doubled,
    "bad-cb-missing": lambda w: _block(w, coinbase=lambda parts: (_spend(w),)),
    "bad-cb-multiple": lambda w: _block(w, coinbase=lambda parts: (parts[0], _other_coinbase(w))),
    "bad-cb-amount": lambda w: _block(w, outputs=_reward(w, 1)),
    "bad-cb-height": lambda w: _block(w, coinbase=_lower),
    "bad-cb-length": lambda w: _block(w, coinbase=_long_script),
    "bad-txns-inputs-missingorspent": lambda w: _block(w, [_missing(w)]),
    "bad-txns-in-belowout": lambda w: _block(w, [_too_much(w)]),
    "bad-txns-premature-spend-of-coinbase": lambda w: _block(w, [_young(w)]),
    "mandatory-script-verify-flag-failed": lambda w: _block(w, [_unsigned(w)]),
    "bad-txns-vout-empty": lambda w: _block(w, [replace(_spend(w), outputs=())]),
    "bad-txns-vout-negative": lambda w: _block(w, [_with_value(w, -1)]),
    "bad-txns-vout-toolarge": lambda w: _block(w, [_with_value(w, 21_000_001 * 100_000_000)]),
    "bad-txns-inputs-duplicate": lambda w: _block(w, [_twice(w)]),
    "bad-txns-nonfinal": lambda w: _block(w, [_spend(w, lock_time=10_000, sequence=1)]),
    "bad-diffbits": lambda w: _block(w, bits=0x207FFFFE),
    "time-too-old": lambda w: _block(w, time=w.chain.tip.median_time_past),
    "time-too-new": lambda w: _block(w, time=0xFFFFFFFF),
    "bad-version": lambda w: _block(w, version=1),
    "bad-witness-merkle-match": _wrong_witness,
    "unexpected-witness": _unexpected_witness,
}


def test_both_refuse_what_breaks_a_rule(kernel) -> None:
    """Blocks of 22 kinds of fault: we name the reason Core has for it, and its tip stays."""
    world = UtxoWorld()
    known = set()
    world.warm_up(103)
    follow(kernel, world.chain, known)
    assert len(KINDS) >= 15
    for reason, make in KINDS.items():
        before = world.now
        block = make(world)
        with pytest.raises(BitcoinRuleBroken) as caught:
            world.chain.accept_block(block, world.now)
        assert caught.value.reason.startswith(reason), (reason, caught.value.reason)
        kernel.feed(block)
        assert kernel.tip == display_hash(world.chain.tip.header.hash), reason
        world.now = before
    world.mine()
    follow(kernel, world.chain, known)
