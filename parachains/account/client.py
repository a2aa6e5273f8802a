"""An account chain as relayers see it: fits the relayer's port structurally.

Whatever is particular to Ethereum's format is here: a block is final when it is there, an update
is one sealed header, messages are call data of the IBC contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.formats.ethereum.addresses import parse_address as parse_hex_address
from chainkit.formats.ethereum.qbft import block_hash, decode_extra_data
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.transactions import (
    encode_transaction,
    sign_transaction,
    transaction_hash,
)
from chainkit.formats.ethereum.types import DynamicFeeTransaction, Header
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND, seconds_to_ns
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
from chainkit.runtime.addresses import format_address, parse_address
from chainkit.wire.codec import decode_known, encode, type_url
from chainkit.wire.proto.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import Packet
from ibc.ics24_host import paths
from light_clients.qbft.codec import (
    CLIENT_STATE_TYPE_URL,
    decode_client_state,
    encode_client_state,
    encode_consensus_state,
    encode_header_message,
    encode_membership_proof,
    sealed_header,
)
from light_clients.qbft.errors import NotEnoughTrust
from light_clients.qbft.rules import verify_seals
from light_clients.qbft.types import (
    ClientState,
    ConsensusState,
    MembershipProof,
    SealedHeader,
)
from parachains.account.addresses import IBC_ADDRESS, token_of_denom
from parachains.account.contracts.abi import encode_abi, selector_of
from parachains.account.contracts.ibc import packet_topics
from parachains.account.rpc_client import FoundLog, Rpc, RpcTransport
from parachains.account.rpc_forms import data, quantity
from parachains.account.state import storage_slot
from parachains.sdk.ibc_queries import IbcQueries, hex_attribute, packet_of_event
from parachains.sdk.packet_ends import NO_PORT
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

SEND_TYPE_URL = type_url(MsgSend)
DEFAULT_TRUSTING_PERIOD_NS = seconds_to_ns(14 * 24 * 3600)
MAX_CLOCK_DRIFT_NS = seconds_to_ns(30)
EXECUTE = "execute(bytes[])"
MAX_MESSAGE_BYTES = 4_194_304
GAS_MARGIN = (5, 4)
"""Of an estimate: what other transactions write first may cost a little more."""

_REFUSED = 1


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """What a relayer must know of an account chain beyond what the chain tells."""

    chain_id: ChainId
    key: bytes
    native: Denom
    address_prefix: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A transaction before its nonce, gas and fee."""

    to: Address
    value: int
    data: bytes


class AccountClient(IbcQueries):
    """One account chain over its public RPC."""

    def __init__(self, config: AccountConfig, transport: RpcTransport) -> None:
        self._config = config
        self.rpc = Rpc(transport)
        self.address = address_of(config.key)
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
    def signer(self) -> str:
        """The relayer's address here, as IBC's messages write it."""
        return format_address(self._config.address_prefix, self.address)

    def address_of(self, text: str) -> Address:
        """Return an account's address, in IBC's form or in Ethereum's.

        Raises:
            RuleBroken: It is neither.
        """
        if text.startswith("0x"):
            return parse_hex_address(text)
        return parse_address(self._config.address_prefix, text)

    # --- tracked ------------------------------------------------------------------------

    async def _header(self, height: int) -> Header:
        return await self.rpc.header(quantity(height))

    async def status(self) -> ChainStatus:
        """Return the newest block, which is final."""
        header = await self.rpc.header("latest")
        if not header.number:
            raise OperationFailed(f"{self.chain_id} has no block after genesis yet")
        return ChainStatus(BlockHeight(header.number), _time_of(header))

    async def time_at(self, height: Height) -> TimestampNs:
        """Return the time of the block at ``height``."""
        return _time_of(await self._header(height.revision_height))

    async def new_client(self, trusting_period_ns: DurationNs | None) -> NewClient:
        """Return a client that starts at the newest block."""
        header = await self.rpc.header("latest")
        state = ClientState(
            chain_id=self.chain_id,
            ibc_address=IBC_ADDRESS,
            trusting_period=trusting_period_ns or DEFAULT_TRUSTING_PERIOD_NS,
            max_clock_drift=MAX_CLOCK_DRIFT_NS,
            latest_height=Height(0, header.number),
        )
        return NewClient(encode_client_state(state), _consensus_of(header))

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
            trusting_period_ns=client.trusting_period,
            is_frozen=client.frozen,
        )

    async def consensus_state(self, height: Height) -> AnyValue:
        """Return what an honest client keeps of ``height``."""
        return _consensus_of(await self._header(height.revision_height))

    async def updates(self, trusted: Height, target: BlockHeight) -> tuple[AnyValue, ...]:
        """Return the sealed header of ``target``, and those before it that it needs.

        Where validators changed, too few of the trusted ones may have sealed it: then a header
        half way comes first, down to the next height. Where too few sealed that one too, as a
        set that lost a member may decide with less than two thirds of the set before, it is the
        first later header that enough of them sealed.

        Raises:
            OperationFailed: No header up to ``target`` has the seals; a later one may.
        """
        base = trusted.revision_height
        if target <= base:
            return ()
        known = {base: await self._header(base)}
        wanted, found = [int(target)], []
        while wanted:
            height = wanted[-1]
            message = await self._message(known, base, height)
            if not _is_trusted(known[base], message):
                if height > base + 1:
                    wanted.append((base + height) // 2)
                    continue
                message = await self._first_trusted(known, base, target)
            found.append(encode_header_message(message))
            base = message.height.revision_height
            wanted = [each for each in wanted if each > base]
        return tuple(found)

    async def _message(self, known: dict[int, Header], base: int, height: int) -> SealedHeader:
        if height not in known:
            known[height] = await self._header(height)
        return sealed_header(known[height], Height(0, base))

    async def _first_trusted(
        self, known: dict[int, Header], base: int, target: int
    ) -> SealedHeader:
        for height in range(base + 2, target + 1):
            message = await self._message(known, base, height)
            if _is_trusted(known[base], message):
                return message
        raise OperationFailed(
            f"{self.chain_id}: of the blocks {base + 1} to {target} none is sealed by two thirds "
            f"of the validators of block {base}; waiting for one"
        )

    async def fork_evidence(self, state: AnyValue, agreed: Height) -> tuple[AnyValue, ...]:  # noqa: ARG002 - sealed blocks are final
        """Return nothing: one node has one chain, and two sealed headers come from a watcher."""
        return ()

    async def prove(self, path: bytes, target: BlockHeight) -> ProvenValue:
        """Return the value after block ``target``, proven under its own state root."""
        value = await self.rpc.value_at(path, target)
        nodes = await self.rpc.proof(IBC_ADDRESS, storage_slot(path), target)
        proof = encode_membership_proof(MembershipProof(*nodes))
        return ProvenValue(value, proof, Height(0, target))

    # --- host ---------------------------------------------------------------------------

    async def _packet_log(
        self, kind: str, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> FoundLog | None:
        return await self.rpc.find_log(kind, packet_topics(kind, port, channel, sequence))

    async def sent_packet(
        self, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> Packet | None:
        """Return a packet from the log of its sending."""
        found = await self._packet_log("send_packet", port, channel, sequence)
        return None if found is None else packet_of_event(dict(found.event.attributes))

    async def acknowledgement(
        self, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> bytes | None:
        """Return the acknowledgement from the log of its writing."""
        found = await self._packet_log("write_acknowledgement", port, channel, sequence)
        if found is None:
            return None
        return hex_attribute(dict(found.event.attributes), "packet_ack_hex")

    async def event_v2(
        self, kind: str, client_id: ClientId, sequence: Sequence
    ) -> Mapping[str, str] | None:
        """Return the attributes of the event of a packet of IBC v2, by its client here."""
        found = await self.rpc.find_log(kind, packet_topics(kind, NO_PORT, client_id, sequence))
        return None if found is None else dict(found.event.attributes)

    def _wanted(self, messages: tuple[AnyValue, ...]) -> _Wanted:
        """Return the transaction that does what messages want.

        A ``MsgSend`` is no message of this chain: it becomes a payment or a token's transfer,
        alone in its transaction.
        """
        if len(messages) == 1 and messages[0].type_url == SEND_TYPE_URL:
            return self._payment(messages[0])
        packed = tuple(
            encode(AnyProto(type_url=each.type_url, value=each.value)) for each in messages
        )
        return _Wanted(IBC_ADDRESS, 0, selector_of(EXECUTE) + encode_abi(("bytes[]",), (packed,)))

    def _payment(self, message: AnyValue) -> _Wanted:
        wanted = decode_known(MsgSend, message.value, max_bytes=MAX_MESSAGE_BYTES)
        receiver = self.address_of(wanted.to_address)
        if len(wanted.amount) != 1:
            raise MalformedMessage("expected one coin: a transaction here pays one")
        denom, amount = Denom(wanted.amount[0].denom), int(wanted.amount[0].amount)
        if denom == self._config.native:
            return _Wanted(receiver, amount, b"")
        token = token_of_denom(denom)
        if token is None:
            raise MalformedMessage(f"{denom} is no token of this chain")
        arguments = encode_abi(("address", "uint256"), (receiver, amount))
        return _Wanted(token, 0, selector_of("transfer(address,uint256)") + arguments)

    async def sign(self, messages: tuple[AnyValue, ...]) -> SignedTx:
        """Return one transaction of the messages, with the gas that a node says it needs.

        Raises:
            TxRefused: The node says that it would fail.
        """
        wanted = self._wanted(messages)
        call = {
            "from": data(self.address),
            "to": data(wanted.to),
            "value": quantity(wanted.value),
            "data": data(wanted.data),
        }
        try:
            gas = await self.rpc.estimate_gas(call)
        except OperationFailed as error:
            if "execution reverted" not in str(error):
                raise
            raise TxRefused(code=_REFUSED, codespace="account", log=str(error)) from error
        tip = await self.rpc.priority_fee()
        price = await self.rpc.gas_price()
        nonce = await self.rpc.next_nonce(self.address)
        unsigned = DynamicFeeTransaction(
            chain_id=await self.rpc.chain_id(),
            nonce=nonce,
            max_priority_fee_per_gas=tip,
            max_fee_per_gas=2 * price,
            gas_limit=gas * GAS_MARGIN[0] // GAS_MARGIN[1],
            to=wanted.to,
            value=wanted.value,
            data=wanted.data,
        )
        signed = sign_transaction(unsigned, self._config.key)
        name = data(transaction_hash(signed))
        return SignedTx(name, encode_transaction(signed), Sequence(nonce))

    async def broadcast(self, tx: SignedTx) -> None:
        """Hand a transaction to the node.

        Raises:
            AccountSequenceWrong: Its nonce is used.
            TxRefused: The node did not take it.
        """
        try:
            await self.rpc.send(tx.data)
        except OperationFailed as error:
            text = str(error)
            if "already known" in text:
                return
            refusal = AccountSequenceWrong if "nonce too" in text else TxRefused
            raise refusal(code=_REFUSED, codespace="account", log=text) from error

    async def outcome(self, tx_hash: str) -> TxOutcome | None:
        """Return what a block made of a transaction, or None yet."""
        found = await self.rpc.receipt(tx_hash, ())
        if found is None:
            return None
        code, log = (0, "") if found.succeeded else (_REFUSED, "execution reverted")
        return TxOutcome(tx_hash, BlockHeight(found.height), code, "account" if code else "", log)


def _is_trusted(base: Header, message: SealedHeader) -> bool:
    """Return whether a client that trusts ``base`` takes the seals of a header."""
    try:
        verify_seals(decode_extra_data(base.extra_data).validators, message)
    except NotEnoughTrust:
        return False
    return True


def _time_of(header: Header) -> TimestampNs:
    return TimestampNs(header.timestamp * NS_PER_SECOND)


def _consensus_of(header: Header) -> AnyValue:
    extra = decode_extra_data(header.extra_data)
    return encode_consensus_state(
        ConsensusState(header.timestamp, header.state_root, block_hash(header), extra.validators)
    )
