"""What the hub measures of each chain, and what follows when it falls or cheats."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.ics02_client.assurance import Assured, Finality, Verification
from ibc.ics02_client.clients import Clients
from ibc.ics02_client.errors import ClientNotFound
from ibc.ics02_client.port import Status
from integrity.axes import (
    MILLION,
    Assessment,
    Axis,
    Reading,
    Source,
    assess,
    history_score,
    liveness_score,
)
from integrity.isolation import FROZEN, HALTED, cut_off, isolate
from integrity.levels import observe
from integrity.records import HUB, ChainRecord, LevelRecord, Params
from integrity.store import IntegrityStore, open_store


class OwnFacts(Protocol):
    """What the hub measures of itself."""

    def readings(self, ctx: Context) -> tuple[Reading, ...]:
        """Return its axes as they are now."""
        ...


@dataclass(frozen=True, slots=True)
class Monitor:
    """Measures the chains at every block of the hub."""

    clients: Clients
    own: OwnFacts | None = None
    """What the hub measures of itself; None where everything is declared."""

    def begin_block(self, ctx: Context) -> None:
        """Measure the chains: freeze and isolate on proof, fall at once, rise slowly.

        Within an epoch only a proof of misbehaviour changes what is measured of another
        chain. So a block looks at the hub itself, at the clients that were frozen since the
        one before and at the chains that the ledger of zones convicted, and only the first
        block of an epoch at every chain.
        """
        store = open_store(ctx)
        params = store.params()
        since = store.measured_at()
        boundary = params.epoch(ctx.height) > params.epoch(since)
        store.set_measured_at(ctx.height)
        convicted = store.take_convicted()
        chains = store.chains() if boundary else self._touched(ctx, store, since, convicted)
        for chain in tuple(chains):
            seen = self._count_epoch(ctx, chain, params) if boundary else chain
            seen = self._isolate(ctx, store, seen, params)
            seen = self.remeasure(ctx, store, seen, params)
            if seen != chain:
                store.set_chain(seen)

    def _touched(
        self, ctx: Context, store: IntegrityStore, since: int, convicted: tuple[str, ...]
    ) -> Iterator[ChainRecord]:
        """Yield the hub, and the chains of which a fraud was proved since a height."""
        frozen = (store.chain_of_client(each) for each in self.clients.frozen_since(ctx, since))
        seen: set[str] = set()
        for chain in (store.chain(HUB), *frozen, *map(store.chain, convicted)):
            if chain is not None and chain.name not in seen:
                seen.add(chain.name)
                yield chain

    def remeasure(
        self, ctx: Context, store: IntegrityStore, chain: ChainRecord, params: Params
    ) -> ChainRecord:
        """Return the chain at the level that it comes to now, with a record of a change."""
        assessment = self.assess(ctx, chain, params)
        level = observe(
            chain.level,
            assessment.level,
            params.levels,
            epoch=params.epoch(ctx.height),
            height=ctx.height,
        )
        if level.level != chain.level.level:
            self.record(ctx, store, chain, level.level, assessment)
        return replace(chain, level=level)

    def assess(self, ctx: Context, chain: ChainRecord, params: Params) -> Assessment:
        """Return what the axes of a chain come to."""
        disqualified: tuple[str, ...] = ()
        if chain.fraud_at:
            since = params.epoch(ctx.height) - params.epoch(chain.fraud_at)
            if since < params.fraud_epochs:
                disqualified = (f"fraud was proved at height {chain.fraud_at}",)
        if not chain.operator:
            disqualified = (*disqualified, "its operator is unknown")
        return assess(self.readings(ctx, chain, params), params.thresholds(), disqualified)

    def readings(self, ctx: Context, chain: ChainRecord, params: Params) -> tuple[Reading, ...]:
        """Return what was measured, and what is declared of the rest."""
        if chain.name != HUB:
            measured = self._measured(ctx, chain, params)
        else:
            measured = () if self.own is None else self.own.readings(ctx)
        known = {reading.axis for reading in measured}
        return (*measured, *(entry for entry in chain.declared if entry.axis not in known))

    def record(
        self,
        ctx: Context,
        store: IntegrityStore,
        chain: ChainRecord,
        after: int,
        assessment: Assessment,
    ) -> None:
        """Keep a change of level with what was measured, and tell of it."""
        weakest = ", ".join(axis.value for axis in assessment.weakest())
        reason = "; ".join(assessment.disqualified) or f"by {weakest or 'nothing measured'}"
        readings = tuple(entry.reading for entry in assessment.axes)
        before = chain.level.level
        store.add_level_record(
            LevelRecord(chain.name, ctx.height, before, type(before)(after), reason, readings)
        )
        attributes = (
            ("chain", chain.name),
            ("before", str(before)),
            ("after", str(after)),
            ("reason", reason),
        )
        ctx.emit(Event("integrity_level", attributes))

    def _measured(self, ctx: Context, chain: ChainRecord, params: Params) -> tuple[Reading, ...]:
        """Return the axes that the hub itself knows: kind of proof, liveness, history."""
        verification, finality = Verification.ONE_ATTESTOR, Finality.REORGANISED
        if chain.client_id:
            light_client, _ = self.clients.route(ctx, chain.client_id)
            if isinstance(light_client, Assured):
                verification = light_client.assurance.verification
                finality = light_client.assurance.finality
        halted = chain.isolated == HALTED
        liveness = 0 if halted else liveness_score(chain.epochs_on_time, chain.epochs_due)
        age = params.epoch(ctx.height) - params.epoch(chain.joined_at)
        since = params.epoch(ctx.height) - params.epoch(chain.fraud_at) if chain.fraud_at else None
        measured = Source.MEASURED
        return (
            Reading(Axis.VERIFICATION, verification, measured, verification.name.lower()),
            Reading(Axis.FINALITY, finality, measured, finality.name.lower()),
            Reading(Axis.LIVENESS, liveness, measured, f"{liveness * 100 // MILLION} % on time"),
            Reading(Axis.HISTORY, history_score(since, age), measured, f"{age} epochs"),
        )

    def _count_epoch(self, ctx: Context, chain: ChainRecord, params: Params) -> ChainRecord:
        """Return the chain with the epoch that ends now counted."""
        if not chain.client_id:
            return chain
        latest = str(self.clients.latest_height(ctx, chain.client_id))
        advanced = latest != chain.seen_height
        if not (advanced or params.stale_epochs):
            # Where nobody must report, an epoch without news is none that was missed.
            return chain
        return replace(
            chain,
            epochs_due=chain.epochs_due + 1,
            epochs_on_time=chain.epochs_on_time + int(advanced),
            silent_epochs=0 if advanced else chain.silent_epochs + 1,
            seen_height=latest,
        )

    def _isolate(
        self, ctx: Context, store: IntegrityStore, chain: ChainRecord, params: Params
    ) -> ChainRecord:
        """Return the chain cut off on proof or by staleness, or joined again when it moves."""
        if not chain.client_id:
            return chain
        try:
            frozen = self.clients.status(ctx, chain.client_id) is Status.FROZEN
        except ClientNotFound:
            return chain
        if frozen and chain.isolated != FROZEN:
            return cut_off(ctx, store, chain, FROZEN, params)
        stale = params.stale_epochs and chain.silent_epochs >= params.stale_epochs
        if stale and not chain.isolated:
            return isolate(ctx, chain, HALTED)
        if chain.isolated == HALTED and not chain.silent_epochs:
            return replace(chain, isolated="", isolated_at=0)
        return chain
