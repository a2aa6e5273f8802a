"""The hub among the kinds: the engine and client of a zone, the application of ``relay_chain``."""

import base64
from collections.abc import Mapping, Sequence

from chainkit.commitments.database import KeyValueDatabase
from chainkit.modules.staking_params import DEFAULT_UNBONDING_SECONDS
from chainkit.primitives.bech32 import encode_bech32
from chainkit.runtime.application import Application, Settings
from parachains.hub.queries import INTEGRITY_QUERIES
from parachains.sdk.kinds import ChainPlan, NodeParts
from parachains.zone.homes import GENESIS_POWER, GenesisOperator
from parachains.zone.kind import TendermintKind
from parachains.zone.queries import CORE_QUERIES, STAKE_QUERIES
from relay_chain.app import hub_application
from relay_chain.app.governance import DEFAULT_MIN_DEPOSIT, DEFAULT_VOTING_SECONDS
from relay_chain.app.staking import POWER_REDUCTION


def _staked_validators(
    plan: ChainPlan, operators: Sequence[GenesisOperator]
) -> Mapping[str, object]:
    """Return the staking state: every validator with the same stake of its operator."""
    return {
        "gov": {
            "params": {
                "min_deposit": [{"denom": plan.denom, "amount": str(DEFAULT_MIN_DEPOSIT)}],
                "max_deposit_period": f"{DEFAULT_VOTING_SECONDS}s",
                "voting_period": f"{DEFAULT_VOTING_SECONDS}s",
            }
        },
        "staking": {
            "params": {
                "unbonding_time": f"{DEFAULT_UNBONDING_SECONDS}s",
                "max_validators": 100,
                "max_entries": 7,
                "historical_entries": 10_000,
                "bond_denom": plan.denom,
            },
            "validators": [
                {
                    "operator_address": encode_bech32(plan.address_prefix, operator.address),
                    "pub_key": base64.b64encode(operator.public_key).decode(),
                    "tokens": str(GENESIS_POWER * POWER_REDUCTION),
                    "moniker": operator.moniker,
                }
                for operator in operators
            ],
        },
    }


CHAIN_KIND = TendermintKind(
    "hub",
    "stake, slashing, governance and IBC: the chain in the middle",
    _staked_validators,
    (*CORE_QUERIES, *STAKE_QUERIES, *INTEGRITY_QUERIES),
)
"""What discovery finds."""


def application(database: KeyValueDatabase, parts: NodeParts) -> Application:
    """Return the hub's application over ``database``."""
    return hub_application(
        database,
        light_clients=parts.light_clients,
        applications=parts.applications,
        address_prefix=parts.address_prefix,
        minimum_gas_prices=parts.minimum_gas_prices,
        settings=Settings(keep_recent=parts.keep_states),
        upgrades=parts.upgrades,
    )
