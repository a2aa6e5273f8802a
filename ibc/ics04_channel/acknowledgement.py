"""What a receiver answers, in ibc-go's canonical JSON."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResultAcknowledgement:
    """The packet was accepted; ``result`` is for the sending application."""

    result: bytes


@dataclass(frozen=True, slots=True)
class ErrorAcknowledgement:
    """The packet was refused; nothing of the reason passes but its code."""

    code: int


Acknowledgement = ResultAcknowledgement | ErrorAcknowledgement
