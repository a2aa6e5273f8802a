"""The committed state: accounts and their storage in Patricia tries, one root a block.

A block runs on an overlay (``overlay``); ``prepare`` turns what it wrote into a root and the
database's writes without changing anything, and the chain writes those with the block, in one
piece. Blocks are final when they are written, so the newest state only moves on; earlier ones
stay readable as far as ``keep_states`` says.

The stores of the native contracts are in the tries too: a store has a system account, the slot
of a key is ``keccak256(key)`` and its word ``keccak256(value)``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from chainkit.commitments.database import KeyValueDatabase
from chainkit.commitments.patricia_trie import EMPTY_ROOT, SecureTrie
from chainkit.formats.ethereum.accounts import (
    Account,
    decode_account,
    decode_storage_word,
    encode_account,
    encode_storage_word,
)
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, Hash32
from chainkit.runtime.store import MemoryStore, Overlay, ReadStore
from parachains.account.errors import StatePruned
from parachains.account.flat import FlatStore, flat_writes, forget_undo, height_key, take_back
from parachains.account.nodes import (
    STATE_OWNER,
    OwnedNodes,
    forgotten_nodes,
    pruned_nodes,
    stale_record,
)
from parachains.account.world import (
    ACCOUNTS,
    ADDRESS_BYTES,
    STORAGE,
    WORD_BYTES,
    AccountState,
    decode_account_state,
    encode_account_state,
)

_ROOT = b"s/"
_NEWEST = b"newest-state"
_NO_STATE = -1
Changes = Mapping[str, Mapping[bytes, bytes | None]]


def storage_slot(key: bytes) -> Hash32:
    """Return the slot of a key of a native contract's store."""
    return keccak256(key)


def storage_word(value: bytes) -> Hash32:
    """Return the word that stands for a value of a native contract's store."""
    return keccak256(value)


@dataclass(frozen=True, slots=True)
class PreparedState:
    """A state that is not committed yet."""

    height: int
    root: Hash32
    writes: Mapping[bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class StorageProof:
    """A slot with its word (zero: absent) and the nodes that prove it."""

    slot: bytes
    word: bytes
    nodes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AccountProof:
    """What EIP-1186 tells of an account."""

    account: Account
    nodes: tuple[bytes, ...]
    storage: tuple[StorageProof, ...]


class StateDatabase:
    """The states of one node; mutable: :meth:`committed` moves it to the next."""

    def __init__(
        self,
        database: KeyValueDatabase,
        *,
        keep_states: int,
        store_accounts: Mapping[str, Address],
    ) -> None:
        """Open what the database holds.

        Args:
            database: Where the state is.
            keep_states: Recent states that stay readable; 0 keeps all.
            store_accounts: The system account of each native contract's store.
        """
        assert keep_states >= 0
        self._database = database
        self._keep = keep_states
        self.store_accounts = dict(store_accounts)
        newest = database.get(_NEWEST)
        self.height = _NO_STATE if newest is None else int.from_bytes(newest, "big")
        self.root = EMPTY_ROOT if newest is None else self.root_at(self.height)

    def earliest(self) -> int:
        """Return the first height whose state can be read."""
        return max(0, self.height - self._keep + 1) if self._keep else 0

    def root_at(self, height: int) -> Hash32:
        """Return the root of a kept state.

        Raises:
            StatePruned: It is not kept, or not there yet.
        """
        root = self._database.get(height_key(_ROOT, height)) if height >= 0 else None
        if root is None:
            raise StatePruned(f"the state of block {height} is not kept here")
        return Hash32(root)

    def overlay(self) -> Overlay:
        """Return the newest state, to run on."""
        return Overlay(self._base(self.root, lambda name: FlatStore(self._database, name)))

    def overlay_at(self, height: int) -> Overlay:
        """Return a kept state, to read or to try on.

        Raises:
            StatePruned: It is not kept.
        """
        root = self.root_at(height)
        if height == self.height:
            return self.overlay()
        older = Overlay(lambda name: FlatStore(self._database, name))
        take_back(self._database, older, newest=self.height, wanted=height)
        return Overlay(self._base(root, older.store))

    def _base(self, root: Hash32, flat: Callable[[str], ReadStore]) -> Callable[[str], ReadStore]:
        def store(name: str) -> ReadStore:
            if name == ACCOUNTS:
                return _account_reader(self._database, root)
            if name == STORAGE:
                return _storage_reader(self._database, root)
            return flat(name) if name in self.store_accounts else MemoryStore()

        return store

    def prepare(self, overlay: Overlay) -> PreparedState:
        """Return the root and the writes of the next height; nothing changes."""
        height = self.height + 1
        changes = {
            name: changed
            for name, changed in overlay.changes().items()
            if name in self.store_accounts or name in {ACCOUNTS, STORAGE}
        }
        accounts = changes.pop(ACCOUNTS, {})
        words = self._words(changes, changes.pop(STORAGE, {}))
        state_nodes = OwnedNodes(self._database, STATE_OWNER)
        state = SecureTrie(state_nodes, self.root)
        writes: dict[bytes, bytes | None] = {}
        stale: dict[Address, list[bytes]] = {}
        for address in sorted({*accounts, *words}):
            old = _read_account(state, address)
            storage_root = old.storage_root
            if address in words:
                nodes = OwnedNodes(self._database, Address(address))
                storage_root = _update_storage(nodes, storage_root, words[address])
                writes.update(nodes.records(height))
                stale[Address(address)] = nodes.stale(storage_root)
            _write_account(state, address, old, accounts.get(address, b""), storage_root)
        root = state.commit()
        writes.update(state_nodes.records(height))
        stale[STATE_OWNER] = state_nodes.stale(root)
        if self._keep != 1:
            writes.update(stale_record(height, stale))
        writes.update(flat_writes(self._database, changes, height))
        writes[height_key(_ROOT, height)] = root
        writes[_NEWEST] = height.to_bytes(8, "big")
        # What this block writes again stays, whatever an earlier list says of it.
        writes = self._pruning(height, stale) | writes
        if self._keep == 1:
            writes.update(forget_undo(height))
        return PreparedState(height, root, writes)

    def _words(
        self, stores: Changes, storage: Mapping[bytes, bytes | None]
    ) -> dict[bytes, dict[bytes, bytes | None]]:
        """Return the changed words by account: contracts' own, and those that stand for values."""
        words: dict[bytes, dict[bytes, bytes | None]] = {}
        for key, word in storage.items():
            words.setdefault(key[:ADDRESS_BYTES], {})[key[ADDRESS_BYTES:]] = word
        for name, changed in stores.items():
            slots = words.setdefault(self.store_accounts[name], {})
            for key, value in changed.items():
                slots[storage_slot(key)] = None if value is None else storage_word(value)
        return words

    def _pruning(
        self, height: int, stale: Mapping[Address, list[bytes]]
    ) -> dict[bytes, bytes | None]:
        """Return the writes that give up the state which ``height`` pushes out.

        Where one state is kept, that is the parent's, and what goes is ``stale``.
        """
        oldest = height - self._keep + 1
        if not self._keep or oldest < 1:
            return {}
        given_up = {height_key(_ROOT, oldest - 1): None}
        if oldest == height:
            gone = forgotten_nodes(self._database, oldest, stale)
        else:
            gone = pruned_nodes(self._database, oldest)
        return gone | forget_undo(oldest) | given_up

    def committed(self, prepared: PreparedState) -> None:
        """Move on: the chain has written ``prepared.writes``."""
        assert prepared.height == self.height + 1
        self.height = prepared.height
        self.root = prepared.root

    def prove(self, height: int, address: Address, slots: tuple[bytes, ...]) -> AccountProof:
        """Return an account and slots of it at a height, with their proofs (EIP-1186).

        Raises:
            StatePruned: The state is not kept.
        """
        state = SecureTrie(OwnedNodes(self._database, STATE_OWNER), self.root_at(height))
        account = _read_account(state, address)
        storage = SecureTrie(OwnedNodes(self._database, address), account.storage_root)
        return AccountProof(
            account,
            state.prove(address),
            tuple(
                StorageProof(slot, _read_word(storage, slot), storage.prove(slot)) for slot in slots
            ),
        )


def _read_account(state: SecureTrie, address: bytes) -> Account:
    data = state.get(address)
    return Account() if data is None else decode_account(data)


def _read_word(storage: SecureTrie, slot: bytes) -> bytes:
    data = storage.get(slot)
    return bytes(WORD_BYTES) if data is None else decode_storage_word(data)


def _update_storage(nodes: OwnedNodes, root: Hash32, words: Mapping[bytes, bytes | None]) -> Hash32:
    storage = SecureTrie(nodes, root)
    for slot, word in sorted(words.items()):
        if word is None:
            storage.delete(slot)
        else:
            storage.put(slot, encode_storage_word(word))
    return storage.commit()


def _write_account(
    state: SecureTrie, address: bytes, old: Account, changed: bytes | None, storage_root: Hash32
) -> None:
    """Write an account; ``changed`` is empty where only its storage did, None where it goes."""
    if changed is None:
        assert storage_root == EMPTY_ROOT, "an account with storage cannot go"
        state.delete(address)
        return
    new = (
        decode_account_state(changed)
        if changed
        else AccountState(old.nonce, old.balance, old.code_hash)
    )
    account = Account(new.nonce, new.balance, storage_root, new.code_hash)
    if account != old:
        state.put(address, encode_account(account))


class _TrieReader:
    """A store whose keys are hashed in a trie; mutable: it remembers what it read."""

    __slots__ = ("_cache", "_read")

    def __init__(self, read: Callable[[bytes], bytes | None]) -> None:
        self._read = read
        self._cache: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the value at ``key``, or None."""
        if key not in self._cache:
            self._cache[key] = self._read(key)
        return self._cache[key]

    def iterate(
        self,
        start: bytes,  # noqa: ARG002 - the port's signature, as below
        end: bytes | None,  # noqa: ARG002
        *,
        reverse: bool = False,  # noqa: ARG002
    ) -> Iterator[tuple[bytes, bytes]]:
        """Refuse: keys of these tries are hashed."""
        raise AssertionError("accounts and words have no order")


def _account_reader(database: KeyValueDatabase, root: Hash32) -> _TrieReader:
    """Return the store of accounts under a state root."""
    state = SecureTrie(OwnedNodes(database, STATE_OWNER), root)

    def read(address: bytes) -> bytes | None:
        data = state.get(address)
        if data is None:
            return None
        account = decode_account(data)
        return encode_account_state(AccountState(account.nonce, account.balance, account.code_hash))

    return _TrieReader(read)


def _storage_reader(database: KeyValueDatabase, root: Hash32) -> _TrieReader:
    """Return the store of words under a state root."""
    state = SecureTrie(OwnedNodes(database, STATE_OWNER), root)
    storages: dict[bytes, SecureTrie] = {}

    def read(key: bytes) -> bytes | None:
        owner = key[:ADDRESS_BYTES]
        if owner not in storages:
            account = _read_account(state, owner)
            nodes = OwnedNodes(database, Address(owner))
            storages[owner] = SecureTrie(nodes, account.storage_root)
        word = _read_word(storages[owner], key[ADDRESS_BYTES:])
        return word if any(word) else None

    return _TrieReader(read)
