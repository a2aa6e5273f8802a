"""The relayer carries packets of IBC v2 between real chains, beside those of v1."""

from chainkit.wire.proto.ibc.core.channel.v2 import query_pb2
from parachains.zone.rpc import Rpc
from relayer.config import RelayerSettings
from relayer.daemon import Adapters, workers
from relayer.views import PathSpec, WantedChannel
from tests.account_relayed import Joined as AccountNetwork
from tests.account_worlds import NATIVE as ACCOUNT_NATIVE
from tests.account_worlds import SAM as ACCOUNT_SAM
from tests.dag_relayed import NATIVE as DAG_NATIVE
from tests.dag_relayed import SAM as DAG_SAM
from tests.dag_relayed import Joined as DagNetwork
from tests.unit.test_relayer_zones import Network, failures
from tests.utxo_network import Network as UtxoNetwork
from tests.utxo_network import named_key
from tests.utxo_worlds import NATIVE

CLIENT = "07-tendermint-0"
TRANSFER = WantedChannel("transfer", "transfer", "ics20-1")


class NetworkV2(Network):
    """zone-a - hub with one relayer, a channel and two clients that know each other."""

    def start(self):
        chains = {zone.chain_id: zone.client() for zone in self.zones}
        paths = (PathSpec("a-hub", "zone-a-1", "hub-1", (TRANSFER,), has_v2=True),)
        adapters = Adapters(chains, self.journal, self.bus, self.clock)
        self.workers = workers(RelayerSettings((), paths, None, None), adapters)


async def pending(zone, client_id):
    answer = await Rpc(zone).query(
        "/ibc.core.channel.v2.Query/PacketCommitments",
        query_pb2.QueryPacketCommitmentsRequest(client_id=client_id),
        query_pb2.QueryPacketCommitmentsResponse,
    )
    return [state.sequence for state in answer.commitments]


async def test_a_transfer_of_each_version_goes_over_one_path() -> None:
    """
    Counterparties are registered by the relayer; both transfers are delivered and answered,
    each with a denomination of its own, and both come home.
    """
    network = NetworkV2()
    await network.settle()
    assert failures(network) == []
    ann = network.a.users["ann"].address
    relayer = network.hub.relayer_key
    network.hub.users["relayer"] = relayer
    vouchers = {}
    for lane in ("channel-0", CLIENT):
        sent = await network.transfer(network.a, "ann", lane, "atoken", relayer.address)
        assert sent.code == 0, sent.log
        assert await pending(network.a, CLIENT) == ([1] if lane == CLIENT else [])
        await network.settle()
        held = {d for d in await network.balances(network.hub, relayer.address) if "ibc/" in d}
        (vouchers[lane],) = held - set(vouchers.values())
    assert await pending(network.a, CLIENT) == []

    for lane, voucher in vouchers.items():
        assert (await network.transfer(network.hub, "relayer", lane, voucher, ann)).code == 0
        network.start()
        await network.settle()
    assert failures(network) == []
    assert (await network.balances(network.a, ann))["atoken"] == 1_000_000_000
    events = [event for event, _ in network.journal.notes]
    assert events.count("packet.received") == events.count("packet.acknowledged") == 4


async def test_a_late_packet_is_refunded_by_proof_of_absence() -> None:
    """
    The timeout passes while no relayer runs; the sender has its tokens again.
    """
    network = NetworkV2()
    await network.settle()
    ann = network.a.users["ann"].address
    receiver = network.hub.relayer_key.address
    sent = await network.transfer(network.a, "ann", CLIENT, "atoken", receiver, timeout_s=5)
    assert sent.code == 0, sent.log
    for _ in range(6):
        for zone in network.zones:
            zone.block()
    await network.settle()

    assert failures(network) == []
    assert (await network.balances(network.a, ann))["atoken"] == 1_000_000_000
    assert [e for e, _ in network.journal.notes].count("packet.timed_out") == 1


async def _own_client(chain) -> str:
    (hosted,) = await chain.client().clients()
    return hosted.client_id


async def test_a_utxo_chain_sends_and_receives() -> None:
    """
    A coin into escrow and home again, between clients of two kinds; each chain's node finds
    the packet by its client.
    """
    network = UtxoNetwork(has_v2=True)
    await network.settle()
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    network.lane = await _own_client(network.utxo)
    await network.from_utxo(sam, ann, NATIVE, 250_000_000)
    assert network.utxo.escrowed() == 250_000_000
    await network.settle()
    (voucher,) = (d for d in await network.zone_balances(ann) if d.startswith("ibc/"))

    network.lane = await _own_client(network.zone)
    await network.from_zone(network.utxo.address(sam), voucher, 100_000_000)
    await network.settle()
    assert [e for e, _ in network.journal.notes if e in {"action.failed", "path.stuck"}] == []
    assert network.utxo.escrowed() == 150_000_000


async def test_an_account_chain_sends_and_receives() -> None:
    """
    The same from contracts and logs.
    """
    joined = AccountNetwork(has_v2=True)
    await joined.settle()
    ann = joined.zone.users["ann"].address
    joined.lane = await _own_client(joined.account)
    await joined.from_account(ACCOUNT_SAM, ann, ACCOUNT_NATIVE, 5_000)
    await joined.settle()
    (voucher,) = (d for d in await joined.zone_balances(ann) if d.startswith("ibc/"))
    assert (await joined.zone_balances(ann))[voucher] == 5_000

    joined.lane = await _own_client(joined.zone)
    await joined.from_zone(joined.account.text(ACCOUNT_SAM), voucher, 2_000)
    await joined.settle()
    assert joined.failures() == []
    assert (await joined.zone_balances(ann))[voucher] == 3_000


async def test_a_dag_chain_sends_and_receives() -> None:
    """
    The same from the selected chain.
    """
    joined = DagNetwork(has_v2=True)
    await joined.settle()
    ann = joined.zone.users["ann"].address
    joined.lane = await _own_client(joined.dag)
    await joined.from_dag(DAG_SAM, ann, DAG_NATIVE, 5_000)
    await joined.settle()
    (voucher,) = (d for d in await joined.zone_balances(ann) if d.startswith("ibc/"))
    assert (await joined.zone_balances(ann))[voucher] == 5_000

    joined.lane = await _own_client(joined.zone)
    await joined.from_zone(joined.dag.text(DAG_SAM), voucher, 2_000)
    await joined.settle()
    assert joined.failures() == []
    assert (await joined.zone_balances(ann))[voucher] == 3_000
