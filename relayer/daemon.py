"""The relayer's process: every path at once, until it is told to stop."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from chainkit.primitives.types import ChainId
from relayer.config import RelayerSettings
from relayer.ports import Bus, ChainClient, Clock, Journal
from relayer.submitter import Submitter
from relayer.worker import PathWorker

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Adapters:
    """What the composition gives the relayer of the world."""

    chains: Mapping[ChainId, ChainClient]
    journal: Journal
    bus: Bus
    clock: Clock


def workers(settings: RelayerSettings, adapters: Adapters) -> tuple[PathWorker, ...]:
    """Return one worker a path; paths that share a chain share its account's submitter."""
    submitters = {
        chain_id: Submitter(chain, adapters.journal, adapters.clock)
        for chain_id, chain in adapters.chains.items()
    }
    return tuple(
        PathWorker(
            path,
            submitters[path.chain_a],
            submitters[path.chain_b],
            journal=adapters.journal,
            bus=adapters.bus,
            clock=adapters.clock,
            trusting_period_ns=settings.trusting_period_ns,
            poll_interval_ns=settings.poll_interval_ns,
        )
        for path in settings.paths
    )


async def run(settings: RelayerSettings, adapters: Adapters) -> None:
    """Relay on every path until cancelled."""
    log.info("relayer.started", paths=[path.name for path in settings.paths])
    async with asyncio.TaskGroup() as group:
        for worker in workers(settings, adapters):
            group.create_task(worker.run())
