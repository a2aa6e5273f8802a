"""A QBFT chain by hand: headers, their seals, a state with an IBC account."""

from dataclasses import replace

from chainkit.commitments.patricia_trie import MemoryNodeStore, SecureTrie
from chainkit.formats.ethereum.accounts import Account, encode_account, encode_storage_word
from chainkit.formats.ethereum.qbft import (
    QBFT_MIX_HASH,
    QbftExtraData,
    decode_extra_data,
    encode_extra_data,
    make_seal,
    seal_hash,
    with_extra_data,
)
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.types import EMPTY_BLOOM, EMPTY_OMMERS_HASH, ZERO_NONCE, Header
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, Hash32

IBC = Address((0x1BC0).to_bytes(20, "big"))
BEGINNING = 1_700_000_000
_SOME = Hash32(bytes(range(32)))


def key(number: int) -> bytes:
    """Return a validator's private key."""
    return keccak256(b"validator %d" % number)


def validators(*numbers: int) -> tuple[Address, ...]:
    """Return the set of some validators, ascending."""
    return tuple(sorted(address_of(key(number)) for number in numbers))


FOUR = (0, 1, 2, 3)


def header(
    number: int,
    members: tuple[int, ...] = FOUR,
    state_root: Hash32 = _SOME,
    seconds: int | None = None,
    round_: int = 0,
    gas_used: int = 0,
) -> Header:
    """Return a header without seals, made by the first of its set."""
    extra = QbftExtraData(bytes(32), validators(*members), None, round_, ())
    return Header(
        parent_hash=_SOME,
        ommers_hash=EMPTY_OMMERS_HASH,
        beneficiary=address_of(key(members[0])),
        state_root=state_root,
        transactions_root=_SOME,
        receipts_root=_SOME,
        logs_bloom=EMPTY_BLOOM,
        difficulty=1,
        number=number,
        gas_limit=30_000_000,
        gas_used=gas_used,
        timestamp=BEGINNING + number if seconds is None else seconds,
        extra_data=encode_extra_data(extra),
        mix_hash=QBFT_MIX_HASH,
        nonce=ZERO_NONCE,
        base_fee_per_gas=7,
    )


def sealed(unsealed: Header, sealers: tuple[int, ...] = FOUR) -> Header:
    """Return the header with the seals of some validators, in that order."""
    digest = seal_hash(unsealed)
    extra = decode_extra_data(unsealed.extra_data)
    seals = tuple(make_seal(key(number), digest) for number in sealers)
    return with_extra_data(unsealed, replace(extra, seals=seals))


class State:
    """A state with some accounts, and IBC's storage of some values by key."""

    def __init__(
        self, values: dict[bytes, bytes], *, with_account: bool = True, accounts: int = 40
    ) -> None:
        self.storage = SecureTrie(MemoryNodeStore())
        for path, value in values.items():
            self.storage.put(keccak256(path), encode_storage_word(keccak256(value)))
        self.accounts = SecureTrie(MemoryNodeStore())
        for number in range(accounts):
            account = Account(nonce=number, balance=10**18)
            self.accounts.put(address_of(key(number)), encode_account(account))
        if with_account:
            contract = Account(nonce=1, storage_root=self.storage.root())
            self.accounts.put(IBC, encode_account(contract))

    @property
    def root(self) -> Hash32:
        """The state root."""
        return self.accounts.root()

    def prove(self, path: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Return account and storage nodes for a key."""
        nodes = self.accounts.prove(IBC), self.storage.prove(keccak256(path))
        return tuple(nodes[0]), tuple(nodes[1])
