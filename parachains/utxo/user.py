"""A UTXO chain as people see it: fits the port of the command line structurally."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainkit.formats.bitcoin.script import p2wpkh
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.types import BlockHeight, ChannelId, PortId
from chainkit.primitives.types import Sequence as SequenceNumber
from chainkit.runtime.addresses import parse_address
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.ics02_client.port import AnyValue
from parachains.sdk.ibc_queries import hex_attribute, packet_of_event
from parachains.sdk.users import (
    Intent,
    NotOffered,
    PacketEvent,
    PacketKey,
    PacketStep,
    QueryForm,
    Send,
    Transfer,
)
from parachains.utxo.client import UtxoClient
from parachains.utxo.payments import send_message
from parachains.utxo.rpc import Rpc, RpcTransport

EVENTS = {
    PacketStep.SENT: ("send_packet", "packet_src_channel"),
    PacketStep.RECEIVED: ("recv_packet", "packet_dst_channel"),
    PacketStep.ANSWERED: ("write_acknowledgement", "packet_dst_channel"),
    PacketStep.ACKNOWLEDGED: ("acknowledge_packet", "packet_src_channel"),
    PacketStep.TIMED_OUT: ("timeout_packet", "packet_src_channel"),
}
QUERIES = (
    QueryForm("balances", "coins and foreign tokens of an account", "balances alice", ("address",)),
    QueryForm("tx", "a transaction by its id", "tx 4a5e1e4b...", ("hash",)),
    QueryForm("block", "a block by its height; the newest without", "block 12", ("height?",)),
    QueryForm("info", "the state of the chain", "info"),
    QueryForm("mempool", "the ids of the waiting transactions", "mempool"),
)


@dataclass(frozen=True, slots=True)
class UtxoUser:
    """One UTXO chain for people."""

    client: UtxoClient
    transport: RpcTransport
    address_prefix: str
    native: str

    @property
    def queries(self) -> Sequence[QueryForm]:
        """What can be asked."""
        return QUERIES

    async def message(self, intent: Intent) -> AnyValue:
        """Return the message that does what is wanted, from the account that signs.

        Raises:
            NotOffered: Anything but a payment or a transfer over a channel.
        """
        match intent:
            case Send(to, coins):
                return send_message(self.client.signer, to, coins)
            case Transfer():
                return self._transfer(intent)
            case _:
                what = f"message for {type(intent).__name__.lower()}"
                raise NotOffered(chain_id=self.client.chain_id, what=what)

    def _transfer(self, intent: Transfer) -> AnyValue:
        message = MsgTransfer(
            source_port=intent.port_id,
            source_channel=intent.channel_id,
            sender=self.client.signer,
            receiver=intent.receiver,
            timeout_timestamp=intent.timeout_timestamp,
            memo=intent.memo,
        )
        message.token.denom, message.token.amount = intent.coin.denom, str(intent.coin.amount)
        return AnyValue(type_url(message), encode(message))

    async def ask(self, name: str, arguments: Mapping[str, str]) -> Mapping[str, object]:
        """Return the answer to one of ``queries`` in JSON's values.

        Raises:
            NotOffered: It is none of them.
            MalformedMessage: An argument is not of its form.
            OperationFailed: The chain answered with an error.
        """
        match name:
            case "balances":
                return await self._balances(arguments["address"])
            case "tx":
                params = {"txid": arguments["hash"].lower(), "verbose": True}
                return _object(await self.transport.call("getrawtransaction", params))
            case "block":
                return await self._block(arguments.get("height", ""))
            case "info":
                return _object(await self.transport.call("getblockchaininfo", {}))
            case "mempool":
                return {"txids": await self.transport.call("getrawmempool", {})}
            case _:
                raise NotOffered(chain_id=self.client.chain_id, what=f"query {name!r}")

    async def _balances(self, address: str) -> Mapping[str, object]:
        owner = parse_address(self.address_prefix, address)
        if len(owner) != 20:
            raise MalformedMessage("address: expected one of a key")
        totals: dict[str, int] = {}
        for coin in await Rpc(self.transport).unspent(p2wpkh(owner)):
            totals[self.native] = totals.get(self.native, 0) + coin.output.value
            for lot in coin.lots:
                totals[lot.denom] = totals.get(lot.denom, 0) + lot.amount
        return {
            "balances": [{"denom": d, "amount": str(a)} for d, a in sorted(totals.items()) if a]
        }

    async def _block(self, height: str) -> Mapping[str, object]:
        if height and not (height.isascii() and height.isdecimal()):
            raise MalformedMessage(f"height: expected a number, got {height[:40]!r}")
        number = int(height) if height else await self.transport.call("getblockcount", {})
        block_hash = await self.transport.call("getblockhash", {"height": number})
        params = {"blockhash": block_hash, "verbosity": 1}
        return _object(await self.transport.call("getblock", params))

    async def packets_sent_by(self, tx_hash: str) -> Sequence[PacketKey]:
        """Return the packets that a transaction sent from here.

        Raises:
            OperationFailed: No block holds the transaction.
        """
        found = await Rpc(self.transport).packets_of(tx_hash.lower())
        return tuple(
            PacketKey(
                PortId(attributes["packet_src_port"]),
                ChannelId(attributes["packet_src_channel"]),
                SequenceNumber(int(attributes["packet_sequence"])),
            )
            for attributes in found
        )

    async def packet_events(
        self, step: PacketStep, key: PacketKey, counterparty: tuple[str, str]
    ) -> Sequence[PacketEvent]:
        """Return when one step of a packet happened here; normally once or never."""
        kind, side = EVENTS[step]
        channel = key.channel_id if side == "packet_src_channel" else counterparty[1]
        found = await Rpc(self.transport).event_entry(kind, channel, key.sequence)
        if found is None or not _is_of(found.attributes, key):
            return ()
        whole = step in {PacketStep.SENT, PacketStep.RECEIVED}
        answer = step is PacketStep.ANSWERED
        return (
            PacketEvent(
                step=step,
                height=BlockHeight(found.height),
                time=await self.client.time_at(Height(0, found.height)),
                tx_hash=found.txid,
                packet=packet_of_event(found.attributes) if whole else None,
                acknowledgement=hex_attribute(found.attributes, "packet_ack_hex")
                if answer
                else b"",
                caused=(),
            ),
        )


def _is_of(attributes: Mapping[str, str], key: PacketKey) -> bool:
    return (
        attributes.get("packet_src_port") == key.port_id
        and attributes.get("packet_src_channel") == key.channel_id
    )


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise OperationFailed("the node's answer is no object")
    return value
