"""Running transactions: decode, ante, messages; what each leaves behind when refused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address
from chainkit.runtime.abci import TxResult
from chainkit.runtime.addresses import format_address
from chainkit.runtime.ante import AnteRules, check_transaction
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.errors import OutOfGas
from chainkit.runtime.events import Event, EventLog
from chainkit.runtime.gas import GasMeter
from chainkit.runtime.messages import MessageRoute, MessageRouter
from chainkit.runtime.module import Module
from chainkit.runtime.signatures import verify_ahead
from chainkit.runtime.transaction import AnyMessage, Transaction
from chainkit.runtime.tx_codec import decode_tx, encode_responses
from chainkit.sigverify import secp256k1


@dataclass(frozen=True, slots=True)
class _Call:
    """A decoded message and its route."""

    route: MessageRoute[Any]
    message: object
    signers: tuple[Address, ...]


class TransactionRunner:
    """Runs transactions with one application's routes and rules."""

    def __init__(
        self, router: MessageRouter, rules: AnteRules, modules: tuple[Module, ...]
    ) -> None:
        self._router = router
        self._rules = rules
        self._modules = modules

    def run_block(self, ctx: Context, txs: Sequence[bytes]) -> tuple[TxResult, ...]:
        """Run a block's transactions in order, within the block's gas.

        Where they are many their signatures are verified before, on every processor.
        """
        limit = ctx.consensus_params.block_max_gas
        used = 0
        results = []
        decoded = [_decoded(tx) for tx in txs]
        if secp256k1.splits(len(txs)):
            good = (tx for tx in decoded if not isinstance(tx, RuleBroken))
            verify_ahead(ctx, self._rules, good)
        for tx in decoded:
            if 0 <= limit <= used:
                results.append(_refusal(OutOfGas("no block gas left to run tx"), 0, 0, ()))
                continue
            result = self._run(ctx, ExecutionMode.DELIVER, tx)
            used += result.gas_used
            results.append(result)
        return tuple(results)

    def run(self, base: Context, mode: ExecutionMode, data: bytes) -> TxResult:
        """Run one transaction on ``base``'s stores and return its result.

        Refused by decoding or ante it leaves nothing; refused by a message it leaves its
        fee and sequences. A check runs no message.
        """
        return self._run(base, mode, _decoded(data))

    def _run(self, base: Context, mode: ExecutionMode, tx: Transaction | RuleBroken) -> TxResult:
        if isinstance(tx, RuleBroken):
            return _refusal(tx, 0, 0, ())
        limit = None if mode is ExecutionMode.SIMULATE else tx.fee.gas_limit
        gas = GasMeter(limit)
        ctx = replace(base, mode=mode, gas=gas, events=EventLog())
        try:
            calls = self._pass_ante(ctx, tx)
        except RuleBroken as error:
            return _refusal(error, tx.fee.gas_limit, gas.consumed, ())
        ante_events = ctx.events.all()
        responses: tuple[AnyMessage, ...] = ()
        if not ctx.is_checking():
            try:
                responses = self._run_messages(ctx, calls)
            except RuleBroken as error:
                return _refusal(error, tx.fee.gas_limit, gas.consumed, ante_events)
        return TxResult(
            data=encode_responses(responses) if responses else b"",
            gas_wanted=tx.fee.gas_limit,
            gas_used=gas.consumed,
            events=ctx.events.all(),
        )

    def _pass_ante(self, ctx: Context, tx: Transaction) -> tuple[_Call, ...]:
        calls = tuple(self._decode(message) for message in tx.messages)
        signers = tuple(dict.fromkeys(signer for call in calls for signer in call.signers))
        with ctx.savepoint():
            check_transaction(ctx, self._rules, tx, signers)
            for module in self._modules:
                module.ante(ctx, tuple(call.message for call in calls))
        return calls

    def _decode(self, packed: AnyMessage) -> _Call:
        route = self._router.route(packed.type_url)
        message = route.decode(packed.value)
        signers = route.signers(message)
        assert signers, f"{packed.type_url} has no signer"
        return _Call(route, message, signers)

    def _run_messages(self, ctx: Context, calls: tuple[_Call, ...]) -> tuple[AnyMessage, ...]:
        responses = []
        with ctx.savepoint():
            for index, call in enumerate(calls):
                mark = ctx.events.mark()
                response = call.route.handle(ctx, call.message)
                responses.append(AnyMessage(call.route.response_type_url, response))
                emitted = ctx.events.cut(mark)
                for event in (self._action(call), *emitted):
                    ctx.emit(event.with_attribute("msg_index", str(index)))
        return tuple(responses)

    def _action(self, call: _Call) -> Event:
        """Return the event that names a message (SDK ``createEvents``)."""
        url = call.route.type_url
        sender = format_address(self._rules.address_prefix, call.signers[0])
        parts = url.split(".")
        module = parts[1] if url.startswith("/cosmos.") else parts[-3]
        return Event("message", (("action", url), ("sender", sender), ("module", module)))


def _decoded(data: bytes) -> Transaction | RuleBroken:
    try:
        return decode_tx(data)
    except RuleBroken as error:
        return error


def _refusal(error: RuleBroken, wanted: int, used: int, events: tuple[Event, ...]) -> TxResult:
    assert error.code, "a refusal has a code"
    return TxResult(
        code=error.code,
        log=str(error),
        gas_wanted=wanted,
        gas_used=used,
        events=events,
        codespace=error.codespace,
    )
