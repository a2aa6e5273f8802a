"""Refusals of the rules of a header and of its place in the DAG."""

from chainkit.primitives.errors import MalformedMessage, RuleBroken


class MalformedHeader(MalformedMessage):
    """Bytes are no canonical encoding of a header."""

    codespace = "ghostdag"
    code = 2


class GhostdagRuleBroken(RuleBroken):
    """A header breaks a rule; the subclass names it."""

    codespace = "ghostdag"
    code = 3


class WrongVersion(GhostdagRuleBroken):
    """The header's version is another than the chain's."""

    code = 4


class WrongParents(GhostdagRuleBroken):
    """No parents, too many, one twice, or other levels than the chain has."""

    code = 5


class UnknownParent(GhostdagRuleBroken):
    """A parent is not known here."""

    code = 6


class RedundantParent(GhostdagRuleBroken):
    """A parent is an ancestor of another one."""

    code = 7


class WrongBits(GhostdagRuleBroken):
    """The difficulty is not the window's, is no target, or is easier than the limit."""

    code = 8


class TooLittleWork(GhostdagRuleBroken):
    """The header's hash is above its target."""

    code = 9


class TimeTooOld(GhostdagRuleBroken):
    """The header's time is not after the past median time."""

    code = 10


class TimeTooNew(GhostdagRuleBroken):
    """The header's time is too far ahead of the verifier's clock."""

    code = 11


class WrongBlueScore(GhostdagRuleBroken):
    """The header's blue score is not that of the order."""

    code = 12


class WrongBlueWork(GhostdagRuleBroken):
    """The header's blue work is not that of the order."""

    code = 13


class WrongDaaScore(GhostdagRuleBroken):
    """The header's DAA score is not that of the order."""

    code = 14


class MergeSetTooBig(GhostdagRuleBroken):
    """The header merges more blocks than the chain allows."""

    code = 15


class MergedTooDeep(GhostdagRuleBroken):
    """The header merges a red block from below the merge depth."""

    code = 16


class WrongPruningPoint(GhostdagRuleBroken):
    """The header names another pruning point than the rule gives."""

    code = 17


class BelowWindow(GhostdagRuleBroken):
    """The header can only be judged by blocks that are kept no more."""

    code = 18


class WrongGenesis(GhostdagRuleBroken):
    """A first header has parents, or work or scores before there is any."""

    code = 19
