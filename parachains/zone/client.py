"""A Tendermint zone (or the hub) as relayers see it: fits the relayer's port structurally.

Whatever is particular to Tendermint is here: a light block makes a client's header,
``07-tendermint`` states are read and made, proofs are ICS-23 of an IAVL tree under a
simple-merkle multistore, and the value of block H is proven under the header at H + 1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from chainkit.commitments.ics23 import IAVL_SPEC, TENDERMINT_SPEC
from chainkit.formats.tendermint.types import BlockIdFlag, LightBlock, SignedHeader, ValidatorSet
from chainkit.formats.tendermint.validator_set import total_voting_power
from chainkit.formats.tendermint.verify_commit import TrustLevel
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.heights import Height, chain_revision
from chainkit.primitives.timestamps import seconds_to_ns
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
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx
from chainkit.wire.codec import decode_known, duration_from_proto
from chainkit.wire.proto.cosmos.auth.v1beta1 import auth_pb2
from chainkit.wire.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query
from chainkit.wire.proto.cosmos.staking.v1beta1 import query_pb2 as staking_query
from chainkit.wire.proto.cosmos.tx.v1beta1 import service_pb2
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import (
    Packet,
)
from ibc.ics24_host import paths
from light_clients.tendermint.codec import (
    CLIENT_STATE_TYPE_URL,
    decode_client_state,
    encode_client_message,
    encode_client_state,
    encode_consensus_state,
)
from light_clients.tendermint.types import ClientHeader, ClientState, ConsensusState
from parachains.sdk.ibc_queries import (
    IbcQueries,
    QueryFailed,
    hex_attribute,
    packet_of_event,
)
from parachains.sdk.relaying import (
    AccountSequenceWrong,
    ChainStatus,
    ClientInfo,
    NewClient,
    ProvenValue,
    SignedTx,
    TxOutcome,
)
from parachains.zone.accounts import Account, Key, tx_hash_of
from parachains.zone.rpc import Rpc, RpcTransport

_EXPECTED_SEQUENCE = re.compile(r"expected (\d{1,19}), got \d", re.ASCII)
PAGE_LIMIT = 100
MAX_PAGES = 1_000
MAX_ACCOUNT_BYTES = 4_096
MAX_SEQUENCES_PER_QUERY = 100
MAX_HEADERS_PER_UPDATE = 16
TRUST_LEVEL = TrustLevel(1, 3)
UPGRADE_PATH = ("upgrade", "upgradedIBCState")
GAS_PRICE_SCALE = 10**6
DEFAULT_UNBONDING_NS = seconds_to_ns(21 * 24 * 3600)
"""For a chain without a staking module, whose set never unbonds: the SDK's default."""


@dataclass(frozen=True, slots=True)
class ZoneConfig:
    """What a relayer must know of a zone beyond what the zone tells."""

    chain_id: ChainId
    key: Key
    fee_denom: Denom
    gas_price_millionths: int = 0
    """Price of a unit of gas in millionths of a base unit."""
    max_clock_drift_ns: DurationNs = seconds_to_ns(40)
    """How far a header may be ahead of its host; a proof-of-work host's time, the median of
    eleven blocks, is late by six. Hermes's default."""
    gas_margin_percent: int = 30
    default_gas: int = 2_000_000
    """Used where the chain cannot simulate."""
    memo: str = "isthmus"


class ZoneClient(IbcQueries):
    """One Tendermint chain over its public RPC. Mutable: it counts its sequence."""

    def __init__(self, config: ZoneConfig, transport: RpcTransport) -> None:
        self._config = config
        self._rpc = Rpc(transport)
        super().__init__(self._rpc)
        self._revision = chain_revision(config.chain_id)
        self._next_sequence = 0

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
        return self._config.key.address

    # --- tracked ------------------------------------------------------------------------

    async def status(self) -> ChainStatus:
        """Return the newest committed block."""
        return replace(await self._rpc.status(), revision=self._revision)

    async def time_at(self, height: Height) -> TimestampNs:
        """Return the time of the header at ``height``."""
        return (await self._rpc.header(BlockHeight(height.revision_height))).time

    async def new_client(self, trusting_period_ns: DurationNs | None) -> NewClient:
        """Return a client at the newest header; it trusts two thirds of the unbonding period."""
        status = await self._rpc.status()
        header = await self._rpc.header(status.height)
        if header.chain_id != self.chain_id:
            raise OperationFailed(f"node is on {header.chain_id!r}, not {self.chain_id!r}")
        unbonding = await self._unbonding_period()
        trusting = trusting_period_ns or DurationNs(unbonding * 2 // 3)
        state = ClientState(
            chain_id=self.chain_id,
            trust_level=TRUST_LEVEL,
            trusting_period=DurationNs(min(trusting, unbonding - 1)),
            unbonding_period=unbonding,
            max_clock_drift=self._config.max_clock_drift_ns,
            latest_height=Height(self._revision, status.height),
            proof_specs=(IAVL_SPEC, TENDERMINT_SPEC),
            upgrade_path=UPGRADE_PATH,
        )
        kept = ConsensusState(header.time, header.app_hash, header.next_validators_hash)
        return NewClient(encode_client_state(state), encode_consensus_state(kept))

    async def _unbonding_period(self) -> DurationNs:
        request = staking_query.QueryParamsRequest()
        try:
            answer = await self._rpc.query(
                "/cosmos.staking.v1beta1.Query/Params", request, staking_query.QueryParamsResponse
            )
        except QueryFailed:
            return DEFAULT_UNBONDING_NS
        return duration_from_proto(answer.params.unbonding_time)

    def read_client(self, state: AnyValue) -> ClientInfo | None:
        """Return what a ``07-tendermint`` state says; None for another kind or chain."""
        if state.type_url != CLIENT_STATE_TYPE_URL:
            return None
        try:
            client = decode_client_state(state)
        except MalformedMessage:
            return None
        if client.chain_id != self.chain_id:
            return None
        return ClientInfo(
            chain_id=client.chain_id,
            latest_height=client.latest_height,
            trusting_period_ns=client.trusting_period,
            is_frozen=client.is_frozen(),
        )

    async def consensus_state(self, height: Height) -> AnyValue:
        """Return what an honest client keeps of ``height``."""
        header = await self._rpc.header(BlockHeight(height.revision_height))
        return encode_consensus_state(
            ConsensusState(header.time, header.app_hash, header.next_validators_hash)
        )

    async def updates(self, trusted: Height, target: BlockHeight) -> tuple[AnyValue, ...]:
        """Return headers from ``trusted`` to ``target``: one, or as many as bisection needs."""
        messages: list[AnyValue] = []
        goals = [target]
        while goals:
            known = await self._rpc.validators(BlockHeight(trusted.revision_height + 1))
            block = await self._light_block(goals[-1])
            adjacent = goals[-1] == trusted.revision_height + 1
            if not adjacent and not has_overlap(known, block.signed_header):
                goals.append(BlockHeight((trusted.revision_height + goals[-1]) // 2))
                continue
            header = ClientHeader(block.signed_header, block.validator_set, trusted, known)
            messages.append(encode_client_message(header))
            trusted = header.height
            goals.pop()
            if len(messages) + len(goals) > MAX_HEADERS_PER_UPDATE:
                break
        return tuple(messages)

    async def fork_evidence(self, state: AnyValue, agreed: Height) -> tuple[AnyValue, ...]:
        """Return this chain's header at the client's newest height, where it keeps another."""
        client = self.read_client(state)
        if client is None:
            return ()
        return await self.updates(agreed, BlockHeight(client.latest_height.revision_height))

    async def _light_block(self, height: BlockHeight) -> LightBlock:
        signed_header = await self._rpc.signed_header(height)
        return LightBlock(signed_header, await self._rpc.validators(height))

    async def prove(self, path: bytes, target: BlockHeight) -> ProvenValue:
        """Return the value after block ``target - 1``, proven under the header at ``target``."""
        before = BlockHeight(target - 1)
        value, proof = await self._rpc.prove(paths.STORE_NAME, path, before)
        return ProvenValue(value, proof, Height(self._revision, target))

    # --- host ---------------------------------------------------------------------------

    async def sent_packet(
        self, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> Packet | None:
        """Return a packet from the event of its sending."""
        attributes = {
            "packet_src_channel": str(channel),
            "packet_src_port": str(port),
            "packet_sequence": str(sequence),
        }
        async for _, found in self._rpc.search("send_packet", attributes):
            return packet_of_event(found)
        return None

    async def acknowledgement(
        self, port: PortId, channel: ChannelId, sequence: Sequence
    ) -> bytes | None:
        """Return the acknowledgement from the event of its writing."""
        attributes = {
            "packet_dst_channel": str(channel),
            "packet_dst_port": str(port),
            "packet_sequence": str(sequence),
        }
        async for _, found in self._rpc.search("write_acknowledgement", attributes):
            return hex_attribute(found, "packet_ack_hex")
        return None

    async def event_v2(
        self, kind: str, client_id: ClientId, sequence: Sequence
    ) -> Mapping[str, str] | None:
        """Return the attributes of the event of a packet of IBC v2, by its client here."""
        side = "source" if kind == "send_packet" else "dest"
        attributes = {
            f"packet_{side}_client": str(client_id),
            "packet_sequence": str(sequence),
        }
        async for _, found in self._rpc.search(kind, attributes):
            return found
        return None

    async def sign(self, messages: tuple[AnyValue, ...]) -> SignedTx:
        """Return the messages signed at the account's present sequence, with simulated gas."""
        on_chain = await self.account()
        # What is in the mempool already has taken sequences that no block shows yet.
        account = Account(on_chain.number, max(on_chain.sequence, self._next_sequence))
        trial = self._build(messages, account, self._config.default_gas)
        data = self._build(messages, account, await self._gas(trial))
        return SignedTx(tx_hash_of(data), data, Sequence(account.sequence))

    async def account(self) -> Account:
        """Return the relayer's account number and sequence.

        Raises:
            OperationFailed: The account does not exist: it was never paid anything.
        """
        request = auth_query.QueryAccountRequest(address=self.signer)
        answer = await self._rpc.query(
            "/cosmos.auth.v1beta1.Query/Account", request, auth_query.QueryAccountResponse
        )
        account = decode_known(
            auth_pb2.BaseAccount, answer.account.value, max_bytes=MAX_ACCOUNT_BYTES
        )
        return Account(account.account_number, account.sequence)

    async def _gas(self, trial: bytes) -> int:
        request = service_pb2.SimulateRequest(tx_bytes=trial)
        try:
            answer = await self._rpc.query(
                "/cosmos.tx.v1beta1.Service/Simulate", request, service_pb2.SimulateResponse
            )
        except QueryFailed:
            # A message that fails is found out, with its reason, by CheckTx or the block.
            return self._config.default_gas
        used = answer.gas_info.gas_used
        return used + used * self._config.gas_margin_percent // 100

    def _build(self, messages: tuple[AnyValue, ...], account: Account, gas: int) -> bytes:
        price = self._config.gas_price_millionths
        amount = -(-gas * price // GAS_PRICE_SCALE)
        return build_tx(
            [AnyMessage(message.type_url, message.value) for message in messages],
            self._config.key.private_key,
            chain_id=self.chain_id,
            account_number=account.number,
            sequence=account.sequence,
            fee=(Coin(self._config.fee_denom, amount),) if amount else (),
            gas_limit=gas,
            memo=self._config.memo,
        )

    async def broadcast(self, tx: SignedTx) -> None:
        """Hand a transaction to the node."""
        try:
            await self._rpc.broadcast(tx.data)
        except AccountSequenceWrong as error:
            self._next_sequence = expected_sequence(error.log)
            raise
        self._next_sequence = tx.account_sequence + 1

    async def outcome(self, tx_hash: str) -> TxOutcome | None:
        """Return what a block made of a transaction, or None yet."""
        return await self._rpc.outcome(tx_hash)


def has_overlap(known: ValidatorSet, signed_header: SignedHeader) -> bool:
    """Return whether more than a third of ``known`` signed the header (ICS-07, skipping).

    Only addresses are compared: this chooses headers; the client verifies the signatures.
    """
    signers = {
        signature.validator_address
        for signature in signed_header.commit.signatures
        if signature.block_id_flag is BlockIdFlag.COMMIT
    }
    power = sum(
        validator.voting_power for validator in known.validators if validator.address in signers
    )
    total = total_voting_power(known)
    return power * TRUST_LEVEL.denominator > total * TRUST_LEVEL.numerator


def expected_sequence(log: str) -> int:
    """Return E of "account sequence mismatch, expected E, got G"; 0 where it does not say."""
    match = _EXPECTED_SEQUENCE.search(log)
    return int(match[1]) if match else 0
