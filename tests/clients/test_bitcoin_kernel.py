"""Bitcoin Core's own consensus code judges our blocks: it follows our tip, and refuses what we refuse."""

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.primitives.amounts import Coin
from tests.clients.invalid_blocks import INVALID, KINDS
from tests.utxo_network import Network, failures, named_key
from tests.utxo_worlds import NATIVE, UtxoWorld

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


def test_both_refuse_what_breaks_a_rule(kernel) -> None:
    """39 blocks of 28 kinds of fault: we name the reason Core has for it, and its tip stays."""
    world = UtxoWorld()
    known = set()
    world.warm_up(103)
    follow(kernel, world.chain, known)
    assert len(KINDS) >= 15
    assert len(INVALID) >= 30
    for reason, make in INVALID:
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
