"""Refusals of Bitcoin's consensus rules, each with Bitcoin Core's reject reason."""

from chainkit.primitives.errors import MalformedMessage, RuleBroken


class BitcoinRuleBroken(RuleBroken):
    """A header, transaction or block broke a consensus rule.

    ``reason`` is the text that Bitcoin Core gives for it ("bad-txns-vin-empty", "high-hash").
    """

    codespace = "bitcoin"
    code = 2

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)


class MalformedBitcoin(MalformedMessage):
    """Bytes are no canonical encoding of the Bitcoin structure that was asked for."""

    codespace = "bitcoin"
    code = 3


class WrongAddress(RuleBroken):
    """A text is no address or key of the chain."""

    codespace = "bitcoin"
    code = 4


class WrongMerkleProof(RuleBroken):
    """A merkle branch or partial tree does not prove what it says."""

    codespace = "bitcoin"
    code = 5
