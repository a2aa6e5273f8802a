"""Judges forgeries in this process, by the application of a chain at one of its heights.

Each attempt is a signed transaction in a block of its own on top of the same state; the
block is executed as a node executes it (FinalizeBlock) and never committed. Its app hash
is a digest over every store, so three hashes decide: of a block without transactions, of
one whose transaction is refused (fee and sequence), and of one with the true message.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address, BlockHeight, ChainId, Denom, TimestampNs
from chainkit.runtime.abci import (
    ApplicationInfo,
    FinalizeBlockRequest,
    FinalizeBlockResult,
    QueryResult,
    TxResult,
)
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx
from demos.forged.codec import decode_account, encode_account_query, send_to_self
from demos.forged.values import Attempt, Outcome, Verdict
from ibc.ics02_client.port import AnyValue
from parachains.zone.accounts import Account, Key

GAS_LIMIT = 5_000_000
FEE = 2_000
"""Base units; something, so that "all but the fee" is put to the test."""

NO_OP = "no-op: nothing changes"
"""How a packet message that changes nothing is called; ibc-go answers it with NOOP."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who signs the forgeries on a chain, and pays for them."""

    chain_id: ChainId
    key: Key
    denom: Denom
    account: Account

    def sign(self, *messages: AnyValue) -> bytes:
        """Return a transaction at the account's sequence."""
        return build_tx(
            [AnyMessage(message.type_url, message.value) for message in messages],
            self.key.private_key,
            chain_id=self.chain_id,
            account_number=self.account.number,
            sequence=self.account.sequence,
            fee=(Coin(self.denom, FEE),),
            gas_limit=GAS_LIMIT,
        )

    def next(self) -> "Payer":
        """Return the payer after a transaction."""
        return replace(self, account=replace(self.account, sequence=self.account.sequence + 1))

    def send(self, amount: int) -> AnyValue:
        """Return MsgSend of the payer to itself."""
        return send_to_self(self.key.address, self.denom, amount)


class Chain(Protocol):
    """What is asked of an application; every application of a node fits."""

    def info(self) -> ApplicationInfo:
        """Return the height of the last commit."""
        ...

    def finalize_block(self, request: FinalizeBlockRequest) -> FinalizeBlockResult:
        """Execute a block."""
        ...

    def query(self, path: str, data: bytes, *, height: BlockHeight, prove: bool) -> QueryResult:
        """Answer a query."""
        ...


class Judge:
    """An application at rest, and what its next block may lead to. Mutable: it executes."""

    def __init__(
        self,
        app: Chain,
        *,
        chain_id: ChainId,
        key: Key,
        denom: Denom,
        time: TimestampNs,
    ) -> None:
        """Judge on top of the last commit of ``app``, in a block of ``time``."""
        self._app = app
        self._height = BlockHeight(app.info().last_block_height + 1)
        self._time = time
        self._payer = Payer(chain_id, key, denom, _account_of(app, key))
        self._true: dict[str, bytes] = {}
        self._untouched = self._app_hash()
        too_much = self._payer.send(10**30)
        self._only_fee = self._execute(too_much)[1]
        assert self._untouched != self._only_fee, "the fee leaves no trace"

    def admit(self, originals: dict[str, AnyValue]) -> None:
        """Learn what the true messages lead to; each must be accepted, or nothing is proven."""
        for name, message in originals.items():
            self.admit_together(name, message)

    def admit_together(self, name: str, *messages: AnyValue) -> None:
        """Learn what true messages of one transaction lead to; they must be accepted."""
        result, app_hash = self._execute(*messages)
        assert result.code == 0, f"the true message {name} is refused: {result.log}"
        assert app_hash not in {self._untouched, self._only_fee}, f"{name} does nothing"
        self._true[name] = app_hash

    def judge(self, attempt: Attempt) -> Outcome:
        """Return what comes of a forgery."""
        try:
            result, app_hash = self._execute(*attempt.before, attempt.message)
        except BaseException as error:
            # Never hostile bytes' doing in a node that is sound: say whose it was.
            error.add_note(f"forgery: {attempt.kind.value}: {attempt.label}")
            raise
        if app_hash == self._true.get(attempt.original):
            return Outcome(Verdict.INERT)
        if app_hash not in {self._untouched, self._only_fee}:
            return Outcome(Verdict.ACCEPTED, f"code {result.code}")
        is_paid = app_hash == self._only_fee
        return Outcome(Verdict.REFUSED, name_of(result.codespace, result.code), is_paid)

    def _execute(self, *messages: AnyValue) -> tuple[TxResult, bytes]:
        request = FinalizeBlockRequest(
            self._height, self._time, Address(b""), (self._payer.sign(*messages),)
        )
        result = self._app.finalize_block(request)
        return result.tx_results[0], result.app_hash

    def _app_hash(self) -> bytes:
        request = FinalizeBlockRequest(self._height, self._time, Address(b""), ())
        return self._app.finalize_block(request).app_hash


def _account_of(app: Chain, key: Key) -> Account:
    answer = app.query(
        "/cosmos.auth.v1beta1.Query/Account",
        encode_account_query(key.address),
        height=BlockHeight(0),
        prove=False,
    )
    assert answer.code == 0, answer.log
    return decode_account(answer.value)


def name_of(codespace: str, code: int) -> str:
    """Return a refusal's codespace, code and name: the class nearest to ``RuleBroken``."""
    if code == 0:
        return NO_OP
    for kind in _rules(RuleBroken):
        if (kind.codespace, kind.code) == (codespace, code):
            return f"{codespace}/{code} {kind.__name__}"
    return f"{codespace}/{code}"


def _rules(kind: type[RuleBroken]) -> Iterator[type[RuleBroken]]:
    """Yield all classes of refusals with a code of their own, breadth first."""
    level = [kind]
    while level:
        yield from (each for each in level if "code" in vars(each))
        level = [below for each in level for below in each.__subclasses__()]
