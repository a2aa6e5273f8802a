"""A transaction that only repeats what others have relayed is kept out of the mempool."""

from chainkit.runtime.context import Context, ExecutionMode
from ibc.ics02_client.messages import UpdateClient
from ibc.ics04_channel.errors import RedundantTransaction
from ibc.ics04_channel.messages import (
    AcknowledgePacket,
    Outcome,
    RecvPacket,
    TimeoutOnClose,
    TimeoutPacket,
)
from ibc.ics26_routing.router import Router
from ibc.v2.messages import AcknowledgePacketV2, RecvPacketV2, TimeoutPacketV2
from ibc.v2.router import RouterV2


def refuse_redundant_relay(
    ctx: Context, router: Router, router_v2: RouterV2, messages: tuple[object, ...]
) -> None:
    """Run the packet messages of a transaction for the mempool (ibc-go RedundantRelayDecorator).

    What they write stays in the mempool's state, so that a second transaction with the
    same packets is seen to be redundant. A message that is neither an update nor a packet
    ends the search: such a transaction is wanted whatever its packets.

    Raises:
        RedundantTransaction: Every packet message was a no-op.
        RuleBroken: One of them would be refused in a block too.
    """
    if not ctx.is_checking():
        return
    outcomes = []
    for message in messages:
        if isinstance(message, UpdateClient):
            _update(ctx, router, message)
            continue
        outcome = _relay(ctx, router, router_v2, message)
        if outcome is None:
            return
        outcomes.append(outcome)
    if outcomes and all(outcome is Outcome.NOOP for outcome in outcomes):
        raise RedundantTransaction


def _relay(ctx: Context, router: Router, router_v2: RouterV2, message: object) -> Outcome | None:
    """Run a packet message; return None for any other."""
    match message:
        case RecvPacket():
            return _receive(ctx, router, message)
        case AcknowledgePacket():
            return router.acknowledge_packet(ctx, message)
        case TimeoutPacket() | TimeoutOnClose():
            return router.time_out_packet(ctx, message)
        case RecvPacketV2():
            return router_v2.recv_packet(ctx, message)
        case AcknowledgePacketV2():
            return router_v2.acknowledge_packet(ctx, message)
        case TimeoutPacketV2():
            return router_v2.time_out_packet(ctx, message)
        case _:
            return None


def _update(ctx: Context, router: Router, message: UpdateClient) -> None:
    """Write what a header brings, so that the packets after it can be proven by it."""
    clients = router.packets.channels.connections.clients
    clients.require_active(ctx, message.client_id)
    if ctx.mode is not ExecutionMode.RECHECK:
        clients.verify_message(ctx, message.client_id, message.client_message)
    light_client, store = clients.route(ctx, message.client_id)
    if not light_client.check_for_misbehaviour(ctx, store, message.client_message):
        light_client.update_state(ctx, store, message.client_message)


def _receive(ctx: Context, router: Router, message: RecvPacket) -> Outcome:
    """Take the receipt without the application; a packet checked before needs no proof."""
    if ctx.mode is ExecutionMode.RECHECK:
        taken = router.packets.recheck_receive(ctx, message.packet)
    else:
        taken = router.packets.receive(ctx, message) is not None
    return Outcome.SUCCESS if taken else Outcome.NOOP
