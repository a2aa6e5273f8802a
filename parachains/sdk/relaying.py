"""What a chain tells a relayer: the values of the relayer's port, the same for every chain kind.

A chain kind's ``client.py`` returns them, so that it fits the relayer's port structurally
without importing the relayer.
"""

from dataclasses import dataclass

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.types import (
    BlockHeight,
    ChainId,
    ClientId,
    ConnectionId,
    DurationNs,
    Sequence,
    TimestampNs,
)
from ibc.ics02_client.port import AnyValue
from ibc.ics03_connection.types import ConnectionEnd


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """The newest block whose header others can verify."""

    height: BlockHeight
    time: TimestampNs
    revision: int = 0
    """Revision of the chain's heights; 0 where light clients know blocks by number alone."""


@dataclass(frozen=True, slots=True)
class NewClient:
    """What a client of this chain starts from."""

    client_state: AnyValue
    consensus_state: AnyValue


@dataclass(frozen=True, slots=True)
class HostedClient:
    """A light client on a chain, unread: only the chain that it tracks can read it."""

    client_id: ClientId
    state: AnyValue


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """A light client's state as the chain that it tracks reads it."""

    chain_id: ChainId
    latest_height: Height
    trusting_period_ns: DurationNs
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """A connection end with its name on its chain."""

    connection_id: ConnectionId
    end: ConnectionEnd


@dataclass(frozen=True, slots=True)
class ProvenValue:
    """A value (empty: none) and the proof of it under the header at ``proof_height``."""

    value: bytes
    proof: bytes
    proof_height: Height


@dataclass(frozen=True, slots=True)
class SignedTx:
    """A transaction ready to be broadcast; the hash names it for ever."""

    tx_hash: str
    data: bytes
    account_sequence: Sequence


@dataclass(frozen=True, slots=True)
class TxOutcome:
    """What a block made of a transaction; code 0 is success."""

    tx_hash: str
    height: BlockHeight
    code: int
    codespace: str
    log: str


class TxRefused(OperationFailed):
    """A node did not take a transaction into its mempool."""

    def __init__(self, *, code: int, codespace: str, log: str) -> None:
        super().__init__(f"transaction refused with {codespace}/{code}: {log[:300]}")
        self.code = code
        self.codespace = codespace
        self.log = log


class AccountSequenceWrong(TxRefused):
    """The account's sequence on the chain is another one; ask for it and sign again."""


class TxRedundant(TxRefused):
    """Every packet message in it was done already: another relayer was faster."""
