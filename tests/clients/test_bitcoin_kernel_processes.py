"""Bitcoin Core's own consensus code beside real nodes: sockets, gossip, relayer, reorganisations.

Two UTXO nodes with Core's ``regtest`` rules, a zone and the relayer are processes, and so is
the kernel. Blocks are mined through ``generatetoaddress``, read through ``getblock`` and fed to
the kernel, whose active tip must then be the node's ``getbestblockhash``.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.addresses import encode_address
from chainkit.formats.bitcoin.blocks import decode_block
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Denom, PortId, TimestampNs
from demos.network import Network, run_scenario
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.config import ChainSpec, NetSpec, PathEndSpec
from isthmus.discovery import find_ibc_applications, find_light_clients
from parachains.sdk.users import Transfer
from parachains.utxo.codec import find_carrier
from parachains.utxo.ledger import ESCROW_SCRIPT
from parachains.utxo.parameters import REGTEST
from parachains.utxo.rpc import Rpc
from parachains.utxo.settings import read_settings, write_settings
from parachains.utxo.wallet import Key
from tests.clients.invalid_blocks import INVALID, KINDS
from tests.clients.kernel_process import KernelProcess
from tests.utxo_worlds import NATIVE, PREFIX, UtxoWorld

pytest.importorskip("pbk", reason="py-bitcoinkernel is not installed for this Python")

BLOCKS = 300
REORGANISATIONS = 3
COINS, ZONE = "coins", "zone-a"
SPACING_S = 0.25
"""Of the test's miner: the relayer needs some time between blocks."""
HOUR_NS = 3_600 * 10**9
SPEC = NetSpec(
    chains=(
        ChainSpec(name=ZONE, denom="utoka", timeout_commit_ms=200),
        ChainSpec(
            name=COINS, kind="utxo", chain_id="utxo-1", validators=2, denom=NATIVE,
            bech32_prefix=PREFIX,
        ),
    ),
    paths=(PathEndSpec(a=COINS, b=ZONE),),
)  # fmt: skip


def change_settings(home: Path, place, index: int, **changes) -> None:
    folder = home / place.chain(COINS).nodes[index].home
    write_settings(folder, msgspec.structs.replace(read_settings(folder), **changes))


def as_regtest(home: Path, place) -> None:
    """The kind writes chains with its own parameters; these follow Core's, and mine at a call."""
    for index in range(2):
        change_settings(
            home, place, index, parameters="regtest", mining_share_millionths=0,
            operator_methods=True,
        )  # fmt: skip


class Judged:
    """The nodes beside the kernel, and beside a chain in this process that makes invalid blocks."""

    def __init__(self, net: Network, nodes, kernel: KernelProcess, world: UtxoWorld) -> None:
        self.net, self.nodes, self.kernel, self.world = net, nodes, kernel, world
        self.lock = asyncio.Lock()
        self.address = encode_address(world.miner.script, REGTEST.addresses)
        self.tip = display_hash(REGTEST.genesis.header.hash)
        self.fed: set[str] = {self.tip}
        self.compared = 0

    async def best(self, index: int = 0) -> str:
        return await self.nodes[index].call("getbestblockhash", {})

    async def block(self, name: str) -> bytes:
        raw = await self.nodes[0].call("getblock", {"blockhash": name, "verbosity": 0})
        return bytes.fromhex(raw)

    async def follow(self) -> None:
        """Feed what node 0's active chain has new; its tip is then the kernel's."""
        best = name = await self.best()
        fresh = []
        while name not in self.fed:
            raw = await self.block(name)
            fresh.append((name, raw))
            name = display_hash(decode_block(raw).header.previous_block)
        is_extension = name == self.tip
        for name, raw in reversed(fresh):
            self.kernel.feed(raw)
            self.world.chain.accept_block(decode_block(raw), int(time.time()))
            self.fed.add(name)
            if is_extension:
                assert self.kernel.tip == name
                self.compared += 1
        assert self.kernel.tip == best == await self.best()
        self.compared += not is_extension
        self.tip = best

    async def mine(self, index: int = 0) -> str:
        (name,) = await self.nodes[index].call(
            "generatetoaddress", {"nblocks": 1, "address": self.address}
        )
        return name

    async def keep_mining(self, ended: asyncio.Event) -> None:
        while not ended.is_set():
            async with self.lock:
                await self.mine()
                await self.follow()
            await asyncio.sleep(SPACING_S)

    async def agree(self) -> None:
        """Wait until the second node has the first one's tip, by gossip."""

        async def look():
            return True if await self.best(0) == await self.best(1) else None

        await self.net.wait_until("waiting for the nodes to agree", look)

    async def restart(self, peers: tuple[str, ...]) -> None:
        """Start the second node anew, with other peers."""
        await self.net.devnet.stop("coins-1")
        change_settings(self.net.home, self.net.place, 1, peers=peers)
        await self.net.devnet.start("coins-1")

        async def look():
            return True if await self.best(1) else None

        await self.net.wait_until("waiting for the second node", look)

    async def reorganise(self) -> None:
        """Apart, the first node mines two blocks and the second three; together they agree."""
        peers = (f"127.0.0.1:{self.net.chain(COINS).nodes[0].p2p_port}",)
        async with self.lock:
            await self.agree()
            await self.restart(())
            for _ in range(2):
                await self.mine()
                await self.follow()
            lost = self.tip
            won = [await self.mine(1) for _ in range(3)]
            await self.restart(peers)
            await self.agree()
            assert await self.best() == won[-1] != lost
            await self.follow()


async def send(net: Network, on: str, to: str, denom: str, amount: int) -> None:
    """Send tokens over the channel, and wait until they are there."""
    channel = await net.wait_for_channel(COINS, ZONE)
    timeout = (await (await net.client(to)).status()).time + HOUR_NS
    receiver = next(a for a in net.place.accounts if a.name == "bob").addresses[to]
    before = await balances(net, to, "bob")
    source = channel.on_a if on == COINS else channel.on_b
    await net.do(
        on, "alice",
        Transfer(
            PortId("transfer"), source, Coin(Denom(denom), amount), receiver, TimestampNs(timeout)
        ),
    )  # fmt: skip

    async def look():
        return True if await balances(net, to, "bob") != before else None

    await net.wait_until(f"waiting for {denom} on {to}", look)


async def balances(net: Network, chain: str, account: str) -> dict[str, int]:
    address = next(a for a in net.place.accounts if a.name == account).addresses[chain]
    found = await net.ask(chain, "balances", address=address)
    return {each["denom"]: int(each["amount"]) for each in found["balances"]}


async def traffic(judged: Judged) -> None:
    """Coins over, tokens here as lots, and reorganisations between."""
    net = judged.net
    for amount in (10_000, 20_000, 30_000):
        await send(net, COINS, ZONE, NATIVE, amount)
        await send(net, ZONE, COINS, "utoka", amount)
        await judged.reorganise()


async def judge_the_network(net: Network, kernel: KernelProcess) -> None:
    settings = read_settings(net.home / net.chain(COINS).nodes[0].home)
    world = UtxoWorld(
        light_clients=find_light_clients(settings.light_clients),
        applications=find_ibc_applications(settings.applications),
        database=MemoryDatabase(),
    )
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(HttpRpcTransport([node.rpc_url]))
            for node in net.chain(COINS).nodes
        ]
        judged = Judged(net, nodes, kernel, world)
        await judged.follow()
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(judged.keep_mining(ended))
            await traffic(judged)
            ended.set()
        while judged.compared < BLOCKS:
            await judged.mine()
            await judged.follow()
        await _what_the_blocks_hold(judged)
        await _what_both_refuse(judged)


async def _what_the_blocks_hold(judged: Judged) -> None:
    chain = judged.world.chain
    blocks = [chain.block(chain.at(height).header.hash) for height in range(1, chain.tip.height)]
    carriers = [tx for block in blocks for tx in block.transactions[1:] if find_carrier(tx)]
    left = len(judged.fed) - 1 - chain.tip.height
    rpc = Rpc(judged.nodes[0])
    bob = next(a for a in judged.net.place.accounts if a.name == "bob")
    lots = [
        lot for c in await rpc.unspent(Key(bytes.fromhex(bob.private_key)).script) for lot in c.lots
    ]
    escrow = await rpc.unspent(ESCROW_SCRIPT)

    assert judged.compared >= BLOCKS
    assert len(carriers) >= 12
    assert left == 2 * REORGANISATIONS
    assert sum(lot.amount for lot in lots) == 60_000
    assert sum(coin.output.value for coin in escrow) == 60_000


async def _what_both_refuse(judged: Judged) -> None:
    """Each block goes to a node; its answer is Core's reason, and no tip moves."""
    world, kernel, tip = judged.world, judged.kernel, judged.tip
    await judged.agree()
    assert len(INVALID) >= 30
    assert len(KINDS) >= 15
    for number, (reason, make) in enumerate(INVALID):
        world.now = world.chain.tip.header.time
        block = make(world)
        answer = await judged.nodes[number % 2].call(
            "submitblock", {"hexdata": block.encoded.hex()}
        )
        kernel.feed(block.encoded)

        assert answer is not None, reason
        assert answer.startswith(reason), (reason, answer)
        assert kernel.said, reason
        assert not kernel.said.startswith("VALID"), reason
        assert kernel.tip == await judged.best(number % 2) == tip, reason
    world.now = world.chain.tip.header.time - 600
    good = world.mined().encoded.hex()

    assert await judged.nodes[1].call("submitblock", {"hexdata": good}) is None
    await judged.agree()
    await judged.follow()
    assert judged.tip != tip


@pytest.mark.timeout(400)
def test_the_kernel_follows_real_nodes(tmp_path: Path) -> None:
    """
    300 blocks with carriers, escrow, vouchers and three reorganisations: after each the kernel's
    tip is the node's. Then over 30 blocks of over 15 kinds are refused by both, by Core's reasons.
    """
    with KernelProcess(tmp_path / "kernel") as kernel:
        run_scenario(
            lambda net: judge_the_network(net, kernel),
            spec=SPEC, home=tmp_path / "net", say=print, name="kernel", prepare=as_regtest,
        )  # fmt: skip
