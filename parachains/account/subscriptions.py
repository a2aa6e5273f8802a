"""``eth_subscribe``: who wants to hear what, and what a new block or transaction tells them.

One value for each connection; the shell sends what it returns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chainkit.primitives.types import Hash32
from parachains.account.chain import Chain, StoredBlock
from parachains.account.errors import InvalidRpcParams, RpcLimitExceeded
from parachains.account.limits import MAX_SUBSCRIPTIONS
from parachains.account.log_filter import LogFilter, logs_of_block, parse_filter
from parachains.account.rpc_forms import data, header_form, quantity

NEW_HEADS = "newHeads"
LOGS = "logs"
PENDING = "newPendingTransactions"


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """What one connection has subscribed to, by id; ids count up and are never used again."""

    wanted: Mapping[str, tuple[str, LogFilter | None]]
    next_id: int = 1

    def subscribe(self, kind: object, options: object = None) -> tuple["Subscriptions", str]:
        """Return the subscriptions with one more, and its id.

        Raises:
            InvalidRpcParams: There is no such kind, or the filter is not of its form.
            RpcLimitExceeded: The connection has too many.
        """
        if not isinstance(kind, str) or kind not in {NEW_HEADS, LOGS, PENDING}:
            raise InvalidRpcParams(f"no {str(kind)[:64]!r} subscription in eth namespace")
        if len(self.wanted) >= MAX_SUBSCRIPTIONS:
            raise RpcLimitExceeded(f"more than {MAX_SUBSCRIPTIONS} subscriptions")
        log_filter = None
        if kind == LOGS:
            options = {} if options is None else options
            if not isinstance(options, Mapping):
                raise InvalidRpcParams("invalid argument: a filter is an object")
            log_filter = parse_filter(options)
        identity = quantity(self.next_id)
        wanted = {**self.wanted, identity: (kind, log_filter)}
        return replace(self, wanted=wanted, next_id=self.next_id + 1), identity

    def unsubscribe(self, identity: object) -> tuple["Subscriptions", bool]:
        """Return the subscriptions without one, and whether it was there."""
        wanted = {key: value for key, value in self.wanted.items() if key != identity}
        return replace(self, wanted=wanted), len(wanted) < len(self.wanted)

    def on_block(self, chain: Chain, stored: StoredBlock) -> tuple[Mapping[str, object], ...]:
        """Return the notifications of a new block, in the order of subscribing."""
        told: list[Mapping[str, object]] = []
        for identity, (kind, log_filter) in self.wanted.items():
            if kind == NEW_HEADS:
                told.append(_notification(identity, header_form(stored.header, stored.hash)))
            elif log_filter is not None:
                found = logs_of_block(chain, stored, log_filter)
                told.extend(_notification(identity, log) for log in found)
        return tuple(told)

    def on_transaction(self, transaction_hash: Hash32) -> tuple[Mapping[str, object], ...]:
        """Return the notifications of a transaction that now waits."""
        return tuple(
            _notification(identity, data(transaction_hash))
            for identity, (kind, _) in self.wanted.items()
            if kind == PENDING
        )


NO_SUBSCRIPTIONS = Subscriptions({})


def _notification(identity: str, result: object) -> Mapping[str, object]:
    return {
        "jsonrpc": "2.0",
        "method": "eth_subscription",
        "params": {"subscription": identity, "result": result},
    }
