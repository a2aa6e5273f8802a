"""``cosmos.staking.v1beta1.Query``."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from chainkit.modules.staking_params import StakingParams, encode_params_response
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.primitives.types import Address
from chainkit.runtime.addresses import format_address, parse_address
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidRequest, NotFound
from chainkit.runtime.messages import QueryRoute
from chainkit.runtime.page_codec import paginate
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.cosmos.staking.v1beta1 import query_pb2, staking_pb2
from relay_chain.app.staking_codec import (
    DEC,
    StakedValidator,
    Unbonding,
    encode_pool_response,
    unbonding_to_proto,
    validator_to_proto,
)

Q = TypeVar("Q", bound=Message)
SERVICE = "/cosmos.staking.v1beta1.Query/"
REST = "GET /cosmos/staking/v1beta1/"
_STATUSES = frozenset(staking_pb2.BondStatus.keys())


class Stake(Protocol):
    """What the queries read; ``StakingModule`` fits it."""

    def params(self, ctx: Context) -> StakingParams:
        """Return the parameters."""
        ...

    def validator(self, ctx: Context, operator: Address) -> StakedValidator | None:
        """Return the validator of an operator, or None."""
        ...

    def validators(self, ctx: Context) -> list[StakedValidator]:
        """Return every validator, by operator."""
        ...

    def delegated_shares(self, ctx: Context, delegator: Address, operator: Address) -> int:
        """Return how many of a validator's shares a delegator has."""
        ...

    def delegations(self, ctx: Context) -> Iterator[tuple[Address, Address, int]]:
        """Yield (validator's operator, delegator, shares)."""
        ...

    def unbondings(self, ctx: Context) -> Iterator[tuple[bytes, Unbonding]]:
        """Yield every unbonding with its key."""
        ...


class StakingQueries:
    """Answers about stake."""

    def __init__(self, prefix: str, stake: Stake) -> None:
        self._prefix = prefix
        self._stake = stake

    def routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes that this chain has."""
        q = query_pb2
        validator, delegator = REST + "validators/{validator_addr}", "{delegator_addr}"
        return (
            QueryRoute(SERVICE + "Params", self._params, (REST + "params",)),
            QueryRoute(SERVICE + "Pool", self._pool, (REST + "pool",)),
            _route("Validators", q.QueryValidatorsRequest, self._validators, REST + "validators"),
            _route("Validator", q.QueryValidatorRequest, self._validator, validator),
            _route(
                "ValidatorDelegations",
                q.QueryValidatorDelegationsRequest,
                self._of_validator,
                validator + "/delegations",
            ),
            _route(
                "Delegation",
                q.QueryDelegationRequest,
                self._delegation,
                f"{validator}/delegations/{delegator}",
            ),
            _route(
                "DelegatorDelegations",
                q.QueryDelegatorDelegationsRequest,
                self._of_delegator,
                f"{REST}delegations/{delegator}",
            ),
            _route(
                "DelegatorUnbondingDelegations",
                q.QueryDelegatorUnbondingDelegationsRequest,
                self._unbondings,
                f"{REST}delegators/{delegator}/unbonding_delegations",
            ),
        )

    def _params(self, ctx: Context, _data: bytes) -> bytes:
        return encode_params_response(self._stake.params(ctx))

    def _pool(self, ctx: Context, _data: bytes) -> bytes:
        bonded = sum(validator.tokens for validator in self._stake.validators(ctx))
        not_bonded = sum(unbonding.amount for _, unbonding in self._stake.unbondings(ctx))
        return encode_pool_response(bonded=bonded, not_bonded=not_bonded)

    def _validators(
        self, ctx: Context, request: query_pb2.QueryValidatorsRequest
    ) -> query_pb2.QueryValidatorsResponse:
        if request.status and request.status not in _STATUSES:
            raise InvalidRequest(f"invalid validator status {request.status[:40]}")
        found = (
            (validator.operator, validator_to_proto(self._prefix, validator))
            for validator in self._stake.validators(ctx)
        )
        wanted = (
            (key, pb)
            for key, pb in found
            if not request.status or staking_pb2.BondStatus.Name(pb.status) == request.status
        )
        page, rest = paginate(wanted, request.pagination)
        return query_pb2.QueryValidatorsResponse(validators=page, pagination=rest)

    def _known(self, ctx: Context, text: str) -> StakedValidator:
        operator = parse_address(self._prefix + "valoper", text)
        found = self._stake.validator(ctx, operator)
        if found is None:
            raise NotFound(f"validator {text} not found")
        return found

    def _validator(
        self, ctx: Context, request: query_pb2.QueryValidatorRequest
    ) -> query_pb2.QueryValidatorResponse:
        found = self._known(ctx, request.validator_addr)
        return query_pb2.QueryValidatorResponse(validator=validator_to_proto(self._prefix, found))

    def _response(
        self, ctx: Context, validator: StakedValidator, delegator: Address, shares: int
    ) -> staking_pb2.DelegationResponse:
        tokens = shares * validator.tokens // validator.shares if validator.shares else 0
        return staking_pb2.DelegationResponse(
            delegation=staking_pb2.Delegation(
                delegator_address=format_address(self._prefix, delegator),
                validator_address=format_address(self._prefix + "valoper", validator.operator),
                shares=str(shares * DEC),
            ),
            balance=coin_pb2.Coin(denom=self._stake.params(ctx).bond_denom, amount=str(tokens)),
        )

    def _delegation(
        self, ctx: Context, request: query_pb2.QueryDelegationRequest
    ) -> query_pb2.QueryDelegationResponse:
        validator = self._known(ctx, request.validator_addr)
        delegator = parse_address(self._prefix, request.delegator_addr)
        shares = self._stake.delegated_shares(ctx, delegator, validator.operator)
        if not shares:
            raise NotFound(
                f"delegation with delegator {request.delegator_addr} not found for validator "
                f"{request.validator_addr}"
            )
        response = self._response(ctx, validator, delegator, shares)
        return query_pb2.QueryDelegationResponse(delegation_response=response)

    def _all(
        self, ctx: Context, keep: Callable[[Address, Address], bool]
    ) -> Iterator[tuple[bytes, staking_pb2.DelegationResponse]]:
        for operator, delegator, shares in self._stake.delegations(ctx):
            validator = self._stake.validator(ctx, operator)
            if validator is not None and keep(operator, delegator):
                yield operator + delegator, self._response(ctx, validator, delegator, shares)

    def _of_validator(
        self, ctx: Context, request: query_pb2.QueryValidatorDelegationsRequest
    ) -> query_pb2.QueryValidatorDelegationsResponse:
        wanted = self._known(ctx, request.validator_addr).operator
        found = self._all(ctx, lambda operator, _: operator == wanted)
        page, rest = paginate(found, request.pagination)
        return query_pb2.QueryValidatorDelegationsResponse(
            delegation_responses=page, pagination=rest
        )

    def _of_delegator(
        self, ctx: Context, request: query_pb2.QueryDelegatorDelegationsRequest
    ) -> query_pb2.QueryDelegatorDelegationsResponse:
        wanted = parse_address(self._prefix, request.delegator_addr)
        found = self._all(ctx, lambda _, delegator: delegator == wanted)
        page, rest = paginate(found, request.pagination)
        return query_pb2.QueryDelegatorDelegationsResponse(
            delegation_responses=page, pagination=rest
        )

    def _unbondings(
        self, ctx: Context, request: query_pb2.QueryDelegatorUnbondingDelegationsRequest
    ) -> query_pb2.QueryDelegatorUnbondingDelegationsResponse:
        wanted = parse_address(self._prefix, request.delegator_addr)
        found = (
            (key, unbonding_to_proto(self._prefix, unbonding))
            for key, unbonding in self._stake.unbondings(ctx)
            if unbonding.delegator == wanted
        )
        page, rest = paginate(found, request.pagination)
        return query_pb2.QueryDelegatorUnbondingDelegationsResponse(
            unbonding_responses=page, pagination=rest
        )


def _route(
    name: str, request: type[Q], answer: Callable[[Context, Q], Message], rest: str
) -> QueryRoute:
    def handle(ctx: Context, data: bytes) -> bytes:
        return encode(answer(ctx, decode_known(request, data, max_bytes=MAX_TX_BYTES)))

    return QueryRoute(SERVICE + name, handle, (rest,))
