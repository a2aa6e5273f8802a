"""The refusals of forwarding, with the codes of ibc-go v11's module (its name has the typo)."""

from ibc.errors import IbcError


class ForwardRefusal(IbcError):
    """A refusal under the codespace ``packetfowardmiddleware``."""

    codespace = "packetfowardmiddleware"


class MetadataKeyNotFound(ForwardRefusal):
    """The memo lacks a key that forwarding needs."""

    code = 1
    reason = "metadata key not found in packet data"


class InvalidForwardMetadata(ForwardRefusal):
    """The memo asks to forward and is malformed, or asks for too many hops."""

    code = 2
    reason = "invalid forward metadata"
