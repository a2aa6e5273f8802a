"""A UTXO chain and a zone in one process, with the real relayer between them."""

import hashlib

import pytest

from chainkit.runtime.addresses import format_address
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.forward.module import APPLICATION as TRANSFER_APPLICATION
from ibc.ics02_client.port import AnyValue
from light_clients.bitcoin.client import BitcoinClient
from light_clients.tendermint import TendermintClient
from parachains.utxo.client import UtxoClient, UtxoConfig
from parachains.utxo.ledger import ESCROW_SCRIPT
from parachains.utxo.mempool import Mempool
from parachains.utxo.mining import search
from parachains.utxo.service import Service
from parachains.utxo.wallet import Key
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
    def __init__(self, *, has_v2=False):
        self.lane = "channel-0"
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
        paths = (PathSpec("utxo-zone", "utxo-1", "zone-1", (TRANSFER,), has_v2),)
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
            source_channel=self.lane,
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
