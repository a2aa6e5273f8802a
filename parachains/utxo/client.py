"""A UTXO chain as relayers see it: fits the relayer's port structurally.

Whatever is particular to Bitcoin's format is here: a height can be relied on when it is
final at the client's depth, an update is a run of headers, a transaction is a carrier that
pays what its messages owe.
"""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass

from chainkit.formats.bitcoin.addresses import AddressRules
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.headers import BlockHeader
from chainkit.formats.bitcoin.transactions import TxOutput
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND, seconds_to_ns
from chainkit.primitives.types import (
    BlockHeight,
    ChainId,
    ChannelId,
    ClientId,
    Denom,
    DurationNs,
    PortId,
    Sequence,
    TimestampNs,
)
from chainkit.runtime.addresses import format_address
from chainkit.wire.codec import decode_known, type_url
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import Packet
from ibc.ics24_host import paths
from light_clients.bitcoin.codec import (
    CLIENT_STATE_TYPE_URL,
    decode_client_state,
    encode_consensus_state,
    encode_headers,
)
from light_clients.bitcoin.types import MAX_HEADERS_PER_MESSAGE, ConsensusState, Headers
from parachains.sdk.ibc_queries import IbcQueries, hex_attribute, packet_of_event
from parachains.sdk.relaying import (
    ChainStatus,
    ClientInfo,
    NewClient,
    ProvenValue,
    SignedTx,
    TxOutcome,
    TxRefused,
)
from parachains.utxo.codec import Carrier, LotAssignment, carrier_script
from parachains.utxo.ledger import ESCROW_SCRIPT
from parachains.utxo.limits import LOT_OUTPUT_VALUE, MAX_CARRIER_BYTES
from parachains.utxo.parameters import ISTHMUS
from parachains.utxo.payments import SEND_TYPE_URL, Payment, payments_of
from parachains.utxo.rpc import CarrierPreview, Rpc, RpcTransport, Unspent
from parachains.utxo.wallet import Key, Spendable, build_transaction

TRANSFER_TYPE_URL = type_url(MsgTransfer)
WORK_DOES_NOT_EXPIRE_NS = seconds_to_ns(10 * 365 * 24 * 3600)
"""The trusting period that a relayer is told: it never refreshes such a client for its age."""


@dataclass(frozen=True, slots=True)
class UtxoConfig:
    """What a relayer must know of a UTXO chain beyond what the chain tells."""

    chain_id: ChainId
    key: Key
    native: Denom
    address_prefix: str
    confirmations: int
    fee_rate: int = 2
    """Satoshis a virtual byte."""
    addresses: AddressRules = ISTHMUS.addresses
    """Bitcoin's forms of receivers' addresses, beside the accounts' form."""


class UtxoClient(IbcQueries):
    """One UTXO chain over its public RPC."""

    def __init__(self, config: UtxoConfig, transport: RpcTransport) -> None:
        self._config = config
        self._rpc = Rpc(transport)
        super().__init__(self._rpc)

    @property
    def chain_id(self) -> ChainId:
        """The chain's name."""
        return self._config.chain_id

    @property
    def commitment_prefix(self) -> bytes:
        """The store that holds IBC's paths."""
        return paths.COMMITMENT_PREFIX

    @property
    def signer(self) -> str:
        """The relayer's address here."""
        return format_address(self._config.address_prefix, self._config.key.address)

    # --- tracked ------------------------------------------------------------------------

    async def status(self) -> ChainStatus:
        """Return the newest block that is final at the client's depth."""
        name, tip = await self._rpc.status()
        if name != self.chain_id:
            raise OperationFailed(f"node is on {name!r}, not {self.chain_id!r}")
        final = tip.height - self._config.confirmations + 1
        if final < 1:
            raise OperationFailed(
                f"{self.chain_id} has no final block yet, its tip is {tip.height}"
            )
        return ChainStatus(BlockHeight(final), await self.time_at(Height(0, final)))

    async def time_at(self, height: Height) -> TimestampNs:
        """Return the median time past of the block at ``height``."""
        _, median = await self._header(height.revision_height)
        return TimestampNs(median * NS_PER_SECOND)

    async def _header(self, height: int) -> tuple[BlockHeader, int]:
        found = await self._rpc.headers(height, 1)
        if not found:
            raise OperationFailed(f"{self.chain_id} has no block at height {height}")
        return found[0]

    async def new_client(self, trusting_period_ns: DurationNs | None) -> NewClient:  # noqa: ARG002 - work does not expire
        """Return a client that starts at the newest final block."""
        status = await self.status()
        state, anchor = await self._rpc.new_client(status.height, self._config.confirmations)
        return NewClient(state, anchor)

    def read_client(self, state: AnyValue) -> ClientInfo | None:
        """Return what a client state says; None for another kind or chain."""
        if state.type_url != CLIENT_STATE_TYPE_URL:
            return None
        try:
            client = decode_client_state(state)
        except MalformedMessage:
            return None
        if client.chain_id != self.chain_id:
            return None
        return ClientInfo(
            chain_id=ChainId(client.chain_id),
            latest_height=client.latest_height,
            trusting_period_ns=DurationNs(WORK_DOES_NOT_EXPIRE_NS),
            is_frozen=client.frozen,
        )

    async def consensus_state(self, height: Height) -> AnyValue:
        """Return what an honest client keeps of ``height``."""
        header, median = await self._header(height.revision_height)
        return encode_consensus_state(ConsensusState(median, header.merkle_root, header.hash))

    async def updates(self, trusted: Height, target: BlockHeight) -> tuple[AnyValue, ...]:
        """Return the headers after the final ``trusted`` that make ``target`` final."""
        first = trusted.revision_height + 1
        last = target + self._config.confirmations - 1
        messages = []
        for start in range(first, last + 1, MAX_HEADERS_PER_MESSAGE):
            count = min(MAX_HEADERS_PER_MESSAGE, last + 1 - start)
            found = await self._rpc.headers(start, count)
            messages.append(encode_headers(Headers(tuple(header for header, _ in found))))
        return tuple(messages)

    async def fork_evidence(self, state: AnyValue, agreed: Height) -> tuple[AnyValue, ...]:
        """Return the active chain's headers after ``agreed``, where the client has fewer.

        A client keeps the headers of its branch up to ``confirmations - 1`` above its newest
        final block. A branch that is longer and yet of less work changes nothing.
        """
        client = decode_client_state(state)
        _, tip = await self._rpc.status()
        if tip.height < client.latest_height.revision_height + client.confirmations:
            return ()
        first = agreed.revision_height + 1
        count = min(MAX_HEADERS_PER_MESSAGE, tip.height + 1 - first)
        found = await self._rpc.headers(first, count)
        return (encode_headers(Headers(tuple(header for header, _ in found))),)

    async def prove(self, path: bytes, target: BlockHeight) -> ProvenValue:
        """Return the value after block ``target``, proven under its own coinbase."""
        value, proof = await self._rpc.prove(path, target)
        return ProvenValue(value, proof, Height(0, target))

    # --- host ---------------------------------------------------------------------------

    async def sent_packet(
        self, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> Packet | None:
        """Return a packet from the event of its sending."""
        found = await self._rpc.event("send_packet", channel, sequence)
        return None if found is None or found["packet_src_port"] != port else packet_of_event(found)

    async def acknowledgement(
        self, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> bytes | None:
        """Return the acknowledgement from the event of its writing."""
        found = await self._rpc.event("write_acknowledgement", channel, sequence)
        if found is None or found["packet_dst_port"] != port:
            return None
        return hex_attribute(found, "packet_ack_hex")

    async def event_v2(
        self, kind: str, client_id: ClientId, sequence: Sequence
    ) -> Mapping[str, str] | None:
        """Return the attributes of the event of a packet of IBC v2, by its client here."""
        return await self._rpc.event(kind, client_id, sequence)

    async def sign(self, messages: tuple[AnyValue, ...]) -> SignedTx:
        """Return a carrier of the messages that pays what they owe.

        A ``MsgSend`` is no message of this chain: it becomes outputs, and where there are no
        others the transaction is a plain one of Bitcoin's.
        """
        config = self._config
        carried = tuple(each for each in messages if each.type_url != SEND_TYPE_URL)
        payments = tuple(
            payment
            for each in messages
            if each.type_url == SEND_TYPE_URL
            for payment in payments_of(each, config.native, config.address_prefix, config.addresses)
        )
        foreign = tuple(each.coin for each in payments if each.coin.denom != config.native)
        lots = (*_lots_taken(carried, config.native), *foreign)
        return await self.carry(carried, lots=lots, payments=payments)

    async def carry(
        self,
        messages: tuple[AnyValue, ...],
        *,
        lots: tuple[Coin, ...] = (),
        payments: tuple[Payment, ...] = (),
    ) -> SignedTx:
        """Return a carrier of the messages; ``lots`` are foreign tokens that it spends.

        Raises:
            InsufficientFunds: The key lacks coins for the fee or lots for the messages.
            OperationFailed: The node would refuse a message.
        """
        key = self._config.key
        own = await self._rpc.unspent(key.script)
        bringing = _choose_lots(own, lots)
        preview = await self._rpc.preview(messages, key.address, [item.point for item in bringing])
        escrow = await self._escrow_for(preview)
        tx = build_transaction(
            key,
            [Spendable(c.point, c.output) for c in own if not c.lots],
            self._outputs(messages, preview, sum(item.output.value for item in escrow), payments),
            fee_rate=self._config.fee_rate,
            forced=[*(Spendable(c.point, c.output) for c in (*bringing, *escrow))],
        )
        return SignedTx(display_hash(tx.txid), tx.encoded, Sequence(0))

    async def _escrow_for(self, preview: CarrierPreview) -> tuple[Unspent, ...]:
        missing = preview.released - preview.deposited
        if missing <= 0:
            return ()
        chosen: list[Unspent] = []
        for coin in sorted(
            await self._rpc.unspent(ESCROW_SCRIPT), key=lambda c: (-c.output.value, c.point)
        ):
            chosen.append(coin)
            missing -= coin.output.value
            if missing <= 0:
                return tuple(chosen)
        raise OperationFailed("escrow holds less than the messages release")

    def _outputs(
        self,
        messages: tuple[AnyValue, ...],
        preview: CarrierPreview,
        escrow_in: int,
        payments: tuple[Payment, ...],
    ) -> list[TxOutput]:
        """Return carrier, payouts, escrow, payments, and an output for lots that stay the key's.

        What carries no message and assigns no lot needs no carrier.
        """
        native = self._config.native
        payouts = [
            TxOutput(o.coin.amount if o.coin.denom == native else LOT_OUTPUT_VALUE, o.script)
            for o in preview.payouts
        ]
        rest: list[TxOutput] = []
        escrow_out = escrow_in + preview.deposited - preview.released
        if escrow_out:
            rest.append(TxOutput(escrow_out, ESCROW_SCRIPT))
        assignments: list[LotAssignment] = []
        left = {coin.denom: coin.amount for coin in preview.left}
        for payment in payments:
            amount, denom = payment.coin.amount, payment.coin.denom
            if denom != native:
                assignments.append(LotAssignment(1 + len(payouts) + len(rest), payment.coin))
                left[denom] -= amount
            value = amount if denom == native else LOT_OUTPUT_VALUE
            rest.append(TxOutput(value, payment.script))
        kept = [Coin(denom, amount) for denom, amount in left.items() if amount]
        if kept:
            keeper = 1 + len(payouts) + len(rest)
            rest.append(TxOutput(LOT_OUTPUT_VALUE, self._config.key.script))
            assignments += (LotAssignment(keeper, coin) for coin in kept)
        if not messages and not assignments:
            return rest
        carrier = Carrier(messages, first_payout=1, assignments=tuple(assignments))
        return [TxOutput(0, carrier_script(carrier)), *payouts, *rest]

    async def broadcast(self, tx: SignedTx) -> None:
        """Hand a transaction to the node."""
        try:
            await self._rpc.send(tx.data)
        except OperationFailed as error:
            raise TxRefused(code=1, codespace="utxo", log=str(error)) from error

    async def outcome(self, tx_hash: str) -> TxOutcome | None:
        """Return where a transaction is, or None yet; a carrier in a block did all it says."""
        height = await self._rpc.height_of(tx_hash)
        if height is None:
            return None
        return TxOutcome(tx_hash, BlockHeight(height), 0, "", "")


def _lots_taken(messages: tuple[AnyValue, ...], native: Denom) -> tuple[Coin, ...]:
    """Return the foreign tokens that transfers among the messages send away."""
    taken = []
    for message in messages:
        if message.type_url == TRANSFER_TYPE_URL:
            token = decode_known(MsgTransfer, message.value, max_bytes=MAX_CARRIER_BYTES).token
            if token.denom != native and token.amount.isascii() and token.amount.isdigit():
                taken.append(Coin(Denom(token.denom), int(token.amount)))
    return tuple(taken)


def _choose_lots(own: Items[Unspent], wanted: tuple[Coin, ...]) -> tuple[Unspent, ...]:
    """Return outputs whose lots cover what is wanted."""
    chosen: dict[object, Unspent] = {}
    for coin in wanted:
        missing = coin.amount
        for item in own:
            if missing <= 0:
                break
            held = sum(lot.amount for lot in item.lots if lot.denom == coin.denom)
            if held:
                chosen[item.point] = item
                missing -= held
        if missing > 0:
            raise OperationFailed(f"the account lacks {missing} {coin.denom}")
    return tuple(chosen.values())
