"""The values that pass between a node and its application (ABCI 2.0, CometBFT 0.38)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chainkit.formats.tendermint.types import ConsensusParams
from chainkit.primitives.types import Address, BlockHeight, ChainId, TimestampNs, VotingPower
from chainkit.runtime.context import LastVote, Misbehaviour
from chainkit.runtime.events import Event
from chainkit.runtime.grpc_status import Status
from chainkit.runtime.module import ValidatorUpdate


class FirstValidator(Protocol):
    """A validator of a genesis document."""

    @property
    def public_key(self) -> bytes:
        """32 bytes of ed25519."""
        ...

    @property
    def power(self) -> VotingPower:
        """Its voting power, above 0."""
        ...


class GenesisDocument(Protocol):
    """What an application reads of a genesis document."""

    @property
    def chain_id(self) -> ChainId:
        """The chain's id."""
        ...

    @property
    def genesis_time(self) -> TimestampNs:
        """The time before the first block."""
        ...

    @property
    def initial_height(self) -> BlockHeight:
        """The first block's height."""
        ...

    @property
    def consensus_params(self) -> ConsensusParams:
        """The first parameters."""
        ...

    @property
    def validators(self) -> Sequence[FirstValidator]:
        """The first validators, unless a module decides them."""
        ...

    @property
    def app_state(self) -> Mapping[str, object]:
        """Each module's part by its name, as JSON gives it."""
        ...


@dataclass(frozen=True, slots=True)
class TxResult:
    """What a transaction did (ABCI ``ExecTxResult`` and ``ResponseCheckTx``)."""

    code: int = 0
    data: bytes = b""
    log: str = ""
    gas_wanted: int = 0
    gas_used: int = 0
    events: tuple[Event, ...] = ()
    codespace: str = ""


@dataclass(frozen=True, slots=True)
class ProofOp:
    """One step of a proof (``tendermint.crypto.ProofOp``)."""

    type: str
    key: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class QueryResult:
    """An answer about the state (ABCI ``ResponseQuery``).

    ``status`` and ``description`` say the same as ``code`` and ``log`` in gRPC's terms.
    """

    code: int = 0
    log: str = ""
    key: bytes = b""
    value: bytes = b""
    height: BlockHeight = BlockHeight(0)
    proof_ops: tuple[ProofOp, ...] = ()
    codespace: str = ""
    status: Status = Status.OK
    description: str = ""


@dataclass(frozen=True, slots=True)
class ApplicationInfo:
    """Where the application is (ABCI ``ResponseInfo``); height 0 before its first commit."""

    data: str
    version: str
    app_version: int
    last_block_height: BlockHeight
    last_block_app_hash: bytes


@dataclass(frozen=True, slots=True)
class InitChainResult:
    """The application's first answer (ABCI ``ResponseInitChain``)."""

    validators: tuple[ValidatorUpdate, ...] = ()
    """Empty: those of genesis stand."""
    app_hash: bytes = b""
    consensus_params: ConsensusParams | None = None


@dataclass(frozen=True, slots=True)
class FinalizeBlockRequest:
    """A decided block (ABCI ``RequestFinalizeBlock``)."""

    height: BlockHeight
    time: TimestampNs
    proposer_address: Address
    txs: tuple[bytes, ...]
    last_votes: tuple[LastVote, ...] = ()
    misbehaviour: tuple[Misbehaviour, ...] = ()
    block_hash: bytes = b""
    next_validators_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class FinalizeBlockResult:
    """What a block did (ABCI ``ResponseFinalizeBlock``)."""

    events: tuple[Event, ...] = ()
    tx_results: tuple[TxResult, ...] = ()
    validator_updates: tuple[ValidatorUpdate, ...] = ()
    consensus_param_updates: ConsensusParams | None = None
    app_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class ProposedBlock:
    """A block that is proposed (ABCI ``RequestProcessProposal``)."""

    height: BlockHeight
    time: TimestampNs
    proposer_address: Address
    txs: tuple[bytes, ...] = field(default=())
