"""Records to bytes and back; the bytes are this hub's own, so a wrong one is a defect."""

from functools import lru_cache
from struct import Struct

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
    Settings,
    Traffic,
)
from integrity.rules import Content, Delivery, Mode
from integrity.zones import ZoneEntry

_TRAFFIC = Struct(">QQQQ")
TRAFFIC_BYTES = _TRAFFIC.size
_WRITTEN: dict[bytes, PacketRecord] = {}
"""The last record that was written, by its bytes: what it says does not depend on the state."""


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
        floors=[pb.PortFloor(port=port, label=label) for port, label in chain.floors],
    )


def dump_chain(chain: ChainRecord) -> bytes:
    """Return a chain's record."""
    return encode(chain_to_proto(chain))


@lru_cache(MAX_CHAINS)
def load_chain(data: bytes) -> ChainRecord:
    """Return a chain's record; each is read several times for a packet."""
    return _chain(pb.Chain.FromString(data))


def _chain(value: pb.Chain) -> ChainRecord:
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
        tuple((floor.port, Level(floor.label)) for floor in value.floors),
    )


def dump_traffic(traffic: Traffic) -> bytes:
    """Return a zone's count of packets: four numbers of 8 bytes, since every packet writes it."""
    return _TRAFFIC.pack(traffic.epoch, traffic.packets, traffic.full_epochs, traffic.full_epoch)


def load_traffic(data: bytes) -> Traffic:
    """Return a zone's count of packets."""
    return Traffic(*_TRAFFIC.unpack(data))


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
    """Return a holding's lots: a line each, since every packet of tokens writes some."""
    lines = [f"{lot.label} {lot.height} {lot.amount} {lot.source}" for lot in lots]
    return "\n".join(lines).encode()


def load_lots(data: bytes) -> Lots:
    """Return a holding's lots."""
    return tuple(map(_lot, data.decode().split("\n")))


def _lot(line: str) -> Lot:
    label, height, amount, source = line.split(" ", 3)
    return Lot(Level(int(label)), source, int(height), int(amount))


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


def dump_zone(entry: ZoneEntry) -> bytes:
    """Return an entry of the ledger of zones: four decimals, as every packet of tokens has one."""
    return f"{entry.held} {entry.in_flight} {entry.custody} {entry.returning}".encode()


def load_zone(data: bytes) -> ZoneEntry:
    """Return an entry of the ledger of zones."""
    return ZoneEntry(*map(int, data.split()))


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


def dump_packet_record(record: PacketRecord) -> bytes:
    """Return a packet's lineage as bytes: words, then denomination and receiver as they are."""
    endorsed = _plus_one(record.endorsed)
    data = (
        f"{record.source} {record.destination} {record.label} {record.destination_level} "
        f"{record.height} {record.port} {record.channel} {record.sequence} {record.amount} "
        f"{record.content.value} {record.delivery.value} {endorsed} "
        f"{','.join(record.ancestors)} {','.join(record.endorsers)} {len(record.denom)} "
        f"{record.denom}{record.receiver}"
    ).encode()
    _WRITTEN.clear()
    _WRITTEN[data] = record
    return data


def load_packet_record(data: bytes) -> PacketRecord:
    """Return a packet's lineage; what was written last is read again as the tokens come."""
    return _WRITTEN.get(data) or _packet_record(data)


def _packet_record(data: bytes) -> PacketRecord:
    """Return what :func:`dump_packet_record` wrote; names and identifiers have no blank in them."""
    words = data.decode().split(" ", 15)
    numbers = [int(words[at]) for at in (2, 3, 4, 7, 8, 9, 10, 11, 14)]
    label, wanted, height, sequence, amount, content, delivery, lifted, size = numbers
    endorsed = _minus_one(lifted)
    return PacketRecord(
        words[0],
        words[1],
        Level(label),
        Level(wanted),
        height,
        words[5],
        words[6],
        sequence,
        Content(content),
        Delivery(delivery),
        words[15][:size],
        amount,
        words[15][size:],
        _names(words[12]),
        None if endorsed is None else Level(endorsed),
        _names(words[13]),
    )


def _names(joined: str) -> tuple[str, ...]:
    return tuple(joined.split(",")) if joined else ()


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


def dump_settings(settings: Settings) -> bytes:
    """Return parameters, policies and the hub's record as one value."""
    policies = [
        pb.ChannelPolicy(channel=channel, mode=policy.mode.value, strict_equal=policy.strict_equal)
        for channel, policy in settings.policies
    ]
    return encode(
        pb.Settings(
            params=params_to_proto(settings.params),
            policies=policies,
            hub=None if settings.hub is None else chain_to_proto(settings.hub),
        )
    )


@lru_cache(2)
def load_settings(data: bytes) -> Settings:
    """Return parameters, policies and the hub's record; they are read for every packet."""
    value = pb.Settings.FromString(data)
    return Settings(
        _params(value.params),
        tuple(
            (each.channel, ChannelPolicy(Mode(each.mode), each.strict_equal))
            for each in value.policies
        ),
        _chain(value.hub) if value.HasField("hub") else None,
    )


def _params(value: pb.Params) -> Params:
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
