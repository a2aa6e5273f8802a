"""The port of a light client (ICS-02, "Client interface"): what the core asks of it.

A light client is stateless code; all that it knows lies in the client's own store, the
part of the store ``ibc`` below ``clients/{client id}/``. The keys in it are those of
ICS-24: ``clientState`` and ``consensusStates/{revision}-{height}``, each an encoded
``google.protobuf.Any``, and whatever else the client keeps (processed times, an index).
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from chainkit.primitives.heights import Height
from chainkit.primitives.types import TimestampNs
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore


@dataclass(frozen=True, slots=True)
class AnyValue:
    """A ``google.protobuf.Any`` that the core carries without reading it."""

    type_url: str
    value: bytes


class Status(Enum):
    """Whether a client may be relied on; the text is what ibc-go's query answers."""

    ACTIVE = "Active"
    FROZEN = "Frozen"
    EXPIRED = "Expired"
    UNKNOWN = "Unknown"
    UNAUTHORIZED = "Unauthorized"


class LightClient(Protocol):
    """One kind of client, e.g. ``07-tendermint``.

    Every ``verify_*`` raises a ``RuleBroken`` to refuse, and changes nothing. The core
    asks for :meth:`status` before it relies on a client, and never calls
    :meth:`update_state` with a message that :meth:`verify_client_message` has not passed.
    """

    @property
    def client_type(self) -> str:
        """The type's name; client ids are ``{client_type}-{n}``."""
        ...

    @property
    def client_state_type_url(self) -> str:
        """The type URL of its client state; it chooses the client in ``MsgCreateClient``."""
        ...

    @property
    def consensus_state_type_url(self) -> str:
        """The type URL of its consensus states."""
        ...

    @property
    def client_message_type_urls(self) -> tuple[str, ...]:
        """The type URLs of headers and misbehaviour that it understands."""
        ...

    def initialize(
        self,
        ctx: Context,
        store: KVStore,
        client_state: AnyValue,
        consensus_state: AnyValue,
    ) -> None:
        """Check both states and write them with their metadata."""
        ...

    def status(self, ctx: Context, store: KVStore) -> Status:
        """Return whether the client may be relied on now."""
        ...

    def latest_height(self, store: ReadStore) -> Height:
        """Return the highest height that it has a consensus state for; 0-0 for none."""
        ...

    def timestamp_at_height(self, store: ReadStore, height: Height) -> TimestampNs:
        """Return the time of the consensus state at ``height``, or raise when there is none."""
        ...

    def verify_client_message(self, ctx: Context, store: KVStore, message: AnyValue) -> None:
        """Verify a header, a batch of them, or misbehaviour."""
        ...

    def check_for_misbehaviour(self, ctx: Context, store: KVStore, message: AnyValue) -> bool:
        """Return whether a verified message proves misbehaviour."""
        ...

    def update_state(self, ctx: Context, store: KVStore, message: AnyValue) -> tuple[Height, ...]:
        """Write what a verified header brings; return the heights that it brought."""
        ...

    def update_on_misbehaviour(self, ctx: Context, store: KVStore, message: AnyValue) -> None:
        """Freeze the client."""
        ...

    def verify_membership(
        self,
        ctx: Context,
        store: KVStore,
        height: Height,
        delay_time_ns: int,
        delay_blocks: int,
        proof: bytes,
        path: tuple[bytes, ...],
        value: bytes,
    ) -> None:
        """Verify that ``value`` is at ``path`` (outermost tree first) under ``height``'s root.

        The delays count from when the consensus state was stored here, in nanoseconds of
        this chain's time and in this chain's blocks.
        """
        ...

    def verify_non_membership(
        self,
        ctx: Context,
        store: KVStore,
        height: Height,
        delay_time_ns: int,
        delay_blocks: int,
        proof: bytes,
        path: tuple[bytes, ...],
    ) -> None:
        """Verify that nothing is at ``path`` under ``height``'s root."""
        ...

    def verify_upgrade_and_update_state(
        self,
        ctx: Context,
        store: KVStore,
        new_client_state: AnyValue,
        new_consensus_state: AnyValue,
        client_proof: bytes,
        consensus_state_proof: bytes,
    ) -> None:
        """Verify that the old chain committed to both states, and write them."""
        ...

    def recover(self, ctx: Context, store: KVStore, substitute: KVStore) -> None:
        """Check that the substitute is of the same chain, and take its states over."""
        ...
