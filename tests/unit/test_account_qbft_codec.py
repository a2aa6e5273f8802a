"""QBFT messages in Besu's encoding: composed by another library, signed, decoded, refused."""

from dataclasses import replace

import coincurve
import pytest
import rlp
from eth_keys import keys as eth_keys

from chainkit.formats.ethereum.errors import EthereumRuleBroken
from chainkit.formats.ethereum.qbft import (
    QBFT_MIX_HASH,
    QbftExtraData,
    encode_extra_data,
    make_seal,
    recover_seals,
)
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.types import (
    EMPTY_BLOOM,
    EMPTY_OMMERS_HASH,
    ZERO_NONCE,
    Block,
    Header,
)
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, BlockHeight, Hash32, Round
from parachains.account.consensus.blocks import EthereumBlock, of_block
from parachains.account.consensus.codec import (
    decode_message,
    encode_message,
    sign_draft,
    signing_hash,
)
from parachains.account.consensus.errors import ForeignSeal, MalformedQbftMessage
from parachains.account.consensus.messages import (
    SELF,
    Code,
    Commit,
    CommitDraft,
    Draft,
    Message,
    MessageReceived,
    Prepare,
    PreparedRound,
    PreparePayload,
    ProposalDraft,
    ProposalPayload,
    RoundChange,
    RoundChangeDraft,
    RoundChangePayload,
)
from parachains.account.consensus.wal_codec import SOMEBODY, decode_entry, encode_entry

KEYS = [bytes([0] * 31 + [n]) for n in (1, 2, 3, 4)]
VALIDATORS = tuple(sorted(map(address_of, KEYS)))
HEIGHT, ROUND = BlockHeight(258), Round(2)


def made_block(round_: int = 2) -> EthereumBlock:
    extra = QbftExtraData(bytes(32), VALIDATORS, None, round_, ())
    some = Hash32(bytes(range(32)))
    header = Header(
        parent_hash=some,
        ommers_hash=EMPTY_OMMERS_HASH,
        beneficiary=VALIDATORS[0],
        state_root=some,
        transactions_root=some,
        receipts_root=some,
        logs_bloom=EMPTY_BLOOM,
        difficulty=1,
        number=HEIGHT,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=1_700_000_000,
        extra_data=encode_extra_data(extra),
        mix_hash=QBFT_MIX_HASH,
        nonce=ZERO_NONCE,
        base_fee_per_gas=7,
    )
    return of_block(Block(header, ()))


BLOCK = made_block()


def said(number: int, draft: Draft) -> Message:
    key = KEYS[number]
    return sign_draft(draft, address_of(key), lambda digest: make_seal(key, digest))


def prepared_by(number: int) -> Prepare:
    message = said(number, PreparePayload(HEIGHT, Round(1), BLOCK.with_round(Round(1)).digest))
    assert isinstance(message, Prepare)
    return message


PREPARES = tuple(prepared_by(n).signed for n in range(3))
METADATA = PreparedRound(Round(1), BLOCK.with_round(Round(1)).digest)


def gave_up(number: int, prepared: PreparedRound | None) -> RoundChange:
    block = None if prepared is None else BLOCK.with_round(Round(1))
    proof = () if prepared is None else PREPARES
    message = said(
        number, RoundChangeDraft(RoundChangePayload(HEIGHT, ROUND, prepared), block, proof)
    )
    assert isinstance(message, RoundChange)
    return message


ROUND_CHANGES = (gave_up(0, METADATA), gave_up(1, None), gave_up(2, METADATA))
MESSAGES: dict[str, Message] = {
    "proposal": said(0, ProposalDraft(ProposalPayload(HEIGHT, ROUND, BLOCK), (), ())),
    "justified proposal": said(
        0,
        ProposalDraft(
            ProposalPayload(HEIGHT, ROUND, BLOCK),
            tuple(each.signed for each in ROUND_CHANGES),
            PREPARES,
        ),
    ),
    "prepare": prepared_by(3),
    "commit": said(1, CommitDraft(HEIGHT, ROUND, BLOCK.digest)),
    "round change": ROUND_CHANGES[1],
    "round change with a block": ROUND_CHANGES[0],
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_comes_back_with_its_authors(name: str) -> None:
    """
    Every payload in it has the author that its signature gives; the log keeps it too.
    """
    message = MESSAGES[name]
    code, data = encode_message(message)

    assert decode_message(code, data) == message
    for peer_id in (SELF, SOMEBODY):
        entry = MessageReceived(message, peer_id)
        assert decode_entry(encode_entry(entry)) == entry


def test_the_encodings_are_besus() -> None:
    """
    Composed field by field with another RLP library, after Besu's ``writeTo`` methods.
    """
    block = rlp.decode(BLOCK.encode())
    digest, old = BLOCK.digest, BLOCK.with_round(Round(1))
    signed = {name: message.signed for name, message in MESSAGES.items()}
    prepare = [[b"\x01\x02", b"\x01", old.digest], signed["prepare"].signature]
    prepares = [[[b"\x01\x02", b"\x01", old.digest], each.signature] for each in PREPARES]
    round_changes = [
        [
            [b"\x01\x02", b"\x02", [] if each.block is None else [b"\x01", old.digest]],
            each.signed.signature,
        ]
        for each in ROUND_CHANGES
    ]
    commit = MESSAGES["commit"]
    assert isinstance(commit, Commit)
    composed = {
        "proposal": [[[b"\x01\x02", b"\x02", block, b""], signed["proposal"].signature], [[], []]],
        "justified proposal": [
            [[b"\x01\x02", b"\x02", block, b""], signed["justified proposal"].signature],
            [round_changes, prepares],
        ],
        "prepare": prepare,
        "commit": [
            [b"\x01\x02", b"\x02", digest, commit.signed.payload.seal],
            signed["commit"].signature,
        ],
        "round change": [round_changes[1], [], b"", []],
        "round change with a block": [round_changes[0], rlp.decode(old.encode()), b"", prepares],
    }
    codes = {"prepare": 0x13, "commit": 0x14, "proposal": 0x12, "justified proposal": 0x12}
    for name, item in composed.items():
        assert encode_message(MESSAGES[name]) == (codes.get(name, 0x15), rlp.encode(item))


def test_a_signature_covers_code_and_payload() -> None:
    """
    Another library recovers the signer from Keccak-256 of the list of both.
    """
    for code, message in (
        (0x13, MESSAGES["prepare"]),
        (0x14, MESSAGES["commit"]),
        (0x15, MESSAGES["round change"]),
    ):
        data = rlp.decode(encode_message(message)[1])
        payload, signature = data[0] if code == 0x15 else data
        hashed = keccak256(rlp.encode([bytes([code]), payload]))
        public_key = eth_keys.Signature(signature).recover_public_key_from_msg_hash(hashed)

        assert public_key.to_canonical_address() == message.signed.author
        assert signing_hash(message.signed.payload) == hashed


def test_a_proposals_block_for_another_round_keeps_its_hash_and_changes_its_digest() -> None:
    """
    The chain's hash leaves the round out; what is prepared and sealed has it in.
    """
    other = BLOCK.with_round(Round(300))

    assert other.block_hash == BLOCK.block_hash
    assert other.digest != BLOCK.digest
    assert other.with_round(ROUND) == BLOCK
    assert (other.height, other.coinbase, other.round) == (HEIGHT, VALIDATORS[0], 300)


def test_seals_of_commits_make_the_block_of_the_chain() -> None:
    """
    The seals in the extra data are of those who committed.
    """
    seals = [make_seal(key, BLOCK.digest) for key in KEYS[:3]]
    sealed = BLOCK.sealed(seals)

    assert recover_seals(sealed.header) == tuple(map(address_of, KEYS[:3]))
    with pytest.raises(MalformedQbftMessage):
        of_block(sealed)


def test_a_genesis_is_not_decided() -> None:
    """
    Number 0 has another hash, and nobody proposes it.
    """
    with pytest.raises(MalformedQbftMessage):
        of_block(replace(BLOCK.block, header=replace(BLOCK.block.header, number=0)))


def test_a_commit_with_anothers_seal_is_refused() -> None:
    """
    A seal that its sender did not make would poison the block's seals.
    """
    mine = MESSAGES["commit"]
    other = said(2, CommitDraft(HEIGHT, ROUND, BLOCK.digest))
    assert isinstance(mine, Commit)
    assert isinstance(other, Commit)
    payload = replace(mine.signed.payload, seal=other.signed.payload.seal)
    stolen = replace(
        mine.signed, payload=payload, signature=make_seal(KEYS[1], signing_hash(payload))
    )
    code, data = encode_message(Commit(stolen))
    with pytest.raises(ForeignSeal):
        decode_message(code, data)


def test_a_high_s_is_refused() -> None:
    """
    Besu's ``SignedData``: otherwise one message has two forms.
    """
    message = prepared_by(3)
    signature = message.signed.signature
    order = int(coincurve.utils.GROUP_ORDER_INT)
    s = order - int.from_bytes(signature[32:64], "big")
    high = signature[:32] + s.to_bytes(32, "big") + bytes([1 - signature[64]])
    code, data = encode_message(Prepare(replace(message.signed, signature=high)))
    with pytest.raises(EthereumRuleBroken):
        decode_message(code, data)


def _replaced(name: str, place: tuple[int, ...], value: object) -> bytes:
    item = rlp.decode(encode_message(MESSAGES[name])[1])

    def put(at: object, path: tuple[int, ...]) -> object:
        if not path:
            return value
        assert isinstance(at, list)
        return [put(each, path[1:]) if n == path[0] else each for n, each in enumerate(at)]

    return bytes(rlp.encode(put(item, place)))


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("prepare", (0, 0), b"\x00\x05"),
        ("prepare", (0, 0), b"\x80" + bytes(7)),
        ("prepare", (0, 1), b"\x80\x00\x00\x00"),
        ("prepare", (0, 1), b"\x01" * 5),
        ("prepare", (0, 2), bytes(31)),
        ("prepare", (0,), [b"\x01", b"\x01"]),
        ("prepare", (1,), bytes(64)),
        ("prepare", (), b"a string"),
        ("commit", (0, 3), bytes(64)),
        ("proposal", (0, 0, 3), [b""]),
        ("proposal", (0, 0, 2), []),
        ("proposal", (1,), [[]]),
        ("proposal", (1, 1), b""),
        ("round change", (0, 0, 2), [b"\x01"]),
        ("round change", (0, 0, 2), b""),
        ("round change", (2,), b"\x01"),
        ("round change with a block", (1,), [b"no block"]),
        ("round change with a block", (3,), [[b""]] * 1001),
    ],
)
def test_other_shapes_are_refused_by_name(name: str, place: tuple[int, ...], value: object) -> None:
    """
    A leading zero, a number out of range, a wrong size, a missing field, too many.
    """
    code, _ = encode_message(MESSAGES[name])
    with pytest.raises(MalformedMessage):
        decode_message(code, _replaced(name, place, value))


def test_bytes_after_the_end_and_unknown_codes_are_refused() -> None:
    """
    One message has one form.
    """
    code, data = encode_message(MESSAGES["prepare"])
    with pytest.raises(MalformedMessage):
        decode_message(code, data + b"\x00")
    for other in (0x11, 0x16, 0):
        with pytest.raises(MalformedQbftMessage):
            decode_message(other, data)


def test_any_changed_byte_is_refused_or_somebody_elses() -> None:
    """
    No byte of a commit can change and leave its author the same.
    """
    code, data = encode_message(MESSAGES["commit"])
    for at in range(0, len(data), 3):
        changed = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        try:
            message = decode_message(code, changed)
        except RuleBroken:
            continue
        assert message.signed.author != MESSAGES["commit"].signed.author


def test_codes_are_besus() -> None:
    """
    ``QbftV1``.
    """
    assert [(each.name, each.value) for each in Code] == [
        ("PROPOSAL", 0x12),
        ("PREPARE", 0x13),
        ("COMMIT", 0x14),
        ("ROUND_CHANGE", 0x15),
    ]
    assert len(Address(VALIDATORS[0])) == 20
