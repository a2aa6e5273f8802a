"""The rule itself: may this datum go there? Pure; everything it needs is in the question.

INTEGRITY.md, section 5, with its answers to what the white paper leaves open.
"""

from dataclasses import dataclass
from enum import Enum

from integrity.axes import HIGHEST, Level
from integrity.errors import (
    ChainIsolated,
    EqualDenied,
    HubTooLow,
    IntegrityRefusal,
    LowToHigh,
)


class Mode(Enum):
    """How a channel treats what comes from below."""

    STRICT = 0
    """Refuse it: the paper's rule."""
    LOW_WATER_MARK = 1
    """Deliver it, and the receiving port's own data count as no higher from then on."""
    RING = 2
    """Deliver it as quarantined: the port's data pass nothing upward until endorsed."""


class Content(Enum):
    """What flows; everything but data has its own proof that it may rise (the exceptions)."""

    DATA = 0
    CONTROL = 1
    """The bits of an acknowledgement or a timeout that the high side's own protocol asked for."""
    RETURN = 2
    """An asset that goes home, within the recorded liability, with nothing but a receiver."""
    PREIMAGE = 3
    """32 bytes whose SHA-256 the high side's own user stored before."""


class Delivery(Enum):
    """What is to be done with a packet that is not refused."""

    DELIVER = 0
    DEMOTE = 1
    """Deliver, and lower the receiving port's floor to the label."""
    QUARANTINE = 2
    """Deliver, and let nothing of the receiving port rise until it is endorsed."""
    HOLD = 3
    """Keep it undelivered: its source fell while it was under way."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One datum on its way to one chain."""

    label: Level
    """The least of the source's level and of all that the datum was made from."""
    label_when_sent: Level
    """The same with the source's level before a fall that the packet may have crossed."""
    destination: Level
    """The level of the chain, or of the port of the hub, that would use it."""
    hub: Level
    """The hub's own level: what passes through it is no surer than the hub."""
    content: Content = Content.DATA
    mode: Mode = Mode.STRICT
    strict_equal: bool = False
    endorsed: Level | None = None
    """The level to which independent sources have lifted this datum."""
    isolated: str = ""
    """Why one of the two chains is cut off; empty if none is."""


def judge(flow: Flow) -> Delivery:
    """Return what to do with a flow, or refuse it.

    Raises:
        ChainIsolated: One of the chains is cut off; control bits pass all the same.
        HubTooLow: The hub would deliver above its own level.
        LowToHigh: The label is below the destination's level.
        EqualDenied: The label equals the level and the channel wants more.
    """
    if flow.content is Content.CONTROL:
        return Delivery.DELIVER
    if flow.isolated:
        raise ChainIsolated(flow.isolated)
    if flow.content is Content.RETURN or flow.content is Content.PREIMAGE:
        return Delivery.DELIVER
    label = max(flow.label, -1 if flow.endorsed is None else flow.endorsed)
    if flow.destination > flow.hub:
        raise HubTooLow(f"the hub is of level {flow.hub}, the destination of {flow.destination}")
    refusal = _refusal(flow, label)
    if refusal is None:
        return Delivery.DELIVER
    match flow.mode:
        case Mode.LOW_WATER_MARK:
            return Delivery.DEMOTE
        case Mode.RING:
            return Delivery.QUARANTINE
        case Mode.STRICT:
            if _refusal(flow, flow.label_when_sent) is None:
                return Delivery.HOLD
            raise refusal


def _refusal(flow: Flow, label: int) -> IntegrityRefusal | None:
    """Return why data of a label may not go there, or None."""
    if label < flow.destination:
        return LowToHigh(f"a label of {label} for a destination of level {flow.destination}")
    if flow.strict_equal and label == flow.destination:
        return EqualDenied(f"a label of {label} for a destination of level {flow.destination}")
    return None


def meet(*labels: Level) -> Level:
    """Return the label of what was made from data of these labels: the least."""
    return min(labels, default=HIGHEST)
