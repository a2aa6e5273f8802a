"""Two headers of which one cannot be honest, and how they are found (ICS-07, "Misbehaviour").

Spec:
    ibc-go 07-tendermint, ``misbehaviour.go`` and ``misbehaviour_handle.go``.
"""

from dataclasses import replace

from chainkit.formats.tendermint.errors import TendermintRuleBroken
from chainkit.formats.tendermint.light import is_expired
from chainkit.formats.tendermint.verify_commit import (
    verify_commit_light,
    verify_commit_light_trusting,
)
from chainkit.primitives.heights import chain_revision
from chainkit.primitives.types import ChainId
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore
from light_clients.tendermint import errors, store
from light_clients.tendermint.rules import trusted_set_matches, validate_header
from light_clients.tendermint.types import (
    FROZEN_HEIGHT,
    ClientHeader,
    ClientMessage,
    ClientState,
    ConsensusState,
    Misbehaviour,
)


def verify_misbehaviour(
    ctx: Context, client_store: ReadStore, client: ClientState, misbehaviour: Misbehaviour
) -> None:
    """Check that both headers would be trusted because of stored states.

    Whether they conflict is for :func:`is_misbehaviour` to say.

    Raises:
        InvalidMisbehaviour: Malformed, or not signed by enough of the sets.
        TendermintClientRefused, ConsensusStateNotFound: As for a header.
    """
    header_1, header_2 = misbehaviour.header_1, misbehaviour.header_2
    if header_1.signed_header.header.chain_id != header_2.signed_header.header.chain_id:
        raise errors.InvalidMisbehaviour("headers must have identical chainIDs")
    for header in (header_1, header_2):
        if header.trusted_height.revision_height == 0:
            raise errors.InvalidHeaderHeight("misbehaviour cannot have zero revision height")
        validate_header(header)
    if header_1.height < header_2.height:
        raise errors.InvalidMisbehaviour("Header1 height is less than Header2 height")
    for header in (header_1, header_2):
        trusted = store.read_consensus_state(client_store, header.trusted_height)
        _verify_one(ctx, client, header, trusted)


def _verify_one(
    ctx: Context, client: ClientState, header: ClientHeader, trusted: ConsensusState
) -> None:
    """Check one header as far as guilt needs it: its time and adjacency prove nothing here."""
    trusted_set_matches(header, trusted)
    if is_expired(trusted.timestamp, client.trusting_period, ctx.time):
        raise errors.TrustingPeriodExpired("the trusted consensus state has expired")
    commit = header.signed_header.commit
    chain_id = _chain_id_in_revision(client.chain_id, header.height.revision_number)
    try:
        # The trusted set first: the accuser chooses the other, which may be very large and
        # every signature of it wrong, only to keep us busy.
        verify_commit_light_trusting(
            chain_id, header.trusted_validators, commit, client.trust_level
        )
        verify_commit_light(
            header.signed_header.header.chain_id,
            header.validator_set,
            commit.block_id,
            commit.height,
            commit,
        )
    except TendermintRuleBroken as error:
        raise errors.InvalidMisbehaviour(f"not signed by enough: {error}") from error


def _chain_id_in_revision(chain_id: ChainId, revision: int) -> ChainId:
    """Return the client's chain id with the header's revision, since chains upgrade."""
    if not chain_revision(chain_id):
        return chain_id
    name, _, _ = chain_id.rpartition("-")
    return ChainId(f"{name}-{revision}")


def is_misbehaviour(client_store: ReadStore, message: ClientMessage) -> bool:
    """Return whether a verified message proves that the chain forked or that time went back."""
    match message:
        case ClientHeader():
            return _conflicts_with_store(client_store, message)
        case Misbehaviour(header_1=header_1, header_2=header_2):
            if header_1.height == header_2.height:
                hash_1 = header_1.signed_header.commit.block_id.hash
                return hash_1 != header_2.signed_header.commit.block_id.hash
            return header_1.timestamp <= header_2.timestamp


def _conflicts_with_store(client_store: ReadStore, header: ClientHeader) -> bool:
    height = header.height
    existing = store.find_consensus_state(client_store, height)
    if existing is not None:
        return existing != header.consensus_state()
    before = store.previous_height(client_store, height)
    after = store.next_stored_height(client_store, height)
    if before is not None:
        earlier = store.read_consensus_state(client_store, before)
        if earlier.timestamp >= header.timestamp:
            return True
    if after is not None:
        later = store.read_consensus_state(client_store, after)
        return later.timestamp <= header.timestamp
    return False


def freeze(client_store: KVStore, client: ClientState) -> None:
    """Stop the client for good, until it is recovered by governance."""
    store.write_client_state(client_store, replace(client, frozen_height=FROZEN_HEIGHT))
