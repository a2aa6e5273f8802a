"""State under a stored root: the IBC account, then a slot of its storage.

The slot of a key is its Keccak-256 and the word that of the value, so the value comes in the
message. A word of 0 is absence, proven by the trie's exclusion.
"""

from chainkit.formats.ethereum.accounts import (
    ZERO_WORD,
    verify_account_proof,
    verify_storage_proof,
)
from chainkit.primitives.heights import Height
from chainkit.primitives.keccak import keccak256
from chainkit.runtime.context import Context
from chainkit.runtime.store import ReadStore
from ibc.ics02_client.delays import DelayRefusals, require_delay_passed
from ibc.ics24_host.paths import STORE_NAME
from light_clients.qbft import errors, store
from light_clients.qbft.codec import decode_membership_proof
from light_clients.qbft.types import ClientState, ConsensusState

_DELAY_REFUSALS = DelayRefusals(
    time_not_found=errors.ConsensusStateNotFound,
    height_not_found=errors.ConsensusStateNotFound,
    not_passed=errors.DelayPeriodNotPassed,
)


def state_for_proof(
    ctx: Context,
    client_store: ReadStore,
    client: ClientState,
    height: Height,
    *,
    delay_time_ns: int,
    delay_blocks: int,
) -> ConsensusState:
    """Return the state at ``height``, if it may be relied on for a proof now.

    Raises:
        InvalidHeight: Above the client's newest.
        DelayPeriodNotPassed: The delay has not passed since it was stored.
        ConsensusStateNotFound: None is stored there.
    """
    if client.latest_height < height:
        raise errors.InvalidHeight(f"height {height} is above the newest {client.latest_height}")
    state = store.read_consensus_state(client_store, height)
    require_delay_passed(
        ctx,
        client_store,
        height,
        delay_time_ns=delay_time_ns,
        delay_blocks=delay_blocks,
        refusals=_DELAY_REFUSALS,
    )
    return state


def proven_word(
    client: ClientState, state: ConsensusState, proof: bytes, path: tuple[bytes, ...]
) -> bytes:
    """Return the 32-byte word that the state has for a path; the zero word for none.

    Raises:
        InvalidPath: The path is not the store's name and a key.
        AbsentAccount: The state has no IBC account.
        InvalidTrieProof: The nodes do not prove it; the subclass says why.
        MalformedMessage: The proof, or what it proves, does not decode.
    """
    if len(path) != 2 or path[0] != STORE_NAME.encode():
        raise errors.InvalidPath(f"a path is {STORE_NAME!r} and a key, not {len(path)} parts")
    decoded = decode_membership_proof(proof)
    account = verify_account_proof(state.state_root, client.ibc_address, decoded.account_nodes)
    if account is None:
        raise errors.AbsentAccount(f"no account at 0x{client.ibc_address.hex()}")
    slot = keccak256(path[1])
    return verify_storage_proof(account.storage_root, slot, decoded.storage_nodes)


def verify_membership(
    client: ClientState,
    state: ConsensusState,
    proof: bytes,
    path: tuple[bytes, ...],
    value: bytes,
) -> None:
    """Check that ``value`` is at ``path`` in the state after the block.

    Raises:
        WrongWord: Another value is there, or none.
        RuleBroken: It is not proven; the class names the rule.
    """
    if proven_word(client, state, proof, path) != keccak256(value):
        raise errors.WrongWord("the slot's word is not the hash of the value")


def verify_non_membership(
    client: ClientState, state: ConsensusState, proof: bytes, path: tuple[bytes, ...]
) -> None:
    """Check that nothing is at ``path`` in the state after the block.

    Raises:
        WrongWord: Something is there.
        RuleBroken: It is not proven; the class names the rule.
    """
    if proven_word(client, state, proof, path) != ZERO_WORD:
        raise errors.WrongWord("the slot's word is not zero: something is there")
