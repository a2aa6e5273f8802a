"""What became of each transfer, counted from the blocks of the chains themselves.

A transfer is known by its amount, which no other has: the packet that left the origin and the
one that reached the last chain, over whatever hops, carry it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import msgspec

SENT = "send_packet"
RECEIVED = "write_acknowledgement"
ACKNOWLEDGED = "acknowledge_packet"
TIMED_OUT = "timeout_packet"
SUCCESS = '{"result":"AQ=="}'
"""The acknowledgement of a transfer that was paid out (ICS-20)."""


@dataclass(frozen=True, slots=True)
class PacketEvent:
    """Something that a block did with a packet."""

    kind: str
    channel: str
    """The packet's channel on the chain that sent it."""
    sequence: int
    amount: int
    """0 where the event does not carry the packet's data."""
    acknowledgement: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each transfer ended, told as what is wrong."""

    transfers: int
    lost: int
    """Transfers that were not delivered, or whose acknowledgement did not come home."""
    duplicated: int
    """Deliveries and acknowledgements beyond the first of a transfer."""
    details: tuple[str, ...]


class _Attribute(msgspec.Struct):
    key: str
    value: str


class _Event(msgspec.Struct):
    type: str
    attributes: list[_Attribute] = []


class _TxResult(msgspec.Struct):
    code: int = 0
    events: list[_Event] = []


class _BlockResults(msgspec.Struct):
    txs_results: list[_TxResult] | None = None
    finalize_block_events: list[_Event] | None = None


class _TokenData(msgspec.Struct):
    amount: str = "0"


def events_of(block_results: object) -> tuple[PacketEvent, ...]:
    """Return the packet events of one answer to ``block_results``, in order.

    Events of refused transactions are none: nothing of them happened.

    Raises:
        msgspec.ValidationError: The answer is not of CometBFT's shape.
    """
    answer = msgspec.convert(block_results, _BlockResults, strict=False)
    events = list(answer.finalize_block_events or ())
    for result in answer.txs_results or ():
        if result.code == 0:
            events += result.events
    kinds = {SENT, RECEIVED, ACKNOWLEDGED, TIMED_OUT}
    return tuple(
        _packet_event(event.type, {each.key: each.value for each in event.attributes})
        for event in events
        if event.type in kinds
    )


def _packet_event(kind: str, values: Mapping[str, str]) -> PacketEvent:
    return PacketEvent(
        kind=kind,
        channel=values.get("packet_src_channel", ""),
        sequence=int(values.get("packet_sequence", "0")),
        amount=_amount(values.get("packet_data", "")),
        acknowledgement=values.get("packet_ack", ""),
    )


def _amount(data: str) -> int:
    """Return the amount in a transfer's packet data; 0 for data of another application."""
    try:
        return int(msgspec.json.decode(data.encode(), type=_TokenData).amount)
    except (msgspec.MsgspecError, ValueError):
        return 0


def tally(
    amounts: Collection[int], at_origin: Iterable[PacketEvent], at_end: Iterable[PacketEvent]
) -> Tally:
    """Count what became of the transfers of these amounts.

    Args:
        amounts: Of every transfer that was submitted, each once.
        at_origin: All packet events of the chain that they were sent from.
        at_end: All packet events of the chain that they were for.
    """
    origin = tuple(at_origin)
    sent = {(event.channel, event.sequence): event.amount for event in origin if event.kind == SENT}
    acknowledged = Counter(
        sent.get((event.channel, event.sequence), 0)
        for event in origin
        if event.kind == ACKNOWLEDGED
    )
    timed_out = {
        sent.get((event.channel, event.sequence), 0) for event in origin if event.kind == TIMED_OUT
    }
    delivered = Counter(
        event.amount
        for event in at_end
        if event.kind == RECEIVED and event.acknowledgement == SUCCESS
    )
    details: list[str] = []
    lost = duplicated = 0
    for amount in sorted(amounts):
        ends = (("delivered", delivered[amount]), ("acknowledged", acknowledged[amount]))
        if any(count == 0 for _, count in ends) or amount in timed_out:
            lost += 1
        duplicated += sum(count - 1 for _, count in ends if count > 1)
        if amount in timed_out:
            details.append(f"transfer of {amount}: timed out")
        details += [f"transfer of {amount}: {what} {n} times" for what, n in ends if n != 1]
    strangers = sum(count for amount, count in delivered.items() if amount not in amounts)
    if strangers:
        details.append(f"{strangers} deliveries that nobody submitted")
    return Tally(len(amounts), lost, duplicated + strangers, tuple(details))
