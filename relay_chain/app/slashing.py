"""Punishing faults of validators (after Cosmos SDK x/slashing and x/evidence).

Two votes of one height: slashed, jailed and never a validator again (tombstoned). Away for
most of a window of blocks: slashed less, and jailed for a while.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chainkit.formats.tendermint.types import BlockIdFlag
from chainkit.modules.genesis import integer, mapping
from chainkit.primitives.timestamps import seconds_to_ns
from chainkit.primitives.types import Address, TimestampNs
from chainkit.runtime.addresses import format_address
from chainkit.runtime.context import Context, Misbehaviour
from chainkit.runtime.events import Event
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate
from chainkit.runtime.store import prefix_end
from relay_chain.app import slashing_codec as codec
from relay_chain.app.slashing_codec import SigningInfo, SlashingParams
from relay_chain.app.slashing_errors import (
    NotJailed,
    StillJailed,
    ValidatorNotFound,
)
from relay_chain.app.staking import StakingModule

STORE = "slashing"
PARAMS_KEY = b"\x00"
SIGNING_INFO = b"\x01"
MISSED = b"\x02"


@dataclass(frozen=True, slots=True)
class _Fault:
    """What a validator is punished for."""

    reason: str
    height: int
    fraction_atto: int
    jailed_until: TimestampNs
    tombstone: bool = False


class SlashingModule(BaseModule):
    """Acts on evidence and on absence, before a block's transactions."""

    name = "slashing"
    store_names = (STORE,)

    def __init__(self, staking: StakingModule, address_prefix: str) -> None:
        self._staking = staking
        self._prefix = address_prefix

    def params(self, ctx: Context) -> SlashingParams:
        """Return the parameters."""
        value = ctx.store(STORE).get(PARAMS_KEY)
        assert value is not None, "genesis writes the parameters"
        return codec.decode_params(value)

    def signing_info(self, ctx: Context, address: Address) -> SigningInfo | None:
        """Return what is known of a validator's signing, by its consensus address."""
        value = ctx.store(STORE).get(SIGNING_INFO + address)
        return None if value is None else codec.decode_info(self._prefix, value)

    def begin_block(self, ctx: Context) -> None:
        """Punish the evidence of the block, then count who has not signed the last one."""
        for misbehaviour in ctx.misbehaviour:
            self._double_sign(ctx, misbehaviour)
        params = self.params(ctx)
        for vote in ctx.last_votes:
            self._count(ctx, params, vote.validator_address, vote.flag is BlockIdFlag.ABSENT)

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the route of ``MsgUnjail``."""
        return (
            MessageRoute(
                "/cosmos.slashing.v1beta1.MsgUnjail",
                lambda data: codec.decode_unjail(self._prefix, data),
                lambda message: (message.operator,),
                lambda ctx, message: self._unjail(ctx, message.operator),
            ),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes of ``cosmos.slashing.v1beta1.Query``."""
        service = "/cosmos.slashing.v1beta1.Query/"
        return (
            QueryRoute(
                service + "Params",
                lambda c, _: codec.encode_params_response(self.params(c)),
                ("GET /cosmos/slashing/v1beta1/params",),
            ),
            QueryRoute(
                service + "SigningInfos",
                self._infos,
                ("GET /cosmos/slashing/v1beta1/signing_infos",),
            ),
        )

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Write ``params``; fractions are in 10**-18, as ``slash_fraction_double_sign_atto``."""
        fields, default = mapping(state, "params"), SlashingParams()
        params = SlashingParams(
            **{
                name: integer(fields, name, getattr(default, name))
                for name in SlashingParams.__slots__
            }
        )
        ctx.store(STORE).set(PARAMS_KEY, codec.encode_params(params))
        return ()

    def _double_sign(self, ctx: Context, misbehaviour: Misbehaviour) -> None:
        address = misbehaviour.validator_address
        info = self.signing_info(ctx, address) or SigningInfo(address, ctx.height)
        if info.tombstoned:
            return
        fault = _Fault(
            "double_sign",
            misbehaviour.height,
            self.params(ctx).slash_fraction_double_sign_atto,
            codec.FOREVER,
            tombstone=True,
        )
        self._punish(ctx, info, fault)

    def _count(self, ctx: Context, params: SlashingParams, address: Address, missed: bool) -> None:
        info = self.signing_info(ctx, address) or SigningInfo(address, ctx.height)
        store = ctx.store(STORE)
        window = params.signed_blocks_window
        key = MISSED + address + (info.index_offset % window).to_bytes(8, "big")
        was_missed = store.get(key) is not None
        if missed and not was_missed:
            store.set(key, b"\x01")
        elif was_missed and not missed:
            store.delete(key)
        counter = info.missed_blocks_counter + missed - was_missed
        info = replace(info, index_offset=info.index_offset + 1, missed_blocks_counter=counter)
        most_missed = window - window * params.min_signed_atto // codec.DEC
        validator = self._staking.by_consensus_address(ctx, address)
        seen_enough = ctx.height > info.start_height + window
        if counter > most_missed and seen_enough and validator and not validator.jailed:
            until = TimestampNs(ctx.time + seconds_to_ns(params.downtime_jail_seconds))
            fault = _Fault(
                "missing_signature", ctx.height - 2, params.slash_fraction_downtime_atto, until
            )
            prefix = MISSED + address
            for missed_key, _ in list(store.iterate(prefix, prefix_end(prefix))):
                store.delete(missed_key)
            info = replace(info, missed_blocks_counter=0, index_offset=0, start_height=ctx.height)
            self._punish(ctx, info, fault)
        else:
            store.set(SIGNING_INFO + address, codec.encode_info(self._prefix, info))

    def _punish(self, ctx: Context, info: SigningInfo, fault: _Fault) -> None:
        info = replace(
            info,
            jailed_until=max(info.jailed_until, fault.jailed_until),
            tombstoned=info.tombstoned or fault.tombstone,
        )
        key = SIGNING_INFO + info.address
        ctx.store(STORE).set(key, codec.encode_info(self._prefix, info))
        validator = self._staking.by_consensus_address(ctx, info.address)
        if validator is None:
            return
        burned = self._staking.slash(ctx, validator.operator, fault.height, fault.fraction_atto)
        validator = self._staking.validator(ctx, validator.operator)
        assert validator is not None
        self._staking.jail(ctx, validator, jailed=True)
        address = format_address(self._prefix + "valcons", info.address)
        ctx.emit(
            Event(
                "slash",
                (
                    ("address", address),
                    ("reason", fault.reason),
                    ("jailed", address),
                    ("burned_coins", str(burned)),
                ),
            )
        )

    def _unjail(self, ctx: Context, operator: Address) -> bytes:
        validator = self._staking.validator(ctx, operator)
        if validator is None:
            raise ValidatorNotFound
        if not validator.jailed:
            raise NotJailed
        info = self.signing_info(ctx, validator.consensus_address)
        if info is not None and (info.tombstoned or ctx.time < info.jailed_until):
            raise StillJailed
        self._staking.jail(ctx, validator, jailed=False)
        return codec.encode_unjail_response()

    def _infos(self, ctx: Context, _data: bytes) -> bytes:
        pairs = ctx.store(STORE).iterate(SIGNING_INFO, prefix_end(SIGNING_INFO))
        return codec.encode_infos_response(
            self._prefix, [codec.decode_info(self._prefix, value) for _, value in pairs]
        )
