"""Keeps the mempool free of what the rules of integrity levels would refuse anyhow.

A refused packet is not counted against its zone's quota, but it fills a block as any other
does. So a packet of a chain that is cut off, or whose quota of the epoch is used up, does not
enter the mempool: it waits at its relayer, until the epoch ends, or it times out.
"""

from dataclasses import replace

from chainkit.primitives.types import ClientId
from chainkit.runtime.context import Context
from chainkit.runtime.module import BaseModule
from ibc.ics04_channel.messages import RecvPacket
from ibc.v2.messages import RecvPacketV2
from integrity.errors import ChainIsolated, QuotaExceeded
from integrity.guard import IntegrityGuard
from integrity.store import open_store


class FloodGate(BaseModule):
    """Judges transactions for the mempool only; blocks are judged by the guard."""

    name = "integrity_flood"

    def __init__(self, guard: IntegrityGuard) -> None:
        self._guard = guard

    def ante(self, ctx: Context, messages: tuple[object, ...]) -> None:
        """Count the packets of each zone in the mempool's own state.

        Raises:
            ChainIsolated: A packet's source is cut off.
            QuotaExceeded: With those that wait already the zone's quota is used up.
        """
        if not ctx.is_checking():
            return
        for message in messages:
            match message:
                case RecvPacket():
                    end = (message.packet.destination_port, message.packet.destination_channel)
                    remote = self._guard.remotes.find(ctx, *end)
                    if remote is not None:
                        self._count(ctx, remote.client_id)
                case RecvPacketV2():
                    self._count(ctx, message.packet.destination_client)
                case _:
                    pass

    def _count(self, ctx: Context, client_id: ClientId) -> None:
        store = open_store(ctx)
        found = store.chain_and_traffic(client_id)
        if found is None:
            return
        chain, record, traffic = found
        if chain.isolated:
            raise ChainIsolated(chain.isolated)
        params = store.params()
        epoch = params.epoch(ctx.height)
        used = traffic.used(epoch)
        if used >= params.packets_per_epoch:
            raise QuotaExceeded(f"{used} packets in epoch {epoch}")
        store.set_traffic(client_id, record, replace(traffic, epoch=epoch, packets=used + 1))
