"""Stake: who validates, with which power (after Cosmos SDK x/staking; store ``staking``).

Invariants: the bonded pool holds exactly the sum of validators' tokens, the other pool the
sum of unbondings. Simpler than the SDK on purpose: all validators' tokens lie in the bonded
pool whether or not the validator is in the set, shares are whole, and there is no
redelegation or commission.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from chainkit.modules.bank import BankModule
from chainkit.modules.genesis import integer, list_of_mappings, mapping, seconds, text
from chainkit.modules.staking_params import (
    DEFAULT_UNBONDING_SECONDS,
    StakingParams,
    decode_params,
    encode_params,
    public_key_of,
)
from chainkit.primitives.amounts import Coin, parse_denom
from chainkit.primitives.limits import MAX_TOTAL_VOTING_POWER
from chainkit.primitives.timestamps import seconds_to_ns
from chainkit.primitives.types import Address, Denom, VotingPower
from chainkit.runtime.addresses import format_address, parse_address
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidRequest, NotFound, Unauthorized
from chainkit.runtime.events import Event
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate
from chainkit.runtime.store import prefix_end
from relay_chain.app import staking_codec as codec
from relay_chain.app.staking_codec import CreateValidator, StakeChange, StakedValidator, Unbonding
from relay_chain.app.staking_queries import StakingQueries

STORE = "staking"
BONDED_POOL = "bonded_tokens_pool"
NOT_BONDED_POOL = "not_bonded_tokens_pool"
POWER_REDUCTION = 1_000_000
"""SDK ``DefaultPowerReduction``: base units of stake for one unit of power."""

PARAMS_KEY = b"params"
POWER = b"\x11"
VALIDATOR = b"\x21"
BY_CONSENSUS = b"\x22"
DELEGATION = b"\x31"
UNBONDING = b"\x32"
NEXT_UNBONDING_KEY = b"\x37"


class StakingModule(BaseModule):
    """Validators, delegations and unbondings; returns the changes of the set."""

    name = "staking"
    store_names = (STORE,)

    def __init__(self, bank: BankModule, address_prefix: str) -> None:
        self._bank = bank
        self._prefix = address_prefix

    def params(self, ctx: Context) -> StakingParams:
        """Return the parameters."""
        value = ctx.store(STORE).get(PARAMS_KEY)
        assert value is not None, "genesis writes the parameters"
        return decode_params(value)

    def validator(self, ctx: Context, operator: Address) -> StakedValidator | None:
        """Return the validator of an operator, or None."""
        value = ctx.store(STORE).get(VALIDATOR + operator)
        return None if value is None else codec.decode_validator(self._prefix, value)

    def by_consensus_address(self, ctx: Context, address: Address) -> StakedValidator | None:
        """Return the validator that votes as ``address``, or None."""
        operator = ctx.store(STORE).get(BY_CONSENSUS + address)
        return None if operator is None else self.validator(ctx, Address(operator))

    def validators(self, ctx: Context) -> list[StakedValidator]:
        """Return every validator, by operator."""
        pairs = ctx.store(STORE).iterate(VALIDATOR, prefix_end(VALIDATOR))
        return [codec.decode_validator(self._prefix, value) for _, value in pairs]

    def delegated_shares(self, ctx: Context, delegator: Address, operator: Address) -> int:
        """Return how many of a validator's shares a delegator has."""
        value = ctx.store(STORE).get(DELEGATION + operator + delegator)
        return 0 if value is None else int(value)

    def delegations(self, ctx: Context) -> Iterator[tuple[Address, Address, int]]:
        """Yield (validator's operator, delegator, shares), validator by validator."""
        for validator in self.validators(ctx):
            prefix = DELEGATION + validator.operator
            for key, value in ctx.store(STORE).iterate(prefix, prefix_end(prefix)):
                yield validator.operator, Address(key[len(prefix) :]), int(value)

    def stake_of(self, ctx: Context, delegator: Address) -> int:
        """Return the tokens that a delegator has with validators of the set."""
        total = 0
        for validator in self.validators(ctx):
            if validator.bonded and validator.shares:
                shares = self.delegated_shares(ctx, delegator, validator.operator)
                total += shares * validator.tokens // validator.shares
        return total

    def unbondings(self, ctx: Context) -> Iterator[tuple[bytes, Unbonding]]:
        """Yield every unbonding with its key, in the order of their beginnings."""
        for key, value in ctx.store(STORE).iterate(UNBONDING, prefix_end(UNBONDING)):
            yield key, codec.decode_unbonding(self._prefix, value)

    def jail(self, ctx: Context, validator: StakedValidator, *, jailed: bool) -> None:
        """Keep a validator out of the set, or let it in again."""
        self._save(ctx, replace(validator, jailed=jailed))

    def slash(
        self, ctx: Context, operator: Address, infraction_height: int, fraction_atto: int
    ) -> int:
        """Burn ``fraction_atto`` / 10**18 of what stood behind a fault; return how much.

        Unbondings that began at or after the fault lose their part too.
        """
        validator = self.validator(ctx, operator)
        assert validator is not None
        denom = Denom(self.params(ctx).bond_denom)
        burned = 0
        for key, unbonding in list(self.unbondings(ctx)):
            if unbonding.operator == operator and unbonding.creation_height >= infraction_height:
                cut = unbonding.amount * fraction_atto // codec.DEC
                if cut:
                    self._bank.burn(ctx, NOT_BONDED_POOL, Coin(denom, cut))
                    left = replace(unbonding, amount=unbonding.amount - cut)
                    ctx.store(STORE).set(key, codec.encode_unbonding(self._prefix, left))
                    burned += cut
        cut = validator.tokens * fraction_atto // codec.DEC
        if cut:
            self._bank.burn(ctx, BONDED_POOL, Coin(denom, cut))
            self._save(ctx, replace(validator, tokens=validator.tokens - cut))
        return burned + cut

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the routes of ``cosmos.staking.v1beta1.Msg`` that this chain has."""
        prefix = self._prefix
        package = "/cosmos.staking.v1beta1."
        return (
            MessageRoute(
                package + "MsgCreateValidator",
                lambda data: codec.decode_create(prefix, data),
                lambda message: (message.operator,),
                self._create,
            ),
            MessageRoute(
                package + "MsgDelegate",
                lambda data: codec.decode_delegate(prefix, data),
                lambda message: (message.delegator,),
                self._delegate,
            ),
            MessageRoute(
                package + "MsgUndelegate",
                lambda data: codec.decode_undelegate(prefix, data),
                lambda message: (message.delegator,),
                self._undelegate,
            ),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes of ``cosmos.staking.v1beta1.Query`` that this chain has."""
        return StakingQueries(self._prefix, self).routes()

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Write ``params`` and bond ``validators``: ``operator_address``, ``pub_key``, ``tokens``.

        The tokens are minted, since no balance in genesis holds them.
        """
        fields = mapping(state, "params")
        own = integer(fields, "unbonding_seconds", DEFAULT_UNBONDING_SECONDS)
        params = StakingParams(
            unbonding_seconds=seconds(fields, "unbonding_time", own),
            max_validators=integer(fields, "max_validators", 100),
            max_entries=integer(fields, "max_entries", 7),
            historical_entries=integer(fields, "historical_entries", 10_000),
            bond_denom=parse_denom(text(fields, "bond_denom", "stake")),
        )
        ctx.store(STORE).set(PARAMS_KEY, encode_params(params))
        for entry in list_of_mappings(state, "validators"):
            operator = parse_address(self._prefix, text(entry, "operator_address"))
            tokens = integer(entry, "tokens")
            coin = Coin(Denom(params.bond_denom), tokens)
            self._bank.mint(ctx, BONDED_POOL, coin)
            moniker = text(entry, "moniker", "")
            self._register(ctx, CreateValidator(operator, public_key_of(entry), moniker, coin))
            self._add_stake(ctx, operator, operator, tokens)
        return self._update_set(ctx)

    def end_block(self, ctx: Context) -> tuple[ValidatorUpdate, ...]:
        """Pay out unbondings that are due; return the changes of the validator set."""
        denom = Denom(self.params(ctx).bond_denom)
        for key, unbonding in list(self.unbondings(ctx)):
            if unbonding.completion_time > ctx.time:
                continue
            ctx.store(STORE).delete(key)
            if unbonding.amount:
                pool = self._bank.module_address(NOT_BONDED_POOL)
                coin = Coin(denom, unbonding.amount)
                self._bank.send(ctx, pool, unbonding.delegator, coin)
        return self._update_set(ctx)

    def _update_set(self, ctx: Context) -> tuple[ValidatorUpdate, ...]:
        """Choose the set: the most stake first; never nobody, since no block could follow."""
        store = ctx.store(STORE)
        ranked = sorted(
            (v for v in self.validators(ctx) if not v.jailed and v.tokens >= POWER_REDUCTION),
            key=lambda v: (-v.tokens, v.operator),
        )[: self.params(ctx).max_validators]
        new = {v.public_key: v.tokens // POWER_REDUCTION for v in ranked}
        assert sum(new.values()) <= MAX_TOTAL_VOTING_POWER
        old = {key[1:]: int(power) for key, power in store.iterate(POWER, prefix_end(POWER))}
        if not new:
            return ()
        updates = []
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) == new.get(key):
                continue
            updates.append(ValidatorUpdate(key, VotingPower(new.get(key, 0))))
            if key in new:
                store.set(POWER + key, str(new[key]).encode())
            else:
                store.delete(POWER + key)
        for validator in self.validators(ctx):
            bonded = validator.public_key in new
            if bonded != validator.bonded:
                self._save(ctx, replace(validator, bonded=bonded))
        return tuple(updates)

    def _create(self, ctx: Context, message: CreateValidator) -> bytes:
        self._check_coin(ctx, message.value)
        self._register(ctx, message)
        self._bond(ctx, message.operator, message.operator, message.value)
        return codec.encode_create_response()

    def _delegate(self, ctx: Context, message: StakeChange) -> bytes:
        self._check_coin(ctx, message.amount)
        self._bond(ctx, message.delegator, message.operator, message.amount)
        self._emit(ctx, "delegate", message)
        return codec.encode_delegate_response()

    def _undelegate(self, ctx: Context, message: StakeChange) -> bytes:
        params = self._check_coin(ctx, message.amount)
        validator = self._known(ctx, message.operator)
        if not validator.tokens:
            raise InvalidRequest("the validator has no stake left")
        amount = message.amount.amount
        shares = -(-amount * validator.shares // validator.tokens)
        held = self.delegated_shares(ctx, message.delegator, message.operator)
        if shares > held:
            raise InvalidRequest(f"delegation of {held} shares is smaller than {shares}")
        mine = sum(
            1
            for _, u in self.unbondings(ctx)
            if (u.delegator, u.operator) == (message.delegator, message.operator)
        )
        if mine >= params.max_entries:
            raise InvalidRequest("too many unbonding delegation entries")
        self._set_shares(ctx, message.delegator, message.operator, held - shares)
        rest = replace(
            validator, tokens=validator.tokens - amount, shares=validator.shares - shares
        )
        self._save(ctx, rest)
        pools = [self._bank.module_address(name) for name in (BONDED_POOL, NOT_BONDED_POOL)]
        self._bank.send(ctx, pools[0], pools[1], message.amount)
        due = codec.time_after(ctx.time, seconds_to_ns(params.unbonding_seconds))
        unbonding = Unbonding(message.delegator, message.operator, amount, ctx.height, due)
        store = ctx.store(STORE)
        number = int.from_bytes(store.get(NEXT_UNBONDING_KEY) or b"", "big")
        store.set(NEXT_UNBONDING_KEY, (number + 1).to_bytes(8, "big"))
        key = UNBONDING + number.to_bytes(8, "big")
        store.set(key, codec.encode_unbonding(self._prefix, unbonding))
        self._emit(ctx, "unbond", message)
        return codec.encode_undelegate_response(due, message.amount)

    def _check_coin(self, ctx: Context, coin: Coin) -> StakingParams:
        params = self.params(ctx)
        if coin.denom != params.bond_denom or coin.amount <= 0:
            raise InvalidRequest(
                f"invalid coin denomination: got {coin}, expected positive {params.bond_denom}"
            )
        return params

    def _known(self, ctx: Context, operator: Address) -> StakedValidator:
        validator = self.validator(ctx, operator)
        if validator is None:
            raise NotFound("validator does not exist")
        return validator

    def _register(self, ctx: Context, message: CreateValidator) -> None:
        validator = StakedValidator(message.operator, message.public_key, 0, 0, message.moniker)
        taken = self.by_consensus_address(ctx, validator.consensus_address)
        if taken is not None or self.validator(ctx, message.operator) is not None:
            raise Unauthorized("validator already exist for this operator or pubkey")
        self._save(ctx, validator)
        key = BY_CONSENSUS + validator.consensus_address
        ctx.store(STORE).set(key, message.operator)

    def _bond(self, ctx: Context, delegator: Address, operator: Address, coin: Coin) -> None:
        self._known(ctx, operator)
        self._bank.send(ctx, delegator, self._bank.module_address(BONDED_POOL), coin)
        self._add_stake(ctx, delegator, operator, coin.amount)

    def _add_stake(self, ctx: Context, delegator: Address, operator: Address, amount: int) -> None:
        validator = self._known(ctx, operator)
        if validator.shares and not validator.tokens:
            raise InvalidRequest("validator has been slashed to nothing")
        total = sum(v.tokens for v in self.validators(ctx)) + amount
        if total // POWER_REDUCTION > MAX_TOTAL_VOTING_POWER:
            raise InvalidRequest("stake would pass the most voting power")
        new = amount * validator.shares // validator.tokens if validator.shares else amount
        held = self.delegated_shares(ctx, delegator, operator)
        self._set_shares(ctx, delegator, operator, held + new)
        changed = replace(
            validator, tokens=validator.tokens + amount, shares=validator.shares + new
        )
        self._save(ctx, changed)

    def _set_shares(self, ctx: Context, delegator: Address, operator: Address, n: int) -> None:
        key = DELEGATION + operator + delegator
        if n:
            ctx.store(STORE).set(key, str(n).encode())
        else:
            ctx.store(STORE).delete(key)

    def _save(self, ctx: Context, validator: StakedValidator) -> None:
        value = codec.encode_validator(self._prefix, validator)
        ctx.store(STORE).set(VALIDATOR + validator.operator, value)

    def _emit(self, ctx: Context, kind: str, message: StakeChange) -> None:
        ctx.emit(
            Event(
                kind,
                (
                    ("validator", format_address(self._prefix + "valoper", message.operator)),
                    ("delegator", format_address(self._prefix, message.delegator)),
                    ("amount", str(message.amount)),
                ),
            )
        )
