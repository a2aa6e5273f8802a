"""The relayer between real zone applications: every header and proof is verified for real."""

import asyncio
import json

import pytest

from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import ChannelState
from parachains.zone.rpc import Rpc
from relayer.config import RelayerSettings
from relayer.daemon import Adapters, workers
from relayer.submitter import Submitter
from relayer.views import PathSpec, WantedChannel
from tests.relaying import SECOND, FakeBus, FakeClock, MemoryJournal
from tests.zones import InProcessZone

TRANSFER = WantedChannel("transfer", "transfer", "ics20-1")


class Network:
    """zone-a - hub - zone-b with one relayer for both paths."""

    def __init__(self):
        self.clock = FakeClock(1_700_000_000 * SECOND)
        self.a = InProcessZone("zone-a-1", self.clock, prefix="zone", denom="atoken", users=["ann"])
        self.hub = InProcessZone("hub-1", self.clock, prefix="isthmus", denom="stake")
        self.b = InProcessZone("zone-b", self.clock, prefix="zone", denom="btoken", users=["bob"])
        self.zones = (self.a, self.hub, self.b)
        self.journal, self.bus = MemoryJournal(), FakeBus()
        self.start()

    def start(self):
        chains = {zone.chain_id: zone.client() for zone in self.zones}
        paths = (
            PathSpec("a-hub", "zone-a-1", "hub-1", (TRANSFER,)),
            PathSpec("b-hub", "zone-b", "hub-1", (TRANSFER,)),
        )
        settings = RelayerSettings((), paths, None, None)
        adapters = Adapters(chains, self.journal, self.bus, self.clock)
        self.workers = workers(settings, adapters)

    async def settle(self, limit=60):
        idle = 0
        for _ in range(limit):
            did = [await worker.round() for worker in self.workers]
            for zone in self.zones:
                zone.block()
            idle = 0 if any(did) else idle + 1
            if idle == 3:
                return
        pytest.fail("the relayer does not come to rest")

    async def transfer(self, zone, user, channel, denom, receiver, memo="", timeout_s=600):
        key = zone.users[user]
        message = MsgTransfer(
            source_port="transfer",
            source_channel=channel,
            sender=key.address,
            receiver=receiver,
            memo=memo,
            timeout_timestamp=self.clock.now() + timeout_s * SECOND,
        )
        message.token.denom, message.token.amount = denom, "1000"
        submitter = Submitter(zone.client(key), MemoryJournal(), self.clock)
        return await submitter.submit((AnyValue(type_url(message), encode(message)),), "transfer")

    async def balances(self, zone, address):
        answer = await Rpc(zone).query(
            "/cosmos.bank.v1beta1.Query/AllBalances",
            bank_query.QueryAllBalancesRequest(address=address),
            bank_query.QueryAllBalancesResponse,
        )
        return {coin.denom: int(coin.amount) for coin in answer.balances}


def failures(network):
    return [
        (event, detail)
        for event, detail in network.journal.notes
        if event in {"action.failed", "path.waits", "path.stuck"}
    ]


async def test_channels_open_and_a_token_goes_over_and_comes_home() -> None:
    """
    From nothing: clients, connections and channels by proof, then a transfer and its return;
    nothing is refused on the way, and all that was escrowed is free again.
    """
    network = Network()
    await network.settle()
    assert failures(network) == []
    for zone in network.zones:
        channels = await zone.client().channels("connection-0")
        assert [channel.end.state for channel in channels] == [ChannelState.OPEN]
    ann = network.a.users["ann"].address
    relayer = network.hub.relayer_key
    assert (
        await network.transfer(network.a, "ann", "channel-0", "atoken", relayer.address)
    ).code == 0
    await network.settle()

    vouchers = [
        denom for denom in await network.balances(network.hub, relayer.address) if "ibc/" in denom
    ]
    assert len(vouchers) == 1
    assert (await network.balances(network.a, ann))["atoken"] == 1_000_000_000 - 1000
    network.hub.users["relayer"] = relayer
    assert (await network.transfer(network.hub, "relayer", "channel-0", vouchers[0], ann)).code == 0
    network.start()
    await network.settle()

    assert failures(network) == []
    assert (await network.balances(network.a, ann))["atoken"] == 1_000_000_000
    assert vouchers[0] not in await network.balances(network.hub, relayer.address)


async def test_a_transfer_that_is_late_is_refunded_by_proof_of_absence() -> None:
    """
    The timeout passes while no relayer runs; the sender has its tokens again.
    """
    network = Network()
    await network.settle()
    ann = network.a.users["ann"].address
    receiver = network.hub.relayer_key.address
    sent = await network.transfer(network.a, "ann", "channel-0", "atoken", receiver, timeout_s=5)
    assert sent.code == 0
    for _ in range(5):
        for zone in network.zones:
            zone.block()
    await network.settle()

    assert failures(network) == []
    assert (await network.balances(network.a, ann))["atoken"] == 1_000_000_000
    assert not any("ibc/" in d for d in await network.balances(network.hub, receiver))
    assert [e for e, _ in network.journal.notes].count("packet.timed_out") == 1


async def test_a_token_crosses_two_hops_and_comes_home() -> None:
    """
    zone-a -> hub -> zone-b by the memo, and back: each hop relayed by its own path, the
    acknowledgement only after the last hop; nothing is left in between.
    """
    network = Network()
    await network.settle()
    ann, bob = network.a.users["ann"].address, network.b.users["bob"].address
    hop = {"forward": {"receiver": bob, "port": "transfer", "channel": "channel-1"}}
    receiver = network.hub.relayer_key.address
    sent = await network.transfer(
        network.a, "ann", "channel-0", "atoken", receiver, memo=json.dumps(hop)
    )
    assert sent.code == 0, sent.log
    await network.settle()

    assert failures(network) == []
    (voucher,) = [d for d in await network.balances(network.b, bob) if d.startswith("ibc/")]
    assert (await network.balances(network.b, bob))[voucher] == 1000
    home = {"forward": {"receiver": ann, "port": "transfer", "channel": "channel-0"}}
    sent = await network.transfer(
        network.b, "bob", "channel-0", voucher, receiver, memo=json.dumps(home)
    )
    assert sent.code == 0, sent.log
    await network.settle()

    assert failures(network) == []
    assert (await network.balances(network.a, ann))["atoken"] == 1_000_000_000
    assert not any("ibc/" in d for d in await network.balances(network.b, bob))
    for zone in network.zones:
        client = zone.client()
        for channel in await client.channels("connection-0"):
            assert await client.commitments(channel.port_id, channel.channel_id) == ()


async def test_clients_live_on_over_idle_time() -> None:
    """
    Two thirds into the trusting period they are refreshed, and a transfer works after it.
    """
    network = Network()
    await network.settle()
    client = (await network.a.client().clients())[0]
    info = network.hub.client().read_client(client.state)
    assert info is not None
    network.clock.advance(info.trusting_period_ns * 7 // 10 // SECOND)
    for zone in network.zones:
        zone.block()
    await network.settle()

    assert failures(network) == []
    refreshed = network.hub.client().read_client((await network.a.client().clients())[0].state)
    assert refreshed is not None
    assert refreshed.latest_height > info.latest_height


def test_two_paths_work_at_the_same_time_on_one_account() -> None:
    """
    Both workers run as tasks over the hub's one account: channels open, no sequence clashes.
    """

    async def together():
        network = Network()
        for _ in range(40):
            await asyncio.gather(*(worker.round() for worker in network.workers))
            for zone in network.zones:
                zone.block()
        return network, await network.hub.client().channels("connection-0")

    network, channels = asyncio.run(together())
    assert [channel.end.state for channel in channels] == [ChannelState.OPEN]
    assert failures(network) == []
