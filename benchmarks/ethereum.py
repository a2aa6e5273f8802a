"""Ethereum's formats against the Python libraries of Ethereum, all with this project's Keccak.

The peers are rlp, py-trie (published as "trie") and eth-account. py-trie hashes with our
Keccak-256 in this run, so that the ratio is of the tries and not of the hashes; eth-account
keeps its own. Peers prove and verify over decoded nodes, as they take them; ours are bytes.
Processor time, each figure the best of three.
"""

import os
import time
from collections.abc import Callable

import rlp as peer_rlp
import trie.hexary
from eth_account import Account as PeerAccount
from trie import HexaryTrie

from benchmarks.report import Row
from chainkit.commitments.patricia_trie import (
    MemoryNodeStore,
    SecureTrie,
    Trie,
    ordered_root,
    verify_proof,
)
from chainkit.formats.ethereum import qbft
from chainkit.formats.ethereum.accounts import (
    Account,
    encode_account,
    encode_storage_word,
    verify_account_proof,
    verify_storage_proof,
)
from chainkit.formats.ethereum.bft_extra_data import QbftExtraData
from chainkit.formats.ethereum.headers import decode_header, encode_header
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.transactions import (
    decode_transaction,
    encode_transaction,
    sender,
    sign_transaction,
)
from chainkit.formats.ethereum.types import (
    EMPTY_BLOOM,
    EMPTY_OMMERS_HASH,
    ZERO_ADDRESS,
    ZERO_NONCE,
    DynamicFeeTransaction,
    Header,
)
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Hash32
from chainkit.wire import rlp

KEYS = 2_000
HEADERS = 300
TRANSACTIONS = 200
PROOFS = 300
REPEATS = 3
VALIDATORS = 4
VALUE_BYTES = 70
"""About an account."""


def measure(
    keys: int = KEYS,
    headers: int = HEADERS,
    transactions: int = TRANSACTIONS,
    proofs: int = PROOFS,
) -> list[Row]:
    """Return rows for RLP, the trie, its proofs, transactions and sealed headers."""
    own = trie.hexary.keccak
    trie.hexary.keccak = keccak256
    try:
        return [
            *_rlp(keys),
            *_trie(keys),
            *_proofs(keys, proofs),
            *_state_proofs(keys, proofs),
            *_transactions(transactions),
            *_headers(headers),
        ]
    finally:
        trie.hexary.keccak = own


def _best(task: Callable[[], object]) -> float:
    """Return the least processor time of three runs, in seconds."""
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        task()
        times.append(time.process_time() - began)
    return min(times)


def _compared(
    name: str, unit: str, count: int, peer: str, ours: Callable[[], object],
    theirs: Callable[[], object],
) -> Row:  # fmt: skip
    """Return a row of ours per second, with the peer's figure and the ratio in its note."""
    own_s, peer_s = _best(ours), _best(theirs)
    note = f"{peer} {count / peer_s:,.0f}; {peer_s / own_s:.1f} times"
    return Row(name, count / own_s, unit, note)


def _pairs(count: int) -> list[tuple[bytes, bytes]]:
    return [
        (bytes(keccak256(number.to_bytes(4, "big"))), keccak256(number.to_bytes(5, "big")) * 3)
        for number in range(count)
    ]


def _filled(pairs: list[tuple[bytes, bytes]]) -> Trie:
    made = Trie(MemoryNodeStore())
    for key, value in pairs:
        made.put(key, value[:VALUE_BYTES])
    made.commit()
    return made


def _signed(count: int) -> list[DynamicFeeTransaction]:
    return [
        sign_transaction(
            DynamicFeeTransaction(
                chain_id=1337,
                nonce=number,
                max_priority_fee_per_gas=10**9,
                max_fee_per_gas=2 * 10**9,
                gas_limit=90_000,
                to=ZERO_ADDRESS,
                value=10**18,
                data=bytes.fromhex("a9059cbb") + keccak256(b"to") + (10**18).to_bytes(32, "big"),
            ),
            b"\x46" * 32,
        )
        for number in range(count)
    ]


def _rlp(keys: int) -> list[Row]:
    """Trie nodes, which are most of what a node reads, and a header's and transaction's lists."""
    nodes = [node for node in _filled(_pairs(keys))._store.nodes.values() if len(node) > 500]
    raw = nodes[:400] + [encode_transaction(each)[1:] for each in _signed(20)] * 10
    items = [rlp.decode(each) for each in raw]
    note = "rlp"
    return [
        _compared(
            "RLP decoded", "items/s", len(raw), note,
            lambda: [rlp.decode(each) for each in raw],
            lambda: [peer_rlp.decode(each) for each in raw],
        ),
        _compared(
            "RLP encoded", "items/s", len(raw), note,
            lambda: [rlp.encode(each) for each in items],
            lambda: [peer_rlp.encode(each) for each in items],
        ),
    ]  # fmt: skip


def _trie(keys: int) -> list[Row]:
    """A root after each insertion, as py-trie always has one; then one for all of them."""
    pairs = _pairs(keys)

    def root_after_each() -> Hash32:
        made = Trie(MemoryNodeStore())
        for key, value in pairs:
            made.put(key, value[:VALUE_BYTES])
            root = made.root()
        return root

    def peer() -> bytes:
        made = HexaryTrie({})
        for key, value in pairs:
            made[key] = value[:VALUE_BYTES]
        return made.root_hash

    assert root_after_each() == peer() == _filled(pairs).root()
    items = [value[:VALUE_BYTES] for _, value in pairs]
    return [
        _compared(
            "trie: inserted, a root after each", "keys/s", keys, "py-trie", root_after_each, peer
        ),
        _compared(
            "trie: inserted, one root and commit", "keys/s", keys, "py-trie",
            lambda: _filled(pairs), peer,
        ),
        Row(
            "trie: root over a list", keys / _best(lambda: ordered_root(items)), "items/s",
            f"{keys} items",
        ),
    ]  # fmt: skip


def _proofs(keys: int, count: int) -> list[Row]:
    pairs = _pairs(keys)
    made, wanted = _filled(pairs), pairs[:count]
    root = made.root()
    peer_trie = HexaryTrie({})
    for key, value in pairs:
        peer_trie[key] = value[:VALUE_BYTES]
    proofs = [(key, made.prove(key)) for key, _ in wanted]
    peer_proofs = [(key, peer_trie.get_proof(key)) for key, _ in wanted]

    for (key, proof), (_, peer_proof) in zip(proofs, peer_proofs, strict=True):
        assert verify_proof(root, key, proof) == HexaryTrie.get_from_proof(root, key, peer_proof)
    return [
        _compared(
            "trie: proofs made", "proofs/s", count, "py-trie",
            lambda: [made.prove(key) for key, _ in wanted],
            lambda: [peer_trie.get_proof(key) for key, _ in wanted],
        ),
        _compared(
            "trie: proofs verified", "proofs/s", count, "py-trie",
            lambda: [verify_proof(root, key, proof) for key, proof in proofs],
            lambda: [HexaryTrie.get_from_proof(root, key, proof) for key, proof in peer_proofs],
        ),
    ]  # fmt: skip


def _state_proofs(keys: int, count: int) -> list[Row]:
    """EIP-1186 whole: an account under the state root and a slot under its storage root."""
    storage, state = SecureTrie(MemoryNodeStore()), SecureTrie(MemoryNodeStore())
    slots = [keccak256(number.to_bytes(4, "big")) for number in range(keys)]
    for slot in slots:
        storage.put(slot, encode_storage_word(slot))
    for slot in slots:
        state.put(slot[:20], encode_account(Account(1, 10**18)))
    state.put(ZERO_ADDRESS, encode_account(Account(storage_root=storage.root())))
    root = state.root()
    account_proof = state.prove(ZERO_ADDRESS)
    proofs = [(slot, storage.prove(slot)) for slot in slots[:count]]

    def verify() -> None:
        for slot, proof in proofs:
            account = verify_account_proof(root, ZERO_ADDRESS, account_proof)
            assert account is not None
            assert verify_storage_proof(account.storage_root, slot, proof) == slot

    return [
        Row("eth_getProof answers verified", count / _best(verify), "proofs/s", f"{keys} slots")
    ]


def _transactions(count: int) -> list[Row]:
    signed = _signed(count)
    raw = [encode_transaction(each) for each in signed]

    def ours() -> None:
        for each in raw:
            sender(decode_transaction(each))

    return [
        _compared(
            "transactions decoded, sender recovered", "tx/s", count, "eth-account", ours,
            lambda: [PeerAccount.recover_transaction(each) for each in raw],
        )
    ]  # fmt: skip


def _headers(count: int) -> list[Row]:
    """A QBFT header: decoded, its seals' makers recovered and its hash computed."""
    keys = [bytes((number,)) * 32 for number in range(1, VALIDATORS + 1)]
    raw = [encode_header(_sealed(number, keys)) for number in range(1, count + 1)]

    def read() -> None:
        for each in raw:
            header = decode_header(each)
            qbft.recover_seals(header)
            qbft.block_hash(header)

    note = f"{VALIDATORS} seals each"
    return [Row("QBFT headers read, seals recovered", count / _best(read), "headers/s", note)]


def _sealed(number: int, keys: list[bytes]) -> Header:
    validators = tuple(sorted(map(address_of, keys)))
    extra = QbftExtraData(bytes(32), validators, None, 0, ())
    header = Header(
        parent_hash=Hash32(os.urandom(32)),
        ommers_hash=EMPTY_OMMERS_HASH,
        beneficiary=validators[0],
        state_root=Hash32(bytes(32)),
        transactions_root=Hash32(bytes(32)),
        receipts_root=Hash32(bytes(32)),
        logs_bloom=EMPTY_BLOOM,
        difficulty=1,
        number=number,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=number,
        extra_data=qbft.encode_extra_data(extra),
        mix_hash=qbft.QBFT_MIX_HASH,
        nonce=ZERO_NONCE,
        base_fee_per_gas=7,
    )
    digest = qbft.seal_hash(header)
    seals = tuple(qbft.make_seal(key, digest) for key in keys)
    return qbft.with_extra_data(header, QbftExtraData(bytes(32), validators, None, 0, seals))
