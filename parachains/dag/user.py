"""A DAG chain as people see it: fits the port of the command line structurally."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.types import BlockHeight, ChannelId, PortId
from chainkit.primitives.types import Sequence as SequenceNumber
from chainkit.runtime.addresses import parse_address
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.ics02_client.port import AnyValue
from parachains.dag.client import DagClient
from parachains.dag.drawing import MAX_DRAWN_BLOCKS, draw, window_from_json
from parachains.dag.rpc_client import RpcTransport
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

DRAWN_BLOCKS = 60
EVENTS = {
    PacketStep.SENT: ("send_packet", "packet_src_channel"),
    PacketStep.RECEIVED: ("recv_packet", "packet_dst_channel"),
    PacketStep.ANSWERED: ("write_acknowledgement", "packet_dst_channel"),
    PacketStep.ACKNOWLEDGED: ("acknowledge_packet", "packet_src_channel"),
    PacketStep.TIMED_OUT: ("timeout_packet", "packet_src_channel"),
}


def draw_answer(answer: Mapping[str, object]) -> str:
    """Return the picture of what the query ``dag`` answers, as SVG.

    Raises:
        MalformedMessage: The answer is not of its form.
    """
    return draw(window_from_json(answer))


QUERIES = (
    QueryForm("balances", "coins and vouchers of an account", "balances alice", ("address",)),
    QueryForm("tx", "a transaction by its id", "tx 9c1185a5...", ("hash",)),
    QueryForm(
        "block", "a block by its hash or blue score; the tip without", "block 12", ("height?",)
    ),
    QueryForm("info", "the state of the chain", "info"),
    QueryForm("mempool", "the waiting transactions", "mempool"),
    QueryForm(
        "dag",
        "the newest blocks: blue and red, the selected chain, what is final",
        "dag --svg --chain dag > dag.svg",
        ("blocks?",),
        draw_answer,
    ),
)


@dataclass(frozen=True, slots=True)
class DagUser:
    """One DAG chain for people."""

    client: DagClient
    transport: RpcTransport
    address_prefix: str

    @property
    def queries(self) -> Sequence[QueryForm]:
        """What can be asked."""
        return QUERIES

    async def message(self, intent: Intent) -> AnyValue:
        """Return the message that does what is wanted, from the account that signs.

        Raises:
            InvalidAddress: A receiver is no address of this chain.
            NotOffered: Anything but a payment or a transfer over a channel.
        """
        match intent:
            case Send(to, coins):
                parse_address(self.address_prefix, to)
                paid = [coin_pb2.Coin(denom=c.denom, amount=str(c.amount)) for c in coins]
                message = MsgSend(from_address=self.client.signer, to_address=to, amount=paid)
                return AnyValue(type_url(message), encode(message))
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
                account = await self.client.rpc.account(arguments["address"])
                held = sorted(account.balances)
                return {"balances": [{"denom": d, "amount": str(a)} for d, a in held if a]}
            case "tx":
                params = {"transactionId": arguments["hash"].lower()}
                return _object(await self.transport.call("getTransaction", params))
            case "block":
                return await self._block(arguments.get("height", ""))
            case "info":
                return _object(await self.transport.call("getBlockDagInfo", {}))
            case "mempool":
                return _object(await self.transport.call("getMempoolEntries", {}))
            case "dag":
                return await self._dag(arguments.get("blocks", str(DRAWN_BLOCKS)))
            case _:
                raise NotOffered(chain_id=self.client.chain_id, what=f"query {name!r}")

    async def _block(self, wanted: str) -> Mapping[str, object]:
        """Return a block by its hash, or the selected chain's by its blue score."""
        if not wanted:
            wanted = (await self.client.rpc.sink()).hex()
        elif len(wanted) < 2 * 32:
            score = _whole(wanted, "height")
            state = await self.client.rpc.consensus_state(score)
            if state is None:
                raise OperationFailed(f"no block of the selected chain has the blue score {score}")
            wanted = state.block_hash.hex()
        params = {"hash": wanted.lower(), "includeTransactions": True}
        return _object(await self.transport.call("getBlock", params))

    async def _dag(self, blocks: str) -> Mapping[str, object]:
        most = _whole(blocks, "blocks")
        if not 1 <= most <= MAX_DRAWN_BLOCKS:
            raise MalformedMessage(f"blocks: expected 1 to {MAX_DRAWN_BLOCKS}, got {most}")
        return _object(await self.transport.call("getDag", {"most": most}))

    async def packets_sent_by(self, tx_hash: str) -> Sequence[PacketKey]:
        """Return the packets that a transaction sent from here.

        Raises:
            OperationFailed: The selected chain has not accepted the transaction.
        """
        return tuple(map(_key_of, await self.client.rpc.packets_of(tx_hash.lower())))

    async def packet_events(
        self, step: PacketStep, key: PacketKey, counterparty: tuple[str, str]
    ) -> Sequence[PacketEvent]:
        """Return when one step of a packet happened here; normally once or never."""
        kind, side = EVENTS[step]
        channel = key.channel_id if side == "packet_src_channel" else counterparty[1]
        found = await self.client.packet_entry(kind, channel, key.sequence)
        if found is None or _key_of(found.attributes) != key:
            return ()
        whole = step in {PacketStep.SENT, PacketStep.RECEIVED}
        return (
            PacketEvent(
                step=step,
                height=BlockHeight(found.blue_score),
                time=await self.client.time_at(Height(0, found.blue_score)),
                tx_hash=found.transaction_id,
                packet=packet_of_event(found.attributes) if whole else None,
                acknowledgement=hex_attribute(found.attributes, "packet_ack_hex")
                if step is PacketStep.ANSWERED
                else b"",
                caused=(),
            ),
        )


def _whole(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise MalformedMessage(f"{what}: expected a number, got {text[:40]!r}")
    return int(text)


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
