"""Every forgery of a set of evidence, and the true messages that they are judged against."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chainkit.commitments.ics23 import (
    ExistenceProof,
    decode_proof,
    encode_proof,
    join_merkle_proof,
    split_merkle_proof,
)
from chainkit.primitives.heights import ZERO_HEIGHT, Height
from chainkit.primitives.limits import UINT64_MAX
from chainkit.primitives.types import (
    ChannelId,
    ClientId,
    ConnectionId,
    PortId,
    Sequence,
    TimestampNs,
)
from demos.forged.codec import reserved_messages, upgrade_client
from demos.forged.headers import false_accusations, forged_headers
from demos.forged.messages import (
    acknowledge,
    channel_try,
    connection_try,
    receive,
    time_out,
    time_out_on_close,
    update,
    update_with,
)
from demos.forged.proofs import absences_of, forged_proofs
from demos.forged.values import Attempt, Evidence, Headers, Kind, Proven
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.acknowledgement import ErrorAcknowledgement, encode_acknowledgement
from ibc.ics04_channel.types import Order, Packet
from ibc.ics24_host import paths
from light_clients.tendermint.codec import encode_client_message
from relayer import codec

RECEIVE, ACKNOWLEDGE, TIME_OUT, TRY = "receive", "acknowledge", "time out", "channel try"
CONNECT = "connection try"
UPDATE, ADJACENT = "update", "adjacent update"
_SIGNER_TAG_BYTES = 2
"""Tag and length before the signer, the last field of each message, below 128 bytes long."""


def originals(evidence: Evidence) -> dict[str, AnyValue]:
    """Return the true messages by name; the host accepts each of them."""
    return {
        RECEIVE: receive(evidence, evidence.fresh),
        ACKNOWLEDGE: acknowledge(evidence, evidence.answered),
        TIME_OUT: time_out(evidence, evidence.unreceived),
        TRY: channel_try(evidence, evidence.channel, evidence.channel_proof),
        CONNECT: connection_try(evidence, evidence.begun_connection, evidence.begun_proof),
        **header_originals(evidence.headers),
    }


def header_originals(headers: Headers) -> dict[str, AnyValue]:
    """Return the true updates by name."""
    return {
        ADJACENT: update(headers, headers.adjacent),
        UPDATE: update(headers, headers.skipping),
    }


def shaped_attempts(evidence: Evidence) -> Iterator[Attempt]:
    """Yield the forgeries of somebody who knows the formats."""
    yield from _of_packets(evidence)
    yield from _of_proofs(evidence)
    yield from _of_heights(evidence)
    yield from _of_acknowledgements(evidence)
    yield from _of_timeouts(evidence)
    yield from _of_channels(evidence)
    yield from _of_closes(evidence)
    yield from _of_connections(evidence)
    yield from header_attempts(evidence.headers)
    yield from _of_other_chains(evidence)
    yield from _of_clients(evidence)
    yield from _of_upgrades(evidence)
    for label, message in reserved_messages(
        evidence.headers.client_id, evidence.expired_client_id, evidence.host_signer
    ):
        yield Attempt(Kind.AUTHORITY_CLAIMED, label, message)


def byte_attempts(
    evidence: Evidence, masks: tuple[int, ...], *, stride: int = 1
) -> Iterator[Attempt]:
    """Yield each original with one byte changed, every ``stride``-th byte up to the signer.

    The signer's own bytes are left alone: another signer's signature would be missing, and
    the forgery would not get as far as the verifier.
    """
    proofs = {
        RECEIVE: evidence.fresh.proof,
        ACKNOWLEDGE: evidence.answered.proof,
        TIME_OUT: evidence.unreceived.proof,
        TRY: evidence.channel_proof,
        CONNECT: evidence.begun_proof,
    }
    messages = originals(evidence)
    for name, proven in proofs.items():
        target = Target(name, messages[name], proven.proof, Kind.PROOF_BYTE)
        yield from flips(target, evidence.host_signer, masks, stride)
    yield from header_byte_attempts(evidence.headers, masks, stride=stride)


def header_byte_attempts(
    headers: Headers, masks: tuple[int, ...], *, stride: int = 1
) -> Iterator[Attempt]:
    """Yield both updates with one byte changed, as :func:`byte_attempts`."""
    messages = header_originals(headers)
    for name, header in ((ADJACENT, headers.adjacent), (UPDATE, headers.skipping)):
        inner = encode_client_message(header).value
        target = Target(name, messages[name], inner, Kind.HEADER_BYTE)
        yield from flips(target, headers.host_signer, masks, stride)


@dataclass(frozen=True, slots=True)
class Target:
    """A message whose bytes are changed; those of ``inner`` are of ``kind``."""

    name: str
    message: AnyValue
    inner: bytes
    kind: Kind


def flips(target: Target, signer: str, masks: tuple[int, ...], stride: int) -> Iterator[Attempt]:
    """Yield the message with one byte changed, every ``stride``-th byte up to the signer."""
    value = target.message.value
    assert value.endswith(signer.encode())
    start = value.index(target.inner)
    for offset in range(0, len(value) - len(signer) - _SIGNER_TAG_BYTES, stride):
        is_inside = start <= offset < start + len(target.inner)
        for mask in masks:
            changed = value[:offset] + bytes([value[offset] ^ mask]) + value[offset + 1 :]
            yield Attempt(
                target.kind if is_inside else Kind.MESSAGE_BYTE,
                f"{target.name}: byte {offset} ^ {mask:02x}",
                AnyValue(target.message.type_url, changed),
                target.name,
            )


def _of_packets(evidence: Evidence) -> Iterator[Attempt]:
    fresh = evidence.fresh
    for label, packet in altered_packets(fresh.packet):
        forged = replace(fresh, packet=packet)
        yield Attempt(Kind.PACKET_ALTERED, label, receive(evidence, forged), RECEIVE)
    yield Attempt(Kind.PACKET_REPLAYED, "received before", receive(evidence, evidence.received))
    resent = replace(evidence.received, proof=fresh.proof)
    yield Attempt(
        Kind.PACKET_REPLAYED, "received before, with a new proof", receive(evidence, resent)
    )
    yield Attempt(Kind.PACKET_LATE, "as it was sent", receive(evidence, evidence.late))
    for label, packet in (
        ("with no timeout", replace(evidence.late.packet, timeout_timestamp=TimestampNs(0))),
        (
            "with a later timeout",
            replace(evidence.late.packet, timeout_timestamp=fresh.packet.timeout_timestamp),
        ),
    ):
        forged = replace(evidence.late, packet=packet)
        yield Attempt(Kind.PACKET_LATE, label, receive(evidence, forged))


def altered_packets(packet: Packet) -> Iterator[tuple[str, Packet]]:
    """Yield packets that differ from a true one, each with what differs."""
    for label, altered in _alterations(packet):
        # Both ends may have the same names.
        if altered != packet:
            yield label, altered


def _alterations(packet: Packet) -> Iterator[tuple[str, Packet]]:
    amount = packet.data.replace(b'"amount":"', b'"amount":"9')
    spaced = packet.data.replace(b":", b": ", 1)
    assert packet.data not in {amount, spaced}
    yield "a greater amount", replace(packet, data=amount)
    yield "the same JSON with a space", replace(packet, data=spaced)
    yield "data that is longer", replace(packet, data=packet.data + b" ")
    yield "no data", replace(packet, data=b"")
    yield "the next sequence", replace(packet, sequence=Sequence(packet.sequence + 1000))
    yield "sequence 0", replace(packet, sequence=Sequence(0))
    yield "the greatest sequence", replace(packet, sequence=Sequence(UINT64_MAX))
    yield "from another channel", replace(packet, source_channel=ChannelId("channel-77"))
    yield "to another channel", replace(packet, destination_channel=ChannelId("channel-77"))
    yield "from another port", replace(packet, source_port=PortId("datagram"))
    yield "to another port", replace(packet, destination_port=PortId("datagram"))
    yield (
        "no timeouts",
        replace(packet, timeout_height=ZERO_HEIGHT, timeout_timestamp=TimestampNs(0)),
    )
    yield "a timeout by height", replace(packet, timeout_height=Height(1, UINT64_MAX))
    yield (
        "a later timeout",
        replace(packet, timeout_timestamp=TimestampNs(packet.timeout_timestamp + 1)),
    )
    yield (
        "its ends exchanged",
        replace(
            packet,
            source_port=packet.destination_port,
            source_channel=packet.destination_channel,
            destination_port=packet.source_port,
            destination_channel=packet.source_channel,
        ),
    )


def _of_proofs(evidence: Evidence) -> Iterator[Attempt]:
    fresh, answered, absent = evidence.fresh, evidence.answered, evidence.unreceived
    for kind, label, proof in forged_proofs(fresh.proof.proof):
        forged = replace(fresh, proof=replace(fresh.proof, proof=proof))
        yield Attempt(kind, f"receive: {label}", receive(evidence, forged), RECEIVE)
    for kind, label, proof in forged_proofs(answered.proof.proof):
        forged = replace(answered, proof=replace(answered.proof, proof=proof))
        yield Attempt(kind, f"acknowledge: {label}", acknowledge(evidence, forged), ACKNOWLEDGE)
    for kind, label, proof in forged_proofs(absent.proof.proof):
        forged = replace(absent, proof=replace(absent.proof, proof=proof))
        yield Attempt(kind, f"time out: {label}", time_out(evidence, forged), TIME_OUT)
    for kind, label, proof in forged_proofs(evidence.channel_proof.proof):
        value = replace(evidence.channel_proof, proof=proof)
        message = channel_try(evidence, evidence.channel, value)
        yield Attempt(kind, f"channel try: {label}", message, TRY)
    for label, proof in _true_proofs(evidence):
        forged = replace(fresh, proof=replace(fresh.proof, proof=proof))
        yield Attempt(
            Kind.PROOF_OF_ANOTHER_KEY, f"receive: {label}", receive(evidence, forged), RECEIVE
        )
    empty = replace(fresh, proof=replace(fresh.proof, proof=b""))
    yield Attempt(Kind.PROOF_ENCODING, "receive: no proof", receive(evidence, empty), RECEIVE)


def _true_proofs(evidence: Evidence) -> Iterator[tuple[str, bytes]]:
    yield "another packet's proof", evidence.received.proof.proof
    yield "a late packet's proof", evidence.late.proof.proof
    yield "an acknowledgement's proof", evidence.answered.proof.proof
    yield "a channel's proof", evidence.channel_proof.proof
    yield "a receipt's proof", evidence.absences.receipt.proof
    yield "a proof of absence", evidence.unreceived.proof.proof


def _of_heights(evidence: Evidence) -> Iterator[Attempt]:
    fresh, at = evidence.fresh, evidence.trusted
    revision, height = at.revision_number, at.revision_height
    for label, proof_height in (
        ("0-0", ZERO_HEIGHT),
        ("height 0", Height(revision, 0)),
        ("the height before", Height(revision, height - 1)),
        ("the height after", Height(revision, height + 1)),
        ("the greatest height", Height(revision, UINT64_MAX)),
        ("another revision", Height(revision + 1, height)),
        ("no revision", Height(0, height)),
        ("the greatest revision", Height(UINT64_MAX, UINT64_MAX)),
    ):
        if proof_height == at:
            continue
        proof = replace(fresh.proof, proof_height=proof_height)
        absent = replace(
            evidence.unreceived, proof=replace(evidence.unreceived.proof, proof_height=proof_height)
        )
        kind = Kind.PROOF_AT_ANOTHER_HEIGHT
        message = receive(evidence, replace(fresh, proof=proof))
        yield Attempt(kind, f"receive at {label}", message, RECEIVE)
        yield Attempt(kind, f"time out at {label}", time_out(evidence, absent), TIME_OUT)


def _of_acknowledgements(evidence: Evidence) -> Iterator[Attempt]:
    answered = evidence.answered
    refusal = encode_acknowledgement(ErrorAcknowledgement(1))
    kind = Kind.ACKNOWLEDGEMENT_ALTERED
    for label, answer in (
        ("a refusal for a success", refusal),
        ("empty", b""),
        ("with a space", answered.acknowledgement.replace(b":", b": ", 1)),
        ("with a second field", answered.acknowledgement[:-1] + b',"error":"x"}'),
        ("another success", b'{"result":"Ag=="}'),
        ("no JSON", b"\xff" * 8),
    ):
        forged = replace(answered, acknowledgement=answer)
        yield Attempt(kind, label, acknowledge(evidence, forged), ACKNOWLEDGE)
    for label, packet in altered_packets(answered.packet):
        forged = replace(answered, packet=packet)
        yield Attempt(kind, f"for a packet with {label}", acknowledge(evidence, forged))
    kind = Kind.ACKNOWLEDGEMENT_UNSENT
    never = replace(answered.packet, sequence=Sequence(answered.packet.sequence + 1_000))
    yield Attempt(
        kind, "with another's proof", acknowledge(evidence, replace(answered, packet=never))
    )
    swapped = replace(answered, packet=evidence.pending.packet)
    yield Attempt(kind, "for one not yet received", acknowledge(evidence, swapped))
    swapped = replace(answered, packet=evidence.unreceived.packet)
    yield Attempt(kind, "for one that timed out", acknowledge(evidence, swapped))
    other = replace(evidence.fresh, acknowledgement=answered.acknowledgement, proof=answered.proof)
    yield Attempt(kind, "for the other chain's packet", acknowledge(evidence, other))


def _of_timeouts(evidence: Evidence) -> Iterator[Attempt]:
    answered, absences = evidence.answered, evidence.absences
    key = paths.packet_receipt(
        answered.packet.destination_port,
        answered.packet.destination_channel,
        answered.packet.sequence,
    )
    for kind, label, proof in absences_of(
        key, absences.receipt.proof, absences.before.proof, absences.other.proof
    ):
        forged = Proven(answered.packet, replace(absences.receipt, proof=proof))
        yield Attempt(kind, label, time_out(evidence, forged))
    yield Attempt(
        Kind.TIMEOUT_EARLY, "with its absence proven", time_out(evidence, evidence.pending)
    )
    hurried = replace(evidence.pending.packet, timeout_timestamp=TimestampNs(1))
    forged = replace(evidence.pending, packet=hurried)
    yield Attempt(Kind.TIMEOUT_EARLY, "with its timeout changed", time_out(evidence, forged))
    for label, packet in altered_packets(evidence.unreceived.packet):
        forged = replace(evidence.unreceived, packet=packet)
        yield Attempt(Kind.PACKET_ALTERED, f"time out: {label}", time_out(evidence, forged))


def _of_channels(evidence: Evidence) -> Iterator[Attempt]:
    true, end = evidence.channel, evidence.channel.end
    for label, other in (
        ("another version", replace(true, end=replace(end, version="ics20-2"))),
        ("ordered", replace(true, end=replace(end, ordering=Order.ORDERED))),
        ("another channel", replace(true, channel_id=ChannelId("channel-77"))),
        (
            "the open channel",
            replace(true, channel_id=evidence.fresh.packet.source_channel),
        ),
        ("another port", replace(true, port_id=PortId("datagram"))),
        (
            "another port here",
            replace(
                true,
                end=replace(
                    end, counterparty=replace(end.counterparty, port_id=PortId("datagram"))
                ),
            ),
        ),
    ):
        message = channel_try(evidence, other, evidence.channel_proof)
        yield Attempt(Kind.CHANNEL_ALTERED, label, message, TRY)


def _of_closes(evidence: Evidence) -> Iterator[Attempt]:
    """Yield claims that the other end was closed, so that a packet may be refunded early."""
    pending, answered = evidence.pending, evidence.answered
    received = Proven(answered.packet, evidence.absences.other)
    for label, proven, closed in (
        ("with the open channel's proof", pending, evidence.open_channel),
        ("with another channel's proof", pending, evidence.channel_proof),
        ("with a proof of absence", pending, evidence.unreceived.proof),
        ("of a packet that was received", received, evidence.open_channel),
    ):
        message = time_out_on_close(evidence, proven, closed)
        yield Attempt(Kind.CLOSE_CLAIMED, label, message)


def _of_connections(evidence: Evidence) -> Iterator[Attempt]:
    true, proof, kind = evidence.begun_connection, evidence.begun_proof, Kind.CONNECTION_ALTERED
    end = true.end
    for forgery, label, forged in forged_proofs(proof.proof):
        message = connection_try(evidence, true, replace(proof, proof=forged))
        yield Attempt(forgery, f"connection try: {label}", message, CONNECT)
    for label, other in (
        ("the open one", replace(true, connection_id=_their_connection(evidence))),
        ("another one", replace(true, connection_id=ConnectionId("connection-77"))),
        (
            "of another client",
            replace(true, end=replace(end, client_id=ClientId("07-tendermint-7"))),
        ),
        ("with a delay", replace(true, end=replace(end, delay_period_ns=1))),
        (
            "with the greatest delay",
            replace(true, end=replace(end, delay_period_ns=UINT64_MAX)),
        ),
        ("with no version", replace(true, end=replace(end, versions=()))),
    ):
        yield Attempt(kind, label, connection_try(evidence, other, proof), CONNECT)
    for prefix in (b"", b"bank", b"ib", b"ibc/"):
        message = connection_try(evidence, true, proof, prefix)
        yield Attempt(kind, f"below {prefix!r}", message, CONNECT)
    named = split_merkle_proof(proof.proof)
    upper = decode_proof(named[1])
    assert isinstance(upper, ExistenceProof)
    moved = join_merkle_proof((named[0], encode_proof(replace(upper, key=b"bank"))))
    message = connection_try(evidence, true, replace(proof, proof=moved), b"bank")
    yield Attempt(kind, "below b'bank', the proof renamed", message, CONNECT)


def _their_connection(evidence: Evidence) -> ConnectionId:
    return evidence.connection.end.counterparty.connection_id


def _of_upgrades(evidence: Evidence) -> Iterator[Attempt]:
    """Yield upgrades of the client to states of the forger's choice."""
    height, new = evidence.trusted.revision_height, evidence.upgrade
    signer, client_id = evidence.host_signer, evidence.headers.client_id
    true = evidence.fresh.proof.proof
    proofs = [("with true proofs of other keys", (true, evidence.channel_proof.proof))]
    renamed = []
    for name in ("upgradedClient", "upgradedConsState"):
        lower, upper = (decode_proof(part) for part in split_merkle_proof(true))
        assert isinstance(lower, ExistenceProof)
        assert isinstance(upper, ExistenceProof)
        key = f"upgradedIBCState/{height}/{name}".encode()
        parts = (replace(lower, key=key), replace(upper, key=b"upgrade"))
        renamed.append(join_merkle_proof([encode_proof(part) for part in parts]))
    proofs.append(("with proofs that were renamed", (renamed[0], renamed[1])))
    proofs.append(("with proofs of absence", (evidence.unreceived.proof.proof,) * 2))
    proofs.append(("with no proofs", (b"", b"")))
    for label, pair in proofs:
        message = upgrade_client(client_id, new, pair, signer)
        yield Attempt(Kind.UPGRADE_FORGED, label, message)
    expired = upgrade_client(evidence.expired_client_id, new, (true, true), signer)
    yield Attempt(Kind.UPGRADE_FORGED, "of an expired client", expired)


def header_attempts(headers: Headers) -> Iterator[Attempt]:
    """Yield the forgeries of both headers."""
    adjacent, skipping = headers.adjacent, headers.skipping
    for kind, label, forged in forged_headers(skipping, adjacent):
        yield Attempt(kind, f"skipping: {label}", update_with(headers, forged), UPDATE)
    for kind, label, forged in forged_headers(adjacent, skipping):
        yield Attempt(kind, f"adjacent: {label}", update_with(headers, forged), ADJACENT)


def _of_other_chains(evidence: Evidence) -> Iterator[Attempt]:
    kind = Kind.HEADER_OF_ANOTHER_CHAIN
    headers, other = evidence.headers, evidence.other_chain
    skipping = headers.skipping
    yield Attempt(kind, "as it is", update(headers, other))
    trusted = replace(
        other,
        trusted_height=skipping.trusted_height,
        trusted_validators=skipping.trusted_validators,
    )
    yield Attempt(kind, "with this chain's trust", update(headers, trusted))
    named = replace(other.signed_header.header, chain_id=skipping.signed_header.header.chain_id)
    renamed = replace(trusted, signed_header=replace(trusted.signed_header, header=named))
    yield Attempt(kind, "under this chain's name", update(headers, renamed))


def _of_clients(evidence: Evidence) -> Iterator[Attempt]:
    headers, expired = evidence.headers, evidence.expired_client_id
    fit = update(headers, evidence.expired_header, expired)
    yield Attempt(Kind.CLIENT_EXPIRED, "fit for it but for its age", fit)
    unfit = update(headers, headers.skipping, expired)
    yield Attempt(Kind.CLIENT_EXPIRED, "fit for another client", unfit)
    message = encode_client_message(headers.skipping)
    for name in ("07-tendermint-77", "06-solomachine-0", "07-tendermint", "09-localhost", ""):
        wrong = codec.update_client(name, message, headers.host_signer)
        yield Attempt(Kind.CLIENT_UNKNOWN, f"client {name!r}", wrong)
    for label, accusation in false_accusations(
        headers.client_id, headers.adjacent, headers.skipping
    ):
        forged = update_with(headers, accusation)
        yield Attempt(Kind.MISBEHAVIOUR_FALSE, label, forged)
