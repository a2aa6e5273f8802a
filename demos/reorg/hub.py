"""What the hub has of the other chain: its clients, what they keep, its packets and vouchers."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.hashing import sha256
from chainkit.primitives.heights import Height
from chainkit.primitives.types import ChannelId, ClientId, PortId, Sequence
from chainkit.runtime.tx_codec import decode_tx
from chainkit.wire.codec import decode_known, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.ibc.core.client.v1.tx_pb2 import MsgUpdateClient
from demos.network import Network
from ibc.ics02_client.port import AnyValue
from parachains.sdk.relaying import ClientInfo
from relay_chain.node.json_forms import from_base64

HUB, COIN = "hub", "coin"
PORT = PortId("transfer")
KEPT_HEIGHTS = 32
"""Newest heights whose states are compared before and after a cut."""
MAX_MESSAGE_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class ClientSeen:
    """A client of the other chain on the hub, with what it keeps of its newest heights."""

    client_id: ClientId
    height: Height
    is_frozen: bool
    kept: Mapping[int, AnyValue]

    def changed_in(self, later: "ClientSeen") -> int:
        """Return at how many of the heights kept now something else, or nothing, is kept later."""
        return sum(later.kept.get(height) != state for height, state in self.kept.items())


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the hub took the message that froze a client."""

    height: int
    signer: str


class _Attribute(msgspec.Struct):
    key: str
    value: str


class _Event(msgspec.Struct):
    type: str
    attributes: list[_Attribute] = []


class _TxResult(msgspec.Struct):
    code: int = 0
    events: list[_Event] = []


class _BlockResults(msgspec.Struct):
    txs_results: list[_TxResult] | None = None


class _Data(msgspec.Struct):
    txs: list[str] | None = None


class _Block(msgspec.Struct):
    data: _Data


class _BlockAnswer(msgspec.Struct):
    block: _Block


async def clients_of_coin(net: Network) -> dict[ClientId, ClientInfo]:
    """Return the hub's clients of the other chain, without what they keep."""
    hub, coin = await net.client(HUB), await net.client(COIN)
    read = {each.client_id: coin.read_client(each.state) for each in await hub.clients()}
    return {client_id: info for client_id, info in read.items() if info is not None}


async def look_at(net: Network, client_id: ClientId, lowest: int | None = None) -> ClientSeen:
    """Return a client with what it keeps from ``lowest`` on, or of its newest heights."""
    hub = await net.client(HUB)
    info = (await clients_of_coin(net))[client_id]
    newest = info.latest_height.revision_height
    first = newest - KEPT_HEIGHTS + 1 if lowest is None else lowest
    kept: dict[int, AnyValue] = {}
    for height in await hub.consensus_heights(client_id):
        if height.revision_height >= first:
            state = await hub.hosted_consensus_state(client_id, height)
            if state is not None:
                kept[height.revision_height] = state
    return ClientSeen(client_id, info.latest_height, info.is_frozen, kept)


async def height_of(net: Network) -> int:
    """Return the hub's newest height."""
    return (await (await net.client(HUB)).status()).height


async def _events(net: Network, height: int) -> list[tuple[int, str, dict[str, str]]]:
    """Return place of the transaction, type and attributes of what a block of the hub did."""
    node = net.chain(HUB).nodes[0]
    answer = await net.reader.call(node, "block_results", {"height": str(height)})
    try:
        results = msgspec.convert(answer, _BlockResults, strict=False).txs_results or []
    except msgspec.ValidationError as error:
        raise OperationFailed(f"{node.name}: block_results of {height}: {error}") from error
    return [
        (at, event.type, {each.key: each.value for each in event.attributes})
        for at, result in enumerate(results)
        if result.code == 0
        for event in result.events
    ]


async def find_evidence(net: Network, client_id: ClientId, since: int) -> Evidence | None:
    """Return where a client was frozen after a height of the hub, or None."""
    for height in range(since + 1, await height_of(net) + 1):
        for at, kind, attributes in await _events(net, height):
            if kind == "client_misbehaviour" and attributes.get("client_id") == client_id:
                return Evidence(height, await _updater(net, height, at, client_id))
    return None


async def _updater(net: Network, height: int, at: int, client_id: ClientId) -> str:
    """Return who signed the client update in a transaction of a block."""
    node = net.chain(HUB).nodes[0]
    answer = await net.reader.call(node, "block", {"height": str(height)})
    try:
        txs = msgspec.convert(answer, _BlockAnswer, strict=False).block.data.txs or []
    except msgspec.ValidationError as error:
        raise OperationFailed(f"{node.name}: block {height}: {error}") from error
    for message in decode_tx(from_base64(txs[at], what="transaction")).messages:
        if message.type_url == type_url(MsgUpdateClient):
            update = decode_known(MsgUpdateClient, message.value, max_bytes=MAX_MESSAGE_BYTES)
            if update.client_id == client_id:
                return update.signer
    return ""


async def received(net: Network, channel: ChannelId) -> Counter[int]:
    """Return how often the hub paid out a packet of each amount on its channel."""
    found: Counter[int] = Counter()
    for height in range(1, await height_of(net) + 1):
        for _, kind, values in await _events(net, height):
            if kind != "write_acknowledgement" or values.get("packet_dst_channel") != channel:
                continue
            if "result" in json.loads(bytes.fromhex(values["packet_ack_hex"])):
                found[_amount(bytes.fromhex(values["packet_data_hex"]))] += 1
    return found


def _amount(data: bytes) -> int:
    return int(json.loads(data)["amount"])


async def sent(net: Network, channel: ChannelId) -> dict[Sequence, int]:
    """Return the amounts of the packets that the other chain sent, as its chain has them now."""
    coin = await net.client(COIN)
    found: dict[Sequence, int] = {}
    while True:
        sequence = Sequence(len(found) + 1)
        packet = await coin.sent_packet(PORT, channel, sequence)
        if packet is None:
            return found
        found[sequence] = _amount(packet.data)


def voucher(channel: ChannelId, denom: str) -> str:
    """Return the hub's name of the other chain's coin (ICS-20)."""
    return f"ibc/{sha256(f'{PORT}/{channel}/{denom}'.encode()).hex().upper()}"


async def vouchers(net: Network, denom: str) -> int:
    """Return how much of a denomination the hub has."""
    answer = await net.query(
        HUB,
        "/cosmos.bank.v1beta1.Query/SupplyOf",
        bank_query.QuerySupplyOfRequest(denom=denom),
        bank_query.QuerySupplyOfResponse,
    )
    return int(answer.amount.amount or 0)
