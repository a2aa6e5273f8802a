"""``isthmus demo versions``: IBC v1 and v2 side by side, and an account on another chain.

One relayer serves one path: a channel on a connection for v1, the same two clients for v2. The
token has a name of its own by either way, and each way home ends in the right escrow. Then
alice of the zone gets an account on the hub (ICS-27) and pays bob from it.
"""

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path

from google.protobuf.message import Message

from chainkit.primitives.types import ChannelId, ClientId
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from chainkit.wire.proto.ibc.applications.interchain_accounts.controller.v1 import query_pb2, tx_pb2
from chainkit.wire.proto.ibc.applications.interchain_accounts.v1 import packet_pb2
from demos.journeys import (
    TIMEOUT_S,
    Spokes,
    TransferRefused,
    open_spokes,
    settle,
    there_and_back,
    travel,
)
from demos.ledgers import balance, balance_of_escrow
from demos.network import Channel, Network, run_scenario
from demos.routes import HUB, HUB_CHAIN
from demos.story import Story
from ibc.ics02_client.port import AnyValue
from isthmus.cli.output import Output
from isthmus.config import ChainSpec, NetSpec, PathEndSpec
from relayer.ports import ChainClient

ZONE = "zone"
PAYMENT = 1_000
SPEC = NetSpec(
    chains=(HUB_CHAIN, ChainSpec(name=ZONE, kind="zone", denom="utok")),
    paths=(PathEndSpec(a=ZONE, b=HUB, ibc_v2=True, answer_channels=True),),
)


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; its fields are those of the JSON line."""

    v1_delivered: bool
    v1_returned: bool
    v2_delivered: bool
    v2_returned: bool
    escrow_left: int
    """What the zone still holds for both ways after everything came home."""
    account_paid: int
    """What bob got on the hub from the account there that alice of the zone owns."""
    packets_pending: int
    """Packets of v2 that no acknowledgement has finished, on both chains."""

    def failures(self) -> tuple[str, ...]:
        """Return what does not hold; empty when the demo succeeded."""
        checks = (
            (self.v1_delivered and self.v1_returned, "v1's token did not go and come home"),
            (self.v2_delivered and self.v2_returned, "v2's token did not go and come home"),
            (self.escrow_left == 0, f"{self.escrow_left} base units were left in escrow"),
            (self.account_paid == PAYMENT, f"the account paid {self.account_paid}"),
            (self.packets_pending == 0, f"{self.packets_pending} packets of v2 are unfinished"),
        )
        return tuple(text for holds, text in checks if not holds)


class VersionsDemo:
    """A demo that the command line finds."""

    summary = "IBC v1 and v2 side by side, and a zone's user pays from an account on the hub"

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; print the report, then what does not hold; return whether all does."""
        with Story() as story:
            report = run_scenario(play, spec=SPEC, home=home, say=story.say, name="versions")
        failures = report.failures()
        for failure in failures:
            output.progress(f"FAILED: {failure}")
        output.result(asdict(report), lambda: describe(report))
        return not failures


DEMO = VersionsDemo()


def describe(report: Report) -> str:
    """Return the report as people read it."""
    return (
        "v1 over a channel and v2 between the two clients: both delivered, both home, "
        f"{report.escrow_left} left in escrow, {report.packets_pending} packets unfinished; "
        f"an account on the hub paid {report.account_paid} for its owner on the zone"
    )


async def play(net: Network) -> Report:
    """Send both tokens at once, then both home at once."""
    (by_channel,) = (await open_spokes(net, (ZONE,))).values()
    net.say(f"v1: the relayer opened {ZONE} {by_channel.on_a} <-> {by_channel.on_b} hub")
    by_clients = await counterparties(net)
    net.say(f"v2: {ZONE} {by_clients.on_a} and hub {by_clients.on_b} belong to each other")
    denom = net.chain(ZONE).denom
    v1 = there_and_back(ZONE, HUB, denom, {ZONE: by_channel}, sender="alice", receiver="bob")
    v2 = there_and_back(ZONE, HUB, denom, {ZONE: by_clients}, sender="bob", receiver="alice")

    out = await asyncio.gather(travel(net, v1[0]), travel(net, v2[0]))
    net.say("both arrived on the hub, each under a name of its own")
    back = await asyncio.gather(travel(net, v1[1]), travel(net, v2[1]))
    net.say("both are home")
    spokes: Spokes = {ZONE: by_channel}
    await settle(net, spokes)
    await net.wait_until(
        "waiting for the acknowledgements of v2", lambda: none_pending(net, by_clients)
    )
    left = [
        await balance_of_escrow(net, ZONE, lane.on_a, denom) for lane in (by_channel, by_clients)
    ]
    return Report(
        v1_delivered=out[0][0],
        v1_returned=back[0][0],
        v2_delivered=out[1][0],
        v2_returned=back[1][0],
        escrow_left=sum(left),
        account_paid=await pay_from_account(net),
        packets_pending=await pending(net, by_clients),
    )


async def pay_from_account(net: Network) -> int:
    """Let alice of the zone pay bob on the hub from her account there; return what he got."""
    zone, hub = await net.client(ZONE, "alice"), await net.client(HUB, "alice")
    owner, bob = net.account("alice").addresses[ZONE], net.account("bob").addresses[HUB]
    (connection,) = {each.connection_id for each in await zone.connections()}
    register = tx_pb2.MsgRegisterInterchainAccount(owner=owner, connection_id=connection)
    await execute(net, zone, register)
    net.say("alice registered an account on the hub; nobody told the relayer")

    async def look() -> str | None:
        answer = await net.query(
            ZONE,
            "/ibc.applications.interchain_accounts.controller.v1.Query/InterchainAccount",
            query_pb2.QueryInterchainAccountRequest(owner=owner, connection_id=connection),
            query_pb2.QueryInterchainAccountResponse,
        )
        return answer.address or None

    account = await net.wait_until("waiting for the relayer to open the account's channel", look)
    net.say(f"her account on the hub is {account}")
    denom = net.chain(HUB).denom
    before = await balance(net, HUB, "bob", denom)
    await execute(net, hub, payment(net.account("alice").addresses[HUB], account, denom))
    tx = packet_pb2.CosmosTx()
    tx.messages.add().Pack(payment(account, bob, denom), type_url_prefix="/")
    order = tx_pb2.MsgSendTx(
        owner=owner,
        connection_id=connection,
        packet_data=packet_pb2.InterchainAccountPacketData(
            type=packet_pb2.TYPE_EXECUTE_TX, data=encode(tx)
        ),
        relative_timeout=TIMEOUT_S * 10**9,
    )
    await execute(net, zone, order)

    async def paid() -> int | None:
        return (await balance(net, HUB, "bob", denom) - before) or None

    return await net.wait_until("waiting for the account to pay bob", paid)


def payment(sender: str, receiver: str, denom: str) -> MsgSend:
    """Return a payment of the demo's size."""
    coin = Coin(denom=denom, amount=str(PAYMENT))
    return MsgSend(from_address=sender, to_address=receiver, amount=[coin])


async def execute(net: Network, client: ChainClient, message: Message) -> None:
    """Submit a message; it must succeed.

    Raises:
        TransferRefused: A block refused it.
    """
    outcome = await net.deliver(client, AnyValue(type_url(message), encode(message)))
    if outcome.code != 0:
        raise TransferRefused(chain=client.chain_id, outcome=outcome)


async def counterparties(net: Network) -> Channel:
    """Return the two clients once each chain says that they belong to each other."""

    async def look() -> Channel | None:
        zone, hub = await net.client(ZONE), await net.client(HUB)
        for hosted in await zone.clients():
            there = await zone.counterparty(hosted.client_id)
            if there is not None and await hub.counterparty(there) == hosted.client_id:
                return Channel(ChannelId(hosted.client_id), ChannelId(there))
        return None

    return await net.wait_until("waiting for the relayer to register the counterparties", look)


async def pending(net: Network, lane: Channel) -> int:
    """Return how many packets of v2 wait for their acknowledgement."""
    zone = await (await net.client(ZONE)).commitments_v2(ClientId(lane.on_a))
    hub = await (await net.client(HUB)).commitments_v2(ClientId(lane.on_b))
    return len(zone) + len(hub)


async def none_pending(net: Network, lane: Channel) -> bool | None:
    """Return True once nothing of v2 is under way, None before."""
    return True if await pending(net, lane) == 0 else None
