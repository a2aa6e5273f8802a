"""A module: one feature of a chain with its own stores, messages, queries and genesis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chainkit.primitives.types import VotingPower
from chainkit.runtime.context import Context
from chainkit.runtime.messages import MessageRoute, QueryRoute


@dataclass(frozen=True, slots=True)
class ValidatorUpdate:
    """A validator's new power, 0 to remove it; ``public_key`` is 32 bytes of ed25519."""

    public_key: bytes
    power: VotingPower


class Module(Protocol):
    """What the application asks of a module; :class:`BaseModule` answers "nothing" to all."""

    @property
    def name(self) -> str:
        """The module's name, unique in a chain; its key in the genesis state."""
        ...

    @property
    def store_names(self) -> tuple[str, ...]:
        """The stores that only this module writes."""
        ...

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the messages that the module handles."""
        ...

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries that the module answers."""
        ...

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Write the module's first state; return the first validators if it decides them.

        ``state`` is the module's part of the genesis ``app_state``, as JSON gives it, empty
        if there is none.

        Raises:
            RuleBroken: The state is not one that the module can start from.
        """
        ...

    def begin_block(self, ctx: Context) -> None:
        """Do what is due before a block's transactions."""
        ...

    def end_block(self, ctx: Context) -> tuple[ValidatorUpdate, ...]:
        """Do what is due after a block's transactions; return changes of validators."""
        ...

    def ante(self, ctx: Context, messages: tuple[object, ...]) -> None:
        """Judge a whole transaction before any message runs; see ``ctx.mode``.

        Raises:
            RuleBroken: The transaction must not run, or not enter the mempool.
        """
        ...


class BaseModule:
    """A module that does nothing; a real one says what it does differently."""

    name: str = ""
    store_names: tuple[str, ...] = ()

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return the messages that the module handles: none."""
        return ()

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries that the module answers: none."""
        return ()

    def init_genesis(
        self,
        ctx: Context,  # noqa: ARG002 - the protocol's signature
        state: Mapping[str, object],  # noqa: ARG002 - the same
    ) -> tuple[ValidatorUpdate, ...]:
        """Write no first state."""
        return ()

    def begin_block(self, ctx: Context) -> None:
        """Do nothing before a block's transactions."""

    def end_block(self, ctx: Context) -> tuple[ValidatorUpdate, ...]:  # noqa: ARG002 - the same
        """Do nothing after a block's transactions."""
        return ()

    def ante(self, ctx: Context, messages: tuple[object, ...]) -> None:
        """Accept every transaction."""
