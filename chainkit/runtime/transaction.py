"""Transactions as the Cosmos SDK signs them (``TxRaw``, SIGN_MODE_DIRECT, secp256k1)."""

from dataclasses import dataclass

from chainkit.primitives.amounts import Coin
from chainkit.primitives.limits import MAX_MESSAGES_IN_TX
from chainkit.runtime.errors import InvalidRequest, NoSignatures, Unauthorized

SIGN_MODE_DIRECT = 1
MAX_SIGNATURES = 7
"""SDK auth ``TxSigLimit``."""

MAX_GAS_LIMIT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AnyMessage:
    """A message that is still bytes, and the type they are of."""

    type_url: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Fee:
    """What is paid for how much gas; empty ``payer`` is the first signer."""

    amount: tuple[Coin, ...]
    gas_limit: int
    payer: str = ""
    granter: str = ""


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """A signer's key (empty if the account has it already), mode and sequence."""

    public_key: bytes
    mode: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """A decoded transaction; ``body_bytes`` and ``auth_info_bytes`` are what was signed."""

    body_bytes: bytes
    auth_info_bytes: bytes
    signatures: tuple[bytes, ...]
    messages: tuple[AnyMessage, ...]
    memo: str
    timeout_height: int
    signer_infos: tuple[SignerInfo, ...]
    fee: Fee
    size: int


def validate_basic(tx: Transaction) -> None:
    """Check what needs no state (SDK ``Tx.ValidateBasic``).

    Raises:
        InvalidRequest: No message, too many, or an impossible gas limit.
        NoSignatures: It is not signed.
        Unauthorized: Signatures and signer infos differ in number.
    """
    if not 0 < len(tx.messages) <= MAX_MESSAGES_IN_TX:
        raise InvalidRequest(f"transaction has {len(tx.messages)} messages")
    if tx.fee.gas_limit > MAX_GAS_LIMIT:
        raise InvalidRequest(f"invalid gas supplied; {tx.fee.gas_limit} > {MAX_GAS_LIMIT}")
    if not tx.signatures:
        raise NoSignatures
    if not len(tx.signatures) == len(tx.signer_infos) <= MAX_SIGNATURES:
        raise Unauthorized(
            f"wrong number of signers; expected {len(tx.signer_infos)}, got {len(tx.signatures)}"
        )
