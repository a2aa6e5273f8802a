"""Every forgery against a client of a DAG, and the true messages that they are judged against.

A forger may mine: where a rule of the order is to be put to the test and not the work, the
headers have their work.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.building import Virtual, virtual_above
from chainkit.formats.ghostdag.dag import Dag, selected_chain
from chainkit.formats.ghostdag.headers import Header, decode_header
from chainkit.formats.ghostdag.order import known
from chainkit.formats.ghostdag.proof_of_work import bits_of, target_of
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import Height
from chainkit.primitives.limits import UINT64_MAX
from chainkit.primitives.types import Hash32
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.lightclients.ghostdag.v1 import ghostdag_pb2
from demos.forged.attempts import Target, flips
from demos.forged.ghostdag_values import GhostdagEvidence
from demos.forged.proofs import forged_proofs
from demos.forged.values import Attempt, Kind, Proven
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import Order
from light_clients.ghostdag.codec import HEADERS_TYPE_URL, encode_headers
from light_clients.ghostdag.types import MAX_HEADERS_PER_MESSAGE, Headers
from parachains.dag.mining import search
from relayer import codec
from relayer.views import ReceivePacket, Side, TimeOutPacket

RECEIVE, TIME_OUT, UPDATE = "dag receive", "dag time out", "dag update"
NONCES = 1 << 32
_STRANGER = Hash32(b"\x0e" * 32)
_NEGATIVE_BITS, _ZERO_BITS, _HUGE_BITS = 0x1D80FFFF, 0x1D000000, 0xFF00FFFF
_BELOW_FINAL = 3
"""Blocks below the newest final one above which the forger puts a block beside the chain."""


def ghostdag_originals(evidence: GhostdagEvidence) -> dict[str, AnyValue]:
    """Return the true messages by name; the host accepts each of them."""
    return {
        RECEIVE: _receive(evidence, evidence.fresh),
        TIME_OUT: _time_out(evidence, evidence.unreceived),
        UPDATE: _update(evidence, evidence.update),
    }


def _receive(evidence: GhostdagEvidence, proven: Proven) -> AnyValue:
    action = ReceivePacket(Side.B, proven.packet)
    return codec.receive_packet(action, proven.proof, evidence.host_signer)


def _time_out(evidence: GhostdagEvidence, proven: Proven) -> AnyValue:
    action = TimeOutPacket(Side.B, proven.packet, Order.UNORDERED, is_on_close=False)
    return codec.time_out_packet(action, proven.proof, None, 1, evidence.host_signer)


def _update(evidence: GhostdagEvidence, headers: tuple[Header, ...]) -> AnyValue:
    message = encode_headers(Headers(headers))
    return codec.update_client(evidence.client_id, message, evidence.host_signer)


def ghostdag_byte_attempts(
    evidence: GhostdagEvidence, masks: tuple[int, ...], *, stride: int = 1
) -> Iterator[Attempt]:
    """Yield each original with one byte changed, every ``stride``-th byte up to the signer.

    Of the update the last header's bytes are those of headers, what is before is around them.
    A changed header that happens to have its work is a block that was mined, not a forgery;
    it is left out.
    """
    messages = ghostdag_originals(evidence)
    for name, proven in ((RECEIVE, evidence.fresh), (TIME_OUT, evidence.unreceived)):
        target = Target(name, messages[name], proven.proof.proof, Kind.PROOF_BYTE)
        yield from flips(target, evidence.host_signer, masks, stride)
    # one header is enough: a change in an earlier one is refused at once, the rest unread
    short = _update(evidence, evidence.update[:1])
    raw = evidence.update[0].encode()
    start = short.value.index(raw)
    target = Target(UPDATE, short, raw, Kind.HEADER_BYTE)
    for attempt in flips(target, evidence.host_signer, masks, stride):
        changed = attempt.message.value[start : start + len(raw)]
        if changed == raw or not _is_mined(changed):
            yield attempt


def _is_mined(raw: bytes) -> bool:
    try:
        header = decode_header(raw)
        return int.from_bytes(header.hash, "little") <= target_of(header.bits)
    except RuleBroken:
        return False


def ghostdag_shaped_attempts(evidence: GhostdagEvidence) -> Iterator[Attempt]:
    """Yield the forgeries of somebody who knows the format, and mines."""
    forger = _Forger(evidence)
    yield from _without_work(evidence, forger)
    yield from _wrong_difficulty(evidence, forger)
    yield from _wrong_order(evidence, forger)
    yield from _wrong_headers(evidence, forger)
    yield from _shallow(evidence)
    yield from _merged_states(evidence, forger)
    yield from _merkle_proofs(evidence)


class _Forger:
    """Who mines above blocks that the client has. Mutable: the DAG remembers its windows."""

    def __init__(self, evidence: GhostdagEvidence) -> None:
        client = evidence.client
        self.parameters = client.parameters
        self.dag = Dag(client.parameters, evidence.blocks, client.genesis)
        self.tip = known(self.dag, client.tip)
        self._now_ms = evidence.now_ms

    def above(self, *parents: Hash32, root: Hash32 = _STRANGER) -> Header:
        """Return a header above parents, all of it right but for the work."""
        virtual = self.virtual(*parents)
        return virtual.header(
            self.parameters.version,
            timestamp_ms=self._now_ms,
            transactions_root=_STRANGER,
            accepted_root=_STRANGER,
            state_root=root,
        )

    def virtual(self, *parents: Hash32) -> Virtual:
        """Return what follows from parents."""
        return virtual_above(self.dag, parents, self.parameters, self.dag.windows)

    def chain(self) -> tuple[DagBlock, ...]:
        """Return the selected chain of the client's tip, highest first."""
        return tuple(selected_chain(self.dag, self.tip.hash))


def _mined(header: Header) -> Header:
    found = search(header, 0, NONCES)
    assert found is not None, "no nonce gives the header its work"
    return found


def _idle(header: Header) -> Header:
    """Return the header with the first nonce that gives it no work."""
    while int.from_bytes(header.hash, "little") <= target_of(header.bits):
        header = replace(header, nonce=header.nonce + 1)
    return header


def _of(evidence: GhostdagEvidence, kind: Kind, label: str, *headers: Header) -> Attempt:
    return Attempt(kind, label, _update(evidence, headers), UPDATE)


def _without_work(evidence: GhostdagEvidence, forger: _Forger) -> Iterator[Attempt]:
    kind, true = Kind.WORK_MISSING, evidence.update
    plain = forger.above(forger.tip.hash)
    yield _of(evidence, kind, "a DAG's header, no nonce was searched", _idle(plain))
    easy = replace(plain, bits=bits_of(2 * forger.parameters.max_target))
    yield _of(evidence, kind, "a DAG's header, a target above the limit", _mined(easy))
    for label, bits in (
        ("a negative target", _NEGATIVE_BITS),
        ("no target", _ZERO_BITS),
        ("a target of over 256 bits", _HUGE_BITS),
    ):
        yield _of(evidence, kind, f"a DAG's header, {label}", replace(plain, bits=bits))
    for at, header in enumerate(true):
        idle = _idle(replace(header, nonce=(header.nonce + 1) % (1 << 64)))
        headers = (*true[:at], idle, *true[at + 1 :])
        yield _of(evidence, kind, f"a DAG's true headers, the nonce of {at} changed", *headers)


def _wrong_difficulty(evidence: GhostdagEvidence, forger: _Forger) -> Iterator[Attempt]:
    plain = forger.above(forger.tip.hash)
    target = target_of(plain.bits)
    for label, other in (
        ("twice the work", target // 2),
        ("a little more work", target - target // 1_024),
        ("a little less work", target + target // 1_024),
        ("half the work", 2 * target),
    ):
        if other <= forger.parameters.max_target:
            header = _mined(replace(plain, bits=bits_of(other)))
            yield _of(evidence, Kind.RETARGET_WRONG, f"a DAG's window: {label}", header)


def _wrong_order(evidence: GhostdagEvidence, forger: _Forger) -> Iterator[Attempt]:
    """Yield headers with work whose parents, scores or pruning point are not the order's."""
    kind, p = Kind.ORDER_WRONG, forger.parameters
    plain = forger.above(forger.tip.hash)
    below = forger.tip.order.selected_parent
    assert below is not None
    changes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("a blue score too many", {"blue_score": plain.blue_score + 1}),
        ("a blue score too few", {"blue_score": plain.blue_score - 1}),
        ("a blue score far above", {"blue_score": plain.blue_score + 1_000}),
        ("a little more blue work", {"blue_work": plain.blue_work + 1}),
        ("a little less blue work", {"blue_work": plain.blue_work - 1}),
        ("more blue work than all", {"blue_work": 1 << 190}),
        ("a DAA score too many", {"daa_score": plain.daa_score + 1}),
        ("a DAA score too few", {"daa_score": plain.daa_score - 1}),
        ("the tip for the pruning point", {"pruning_point": forger.tip.hash}),
        ("a stranger for the pruning point", {"pruning_point": _STRANGER}),
        ("a parent's parent, too", {"parents_by_level": ((forger.tip.hash, below),)}),
        ("a parent twice", {"parents_by_level": ((forger.tip.hash, forger.tip.hash),)}),
        ("an unknown parent", {"parents_by_level": ((_STRANGER,),)}),
        ("an unknown parent, too", {"parents_by_level": ((forger.tip.hash, _STRANGER),)}),
        ("no parent", {"parents_by_level": ((),)}),
        ("no levels of parents", {"parents_by_level": ()}),
        ("two levels of parents", {"parents_by_level": ((forger.tip.hash,), (below,))}),
        ("too many parents", {"parents_by_level": ((forger.tip.hash,) * (p.max_parents + 1),)}),
    )
    for label, change in changes:
        yield _of(evidence, kind, label, _mined(replace(plain, **change)))


def _wrong_headers(evidence: GhostdagEvidence, forger: _Forger) -> Iterator[Attempt]:
    """Yield headers with work that break a rule of time or version, and messages of no headers."""
    kind, p, true = Kind.BLOCK_HEADER_WRONG, forger.parameters, evidence.update
    plain = forger.above(forger.tip.hash)
    median = forger.virtual(forger.tip.hash).median_time_ms
    late = evidence.now_ms + 10 * p.timestamp_tolerance_ms + 3_600_000
    for label, header in (
        ("at the past median time", replace(plain, timestamp=median)),
        ("at time 0", replace(plain, timestamp=0)),
        ("an hour ahead", replace(plain, timestamp=late)),
        ("of another version", replace(plain, version=plain.version + 1)),
    ):
        yield _of(evidence, kind, f"a DAG's header {label}", _mined(header))
    for label, headers in (
        ("in reverse", true[::-1]),
        ("the first left out", true[1:]),
        ("children without parents", true[-1:]),
    ):
        yield _of(evidence, kind, f"a DAG's true headers, {label}", *headers)
    raw = true[0].encode()
    for label, data in (
        ("no headers", ()),
        ("cut short", (raw[:-1],)),
        ("a byte too many", (raw + b"\0",)),
        ("an empty one", (b"",)),
        ("too many headers", (raw,) * (MAX_HEADERS_PER_MESSAGE + 1)),
    ):
        message = AnyValue(HEADERS_TYPE_URL, encode(ghostdag_pb2.Headers(headers=data)))
        forged = codec.update_client(evidence.client_id, message, evidence.host_signer)
        yield Attempt(kind, f"a DAG's headers, {label}", forged, UPDATE)


# --- states -------------------------------------------------------------------------------


def _under(evidence: GhostdagEvidence, height: int) -> AnyValue:
    """Return MsgRecvPacket of the fresh packet with its true proof, said to be at ``height``."""
    proof = replace(evidence.fresh.proof, proof_height=Height(0, height))
    return _receive(evidence, Proven(evidence.fresh.packet, proof))


def _shallow(evidence: GhostdagEvidence) -> Iterator[Attempt]:
    kind, packet = Kind.BLOCK_SHALLOW, evidence.fresh.packet
    for value in evidence.shallow:
        message = _receive(evidence, Proven(packet, value))
        label = f"a true proof at blue score {value.proof_height.revision_height}, not final"
        yield Attempt(kind, label, message, RECEIVE)
    final = evidence.client.latest_height.revision_height
    for label, height in (
        ("at a blue score that nothing has", final + 1_000),
        ("at genesis of a DAG", 0),
        ("at the greatest blue score", UINT64_MAX),
    ):
        yield Attempt(kind, label, _under(evidence, height), RECEIVE)


def _merged_states(evidence: GhostdagEvidence, forger: _Forger) -> Iterator[Attempt]:
    """Yield proofs under blocks that have their work and lie beside the selected chain."""
    kind = Kind.STATE_OF_A_MERGED_BLOCK
    chain = forger.chain()
    on_chain = {block.hash for block in chain}
    scores = {block.order.blue_score for block in chain}
    final = evidence.client.latest_height.revision_height
    at = next(n for n, block in enumerate(chain) if block.order.blue_score == final)
    # The root is one under which the packet really is proven: only its block is no chain block.
    root = chain[at].header.utxo_commitment
    fork = chain[min(at + _BELOW_FINAL, len(chain) - 1)]
    side = _mined(forger.above(fork.hash, root=root))
    yield Attempt(
        kind,
        "a mined block beside the chain that names the right root",
        _under(evidence, side.blue_score),
        RECEIVE,
        (_update(evidence, (side,)),),
    )
    merged = [block for block in evidence.blocks if block.hash not in on_chain]
    for label, found in (
        (
            "with a blue score that the chain skips",
            [b for b in merged if b.order.blue_score not in scores],
        ),
        ("with a chain block's blue score", [b for b in merged if b.order.blue_score in scores]),
    ):
        below = [b for b in found if b.order.blue_score <= final and b.order.blue_score != final]
        if below:
            score = below[-1].order.blue_score
            yield Attempt(kind, f"a merged block {label}", _under(evidence, score), RECEIVE)


def _merkle_proofs(evidence: GhostdagEvidence) -> Iterator[Attempt]:
    """Yield what is forged of the state's proofs."""
    proofs = ((RECEIVE, evidence.fresh, _receive), (TIME_OUT, evidence.unreceived, _time_out))
    for name, proven, message_of in proofs:
        for kind, label, forged in forged_proofs(proven.proof.proof):
            value = replace(proven.proof, proof=forged)
            message = message_of(evidence, Proven(proven.packet, value))
            yield Attempt(kind, f"{name}: {label}", message, name)
