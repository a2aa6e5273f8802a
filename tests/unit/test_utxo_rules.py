"""What the UTXO chain adds to Bitcoin's rules: time, owners, escrow, payouts, lots; and what attacks them."""

import asyncio
from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.blocks import Block, transactions_root
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.script import Op, build, p2pkh, p2wsh_of
from chainkit.formats.bitcoin.sighash import SighashData, segwit_sighash
from chainkit.formats.bitcoin.transactions import (
    OutPoint,
    Transaction,
    TxInput,
    TxOutput,
    decode_transaction,
)
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.hashing import sha256
from chainkit.runtime.addresses import format_address
from chainkit.sigverify import der
from parachains.utxo.codec import Carrier, LotAssignment, carrier_script
from parachains.utxo.ledger import ESCROW_SCRIPT
from parachains.utxo.mining import search, with_coinbase
from parachains.utxo.validation import spent_coins
from parachains.utxo.wallet import Spendable, build_transaction, sign
from tests.relaying import SECOND
from tests.utxo_network import Network, failures, named_key
from tests.utxo_worlds import NATIVE, PREFIX, UtxoWorld, key

SAM, RELAYER, THIEF = named_key("sam"), named_key("utxo relayer"), named_key("thief")
AMOUNT = 250_000


class Held:
    """A network whose relayer has signed a carrier that no block holds yet."""

    def __init__(self):
        self.network = Network()
        self.utxo = self.network.utxo
        self.raw = None
        asyncio.run(self._prepare())
        self.tx = decode_transaction(bytes.fromhex(self.raw))
        self.spent = spent_coins(self.tx, self.utxo.chain.coin_view())

    async def _prepare(self):
        """Coins go out, a foreign token comes in, and both start home or out again, late by 60 s."""
        network, sam = self.network, SAM
        await network.settle()
        ann = network.zone.users["ann"].address
        await network.from_utxo(sam, ann, NATIVE, AMOUNT)
        await network.from_zone(self.utxo.address(sam), "stone", 700)
        await network.settle()
        assert failures(network) == []
        vouchers = [d for d in await network.zone_balances(ann) if d.startswith("ibc/")]
        self.timeout = network.clock.now() // SECOND + 60
        await network.from_zone(self.utxo.address(sam), vouchers[0], 100_000, timeout_s=60)
        call = self.utxo.call

        async def hold(method, params):
            if method == "sendrawtransaction":
                self.raw = params["hexstring"]
                raise OperationFailed("held")
            return await call(method, params)

        self.utxo.call = hold
        for _ in range(20):
            for worker in network.workers:
                await worker.round()
            if self.raw:
                break
            network.zone.block()
        self.utxo.call = call
        assert self.raw, "the relayer signed nothing"

    def run(self, tx, chain=None):
        """Run a transaction on the tip; nothing of it stays."""
        chain = chain or self.utxo.chain
        return chain.machine.begin_block(chain.tip).transaction(
            tx, spent_coins(tx, chain.coin_view())
        )


@pytest.fixture(scope="module")
def held():
    return Held()


def copy_of(world):
    """The same chain in a database of its own, to be played with."""
    database = MemoryDatabase()
    database.write(dict(world.database.iterate(b"", None)))
    other = UtxoWorld(database=database, **world.parts)
    other.now = world.now
    return other


def block_with(world, *transactions):
    """A block on the tip with proof of work that holds what no template would."""
    template = world.template().block
    outputs = template.transactions[0].outputs[:-1]
    parts = with_coinbase(world.chain.tip.height + 1, outputs, transactions, b"isthmus")
    header = replace(template.header, merkle_root=transactions_root(parts))
    return search(Block(header, parts), 0, 1 << 20)


def refused(held, tx, reason):
    """No run, template or block takes the transaction; the chain stays as it is."""
    world = copy_of(held.utxo)
    tip = world.chain.tip.header.hash
    with pytest.raises(BitcoinRuleBroken) as caught:
        held.run(tx, world.chain)
    assert caught.value.reason == reason
    assert world.template(tx).refused == (tx.txid,)
    block = block_with(world, tx)
    with pytest.raises(BitcoinRuleBroken, match=reason):
        world.chain.accept_block(block, world.now)
    assert world.chain.tip.header.hash == tip


def resigned(held, tx, signer=RELAYER):
    """The transaction with the witnesses that its outputs and inputs now need."""
    bare = tuple(replace(tx_input, witness=()) for tx_input in tx.inputs)
    coins = spent_coins(tx, held.utxo.chain.coin_view())
    return sign(replace(tx, inputs=bare), [coin.output for coin in coins], signer)


def test_what_is_held_is_right(held) -> None:
    """The carrier that the other tests change would be taken as it is."""
    assert held.run(held.tx) is not None
    assert any(output.script_pubkey == SAM.script for output in held.tx.outputs)
    assert any(coin.output.script_pubkey == ESCROW_SCRIPT for coin in held.spent)


# --- time -----------------------------------------------------------------------------


def mine_at(world, seconds):
    """Mine a block whose header says a time, as long as the rules of Bitcoin allow it."""
    world.now = seconds - 600
    block = search(world.template().block, 0, 1 << 20)
    assert block.header.time == seconds
    world.chain.accept_block(block, seconds)


def test_header_times_decide_no_timeout(held) -> None:
    """
    A miner may say a time after the timeout, then one before it. With header time as the
    chain's time a packet would be late in one block and in time in the next: refunded for
    being absent, then received. By the median it is in time until it is late for good.
    """
    world, late = copy_of(held.utxo), held.timeout
    mine_at(world, late + 900)
    assert world.chain.tip.median_time_past < late
    assert held.run(held.tx, world.chain) is not None

    mine_at(world, world.chain.tip.median_time_past + 1)
    assert world.chain.tip.header.time < late
    assert held.run(held.tx, world.chain) is not None
    while world.chain.tip.median_time_past < late:
        mine_at(world, max(late, world.chain.tip.median_time_past + 1))
    for _ in range(3):
        mine_at(world, world.chain.tip.median_time_past + 1)
        with pytest.raises(BitcoinRuleBroken, match=r"carrier-message: .*code 40\)"):
            held.run(held.tx, world.chain)


def test_host_time_never_goes_back() -> None:
    """Whatever times headers say, each block's time is the parent's median and at least the last."""
    world = UtxoWorld()
    start, seen = world.now, []
    for step in (5_000, 10, 7_000, 20, 30, 7_100, 40, 6_000, 50, 5_900, 60, 7_000, 3_000, 2_000):
        mine_at(world, max(start + step, world.chain.tip.median_time_past + 1))
        run = world.chain.machine.begin_block(world.chain.tip)
        seen.append(run._ctx.time // SECOND)
        assert seen[-1] == world.chain.tip.median_time_past

    assert seen == sorted(seen)
    times = [world.chain.at(height).header.time for height in range(1, 15)]
    assert times != sorted(times), "the headers played no game"


# --- owners ---------------------------------------------------------------------------


def with_hash_type(held, hash_type):
    """The held carrier with input 0 signed truly, but with another hash type."""
    data = SighashData(held.tx, tuple(coin.output for coin in held.spent))
    digest = segwit_sighash(data, p2pkh(RELAYER.address), 0, hash_type)
    signature = der.sign(RELAYER.private_key, digest) + bytes([hash_type])
    first = replace(held.tx.inputs[0], witness=(signature, RELAYER.public_key))
    return replace(held.tx, inputs=(first, *held.tx.inputs[1:]))


@pytest.mark.parametrize("hash_type", [2, 3, 0x81, 0x82, 0x83])
def test_input_0_signs_all(held, hash_type) -> None:
    """With another hash type whoever relays the carrier could exchange inputs or outputs."""
    refused(held, with_hash_type(held, hash_type), "carrier-owner")


def test_messages_are_of_the_owner(held) -> None:
    """The thief signs a carrier of a transfer from Sam's account."""
    world = copy_of(held.utxo)
    ann = held.network.zone.users["ann"].address
    message = held.network.message(world_address(held), ann, NATIVE, 1_000)
    world.fund(THIEF)
    script = carrier_script(Carrier((message,), first_payout=1))
    outputs = [TxOutput(0, script), TxOutput(1_000, ESCROW_SCRIPT)]
    tx = build_transaction(THIEF, world.coins_of(THIEF), outputs, fee_rate=2)
    with pytest.raises(BitcoinRuleBroken, match="carrier-owner"):
        held.run(tx, world.chain)
    assert world.template(tx).refused == (tx.txid,)


def world_address(held):
    return held.utxo.address(SAM)


def test_escrow_speaks_for_nobody(held) -> None:
    """A carrier whose input 0 is escrow, which anyone can spend, has no owner."""
    order = sorted(
        range(len(held.tx.inputs)),
        key=lambda at: held.spent[at].output.script_pubkey != ESCROW_SCRIPT,
    )
    swapped = replace(held.tx, inputs=tuple(held.tx.inputs[at] for at in order))
    refused(held, resigned(held, swapped), "carrier-owner")


def test_a_script_owns_nothing(held) -> None:
    """What a script hash locks may open without a signature: its messages could be exchanged."""
    world = copy_of(held.utxo)
    script = build(Op.DROP, Op.OP_1)
    funding = world.pay(world.miner, [TxOutput(1_000_000, p2wsh_of(script))])
    world.mine(funding)
    sender = format_address(PREFIX, sha256(script))
    message = held.network.message(sender, held.network.zone.users["ann"].address, NATIVE, 1_000)
    spending = TxInput(OutPoint(funding.txid, 0), b"", 0xFFFFFFFD, (b"\x01", script))
    outputs = (
        TxOutput(0, carrier_script(Carrier((message,), first_payout=1))),
        TxOutput(1_000, ESCROW_SCRIPT),
    )
    tx = Transaction(2, (spending,), outputs, 0)
    with pytest.raises(BitcoinRuleBroken, match="carrier-owner: input 0 spends no P2WPKH"):
        held.run(tx, world.chain)
    assert world.template(tx).refused == (tx.txid,)


# --- escrow and payouts ---------------------------------------------------------------


def changed_output(tx, at, **change):
    outputs = list(tx.outputs)
    outputs[at] = replace(outputs[at], **change)
    return replace(tx, outputs=tuple(outputs))


def test_payouts_go_to_the_receiver_to_the_satoshi(held) -> None:
    """Who submits the packet builds its payout, and can neither take it nor cut it."""
    at = next(i for i, o in enumerate(held.tx.outputs) if o.script_pubkey == SAM.script)
    value = held.tx.outputs[at].value
    for change in (
        {"script_pubkey": RELAYER.script},
        {"value": value - 1},
        {"value": value + 1},
    ):
        refused(held, resigned(held, changed_output(held.tx, at, **change)), "payout-missing")


def test_escrow_moves_by_what_messages_move(held) -> None:
    """One satoshi less stays in escrow, or one more; theft without messages; a gift without them."""
    at = next(i for i, o in enumerate(held.tx.outputs) if o.script_pubkey == ESCROW_SCRIPT)
    for difference in (-1, 1):
        changed = changed_output(held.tx, at, value=held.tx.outputs[at].value + difference)
        refused(held, resigned(held, changed), "escrow-unbalanced")
    point, coin = next(iter(held.utxo.chain.coins_of(ESCROW_SCRIPT)))
    coins = held.utxo.coins_of(SAM)
    theft = build_transaction(
        SAM,
        coins,
        [TxOutput(5_000, SAM.script)],
        fee_rate=2,
        forced=[Spendable(point, coin.output)],
    )
    refused(held, theft, "escrow-unbalanced")
    gift = build_transaction(SAM, coins, [TxOutput(5_000, ESCROW_SCRIPT)], fee_rate=2)
    refused(held, gift, "escrow-unbalanced")


# --- lots -----------------------------------------------------------------------------


def lot_of_sam(held):
    unspent = asyncio.run(held.utxo.client(SAM)._rpc.unspent(SAM.script))
    return next(coin for coin in unspent if coin.lots)


def moving(held, outputs, assignments):
    """A transaction of Sam's that spends the output with a lot on it."""
    coin = lot_of_sam(held)
    script = carrier_script(Carrier((), assignments=tuple(assignments)))
    head = [TxOutput(0, script)] if assignments else []
    return build_transaction(
        SAM,
        held.utxo.coins_of(SAM),
        [*head, *outputs],
        fee_rate=2,
        forced=[Spendable(coin.point, coin.output)],
    )


def test_lots_are_assigned_to_the_last_unit(held) -> None:
    """A lot moves whole or split; one that is lost, cut, doubled or unspendable makes a bad block."""
    lot = lot_of_sam(held).lots[0]
    assert lot.amount == 700

    def assigned(*parts):
        return [LotAssignment(at, Coin(lot.denom, amount)) for at, amount in parts]

    two = [TxOutput(330, key(21).script), TxOutput(330, key(22).script)]
    assert held.run(moving(held, two, assigned((1, 300), (2, 400)))) is not None
    for parts in (
        (),
        ((1, 699),),
        ((1, 701),),
        ((1, 700), (2, 1)),
        ((0, 700),),
        ((9, 700),),
    ):
        refused(held, moving(held, two, assigned(*parts)), "lot-unassigned")
    other = [LotAssignment(1, Coin("ibc/" + "A" * 64, 1)), *assigned((1, 700))]
    refused(held, moving(held, two, other), "lot-unassigned")


# --- blocks of other bytes --------------------------------------------------------------


@pytest.fixture(scope="module")
def warm():
    world = UtxoWorld()
    world.warm_up()
    return world


def doubled(block):
    """CVE-2012-2459: the last transaction once more, and the merkle root stays."""
    return Block(block.header, (*block.transactions, block.transactions[-1]))


def without_witness(block):
    """The same transactions by their ids, with one witness taken away."""
    last = block.transactions[-1]
    bare = replace(last, inputs=tuple(replace(item, witness=()) for item in last.inputs))
    return Block(block.header, (*block.transactions[:-1], bare))


@pytest.mark.parametrize(
    ("mutate", "reason"),
    [(doubled, "bad-txns-duplicate"), (without_witness, "bad-witness-merkle-match")],
)
def test_a_mutated_block_does_not_condemn_the_true_one(warm, mutate, reason) -> None:
    """
    A peer that changes what the header does not commit to is refused; were the header marked
    invalid for it, one message would cut the node off the chain.
    """
    world = copy_of(warm)
    first = world.pay(world.miner, [TxOutput(1_000, key(7).script)])
    change = Spendable(
        replace(first.inputs[0].previous_output, txid=first.txid, index=1), first.outputs[1]
    )
    second = build_transaction(world.miner, [change], [TxOutput(1_000, key(7).script)], fee_rate=2)
    block = world.mined(first, second)
    for _ in range(2):
        with pytest.raises(BitcoinRuleBroken, match=reason):
            world.chain.accept_block(mutate(block), world.now)
    change = world.chain.accept_block(block, world.now)

    assert [each.block for each in change.connected] == [block]
    assert world.chain.block(block.header.hash) == block
