"""The three kinds of failure.

* :class:`RuleBroken` - the other side broke a rule of the protocol: refuse, maybe punish.
* :class:`OperationFailed` - this machine or a peer could not do it: retry with back-off.
* ``AssertionError`` - a defect of ours: stop the node. Never caught below ``main``.
"""

from typing import ClassVar


class RuleBroken(Exception):
    """A message, block or transaction broke a rule.

    ``codespace`` and ``code`` enter the results hash of a block and therefore never
    change once released; the text may.
    """

    codespace: ClassVar[str] = "isthmus"
    code: ClassVar[int] = 1


class MalformedMessage(RuleBroken):
    """Bytes from outside do not decode to the value that was asked for."""

    codespace = "isthmus"
    code = 2


class OperationFailed(Exception):
    """This machine, a disk or a peer could not do what was asked; it may work later."""
