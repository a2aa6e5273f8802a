"""Why the account chain refuses: go-ethereum's texts, which wallets and libraries look for.

A transaction that is refused before it runs leaves nothing. One that fails while it runs is in
the block with status 0, has paid its gas and moved its sender's nonce.
"""

from chainkit.primitives.errors import RuleBroken


class AccountError(RuleBroken):
    """A refusal of this chain; ``rpc_code`` is what JSON-RPC clients know it by."""

    codespace = "account"
    code = 1
    rpc_code = -32000


class TransactionRefused(AccountError):
    """A transaction that no block can hold as things are."""

    code = 2


class WrongChain(TransactionRefused):
    """The transaction is signed for another chain."""

    code = 3


class ReplayUnprotected(TransactionRefused):
    """The transaction names no chain, so any chain could replay it (EIP-155)."""

    code = 4


class InvalidSender(TransactionRefused):
    """The signature gives no sender."""

    code = 5


class NonceTooLow(TransactionRefused):
    """The sender's transaction with this nonce is in a block already."""

    code = 6


class NonceTooHigh(TransactionRefused):
    """Transactions of the sender are missing before this one."""

    code = 7


class NonceAtMaximum(TransactionRefused):
    """No nonce follows this one (EIP-2681)."""

    code = 8


class IntrinsicGasTooLow(TransactionRefused):
    """The gas limit does not pay for the transaction's own bytes."""

    code = 9


class ExceedsBlockGasLimit(TransactionRefused):
    """No block is large enough for the gas limit."""

    code = 10


class GasLimitReached(TransactionRefused):
    """What is left of this block is too little for the gas limit; a later one may hold it."""

    code = 11


class TipAboveFeeCap(TransactionRefused):
    """The priority fee is above the whole fee (EIP-1559)."""

    code = 12


class FeeCapTooLow(TransactionRefused):
    """The most that the sender pays is below the base fee."""

    code = 13


class InsufficientFunds(TransactionRefused):
    """The sender cannot pay for the gas limit and the value."""

    code = 14


class CreationUnsupported(TransactionRefused):
    """There is no virtual machine, so no transaction creates a contract."""

    code = 15


class SenderNotUser(TransactionRefused):
    """The sender's address holds a contract (EIP-3607)."""

    code = 16


class Underpriced(TransactionRefused):
    """The pool takes no transaction so cheap."""

    code = 17


class ReplacementUnderpriced(TransactionRefused):
    """A transaction with this nonce waits, and this one pays too little more."""

    code = 18


class AlreadyKnown(TransactionRefused):
    """The pool has this very transaction."""

    code = 19


class PoolFull(TransactionRefused):
    """The pool is full of transactions that pay more."""

    code = 20


class BlockRefused(AccountError):
    """A block breaks a rule; ``rule`` names the header's field or the transaction."""

    code = 21

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"invalid block, {rule}: {detail}")
        self.rule = rule


class Reverted(AccountError):
    """A contract refused; ``data`` is the ABI's ``Error(string)``, or another contract's words."""

    code = 22
    rpc_code = 3

    def __init__(self, reason: str, data: bytes) -> None:
        super().__init__(f"execution reverted: {reason}" if reason else "execution reverted")
        self.reason = reason
        self.data = data


class MalformedCall(AccountError):
    """Call data are not the ABI's only encoding of a method and its arguments."""

    code = 23


class StatePruned(AccountError):
    """This node does not keep the state that was asked for."""

    code = 24


class InsufficientBalance(AccountError):
    """An account holds less than it should give."""

    code = 25


class InvalidRpcParams(AccountError):
    """A request's parameters are not of the method's form."""

    code = 26
    rpc_code = -32602


class RpcLimitExceeded(AccountError):
    """A request asks for more than a node answers at once."""

    code = 27
    rpc_code = -32005


class UnknownRpcMethod(AccountError):
    """There is no such method."""

    code = 28
    rpc_code = -32601
