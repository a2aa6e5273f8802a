"""``isthmus.integrity.v1.Query``: levels with axes, labels, zones, quarantine, endorsements."""

from collections.abc import Iterable
from dataclasses import dataclass

from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from chainkit.runtime.errors import KeyNotFound
from chainkit.runtime.messages import QueryRoute
from chainkit.runtime.store import prefix_end
from chainkit.wire.proto.isthmus.integrity.v1 import integrity_pb2, query_pb2
from ibc.addresses import format_address, parse_address
from ibc.ics04_channel.channels import Channels
from ibc.ics04_channel.codec import decode_channel
from ibc.ics24_host import paths
from ibc.queries import query_route
from integrity.axes import AxisLevel, Thresholds
from integrity.codec import (
    chain_to_proto,
    level_record_to_proto,
    lot_to_proto,
    packet_record_to_proto,
    params_to_proto,
    reading_to_proto,
    zone_to_proto,
)
from integrity.contamination import Contamination, report
from integrity.endorsement_codec import (
    appeal_to_proto,
    endorsement_to_proto,
    source_to_proto,
)
from integrity.endorsement_store import open_endorsements
from integrity.endorsements import Endorsement, acts_at, appeal_datum, counting
from integrity.lifting import need_of
from integrity.lots import Lot
from integrity.monitor import Monitor
from integrity.records import ChainRecord
from integrity.store import IntegrityStore, open_store

_SERVICE = "/isthmus.integrity.v1.Query/"


@dataclass(frozen=True, slots=True)
class IntegrityQueries:
    """Answers from the state of one height."""

    monitor: Monitor
    channels: Channels
    account_prefix: str

    def routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes of the service."""
        q = query_pb2
        return (
            query_route(_SERVICE + "Params", q.QueryParamsRequest, self.params),
            query_route(_SERVICE + "Chains", q.QueryChainsRequest, self.chains),
            query_route(_SERVICE + "Chain", q.QueryChainRequest, self.chain),
            query_route(_SERVICE + "Lots", q.QueryLotsRequest, self.lots),
            query_route(_SERVICE + "Packet", q.QueryPacketRequest, self.packet),
            query_route(_SERVICE + "Zones", q.QueryZonesRequest, self.zones),
            query_route(_SERVICE + "Quarantine", q.QueryQuarantineRequest, self.quarantine),
            query_route(_SERVICE + "Appeals", q.QueryAppealsRequest, self.appeals),
            query_route(_SERVICE + "Endorsements", q.QueryEndorsementsRequest, self.endorsements),
            query_route(_SERVICE + "Held", q.QueryHeldRequest, self.held),
        )

    def params(
        self, ctx: Context, _request: query_pb2.QueryParamsRequest
    ) -> query_pb2.QueryParamsResponse:
        """Return the parameters, and who may endorse."""
        sources = map(source_to_proto, open_endorsements(ctx).sources())
        params = params_to_proto(open_store(ctx).params())
        return query_pb2.QueryParamsResponse(params=params, sources=sources)

    def chains(
        self, ctx: Context, _request: query_pb2.QueryChainsRequest
    ) -> query_pb2.QueryChainsResponse:
        """Return every chain with its axes."""
        store = open_store(ctx)
        found = [self._view(ctx, store, chain) for chain in store.chains()]
        return query_pb2.QueryChainsResponse(chains=found)

    def chain(
        self, ctx: Context, request: query_pb2.QueryChainRequest
    ) -> query_pb2.QueryChainResponse:
        """Return one chain with its axes and how its level changed."""
        store = open_store(ctx)
        chain = store.chain(request.name)
        if chain is None:
            known = ", ".join(each.name for each in store.chains())
            raise KeyNotFound(f"no chain {request.name!r}; the hub was told of: {known or 'none'}")
        return query_pb2.QueryChainResponse(
            chain=self._view(ctx, store, chain),
            changes=map(level_record_to_proto, store.level_records(chain.name)),
            floors=[query_pb2.Floor(port=port, level=level) for port, level in chain.floors],
        )

    def lots(
        self, ctx: Context, request: query_pb2.QueryLotsRequest
    ) -> query_pb2.QueryLotsResponse:
        """Return the lots of an account; what has no lot never left the hub."""
        owner = parse_address(request.address, self.account_prefix)
        held = [
            self._holding(request.address, denom, lots)
            for address, denom, lots in open_store(ctx).all_lots()
            if address == owner
        ]
        return query_pb2.QueryLotsResponse(holdings=held)

    def packet(
        self, ctx: Context, request: query_pb2.QueryPacketRequest
    ) -> query_pb2.QueryPacketResponse:
        """Return the lineage of an accepted packet, by its end here."""
        found = open_store(ctx).packet(request.port, request.channel, request.sequence)
        if found is None:
            name = f"{request.port}/{request.channel}/{request.sequence}"
            raise KeyNotFound(f"the hub accepted no packet {name}")
        return query_pb2.QueryPacketResponse(packet=packet_record_to_proto(found))

    def zones(
        self, ctx: Context, _request: query_pb2.QueryZonesRequest
    ) -> query_pb2.QueryZonesResponse:
        """Return the ledger of zones."""
        store = open_store(ctx)
        behind = {
            channel: view.chain.name
            for view in (self._view(ctx, store, chain) for chain in store.chains())
            for channel in view.channels
        }
        return query_pb2.QueryZonesResponse(
            zones=[
                query_pb2.ZoneView(
                    chain=behind.get(str(channel), ""),
                    channel=str(channel),
                    denom=str(denom),
                    entry=zone_to_proto(entry),
                )
                for channel, denom, entry in store.zones()
            ]
        )

    def quarantine(
        self, ctx: Context, request: query_pb2.QueryQuarantineRequest
    ) -> query_pb2.QueryQuarantineResponse:
        """Return what came from chains since they are in doubt."""
        store = open_store(ctx)
        reports = [
            report(store, chain) for chain in store.chains() if request.chain in {"", chain.name}
        ]
        return query_pb2.QueryQuarantineResponse(
            chains=[self._contamination(found) for found in reports if found is not None]
        )

    def appeals(
        self, ctx: Context, _request: query_pb2.QueryAppealsRequest
    ) -> query_pb2.QueryAppealsResponse:
        """Return every appeal and what its supporters endorse."""
        return query_pb2.QueryAppealsResponse(
            appeals=[
                query_pb2.AppealView(
                    appeal=appeal_to_proto(appeal),
                    datum=appeal_datum(appeal),
                    owner=self._text(appeal.owner),
                )
                for appeal in open_endorsements(ctx).appeals()
            ]
        )

    def endorsements(
        self, ctx: Context, _request: query_pb2.QueryEndorsementsRequest
    ) -> query_pb2.QueryEndorsementsResponse:
        """Return every endorsement and how far it is."""
        store = open_store(ctx)
        found = open_endorsements(ctx).endorsements()
        return query_pb2.QueryEndorsementsResponse(
            endorsements=[_endorsement_view(store, each) for each in found]
        )

    def held(
        self, ctx: Context, _request: query_pb2.QueryHeldRequest
    ) -> query_pb2.QueryHeldResponse:
        """Return the packets that wait."""
        return query_pb2.QueryHeldResponse(
            packets=[
                query_pb2.HeldView(
                    source=held.source,
                    port=held.packet.destination_port,
                    channel=held.packet.destination_channel,
                    sequence=held.packet.sequence,
                    held_at=held.held_at,
                    deadline=held.deadline,
                )
                for held in open_store(ctx).held()
            ]
        )

    def _view(self, ctx: Context, store: IntegrityStore, chain: ChainRecord) -> query_pb2.ChainView:
        params = store.params()
        found = self.monitor.assess(ctx, chain, params)
        thresholds = params.thresholds()
        traffic = store.traffic(chain)
        shown = chain_to_proto(chain)
        shown.packets, shown.packets_epoch = traffic.packets, traffic.epoch
        shown.full_epochs, shown.full_epoch = traffic.full_epochs, traffic.full_epoch
        return query_pb2.ChainView(
            chain=shown,
            computed=found.level,
            axes=[_axis(entry, thresholds) for entry in found.axes],
            weakest=[axis.value for axis in found.weakest()],
            not_applicable=[axis.value for axis in found.not_applicable()],
            disqualified=found.disqualified,
            channels=self._channels_of(ctx, chain),
        )

    def _channels_of(self, ctx: Context, chain: ChainRecord) -> list[str]:
        """Return the hub's channels to a chain."""
        if not chain.client_id:
            return []
        connections = self.channels.connections
        store = ctx.store(paths.STORE_NAME)
        found = []
        for key, value in store.iterate(paths.CHANNELS, prefix_end(paths.CHANNELS)):
            hop = decode_channel(value).connection_hops[0]
            if connections.require(ctx, hop).client_id == chain.client_id:
                found.append(key.decode().rpartition("/")[2])
        return found

    def _contamination(self, found: Contamination) -> query_pb2.Contamination:
        return query_pb2.Contamination(
            chain=found.chain,
            since=found.since,
            frozen=found.frozen,
            packets=map(packet_record_to_proto, found.packets),
            holdings=[
                self._holding(self._text(owner), denom, lots)
                for owner, denom, lots in found.accounts
            ],
            passed_on=[
                self._holding(channel, denom, lots) for channel, denom, lots in found.passed_on
            ],
        )

    def _holding(self, owner: str, denom: str, lots: Iterable[Lot]) -> query_pb2.Holding:
        return query_pb2.Holding(owner=owner, denom=denom, lots=map(lot_to_proto, lots))

    def _text(self, address: Address) -> str:
        return format_address(address, self.account_prefix)


def _axis(entry: AxisLevel, thresholds: Thresholds) -> query_pb2.AxisLevel:
    least = thresholds.least[entry.reading.axis]
    following = least[entry.level] if entry.level < len(least) else 0
    reading: integrity_pb2.Reading = reading_to_proto(entry.reading)
    return query_pb2.AxisLevel(reading=reading, level=entry.level, next=following)


def _endorsement_view(store: IntegrityStore, found: Endorsement) -> query_pb2.EndorsementView:
    need = need_of(store, store.chain(found.key.origin), Address(b""))
    return query_pb2.EndorsementView(
        endorsement=endorsement_to_proto(found),
        independent=len(counting(found, need)),
        needed=need.sources,
        acts_at=acts_at(found, need) or 0,
    )
