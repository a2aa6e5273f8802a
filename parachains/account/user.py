"""An account chain as people see it: fits the port of the command line structurally."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainkit.formats.ethereum.addresses import format_address as format_hex_address
from chainkit.primitives.errors import MalformedMessage, OperationFailed, RuleBroken
from chainkit.primitives.heights import Height
from chainkit.primitives.types import BlockHeight, ChannelId, Denom, PortId
from chainkit.primitives.types import Sequence as SequenceNumber
from chainkit.runtime.addresses import format_address
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.ibc.applications.transfer.v1 import query_pb2 as transfer_query
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.ics02_client.port import AnyValue
from ibc.ics20_transfer.denoms import Hop, TracedDenom
from parachains.account.addresses import voucher_address
from parachains.account.client import AccountClient
from parachains.account.contracts.ibc import packet_topics
from parachains.account.rpc_client import RpcTransport
from parachains.account.rpc_forms import quantity
from parachains.sdk.ibc_queries import hex_attribute, packet_of_event
from parachains.sdk.packet_ends import is_v2
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

EVENTS = {
    PacketStep.SENT: ("send_packet", "packet_src"),
    PacketStep.RECEIVED: ("recv_packet", "packet_dst"),
    PacketStep.ANSWERED: ("write_acknowledgement", "packet_dst"),
    PacketStep.ACKNOWLEDGED: ("acknowledge_packet", "packet_src"),
    PacketStep.TIMED_OUT: ("timeout_packet", "packet_src"),
}
QUERIES = (
    QueryForm("balances", "coins and vouchers of an account", "balances alice", ("address",)),
    QueryForm("tx", "a transaction by its hash", "tx 0x5c50...", ("hash",)),
    QueryForm("block", "a block by its number; the newest without", "block 12", ("height?",)),
    QueryForm("address", "an account in Ethereum's form", "address alice", ("address",)),
)


@dataclass(frozen=True, slots=True)
class AccountUser:
    """One account chain for people."""

    client: AccountClient
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
                paid = [coin_pb2.Coin(denom=c.denom, amount=str(c.amount)) for c in coins]
                receiver = self._receiver(to)
                message = MsgSend(from_address=self.client.signer, to_address=receiver, amount=paid)
                return AnyValue(type_url(message), encode(message))
            case Transfer():
                return self._transfer(intent)
            case _:
                what = f"message for {type(intent).__name__.lower()}"
                raise NotOffered(chain_id=self.client.chain_id, what=what)

    def _receiver(self, text: str) -> str:
        try:
            return format_address(self.address_prefix, self.client.address_of(text))
        except RuleBroken as error:
            raise MalformedMessage(f"receiver: {error}") from error

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
                params = {"wanted": arguments["hash"].lower()}
                return _object(await self.transport.call("eth_getTransactionReceipt", params))
            case "block":
                return await self._block(arguments.get("height", ""))
            case "address":
                address = self.client.address_of(arguments["address"])
                return {"address": format_hex_address(address)}
            case _:
                raise NotOffered(chain_id=self.client.chain_id, what=f"query {name!r}")

    async def _vouchers(self) -> Sequence[Denom]:
        """Return the vouchers that ever came to the chain."""
        answer = await self.client.rpc.query(
            "/ibc.applications.transfer.v1.Query/Denoms",
            transfer_query.QueryDenomsRequest(),
            transfer_query.QueryDenomsResponse,
        )
        return [
            TracedDenom(
                each.base,
                tuple(Hop(PortId(hop.port_id), ChannelId(hop.channel_id)) for hop in each.trace),
            ).local_denom()
            for each in answer.denoms
        ]

    async def _balances(self, text: str) -> Mapping[str, object]:
        owner = self.client.address_of(text)
        totals: dict[str, int] = {self.native: await self.client.rpc.balance(owner)}
        for denom in await self._vouchers():
            (held,) = await self.client.rpc.read(
                voucher_address(denom), "balanceOf(address)", (owner,), ("uint256",)
            )
            assert isinstance(held, int)
            totals[denom] = held
        return {
            "balances": [{"denom": d, "amount": str(a)} for d, a in sorted(totals.items()) if a]
        }

    async def _block(self, height: str) -> Mapping[str, object]:
        if height and not (height.isascii() and height.isdecimal()):
            raise MalformedMessage(f"height: expected a number, got {height[:40]!r}")
        which = quantity(int(height)) if height else "latest"
        return _object(
            await self.transport.call("eth_getBlockByNumber", {"which": which, "full": False})
        )

    async def packets_sent_by(self, tx_hash: str) -> Sequence[PacketKey]:
        """Return the packets that a transaction sent from here.

        Raises:
            OperationFailed: No block holds the transaction.
        """
        found = await self.client.rpc.receipt(tx_hash, ("send_packet",))
        if found is None:
            raise OperationFailed(f"no block holds transaction {tx_hash[:80]}")
        sent = (dict(log.event.attributes) for log in found.logs)
        return tuple(_key_of(attributes) for attributes in sent if not is_v2(attributes))

    async def packet_events(
        self, step: PacketStep, key: PacketKey, counterparty: tuple[str, str]
    ) -> Sequence[PacketEvent]:
        """Return when one step of a packet happened here; normally once or never."""
        kind, side = EVENTS[step]
        port, channel = (key.port_id, key.channel_id) if side == "packet_src" else counterparty
        found = await self.client.rpc.find_log(
            kind, packet_topics(kind, port, channel, key.sequence)
        )
        if found is None:
            return ()
        attributes = dict(found.event.attributes)
        if _key_of(attributes) != key:
            return ()
        whole = step in {PacketStep.SENT, PacketStep.RECEIVED}
        return (
            PacketEvent(
                step=step,
                height=BlockHeight(found.height),
                time=await self.client.time_at(Height(0, found.height)),
                tx_hash=found.transaction_hash,
                packet=packet_of_event(attributes) if whole else None,
                acknowledgement=hex_attribute(attributes, "packet_ack_hex")
                if step is PacketStep.ANSWERED
                else b"",
                caused=(),
            ),
        )


def _object(answer: object) -> Mapping[str, object]:
    if not isinstance(answer, Mapping):
        raise OperationFailed("the chain knows nothing of it")
    return answer


def _key_of(attributes: Mapping[str, str]) -> PacketKey:
    try:
        return PacketKey(
            PortId(attributes["packet_src_port"]),
            ChannelId(attributes["packet_src_channel"]),
            SequenceNumber(int(attributes["packet_sequence"])),
        )
    except (KeyError, ValueError) as error:
        raise MalformedMessage("event of a packet lacks an attribute") from error
