"""Chain states on disk: the last one, and by height validators, parameters and results.

Keys: ``sS`` state, ``sV<height>`` validator set of a height, ``sP<height>`` parameters from a
height on, ``sR<height>`` results, ``sC<hash>`` committed evidence, ``sE<hash>`` pending.
"""

from collections.abc import Mapping
from types import MappingProxyType

from chainkit.formats.tendermint.block_codec import (
    decode_evidence,
    encode_evidence,
    hash_of_evidence,
)
from chainkit.formats.tendermint.codec import (
    decode_consensus_params,
    decode_validator_set,
    encode_consensus_params,
    encode_validator_set,
)
from chainkit.formats.tendermint.types import ConsensusParams, ValidatorSet
from chainkit.primitives.types import BlockHeight, Hash32, TimestampNs
from relay_chain.consensus.evidence_pool import EvidencePool
from relay_chain.consensus.state import ChainState, next_height
from relay_chain.node.block_store import height_key
from relay_chain.node.crash_points import reach
from relay_chain.node.lru import LruCache
from relay_chain.node.ports import ChainDatabase, FinalizeBlockResult
from relay_chain.node.stored_forms import decode_result, decode_state, encode_result, encode_state

_STATE = b"sS"
_VALIDATORS = b"sV"
_PARAMS = b"sP"
_RESULTS = b"sR"
_COMMITTED_EVIDENCE = b"sC"
_PENDING_EVIDENCE = b"sE"
_CACHED = 64

Changes = dict[bytes, bytes | None]


class StateStore:
    """The states of one node. Mutable: it caches what is read often."""

    def __init__(self, database: ChainDatabase) -> None:
        self._database = database
        self._sets: LruCache[BlockHeight, ValidatorSet] = LruCache(_CACHED)
        self._results: LruCache[BlockHeight, FinalizeBlockResult] = LruCache(_CACHED)

    def load(self) -> ChainState | None:
        """Return the last state saved; None in a new home."""
        data = self._database.get(_STATE)
        return None if data is None else decode_state(data)

    def save(self, state: ChainState, pool: EvidencePool, more: Mapping[bytes, bytes]) -> None:
        """Store a state, the sets and parameters it decides, and ``more``, in one write.

        It reaches the disk with the next block: a state that a crash loses is made again
        from the block and its results, which are durable before it.
        """
        following = next_height(state)
        changes: Changes = {
            **more,
            _STATE: encode_state(state),
            height_key(_VALIDATORS, following + 1): encode_validator_set(state.next_validators),
        }
        if following == state.initial_height:
            changes[height_key(_VALIDATORS, following)] = encode_validator_set(state.validators)
        if state.last_height_params_changed in {following, state.initial_height}:
            key = height_key(_PARAMS, state.last_height_params_changed)
            changes[key] = encode_consensus_params(state.consensus_params)
        changes |= self._evidence_changes(pool)
        reach("state_store.before_save")
        self._database.write_later(changes)
        reach("state_store.saved")

    def begin_with(self, state: ChainState) -> None:
        """Store a state that was restored, with the sets that the next heights are judged by.

        On disk on return; the commit for its last block must be there already.
        """
        last = state.last_block_height
        sets = {
            height_key(_VALIDATORS, last): encode_validator_set(state.last_validators),
            height_key(_VALIDATORS, last + 1): encode_validator_set(state.validators),
        }
        self.save(state, EvidencePool(), sets)
        self._database.write({})

    def validators(self, height: BlockHeight) -> ValidatorSet | None:
        """Return the set of a height, with its proposer priorities; None if not kept."""
        found = self._sets.get(height)
        if found is None and height > 0:
            data = self._database.get(height_key(_VALIDATORS, height))
            if data is not None:
                found = decode_validator_set(data)
                self._sets.put(height, found)
        return found

    def consensus_params(self, height: BlockHeight) -> ConsensusParams | None:
        """Return the parameters in force at a height."""
        rows = self._database.iterate(
            height_key(_PARAMS, 0), height_key(_PARAMS, height + 1), reverse=True
        )
        return next((decode_consensus_params(data) for _, data in rows), None)

    # --- results ------------------------------------------------------------------------

    def save_result(self, height: BlockHeight, result: FinalizeBlockResult) -> None:
        """Store a block's results, before the application commits them."""
        reach("state_store.before_result")
        self._database.write({height_key(_RESULTS, height): encode_result(result)})
        reach("state_store.result_saved")
        self._results.put(height, result)

    def result(self, height: BlockHeight) -> FinalizeBlockResult | None:
        """Return a block's results; None if not kept."""
        found = self._results.get(height)
        if found is None and height > 0:
            data = self._database.get(height_key(_RESULTS, height))
            if data is not None:
                found = decode_result(data)
                self._results.put(height, found)
        return found

    # --- evidence -----------------------------------------------------------------------

    def load_evidence(self) -> EvidencePool:
        """Return the pool as it was saved; votes that consensus reported are not kept."""
        committed: dict[Hash32, tuple[BlockHeight, TimestampNs]] = {}
        for key, data in self._database.iterate(_COMMITTED_EVIDENCE, b"sD"):
            height = BlockHeight(int.from_bytes(data[:8], "big"))
            time = TimestampNs(int.from_bytes(data[8:], "big", signed=True))
            committed[Hash32(key[len(_COMMITTED_EVIDENCE) :])] = (height, time)
        pending = tuple(
            decode_evidence(data) for _, data in self._database.iterate(_PENDING_EVIDENCE, b"sF")
        )
        return EvidencePool(pending, MappingProxyType(committed))

    def save_evidence(self, pool: EvidencePool) -> None:
        """Store the pool between two blocks."""
        changes = self._evidence_changes(pool)
        if changes:
            self._database.write(changes)

    def _evidence_changes(self, pool: EvidencePool) -> Changes:
        wanted: dict[bytes, bytes] = {
            _COMMITTED_EVIDENCE + name: height.to_bytes(8, "big")
            + time.to_bytes(16, "big", signed=True)
            for name, (height, time) in pool.committed.items()
        }
        for piece in pool.pending:
            wanted[_PENDING_EVIDENCE + hash_of_evidence(piece)] = encode_evidence(piece)
        kept = {
            key
            for prefix, end in ((_COMMITTED_EVIDENCE, b"sD"), (_PENDING_EVIDENCE, b"sF"))
            for key, _ in self._database.iterate(prefix, end)
        }
        changes: Changes = {key: data for key, data in wanted.items() if key not in kept}
        changes |= dict.fromkeys(sorted(kept - wanted.keys()))
        return changes

    # --- pruning ------------------------------------------------------------------------

    def prune(self, retain_height: BlockHeight) -> None:
        """Delete sets and results below a height; parameters in force at it stay.

        On disk together with the next write.
        """
        changes: Changes = {}
        for prefix in (_VALIDATORS, _RESULTS):
            rows = self._database.iterate(height_key(prefix, 0), height_key(prefix, retain_height))
            changes |= {key: None for key, _ in rows}
        rows = self._database.iterate(
            height_key(_PARAMS, 0), height_key(_PARAMS, retain_height + 1), reverse=True
        )
        changes |= {key: None for index, (key, _) in enumerate(rows) if index > 0}
        if changes:
            reach("state_store.before_prune")
            self._database.write_later(changes)
        self._sets.clear()
        self._results.clear()
