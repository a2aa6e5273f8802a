"""Four account nodes and a zone in one process, with the real relayer between them."""

from types import SimpleNamespace

import pytest

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.runtime.addresses import format_address
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.ics02_client.port import AnyValue
from light_clients.qbft import QbftClient
from light_clients.tendermint import TendermintClient
from parachains.account.client import AccountClient, AccountConfig
from parachains.account.rpc import Eth, answer
from parachains.zone.rpc import Rpc as ZoneRpc
from relayer.config import RelayerSettings
from relayer.daemon import Adapters, workers
from relayer.submitter import Submitter
from relayer.views import PathSpec, WantedChannel
from tests.account_network import Network
from tests.account_worlds import IDENTITY, NATIVE, PREFIX, SAM, User
from tests.relaying import SECOND, FakeBus, FakeClock, MemoryJournal
from tests.zones import InProcessZone

TRANSFER = WantedChannel("transfer", "transfer", "ics20-1")
RELAYER = User(77)


class InProcessAccount:
    """The chain through node 0's RPC; ``block`` lets a second pass."""

    def __init__(self, clock):
        self.clock = clock
        self.chain_id = IDENTITY.chain_id
        self.network = Network(light_clients=(TendermintClient(),), funded=(RELAYER, SAM))
        self.node = self.network.nodes[0]
        shell = SimpleNamespace(
            client_version="test",
            peer_count=lambda: 3,
            highest_known=lambda: 0,
            submit=lambda transaction: self.network.submit(0, transaction),
        )
        self.methods = Eth(self.node.chain, self.node.pool, shell).methods()

    def block(self):
        self.clock.advance(1)
        self.network.run((self.clock.now() - self.network.now) / NS_PER_SECOND)

    async def call(self, method, params):
        response = answer(self.methods, {"id": 1, "method": method, "params": dict(params)})
        if "error" in response:
            raise OperationFailed(f"{method}: {response['error']['message']}")
        return response["result"]

    def client(self, user=RELAYER):
        return AccountClient(AccountConfig(self.chain_id, user.key, NATIVE, PREFIX), self)

    def text(self, user):
        return format_address(PREFIX, user.address)

    def balance(self, user):
        return self.node.account(user.address).balance


class Joined:
    """Both chains and the relayer."""

    def __init__(self, *, has_v2=False):
        self.lane = "channel-0"
        self.clock = FakeClock((1_700_000_000 + 5) * SECOND)
        self.account = InProcessAccount(self.clock)
        self.zone = InProcessZone(
            "zone-1", self.clock, prefix="zone", denom="stone", users=["ann"],
            light_clients=[QbftClient()],
        )  # fmt: skip
        self.chains = (self.account, self.zone)
        for _ in range(3):
            self.account.block()
        self.journal = MemoryJournal()
        clients = {chain.chain_id: chain.client() for chain in self.chains}
        paths = (PathSpec("account-zone", self.account.chain_id, "zone-1", (TRANSFER,), has_v2),)
        adapters = Adapters(clients, self.journal, FakeBus(), self.clock)
        self.workers = workers(RelayerSettings((), paths, None, None), adapters)

    async def settle(self, limit=80):
        idle = 0
        for _ in range(limit):
            did = [await worker.round() for worker in self.workers]
            for chain in self.chains:
                chain.block()
            idle = 0 if any(did) else idle + 1
            if idle == 4:
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

    async def from_account(self, user, receiver, denom, amount, timeout_s=600):
        client = self.account.client(user)
        message = self.message(client.signer, receiver, denom, amount, timeout_s)
        signed = await client.sign((message,))
        await client.broadcast(signed)
        for _ in range(3):
            self.account.block()
        assert (await client.outcome(signed.tx_hash)).code == 0

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
