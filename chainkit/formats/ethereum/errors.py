"""Why an Ethereum structure is refused. The text may change, codespace and code never do."""

from chainkit.primitives.errors import MalformedMessage, RuleBroken


class MalformedEthereum(MalformedMessage):
    """Bytes are no canonical encoding of the Ethereum structure that was asked for."""

    codespace = "ethereum"
    code = 2


class EthereumRuleBroken(RuleBroken):
    """A header, block or transaction breaks a rule."""

    codespace = "ethereum"
    code = 3


class WrongAddress(RuleBroken):
    """A text is no address, or its upper and lower case do not check (EIP-55)."""

    codespace = "ethereum"
    code = 4


class WrongParity(EthereumRuleBroken):
    """A signature's v or y parity is none that its transaction type has."""

    code = 5

    def __init__(self, *, value: int) -> None:
        super().__init__(f"signature parity {value} is not one of this transaction type")
        self.value = value


class HighS(EthereumRuleBroken):
    """A signature's s is above half the order: its malleable twin is the valid one (EIP-2)."""

    code = 6

    def __init__(self) -> None:
        super().__init__("signature has s above half the order of the curve")


class InvalidSignature(EthereumRuleBroken):
    """r or s is out of range, or no key makes the signature."""

    code = 7

    def __init__(self) -> None:
        super().__init__("no key gives this signature")


class UnknownTransactionType(MalformedEthereum):
    """A transaction or receipt of a type that these formats do not have."""

    code = 8

    def __init__(self, *, transaction_type: int) -> None:
        super().__init__(f"transaction type {transaction_type} is not known")
        self.transaction_type = transaction_type


class BodyMismatch(EthereumRuleBroken):
    """A block's body is not the one that its header commits to."""

    code = 9

    def __init__(self, *, field: str) -> None:
        super().__init__(f"the body does not have the header's {field}")
        self.field = field


class MalformedExtraData(MalformedEthereum):
    """A header's extra data is not Besu's for the consensus asked for."""

    code = 10


class MalformedSeal(MalformedExtraData):
    """A commit seal has another size than 65 bytes, or numbers that no signature has."""

    code = 11


class InvalidStateValue(MalformedEthereum):
    """What a proof shows for an account or a slot is no account or no word."""

    code = 12
