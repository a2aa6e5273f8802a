"""Worlds of chains for the tests of IBC."""

from chainkit.primitives.heights import ZERO_HEIGHT, Height
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.ibc.applications.transfer.v1 import tx_pb2
from chainkit.wire.proto.isthmus.datagram.v1 import datagram_pb2
from ibc.datagram.module import APPLICATION as DATAGRAM
from ibc.forward.module import APPLICATION as TRANSFER
from ibc.ics02_client.codec import height_to_proto
from ibc.ics04_channel.types import Order, Packet
from ibc.testing.chain import TestChain
from ibc.testing.path import Endpoint, Path, sent_packets

SECOND = 1_000_000_000
LATER = 10_000 * SECOND


def new_chain(chain_id: str, middleware=(), applications=(TRANSFER, DATAGRAM)) -> TestChain:
    return TestChain(chain_id, applications, middleware)


def transfer_path(a: TestChain, b: TestChain) -> Path:
    return Path(Endpoint(a, "transfer", "ics20-1"), Endpoint(b, "transfer", "ics20-1")).open()


def datagram_path(a: TestChain, b: TestChain, order: Order = Order.ORDERED) -> Path:
    version = "isthmus-datagram-1"
    return Path(Endpoint(a, "datagram", version), Endpoint(b, "datagram", version), order).open()


def two_chains(middleware=()) -> Path:
    a, b = new_chain("zone-a"), new_chain("hub-1", middleware)
    path = transfer_path(a, b)
    a.fund("alice", "uatom", 1_000)
    return path


def three_chains() -> tuple[Path, Path]:
    a, hub, b = (new_chain(name) for name in ("zone-a", "hub-1", "zone-b"))
    first = transfer_path(a, hub)
    second = transfer_path(hub, b)
    a.fund("alice", "uatom", 1_000)
    b.fund("bob", "ubtc", 1_000)
    return first, second


def transfer_message(
    end: Endpoint,
    sender: str,
    receiver: str,
    denom: str,
    amount: int,
    *,
    memo: str = "",
    timeout_ns: int = LATER,
    timeout_height: Height = ZERO_HEIGHT,
) -> tx_pb2.MsgTransfer:
    chain = end.chain
    return tx_pb2.MsgTransfer(
        source_port="transfer",
        source_channel=end.channel_id,
        token=coin_pb2.Coin(denom=denom, amount=str(amount)),
        sender=chain.text(chain.account(sender)),
        receiver=receiver,
        timeout_height=height_to_proto(timeout_height),
        timeout_timestamp=chain.time + timeout_ns if timeout_ns else 0,
        memo=memo,
    )


def send(end: Endpoint, sender: str, receiver: str, denom: str, amount: int, **more) -> Packet:
    _, events = end.chain.execute(transfer_message(end, sender, receiver, denom, amount, **more))
    return sent_packets(events)[0]


def address(chain: TestChain, name: str) -> str:
    return chain.text(chain.account(name))


def send_datagram(end: Endpoint, data: bytes, timeout_ns: int = LATER) -> Packet:
    _, events = end.chain.execute(
        datagram_pb2.MsgSendDatagram(
            sender=address(end.chain, "alice"),
            source_channel=end.channel_id,
            data=data,
            timeout_timestamp=end.chain.time + timeout_ns,
        )
    )
    return sent_packets(events)[0]
