"""Every forgery against a Bitcoin client, and the true messages that they are judged against.

A forger may mine: where a rule is to be put to the test and not the work, the headers have
their work, and his transaction first updates the client with them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chainkit.formats.bitcoin.header_chain import ChainPoint, next_bits
from chainkit.formats.bitcoin.headers import HEADER_BYTES, BlockHeader, decode_header
from chainkit.formats.bitcoin.limits import MAX_FUTURE_BLOCK_SECONDS
from chainkit.formats.bitcoin.merkle import merkle_branch
from chainkit.formats.bitcoin.proof_of_work import ProofOfWorkRules, bits_of, target_of
from chainkit.formats.bitcoin.script import Op, push
from chainkit.formats.bitcoin.transactions import Transaction, TxOutput, decode_transaction
from chainkit.primitives.heights import Height
from chainkit.primitives.limits import UINT64_MAX
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.lightclients.bitcoin.v1 import bitcoin_pb2
from demos.forged.attempts import Target, flips
from demos.forged.bitcoin_mining import (
    MinedBlock,
    child,
    coinbase,
    has_work,
    mine_block,
    mine_to_retarget,
    payment,
    with_work,
    without_work,
)
from demos.forged.bitcoin_values import BitcoinEvidence
from demos.forged.proofs import forged_proofs
from demos.forged.values import Attempt, Kind, Proven
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import Order
from light_clients.bitcoin.codec import (
    HEADERS_TYPE_URL,
    decode_membership_proof,
    encode_headers,
    encode_membership_proof,
)
from light_clients.bitcoin.proofs import commitment_script, committed_root
from light_clients.bitcoin.types import MAX_HEADERS_PER_MESSAGE, Headers, MembershipProof
from relayer import codec
from relayer.views import ReceivePacket, Side, TimeOutPacket

RECEIVE, TIME_OUT, UPDATE = "bitcoin receive", "bitcoin time out", "bitcoin update"
MINED = "a packet under a block of the forger's own"
_NO_STATE = b"\x0d" * 32
"""A root of no state."""
_OTHER_TAG = b"htsi"
_NEGATIVE_BITS, _ZERO_BITS, _HUGE_BITS = 0x1D80FFFF, 0x1D000000, 0xFF00FFFF


def bitcoin_originals(evidence: BitcoinEvidence) -> dict[str, AnyValue]:
    """Return the true messages by name; the host accepts each of them."""
    return {
        RECEIVE: _receive(evidence, evidence.fresh),
        TIME_OUT: _time_out(evidence, evidence.unreceived),
        UPDATE: _update(evidence, evidence.update.headers),
    }


def _receive(evidence: BitcoinEvidence, proven: Proven) -> AnyValue:
    action = ReceivePacket(Side.B, proven.packet)
    return codec.receive_packet(action, proven.proof, evidence.host_signer)


def _time_out(evidence: BitcoinEvidence, proven: Proven) -> AnyValue:
    action = TimeOutPacket(Side.B, proven.packet, Order.UNORDERED, is_on_close=False)
    return codec.time_out_packet(action, proven.proof, None, 1, evidence.host_signer)


def _update(evidence: BitcoinEvidence, headers: tuple[BlockHeader, ...]) -> AnyValue:
    message = encode_headers(Headers(headers))
    return codec.update_client(evidence.client_id, message, evidence.host_signer)


def _receive_under(evidence: BitcoinEvidence, height: int, proof: MembershipProof) -> AnyValue:
    """Return MsgRecvPacket of the fresh packet, proven by ``proof`` at ``height``."""
    value = replace(
        evidence.fresh.proof,
        proof=encode_membership_proof(proof),
        proof_height=Height(0, height),
    )
    return _receive(evidence, Proven(evidence.fresh.packet, value))


def bitcoin_byte_attempts(
    evidence: BitcoinEvidence, masks: tuple[int, ...], *, stride: int = 1
) -> Iterator[Attempt]:
    """Yield each original with one byte changed, every ``stride``-th byte up to the signer.

    A changed header that happens to have its work is a block that was mined, not a forgery;
    it is left out.
    """
    messages = bitcoin_originals(evidence)
    for name, proven in ((RECEIVE, evidence.fresh), (TIME_OUT, evidence.unreceived)):
        target = Target(name, messages[name], proven.proof.proof, Kind.PROOF_BYTE)
        yield from flips(target, evidence.host_signer, masks, stride)
    raw = b"".join(header.encode() for header in evidence.update.headers)
    start = messages[UPDATE].value.index(raw) + len(raw) - HEADER_BYTES
    target = Target(UPDATE, messages[UPDATE], raw, Kind.HEADER_BYTE)
    for attempt in flips(target, evidence.host_signer, masks, stride):
        last = attempt.message.value[start : start + HEADER_BYTES]
        if last == raw[-HEADER_BYTES:] or not _is_mined(last):
            yield attempt


def _is_mined(raw: bytes) -> bool:
    header = decode_header(raw)
    # Bits that are no target have no work; a byte of them can be any.
    return header.bits >> 24 <= 32 and bool(header.bits & 0x7FFFFF) and has_work(header)


def bitcoin_shaped_attempts(evidence: BitcoinEvidence, blocks: "MinedBlocks") -> Iterator[Attempt]:
    """Yield the forgeries of somebody who knows the format, and mines."""
    yield from _without_work(evidence)
    yield from _wrong_difficulty(evidence)
    yield from _wrong_headers(evidence)
    yield from _shallow(evidence, blocks.honest)
    yield from _commitments(evidence, blocks)
    yield from _coinbases(evidence, blocks)
    yield from _merkle_proofs(evidence)


# --- headers --------------------------------------------------------------------------


def _of_header(evidence: BitcoinEvidence, kind: Kind, label: str, *headers: BlockHeader) -> Attempt:
    return Attempt(kind, label, _update(evidence, headers), UPDATE)


def _without_work(evidence: BitcoinEvidence) -> Iterator[Attempt]:
    kind, rules, true = Kind.WORK_MISSING, evidence.client.rules, evidence.update.headers
    plain = child(evidence.tip, rules)
    above = bits_of(2 * rules.pow_limit)
    yield _of_header(evidence, kind, "no nonce was searched", without_work(plain))
    for label, bits in (
        ("a target above the limit", above),
        ("a negative target", _NEGATIVE_BITS),
        ("no target", _ZERO_BITS),
        ("a target of over 256 bits", _HUGE_BITS),
    ):
        header = replace(plain, bits=bits)
        yield _of_header(evidence, kind, label, with_work(header) if bits == above else header)
    for at, header in enumerate(true):
        idle = without_work(replace(header, nonce=(header.nonce + 1) % (1 << 32)))
        headers = (*true[:at], idle, *true[at + 1 :])
        yield _of_header(evidence, kind, f"true headers, the nonce of {at} changed", *headers)
    last = without_work(child(_after(evidence), rules))
    yield _of_header(evidence, kind, "true headers and one without work", *true, last)


def _after(evidence: BitcoinEvidence) -> ChainPoint:
    """Return the point of the last true header, as far as a child's own fields need it."""
    return replace(evidence.tip, header=evidence.update.headers[-1])


def _wrong_difficulty(evidence: BitcoinEvidence) -> Iterator[Attempt]:
    """Yield headers with work for another difficulty than is due, also where a period begins."""
    kind, rules, tip = Kind.RETARGET_WRONG, evidence.client.rules, evidence.tip
    for label, bits in _other_bits(next_bits(tip, rules), rules):
        header = with_work(replace(child(tip, rules), bits=bits))
        yield _of_header(evidence, kind, f"next: {label}", header)
    if not rules.retargeting:
        return
    run = mine_to_retarget(tip, rules)
    last = run[-1] if run else tip
    before = tuple(point.header for point in run)
    due = next_bits(last, rules)
    kept = (("kept", last.header.bits),) if last.header.bits != due else ()
    for label, bits in (*kept, *_other_bits(due, rules)):
        header = with_work(replace(child(last, rules), bits=bits))
        yield _of_header(evidence, kind, f"at the retarget: {label}", *before, header)


def _other_bits(due: int, rules: ProofOfWorkRules) -> Iterator[tuple[str, int]]:
    target = target_of(due)
    for label, other in (
        ("twice the work", target // 2),
        ("a little more work", target - target // 1_024),
        ("a little less work", target + target // 1_024),
        ("half the work", 2 * target),
    ):
        if other <= rules.pow_limit:
            yield label, bits_of(other)


def _wrong_headers(evidence: BitcoinEvidence) -> Iterator[Attempt]:
    """Yield headers that have their work and break another rule, and messages of no headers."""
    kind, rules, tip = Kind.BLOCK_HEADER_WRONG, evidence.client.rules, evidence.tip
    true = evidence.update.headers
    plain = child(tip, rules)
    late = evidence.now + 2 * MAX_FUTURE_BLOCK_SECONDS
    for label, header in (
        ("at the median of the times before", replace(plain, time=tip.median_time_past)),
        ("four hours ahead", replace(plain, time=late)),
        ("version 3", replace(plain, version=3)),
        ("a negative version", replace(plain, version=-1)),
        ("on an unknown block", replace(plain, previous_block=b"\x0e" * 32)),
    ):
        yield _of_header(evidence, kind, label, with_work(header))
    for label, headers in (
        ("true headers in reverse", true[::-1]),
        ("true headers, the first left out", true[1:]),
        ("true headers, one left out", (true[0], *true[2:])),
        ("a true header twice", (true[0], true[0])),
    ):
        yield _of_header(evidence, kind, label, *headers)
    raw = b"".join(header.encode() for header in true)
    for label, data in (
        ("no headers", b""),
        ("79 bytes", raw[: HEADER_BYTES - 1]),
        ("a byte too many", raw + b"\0"),
        ("too many headers", raw[:HEADER_BYTES] * (MAX_HEADERS_PER_MESSAGE + 1)),
    ):
        message = AnyValue(HEADERS_TYPE_URL, encode(bitcoin_pb2.Headers(headers=data)))
        forged = codec.update_client(evidence.client_id, message, evidence.host_signer)
        yield Attempt(kind, label, forged, UPDATE)


# --- blocks of the forger's own -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MinedBlocks:
    """Blocks with work that a forger makes final at the client; all name the chain's own root."""

    honest: MinedBlock
    """As the chain's own: what it names is believed, since it has the work."""
    crowded: MinedBlock
    """The commitment is followed by another; more coinbases and a payment follow with it."""
    bare: MinedBlock
    """The root stands in outputs of other forms only."""


def mined_blocks(evidence: BitcoinEvidence) -> MinedBlocks:
    """Return the forger's blocks on the client's tip; takes some seconds of search."""
    height = evidence.tip.height + 1
    good = commitment_script(evidence.client.commitment_tag, _root(evidence))
    bad = commitment_script(evidence.client.commitment_tag, _NO_STATE)

    def mined(*transactions: Transaction) -> MinedBlock:
        rules = evidence.client.rules
        return mine_block(evidence.tip, rules, transactions, evidence.confirmations)

    return MinedBlocks(
        honest=mined(coinbase(height, [good])),
        crowded=mined(
            coinbase(height, [good, bad]),
            coinbase(height, [good], note=b"second"),
            payment([good]),
        ),
        bare=mined(coinbase(height, list(_other_forms(evidence)), note=good)),
    )


def _root(evidence: BitcoinEvidence) -> bytes:
    """Return the root under which the fresh packet is proven."""
    true = decode_membership_proof(evidence.fresh.proof.proof)
    first = decode_transaction(true.coinbase, allow_witness=False)
    root = committed_root(first, evidence.client.commitment_tag)
    assert root is not None, "the true coinbase commits to no state"
    return root


def _other_forms(evidence: BitcoinEvidence) -> Iterator[bytes]:
    """Yield scripts that hold tag and root, and are no commitment."""
    tag, root = evidence.client.commitment_tag, _root(evidence)
    yield commitment_script(_OTHER_TAG, root)
    yield commitment_script(tag, root) + b"\0"
    yield commitment_script(tag, root[:-1])
    yield bytes([Op.RETURN, 0x4C, len(tag + root)]) + tag + root
    yield bytes([Op.NOP]) + commitment_script(tag, root)
    yield push(tag + root)
    yield commitment_script(root[:4], root[4:] + tag)


def mined_original(evidence: BitcoinEvidence, blocks: MinedBlocks) -> tuple[AnyValue, ...]:
    """Return what a forger with the work can do: that it is accepted makes the rest a test.

    The forgeries of commitments and coinbases differ from it in the place alone.
    """
    block = blocks.honest
    return (
        _update(evidence, block.headers),
        _receive_under(evidence, block.height, _proof_in(evidence, block, 0)),
    )


def _proof_in(evidence: BitcoinEvidence, block: MinedBlock, index: int) -> MembershipProof:
    """Return the proof of the transaction at ``index`` of a block as its coinbase."""
    true = decode_membership_proof(evidence.fresh.proof.proof)
    txids = [tx.txid for tx in block.transactions]
    return MembershipProof(
        coinbase=block.transactions[index].stripped,
        transactions=len(txids),
        branch=merkle_branch(txids, index),
        merkle_proof=true.merkle_proof,
    )


def _mined(
    evidence: BitcoinEvidence, kind: Kind, label: str, block: MinedBlock, proof: MembershipProof
) -> Attempt:
    message = _receive_under(evidence, block.height, proof)
    before = (_update(evidence, block.headers),)
    return Attempt(kind, label, message, RECEIVE, before)


def _shallow(evidence: BitcoinEvidence, honest: MinedBlock) -> Iterator[Attempt]:
    kind, packet = Kind.BLOCK_SHALLOW, evidence.fresh.packet
    for value in evidence.shallow:
        depth = evidence.tip.height - value.proof_height.revision_height + 1
        message = _receive(evidence, Proven(packet, value))
        yield Attempt(kind, f"a true proof under a block {depth} deep", message, RECEIVE)
    proof = _proof_in(evidence, honest, 0)
    for depth in range(1, evidence.confirmations):
        before = (_update(evidence, honest.headers[:depth]),)
        message = _receive_under(evidence, honest.height, proof)
        yield Attempt(kind, f"a mined block {depth} deep", message, RECEIVE, before)
    true = decode_membership_proof(evidence.fresh.proof.proof)
    for label, height in (
        ("as a block that is not there", evidence.tip.height + 1_000),
        ("as a block before the client", 1),
        ("as genesis", 0),
        ("at the greatest height", UINT64_MAX),
    ):
        yield Attempt(kind, label, _receive_under(evidence, height, true), RECEIVE)


# --- commitments and coinbases --------------------------------------------------------


def _commitments(evidence: BitcoinEvidence, blocks: MinedBlocks) -> Iterator[Attempt]:
    kind, bait = Kind.COMMITMENT_ELSEWHERE, evidence.bait
    yield _mined(
        evidence,
        kind,
        "a mined block: followed by another",
        blocks.crowded,
        _proof_in(evidence, blocks.crowded, 0),
    )
    yield _mined(
        evidence,
        kind,
        "a mined block: in a payment",
        blocks.crowded,
        _proof_in(evidence, blocks.crowded, 2),
    )
    yield _mined(
        evidence,
        kind,
        "a mined block: in outputs of other forms, and in the input",
        blocks.bare,
        _proof_in(evidence, blocks.bare, 0),
    )
    txids = [tx.txid for tx in bait.transactions]
    bought = MembershipProof(
        coinbase=bait.transactions[bait.index].stripped,
        transactions=len(txids),
        branch=merkle_branch(txids, bait.index),
        merkle_proof=bait.merkle_proof,
    )
    message = _receive_under(evidence, bait.height, bought)
    yield Attempt(kind, "bought in a payment of a final block", message, RECEIVE)
    true = decode_membership_proof(evidence.fresh.proof.proof)
    first = decode_transaction(true.coinbase, allow_witness=False)
    at = evidence.fresh.proof.proof_height.revision_height
    again = TxOutput(0, commitment_script(evidence.client.commitment_tag, _root(evidence)))
    for label, outputs in (
        ("the true coinbase, its outputs reversed", first.outputs[::-1]),
        ("the true coinbase, with another after it", (*first.outputs, again)),
        ("the true coinbase without it", tuple(o for o in first.outputs if o != again)),
        ("the true coinbase with nothing else", (again,)),
    ):
        moved = replace(true, coinbase=replace(first, outputs=outputs).stripped)
        yield Attempt(kind, label, _receive_under(evidence, at, moved), RECEIVE)


def _coinbases(evidence: BitcoinEvidence, blocks: MinedBlocks) -> Iterator[Attempt]:
    kind, block = Kind.COINBASE_ELSEWHERE, blocks.crowded
    second = _proof_in(evidence, block, 1)
    first = _proof_in(evidence, block, 0)
    for label, proof in (
        ("at index 1", second),
        ("at index 1, with the branch of index 0", replace(second, branch=first.branch)),
        ("at index 1, with its branch reversed", replace(second, branch=second.branch[::-1])),
        ("at index 1, said to be alone", replace(second, transactions=1, branch=())),
        ("at index 1, with the first for a sibling", replace(second, transactions=2)),
    ):
        yield _mined(evidence, kind, f"a mined block: {label}", block, proof)
    txids = [tx.txid for tx in block.transactions]
    inner = replace(first, coinbase=txids[0] + txids[1], branch=first.branch[1:], transactions=2)
    yield _mined(evidence, kind, "a mined block: an inner node for it", block, inner)
    true = decode_membership_proof(evidence.fresh.proof.proof)
    at = evidence.fresh.proof.proof_height.revision_height
    strange = MembershipProof(
        blocks.honest.transactions[0].stripped, true.transactions, true.branch, true.merkle_proof
    )
    for label, proof in (
        ("of another block", strange),
        ("with a step too many", replace(true, branch=(*true.branch, bytes(32)))),
        ("with a step of 31 bytes", replace(true, branch=(bytes(31),))),
        ("of a block of no transactions", replace(true, transactions=0)),
        ("of a block of too many", replace(true, transactions=(1 << 32) - 1)),
        ("with bytes after it", replace(true, coinbase=true.coinbase + b"\0")),
        ("cut short", replace(true, coinbase=true.coinbase[:-1])),
        ("empty", replace(true, coinbase=b"")),
    ):
        yield Attempt(kind, label, _receive_under(evidence, at, proof), RECEIVE)


def _merkle_proofs(evidence: BitcoinEvidence) -> Iterator[Attempt]:
    """Yield what is forged of the state's proofs below the commitment."""
    proofs = ((RECEIVE, evidence.fresh, _receive), (TIME_OUT, evidence.unreceived, _time_out))
    for name, proven, message_of in proofs:
        true = decode_membership_proof(proven.proof.proof)
        for kind, label, forged in forged_proofs(true.merkle_proof):
            data = encode_membership_proof(replace(true, merkle_proof=forged))
            value = replace(proven.proof, proof=data)
            message = message_of(evidence, Proven(proven.packet, value))
            yield Attempt(kind, f"{name}: {label}", message, name)
