"""An owner's channel for an interchain account, opened by a relayer that was not told of it."""

from google.protobuf.any_pb2 import Any

from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from chainkit.wire.proto.ibc.applications.interchain_accounts.controller.v1 import (
    query_pb2,
    tx_pb2,
)
from chainkit.wire.proto.ibc.applications.interchain_accounts.v1 import packet_pb2
from ibc.ics02_client.port import AnyValue
from parachains.zone.rpc import Rpc
from relayer.config import RelayerSettings
from relayer.daemon import Adapters, workers
from relayer.submitter import Submitter
from relayer.views import PathSpec, WantedChannel
from tests.relaying import SECOND, MemoryJournal
from tests.unit.test_relayer_zones import Network, failures

TRANSFER = WantedChannel("transfer", "transfer", "ics20-1")
CONNECTION = "connection-0"


class AnsweringNetwork(Network):
    """zone-a - hub with a relayer that opens what others begin."""

    def start(self):
        chains = {zone.chain_id: zone.client() for zone in self.zones}
        paths = (PathSpec("a-hub", "zone-a-1", "hub-1", (TRANSFER,), answers=True),)
        adapters = Adapters(chains, self.journal, self.bus, self.clock)
        self.workers = workers(RelayerSettings((), paths, None, None), adapters)

    async def submit(self, zone, key, message):
        submitter = Submitter(zone.client(key), MemoryJournal(), self.clock)
        outcome = await submitter.submit((AnyValue(type_url(message), encode(message)),), "")
        assert outcome.code == 0, outcome.log


async def test_an_account_pays_on_the_other_chain() -> None:
    """
    Registered by its owner, opened by the relayer; what the owner sends is paid there.
    """
    network = AnsweringNetwork()
    await network.settle()
    ann = network.a.users["ann"]
    register = tx_pb2.MsgRegisterInterchainAccount(owner=ann.address, connection_id=CONNECTION)
    await network.submit(network.a, ann, register)
    await network.settle()
    answer = await Rpc(network.a).query(
        "/ibc.applications.interchain_accounts.controller.v1.Query/InterchainAccount",
        query_pb2.QueryInterchainAccountRequest(owner=ann.address, connection_id=CONNECTION),
        query_pb2.QueryInterchainAccountResponse,
    )
    account, relayer = answer.address, network.hub.relayer_key
    assert account.startswith("isthmus1")
    fund = MsgSend(from_address=relayer.address, to_address=account)
    fund.amount.append(Coin(denom="stake", amount="900"))
    await network.submit(network.hub, relayer, fund)
    network.start()

    pay = MsgSend(from_address=account, to_address=relayer.address)
    pay.amount.append(Coin(denom="stake", amount="250"))
    tx = packet_pb2.CosmosTx(messages=[Any(type_url=type_url(pay), value=encode(pay))])
    send = tx_pb2.MsgSendTx(
        owner=ann.address,
        connection_id=CONNECTION,
        packet_data=packet_pb2.InterchainAccountPacketData(
            type=packet_pb2.TYPE_EXECUTE_TX, data=encode(tx)
        ),
        relative_timeout=600 * SECOND,
    )
    await network.submit(network.a, ann, send)
    await network.settle()

    assert failures(network) == []
    assert (await network.balances(network.hub, account))["stake"] == 650
    events = [event for event, _ in network.journal.notes]
    assert events.count("packet.acknowledged") == 1


async def test_a_relayer_that_was_not_asked_to_leaves_it() -> None:
    """
    Without ``answer_channels`` the channel stays begun: its steps are paid by nobody.
    """
    network = Network()
    await network.settle()
    ann = network.a.users["ann"]
    before = len(network.journal.rows)
    register = tx_pb2.MsgRegisterInterchainAccount(owner=ann.address, connection_id=CONNECTION)
    await AnsweringNetwork.submit(network, network.a, ann, register)
    await network.settle()

    assert len(network.journal.rows) == before
