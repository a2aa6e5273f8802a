"""Ethereum transactions: encodings, who signed them, and what is refused."""

from dataclasses import replace

import pytest

from chainkit.formats.ethereum.addresses import format_address, parse_address
from chainkit.formats.ethereum.blocks import (
    check_body,
    decode_block,
    encode_block,
    transactions_root,
    withdrawals_root,
)
from chainkit.formats.ethereum.errors import (
    BodyMismatch,
    HighS,
    InvalidSignature,
    MalformedEthereum,
    UnknownTransactionType,
    WrongAddress,
    WrongParity,
)
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.transactions import (
    decode_transaction,
    encode_transaction,
    sender,
    sign_transaction,
    signing_hash,
    transaction_hash,
    transaction_of_item,
)
from chainkit.formats.ethereum.types import (
    EMPTY_BLOOM,
    EMPTY_OMMERS_HASH,
    ZERO_NONCE,
    AccessEntry,
    AccessListTransaction,
    Block,
    DynamicFeeTransaction,
    Header,
    LegacyTransaction,
    Withdrawal,
)
from chainkit.primitives.types import Address
from chainkit.sigverify.secp256k1 import ORDER
from chainkit.wire.rlp import decode, encode
from chainkit.wire.rlp_errors import MalformedRlp, RlpHasTrailingBytes, RlpIntegerHasLeadingZero

KEY = b"\x46" * 32
TO = Address(b"\x35" * 20)
LEGACY = LegacyTransaction(
    chain_id=1,
    nonce=9,
    gas_price=20 * 10**9,
    gas_limit=21_000,
    to=TO,
    value=10**18,
    data=b"",
)
ACCESS = (AccessEntry(TO, (b"\x01" * 32, b"\x02" * 32)), AccessEntry(Address(b"\x07" * 20), ()))
LISTED = AccessListTransaction(
    chain_id=7, nonce=0, gas_price=1, gas_limit=50_000, to=TO, value=0, data=b"\x00\x01",
    access_list=ACCESS,
)  # fmt: skip
DYNAMIC = DynamicFeeTransaction(
    chain_id=7,
    nonce=2**64 - 1,
    max_priority_fee_per_gas=1,
    max_fee_per_gas=10**10,
    gas_limit=50_000,
    to=None,
    value=2**256 - 1,
    data=b"\xff" * 100,
    access_list=ACCESS,
)
ALL = [LEGACY, replace(LEGACY, chain_id=None), replace(LEGACY, to=None), LISTED, DYNAMIC]


def test_the_example_of_eip_155():
    """The transaction of EIP-155 has the signing hash and the bytes printed there."""
    assert (
        signing_hash(LEGACY).hex()
        == "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53"
    )
    assert encode_transaction(sign_transaction(LEGACY, KEY)).hex() == (
        "f86c098504a817c800825208943535353535353535353535353535353535353535880"
        "de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63"
        "e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297"
        "fb1966a3b6d83"
    )


@pytest.mark.parametrize("transaction", ALL)
def test_a_signed_transaction_decodes_to_itself_and_names_its_sender(transaction):
    """Encoding and decoding agree for every type, and the key's address is recovered."""
    signed = sign_transaction(transaction, KEY)

    assert decode_transaction(encode_transaction(signed)) == signed
    assert sender(signed) == address_of(KEY)
    assert transaction_hash(signed) != transaction_hash(transaction)
    assert signing_hash(signed) == signing_hash(transaction)


@pytest.mark.parametrize("transaction", ALL)
def test_another_chain_gives_another_sender(transaction):
    """The chain id is signed: a signature replayed elsewhere is of nobody known."""
    signed = sign_transaction(transaction, KEY)

    assert sender(replace(signed, chain_id=8)) != address_of(KEY)


def test_a_high_s_is_refused():
    """The twin of a signature, which anyone can make, is refused by name (EIP-2)."""
    signed = sign_transaction(DYNAMIC, KEY)
    twin = replace(signed, s=ORDER - signed.s, y_parity=1 - signed.y_parity)

    with pytest.raises(HighS):
        sender(twin)


@pytest.mark.parametrize(
    ("r", "s"), [(0, 0), (0, 1), (1, 0), (ORDER, 1), (1, ORDER), (5, 1), (2**256 - 1, 1)]
)
def test_numbers_that_no_signature_has_are_refused(r, s):
    """r and s are from 1 to the order, and r is a point's: 5 is none."""
    with pytest.raises(InvalidSignature):
        sender(replace(DYNAMIC, r=r, s=s))


def test_a_wrong_parity_is_refused():
    """A typed transaction has 0 or 1, in its bytes as in the value."""
    signed = replace(sign_transaction(DYNAMIC, KEY), y_parity=2)

    with pytest.raises(WrongParity):
        sender(signed)
    with pytest.raises(WrongParity):
        decode_transaction(encode_transaction(signed))


@pytest.mark.parametrize("v", [0, 1, 26, 29, 34])
def test_a_legacy_v_without_meaning_is_refused(v):
    """v is 27, 28, or 35 and more."""
    fields = decode(encode_transaction(sign_transaction(LEGACY, KEY)))
    broken = encode((*fields[:6], bytes((v,)).lstrip(b"\x00"), *fields[7:]))

    with pytest.raises(WrongParity):
        decode_transaction(broken)


def test_unknown_types_are_refused():
    """A blob transaction, or any other type, is refused by its number."""
    for kind in (0, 3, 4, 0x7F, 0x80, 0xBF):
        with pytest.raises(UnknownTransactionType, match=f"type {kind} "):
            decode_transaction(bytes((kind,)) + encode_transaction(LISTED)[1:])


def test_malformed_transactions_are_refused():
    """Trailing bytes, leading zeros, missing and misshapen fields, each by name."""
    raw = encode_transaction(sign_transaction(LISTED, KEY))
    fields = decode(raw[1:])

    def refused(error, number, item):
        broken = (*fields[:number], item, *fields[number + 1 :])
        with pytest.raises(error):
            decode_transaction(raw[:1] + encode(broken))

    with pytest.raises(RlpHasTrailingBytes):
        decode_transaction(raw + b"\x00")
    with pytest.raises(MalformedEthereum):
        decode_transaction(b"")
    with pytest.raises(MalformedEthereum, match="10 fields"):
        decode_transaction(raw[:1] + encode(fields[:-1]))
    with pytest.raises(MalformedEthereum, match="bytes"):
        decode_transaction(b"\x01" + bytes(200_000))
    refused(RlpIntegerHasLeadingZero, 1, b"\x00")
    refused(MalformedRlp, 1, b"\x01" * 9)
    refused(MalformedEthereum, 4, b"\x01" * 19)
    refused(MalformedEthereum, 4, ())
    refused(MalformedEthereum, 7, b"")
    refused(MalformedEthereum, 7, ((TO,),))
    refused(MalformedEthereum, 7, ((TO, (b"\x01" * 31,)),))
    refused(MalformedEthereum, 7, ((TO, ()),) * 1_025)


@pytest.mark.parametrize(
    "text",
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_addresses_have_checksums(text):
    """The examples of EIP-55: a letter in the wrong case is refused, one case alone is not."""
    address = parse_address(text)

    assert format_address(address) == text
    assert parse_address(text.lower()) == address
    assert parse_address("0x" + text[2:].upper()) == address
    first = next(at for at in range(2, 42) if text[at].isalpha())
    with pytest.raises(WrongAddress, match="did you mean"):
        parse_address(text[:first] + text[first].swapcase() + text[first + 1 :])


@pytest.mark.parametrize("text", ["", "0x", "5a" * 20, "0x" + "5a" * 21, "0x" + "5g" * 20])
def test_texts_that_are_no_addresses_are_refused(text):
    """Only 0x and 40 hexadecimal digits are an address."""
    with pytest.raises(WrongAddress):
        parse_address(text)


def _header(**changes):
    fields = {
        "parent_hash": bytes(32),
        "ommers_hash": EMPTY_OMMERS_HASH,
        "beneficiary": TO,
        "state_root": bytes(32),
        "transactions_root": bytes(32),
        "receipts_root": bytes(32),
        "logs_bloom": EMPTY_BLOOM,
        "difficulty": 1,
        "number": 1,
        "gas_limit": 30_000_000,
        "gas_used": 0,
        "timestamp": 1_700_000_000,
        "extra_data": b"",
        "mix_hash": bytes(32),
        "nonce": ZERO_NONCE,
        "base_fee_per_gas": 7,
    }
    return Header(**(fields | changes))


def test_a_block_decodes_to_itself_and_has_its_body():
    """All types of transactions and withdrawals travel; the header commits to them."""
    transactions = tuple(sign_transaction(each, KEY) for each in ALL)
    withdrawals = (Withdrawal(1, 2, TO, 3),)
    header = _header(
        transactions_root=transactions_root(transactions),
        withdrawals_root=withdrawals_root(withdrawals),
    )
    block = Block(header, transactions, withdrawals)
    old = Block(_header(transactions_root=transactions_root(transactions)), transactions)

    assert decode_block(encode_block(block)) == block
    assert decode_block(encode_block(old)) == old
    check_body(block)
    check_body(old)
    for field, changed in (
        ("transactions root", replace(block, transactions=transactions[1:])),
        ("transactions root", replace(block, transactions=transactions[::-1])),
        ("withdrawals root", replace(block, withdrawals=())),
        ("withdrawals root", replace(block, withdrawals=None)),
        ("ommers hash", replace(block, header=replace(header, ommers_hash=bytes(32)))),
    ):
        with pytest.raises(BodyMismatch, match=field):
            check_body(changed)


def test_malformed_blocks_are_refused():
    """Ommers, a missing part, and a legacy transaction as a string are refused."""
    signed = sign_transaction(LEGACY, KEY)
    header, transactions, ommers = decode(encode_block(Block(_header(), (signed,))))

    for items in (
        (header, transactions),
        (header, transactions, (header,)),
        (header, transactions, ommers, (), ()),
        (header, b"", ommers),
        (header, transactions, ommers, ((b"\x01", b"\x02", TO),)),
        (header, transactions, ommers, ((b"\x01", b"\x02", TO, b"\x03"),) * 17),
        b"",
    ):
        with pytest.raises(MalformedEthereum):
            decode_block(encode(items))
    with pytest.raises(MalformedEthereum, match="a list, not a string"):
        transaction_of_item(encode_transaction(signed))
    with pytest.raises(MalformedEthereum):
        transaction_of_item(b"")
