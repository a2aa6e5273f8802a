"""What a signer, or a node that asks one, can do wrong. Each ends the connection."""

from chainkit.primitives.errors import OperationFailed, RuleBroken


class SignerError(RuleBroken):
    """The other side of a signer's connection broke a rule."""

    codespace = "signer"


class UnexpectedMessage(SignerError):
    """An answer of another kind than was asked for, or a question to the one who asks."""

    code = 2

    def __init__(self, *, expected: str, actual: str) -> None:
        super().__init__(f"expected {expected}, got {actual}")
        self.expected = expected
        self.actual = actual


class OtherKey(SignerError):
    """The signer holds another key than this node votes with."""

    code = 3

    def __init__(self, *, expected: bytes, actual: bytes) -> None:
        super().__init__(f"signer holds key {actual.hex()}, this node votes with {expected.hex()}")
        self.expected = expected
        self.actual = actual


class OtherMessageSigned(SignerError):
    """What came back differs from what was sent in more than time and signature."""

    code = 4

    def __init__(self, *, asked: str) -> None:
        super().__init__(f"signer answered {asked} with another message")
        self.asked = asked


class WrongSignature(SignerError):
    """What came back is not signed by the key."""

    code = 5

    def __init__(self, *, asked: str) -> None:
        super().__init__(f"signer's signature of {asked} does not verify")
        self.asked = asked


class SignerSilent(OperationFailed):
    """The signer did not answer in time, or did not come."""


class SignerRefused(OperationFailed):
    """The signer answered with an error."""

    def __init__(self, *, code: int, description: str) -> None:
        super().__init__(f"signer refused: {description} (code {code})")
        self.code = code
        self.description = description
