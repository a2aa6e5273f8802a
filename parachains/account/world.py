"""Accounts and storage as execution sees them: two stores of the overlay, with its savepoints.

What a transaction writes lies in the overlay until the block commits (``state.py`` then writes
the tries), so that going back is the overlay's matter for balances as for everything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chainkit.formats.ethereum.types import EMPTY_CODE_HASH
from chainkit.primitives.types import Address, Hash32
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, Overlay
from parachains.account.errors import InsufficientBalance

ACCOUNTS = "world/accounts"
"""Address to an encoded :class:`AccountState`."""

STORAGE = "world/storage"
"""Address and slot to a word; the word 0 is an absent key."""

ADDRESS_BYTES = 20
WORD_BYTES = 32
_NONCE_BYTES = 8
_BALANCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account without its storage; ``balance`` in wei."""

    nonce: int = 0
    balance: int = 0
    code_hash: Hash32 = EMPTY_CODE_HASH

    @property
    def is_empty(self) -> bool:
        """Whether the state keeps nothing of it (EIP-161)."""
        return not self.nonce and not self.balance and self.code_hash == EMPTY_CODE_HASH


EMPTY_ACCOUNT = AccountState()


def encode_account_state(account: AccountState) -> bytes:
    """Return the overlay's form: nonce in 8 bytes, balance and code hash in 32 each."""
    return (
        account.nonce.to_bytes(_NONCE_BYTES, "big")
        + account.balance.to_bytes(_BALANCE_BYTES, "big")
        + account.code_hash
    )


def decode_account_state(data: bytes) -> AccountState:
    """Return the account of the overlay's form, which only this module writes."""
    balance_end = _NONCE_BYTES + _BALANCE_BYTES
    return AccountState(
        int.from_bytes(data[:_NONCE_BYTES], "big"),
        int.from_bytes(data[_NONCE_BYTES:balance_end], "big"),
        Hash32(data[balance_end:]),
    )


class World:
    """Accounts and storage of one overlay; a view, all that changes is the overlay."""

    __slots__ = ("_accounts", "_storage")

    def __init__(self, overlay: Overlay) -> None:
        self._accounts: KVStore = overlay.store(ACCOUNTS)
        self._storage: KVStore = overlay.store(STORAGE)

    def account(self, address: Address) -> AccountState:
        """Return an account; the empty one where there is none."""
        data = self._accounts.get(address)
        return EMPTY_ACCOUNT if data is None else decode_account_state(data)

    def set_account(self, address: Address, account: AccountState) -> None:
        """Write an account; the empty one goes."""
        if account.is_empty:
            self._accounts.delete(address)
        else:
            self._accounts.set(address, encode_account_state(account))

    def balance(self, address: Address) -> int:
        """Return what an account holds, in wei."""
        return self.account(address).balance

    def add_balance(self, address: Address, amount: int) -> None:
        """Give an account ``amount``, or take it where it is negative.

        Raises:
            InsufficientBalance: The account holds less.
        """
        if not amount:
            return
        account = self.account(address)
        balance = account.balance + amount
        if balance < 0:
            raise InsufficientBalance(f"0x{address.hex()} lacks {-balance} wei")
        self.set_account(address, replace(account, balance=balance))

    def move(self, sender: Address, receiver: Address, amount: int) -> None:
        """Move wei.

        Raises:
            InsufficientBalance: The sender holds less.
        """
        self.add_balance(sender, -amount)
        self.add_balance(receiver, amount)

    def word(self, address: Address, slot: bytes) -> bytes:
        """Return the 32-byte word at a slot; zero where there is none."""
        return self._storage.get(address + slot) or bytes(WORD_BYTES)

    def set_word(self, address: Address, slot: bytes, word: bytes) -> None:
        """Write a word; zero removes it."""
        assert len(slot) == WORD_BYTES == len(word)
        if any(word):
            self._storage.set(address + slot, word)
        else:
            self._storage.delete(address + slot)


def world_of(ctx: Context) -> World:
    """Return the world that a context runs in."""
    return World(ctx.overlay)


Allocation = Mapping[Address, AccountState]
"""Accounts that genesis begins with."""
