"""Planned upgrades: the chain stops at a height that governance chose, until its program has them.

What clients on other chains need to follow is committed in the last block before: the client
state that they go on with, and who signs next. The block at the plan's height is decided and
kept, and executed by a program that has the upgrade.

Spec:
    Cosmos SDK x/upgrade, ``keeper.go``, ``abci.go``; ibc-go 02-client,
    ``ScheduleIBCSoftwareUpgrade``, ``BeginBlocker``.
"""

from collections.abc import Callable, Collection
from typing import Any

from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidRequest, NotFound, Unauthorized, UpgradeNeeded
from chainkit.runtime.events import Event
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule
from light_clients.tendermint.codec import (
    decode_client_state,
    encode_any,
    encode_client_state,
    encode_consensus_state,
)
from light_clients.tendermint.types import ConsensusState
from light_clients.tendermint.upgrade import zero_custom_fields
from relay_chain.app import upgrade_codec as codec
from relay_chain.app.upgrade_codec import Cancel, Plan, Schedule

STORE = "upgrade"
PLAN_KEY = b"\x00"
DONE_PREFIX = b"\x01"
IBC_STATE = "upgradedIBCState"


def upgraded_client_key(height: int) -> bytes:
    """Return where the client state of after an upgrade lies (``UpgradedClientKey``)."""
    return f"{IBC_STATE}/{height}/upgradedClient".encode()


def upgraded_consensus_key(height: int) -> bytes:
    """Return where the consensus state of after an upgrade lies (``UpgradedConsStateKey``)."""
    return f"{IBC_STATE}/{height}/upgradedConsState".encode()


class UpgradeModule(BaseModule):
    """One plan at a time, and the states that other chains' clients follow it by.

    Args:
        authority: The account that may plan.
        address_prefix: Of bech32 addresses.
        known: Names of the upgrades that this program has.
    """

    name = "upgrade"
    store_names = (STORE,)

    def __init__(
        self, authority: Address, address_prefix: str, known: Collection[str] = ()
    ) -> None:
        self._authority = authority
        self._prefix = address_prefix
        self._known = frozenset(known)

    def plan(self, ctx: Context) -> Plan | None:
        """Return what is planned."""
        value = ctx.store(STORE).get(PLAN_KEY)
        return None if value is None else codec.decode_plan(value)

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the messages that plan and cancel."""
        upgrade, client = "/cosmos.upgrade.v1beta1.Msg", "/ibc.core.client.v1.Msg"
        return (
            MessageRoute(
                upgrade + "SoftwareUpgrade",
                lambda data: codec.decode_software_upgrade(data, self._prefix),
                lambda message: (message.signer,),
                self._schedule,
            ),
            MessageRoute(
                upgrade + "CancelUpgrade",
                lambda data: codec.decode_cancel_upgrade(data, self._prefix),
                lambda message: (message.signer,),
                self._cancel,
            ),
            MessageRoute(
                client + "IBCSoftwareUpgrade",
                lambda data: codec.decode_ibc_software_upgrade(data, self._prefix),
                lambda message: (message.signer,),
                self._schedule,
            ),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries of ICS-02 about a plan's states."""
        service, rest = "/ibc.core.client.v1.Query/", "GET /ibc/core/client/v1/"
        return (
            QueryRoute(
                service + "UpgradedClientState",
                lambda ctx, _: codec.encode_client_response(
                    self._state(ctx, upgraded_client_key, "client")
                ),
                (rest + "upgraded_client_states",),
            ),
            QueryRoute(
                service + "UpgradedConsensusState",
                lambda ctx, _: codec.encode_consensus_response(
                    self._state(ctx, upgraded_consensus_key, "consensus state")
                ),
                (rest + "upgraded_consensus_states",),
            ),
        )

    def begin_block(self, ctx: Context) -> None:
        """Commit to who signs next before the plan's height; at it, do the upgrade or stop.

        Raises:
            UpgradeNeeded: This program does not have the upgrade that is due.
        """
        plan = self.plan(ctx)
        if plan is None:
            return
        store = ctx.store(STORE)
        if ctx.height == plan.height - 1:
            state = ConsensusState(ctx.time, b"", ctx.next_validators_hash)
            value = encode_any(encode_consensus_state(state))
            store.set(upgraded_consensus_key(plan.height), value)
        if ctx.height < plan.height:
            return
        if plan.name not in self._known:
            raise UpgradeNeeded(name=plan.name, height=plan.height, info=plan.info)
        self._clear(ctx, plan)
        store.set(DONE_PREFIX + plan.name.encode(), ctx.height.to_bytes(8, "big"))
        ctx.emit(Event("upgrade", (("name", plan.name), ("height", str(ctx.height)))))

    def _state(self, ctx: Context, key: Callable[[int], bytes], what: str) -> bytes:
        plan = self.plan(ctx)
        value = None if plan is None else ctx.store(STORE).get(key(plan.height))
        if value is None:
            raise NotFound(f"upgraded {what} not found")
        return value

    def _require_authority(self, signer: Address) -> None:
        if signer != self._authority:
            raise Unauthorized("only the authority may do this")

    def _schedule(self, ctx: Context, message: Schedule) -> bytes:
        self._require_authority(message.signer)
        plan, store = message.plan, ctx.store(STORE)
        # The block before the plan's must still begin: it commits to who signs next.
        if plan.height < ctx.height + 2:
            raise InvalidRequest("upgrade cannot be scheduled in the past")
        if store.get(DONE_PREFIX + plan.name.encode()) is not None:
            raise InvalidRequest(f"upgrade with name {plan.name} has already been completed")
        value = b""
        if message.client_state is not None:
            state = zero_custom_fields(decode_client_state(message.client_state))
            value = encode_any(encode_client_state(state))
        before = self.plan(ctx)
        if before is not None:
            self._clear(ctx, before)
        store.set(PLAN_KEY, codec.encode_plan(plan))
        if value:
            store.set(upgraded_client_key(plan.height), value)
        facts = (("title", plan.name), ("height", str(plan.height)))
        ctx.emit(Event("schedule_ibc_software_upgrade" if value else "schedule_upgrade", facts))
        return b""

    def _cancel(self, ctx: Context, message: Cancel) -> bytes:
        self._require_authority(message.signer)
        plan = self.plan(ctx)
        if plan is not None:
            self._clear(ctx, plan)
        return b""

    @staticmethod
    def _clear(ctx: Context, plan: Plan) -> None:
        store = ctx.store(STORE)
        for key in (
            PLAN_KEY,
            upgraded_client_key(plan.height),
            upgraded_consensus_key(plan.height),
        ):
            store.delete(key)
