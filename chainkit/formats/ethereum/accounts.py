"""Accounts as the state trie keeps them, and EIP-1186's proofs of them and of their slots.

Spec:
    Yellow Paper, section 4.1; EIP-1186, ``eth_getProof``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chainkit.commitments.patricia_trie import EMPTY_ROOT, verify_secure_proof
from chainkit.formats.ethereum.errors import InvalidStateValue
from chainkit.formats.ethereum.fields import read_fields, read_hash, read_string, read_uint
from chainkit.formats.ethereum.limits import HASH_BYTES, UINT64_BYTES
from chainkit.formats.ethereum.types import EMPTY_CODE_HASH
from chainkit.primitives.types import Address, Hash32
from chainkit.wire.rlp import decode, decode_uint, encode, encode_uint

MAX_ACCOUNT_BYTES = 128
"""The longest has 8 + 32 + 32 + 32 bytes with their prefixes: 110."""

MAX_SLOT_BYTES = 33
ZERO_WORD = bytes(HASH_BYTES)


@dataclass(frozen=True, slots=True)
class Account:
    """What the state trie keeps under the hash of an address; ``balance`` in wei."""

    nonce: int = 0
    balance: int = 0
    storage_root: Hash32 = EMPTY_ROOT
    code_hash: Hash32 = EMPTY_CODE_HASH


def encode_account(account: Account) -> bytes:
    """Return the RLP that is the trie's value."""
    return encode(
        (
            encode_uint(account.nonce),
            encode_uint(account.balance),
            account.storage_root,
            account.code_hash,
        )
    )


def decode_account(data: bytes) -> Account:
    """Return the account that the trie's value is.

    Raises:
        MalformedRlp: It is no canonical RLP.
        MalformedEthereum: It has another shape.
    """
    item = decode(data, max_bytes=MAX_ACCOUNT_BYTES, max_items=5, max_depth=1)
    nonce, balance, storage_root, code_hash = read_fields(item, 4, "account")
    return Account(
        nonce=read_uint(nonce, "nonce", UINT64_BYTES),
        balance=read_uint(balance, "balance"),
        storage_root=read_hash(storage_root, "storage root"),
        code_hash=read_hash(code_hash, "code hash"),
    )


def encode_storage_word(word: bytes) -> bytes:
    """Return the trie's value of a 32-byte word above 0: its number in RLP."""
    assert len(word) == HASH_BYTES
    number = int.from_bytes(word, "big")
    assert number, "a zero word is kept by deleting its slot"
    return encode(encode_uint(number))


def decode_storage_word(data: bytes) -> bytes:
    """Return the 32-byte word that the trie's value is.

    Raises:
        MalformedRlp: It is no canonical RLP of a number of at most 32 bytes.
        InvalidStateValue: It is 0: such a slot is not in the trie.
    """
    item = decode(data, max_bytes=MAX_SLOT_BYTES, max_items=1, max_depth=0)
    number = decode_uint(read_string(item, "slot"), max_bytes=HASH_BYTES)
    if not number:
        raise InvalidStateValue("a slot with the word 0 is in the trie")
    return number.to_bytes(HASH_BYTES, "big")


def verify_account_proof(
    state_root: Hash32, address: Address, nodes: Sequence[bytes]
) -> Account | None:
    """Return the account of ``address`` under ``state_root``; None where it is proven absent.

    Args:
        state_root: Of the header.
        address: 20 bytes.
        nodes: ``accountProof``: the trie's nodes from the root on.

    Raises:
        InvalidTrieProof: The nodes prove neither; the subclass says why.
        MalformedMessage: What they prove is no account.
    """
    value = verify_secure_proof(state_root, address, nodes)
    return None if value is None else decode_account(value)


def verify_storage_proof(storage_root: Hash32, slot: bytes, nodes: Sequence[bytes]) -> bytes:
    """Return the 32-byte word of a slot; the zero word where it is proven absent.

    Args:
        storage_root: Of the account.
        slot: 32 bytes.
        nodes: ``storageProof[].proof``: the trie's nodes from the root on.

    Raises:
        InvalidTrieProof: The nodes prove neither; the subclass says why.
        MalformedMessage: What they prove is no word.
    """
    assert len(slot) == HASH_BYTES
    value = verify_secure_proof(storage_root, slot, nodes)
    return ZERO_WORD if value is None else decode_storage_word(value)
