"""Why a QBFT message is refused, each rule with a class of its own."""

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.types import Address


class QbftRuleBroken(RuleBroken):
    """A message that no correct validator sends."""

    codespace = "qbft"
    code = 2


class MalformedQbftMessage(MalformedMessage):
    """Bytes are no QBFT message in its only encoding."""

    codespace = "qbft"
    code = 3


class UnknownAuthor(QbftRuleBroken):
    """The author is no validator of the height."""

    code = 4

    def __init__(self, *, author: Address) -> None:
        super().__init__(f"0x{author.hex()} is no validator of the height")
        self.author = author


class WrongProposer(QbftRuleBroken):
    """A proposal is not of its round's proposer."""

    code = 5

    def __init__(self, *, author: Address, proposer: Address) -> None:
        super().__init__(f"proposed by 0x{author.hex()}; it is the turn of 0x{proposer.hex()}")
        self.author = author
        self.proposer = proposer


class WrongBlock(QbftRuleBroken):
    """A proposed or prepared block is of another height, round or maker, or not that prepared."""

    code = 6


class UnexpectedJustification(QbftRuleBroken):
    """Round changes or prepares accompany a message that needs none."""

    code = 7


class TooFewRoundChanges(QbftRuleBroken):
    """A later round's proposal is not justified by a quorum of round changes."""

    code = 8


class InvalidRoundChange(QbftRuleBroken):
    """A round change is for another height or round, or prepared in a later one."""

    code = 9


class TooFewPrepares(QbftRuleBroken):
    """A prepared block is not proven by a quorum of prepares."""

    code = 10


class InvalidPrepare(QbftRuleBroken):
    """A prepare of a justification is for another height, round or digest."""

    code = 11


class DuplicateAuthor(QbftRuleBroken):
    """A justification counts an author twice."""

    code = 12

    def __init__(self, *, author: Address) -> None:
        super().__init__(f"0x{author.hex()} stands twice in the justification")
        self.author = author


class InconsistentPrepared(QbftRuleBroken):
    """Two round changes name different blocks prepared in one round."""

    code = 13


class ForeignSeal(QbftRuleBroken):
    """A commit's seal is not its author's over its digest."""

    code = 14


class SigningRefused(QbftRuleBroken):
    """The key was asked for an earlier step, or for something else in the same step."""

    code = 15


class VoteRefused(QbftRuleBroken):
    """A block's vote would leave no validator or too many, or its maker has too many open."""

    code = 16
