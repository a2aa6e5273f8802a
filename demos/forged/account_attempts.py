"""Every forgery against a QBFT client, and the true messages that they are judged against.

A forger has keys of his own and no validator's. What he seals with them has true seals of a
set that he names.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from chainkit.formats.ethereum.bft_extra_data import ADD_VOTE, QbftExtraData, ValidatorVote
from chainkit.formats.ethereum.headers import encode_header
from chainkit.formats.ethereum.qbft import (
    block_hash,
    encode_extra_data,
    make_seal,
    seal_hash,
    with_extra_data,
)
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.types import Header
from chainkit.primitives.heights import ZERO_HEIGHT, Height
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.limits import UINT64_MAX
from chainkit.primitives.types import Address, Hash32
from chainkit.sigverify.secp256k1 import ORDER
from chainkit.wire import rlp
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.lightclients.qbft.v1 import qbft_pb2
from chainkit.wire.rlp import RlpItem
from demos.forged.account_values import AccountEvidence
from demos.forged.attempts import Target, altered_packets, flips
from demos.forged.values import Attempt, Kind, Proven
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import Order
from light_clients.qbft.codec import (
    HEADER_TYPE_URL,
    decode_membership_proof,
    encode_header_message,
    encode_membership_proof,
    encode_misbehaviour,
)
from light_clients.qbft.types import MembershipProof, Misbehaviour, SealedHeader
from relayer import codec
from relayer.views import ReceivePacket, Side, TimeOutPacket

RECEIVE, TIME_OUT = "account receive", "account time out"
UPDATE, ADJACENT = "account update", "adjacent account update"
STRANGERS = tuple(keccak256(b"stranger %d" % number) for number in range(7))
"""Keys of the forger's own."""
MessageOf = Callable[[AccountEvidence, Proven], AnyValue]
_LATER_S = 3_600
_OTHER = Hash32(b"\x0d" * 32)
_ID_AT = 64
"""Where the recovery id stands in a seal, after r and s."""


def account_originals(evidence: AccountEvidence) -> dict[str, AnyValue]:
    """Return the true messages by name; the host accepts each of them."""
    return {
        RECEIVE: _receive(evidence, evidence.fresh),
        TIME_OUT: _time_out(evidence, evidence.unreceived),
        ADJACENT: _update(evidence, encode_header_message(evidence.adjacent)),
        UPDATE: _update(evidence, encode_header_message(evidence.skipping)),
    }


def _receive(evidence: AccountEvidence, proven: Proven) -> AnyValue:
    action = ReceivePacket(Side.B, proven.packet)
    return codec.receive_packet(action, proven.proof, evidence.host_signer)


def _time_out(evidence: AccountEvidence, proven: Proven) -> AnyValue:
    action = TimeOutPacket(Side.B, proven.packet, Order.UNORDERED, is_on_close=False)
    return codec.time_out_packet(action, proven.proof, None, 1, evidence.host_signer)


def _update(evidence: AccountEvidence, message: AnyValue) -> AnyValue:
    return codec.update_client(evidence.client_id, message, evidence.host_signer)


def account_byte_attempts(
    evidence: AccountEvidence, masks: tuple[int, ...], *, stride: int = 1
) -> Iterator[Attempt]:
    """Yield each original with one byte changed, every ``stride``-th byte up to the signer.

    So every byte of the headers' fields, extra data and seals, and of both proofs' nodes.
    """
    messages = account_originals(evidence)
    for name, proven in ((RECEIVE, evidence.fresh), (TIME_OUT, evidence.unreceived)):
        target = Target(name, messages[name], proven.proof.proof, Kind.PROOF_BYTE)
        yield from flips(target, evidence.host_signer, masks, stride)
    for name, header in ((ADJACENT, evidence.adjacent), (UPDATE, evidence.skipping)):
        target = Target(name, messages[name], encode_header(header.header), Kind.HEADER_BYTE)
        yield from flips(target, evidence.host_signer, masks, stride)


def account_shaped_attempts(evidence: AccountEvidence) -> Iterator[Attempt]:
    """Yield the forgeries of somebody who knows the formats, and has keys."""
    pairs = (
        _Forger(evidence, ADJACENT, evidence.adjacent, evidence.skipping),
        _Forger(evidence, UPDATE, evidence.skipping, evidence.adjacent),
    )
    for forger in pairs:
        yield from forger.seals()
        yield from forger.too_few()
        yield from forger.named_validators()
        yield from forger.forms()
        yield from forger.trust()
    yield from _accusations(evidence)
    yield from _packets(evidence)
    yield from _heights(evidence)
    yield from _nodes(evidence)


# --- headers --------------------------------------------------------------------------


def _sealed(header: Header, keys: tuple[bytes, ...]) -> tuple[bytes, ...]:
    digest = seal_hash(header)
    return tuple(make_seal(key, digest) for key in keys)


def _encode_extra(extra: QbftExtraData) -> bytes:
    """Return extra data, be they of their form or not."""
    vote: RlpItem = ()
    if extra.vote is not None:
        vote = (extra.vote.recipient, ADD_VOTE)
    return rlp.encode(
        (extra.vanity, extra.validators, vote, rlp.encode_uint(extra.round), extra.seals)
    )


@dataclass(frozen=True, slots=True)
class _Forger:
    """Forges one true header; ``other`` is another of the same chain."""

    evidence: AccountEvidence
    name: str
    true: SealedHeader
    other: SealedHeader

    def _attempt(
        self, kind: Kind, label: str, header: Header, trusted: Height | None = None
    ) -> Attempt:
        """Return an update with a header, whatever its extra data are."""
        at = self.true.trusted_height if trusted is None else trusted
        message = qbft_pb2.Header(header=encode_header(header), trusted_height=at.revision_height)
        value = AnyValue(HEADER_TYPE_URL, encode(message))
        return Attempt(kind, f"{self.name}: {label}", _update(self.evidence, value), self.name)

    def _with(self, kind: Kind, label: str, extra: QbftExtraData) -> Attempt:
        header = replace(self.true.header, extra_data=_encode_extra(extra))
        return self._attempt(kind, label, header)

    def _with_seals(self, kind: Kind, label: str, seals: tuple[bytes, ...]) -> Attempt:
        return self._with(kind, label, replace(self.true.extra, seals=seals))

    def seals(self) -> Iterator[Attempt]:
        """Yield headers with seals that nobody made for them, one at a time."""
        kind, true, seals = Kind.SEAL_FORGED, self.true, self.true.extra.seals
        (strange,) = _sealed(true.header, STRANGERS[:1])
        first, rest = seals[0], seals[1:]
        zero, order = bytes(32), ORDER.to_bytes(32, "big")
        for label, seal in (
            ("of a stranger", strange),
            ("of another header", self.other.extra.seals[0]),
            ("for the second one, too", seals[1]),
            ("with r of 0", zero + first[32:]),
            ("with s of 0", first[:32] + zero + first[_ID_AT:]),
            ("with r of the order", order + first[32:]),
            ("with s of the order", first[:32] + order + first[_ID_AT:]),
            ("with r and s exchanged", first[32:_ID_AT] + first[:32] + first[_ID_AT:]),
            ("with the other id", first[:_ID_AT] + bytes([first[_ID_AT] ^ 1])),
            ("with id 2", first[:_ID_AT] + b"\x02"),
            ("with id 27", first[:_ID_AT] + b"\x1b"),
            ("without its id", first[:_ID_AT]),
            ("with a byte after it", first + b"\0"),
            ("of zeroes", bytes(len(first))),
        ):
            yield self._with_seals(kind, f"the first seal {label}", (seal, *rest))
        s = ORDER - int.from_bytes(first[32:_ID_AT], "big")
        bent = first[:32] + s.to_bytes(32, "big") + bytes([first[_ID_AT] ^ 1])
        yield self._with_seals(kind, "the first seal bent to its other s", (bent, *rest))
        yield self._with_seals(kind, "seals in reverse", seals[::-1])
        yield self._with_seals(kind, "the first seal bent and added", (*seals[:3], bent))
        yield self._with_seals(kind, "more seals than validators", (*seals, *seals))
        yield self._with_seals(kind, "a stranger's seal added", (*seals[:3], strange))
        yield self._with_seals(kind, "the other header's seals", self.other.extra.seals)

    def too_few(self) -> Iterator[Attempt]:
        """Yield headers without the two thirds that their set needs."""
        kind, seals = Kind.SEALS_TOO_FEW, self.true.extra.seals
        for count in range(3):
            yield self._with_seals(kind, f"{count} of {len(seals)} seals", seals[:count])
        yield self._with_seals(kind, "one seal three times", seals[:1] * 3)
        yield self._with_seals(kind, "two seals, one of them twice", (*seals[:2], seals[0]))

    def named_validators(self) -> Iterator[Attempt]:
        """Yield headers whose seals are those of the set that they name, or a part of it."""
        kind, true = Kind.VALIDATORS_NAMED, self.true.extra.validators
        own = tuple(sorted((address_of(key), key) for key in STRANGERS))
        for label, count, kept in (
            ("one of the forger's own", 1, 0),
            ("four of the forger's own", 4, 0),
            ("his and one that is trusted", 4, 1),
            ("his and all that are trusted but one", 7, 3),
            ("his and all that are trusted", 7, 4),
        ):
            mine = own[:count]
            members = tuple(sorted((*(address for address, _ in mine), *true[:kept])))
            yield self._named(kind, label, members, tuple(key for _, key in mine))
        for label, members in (
            ("the trusted set without its first", true[1:]),
            ("the trusted set and a stranger", tuple(sorted((*true, own[0][0])))),
            ("the trusted set in reverse", true[::-1]),
            ("the trusted set, the first of it twice", (true[0], *true)),
            ("nobody", ()),
        ):
            yield self._with(
                kind, f"{label}, with true seals", replace(self.true.extra, validators=members)
            )

    def _named(
        self, kind: Kind, label: str, members: tuple[Address, ...], keys: tuple[bytes, ...]
    ) -> Attempt:
        header = replace(self.true.header, state_root=_OTHER, beneficiary=address_of(keys[0]))
        extra = replace(self.true.extra, validators=members, seals=())
        header = with_extra_data(header, extra)
        seals = _sealed(header, keys)
        return self._attempt(kind, label, with_extra_data(header, replace(extra, seals=seals)))

    def forms(self) -> Iterator[Attempt]:
        """Yield true headers with one field changed, and other bytes for a header."""
        kind, true, extra = Kind.EXTRA_DATA_WRONG, self.true.header, self.true.extra
        for label, header in (
            ("another state root", replace(true, state_root=_OTHER)),
            ("another parent", replace(true, parent_hash=_OTHER)),
            ("other receipts", replace(true, receipts_root=_OTHER)),
            ("a second later", replace(true, timestamp=true.timestamp + 1)),
            ("an hour ahead", replace(true, timestamp=self.evidence.now + _LATER_S)),
            ("in 1970", replace(true, timestamp=1)),
            ("the next number", replace(true, number=true.number + 1)),
            ("the number of genesis", replace(true, number=0)),
            ("the greatest number", replace(true, number=UINT64_MAX)),
            ("difficulty 2", replace(true, difficulty=2)),
            ("another mix hash", replace(true, mix_hash=_OTHER)),
            ("another nonce", replace(true, nonce=b"\x01" * 8)),
            ("made by a stranger", replace(true, beneficiary=address_of(STRANGERS[0]))),
            ("without a base fee", replace(true, base_fee_per_gas=None)),
            ("no extra data", replace(true, extra_data=b"")),
            ("extra data of four fields", replace(true, extra_data=b"\xc4\x80\xc0\xc0\x80")),
            ("a byte after the extra data", replace(true, extra_data=true.extra_data + b"\0")),
        ):
            yield self._attempt(kind, label, header)
        vote = ValidatorVote(address_of(STRANGERS[0]), add=True)
        yield self._with(kind, "with a vote for a stranger", replace(extra, vote=vote))
        yield self._with(kind, "of the next round", replace(extra, round=extra.round + 1))
        yield self._with(kind, "with other vanity", replace(extra, vanity=_OTHER))
        raw = encode_header(true)
        assert raw[0] == 0xF9, "a header has between 256 and 65,535 bytes"
        longer = b"\xfa\0" + raw[1:]
        for label, data in (
            ("a byte after it", raw + b"\0"),
            ("cut short", raw[:-1]),
            ("its size in three bytes", longer),
            ("nothing", b""),
            ("only its extra data", encode_extra_data(extra)),
        ):
            at = self.true.trusted_height.revision_height
            message = encode(qbft_pb2.Header(header=data, trusted_height=at))
            forged = _update(self.evidence, AnyValue(HEADER_TYPE_URL, message))
            yield Attempt(Kind.HEADER_ENCODING, f"{self.name}: {label}", forged, self.name)

    def trust(self) -> Iterator[Attempt]:
        """Yield the true header, built on what the client does not have."""
        at, own = self.true.trusted_height.revision_height, self.true.header.number
        for label, height in (
            ("no height", 0),
            ("its own height", own),
            ("the height after", own + 1),
            ("a height that was left out", at - 1),
            ("the greatest height", UINT64_MAX),
        ):
            trusted = Height(0, height)
            yield self._attempt(
                Kind.TRUST_ALTERED, f"trusted from {label}", self.true.header, trusted
            )


def _accusations(evidence: AccountEvidence) -> Iterator[Attempt]:
    """Yield pairs of headers that prove no fork."""
    adjacent, skipping = evidence.adjacent, evidence.skipping
    fewer = _resealed(adjacent, replace(adjacent.extra, seals=adjacent.extra.seals[:3]))
    bare = replace(adjacent.header, state_root=_OTHER)
    forged = SealedHeader(bare, adjacent.extra, block_hash(bare), adjacent.trusted_height)
    for label, pair in (
        ("a header and itself", (adjacent, adjacent)),
        ("a header with other seals", (adjacent, fewer)),
        ("headers of two heights", (adjacent, skipping)),
        ("a header and one that nobody sealed", (adjacent, forged)),
    ):
        message = _update(evidence, encode_misbehaviour(Misbehaviour(*pair)))
        yield Attempt(Kind.MISBEHAVIOUR_FALSE, f"account: {label}", message)


def _resealed(true: SealedHeader, extra: QbftExtraData) -> SealedHeader:
    return replace(true, header=with_extra_data(true.header, extra), extra=extra)


# --- packets and proofs ---------------------------------------------------------------


def _packets(evidence: AccountEvidence) -> Iterator[Attempt]:
    kind = Kind.PACKET_ALTERED
    for label, packet in altered_packets(evidence.fresh.packet):
        message = _receive(evidence, replace(evidence.fresh, packet=packet))
        yield Attempt(kind, f"{RECEIVE}: {label}", message, RECEIVE)
    for label, packet in altered_packets(evidence.unreceived.packet):
        message = _time_out(evidence, replace(evidence.unreceived, packet=packet))
        yield Attempt(kind, f"{TIME_OUT}: {label}", message)


def _heights(evidence: AccountEvidence) -> Iterator[Attempt]:
    kind, at = Kind.PROOF_AT_ANOTHER_HEIGHT, evidence.fresh.proof.proof_height.revision_height
    for label, height in (
        ("no height", ZERO_HEIGHT),
        ("the height before", Height(0, at - 1)),
        ("the height after", Height(0, at + 1)),
        ("the greatest height", Height(0, UINT64_MAX)),
        ("another revision", Height(1, at)),
    ):
        for name, proven, message_of in _proven(evidence):
            value = replace(proven.proof, proof_height=height)
            message = message_of(evidence, replace(proven, proof=value))
            yield Attempt(kind, f"{name} at {label}", message, name)


def _proven(evidence: AccountEvidence) -> Iterator[tuple[str, Proven, MessageOf]]:
    yield RECEIVE, evidence.fresh, _receive
    yield TIME_OUT, evidence.unreceived, _time_out


def _nodes(evidence: AccountEvidence) -> Iterator[Attempt]:
    """Yield both proofs with other nodes, and each in place of the other."""
    present = decode_membership_proof(evidence.fresh.proof.proof)
    absent = decode_membership_proof(evidence.unreceived.proof.proof)
    for name, proven, message_of in _proven(evidence):
        true, strange = (present, absent) if name == RECEIVE else (absent, present)
        for kind, label, proof in _other_nodes(true, strange, evidence.other_account):
            value = replace(proven.proof, proof=encode_membership_proof(proof))
            message = message_of(evidence, replace(proven, proof=value))
            yield Attempt(kind, f"{name}: {label}", message, name)
        for label, data in (
            ("no proof", b""),
            ("with a field after it", proven.proof.proof + b"\x1a\x01\0"),
            ("with a byte after it", proven.proof.proof + b"\0"),
        ):
            value = replace(proven.proof, proof=data)
            message = message_of(evidence, replace(proven, proof=value))
            yield Attempt(Kind.PROOF_ENCODING, f"{name}: {label}", message, name)


def _other_nodes(
    true: MembershipProof, strange: MembershipProof, other_account: tuple[bytes, ...]
) -> Iterator[tuple[Kind, str, MembershipProof]]:
    kind, account, storage = Kind.TRIE_NODES_FORGED, true.account_nodes, true.storage_nodes
    for what, nodes in (("account", account), ("storage", storage)):
        for label, forged in _bent(nodes):
            proof = (
                MembershipProof(forged, storage)
                if what == "account"
                else MembershipProof(account, forged)
            )
            yield kind, f"{what} nodes, {label}", proof
    yield kind, "account and storage exchanged", MembershipProof(storage, account)
    yield kind, "storage in place of the account", MembershipProof(storage, storage)
    yield kind, "both in one list", MembershipProof((*account, *storage), ())
    yield (
        Kind.PROOF_OF_ANOTHER_KEY,
        "the storage under another account",
        MembershipProof(other_account, storage),
    )
    yield (
        Kind.PROOF_OF_ANOTHER_KIND,
        "of what is there, for what is not, or the reverse",
        MembershipProof(account, strange.storage_nodes),
    )


def _bent(nodes: tuple[bytes, ...]) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    yield "none", ()
    yield "in reverse", nodes[::-1]
    for index, node in enumerate(nodes):
        before, after = nodes[:index], nodes[index + 1 :]
        yield f"without number {index}", (*before, *after)
        yield f"number {index} twice", (*before, node, node, *after)
        yield f"number {index} cut short", (*before, node[:-1], *after)
        yield f"number {index} with a byte after it", (*before, node + b"\0", *after)
        yield f"number {index} empty", (*before, b"", *after)
        yield f"number {index} the empty trie's", (*before, b"\x80", *after)
