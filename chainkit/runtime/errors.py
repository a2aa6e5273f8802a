"""The Cosmos SDK's root errors that transactions and queries are refused with.

Codes are those of ``cosmossdk.io/errors`` under the codespace ``sdk``: wallets and relayers
act on them, so they never change.
"""

from chainkit.primitives.errors import OperationFailed, RuleBroken

CODESPACE = "sdk"


class SdkError(RuleBroken):
    """A refusal under the codespace ``sdk``; ``reason`` is what the SDK calls the error."""

    codespace = CODESPACE
    reason = "internal"

    def __init__(self, detail: str = "") -> None:
        super().__init__(f"{detail}: {self.reason}" if detail else self.reason)
        self.detail = detail


class TxDecodeFailed(SdkError):
    """The transaction's bytes are not a transaction."""

    code = 2
    reason = "tx parse error"


class Unauthorized(SdkError):
    """The signer may not do this, or the signature does not verify."""

    code = 4
    reason = "unauthorized"


class InsufficientFunds(SdkError):
    """An account holds less than it would have to pay."""

    code = 5
    reason = "insufficient funds"


class UnknownRequest(SdkError):
    """No module answers this message type or query path."""

    code = 6
    reason = "unknown request"


class InvalidAddress(SdkError):
    """A text is not an address of this chain."""

    code = 7
    reason = "invalid address"


class InvalidPublicKey(SdkError):
    """A public key is malformed or not the account's."""

    code = 8
    reason = "invalid pubkey"


class UnknownAddress(SdkError):
    """There is no such account."""

    code = 9
    reason = "unknown address"


class InvalidCoins(SdkError):
    """Coins are not sorted, positive and distinct."""

    code = 10
    reason = "invalid coins"


class OutOfGas(SdkError):
    """The transaction used more gas than it paid for."""

    code = 11
    reason = "out of gas"


class MemoTooLarge(SdkError):
    """The memo is longer than the chain allows."""

    code = 12
    reason = "memo too large"


class InsufficientFee(SdkError):
    """The fee is below the node's minimum for the gas asked."""

    code = 13
    reason = "insufficient fee"


class NoSignatures(SdkError):
    """The transaction carries no signature."""

    code = 15
    reason = "no signatures supplied"


class InvalidRequest(SdkError):
    """A message or query is well-formed but senseless."""

    code = 18
    reason = "invalid request"


class SimulationRefused(InvalidRequest):
    """A simulated transaction would be refused; the text says why, and after how much gas."""


class TxInMempoolCache(SdkError):
    """The node has this transaction already."""

    code = 19
    reason = "tx already in mempool"


class MempoolIsFull(SdkError):
    """The node takes no more transactions now."""

    code = 20
    reason = "mempool is full"


class TxTooLarge(SdkError):
    """The transaction is over the size limit."""

    code = 21
    reason = "tx too large"


class KeyNotFound(SdkError):
    """There is no such key or record."""

    code = 22
    reason = "key not found"


class InvalidHeight(SdkError):
    """The height asked is not kept, not reached, or cannot be proven."""

    code = 26
    reason = "invalid height"


class TxTimeoutHeight(SdkError):
    """The transaction's timeout height has passed."""

    code = 30
    reason = "tx timeout height"


class UnknownExtensionOptions(SdkError):
    """The transaction carries an extension option that this chain does not know."""

    code = 31
    reason = "unknown extension options"


class WrongSequence(SdkError):
    """The signature is for another account sequence."""

    code = 32
    reason = "incorrect account sequence"


class UnpackAnyFailed(SdkError):
    """An ``Any`` holds no type that this chain knows, or bytes that are not that type."""

    code = 34
    reason = "failed unpacking protobuf message from Any"


class NotSupported(SdkError):
    """The feature exists in the protocol and is not offered by this chain."""

    code = 37
    reason = "feature not supported"


class NotFound(SdkError):
    """The thing asked for does not exist."""

    code = 38
    reason = "not found"


class InvalidGasLimit(SdkError):
    """The gas limit is over what a block may use."""

    code = 41
    reason = "invalid gas limit"


class UpgradeNeeded(OperationFailed):
    """The next block is executed only by a program that has the upgrade; the chain stands."""

    def __init__(self, *, name: str, height: int, info: str = "") -> None:
        more = f" ({info})" if info else ""
        super().__init__(
            f"upgrade {name} is due at height {height}{more}: "
            "start a program that has it and says so under upgrades in app.toml"
        )
        self.name = name
        self.height = height
