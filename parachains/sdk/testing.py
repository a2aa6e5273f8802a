"""A chain in memory, one call a block: for tests of modules."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chainkit.commitments.database import KeyValueDatabase, MemoryDatabase
from chainkit.formats.tendermint.types import ConsensusParams
from chainkit.primitives.amounts import Coin, parse_coins
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, BlockHeight, ChainId, TimestampNs
from chainkit.runtime.abci import (
    FinalizeBlockRequest,
    FinalizeBlockResult,
    FirstValidator,
    QueryResult,
    TxResult,
)
from chainkit.runtime.addresses import format_address
from chainkit.runtime.application import Application
from chainkit.runtime.module import Module
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx
from chainkit.sigverify.secp256k1 import public_key_of, secp256k1_address
from parachains.zone.app import zone_application

GENESIS_TIME = TimestampNs(1_700_000_000 * NS_PER_SECOND)
_VALIDATOR_KEY = base64.b64encode(b"\x07" * 32).decode()


@dataclass(frozen=True, slots=True)
class LocalGenesis:
    """A genesis document of one validator."""

    chain_id: ChainId
    app_state: Mapping[str, object]
    genesis_time: TimestampNs = GENESIS_TIME
    initial_height: BlockHeight = BlockHeight(1)
    consensus_params: ConsensusParams = field(default_factory=ConsensusParams)
    validators: tuple[FirstValidator, ...] = ()


class LocalChain:
    """A zone with funded accounts, whose blocks are a second apart; mutable, as a chain is."""

    def __init__(
        self,
        modules: Sequence[Module] = (),
        *,
        accounts: Mapping[bytes, str] | None = None,
        genesis: Mapping[str, object] | None = None,
        chain_id: str = "local-1",
        database: KeyValueDatabase | None = None,
    ) -> None:
        """Start at genesis.

        Args:
            modules: The zone's own features.
            accounts: Private keys of 32 bytes and what each holds, as ``100stake,5other``.
            genesis: Parts of the ``app_state`` by module, beside the bank's.
            chain_id: The chain's name.
            database: Where the state is kept; in memory by default.
        """
        self.chain_id = ChainId(chain_id)
        self._numbers: dict[bytes, int] = {}
        self._sequences: dict[bytes, int] = {}
        balances = []
        for key, coins in (accounts or {}).items():
            self._numbers[key] = len(self._numbers)
            self._sequences[key] = 0
            held = [{"denom": c.denom, "amount": str(c.amount)} for c in parse_coins(coins)]
            balances.append({"address": self.address_text(key), "coins": held})
        validator = {"pub_key": _VALIDATOR_KEY, "power": 1}
        state = {
            "bank": {"balances": balances},
            "validators": {"validators": [validator]},
            **(genesis or {}),
        }
        self.app: Application = zone_application(
            database if database is not None else MemoryDatabase(),
            light_clients=(),
            applications=(),
            extra_modules=modules,
        )
        self.app.init_chain(LocalGenesis(self.chain_id, state))

    @staticmethod
    def address(key: bytes) -> Address:
        """Return the account of a private key."""
        return secp256k1_address(public_key_of(key))

    def address_text(self, key: bytes) -> str:
        """Return the account of a private key as text."""
        return format_address("isthmus", self.address(key))

    def sequence(self, key: bytes) -> int:
        """Return the sequence that the next :meth:`sign` of ``key`` uses."""
        return self._sequences[key]

    def sign(
        self,
        key: bytes,
        *messages: AnyMessage,
        fee: tuple[Coin, ...] = (),
        gas_limit: int = 1_000_000,
        sequence: int | None = None,
    ) -> bytes:
        """Return a signed transaction, with the account's next sequence unless one is given."""
        number = self._sequences[key] if sequence is None else sequence
        if sequence is None:
            self._sequences[key] += 1
        return build_tx(
            messages,
            key,
            chain_id=self.chain_id,
            account_number=self._numbers[key],
            sequence=number,
            fee=fee,
            gas_limit=gas_limit,
        )

    def block(self, *txs: bytes) -> FinalizeBlockResult:
        """Make one block of ``txs`` and commit it."""
        height = self.app.info().last_block_height + 1
        time = TimestampNs(GENESIS_TIME + height * NS_PER_SECOND)
        proposer = Address(b"\x00" * 20)
        result = self.app.finalize_block(
            FinalizeBlockRequest(BlockHeight(height), time, proposer, txs)
        )
        self.app.commit()
        return result

    def send(self, key: bytes, *messages: AnyMessage) -> TxResult:
        """Sign the messages, put them into a block of their own and return their result."""
        return self.block(self.sign(key, *messages)).tx_results[0]

    def query(self, path: str, data: bytes = b"", *, height: int = 0) -> QueryResult:
        """Ask the application about its last committed state, or that at ``height``."""
        return self.app.query(path, data, height=BlockHeight(height), prove=False)
