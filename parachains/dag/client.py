"""A DAG chain as relayers see it: fits the relayer's port structurally.

Whatever is particular to a DAG is here: a height is the blue score of a block of the selected
chain, it can be relied on when it lies at the finality depth, and an update is the headers
that a client lacks, those beside the selected chain too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import seconds_to_ns
from chainkit.primitives.types import (
    Address,
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
from chainkit.sigverify.ed25519 import ed25519_address, public_key_from_seed
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import Packet
from ibc.ics24_host import paths
from light_clients.ghostdag.codec import (
    CLIENT_STATE_TYPE_URL,
    CONSENSUS_STATE_TYPE_URL,
    decode_client_state,
    encode_consensus_state,
)
from light_clients.ghostdag.types import NS_PER_MS, ClientState
from parachains.dag.limits import MAX_BLOCK_GAS
from parachains.dag.rpc_client import PacketEntry, Rpc, RpcTransport
from parachains.dag.transactions import Transaction, signed
from parachains.sdk.ibc_queries import IbcQueries, hex_attribute, packet_of_event
from parachains.sdk.relaying import (
    AccountSequenceWrong,
    ChainStatus,
    ClientInfo,
    NewClient,
    ProvenValue,
    SignedTx,
    TxOutcome,
    TxRefused,
)

WORK_DOES_NOT_EXPIRE_NS = seconds_to_ns(10 * 365 * 24 * 3600)
"""The trusting period that a relayer is told: it never refreshes such a client for its age."""

NOTHING_KEPT = AnyValue(CONSENSUS_STATE_TYPE_URL, b"")
"""What an honest client keeps of a height that no block of the selected chain has."""

GAS_MARGIN = (5, 4)
"""Of what a simulation used: what other transactions write first may cost a little more."""

GAS_PRICE_SCALE = 1_000_000
LEAST_FEE = 1
_REFUSED = 1


@dataclass(frozen=True, slots=True)
class DagConfig:
    """What a relayer must know of a DAG chain beyond what the chain tells."""

    chain_id: ChainId
    seed: bytes
    """The account's ed25519 seed."""
    native: Denom
    address_prefix: str
    gas_price_millionths: int = 0


class DagClient(IbcQueries):
    """One DAG chain over its public RPC."""

    def __init__(self, config: DagConfig, transport: RpcTransport) -> None:
        self._config = config
        self.rpc = Rpc(transport)
        self._public_key = public_key_from_seed(config.seed)
        super().__init__(self.rpc)

    @property
    def chain_id(self) -> ChainId:
        """The chain's name."""
        return self._config.chain_id

    @property
    def commitment_prefix(self) -> bytes:
        """The store that holds IBC's paths."""
        return paths.COMMITMENT_PREFIX

    @property
    def address(self) -> Address:
        """The account that signs."""
        return ed25519_address(self._public_key)

    @property
    def signer(self) -> str:
        """The relayer's address here."""
        return format_address(self._config.address_prefix, self.address)

    # --- tracked ------------------------------------------------------------------------

    async def status(self) -> ChainStatus:
        """Return the newest block of the selected chain that is final."""
        found = await self.rpc.status()
        if found.chain_id != self.chain_id:
            raise OperationFailed(f"node is on {found.chain_id!r}, not {self.chain_id!r}")
        if found.final is None or found.final.blue_score < 1:
            raise OperationFailed(
                f"{self.chain_id} has no final block yet, its tip has the blue score "
                f"{found.blue_score}"
            )
        time = TimestampNs(found.final.chain_time_ms * NS_PER_MS)
        return ChainStatus(BlockHeight(found.final.blue_score), time)

    async def time_at(self, height: Height) -> TimestampNs:
        """Return the chain's time at the block with the blue score ``height``."""
        state = await self.rpc.consensus_state(height.revision_height)
        if state is None:
            raise OperationFailed(
                f"no block of {self.chain_id}'s selected chain has the blue score "
                f"{height.revision_height}"
            )
        return state.timestamp

    async def new_client(self, trusting_period_ns: DurationNs | None) -> NewClient:  # noqa: ARG002 - work does not expire
        """Return a client that starts at the newest final block."""
        return NewClient(*await self.rpc.new_client())

    def read_client(self, state: AnyValue) -> ClientInfo | None:
        """Return what a client state says; None for another kind or chain."""
        client = self._decoded(state)
        if client is None:
            return None
        return ClientInfo(
            chain_id=ChainId(client.chain_id),
            latest_height=client.latest_height,
            trusting_period_ns=DurationNs(WORK_DOES_NOT_EXPIRE_NS),
            is_frozen=client.frozen,
        )

    def _decoded(self, state: AnyValue) -> ClientState | None:
        if state.type_url != CLIENT_STATE_TYPE_URL:
            return None
        try:
            client = decode_client_state(state)
        except MalformedMessage:
            return None
        return client if client.chain_id == self.chain_id else None

    async def consensus_state(self, height: Height) -> AnyValue:
        """Return what an honest client keeps of ``height``."""
        state = await self.rpc.consensus_state(height.revision_height)
        return NOTHING_KEPT if state is None else encode_consensus_state(state)

    async def updates(self, trusted: Height, target: BlockHeight) -> tuple[AnyValue, ...]:
        """Return the headers after the final ``trusted`` that make ``target`` final."""
        return await self.rpc.updates(trusted.revision_height, target)

    async def fork_evidence(self, state: AnyValue, agreed: Height) -> tuple[AnyValue, ...]:
        """Return the headers above ``agreed``, where they have more work than the client's tip.

        A tip that the node does not know may have any work: then the client judges.
        """
        client = self._decoded(state)
        if client is None:
            return ()
        try:
            most = await self.rpc.blue_work(client.tip)
        except OperationFailed:
            most = -1
        if await self.rpc.blue_work(await self.rpc.sink()) <= most:
            return ()
        return await self.rpc.updates(agreed.revision_height)

    async def prove(self, path: bytes, target: BlockHeight) -> ProvenValue:
        """Return the value in the state that the chain block ``target`` names, with its proof."""
        value, proof = await self.rpc.prove(path, target)
        return ProvenValue(value, proof, Height(0, target))

    # --- host ---------------------------------------------------------------------------

    async def sent_packet(
        self, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> Packet | None:
        """Return a packet from the event of its sending."""
        found = await self.packet_entry("send_packet", channel, sequence)
        if found is None or found.attributes.get("packet_src_port") != port:
            return None
        return packet_of_event(found.attributes)

    async def acknowledgement(
        self, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> bytes | None:
        """Return the acknowledgement from the event of its writing."""
        found = await self.packet_entry("write_acknowledgement", channel, sequence)
        if found is None or found.attributes.get("packet_dst_port") != port:
            return None
        return hex_attribute(found.attributes, "packet_ack_hex")

    async def event_v2(
        self, kind: str, client_id: ClientId, sequence: Sequence
    ) -> Mapping[str, str] | None:
        """Return the attributes of the event of a packet of IBC v2, by its client here."""
        found = await self.packet_entry(kind, client_id, sequence)
        return None if found is None else found.attributes

    async def packet_entry(self, kind: str, channel: str, sequence: Sequence) -> PacketEntry | None:
        """Return a packet's event of one type, and where it happened."""
        return await self.rpc.event(kind, channel, sequence)

    async def sign(self, messages: tuple[AnyValue, ...]) -> SignedTx:
        """Return one transaction of the messages, with the gas that a node says it needs.

        Raises:
            TxRefused: The node says that a message would be refused.
        """
        account = await self.rpc.account(self.signer)
        trial = self._built(messages, account.next_sequence, MAX_BLOCK_GAS)
        found = await self.rpc.simulate(trial.encode())
        if found.code:
            raise TxRefused(code=found.code, codespace=found.codespace, log=found.log)
        gas = min(found.gas_used * GAS_MARGIN[0] // GAS_MARGIN[1], MAX_BLOCK_GAS)
        tx = self._built(messages, account.next_sequence, gas)
        return SignedTx(tx.id.hex(), tx.encode(), Sequence(account.next_sequence))

    def _built(self, messages: tuple[AnyValue, ...], sequence: int, gas: int) -> Transaction:
        config = self._config
        fee = -(-gas * config.gas_price_millionths // GAS_PRICE_SCALE)
        return signed(
            config.seed,
            self._public_key,
            config.chain_id,
            sequence=sequence,
            fee=max(fee, LEAST_FEE),
            gas_limit=gas,
            messages=messages,
        )

    async def broadcast(self, tx: SignedTx) -> None:
        """Hand a transaction to the node.

        Raises:
            AccountSequenceWrong: Its sequence is used.
            TxRefused: The node did not take it.
        """
        try:
            await self.rpc.submit(tx.data)
        except OperationFailed as error:
            text = str(error)
            refusal = AccountSequenceWrong if "sequence" in text else TxRefused
            raise refusal(code=_REFUSED, codespace="dag", log=text) from error

    async def outcome(self, tx_hash: str) -> TxOutcome | None:
        """Return what the selected chain made of a transaction; None while it accepts none."""
        found = await self.rpc.transaction(tx_hash)
        if found is None:
            return None
        return TxOutcome(
            tx_hash, BlockHeight(found.blue_score), found.code, found.codespace, found.log
        )
