"""Two DAG nodes and a zone in one process, with the real relayer between the chains."""

from dataclasses import replace

import pytest

from chainkit.primitives.types import ChainId, Denom
from chainkit.runtime.addresses import format_address
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.forward.module import APPLICATION as TRANSFER_APPLICATION
from ibc.ics02_client.port import AnyValue
from light_clients.ghostdag.client import GhostdagClient
from light_clients.tendermint import TendermintClient
from parachains.dag.blocks import Block
from parachains.dag.client import DagClient, DagConfig
from parachains.dag.mempool import Mempool
from parachains.dag.service import Service
from parachains.dag.user import DagUser
from parachains.zone.rpc import Rpc as ZoneRpc
from relayer.config import RelayerSettings
from relayer.daemon import Adapters, workers
from relayer.submitter import Submitter
from relayer.views import PathSpec, WantedChannel
from tests.dag_worlds import Key, Node, parameters
from tests.dags import PARAMETERS
from tests.relaying import SECOND, FakeBus, FakeClock, MemoryJournal
from tests.zones import InProcessZone

TRANSFER = WantedChannel("transfer", "transfer", "ics20-1")
START_S = 1_700_000_000
NATIVE, PREFIX = Denom("knot"), "braid"
DEPTH = 3
FUNDS = 10**12
RELAYER, SAM = Key(71), Key(72)


class InProcessDag:
    """The chain through node 0's RPC; ``block`` lets both miners make one block in parallel."""

    def __init__(self, clock):
        self.clock = clock
        self.chain_id = ChainId("braid-1")
        chain = parameters(
            chain_id=self.chain_id,
            native=NATIVE,
            address_prefix=PREFIX,
            genesis_time_ms=clock.now() // 10**6,
            dag=replace(PARAMETERS, timestamp_tolerance_ms=600_000, pruning_depth=500),
            balances={key.address: FUNDS for key in (RELAYER, SAM)},
        )
        parts = {"light_clients": (TendermintClient(),), "applications": (TRANSFER_APPLICATION,)}
        self.nodes = [Node(number, chain=chain, **parts) for number in range(2)]
        self.pools = [Mempool(node.chain) for node in self.nodes]
        service = Service(self.nodes[0].chain, self.pools[0], self._share, DEPTH)
        self.methods = service.methods()
        self.is_cut = False

    def _share(self, transactions):
        if not self.is_cut:
            self.pools[1].add_all(transactions)

    def _mined(self, at):
        node = self.nodes[at]
        now_ms = self.clock.now() // 10**6
        after = max(now_ms - node.chain.tip.header.timestamp, 1)
        _, run = node.chain.pending()
        return node.mined(*self.pools[at].select(run.sequences), after_ms=after)

    def _hear(self, at, *blocks):
        for block in blocks:
            self.pools[at].after_change(self.nodes[at].chain.accept_block(block, self._later()))

    def _later(self):
        return self.clock.now() // 10**6 + 60_000

    def block(self):
        """A second passes: both miners make a block, and hear of the other's unless cut apart."""
        self.clock.advance(1)
        blocks = [self._mined(at) for at in (0, 1)]
        for at in (0, 1):
            self._hear(at, *([blocks[at]] if self.is_cut else blocks))

    def block_of(self, at):
        """One miner makes a block that the other hears of only if they are joined."""
        self.clock.advance(1)
        made = self._mined(at)
        for other in (at,) if self.is_cut else (0, 1):
            self._hear(other, made)

    def heal(self):
        """Each hears of all that the other has."""
        self.is_cut = False
        for at, other in ((0, 1), (1, 0)):
            source = self.nodes[other]
            self._hear(
                at,
                *(
                    Block(block.header, source.chain.body(block.hash))
                    for block in tuple(source.chain.dag)
                    if block.hash != source.chain.dag.genesis
                ),
            )

    async def call(self, method, params):
        function, names = self.methods[method]
        assert set(params) <= set(names), method
        return function(**params)

    def client(self, key=RELAYER):
        return DagClient(DagConfig(self.chain_id, key.seed, NATIVE, PREFIX), self)

    def user(self, key=SAM):
        return DagUser(self.client(key), self, PREFIX)

    def text(self, key):
        return format_address(PREFIX, key.address)

    @property
    def chain(self):
        return self.nodes[0].chain

    def balance(self, address, denom=NATIVE):
        return self.chain.machine.bank.balance(self.chain.state(), address, Denom(denom))


class Joined:
    """Both chains and the relayer."""

    def __init__(self, *, has_v2=False):
        self.lane = "channel-0"
        self.clock = FakeClock(START_S * SECOND)
        self.dag = InProcessDag(self.clock)
        self.zone = InProcessZone(
            "zone-1", self.clock, prefix="zone", denom="stone", users=["ann"],
            light_clients=[GhostdagClient()],
        )  # fmt: skip
        self.chains = (self.dag, self.zone)
        for _ in range(DEPTH + 2):
            for chain in self.chains:
                chain.block()
        self.journal = MemoryJournal()
        clients = {chain.chain_id: chain.client() for chain in self.chains}
        paths = (PathSpec("dag-zone", self.dag.chain_id, "zone-1", (TRANSFER,), has_v2),)
        adapters = Adapters(clients, self.journal, FakeBus(), self.clock)
        self.workers = workers(RelayerSettings((), paths, None, None), adapters)

    async def settle(self, limit=80):
        idle = 0
        for _ in range(limit):
            did = [await worker.round() for worker in self.workers]
            for chain in self.chains:
                chain.block()
            idle = 0 if any(did) else idle + 1
            if idle == DEPTH + 4:
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

    async def from_dag(self, key, receiver, denom, amount, timeout_s=600):
        client = self.dag.client(key)
        message = self.message(client.signer, receiver, denom, amount, timeout_s)
        signed = await client.sign((message,))
        await client.broadcast(signed)
        for _ in range(2):
            self.dag.block()
        assert (await client.outcome(signed.tx_hash)).code == 0
        return signed

    async def from_zone(self, receiver, denom, amount, timeout_s=600):
        key = self.zone.users["ann"]
        message = self.message(key.address, receiver, denom, amount, timeout_s)
        submitter = Submitter(self.zone.client(key), MemoryJournal(), self.clock)
        assert (await submitter.submit((message,), "transfer")).code == 0

    async def zone_balances(self, address):
        response = await ZoneRpc(self.zone).query(
            "/cosmos.bank.v1beta1.Query/AllBalances",
            bank_query.QueryAllBalancesRequest(address=address),
            bank_query.QueryAllBalancesResponse,
        )
        return {coin.denom: int(coin.amount) for coin in response.balances}

    def failures(self):
        wrong = {"action.failed", "path.stuck"}
        return [(event, detail) for event, detail in self.journal.notes if event in wrong]
