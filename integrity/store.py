"""The store ``integrity``: what lies where, as values."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from chainkit.primitives.types import Address, ChannelId, ClientId, Denom, PortId, Sequence
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, prefix_end
from chainkit.wire.codec import encode
from ibc.ics04_channel.types import Packet
from integrity.axes import Level
from integrity.codec import (
    TRAFFIC_BYTES,
    dump_chain,
    dump_held,
    dump_lots,
    dump_packet_record,
    dump_sent,
    dump_settings,
    dump_traffic,
    dump_zone,
    level_record_to_proto,
    load_chain,
    load_held,
    load_level_record,
    load_lots,
    load_packet_record,
    load_sent,
    load_settings,
    load_traffic,
    load_zone,
)
from integrity.lots import Lots, add
from integrity.records import (
    HUB,
    NO_SETTINGS,
    STRICT,
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
from integrity.zones import EMPTY, ZoneEntry

STORE_NAME = "integrity"
_SETTINGS = b"settings"
_MEASURED = b"measured"
_CHAIN = b"chain/"
_CLIENT = b"client/"
_LEVELS = b"levels/"
_LOTS = b"lots/"
_POOL = b"pool/"
_ESCROW = b"escrow/"
_SENT = b"sent/"
_ZONE = b"zone/"
_PACKET = b"packet/"
_HELD = b"held/"
_FROZEN = b"frozen/"
_CONVICTED = b"convicted/"


def _height(height: int) -> bytes:
    return height.to_bytes(8, "big")


def _packet_key(port_id: str, channel_id: str, sequence: int) -> bytes:
    return f"{channel_id}/{port_id}/".encode() + sequence.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class IntegrityStore:
    """Typed access to the store of one execution."""

    kv: KVStore

    def settings(self) -> Settings:
        """Return what every packet asks first: parameters, channels' policies and the hub."""
        value = self.kv.get(_SETTINGS)
        return NO_SETTINGS if value is None else load_settings(value)

    def _set_settings(self, settings: Settings) -> None:
        self.kv.set(_SETTINGS, dump_settings(settings))

    def params(self) -> Params:
        """Return the parameters; those by default until genesis sets them."""
        return self.settings().params

    def set_params(self, params: Params) -> None:
        """Write the parameters."""
        self._set_settings(replace(self.settings(), params=params))

    def measured_at(self) -> int:
        """Return the hub's height at which the chains were last measured; 0 for never."""
        value = self.kv.get(_MEASURED)
        return 0 if value is None else int.from_bytes(value, "big")

    def set_measured_at(self, height: int) -> None:
        """Note that the chains are measured at a height."""
        self.kv.set(_MEASURED, _height(height))

    def chain(self, name: str) -> ChainRecord | None:
        """Return a chain by name."""
        value = self.kv.get(_CHAIN + name.encode())
        return None if value is None else load_chain(value)

    def chain_of_client(self, client_id: ClientId) -> ChainRecord | None:
        """Return the chain that a client is bound to."""
        value = self.kv.get(_CLIENT + client_id.encode())
        return None if value is None else load_chain(value[TRAFFIC_BYTES:])

    def chain_and_traffic(self, client_id: ClientId) -> tuple[ChainRecord, bytes, Traffic] | None:
        """Return the chain that a client is bound to, its record, and its packets."""
        value = self.kv.get(_CLIENT + client_id.encode())
        if value is None:
            return None
        record = value[TRAFFIC_BYTES:]
        return load_chain(record), record, load_traffic(value[:TRAFFIC_BYTES])

    def chains(self) -> Iterator[ChainRecord]:
        """Yield every chain, by name."""
        for _, value in self.kv.iterate(_CHAIN, prefix_end(_CHAIN)):
            yield load_chain(value)

    def set_chain(self, chain: ChainRecord) -> None:
        """Write a chain, and the same for its client, by which every packet reads it."""
        if chain.name == HUB:
            self._set_settings(replace(self.settings(), hub=chain))
        value = dump_chain(chain)
        self.kv.set(_CHAIN + chain.name.encode(), value)
        if chain.client_id:
            self.set_traffic(chain.client_id, value, self.traffic(chain))

    def traffic(self, chain: ChainRecord) -> Traffic:
        """Return a zone's packets against its quota."""
        found = self.chain_and_traffic(chain.client_id)
        return Traffic() if found is None else found[2]

    def set_traffic(self, client_id: ClientId, record: bytes, traffic: Traffic) -> None:
        """Write a bound zone's packets against its quota, beside its record as it is."""
        self.kv.set(_CLIENT + client_id.encode(), dump_traffic(traffic) + record)

    def add_level_record(self, record: LevelRecord) -> None:
        """Note a change of level; a second of one chain and height replaces the first."""
        key = _LEVELS + record.chain.encode() + b"/" + _height(record.height)
        self.kv.set(key, encode(level_record_to_proto(record)))

    def level_records(self, chain: str) -> Iterator[LevelRecord]:
        """Yield the changes of a chain's level, oldest first."""
        prefix = _LEVELS + chain.encode() + b"/"
        for _, value in self.kv.iterate(prefix, prefix_end(prefix)):
            yield load_level_record(value)

    def lots(self, owner: Address, denom: Denom) -> Lots:
        """Return an account's labelled lots of a denomination."""
        value = self.kv.get(_lots_key(owner, denom))
        return () if value is None else load_lots(value)

    def set_lots(self, owner: Address, denom: Denom, lots: Lots) -> None:
        """Write an account's lots."""
        self._set(_lots_key(owner, denom), dump_lots(lots) if lots else None)

    def add_lots(self, owner: Address, denom: Denom, more: Lots) -> None:
        """Add lots to an account's; what never left the hub is in none."""
        if not more:
            return
        key = _lots_key(owner, denom)
        value = self.kv.get(key)
        self._set(key, dump_lots(add(() if value is None else load_lots(value), more)))

    def all_lots(self) -> Iterator[tuple[Address, Denom, Lots]]:
        """Yield every account's lots."""
        for key, value in self.kv.iterate(_LOTS, prefix_end(_LOTS)):
            size = key[len(_LOTS)]
            start = len(_LOTS) + 1
            owner = Address(key[start : start + size])
            yield owner, Denom(key[start + size :].decode()), load_lots(value)

    def pool(self, channel_id: ChannelId, denom: Denom) -> Lots:
        """Return the lots that lie in a channel's escrow."""
        value = self.kv.get(_POOL + f"{channel_id}/{denom}".encode())
        return () if value is None else load_lots(value)

    def set_pool(self, channel_id: ChannelId, denom: Denom, lots: Lots) -> None:
        """Write the lots of a channel's escrow."""
        self._set(_POOL + f"{channel_id}/{denom}".encode(), dump_lots(lots) if lots else None)

    def all_pools(self) -> Iterator[tuple[ChannelId, Denom, Lots]]:
        """Yield the lots that went over each channel."""
        for key, value in self.kv.iterate(_POOL, prefix_end(_POOL)):
            channel_id, _, denom = key[len(_POOL) :].decode().partition("/")
            yield ChannelId(channel_id), Denom(denom), load_lots(value)

    def is_escrow(self, address: Address) -> bool:
        """Return whether an address is the escrow of a channel that was used."""
        return self.kv.get(_ESCROW + address) is not None

    def note_escrow(self, address: Address) -> None:
        """Note an escrow's address."""
        if not self.is_escrow(address):
            self.kv.set(_ESCROW + address, b"\x01")

    def has_sent(self, port_id: PortId, channel_id: ChannelId, seq: Sequence) -> bool:
        """Return whether a packet of the hub that is under way took something."""
        return self.kv.get(_SENT + _packet_key(port_id, channel_id, seq)) is not None

    def set_sent(
        self, port_id: PortId, channel_id: ChannelId, seq: Sequence, sent: SentCoins
    ) -> None:
        """Note what a packet of the hub took."""
        self.kv.set(_SENT + _packet_key(port_id, channel_id, seq), dump_sent(sent))

    def take_sent(self, packet: Packet) -> SentCoins | None:
        """Return and forget what a packet of the hub took."""
        key = _SENT + _packet_key(packet.source_port, packet.source_channel, packet.sequence)
        value = self.kv.get(key)
        if value is None:
            return None
        self.kv.delete(key)
        return load_sent(value)

    def zone(self, channel_id: ChannelId, denom: Denom) -> ZoneEntry:
        """Return an entry of the ledger of zones."""
        value = self.kv.get(_ZONE + f"{channel_id}/{denom}".encode())
        return EMPTY if value is None else load_zone(value)

    def set_zone(self, channel_id: ChannelId, denom: Denom, entry: ZoneEntry) -> None:
        """Write an entry of the ledger of zones."""
        value = None if entry.is_empty() else dump_zone(entry)
        self._set(_ZONE + f"{channel_id}/{denom}".encode(), value)

    def change_zone(
        self, channel_id: ChannelId, denom: Denom, change: Callable[[ZoneEntry], ZoneEntry]
    ) -> None:
        """Write what becomes of an entry of the ledger of zones; never empty."""
        key = _ZONE + f"{channel_id}/{denom}".encode()
        value = self.kv.get(key)
        self.kv.set(key, dump_zone(change(EMPTY if value is None else load_zone(value))))

    def zones(self) -> Iterator[tuple[ChannelId, Denom, ZoneEntry]]:
        """Yield the ledger of zones, by channel and denomination."""
        for key, value in self.kv.iterate(_ZONE, prefix_end(_ZONE)):
            channel_id, _, denom = key[len(_ZONE) :].decode().partition("/")
            yield ChannelId(channel_id), Denom(denom), load_zone(value)

    def add_packet(self, record: PacketRecord) -> None:
        """Note an accepted packet, by its end here."""
        key = _packet_key(record.port, record.channel, record.sequence)
        self.kv.set(_PACKET + key, dump_packet_record(record))

    def packet(self, port_id: str, channel_id: str, sequence: int) -> PacketRecord | None:
        """Return an accepted packet by its end here."""
        value = self.kv.get(_PACKET + _packet_key(port_id, channel_id, sequence))
        return None if value is None else load_packet_record(value)

    def packets(self) -> Iterator[PacketRecord]:
        """Yield every accepted packet, by its end here."""
        for _, value in self.kv.iterate(_PACKET, prefix_end(_PACKET)):
            yield load_packet_record(value)

    def floor(self, chain: str, port_id: str) -> Level | None:
        """Return the label to which a port of a chain was demoted, if it was."""
        found = self.chain(chain)
        return None if found is None else dict(found.floors).get(port_id)

    def lower_floor(self, chain: str, port_id: str, label: Level) -> None:
        """Demote a port of a chain to a label, unless it is lower already.

        A chain that nobody bound is of level 0 on every port as it is.
        """
        found = self.chain(chain)
        if found is not None and label < found.floor(port_id):
            floors = {**dict(found.floors), port_id: label}
            self.set_chain(replace(found, floors=tuple(sorted(floors.items()))))

    def policy(self, channel_id: str) -> ChannelPolicy:
        """Return how a channel treats what comes from below."""
        return self.settings().policy(channel_id)

    def set_policy(self, channel_id: str, policy: ChannelPolicy) -> None:
        """Write how a channel treats what comes from below; the usual way is not kept."""
        settings = self.settings()
        policies = {**dict(settings.policies), channel_id: policy}
        kept = sorted(pair for pair in policies.items() if pair[1] != STRICT)
        self._set_settings(replace(settings, policies=tuple(kept)))

    def hold(self, held: HeldPacket) -> None:
        """Keep a packet back."""
        packet = held.packet
        key = _packet_key(packet.destination_port, packet.destination_channel, packet.sequence)
        self.kv.set(_HELD + key, dump_held(held))

    def held(self) -> Iterator[HeldPacket]:
        """Yield the packets that wait."""
        for _, value in self.kv.iterate(_HELD, prefix_end(_HELD)):
            yield load_held(value)

    def take_held(self, port_id: str, channel_id: str, sequence: int) -> HeldPacket | None:
        """Return a packet that waits, and forget that it does."""
        key = _HELD + _packet_key(port_id, channel_id, sequence)
        value = self.kv.get(key)
        if value is None:
            return None
        self.kv.delete(key)
        return load_held(value)

    def frozen_since(self, source: str) -> int | None:
        """Return the height from which a chain's lots are in quarantine, if they are."""
        value = self.kv.get(_FROZEN + source.encode())
        return None if value is None else int.from_bytes(value, "big")

    def freeze(self, source: str, since: int) -> None:
        """Put a chain's lots that were accepted from a height on into quarantine."""
        present = self.frozen_since(source)
        if present is None or since < present:
            self.kv.set(_FROZEN + source.encode(), _height(since))

    def thaw(self, source: str) -> None:
        """End the quarantine of a chain's lots."""
        self.kv.delete(_FROZEN + source.encode())

    def convict(self, name: str) -> None:
        """Have a chain measured in the next block: a fraud of its own was proved."""
        self.kv.set(_CONVICTED + name.encode(), b"\x01")

    def take_convicted(self) -> tuple[str, ...]:
        """Return the chains of which a fraud was proved since the last block, and forget them."""
        keys = [key for key, _ in self.kv.iterate(_CONVICTED, prefix_end(_CONVICTED))]
        for key in keys:
            self.kv.delete(key)
        return tuple(key[len(_CONVICTED) :].decode() for key in keys)

    def quarantines(self) -> dict[str, int]:
        """Return the chains in quarantine, and from which height."""
        pairs = self.kv.iterate(_FROZEN, prefix_end(_FROZEN))
        return {k[len(_FROZEN) :].decode(): int.from_bytes(v, "big") for k, v in pairs}

    def _set(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.kv.delete(key)
        else:
            self.kv.set(key, value)


def open_store(ctx: Context) -> IntegrityStore:
    """Return the store of an execution."""
    return IntegrityStore(ctx.store(STORE_NAME))


def _lots_key(owner: Address, denom: Denom) -> bytes:
    return _LOTS + bytes([len(owner)]) + owner + denom.encode()
