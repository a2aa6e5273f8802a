"""A packet of a zone on its way into the hub, to be run with the rules of integrity levels or without."""

import base64
import contextlib
from dataclasses import dataclass

from chainkit.commitments.database import MemoryDatabase
from chainkit.primitives.errors import OperationFailed
from chainkit.runtime.abci import FinalizeBlockRequest
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.cosmos.tx.v1beta1 import tx_pb2 as cosmos_tx
from chainkit.wire.proto.ibc.applications.transfer.v1 import tx_pb2
from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2 as integrity_tx
from ibc.datagram.module import APPLICATION as DATAGRAM
from ibc.forward.module import APPLICATION as TRANSFER
from ibc.ics02_client.port import AnyValue
from ibc.ics20_transfer.port import NO_LABELS
from ibc.ics26_routing.module import IbcModule
from relay_chain.app.hub import hub_application
from relayer.config import RelayerSettings
from relayer.daemon import Adapters, workers
from relayer.views import PathSpec, WantedChannel
from tests.relaying import SECOND, FakeBus, FakeClock, MemoryJournal
from tests.zones import InProcessZone

START = 1_700_000_000 * SECOND
RECEIVE = "/ibc.core.channel.v1.MsgRecvPacket"


class Caught(OperationFailed):
    """The transaction that was waited for came; it does not go on."""


class InProcessHub(InProcessZone):
    """The hub's own application in a zone's stead, which gives away the transaction it waits for."""

    catching = False
    caught = None

    def new_application(self, light_clients):
        return hub_application(
            MemoryDatabase(),
            light_clients=light_clients,
            applications=[TRANSFER, DATAGRAM],
            address_prefix=self.prefix,
        )

    def more_state(self):
        """Describe hub and zone; Bob says which client follows the zone."""
        chains = [{"name": "hub", "operator": "hub"}, {"name": "zone-a", "operator": "a"}]
        params = {"registrar": self.users["bob"].address}
        return {"integrity": {"params": params, "chains": chains}}

    def rpc_broadcast_tx_sync(self, tx):
        data = base64.b64decode(tx)
        body = cosmos_tx.TxBody.FromString(cosmos_tx.TxRaw.FromString(data).body_bytes)
        if self.catching and any(each.type_url == RECEIVE for each in body.messages):
            self.caught = data
            raise Caught
        return super().rpc_broadcast_tx_sync(tx)


@dataclass
class PacketOfAZone:
    """The hub before the packet, and the transaction that brings it, proof and header included."""

    hub: InProcessHub
    tx: bytes

    def __post_init__(self) -> None:
        modules = {module.name: module for module in self.hub.app._modules}
        self.bank = modules["bank"]
        [self.core] = [each for each in modules.values() if isinstance(each, IbcModule)]
        self.transfers = modules["transfer"].transfers
        self.gate = modules["integrity_flood"]
        self.judge_tx = self.gate.ante
        self.rules = (self.core.router.middleware, self.transfers.labels, self.bank._watchers)

    def switch(self, *, on: bool) -> None:
        """Put the guard, the gate, the keeper of lots and its ear at the bank there, or none."""
        middleware, labels, watchers = self.rules if on else ((), NO_LABELS, ())
        object.__setattr__(self.core.router, "middleware", middleware)
        object.__setattr__(self.transfers, "labels", labels)
        self.bank._watchers = watchers
        self.gate.ante = self.judge_tx if on else lambda ctx, messages: None

    def run_whole(self) -> None:
        """Do all that a node does with it: the mempool's check, header and proof too, then a block."""
        hub = self.hub
        hub.app._check = None
        checked = hub.app.check_tx(self.tx, recheck=False)
        hub.app._check = None
        assert checked.code == 0, checked.log
        self.run_block()

    def run_block(self) -> None:
        """Run a block with the transaction alone, signature, fees and hashes included."""
        hub = self.hub
        proposer = hub.headers[hub.height].header.proposer_address
        request = FinalizeBlockRequest(hub.height + 1, hub.clock.now(), proposer, (self.tx,))
        (result,) = hub.app.finalize_block(request).tx_results
        assert result.code == 0, result.log

    def run(self) -> None:
        """Run the transaction and keep nothing of it."""
        result = self.hub.app.simulate(self.tx)
        assert result.code == 0, result.log


async def prepare() -> PacketOfAZone:
    """Open a channel between hub and zone by the relayer's code, and catch the first packet."""
    clock = FakeClock(START)
    zone = InProcessZone("zone-a-1", clock, prefix="zone", denom="atoken", users=["alice"])
    hub = InProcessHub("hub-1", clock, prefix="isthmus", denom="stake", users=["bob"])
    wanted = WantedChannel("transfer", "transfer", "ics20-1")
    paths = (PathSpec("zone-hub", zone.chain_id, hub.chain_id, (wanted,)),)
    chains = {each.chain_id: each.client() for each in (zone, hub)}
    adapters = Adapters(chains, MemoryJournal(), FakeBus(), clock)
    (worker,) = workers(RelayerSettings((), paths, None, None), adapters)
    while await worker.round() or not await hub.client().channels("connection-0"):
        for chain in (zone, hub):
            chain.block()
    bob = hub.users["bob"]
    bind = integrity_tx.MsgBindChain(
        authority=bob.address, chain="zone-a", client_id="07-tendermint-0"
    )
    await _submit(hub.client(bob), bind)
    # The first packet of a token also names it, at the hub as anywhere: the second is caught.
    await _send(zone, hub, clock)
    while not any(
        event.type == "recv_packet"
        for _, _, outcome in hub.included.values()
        for event in outcome.events
    ):
        await worker.round()
        for chain in (zone, hub):
            chain.block()
    await _send(zone, hub, clock)
    hub.catching = True
    while hub.caught is None:
        with contextlib.suppress(Caught):
            await worker.round()
        zone.block()
    return PacketOfAZone(hub, hub.caught)


async def _send(zone, hub, clock) -> None:
    """Let Alice of the zone send to Bob of the hub, and make the zone's block."""
    message = tx_pb2.MsgTransfer(
        source_port="transfer",
        source_channel="channel-0",
        token=coin_pb2.Coin(denom="atoken", amount="5"),
        sender=zone.users["alice"].address,
        receiver=hub.users["bob"].address,
        timeout_timestamp=clock.now() + 10_000 * SECOND,
    )
    await _submit(zone.client(zone.users["alice"]), message)
    zone.block()


async def _submit(client, message) -> None:
    tx = await client.sign((AnyValue(type_url(message), encode(message)),))
    await client.broadcast(tx)
    outcome = await client.outcome(tx.tx_hash)
    assert outcome.code == 0, outcome.log
