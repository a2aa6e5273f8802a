"""The public surface for people who write a chain; docs/guides/write-a-chain.md is its tour."""

from chainkit.modules.auth import AuthModule
from chainkit.modules.bank import BankModule
from chainkit.modules.static_validators import StaticValidatorsModule
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage, OperationFailed, RuleBroken
from chainkit.primitives.types import Address, BlockHeight, ChainId, Denom, TimestampNs
from chainkit.runtime.addresses import format_address, module_address, parse_address
from chainkit.runtime.application import Application, Settings
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.events import Event
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule, Module, ValidatorUpdate
from chainkit.runtime.store import KVStore, PrefixStore
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx
from parachains.zone.app import zone_application

__all__ = [
    "Address",
    "AnyMessage",
    "Application",
    "AuthModule",
    "BankModule",
    "BaseModule",
    "BlockHeight",
    "ChainId",
    "Coin",
    "Context",
    "Denom",
    "Event",
    "ExecutionMode",
    "KVStore",
    "MalformedMessage",
    "MessageRoute",
    "Module",
    "OperationFailed",
    "PrefixStore",
    "QueryRoute",
    "RuleBroken",
    "Settings",
    "StaticValidatorsModule",
    "TimestampNs",
    "ValidatorUpdate",
    "build_tx",
    "format_address",
    "module_address",
    "parse_address",
    "zone_application",
]
