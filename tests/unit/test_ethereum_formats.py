"""Headers, receipts, accounts and QBFT's extra data: their bytes, and what is refused."""

from dataclasses import replace

import pytest

from chainkit.commitments.patricia_trie import EMPTY_ROOT, MemoryNodeStore, SecureTrie
from chainkit.commitments.patricia_trie.errors import BranchHasValue, ProofNodeHasWrongHash
from chainkit.commitments.patricia_trie.nibbles import compact, nibbles
from chainkit.formats.ethereum import ibft2, qbft
from chainkit.formats.ethereum.accounts import (
    ZERO_WORD,
    Account,
    decode_account,
    decode_storage_word,
    encode_account,
    encode_storage_word,
    verify_account_proof,
    verify_storage_proof,
)
from chainkit.formats.ethereum.bft_extra_data import (
    QbftExtraData,
    ValidatorVote,
    decode_extra_item,
)
from chainkit.formats.ethereum.blocks import check_receipts, receipts_root
from chainkit.formats.ethereum.errors import (
    BodyMismatch,
    InvalidSignature,
    InvalidStateValue,
    MalformedEthereum,
    MalformedExtraData,
    MalformedSeal,
    UnknownTransactionType,
)
from chainkit.formats.ethereum.headers import decode_header, encode_header, header_hash
from chainkit.formats.ethereum.receipts import (
    bloom_contains,
    decode_receipt,
    encode_receipt,
    join_blooms,
    logs_bloom,
    make_receipt,
)
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.types import (
    EMPTY_BLOOM,
    EMPTY_CODE_HASH,
    EMPTY_OMMERS_HASH,
    ZERO_ADDRESS,
    ZERO_NONCE,
    Header,
    Log,
)
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, Hash32
from chainkit.sigverify.secp256k1 import ORDER
from chainkit.wire.rlp import decode, encode
from chainkit.wire.rlp_errors import (
    MalformedRlp,
    RlpIntegerHasLeadingZero,
    RlpIntegerTooLarge,
    RlpTooDeep,
    RlpTooLarge,
)

KEYS = [bytes((number,)) * 32 for number in range(1, 5)]
VALIDATORS = tuple(sorted(map(address_of, KEYS)))
EXTRA = QbftExtraData(bytes(32), VALIDATORS, None, 3, ())


def _header(**changes):
    fields = {
        "parent_hash": b"\x01" * 32,
        "ommers_hash": EMPTY_OMMERS_HASH,
        "beneficiary": Address(b"\x02" * 20),
        "state_root": b"\x03" * 32,
        "transactions_root": EMPTY_ROOT,
        "receipts_root": EMPTY_ROOT,
        "logs_bloom": EMPTY_BLOOM,
        "difficulty": 1,
        "number": 7,
        "gas_limit": 30_000_000,
        "gas_used": 0,
        "timestamp": 1_700_000_000,
        "extra_data": qbft.encode_extra_data(EXTRA),
        "mix_hash": qbft.QBFT_MIX_HASH,
        "nonce": ZERO_NONCE,
        "base_fee_per_gas": 7,
    }
    return Header(**(fields | changes))


SHANGHAI = {"withdrawals_root": EMPTY_ROOT}
CANCUN = SHANGHAI | {
    "blob_gas_used": 0,
    "excess_blob_gas": 2**64 - 1,
    "parent_beacon_block_root": b"\x04" * 32,
}
PRAGUE = CANCUN | {"requests_hash": b"\x05" * 32}
FORKS = [{"base_fee_per_gas": None}, {}, SHANGHAI, CANCUN, PRAGUE]

# --- headers ----------------------------------------------------------------------------


@pytest.mark.parametrize("fields", FORKS)
def test_headers_of_every_fork_decode_to_themselves(fields):
    """15, 16, 17, 20 and 21 fields; the hash is over all of them."""
    header = _header(**fields)

    assert decode_header(encode_header(header)) == header
    assert header_hash(header) == keccak256(encode_header(header))
    assert header_hash(replace(header, nonce=b"\x01" * 8)) != header_hash(header)


def test_a_header_with_a_gap_is_a_defect():
    """A later fork's field without the earlier ones has no encoding."""
    with pytest.raises(AssertionError, match="absent"):
        encode_header(_header(base_fee_per_gas=None, withdrawals_root=EMPTY_ROOT))


def test_counts_of_fields_that_no_fork_has_are_refused():
    """14, 18, 19 and 22 fields are no header."""
    fields = decode(encode_header(_header(**PRAGUE)))
    for count in (0, 14, 18, 19):
        with pytest.raises(MalformedEthereum, match=f"{count} fields"):
            decode_header(encode(fields[:count]))
    with pytest.raises(MalformedRlp):
        decode_header(encode((*fields, b"")))
    with pytest.raises(MalformedEthereum, match="a string"):
        decode_header(b"\x80")


@pytest.mark.parametrize(
    ("index", "item", "error"),
    [
        (0, b"\x01" * 31, MalformedEthereum),
        (2, b"\x02" * 21, MalformedEthereum),
        (6, bytes(255), MalformedEthereum),
        (8, b"\x00", RlpIntegerHasLeadingZero),
        (8, b"\x01" * 9, RlpIntegerTooLarge),
        (7, b"\x01" * 33, RlpIntegerTooLarge),
        (12, b"\x01" * 122_881, MalformedEthereum),
        (12, b"\x01" * 131_072, RlpTooLarge),
        (14, b"\x01" * 7, MalformedEthereum),
        (15, b"\x00\x07", RlpIntegerHasLeadingZero),
        (15, (), RlpTooDeep),
        (20, b"\x05" * 33, MalformedEthereum),
    ],
)
def test_fields_of_another_size_are_refused(index, item, error):
    """Each field has its size or its bound, and numbers are minimal."""
    fields = decode(encode_header(_header(**PRAGUE)))

    with pytest.raises(error):
        decode_header(encode((*fields[:index], item, *fields[index + 1 :])))


# --- receipts ---------------------------------------------------------------------------

LOGS = (
    Log(Address(b"\x11" * 20), (Hash32(b"\x22" * 32), Hash32(b"\x33" * 32)), b"data"),
    Log(Address(b"\x44" * 20), (), b""),
)


def test_receipts_and_their_blooms():
    """The bloom holds what was logged, is kept in the receipt, and blooms join to the block's."""
    receipts = tuple(
        make_receipt(transaction_type=kind, status=kind % 2, cumulative_gas_used=21_000, logs=logs)
        for kind in range(5)
        for logs in ((), LOGS[:1], LOGS)
    )
    bloom = logs_bloom(LOGS)

    assert all(decode_receipt(encode_receipt(each)) == each for each in receipts)
    assert bloom == join_blooms((logs_bloom(LOGS[:1]), logs_bloom(LOGS[1:])))
    for entry in (b"\x11" * 20, b"\x22" * 32, b"\x33" * 32, b"\x44" * 20):
        assert bloom_contains(bloom, entry)
    assert not bloom_contains(bloom, b"\x55" * 20)
    assert logs_bloom(()) == EMPTY_BLOOM
    assert 3 <= int.from_bytes(logs_bloom(LOGS[1:]), "big").bit_count() <= 3


def test_a_known_bloom():
    """An address alone sets the three bits that the Yellow Paper's formula gives by hand."""
    address = bytes.fromhex("0000000000000000000000000000000000000000")
    hashed = keccak256(address)
    bits = {int.from_bytes(hashed[at : at + 2], "big") % 2048 for at in (0, 2, 4)}
    bloom = logs_bloom((Log(Address(address), (), b""),))

    set_bits = {
        8 * (255 - at) + bit for at in range(256) for bit in range(8) if bloom[at] >> bit & 1
    }
    assert set_bits == bits


def test_receipts_under_a_header():
    """Root, bloom and gas of a block are those of its receipts, each named where it is not."""
    receipts = tuple(
        make_receipt(transaction_type=2, status=1, cumulative_gas_used=gas, logs=LOGS)
        for gas in (21_000, 60_000)
    )
    header = _header(
        receipts_root=receipts_root(receipts), logs_bloom=logs_bloom(LOGS), gas_used=60_000
    )

    check_receipts(header, receipts)
    check_receipts(_header(), ())
    for field, changed, given in (
        ("receipts root", header, receipts[:1]),
        ("receipts root", header, receipts[::-1]),
        ("logs bloom", replace(header, logs_bloom=EMPTY_BLOOM), receipts),
        ("gas used", replace(header, gas_used=21_000), receipts),
    ):
        with pytest.raises(BodyMismatch, match=field):
            check_receipts(changed, given)


def test_malformed_receipts_are_refused():
    """Unknown types, a status above 1, five topics and a foreign bloom are refused."""
    good = make_receipt(transaction_type=0, status=1, cumulative_gas_used=1, logs=LOGS)
    raw = encode_receipt(good)
    status, gas, bloom, logs = decode(raw)

    for kind in (0, 5, 0x7F, 0x80):
        with pytest.raises(UnknownTransactionType):
            decode_receipt(bytes((kind,)) + raw)
    for items in (
        (b"\x02", gas, bloom, logs),
        (status, gas, EMPTY_BLOOM, logs),
        (status, gas, bloom[1:], logs),
        (status, gas, bloom),
        (status, gas, bloom, ((b"\x11" * 20, (b"\x22" * 32,) * 5, b""),)),
        (status, gas, bloom, ((b"\x11" * 19, (), b""),)),
    ):
        with pytest.raises(MalformedEthereum):
            decode_receipt(encode(items))
    with pytest.raises(MalformedEthereum):
        decode_receipt(b"")
    with pytest.raises(RlpIntegerHasLeadingZero):
        decode_receipt(encode((b"\x00", gas, bloom, logs)))


# --- accounts ---------------------------------------------------------------------------

SLOT = b"\x09" * 32
WORD = b"\x00" * 31 + b"\x2a"


def _state():
    """An account with one slot under a state root, beside others."""
    storage, state = SecureTrie(MemoryNodeStore()), SecureTrie(MemoryNodeStore())
    for number in range(20):
        slot = number.to_bytes(32, "big")
        storage.put(slot, encode_storage_word(b"\x01" + slot[1:]))
        state.put(bytes((number,)) * 20, encode_account(Account(number, 10**18)))
    storage.put(SLOT, encode_storage_word(WORD))
    account = Account(5, 2**256 - 1, storage.root(), EMPTY_CODE_HASH)
    state.put(VALIDATORS[0], encode_account(account))
    return state, storage, account


def test_account_and_storage_proofs():
    """An account and a slot are proven, and so is that there are none."""
    state, storage, account = _state()
    here, nowhere = VALIDATORS[0], Address(b"\xee" * 20)

    assert verify_account_proof(state.root(), here, state.prove(here)) == account
    assert verify_account_proof(state.root(), nowhere, state.prove(nowhere)) is None
    root = account.storage_root
    assert verify_storage_proof(root, SLOT, storage.prove(SLOT)) == WORD
    assert verify_storage_proof(root, bytes(31) + b"\xff", storage.prove(bytes(31) + b"\xff")) == (
        ZERO_WORD
    )
    assert verify_storage_proof(EMPTY_ROOT, SLOT, ()) == ZERO_WORD
    with pytest.raises(ProofNodeHasWrongHash):
        verify_account_proof(root, here, state.prove(here))


def test_a_value_at_a_branch_of_the_state_is_refused():
    """No hash of an address ends at a branch: such a state was made to prove two things."""
    path = nibbles(keccak256(VALIDATORS[0]))
    children = [b""] * 16
    leaf = encode((compact(path[1:], is_leaf=True), encode_account(Account())))
    children[path[0]] = keccak256(leaf)
    children[path[0] ^ 1] = b"\x01" * 32
    branch = encode((*children, encode_account(Account(balance=1))))

    with pytest.raises(BranchHasValue):
        verify_account_proof(keccak256(branch), VALIDATORS[0], (branch, leaf))


def test_what_is_no_account_or_word_is_refused():
    """Under right hashes too: misshapen accounts, zero words and numbers above 32 bytes."""
    fields = decode(encode_account(Account(1, 1)))
    for items in (fields[:3], (*fields[:2], b"", fields[3]), ((), *fields[1:])):
        with pytest.raises((MalformedEthereum, MalformedRlp)):
            decode_account(encode(items))
    with pytest.raises(RlpIntegerHasLeadingZero):
        decode_account(encode((b"\x00", *fields[1:])))
    with pytest.raises(InvalidStateValue):
        decode_storage_word(b"\x80")
    with pytest.raises(RlpIntegerHasLeadingZero):
        decode_storage_word(encode(WORD))
    with pytest.raises(MalformedRlp):
        decode_storage_word(encode(b"\x01" * 33))
    with pytest.raises(MalformedRlp):
        decode_storage_word(b"\xc0")
    with pytest.raises(AssertionError, match="deleting"):
        encode_storage_word(ZERO_WORD)


# --- QBFT -------------------------------------------------------------------------------


def _sealed(**changes):
    """A header sealed by the first three keys."""
    header = _header(**changes)
    digest = qbft.seal_hash(header)
    extra = qbft.decode_extra_data(header.extra_data)
    seals = tuple(qbft.make_seal(key, digest) for key in KEYS[:3])
    return qbft.with_extra_data(header, replace(extra, seals=seals))


def test_seals_name_their_makers():
    """Each seal is recovered in order, and changes neither hash."""
    header = _sealed()

    assert qbft.recover_seals(header) == tuple(map(address_of, KEYS[:3]))
    assert qbft.seal_hash(header) == qbft.seal_hash(_header())
    assert qbft.block_hash(header) == qbft.block_hash(_header())


def test_a_high_s_counts_as_in_besu():
    """A seal's malleable twin names the same validator: seals are counted by address."""
    header = _sealed()
    extra = qbft.decode_extra_data(header.extra_data)
    first = extra.seals[0]
    high = (ORDER - int.from_bytes(first[32:64], "big")).to_bytes(32, "big")
    twin = first[:32] + high + bytes((1 - first[64],))
    changed = qbft.with_extra_data(header, replace(extra, seals=(twin,)))

    assert qbft.recover_seals(changed) == (address_of(KEYS[0]),)


def test_the_round_is_signed_but_not_named():
    """Another round changes what seals sign, not the block's hash; all else changes both."""
    header = _header()
    extra = qbft.decode_extra_data(header.extra_data)
    later = qbft.with_extra_data(header, replace(extra, round=4))
    vote = ValidatorVote(ZERO_ADDRESS, add=True)
    voted = qbft.with_extra_data(header, replace(extra, vote=vote))

    assert qbft.seal_hash(later) != qbft.seal_hash(header)
    assert qbft.block_hash(later) == qbft.block_hash(header)
    for changed in (voted, replace(header, timestamp=1), replace(header, base_fee_per_gas=None)):
        assert qbft.block_hash(changed) != qbft.block_hash(header)


def test_the_genesis_block_is_hashed_as_it_is():
    """Block 0 has the hash of its bytes, round and all; without either it is another."""
    genesis = _header(number=0)

    assert qbft.block_hash(genesis) == header_hash(genesis)
    assert qbft.hash_without_round_and_seals(genesis) != header_hash(genesis)
    assert ibft2.block_hash(replace(genesis, extra_data=b"")) == header_hash(
        replace(genesis, extra_data=b"")
    )


VOTE = ValidatorVote(Address(b"\x07" * 20), add=False)
SEAL = b"\x00" * 31 + b"\x01" + b"\x00" * 31 + b"\x0a" + b"\x01"


@pytest.mark.parametrize("codec", [qbft, ibft2])
def test_extra_data_decode_to_themselves(codec):
    """With and without votes, validators, seals and round, up to the largest."""
    for extra in (
        EXTRA,
        replace(EXTRA, vote=VOTE, round=0),
        replace(EXTRA, vote=replace(VOTE, add=True), round=2**31 - 1, seals=(SEAL, SEAL)),
        QbftExtraData(b"\xff" * 32, (), None, 128, ()),
        replace(EXTRA, validators=VALIDATORS * 250, seals=(SEAL,) * 1_000),
    ):
        assert codec.decode_extra_data(codec.encode_extra_data(extra)) == extra


ONE = encode((b"\x07" * 20, b"\xff"))
BROKEN = [
    (0, bytes(31), MalformedExtraData),
    (0, (), MalformedExtraData),
    (1, b"", MalformedExtraData),
    (1, (b"\x01" * 19,), MalformedExtraData),
    (1, (VALIDATORS[0],) * 1_001, MalformedExtraData),
    (2, (b"\x07" * 20,), MalformedExtraData),
    (2, (b"\x07" * 20, b"\xaa"), MalformedExtraData),
    (2, (b"\x07" * 19, b"\xff"), MalformedExtraData),
    (3, (), MalformedExtraData),
    (3, b"\xff" * 4, MalformedExtraData),
    (4, b"", MalformedExtraData),
    (4, (SEAL[1:],), MalformedSeal),
    (4, (SEAL + b"\x00",), MalformedSeal),
    (4, ((),), RlpTooDeep),
    (4, (bytes(32) + SEAL[32:],), MalformedSeal),
    (4, (SEAL[:32] + bytes(32) + b"\x00",), MalformedSeal),
    (4, (ORDER.to_bytes(32, "big") + SEAL[32:],), MalformedSeal),
    (4, (SEAL[:64] + b"\x02",), MalformedSeal),
    (4, (SEAL[:64] + b"\x1b",), MalformedSeal),
    (4, (SEAL,) * 1_001, MalformedExtraData),
]


@pytest.mark.parametrize("codec", [qbft, ibft2])
@pytest.mark.parametrize(("index", "item", "error"), BROKEN)
def test_broken_extra_data_are_refused_by_name(codec, index, item, error):
    """Every field has one shape; a seal that no key can have made is no seal."""
    fields = list(decode(codec.encode_extra_data(EXTRA)))
    fields[index] = item

    with pytest.raises(error):
        codec.decode_extra_data(encode(tuple(fields)))


def test_what_besu_would_not_write_is_refused():
    """A drop vote of one zero byte, a sixth field and a round with a leading zero."""
    fields = decode(qbft.encode_extra_data(EXTRA))

    with pytest.raises(MalformedExtraData, match="neither"):
        qbft.decode_extra_data(encode((*fields[:2], (b"\x07" * 20, b"\x00"), *fields[3:])))
    with pytest.raises(MalformedExtraData, match="five"):
        qbft.decode_extra_data(encode((*fields, b"")))
    with pytest.raises(RlpIntegerHasLeadingZero):
        qbft.decode_extra_data(encode((*fields[:3], b"\x00\x03", fields[4])))
    with pytest.raises(RlpIntegerTooLarge):
        qbft.decode_extra_data(encode((*fields[:3], b"\x01" * 5, fields[4])))
    for data in (b"\x80", b"\xc0"):
        with pytest.raises(MalformedExtraData):
            decode_extra_item(data)


def test_a_seal_that_no_key_makes_is_refused():
    """r = 5 is no point of the curve: nobody made that seal, and the header is an error."""
    header = _header()
    seal = bytes(31) + b"\x05" + SEAL[32:]
    extra = replace(qbft.decode_extra_data(header.extra_data), seals=(seal,))

    with pytest.raises(InvalidSignature):
        qbft.recover_seals(qbft.with_extra_data(header, extra))
