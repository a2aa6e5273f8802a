"""Integrity levels as a module of the hub: genesis, messages and the work of each block."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chainkit.modules.genesis import integer, list_of_mappings, mapping, text
from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.integrity.v1 import tx_pb2
from ibc.addresses import format_address, parse_address
from ibc.errors import Unauthorized
from ibc.ics04_channel.acknowledgement import ErrorAcknowledgement
from ibc.ics20_transfer.port import TokenLedger
from ibc.ics26_routing.module import IbcModule
from integrity import endorsement_messages as endorsing
from integrity import messages
from integrity.axes import HIGHEST, LOWEST, Axis, Level, Reading, Source
from integrity.codec import dump_chain
from integrity.corroboration import Corroboration
from integrity.errors import InvalidMeasurement, InvalidTransition, LowToHigh, UnknownChain
from integrity.levels import LevelParams, LevelState, confirm, set_cap, start
from integrity.limits import MAX_CHAINS, MAX_NAME_BYTES
from integrity.monitor import Monitor
from integrity.queries import IntegrityQueries
from integrity.records import HUB, ChainRecord, ChannelPolicy, Params
from integrity.store import STORE_NAME, IntegrityStore, open_store

_SERVICE = "/isthmus.integrity.v1.Msg"


class IntegrityModule(BaseModule):
    """The chains that the hub knows, and what may be done about their levels."""

    name = "integrity"
    store_names = (STORE_NAME,)

    def __init__(
        self, monitor: Monitor, core: IbcModule, account_prefix: str, ledger: TokenLedger
    ) -> None:
        """``ledger`` holds the bonds; its ``gov`` account is the authority."""
        self._monitor = monitor
        self._core = core
        self._prefix = account_prefix
        self._authority = ledger.module_address("gov")
        self.corroboration = Corroboration(ledger)

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the messages of ``isthmus.integrity.v1.Msg``."""
        return (
            self._route("BindChain", messages.decode_bind_chain, self.bind),
            self._route("SetCap", messages.decode_set_cap, self.set_cap),
            self._route("ConfirmRise", messages.decode_confirm_rise, self.confirm_rise),
            self._route("SetChannelPolicy", messages.decode_set_channel_policy, self.set_policy),
            self._route("Reinstate", messages.decode_reinstate, self.reinstate),
            self._route("Release", endorsing.decode_release, self.release),
            self._route("DeliverHeld", endorsing.decode_deliver_held, self.deliver_held),
            self._route("AddSource", endorsing.decode_add_source, self.add_source),
            self._route("Endorse", endorsing.decode_endorse, self.corroboration.endorse),
            self._route("Withdraw", endorsing.decode_withdraw, self.corroboration.withdraw),
            self._route("Challenge", endorsing.decode_challenge, self.corroboration.challenge),
            self._route("Resolve", endorsing.decode_resolve, self.resolve),
            self._route("Appeal", endorsing.decode_appeal, self.appeal),
            self._route("Settle", endorsing.decode_settle, self.settle),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the questions of ``isthmus.integrity.v1.Query``."""
        return IntegrityQueries(self._monitor, self._core.channels, self._prefix).routes()

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Write ``params`` and ``chains``; each chain starts at the level that it comes to.

        A chain is ``name``, ``chain_id``, ``operator``, ``cap`` and ``declared``, a list of
        ``axis``, ``score`` and ``note``; the one called ``hub`` is the hub itself. ``sources``
        are those who may endorse: ``name``, ``operator``, ``account`` and ``chain``.
        """
        store = open_store(ctx)
        params = _params(mapping(state, "params"), self._prefix)
        store.set_params(params)
        entries = list_of_mappings(state, "chains")
        if len(entries) > MAX_CHAINS:
            raise InvalidTransition(f"{len(entries)} chains")
        for entry in entries:
            chain = _chain(entry, ctx.height)
            if store.chain(chain.name) is not None:
                raise InvalidTransition(f"chain {chain.name} is described twice")
            computed = self._monitor.assess(ctx, chain, params).level
            store.set_chain(replace(chain, level=start(computed, chain.level.cap)))
        for entry in list_of_mappings(state, "sources"):
            self.corroboration.add_source(ctx, self._source(entry))
        return ()

    def begin_block(self, ctx: Context) -> None:
        """Measure the chains, and refuse the packets that waited too long."""
        self._monitor.begin_block(ctx)
        store = open_store(ctx)
        for held in tuple(store.held()):
            if ctx.height >= held.deadline:
                packet = held.packet
                store.take_held(
                    packet.destination_port, packet.destination_channel, packet.sequence
                )
                answer = ErrorAcknowledgement(LowToHigh.code)
                self._core.refuse_held(ctx, packet, answer)

    def bind(self, ctx: Context, message: messages.BindChain) -> None:
        """Let a client stand for a chain, once; its level starts at what it comes to then.

        Raises:
            Unauthorized: The signer is neither the registrar nor governance.
            InvalidTransition: The chain has a client, or the client stands for another.
        """
        store = open_store(ctx)
        params = store.params()
        if message.signer not in {self._authority, params.registrar}:
            raise Unauthorized("only the registrar and governance bind clients")
        chain = _require(store, message.chain)
        if chain.client_id or chain.name == HUB:
            raise InvalidTransition(f"{chain.name} is bound already")
        if store.chain_of_client(message.client_id) is not None:
            raise InvalidTransition(f"{message.client_id} stands for another chain")
        self._monitor.clients.require_active(ctx, message.client_id)
        seen = str(self._monitor.clients.latest_height(ctx, message.client_id))
        bound = replace(chain, client_id=message.client_id, joined_at=ctx.height, seen_height=seen)
        computed = self._monitor.assess(ctx, bound, params)
        level = start(computed.level, chain.level.cap)
        self._monitor.record(ctx, store, chain, level.level, computed)
        store.set_chain(replace(bound, level=level))

    def set_cap(self, ctx: Context, message: messages.SetCap) -> None:
        """Set the cap of one's own chain.

        Raises:
            Unauthorized: The signer does not operate the chain.
        """
        store = open_store(ctx)
        params = store.params()
        chain = _require(store, message.chain)
        if self._text(message.signer) != chain.operator:
            raise Unauthorized(f"only {chain.operator} caps {chain.name}")
        computed = self._monitor.assess(ctx, chain, params)
        level = set_cap(
            chain.level,
            message.cap,
            computed.level,
            params.levels,
            epoch=params.epoch(ctx.height),
            height=ctx.height,
        )
        if level.level != chain.level.level:
            self._monitor.record(ctx, store, chain, level.level, computed)
        store.set_chain(replace(chain, level=level))

    def confirm_rise(self, ctx: Context, message: messages.ConfirmRise) -> None:
        """Confirm a rise that waited long enough: governance's."""
        self._require_authority(message.signer)
        store = open_store(ctx)
        params = store.params()
        chain = _require(store, message.chain)
        level = confirm(chain.level, params.levels, epoch=params.epoch(ctx.height))
        store.set_chain(replace(chain, level=level))

    def set_policy(self, ctx: Context, message: messages.SetChannelPolicy) -> None:
        """Choose a channel's mode: governance's."""
        self._require_authority(message.signer)
        policy = ChannelPolicy(message.mode, message.strict_equal)
        open_store(ctx).set_policy(message.channel, policy)

    def reinstate(self, ctx: Context, message: messages.Reinstate) -> None:
        """End an isolation: governance's. The level rises as slowly as ever."""
        self._require_authority(message.signer)
        store = open_store(ctx)
        chain = _require(store, message.chain)
        if not chain.isolated:
            raise InvalidTransition(f"{chain.name} is not isolated")
        store.thaw(chain.name)
        joined = replace(chain, isolated="", isolated_at=0)
        store.set_chain(joined)
        if chain.client_id:
            calm = replace(store.traffic(chain), full_epochs=0)
            store.set_traffic(chain.client_id, dump_chain(joined), calm)

    def release(self, ctx: Context, message: endorsing.Release) -> None:
        """End the quarantine of a chain's lots: governance's.

        Raises:
            InvalidTransition: Nothing of it is in quarantine.
        """
        self._require_authority(message.signer)
        store = open_store(ctx)
        if store.frozen_since(message.chain) is None:
            raise InvalidTransition(f"nothing of {message.chain} is in quarantine")
        store.thaw(message.chain)
        ctx.emit(Event("integrity_released", (("chain", message.chain),)))

    def deliver_held(self, ctx: Context, message: endorsing.DeliverHeld) -> None:
        """Have a packet that waits judged once more; anybody's, since the rules decide.

        Raises:
            InvalidTransition: No such packet waits, or it must still wait.
        """
        store = open_store(ctx)
        end = (message.port_id, message.channel_id, message.sequence)
        held = store.take_held(*end)
        if held is None:
            raise InvalidTransition(f"no packet {message.channel_id}/{message.sequence} waits")
        self._core.deliver_held(ctx, held.packet, held.relayer)
        if any(each.packet == held.packet for each in store.held()):
            raise InvalidTransition(f"{held.source} has not risen and nobody has endorsed it")

    def add_source(self, ctx: Context, message: endorsing.AddSource) -> None:
        """Let an account endorse: governance's."""
        self._require_authority(message.signer)
        self.corroboration.add_source(ctx, message)

    def resolve(self, ctx: Context, message: endorsing.Resolve) -> None:
        """Decide a challenge of an endorsement: governance's."""
        self._require_authority(message.signer)
        self.corroboration.resolve(ctx, message)

    def appeal(self, ctx: Context, message: endorsing.OpenAppeal) -> bytes:
        """Open an appeal; the answer has its number."""
        return encode(tx_pb2.MsgAppealResponse(id=self.corroboration.appeal(ctx, message)))

    def settle(self, ctx: Context, message: endorsing.Settle) -> bytes:
        """Have an appeal decided; the answer says how."""
        return encode(tx_pb2.MsgSettleResponse(upheld=self.corroboration.settle(ctx, message)))

    def _require_authority(self, signer: Address) -> None:
        if signer != self._authority:
            raise Unauthorized("only governance may do this")

    def _source(self, state: Mapping[str, object]) -> endorsing.AddSource:
        return endorsing.AddSource(
            self._authority,
            messages.parse_chain_name(text(state, "name")),
            endorsing.parse_operator(text(state, "operator")),
            parse_address(text(state, "account"), self._prefix),
            messages.parse_chain_name(text(state, "chain")),
        )

    def _text(self, address: Address) -> str:
        return format_address(address, self._prefix)

    def _route(
        self,
        name: str,
        decode: Callable[[bytes, str], Any],
        handle: Callable[[Context, Any], bytes | None],
    ) -> MessageRoute[Any]:
        def answer(ctx: Context, message: object) -> bytes:
            return handle(ctx, message) or b""

        return MessageRoute(
            f"{_SERVICE}{name}",
            lambda data: decode(data, self._prefix),
            lambda message: (message.signer,),
            answer,
        )


def _require(store: IntegrityStore, name: str) -> ChainRecord:
    chain = store.chain(name)
    if chain is None:
        raise UnknownChain(name)
    return chain


def _params(state: Mapping[str, object], prefix: str) -> Params:
    default = Params()
    levels = LevelParams(
        integer(state, "rise_epochs", default.levels.rise_epochs),
        integer(state, "confirm_delay_epochs", default.levels.confirm_delay_epochs),
    )
    registrar = text(state, "registrar", "")
    return Params(
        integer(state, "epoch_blocks", default.epoch_blocks),
        levels,
        integer(state, "hold_blocks", default.hold_blocks),
        integer(state, "packets_per_epoch", default.packets_per_epoch),
        integer(state, "stale_epochs", default.stale_epochs),
        integer(state, "fraud_epochs", default.fraud_epochs),
        text(state, "profile", default.profile),
        parse_address(registrar, prefix) if registrar else Address(b""),
        integer(state, "endorsers", default.endorsers),
        integer(state, "bond", default.bond),
        text(state, "bond_denom", default.bond_denom),
        integer(state, "challenge_blocks", default.challenge_blocks),
        integer(state, "appeal_blocks", default.appeal_blocks),
        integer(state, "flood_epochs", default.flood_epochs),
    )


def _chain(state: Mapping[str, object], height: int) -> ChainRecord:
    cap = integer(state, "cap", HIGHEST)
    if cap > HIGHEST:
        raise InvalidTransition(f"a cap of {cap}")
    declared = tuple(map(_reading, list_of_mappings(state, "declared")))
    return ChainRecord(
        messages.parse_chain_name(text(state, "name")),
        text(state, "chain_id", "")[:MAX_NAME_BYTES],
        text(state, "operator", "")[:MAX_NAME_BYTES],
        LevelState(LOWEST, Level(cap)),
        declared,
        joined_at=height,
    )


def _reading(state: Mapping[str, object]) -> Reading:
    name = text(state, "axis")
    try:
        axis = Axis(name)
    except ValueError as error:
        raise InvalidMeasurement(f"no axis {name[:MAX_NAME_BYTES]!r}") from error
    return Reading(axis, integer(state, "score"), Source.DECLARED, text(state, "note", ""))
