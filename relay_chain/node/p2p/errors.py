"""What a peer can do wrong below the reactors. Each ends the connection."""

from chainkit.primitives.errors import OperationFailed, RuleBroken


class PeerError(RuleBroken):
    """The other side of a connection broke a rule of the p2p protocol."""

    codespace = "p2p"


class MalformedFrame(PeerError):
    """A frame, packet or handshake message does not decode."""

    code = 2


class LowOrderPoint(PeerError):
    """The peer's ephemeral key has low order: the shared secret would be known to anybody."""

    code = 3

    def __init__(self) -> None:
        super().__init__("ephemeral key has low order")


class ReflectedKey(PeerError):
    """The peer sent our own ephemeral key back."""

    code = 4

    def __init__(self) -> None:
        super().__init__("ephemeral key is our own")


class FrameNotAuthentic(PeerError):
    """A frame does not open under the key and the expected nonce."""

    code = 5

    def __init__(self, *, nonce: int) -> None:
        super().__init__(f"frame {nonce} is not authentic")
        self.nonce = nonce


class ChallengeNotSigned(PeerError):
    """The peer did not sign the transcript with the key it named."""

    code = 6

    def __init__(self) -> None:
        super().__init__("challenge is not signed by the key it names")


class NonceExhausted(PeerError):
    """2**64 frames were used under one key; another would repeat a nonce."""

    code = 7

    def __init__(self) -> None:
        super().__init__("no nonce is left under this key")


class UnknownChannel(PeerError):
    """A packet names a channel that no reactor here serves."""

    code = 8

    def __init__(self, *, channel_id: int) -> None:
        super().__init__(f"channel {channel_id:#x} is unknown")
        self.channel_id = channel_id


class MessageTooLong(PeerError):
    """The packets of one message exceed what its channel allows."""

    code = 9

    def __init__(self, *, channel_id: int, size: int, limit: int) -> None:
        super().__init__(
            f"message of {size} bytes or more on channel {channel_id:#x}, over {limit}"
        )
        self.channel_id = channel_id
        self.size = size
        self.limit = limit


class PongOverdue(PeerError):
    """The peer did not answer a ping in time."""

    code = 10

    def __init__(self) -> None:
        super().__init__("pong is overdue")


class InvalidNodeInfo(PeerError):
    """The peer's description of itself breaks a rule (CometBFT p2p, ``Validate``)."""

    code = 11


class IncompatiblePeer(PeerError):
    """The peer is of another network or block version, or shares no channel."""

    code = 12


class WrongPeer(PeerError):
    """The peer's key is not the one that was dialled or that it reports."""

    code = 13

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(f"expected peer {expected}, this is {actual}")
        self.expected = expected
        self.actual = actual


class SelfConnection(PeerError):
    """The other side is this very node."""

    code = 14

    def __init__(self) -> None:
        super().__init__("connected to itself")


class DuplicatePeer(PeerError):
    """A peer with this id is connected already."""

    code = 15

    def __init__(self, *, peer_id: str) -> None:
        super().__init__(f"peer {peer_id} is connected already")
        self.peer_id = peer_id


class BannedPeer(PeerError):
    """The peer broke a rule a short while ago."""

    code = 16

    def __init__(self, *, peer_id: str) -> None:
        super().__init__(f"peer {peer_id} is banned for now")
        self.peer_id = peer_id


class TooManyPeers(PeerError):
    """All inbound places are taken."""

    code = 17

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"all {limit} inbound places are taken")
        self.limit = limit


class ConnectionLost(OperationFailed):
    """The connection ended or the peer does not read; trying again later may work."""
