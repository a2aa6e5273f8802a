"""Records to bytes and back; the bytes are this hub's own, so a wrong one is a defect."""

from functools import lru_cache

from chainkit.primitives.types import Address, ClientId, Denom
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.integrity.v1 import integrity_pb2 as pb
from ibc.ics04_channel.codec import decode_packet, encode_packet
from integrity.axes import Axis, Level, Reading, Source
from integrity.levels import LevelParams, LevelState
from integrity.limits import MAX_CHAINS
from integrity.lots import Lot, Lots
from integrity.records import (
    ChainRecord,
    ChannelPolicy,
    HeldPacket,
    LevelRecord,
    PacketRecord,
    Params,
    SentCoins,
)
from integrity.rules import Content, Delivery, Mode
from integrity.zones import ZoneEntry


def _plus_one(value: int | None) -> int:
    return 0 if value is None else value + 1


def _minus_one(value: int) -> int | None:
    return None if value == 0 else value - 1


def reading_to_proto(reading: Reading) -> pb.Reading:
    """Return a reading as the store and the answers hold it."""
    return pb.Reading(
        axis=reading.axis.value,
        score=reading.score,
        declared=reading.source is Source.DECLARED,
        note=reading.note,
    )


def _reading(value: pb.Reading) -> Reading:
    source = Source.DECLARED if value.declared else Source.MEASURED
    return Reading(Axis(value.axis), value.score, source, value.note)


def _level_to_proto(state: LevelState) -> pb.LevelState:
    previous = _plus_one(state.previous)
    return pb.LevelState(
        level=state.level,
        cap=state.cap,
        above_since=_plus_one(state.above_since),
        confirmed_at=_plus_one(state.confirmed_at),
        previous=previous,
        fell_at=_plus_one(state.fell_at),
    )


def _level(value: pb.LevelState) -> LevelState:
    previous = _minus_one(value.previous)
    return LevelState(
        Level(value.level),
        Level(value.cap),
        _minus_one(value.above_since),
        _minus_one(value.confirmed_at),
        None if previous is None else Level(previous),
        _minus_one(value.fell_at),
    )


def chain_to_proto(chain: ChainRecord) -> pb.Chain:
    """Return a chain as the store and the answers hold it."""
    return pb.Chain(
        name=chain.name,
        chain_id=chain.chain_id,
        operator=chain.operator,
        client_id=chain.client_id,
        declared=map(reading_to_proto, chain.declared),
        level=_level_to_proto(chain.level),
        isolated=chain.isolated,
        isolated_at=chain.isolated_at,
        fraud_at=chain.fraud_at,
        joined_at=chain.joined_at,
        epochs_due=chain.epochs_due,
        epochs_on_time=chain.epochs_on_time,
        silent_epochs=chain.silent_epochs,
        seen_height=chain.seen_height,
        packets=chain.packets,
        packets_epoch=chain.packets_epoch,
        full_epochs=chain.full_epochs,
        full_epoch=chain.full_epoch,
    )


def dump_chain(chain: ChainRecord) -> bytes:
    """Return a chain's record."""
    return encode(chain_to_proto(chain))


@lru_cache(MAX_CHAINS)
def load_chain(data: bytes) -> ChainRecord:
    """Return a chain's record; each is read several times for a packet."""
    value = pb.Chain.FromString(data)
    return ChainRecord(
        value.name,
        value.chain_id,
        value.operator,
        _level(value.level),
        tuple(map(_reading, value.declared)),
        ClientId(value.client_id),
        value.isolated,
        value.isolated_at,
        value.fraud_at,
        value.joined_at,
        value.epochs_due,
        value.epochs_on_time,
        value.silent_epochs,
        value.seen_height,
        value.packets,
        value.packets_epoch,
        value.full_epochs,
        value.full_epoch,
    )


def level_record_to_proto(record: LevelRecord) -> pb.LevelRecord:
    """Return a change of level as the store and the answers hold it."""
    return pb.LevelRecord(
        chain=record.chain,
        height=record.height,
        before=record.before,
        after=record.after,
        reason=record.reason,
        readings=map(reading_to_proto, record.readings),
    )


def load_level_record(data: bytes) -> LevelRecord:
    """Return a change of level."""
    value = pb.LevelRecord.FromString(data)
    return LevelRecord(
        value.chain,
        value.height,
        Level(value.before),
        Level(value.after),
        value.reason,
        tuple(map(_reading, value.readings)),
    )


def lot_to_proto(lot: Lot) -> pb.Lot:
    """Return a lot as the store and the answers hold it."""
    return pb.Lot(label=lot.label, source=lot.source, height=lot.height, amount=str(lot.amount))


def lot_from_proto(value: pb.Lot) -> Lot:
    """Return a lot."""
    return Lot(Level(value.label), value.source, value.height, int(value.amount))


def dump_lots(lots: Lots) -> bytes:
    """Return a holding's lots."""
    return encode(pb.Lots(lots=map(lot_to_proto, lots)))


def load_lots(data: bytes) -> Lots:
    """Return a holding's lots."""
    return tuple(map(lot_from_proto, pb.Lots.FromString(data).lots))


def dump_sent(sent: SentCoins) -> bytes:
    """Return what a packet of the hub took."""
    return encode(
        pb.SentCoins(
            denom=sent.denom,
            amount=str(sent.amount),
            home=sent.home,
            lots=map(lot_to_proto, sent.lots),
        )
    )


def load_sent(data: bytes) -> SentCoins:
    """Return what a packet of the hub took."""
    value = pb.SentCoins.FromString(data)
    lots = tuple(map(lot_from_proto, value.lots))
    return SentCoins(Denom(value.denom), int(value.amount), value.home, lots)


def zone_to_proto(entry: ZoneEntry) -> pb.ZoneEntry:
    """Return an entry of the ledger of zones as the store and the answers hold it."""
    return pb.ZoneEntry(
        held=str(entry.held),
        in_flight=str(entry.in_flight),
        custody=str(entry.custody),
        returning=str(entry.returning),
    )


def load_zone(data: bytes) -> ZoneEntry:
    """Return an entry of the ledger of zones."""
    value = pb.ZoneEntry.FromString(data)
    return ZoneEntry(
        int(value.held), int(value.in_flight), int(value.custody), int(value.returning)
    )


def packet_record_to_proto(record: PacketRecord) -> pb.PacketRecord:
    """Return a packet's lineage as the store and the answers hold it."""
    return pb.PacketRecord(
        source=record.source,
        destination=record.destination,
        label=record.label,
        destination_level=record.destination_level,
        height=record.height,
        port=record.port,
        channel=record.channel,
        sequence=record.sequence,
        denom=record.denom,
        amount=str(record.amount),
        receiver=record.receiver,
        delivery=record.delivery.name.lower(),
        content=record.content.name.lower(),
        ancestors=record.ancestors,
        endorsed=_plus_one(record.endorsed),
        endorsers=record.endorsers,
    )


def load_packet_record(data: bytes) -> PacketRecord:
    """Return a packet's lineage."""
    value = pb.PacketRecord.FromString(data)
    endorsed = _minus_one(value.endorsed)
    return PacketRecord(
        value.source,
        value.destination,
        Level(value.label),
        Level(value.destination_level),
        value.height,
        value.port,
        value.channel,
        value.sequence,
        Content[value.content.upper()],
        Delivery[value.delivery.upper()],
        value.denom,
        int(value.amount),
        value.receiver,
        tuple(value.ancestors),
        None if endorsed is None else Level(endorsed),
        tuple(value.endorsers),
    )


def dump_held(held: HeldPacket) -> bytes:
    """Return a packet that waits."""
    return encode(
        pb.HeldPacket(
            packet=encode_packet(held.packet),
            source=held.source,
            held_at=held.held_at,
            deadline=held.deadline,
            relayer=held.relayer,
        )
    )


def load_held(data: bytes) -> HeldPacket:
    """Return a packet that waits."""
    value = pb.HeldPacket.FromString(data)
    packet = decode_packet(value.packet)
    return HeldPacket(packet, value.source, value.held_at, value.deadline, Address(value.relayer))


def dump_policy(policy: ChannelPolicy) -> bytes:
    """Return a channel's policy; never empty, since a value must not be."""
    return bytes([policy.mode.value, policy.strict_equal])


def load_policy(data: bytes) -> ChannelPolicy:
    """Return a channel's policy."""
    return ChannelPolicy(Mode(data[0]), bool(data[1]))


def params_to_proto(params: Params) -> pb.Params:
    """Return the parameters as the store and the answers hold them."""
    return pb.Params(
        epoch_blocks=params.epoch_blocks,
        rise_epochs=params.levels.rise_epochs,
        confirm_delay_epochs=params.levels.confirm_delay_epochs,
        hold_blocks=params.hold_blocks,
        packets_per_epoch=params.packets_per_epoch,
        stale_epochs=params.stale_epochs,
        fraud_epochs=params.fraud_epochs,
        profile=params.profile,
        registrar=params.registrar,
        endorsers=params.endorsers,
        bond=str(params.bond),
        bond_denom=params.bond_denom,
        challenge_blocks=params.challenge_blocks,
        appeal_blocks=params.appeal_blocks,
        flood_epochs=params.flood_epochs,
    )


def dump_params(params: Params) -> bytes:
    """Return the parameters."""
    return encode(params_to_proto(params))


@lru_cache(1)
def load_params(data: bytes) -> Params:
    """Return the parameters; they are read for every packet."""
    value = pb.Params.FromString(data)
    return Params(
        value.epoch_blocks,
        LevelParams(value.rise_epochs, value.confirm_delay_epochs),
        value.hold_blocks,
        value.packets_per_epoch,
        value.stale_epochs,
        value.fraud_epochs,
        value.profile,
        Address(value.registrar),
        value.endorsers,
        int(value.bond),
        value.bond_denom,
        value.challenge_blocks,
        value.appeal_blocks,
        value.flood_epochs,
    )
