"""The client as the IBC core calls it: each method reads the store, then asks one rule."""

from dataclasses import replace

from chainkit.primitives.heights import ZERO_HEIGHT, Height
from chainkit.primitives.types import DurationNs, TimestampNs
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore
from ibc.ics02_client.assurance import Assurance, Finality, Verification
from ibc.ics02_client.delays import find_processed_height, find_processed_time, host_height
from ibc.ics02_client.port import AnyValue, Status
from light_clients.qbft import proofs, update
from light_clients.qbft import store as states
from light_clients.qbft.codec import (
    CLIENT_STATE_TYPE_URL,
    CONSENSUS_STATE_TYPE_URL,
    HEADER_TYPE_URL,
    MISBEHAVIOUR_TYPE_URL,
    decode_client_message,
    decode_client_state,
    decode_consensus_state,
)
from light_clients.qbft.errors import (
    ClientNotFound,
    ConsensusStateNotFound,
    InvalidSubstitute,
    InvalidUpgradeClient,
)
from light_clients.qbft.rules import (
    is_expired,
    validate_client_state,
    validate_consensus_state,
)
from light_clients.qbft.types import CLIENT_TYPE, ClientState, Misbehaviour, SealedHeader


class QbftClient:
    """``isthmus-qbft``; stateless, as the port asks."""

    client_type: str = CLIENT_TYPE
    assurance: Assurance = Assurance(Verification.FULL_HEADER, Finality.BFT)
    client_state_type_url: str = CLIENT_STATE_TYPE_URL
    consensus_state_type_url: str = CONSENSUS_STATE_TYPE_URL
    client_message_type_urls: tuple[str, ...] = (HEADER_TYPE_URL, MISBEHAVIOUR_TYPE_URL)

    def initialize(
        self,
        ctx: Context,
        store: KVStore,
        client_state: AnyValue,
        consensus_state: AnyValue,
    ) -> None:
        """Check both states and write them with their metadata.

        Raises:
            RuleBroken: A state is malformed or out of bounds; the class names the rule.
        """
        client = decode_client_state(client_state)
        validate_client_state(client)
        consensus = decode_consensus_state(consensus_state)
        validate_consensus_state(consensus)
        states.write_client_state(store, client)
        states.write_consensus_state(
            store, client.latest_height, consensus, host_height(ctx), ctx.time
        )

    def status(self, ctx: Context, store: KVStore) -> Status:
        """Return whether the client may be relied on now."""
        try:
            client = states.read_client_state(store)
        except ClientNotFound:
            return Status.UNKNOWN
        if client.frozen:
            return Status.FROZEN
        newest = states.find_consensus_state(store, client.latest_height)
        if newest is None or is_expired(newest, client.trusting_period, ctx.time):
            return Status.EXPIRED
        return Status.ACTIVE

    def latest_height(self, store: ReadStore) -> Height:
        """Return the highest height that it has a consensus state for; 0-0 for none."""
        try:
            return states.read_client_state(store).latest_height
        except ClientNotFound:
            return ZERO_HEIGHT

    def timestamp_at_height(self, store: ReadStore, height: Height) -> TimestampNs:
        """Return the time of the consensus state at ``height``.

        Raises:
            ConsensusStateNotFound: There is none.
        """
        return states.read_consensus_state(store, height).timestamp

    def verify_client_message(self, ctx: Context, store: KVStore, message: AnyValue) -> None:
        """Verify a header or misbehaviour.

        Raises:
            RuleBroken: It is refused; the class names the rule.
        """
        client = states.read_client_state(store)
        decoded = decode_client_message(message)
        match decoded:
            case SealedHeader():
                update.verify_header(ctx, store, client, decoded)
            case Misbehaviour():
                update.verify_misbehaviour(ctx, store, client, decoded)

    def check_for_misbehaviour(self, ctx: Context, store: KVStore, message: AnyValue) -> bool:  # noqa: ARG002 - the port
        """Return whether a verified message proves misbehaviour."""
        return update.is_misbehaviour(store, decode_client_message(message))

    def update_state(self, ctx: Context, store: KVStore, message: AnyValue) -> tuple[Height, ...]:
        """Write what a verified header brings; return the heights that it brought."""
        decoded = decode_client_message(message)
        if not isinstance(decoded, SealedHeader):
            return ()
        return update.update_state(ctx, store, states.read_client_state(store), decoded)

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
        """Verify that ``value`` is at ``path`` (outermost tree first) under ``height``'s root.

        Raises:
            RuleBroken: It is not proven, or may not be relied on yet.
        """
        client = states.read_client_state(store)
        consensus = proofs.state_for_proof(
            ctx, store, client, height, delay_time_ns=delay_time_ns, delay_blocks=delay_blocks
        )
        proofs.verify_membership(client, consensus, proof, path, value)

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
        """Verify that nothing is at ``path`` under ``height``'s root.

        Raises:
            RuleBroken: It is not proven, or may not be relied on yet.
        """
        client = states.read_client_state(store)
        consensus = proofs.state_for_proof(
            ctx, store, client, height, delay_time_ns=delay_time_ns, delay_blocks=delay_blocks
        )
        proofs.verify_non_membership(client, consensus, proof, path)

    def verify_upgrade_and_update_state(
        self,
        ctx: Context,  # noqa: ARG002 - the port
        store: KVStore,  # noqa: ARG002 - the port
        new_client_state: AnyValue,  # noqa: ARG002 - the port
        new_consensus_state: AnyValue,  # noqa: ARG002 - the port
        client_proof: bytes,  # noqa: ARG002 - the port
        consensus_state_proof: bytes,  # noqa: ARG002 - the port
    ) -> None:
        """Refuse: new validators come with headers, and the chain plans no other upgrade.

        Raises:
            InvalidUpgradeClient: Always.
        """
        raise InvalidUpgradeClient("a QBFT chain commits to no upgraded client")

    def recover(self, ctx: Context, store: KVStore, substitute: KVStore) -> None:  # noqa: ARG002 - the port
        """Revive a frozen or expired client with a substitute's newest state.

        Raises:
            InvalidSubstitute: The substitute differs in more than height and trusting period.
            ConsensusStateNotFound: Its newest state is not complete.
        """
        old, new = states.read_client_state(store), states.read_client_state(substitute)
        if _identity(old) != _identity(new):
            raise InvalidSubstitute("the substitute is of another chain or account, or drift")
        height = new.latest_height
        consensus = states.read_consensus_state(substitute, height)
        at, time = (
            find_processed_height(substitute, height),
            find_processed_time(substitute, height),
        )
        if at is None or time is None:
            raise ConsensusStateNotFound(f"when the substitute stored {height} is not known")
        states.write_consensus_state(store, height, consensus, at, time)
        states.write_client_state(store, replace(new, frozen=False))


def _identity(state: ClientState) -> ClientState:
    return replace(state, frozen=False, latest_height=ZERO_HEIGHT, trusting_period=DurationNs(0))
