"""Sources, endorsements and appeals to bytes and back."""

from chainkit.primitives.types import Address
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.integrity.v1 import integrity_pb2 as pb
from integrity.axes import Level
from integrity.codec import lot_from_proto, lot_to_proto
from integrity.endorsements import (
    Appeal,
    Endorsement,
    Key,
    Source,
    State,
    Verdict,
    Vouch,
)


def source_to_proto(source: Source) -> pb.Source:
    """Return a source as the store and the answers hold it."""
    return pb.Source(
        name=source.name, operator=source.operator, account=source.account, chain=source.chain
    )


def load_source(data: bytes) -> Source:
    """Return a source."""
    value = pb.Source.FromString(data)
    return Source(value.name, value.operator, Address(value.account), value.chain)


def _vouch_to_proto(vouch: Vouch) -> pb.Vouch:
    return pb.Vouch(
        source=vouch.source,
        operator=vouch.operator,
        account=vouch.account,
        chain=vouch.chain,
        bond=str(vouch.bond),
        height=vouch.height,
        withdrawn_at=vouch.withdrawn_at,
        paid_back=vouch.paid_back,
    )


def _vouch(value: pb.Vouch) -> Vouch:
    return Vouch(
        value.source,
        value.operator,
        Address(value.account),
        value.chain,
        int(value.bond),
        value.height,
        value.withdrawn_at,
        value.paid_back,
    )


def endorsement_to_proto(endorsement: Endorsement) -> pb.Endorsement:
    """Return an endorsement as the store and the answers hold it."""
    return pb.Endorsement(
        origin=endorsement.key.origin,
        datum=endorsement.key.datum,
        level=endorsement.key.level,
        vouches=map(_vouch_to_proto, endorsement.vouches),
        state=endorsement.state.value,
        used_at=endorsement.used_at,
        used_by=endorsement.used_by,
        challenger=endorsement.challenger,
        challenge_bond=str(endorsement.challenge_bond),
        grounds=endorsement.grounds,
    )


def dump_endorsement(endorsement: Endorsement) -> bytes:
    """Return an endorsement."""
    return encode(endorsement_to_proto(endorsement))


def load_endorsement(data: bytes) -> Endorsement:
    """Return an endorsement."""
    value = pb.Endorsement.FromString(data)
    return Endorsement(
        Key(value.origin, value.datum, Level(value.level)),
        tuple(map(_vouch, value.vouches)),
        State(value.state),
        value.used_at,
        value.used_by,
        Address(value.challenger),
        int(value.challenge_bond),
        value.grounds,
    )


def appeal_to_proto(appeal: Appeal) -> pb.Appeal:
    """Return an appeal as the store and the answers hold it."""
    return pb.Appeal(
        id=appeal.number,
        owner=appeal.owner,
        denom=appeal.denom,
        lot=lot_to_proto(appeal.lot),
        bond=str(appeal.bond),
        opened_at=appeal.opened_at,
        state=appeal.verdict.value,
    )


def load_appeal(data: bytes) -> Appeal:
    """Return an appeal."""
    value = pb.Appeal.FromString(data)
    return Appeal(
        value.id,
        Address(value.owner),
        value.denom,
        lot_from_proto(value.lot),
        int(value.bond),
        value.opened_at,
        Verdict(value.state),
    )
