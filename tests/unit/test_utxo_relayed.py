"""The real relayer between a UTXO chain and a zone: tokens both ways, home again, and timeouts."""

import hashlib

import pytest

from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.transactions import TxOutput
from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Denom
from chainkit.runtime.addresses import format_address
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.forward.module import APPLICATION as TRANSFER_APPLICATION
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import ChannelState
from light_clients.bitcoin import BitcoinClient
from light_clients.tendermint import TendermintClient
from parachains.utxo.client import UtxoClient, UtxoConfig
from parachains.utxo.ledger import ESCROW_SCRIPT
from parachains.utxo.mempool import Mempool
from parachains.utxo.mining import search
from parachains.utxo.service import Service
from parachains.utxo.wallet import Key, Spendable, build_transaction
from parachains.zone.rpc import Rpc as ZoneRpc
from relayer.config import RelayerSettings
from relayer.daemon import Adapters, workers
from relayer.submitter import Submitter
from relayer.views import PathSpec, WantedChannel
from tests.relaying import SECOND, FakeBus, FakeClock, MemoryJournal
from tests.utxo_worlds import NATIVE, PREFIX, UtxoWorld
from tests.zones import InProcessZone

TRANSFER = WantedChannel("transfer", "transfer", "ics20-1")
START = 1_700_000_000
K = 3


def named_key(name):
    return Key(hashlib.sha256(name.encode()).digest())


class InProcessUtxo(UtxoWorld):
    """A UTXO node without a network: its service answers, ``block`` mines what waits."""

    def __init__(self, clock):
        super().__init__(light_clients=[TendermintClient()], applications=[TRANSFER_APPLICATION])
        self.chain_id = "utxo-1"
        self.clock = clock
        self.now = START - 200 * 600
        self.warm_up(102)
        self.relayer = named_key("utxo relayer")
        self.fund(self.relayer, named_key("sam"), amount=1_000_000_000)
        self.mempool = Mempool(self.chain)
        self.methods = Service(self.chain, self.mempool, lambda tx: None).methods()

    def block(self):
        self.clock.advance(1)
        self.now = self.clock.now() // SECOND - 600  # the template adds them
        template = self.template(*self.mempool.in_block_order())
        assert template.refused == ()
        block = search(template.block, 0, 1 << 20)
        change = self.chain.accept_block(block, self.now)
        self.mempool.after_change((), change.connected[0].block.transactions)

    async def call(self, method, params):
        function, names = self.methods[method]
        assert set(params) <= set(names)
        return function(**params)

    def client(self, key=None):
        config = UtxoConfig(
            chain_id=self.chain_id,
            key=key or self.relayer,
            native=NATIVE,
            address_prefix=PREFIX,
            confirmations=K,
        )
        return UtxoClient(config, self)

    def address(self, key):
        return format_address(PREFIX, key.address)

    def escrowed(self):
        return sum(coin.output.value for _, coin in self.chain.coins_of(ESCROW_SCRIPT))

    def held(self, key):
        return sum(coin.output.value for _, coin in self.chain.coins_of(key.script))


class Network:
    def __init__(self):
        self.clock = FakeClock(START * SECOND)
        self.utxo = InProcessUtxo(self.clock)
        self.zone = InProcessZone(
            "zone-1", self.clock, prefix="zone", denom="stone", users=["ann"],
            light_clients=[BitcoinClient()],
        )  # fmt: skip
        self.chains = (self.utxo, self.zone)
        for _ in range(K + 11):
            self.utxo.block()
        self.journal = MemoryJournal()
        clients = {chain.chain_id: chain.client() for chain in self.chains}
        paths = (PathSpec("utxo-zone", "utxo-1", "zone-1", (TRANSFER,)),)
        adapters = Adapters(clients, self.journal, FakeBus(), self.clock)
        self.workers = workers(RelayerSettings((), paths, None, None), adapters)

    async def settle(self, limit=120):
        idle = 0
        for _ in range(limit):
            did = [await worker.round() for worker in self.workers]
            for chain in self.chains:
                chain.block()
            idle = 0 if any(did) else idle + 1
            if idle == 2 * K + 4:
                return
        pytest.fail(f"the relayer does not come to rest: {self.journal.notes[-3:]}")

    def message(self, sender, receiver, denom, amount, timeout_s=600):
        message = MsgTransfer(
            source_port="transfer",
            source_channel="channel-0",
            sender=sender,
            receiver=receiver,
            timeout_timestamp=self.clock.now() + timeout_s * SECOND,
        )
        message.token.denom, message.token.amount = denom, str(amount)
        return AnyValue(type_url(message), encode(message))

    async def from_utxo(self, key, receiver, denom, amount, *, lots=(), timeout_s=600):
        client = self.utxo.client(key)
        message = self.message(client.signer, receiver, denom, amount, timeout_s)
        signed = await client.carry((message,), lots=lots)
        await client.broadcast(signed)
        self.utxo.block()
        assert (await client.outcome(signed.tx_hash)).code == 0
        return signed

    async def from_zone(self, receiver, denom, amount, timeout_s=600):
        key = self.zone.users["ann"]
        message = self.message(key.address, receiver, denom, amount, timeout_s)
        submitter = Submitter(self.zone.client(key), MemoryJournal(), self.clock)
        assert (await submitter.submit((message,), "transfer")).code == 0

    async def zone_balances(self, address):
        answer = await ZoneRpc(self.zone).query(
            "/cosmos.bank.v1beta1.Query/AllBalances",
            bank_query.QueryAllBalancesRequest(address=address),
            bank_query.QueryAllBalancesResponse,
        )
        return {coin.denom: int(coin.amount) for coin in answer.balances}


def failures(network):
    wrong = {"action.failed", "path.stuck"}
    return [(event, detail) for event, detail in network.journal.notes if event in wrong]


@pytest.fixture
async def network():
    opened = Network()
    await opened.settle()
    assert failures(opened) == []
    for chain in opened.chains:
        channels = await chain.client().channels("connection-0")
        assert [channel.end.state for channel in channels] == [ChannelState.OPEN]
    return opened


async def test_coins_go_over_and_come_home(network) -> None:
    """Satoshis into escrow, vouchers on the zone; back: vouchers burnt, escrow paid out exactly."""
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    await network.from_utxo(sam, ann, NATIVE, 250_000_000)
    assert network.utxo.escrowed() == 250_000_000
    await network.settle()
    vouchers = {d: a for d, a in (await network.zone_balances(ann)).items() if d[:4] == "ibc/"}
    assert list(vouchers.values()) == [250_000_000]

    before = network.utxo.held(sam)
    await network.from_zone(network.utxo.address(sam), next(iter(vouchers)), 100_000_000)
    await network.settle()
    assert failures(network) == []
    assert network.utxo.escrowed() == 150_000_000
    assert network.utxo.held(sam) == before + 100_000_000


async def test_foreign_tokens_are_lots(network) -> None:
    """A zone's token arrives as a lot on an output of the receiver, is split, and goes home."""
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    await network.from_zone(network.utxo.address(sam), "stone", 700)
    await network.settle()
    unspent = await network.utxo.client(sam)._rpc.unspent(sam.script)
    lots = [lot for coin in unspent for lot in coin.lots]
    assert [lot.amount for lot in lots] == [700]
    voucher = lots[0].denom

    await network.from_utxo(sam, ann, voucher, 300, lots=(Coin(Denom(voucher), 300),))
    unspent = await network.utxo.client(sam)._rpc.unspent(sam.script)
    assert [lot.amount for coin in unspent for lot in coin.lots] == [400]
    before = (await network.zone_balances(ann))["stone"]
    await network.settle()
    assert failures(network) == []
    assert (await network.zone_balances(ann))["stone"] == before + 300


async def test_a_timeout_refunds_by_median_time(network) -> None:
    """A packet that nobody delivers in time is refunded from escrow to the last satoshi."""
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    before = network.utxo.held(sam)
    await network.from_utxo(sam, ann, NATIVE, 5_000, timeout_s=3)
    fee_and_amount = before - network.utxo.held(sam)
    for _ in range(5):
        network.zone.block()
    await network.settle()
    assert failures(network) == []
    assert network.utxo.escrowed() == 0
    assert network.utxo.held(sam) == before - fee_and_amount + 5_000


async def test_a_zone_s_timeout_is_proven_by_median_time(network) -> None:
    """The zone refunds only when the UTXO chain's median time, not a header, is past the timeout."""
    ann = network.zone.users["ann"].address
    sam = named_key("sam")
    before = (await network.zone_balances(ann))["stone"]
    await network.from_zone(network.utxo.address(sam), "stone", 9, timeout_s=2)
    for _ in range(12):
        network.utxo.block()
    await network.settle()
    assert failures(network) == []
    assert (await network.zone_balances(ann))["stone"] == before
    assert [
        lot for c in await network.utxo.client(sam)._rpc.unspent(sam.script) for lot in c.lots
    ] == []


async def test_escrow_is_only_for_messages(network) -> None:
    """A transaction that takes escrow without a message that releases it never enters a block."""
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    await network.from_utxo(sam, ann, NATIVE, 5_000)
    point, coin = next(iter(network.utxo.chain.coins_of(ESCROW_SCRIPT)))
    theft = build_transaction(
        sam,
        network.utxo.coins_of(sam),
        [TxOutput(5_000, sam.script)],
        fee_rate=2,
        forced=[Spendable(point, coin.output)],
    )
    with pytest.raises(BitcoinRuleBroken, match="escrow-unbalanced"):
        network.utxo.mempool.add(theft)
    assert network.utxo.template(theft).refused == (theft.txid,)
