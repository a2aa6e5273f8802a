"""The client as the IBC core calls it: each method reads the store, then asks one rule."""

from dataclasses import replace

from chainkit.primitives.heights import ZERO_HEIGHT, Height
from chainkit.primitives.types import TimestampNs
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore
from ibc.ics02_client.assurance import Assurance, Finality, Verification
from ibc.ics02_client.port import AnyValue, LightClient, Status
from light_clients.bitcoin import proofs, update
from light_clients.bitcoin import store as states
from light_clients.bitcoin.codec import (
    ANCHOR_TYPE_URL,
    CLIENT_STATE_TYPE_URL,
    HEADERS_TYPE_URL,
    decode_anchor,
    decode_client_state,
    decode_headers,
)
from light_clients.bitcoin.errors import ClientNotFound, InvalidSubstitute, InvalidUpgradeClient
from light_clients.bitcoin.rules import validate_anchor, validate_client_state
from light_clients.bitcoin.types import CLIENT_TYPE, ClientState


class BitcoinClient:
    """``isthmus-bitcoin``; stateless, as the port asks."""

    client_type: str = CLIENT_TYPE
    assurance: Assurance = Assurance(Verification.HEADERS, Finality.ONE_IN_THOUSAND)
    client_state_type_url: str = CLIENT_STATE_TYPE_URL
    consensus_state_type_url: str = ANCHOR_TYPE_URL
    """A client is created from an anchor; what it stores are plain consensus states."""
    client_message_type_urls: tuple[str, ...] = (HEADERS_TYPE_URL,)

    def initialize(
        self,
        ctx: Context,
        store: KVStore,
        client_state: AnyValue,
        consensus_state: AnyValue,
    ) -> None:
        """Check state and anchor and write them.

        Raises:
            RuleBroken: One is malformed or out of bounds; the class names the rule.
        """
        client = decode_client_state(client_state)
        validate_client_state(client)
        anchor = decode_anchor(consensus_state)
        validate_anchor(client, anchor)
        states.write_client_state(store, client)
        states.write_point(store, anchor.point)
        update.write_final(ctx, store, anchor.point)

    def status(self, ctx: Context, store: KVStore) -> Status:  # noqa: ARG002 - the port
        """Return whether the client may be relied on; work does not expire."""
        try:
            client = states.read_client_state(store)
        except ClientNotFound:
            return Status.UNKNOWN
        return Status.FROZEN if client.frozen else Status.ACTIVE

    def latest_height(self, store: ReadStore) -> Height:
        """Return the height of the newest final block; 0-0 without a client."""
        try:
            return states.read_client_state(store).latest_height
        except ClientNotFound:
            return ZERO_HEIGHT

    def timestamp_at_height(self, store: ReadStore, height: Height) -> TimestampNs:
        """Return the median time past of the final block at ``height``.

        Raises:
            ConsensusStateNotFound: There is none.
        """
        return states.read_consensus_state(store, height).timestamp

    def verify_client_message(self, ctx: Context, store: KVStore, message: AnyValue) -> None:
        """Verify headers.

        Raises:
            RuleBroken: They are refused; the class names the rule.
        """
        client = states.read_client_state(store)
        update.verify_headers(ctx, store, client, decode_headers(message))

    def check_for_misbehaviour(self, ctx: Context, store: KVStore, message: AnyValue) -> bool:
        """Return whether verified headers undo a final block with more work."""
        client = states.read_client_state(store)
        return update.is_deep_reorganisation(ctx, store, client, decode_headers(message))

    def update_state(self, ctx: Context, store: KVStore, message: AnyValue) -> tuple[Height, ...]:
        """Keep verified headers; return the heights that became final."""
        client = states.read_client_state(store)
        return update.update_state(ctx, store, client, decode_headers(message))

    def update_on_misbehaviour(self, ctx: Context, store: KVStore, message: AnyValue) -> None:  # noqa: ARG002 - the port
        """Freeze the client."""
        update.freeze(store, states.read_client_state(store))

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
        """Verify that ``value`` is at ``path`` in the state after the block at ``height``.

        Raises:
            RuleBroken: It is not proven, or may not be relied on yet.
        """
        client = states.read_client_state(store)
        state = proofs.state_for_proof(
            ctx, store, client, height, delay_time_ns=delay_time_ns, delay_blocks=delay_blocks
        )
        proofs.verify_membership(client, state, proof, path, value)

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
        """Verify that nothing is at ``path`` in the state after the block at ``height``.

        Raises:
            RuleBroken: It is not proven, or may not be relied on yet.
        """
        client = states.read_client_state(store)
        state = proofs.state_for_proof(
            ctx, store, client, height, delay_time_ns=delay_time_ns, delay_blocks=delay_blocks
        )
        proofs.verify_non_membership(client, state, proof, path)

    def verify_upgrade_and_update_state(
        self,
        ctx: Context,  # noqa: ARG002 - the port
        store: KVStore,  # noqa: ARG002 - the port
        new_client_state: AnyValue,  # noqa: ARG002 - the port
        new_consensus_state: AnyValue,  # noqa: ARG002 - the port
        client_proof: bytes,  # noqa: ARG002 - the port
        consensus_state_proof: bytes,  # noqa: ARG002 - the port
    ) -> None:
        """Refuse: a proof-of-work chain commits to no upgraded client.

        Raises:
            InvalidUpgradeClient: Always.
        """
        raise InvalidUpgradeClient("a proof-of-work chain has no upgrade plan that it could prove")

    def recover(self, ctx: Context, store: KVStore, substitute: KVStore) -> None:
        """Take over a substitute of the same chain and rules.

        Raises:
            InvalidSubstitute: The substitute follows another chain, or other rules.
        """
        old, new = states.read_client_state(store), states.read_client_state(substitute)
        if _identity(old) != _identity(new):
            raise InvalidSubstitute("the substitute's chain id or rules differ")
        point = states.read_point(substitute, new.tip)
        for ancestor in states.ancestors(substitute, point):
            states.write_point(store, ancestor)
            if ancestor.height == new.latest_height.revision_height:
                update.write_final(ctx, store, ancestor)
        states.write_client_state(store, replace(new, frozen=False))


def _identity(state: ClientState) -> ClientState:
    return replace(state, frozen=False, tip=b"", latest_height=ZERO_HEIGHT)


LIGHT_CLIENT: LightClient = BitcoinClient()
"""What discovery finds. The package itself imports nothing: a check of files needs no store."""
