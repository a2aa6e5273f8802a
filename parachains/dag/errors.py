"""Why the DAG chain refuses a block, or a transaction in one."""

from chainkit.primitives.errors import MalformedMessage, OperationFailed, RuleBroken


class MalformedDag(MalformedMessage):
    """Bytes are no canonical transaction or block body."""

    codespace = "dag"
    code = 2


class InvalidBody(RuleBroken):
    """A block's body is not the header's, holds too much, or a signature in it is wrong."""

    codespace = "dag"
    code = 3


class InvalidState(RuleBroken):
    """A block's header names another state or other accepted transactions than its past gives."""

    codespace = "dag"
    code = 4


class NotAccepted(RuleBroken):
    """A transaction in a merged block takes no effect: it has another sequence than its account."""

    codespace = "dag"
    code = 5


class WrongSigner(RuleBroken):
    """A message wants another signer than the transaction has."""

    codespace = "dag"
    code = 6


class TooDeepReorganisation(RuleBroken):
    """A heavier chain forks below what this node can undo."""

    codespace = "dag"
    code = 7


class TransactionRefused(RuleBroken):
    """The mempool does not take a transaction; a block may still hold it."""

    codespace = "dag"
    code = 8


class WrongSignature(RuleBroken):
    """A transaction is not signed by its key."""

    codespace = "dag"
    code = 9


class PeerBrokeRule(RuleBroken):
    """A peer must be dropped."""

    codespace = "dag"
    code = 10


class BodyPruned(OperationFailed):
    """A block's transactions are kept no more: it is below the pruning point."""
