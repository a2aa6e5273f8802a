"""One path: look, plan, act, wait; for ever. Every round begins from the chains' state."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence

import structlog

from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.types import BlockHeight, DurationNs, TimestampNs
from ibc.ics02_client.port import AnyValue
from parachains.sdk.relaying import TxOutcome, TxRefused
from relayer import codec
from relayer.backoff import Backoff
from relayer.builder import build, needs_proof, report
from relayer.limits import MAX_MESSAGES_PER_TX, POLL_INTERVAL_NS
from relayer.observer import Observer
from relayer.planner import plan
from relayer.ports import Bus, Clock, Journal
from relayer.submitter import Submitter, is_redundant
from relayer.views import (
    AckConnection,
    AcknowledgePacket,
    AcknowledgePacketV2,
    Action,
    ConfirmConnection,
    InitChannel,
    PathSpec,
    PathView,
    ReceivePacket,
    ReceivePacketV2,
    RefreshClient,
    ReportFork,
    Side,
    Stuck,
    TimeOutPacket,
    TimeOutPacketV2,
    TryChannel,
)

Facts = Mapping[str, object]

log = structlog.get_logger()


class PathWorker:
    """Relays on one path. Mutable: it counts failures; nothing else outlives a round."""

    def __init__(
        self,
        spec: PathSpec,
        a: Submitter,
        b: Submitter,
        *,
        journal: Journal,
        bus: Bus,
        clock: Clock,
        trusting_period_ns: DurationNs | None = None,
        poll_interval_ns: DurationNs = POLL_INTERVAL_NS,
    ) -> None:
        self._spec = spec
        self._sides = {Side.A: a, Side.B: b}
        self._observer = Observer(a.chain, b.chain, has_v2=spec.has_v2)
        self._journal = journal
        self._bus = bus
        self._clock = clock
        self._trusting_period_ns = trusting_period_ns
        self._poll_interval_ns = poll_interval_ns
        self._backoff = Backoff()
        self._idle_at: tuple[BlockHeight, ...] | None = None
        self._has_looked = False
        self._told = ""
        self._log = log.bind(path=spec.name)

    async def run(self) -> None:
        """Relay until cancelled."""
        while True:
            did_something = await self.round()
            if not did_something:
                await self._bus.wait(self._poll_interval_ns)

    async def round(self) -> bool:
        """Do one round; return whether anything was submitted."""
        now = self._clock.now()
        if self._backoff.is_waiting(self._spec.name, now):
            return False
        try:
            for submitter in self._sides.values():
                if not await submitter.settle():
                    return False
            heights = await self._heights()
            if heights == self._idle_at:
                return False
            view = await self._observer.observe()
            self._has_looked = True
            did_something = await self._act(view, now)
        except (OperationFailed, RuleBroken) as error:
            self._idle_at = None
            await self._wait_after(str(error))
            return False
        self._backoff.succeeded(self._spec.name)
        self._idle_at = None if did_something else heights
        return did_something

    async def _wait_after(self, reason: str) -> None:
        """Say why the path waits; longer each time, except for chains that are starting up.

        Those are asked at every poll, so that their first blocks are not slept through.
        """
        if self._has_looked:
            wait = self._backoff.failed(self._spec.name, self._clock.now())
            await self._report("path.waits", reason=reason, retry_in_ns=wait)
        elif reason != self._told:
            self._told = reason
            await self._report("path.waits", reason=reason, retry_in_ns=self._poll_interval_ns)

    async def _heights(self) -> tuple[BlockHeight, ...]:
        """Return both chains' heights; where neither moved since an idle look, nothing is new."""
        return tuple(
            [(await submitter.chain.status()).height for submitter in self._sides.values()]
        )

    async def _act(self, view: PathView, now: TimestampNs) -> bool:
        actions = plan(self._spec, view)
        for action in actions:
            if isinstance(action, Stuck) and not self._backoff.is_waiting(action, now):
                self._backoff.failed(action, now)
                await self._report("path.stuck", side=action.on.value, reason=action.reason)
        ready = {
            side: [
                action
                for action in actions
                if action.on is side
                and not isinstance(action, Stuck)
                and not self._backoff.is_waiting(action, now)
            ]
            for side in Side
        }
        # The two chains make their blocks independently: neither waits for the other's.
        done = await asyncio.gather(
            *(self._submit_all(side, ready[side]) for side in Side), return_exceptions=True
        )
        for result in done:
            if isinstance(result, BaseException):
                raise result
        return any(done)

    async def _submit_all(self, side: Side, actions: Sequence[Action]) -> bool:
        did_something = False
        for start in range(0, len(actions), MAX_MESSAGES_PER_TX):
            batch = tuple(actions[start : start + MAX_MESSAGES_PER_TX])
            did_something |= await self._submit(side, batch)
        return did_something

    async def _submit(self, side: Side, actions: tuple[Action, ...]) -> bool:
        """Submit the actions on one chain in one transaction; where it is refused, in halves.

        A poisoned packet cannot hold back the others: it ends alone, and waits longer each
        time it fails.
        """
        messages, included = await self._messages(side, actions)
        if not messages:
            return False
        try:
            outcome = await self._sides[side].submit(messages, _summary(included))
        except TxRefused as error:
            if is_redundant(error):
                await self._report("packets.already_done", side=side.value, count=len(included))
                return True
            return await self._failed(side, included, error.log)
        if outcome.code != 0:
            return await self._failed(side, included, outcome.log)
        await self._succeeded(side, included, outcome)
        return True

    async def _failed(self, side: Side, actions: tuple[Action, ...], reason: str) -> bool:
        if len(actions) > 1:
            middle = len(actions) // 2
            first = await self._submit(side, actions[:middle])
            return await self._submit(side, actions[middle:]) or first
        # What was remembered may be of a branch that its chain has left.
        self._observer.forget()
        for action in actions:
            wait = self._backoff.failed(action, self._clock.now())
            await self._report(
                "action.failed",
                side=side.value,
                action=type(action).__name__,
                reason=reason,
                retry_in_ns=wait,
            )
        return True

    async def _succeeded(self, side: Side, actions: tuple[Action, ...], outcome: TxOutcome) -> None:
        for action in actions:
            if isinstance(action, ReportFork):
                # Its client freezes, and it is not planned again; else not at once.
                self._backoff.failed(action, self._clock.now())
            else:
                self._backoff.succeeded(action)
            await self._report(
                _EVENTS.get(type(action), "handshake.stepped"),
                side=side.value,
                action=type(action).__name__,
                tx_hash=outcome.tx_hash,
                height=outcome.height,
                **_object_of(action),
            )

    async def _messages(
        self, side: Side, actions: tuple[Action, ...]
    ) -> tuple[tuple[AnyValue, ...], tuple[Action, ...]]:
        """Return the client's update and the actions' messages, and the actions they are of."""
        host, source = self._sides[side].chain, self._sides[side.other].chain
        updates: tuple[AnyValue, ...] = ()
        target = BlockHeight(0)
        if any(needs_proof(action) or isinstance(action, RefreshClient) for action in actions):
            updates, target = await self._client_update(side)
        messages: list[AnyValue] = []
        included: list[Action] = []
        waits_for_connection = False
        for action in actions:
            if waits_for_connection and isinstance(action, InitChannel | TryChannel):
                continue
            if isinstance(action, ReportFork):
                evidence = await report(action, host, source)
                messages += evidence
                included += [action] if evidence else []
                continue
            message = await build(action, host, source, target, self._trusting_period_ns)
            if message is None and isinstance(action, AckConnection | ConfirmConnection):
                # The channel's step goes with the step that opens its connection, not before it.
                waits_for_connection = True
            if message is not None:
                messages.append(message)
                included.append(action)
            elif isinstance(action, RefreshClient):
                included.append(action)
        if not included:
            return (), ()
        return (*updates, *messages), tuple(included)

    async def _client_update(self, side: Side) -> tuple[tuple[AnyValue, ...], BlockHeight]:
        """Return what brings the client here to the other chain's newest header, and its height.

        The client is read again: another relayer, or the first half of this batch, may have
        updated it since the view was made.
        """
        host, source = self._sides[side].chain, self._sides[side.other].chain
        client_id = self._observer.client_id(side)
        assert client_id is not None, "an action that needs a proof was planned without a client"
        heights = [
            info.latest_height
            for hosted in await host.clients()
            if hosted.client_id == client_id
            and (info := source.read_client(hosted.state)) is not None
        ]
        if not heights:
            raise OperationFailed(f"client {client_id} is gone from {host.chain_id}")
        trusted = heights[0]
        target = (await source.status()).height
        if target <= trusted.revision_height:
            return (), BlockHeight(trusted.revision_height)
        headers = await source.updates(trusted, target)
        return (
            tuple(codec.update_client(client_id, header, host.signer) for header in headers),
            target,
        )

    async def _report(self, event: str, **facts: object) -> None:
        """Log, write down and publish what happened."""
        _LOGGED[event](self._log, facts)
        detail = json.dumps({"event": event, **facts}, sort_keys=True)
        self._journal.note(self._spec.name, event, detail)
        await self._bus.publish(f"isthmus/relayer/{self._spec.name}/{event}", detail.encode())


_LOGGED: Mapping[str, Callable[[structlog.typing.FilteringBoundLogger, Facts], None]] = {
    "path.waits": lambda log, facts: log.warning("path.waits", **facts),
    "path.stuck": lambda log, facts: log.warning("path.stuck", **facts),
    "action.failed": lambda log, facts: log.warning("action.failed", **facts),
    "handshake.stepped": lambda log, facts: log.info("handshake.stepped", **facts),
    "client.updated": lambda log, facts: log.info("client.updated", **facts),
    "client.fork_reported": lambda log, facts: log.warning("client.fork_reported", **facts),
    "packet.received": lambda log, facts: log.info("packet.received", **facts),
    "packet.acknowledged": lambda log, facts: log.info("packet.acknowledged", **facts),
    "packet.timed_out": lambda log, facts: log.info("packet.timed_out", **facts),
    "packets.already_done": lambda log, facts: log.info("packets.already_done", **facts),
}
"""Each event with its level, by its literal name, so that it is found by searching for it."""

_EVENTS: dict[type[Action], str] = {
    ReceivePacket: "packet.received",
    AcknowledgePacket: "packet.acknowledged",
    TimeOutPacket: "packet.timed_out",
    RefreshClient: "client.updated",
    ReportFork: "client.fork_reported",
    ReceivePacketV2: "packet.received",
    AcknowledgePacketV2: "packet.acknowledged",
    TimeOutPacketV2: "packet.timed_out",
}


def _object_of(action: Action) -> dict[str, object]:
    match action:
        case ReportFork(fork=fork):
            return {"client_id": fork.client_id, "agreed_height": str(fork.agreed)}
        case ReceivePacket(packet=packet) | AcknowledgePacket(packet=packet):
            pass
        case TimeOutPacket(packet=packet):
            pass
        case ReceivePacketV2(packet=sent) | AcknowledgePacketV2(packet=sent):
            return {"source_client": sent.source_client, "sequence": sent.sequence}
        case TimeOutPacketV2(packet=sent):
            return {"source_client": sent.source_client, "sequence": sent.sequence}
        case _:
            return {}
    return {
        "source_port": packet.source_port,
        "source_channel": packet.source_channel,
        "sequence": packet.sequence,
    }


def _summary(actions: tuple[Action, ...]) -> str:
    counts: dict[str, int] = {}
    for action in actions:
        name = type(action).__name__
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
