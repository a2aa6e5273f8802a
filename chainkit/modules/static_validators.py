"""Validators fixed at genesis, for a chain without stake.

It answers the staking parameters that relayers read the unbonding period from: with fixed
validators it is how long their operators vouch not to sign a fork.
"""

from collections.abc import Mapping

from chainkit.modules.genesis import integer, list_of_mappings
from chainkit.modules.staking_params import (
    DEFAULT_UNBONDING_SECONDS,
    StakingParams,
    decode_params,
    encode_params,
    encode_params_response,
    public_key_of,
)
from chainkit.primitives.types import VotingPower
from chainkit.runtime.context import Context
from chainkit.runtime.messages import QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate

STORE = "validators"
PARAMS_KEY = b"params"


class StaticValidatorsModule(BaseModule):
    """Genesis: ``validators`` (``pub_key`` in base64, ``power``) and ``unbonding_seconds``."""

    name = "validators"
    store_names = (STORE,)

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the query of the staking parameters."""
        path = "/cosmos.staking.v1beta1.Query/Params"
        return (QueryRoute(path, self._params, ("GET /cosmos/staking/v1beta1/params",)),)

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Return the validators; none leaves those of the genesis document."""
        seconds = integer(state, "unbonding_seconds", DEFAULT_UNBONDING_SECONDS)
        params = StakingParams(unbonding_seconds=seconds)
        ctx.store(STORE).set(PARAMS_KEY, encode_params(params))
        return tuple(
            ValidatorUpdate(public_key_of(entry), VotingPower(integer(entry, "power")))
            for entry in list_of_mappings(state, "validators")
        )

    @staticmethod
    def _params(ctx: Context, _data: bytes) -> bytes:
        value = ctx.store(STORE).get(PARAMS_KEY)
        assert value is not None
        return encode_params_response(decode_params(value))
