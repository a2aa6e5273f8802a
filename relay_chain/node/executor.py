"""Applying decided blocks, and bringing stores and application together at start.

For each block, in this order, each write durable before the next:
block store - results - application's commit - index - state. A crash after any of them
leaves one of the cases that :meth:`Executor.handshake` answers.

Spec:
    CometBFT state ``execution.go``; consensus ``replay.go``, ``Handshaker.ReplayBlocks``.
"""

from collections.abc import Callable
from dataclasses import replace

import structlog

from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.types import (
    Block,
    BlockId,
    Commit,
    Evidence,
    Part,
    ValidatorSet,
    Vote,
)
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address, BlockHeight, ChainId
from relay_chain.consensus import evidence_pool
from relay_chain.consensus.execution import (
    EMPTY_COMMIT,
    last_votes,
    make_block,
    max_tx_bytes,
    misbehaviour,
    validate_block,
)
from relay_chain.consensus.state import (
    ChainState,
    genesis_state,
    next_height,
    next_state,
    state_after_init_chain,
)
from relay_chain.node.block_store import BlockStore
from relay_chain.node.config import MempoolConfig, PruningConfig
from relay_chain.node.crash_points import reach
from relay_chain.node.event_bus import EventBus
from relay_chain.node.event_index import EventIndex
from relay_chain.node.genesis import Genesis
from relay_chain.node.limits import PRUNE_EVERY_BLOCKS, STATE_SYNC_BLOCKS
from relay_chain.node.mempool import Mempool
from relay_chain.node.ports import (
    Application,
    FinalizeBlockRequest,
    FinalizeBlockResult,
    ProposedBlock,
)
from relay_chain.node.state_store import StateStore

_log = structlog.get_logger()


class StoresDisagree(AssertionError):
    """The stores and the application cannot be of one chain: a human must look."""


class History:
    """The block and state stores as the evidence pool asks them."""

    def __init__(self, blocks: BlockStore, states: StateStore) -> None:
        self._blocks = blocks
        self._states = states
        self.signed_header = blocks.signed_header
        self.validators = states.validators

    def latest_height(self) -> BlockHeight:
        """Return the last height that is kept."""
        return self._blocks.height()


class Executor:
    """The chain state of one node. Mutable: it moves with each block."""

    def __init__(
        self,
        application: Application,
        blocks: BlockStore,
        states: StateStore,
        index: EventIndex,
        bus: EventBus,
        *,
        genesis: Genesis,
        mempool: MempoolConfig,
        pruning: PruningConfig,
    ) -> None:
        self.application = application
        self.blocks = blocks
        self.states = states
        self.index = index
        self.bus = bus
        self.genesis = genesis
        self._pruning = pruning
        self.on_evidence: Callable[[], None] = lambda: None
        """Called after evidence became pending."""
        self._history = History(blocks, states)
        self.pool = states.load_evidence()
        self._checked: Block | None = None
        self._verified: Commit | None = None
        self.state = self.handshake()
        self.mempool = Mempool(mempool, application, self.state.last_block_height)

    @property
    def chain_id(self) -> ChainId:
        """The chain's id."""
        return self.state.chain_id

    def last_height(self) -> BlockHeight:
        """Return the height applied last; ``initial_height - 1`` before the first."""
        return BlockHeight(next_height(self.state) - 1)

    def validators(self) -> ValidatorSet:
        """Return the set that signs the next height."""
        return self.state.validators

    # --- start --------------------------------------------------------------------------

    def handshake(self) -> ChainState:
        """Return the state after whatever a crash left undone was done.

        Raises:
            StoresDisagree: The application is ahead of the stores, or of another chain.
        """
        info = self.application.info()
        state = self.states.load()
        if info.last_block_height == 0:
            begun = self._begin()
            if state is None:
                self.states.save(begun, self.pool, {})
                state = begun
        if state is None:
            raise StoresDisagree("the application has blocks and the node has no state")
        applied, app = state.last_block_height, info.last_block_height
        # After state sync the store is empty: it goes on where the snapshot ended.
        stored = self.blocks.height() or applied
        if app > stored or not applied <= stored <= max(applied + 1, state.initial_height):
            raise StoresDisagree(f"store {stored}, state {applied}, application {app}")
        for height in range(max(app + 1, state.initial_height), applied + 1):
            self._replay(state, BlockHeight(height))
        self.index.catch_up(applied)
        if stored > applied:
            state = self._finish(state, BlockHeight(stored), app)
        if (
            state.last_block_height
            and state.app_hash != self.application.info().last_block_app_hash
        ):
            raise StoresDisagree("the application's hash is not the chain's")
        return state

    def _begin(self) -> ChainState:
        genesis = self.genesis
        state = genesis_state(
            chain_id=genesis.chain_id,
            genesis_time=genesis.genesis_time,
            validators=genesis.validator_set(),
            consensus_params=genesis.consensus_params,
            initial_height=genesis.initial_height,
            app_hash=genesis.app_hash,
        )
        answer = self.application.init_chain(genesis)
        return state_after_init_chain(
            state,
            app_hash=answer.app_hash,
            validator_updates=answer.validators,
            consensus_param_updates=answer.consensus_params,
        )

    def _replay(self, state: ChainState, height: BlockHeight) -> None:
        """Execute a block that only the application lost."""
        block, result = self.blocks.block(height), self.states.result(height)
        if block is None or result is None:
            raise StoresDisagree(f"the application needs block {height}, which was pruned")
        signers = self.states.validators(BlockHeight(height - 1)) or ValidatorSet(())
        before = replace(state, last_validators=signers)
        again = self.application.finalize_block(request_of(before, block))
        if again.app_hash != result.app_hash:
            raise StoresDisagree(f"block {height} gives another application hash than before")
        self.application.commit()
        _log.info("block.replayed", height=height)

    def _finish(self, state: ChainState, height: BlockHeight, app: BlockHeight) -> ChainState:
        """Apply the one block that was stored and whose state was not."""
        block, block_id = self.blocks.block(height), self.blocks.block_id(height)
        if block is None or block_id is None:
            raise StoresDisagree(f"block {height} is not in the store")
        if app == height:
            result = self.states.result(height)
            if result is None:
                raise StoresDisagree(f"results of block {height} are missing")
        else:
            result = self._execute(state, block)
        _log.info("block.finished_after_restart", height=height)
        return self._save(state, block, block_id, result)

    # --- blocks -------------------------------------------------------------------------

    def build(self, last_commit: Commit | None, proposer: Address) -> Block:
        """Return this node's own block for the next height."""
        state = self.state
        params = state.consensus_params
        evidence = evidence_pool.pending_evidence(self.pool, params.evidence_max_bytes)
        limit = max_tx_bytes(state, evidence)
        height = next_height(state)
        txs = self.application.prepare_proposal(
            self.mempool.reap(limit, params.block_max_gas),
            max_bytes=limit,
            height=height,
            time=state.last_block_time,
        )
        return make_block(state, height, txs, last_commit or EMPTY_COMMIT, evidence, proposer)

    def is_valid(self, block: Block) -> bool:
        """Return whether a proposed block may be voted for."""
        try:
            self._check(block)
        except RuleBroken as refusal:
            _log.warning("block.refused", height=block.header.height, error=str(refusal))
            return False
        header = block.header
        proposed = ProposedBlock(header.height, header.time, header.proposer_address, block.txs)
        return self.application.process_proposal(proposed)

    def _check(self, block: Block) -> None:
        """Check that a block may come next: once, though consensus asks again when it decides.

        Raises:
            RuleBroken: It may not; nothing was changed.
        """
        if block is self._checked:
            return
        validate_block(self.state, block, self._verified)
        self.pool = evidence_pool.check_block_evidence(
            self.pool, block.evidence, self.state, self._history
        )
        self._checked = block

    def save_block(
        self, block: Block, block_id: BlockId, parts: tuple[Part, ...], seen: Commit
    ) -> None:
        """Store a decided block, unless it is stored already."""
        if self.blocks.height() < block.header.height:
            self.blocks.save(block, block_id, parts, seen)

    def apply_block(self, block: Block, block_id: BlockId) -> None:
        """Execute the stored block and move the state past it.

        Raises:
            RuleBroken: The block breaks a rule of validity; nothing was changed.
            UpgradeNeeded: Another program executes it; nothing was changed.
        """
        self._check(block)
        result = self._execute(self.state, block)
        self.state = self._save(self.state, block, block_id, result)
        self.mempool.update(block.header.height, block.txs, result.tx_results)
        self._prune()
        _log.info(
            "block.committed",
            height=block.header.height,
            txs=len(block.txs),
            app_hash=result.app_hash.hex(),
        )
        self.bus.publish_block(block, block_id, result)

    async def apply(
        self, block: Block, block_id: BlockId, parts: tuple[Part, ...], seen_commit: Commit
    ) -> None:
        """Validate, save and execute a block that block sync fetched.

        Its disk write is the one of its results: what a crash loses is fetched again.

        Args:
            block: The next block.
            block_id: Its id.
            parts: The block's bytes, in order.
            seen_commit: Precommits for it, verified by the caller.

        Raises:
            RuleBroken: The block breaks a rule of validity; nothing was changed.
        """
        self._check(block)
        if self.blocks.height() < block.header.height:
            self.blocks.save(block, block_id, parts, seen_commit, durable=False)
        self.apply_block(block, block_id)
        self._verified = seen_commit

    # --- parts of both ------------------------------------------------------------------

    def _execute(self, state: ChainState, block: Block) -> FinalizeBlockResult:
        result = self.application.finalize_block(request_of(state, block))
        self.states.save_result(block.header.height, result)
        reach("application.before_commit")
        self.application.commit()
        reach("application.committed")
        return result

    def _save(
        self, state: ChainState, block: Block, block_id: BlockId, result: FinalizeBlockResult
    ) -> ChainState:
        after = next_state(state, block_id, block.header, result)
        self._checked = self._verified = None
        self.pool = evidence_pool.update(self.pool, block.evidence, after, self._history)
        self.index.add(block, result)
        self.states.save(after, self.pool, {})
        return after

    def _prune(self) -> None:
        keep = self._pruning.keep_blocks
        retain = BlockHeight(self.blocks.height() - max(keep, STATE_SYNC_BLOCKS) + 1)
        base = self.blocks.base()
        # In steps, so that a block pays for at most every hundredth pruning.
        if keep and retain - base >= PRUNE_EVERY_BLOCKS:
            self.index.prune(retain)
            self.blocks.prune(retain)
            self.states.prune(retain)
            _log.info("blocks.pruned", below=retain)

    # --- evidence -----------------------------------------------------------------------

    @property
    def max_age_blocks(self) -> int:
        """``evidence.max_age_num_blocks`` of the current parameters."""
        return self.state.consensus_params.evidence_max_age_blocks

    def pending(self) -> tuple[Evidence, ...]:
        """Return evidence that waits for a block, oldest first."""
        return self.pool.pending

    def add(self, evidence: Evidence) -> None:
        """Verify evidence from a peer or a user and keep it.

        Raises:
            InvalidEvidence: It is not valid.
        """
        before = self.pool
        self.pool = evidence_pool.add_evidence(self.pool, evidence, self.state, self._history)
        if self.pool is not before:
            self.states.save_evidence(self.pool)
            self.on_evidence()

    def report(self, vote_a: Vote, vote_b: Vote) -> None:
        """Keep two votes of one validator that contradict each other, for the next block."""
        self.pool = evidence_pool.report_conflicting_votes(self.pool, vote_a, vote_b)


def request_of(state: ChainState, block: Block) -> FinalizeBlockRequest:
    """Return what the application is told of a block; ``state`` is of before it."""
    header = block.header
    return FinalizeBlockRequest(
        header.height,
        header.time,
        header.proposer_address,
        block.txs,
        last_votes(state, block),
        misbehaviour(block.evidence),
        header_hash(header),
        header.next_validators_hash,
    )
