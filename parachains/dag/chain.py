"""One node's DAG and the state of its selected chain: blocks in, state moved, templates out.

Every block here has a right header and a right body. Whether its header names the right
state is judged when the selected chain comes to hold it, since only then its past is
executed. One that does not is *disqualified*: it stays in the DAG and is merged like any
other, but no selected chain of ours goes through it. The state is that of the best block
whose selected chain holds no such one and holds the pruning point of ours; each block of
that chain is one atomic write with its inverse, as on the UTXO chain.

In memory is what new blocks are judged by: all from a *root* on, which follows the pruning
point. Headers stay on disk for good, bodies as long as they are above the pruning point,
or for good in an archive.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chainkit.formats.ghostdag.blocks import DagBlock, Order
from chainkit.formats.ghostdag.building import Virtual, virtual_above
from chainkit.formats.ghostdag.dag import Dag, kept_above
from chainkit.formats.ghostdag.errors import GhostdagRuleBroken, UnknownParent
from chainkit.formats.ghostdag.order import known
from chainkit.formats.ghostdag.rules import check_alone, check_merge_depth, genesis_block, place
from chainkit.primitives.types import Address, Hash32
from chainkit.runtime.context import Context
from chainkit.sigverify.verified import VerifiedSignatures
from parachains.dag import index
from parachains.dag.blocks import GENESIS_BODY, Block, genesis_header
from parachains.dag.errors import BodyPruned, InvalidState, TooDeepReorganisation
from parachains.dag.limits import (
    KEEP_STATES,
    MAX_CACHED_BODIES,
    MAX_REMEMBERED_RUNS,
    MAX_UNDO_BLOCKS,
)
from parachains.dag.state_machine import MergedBlock, MergeRun, Outcome, StateMachine
from parachains.dag.store import BlockStore, Changes
from parachains.dag.transactions import BlockBody, Transaction, check_body, decode_body
from parachains.sdk.undo import UndoDatabase


@dataclass(frozen=True, slots=True)
class ConnectedBlock:
    """A block that joined the selected chain, with what its merge set did."""

    block: DagBlock
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class ChainChange:
    """How the selected chain moved: what left it (newest first), what joined, what may not."""

    disconnected: tuple[Hash32, ...] = ()
    connected: tuple[ConnectedBlock, ...] = ()
    disqualified: tuple[Hash32, ...] = ()
    is_new: bool = False
    """Whether the block was not there before."""


class DagChain:
    """One node's blocks and state; mutable, it owns the database.

    Args:
        database: Where blocks and state are.
        machine: The ledger over the same database.
        archive: Whether bodies and outcomes below the pruning point are kept.
        verified: Signatures that were found valid; those of the mempool are among them.
    """

    def __init__(
        self,
        database: UndoDatabase,
        machine: StateMachine,
        *,
        archive: bool = True,
        verified: VerifiedSignatures | None = None,
    ) -> None:
        self.parameters = machine.parameters
        self.machine = machine
        self.archive = archive
        self.verified = VerifiedSignatures() if verified is None else verified
        self.store = BlockStore(database)
        self._database = database
        self._disqualified: set[Hash32] = set()
        self._bodies: dict[Hash32, BlockBody] = {}
        self._chain: list[Hash32] = []
        """The selected chain from the root on; a block's place plus one is its state's version."""
        self._base = 0
        """The root's place."""
        self._runs: dict[object, tuple[object, MergeRun]] = {}
        """Runs of merge sets, with the state that they read."""
        self._next: Virtual | None = None
        self._state: tuple[Hash32, Context] | None = None
        self.dag = self._load()
        self._best = self._choose_best()
        self._follow()
        self._let_go()

    def _load(self) -> Dag:
        if self.machine.stores.version == 0:
            self._begin()
        genesis = self.store.header(0)
        assert genesis is not None
        root = self.store.root() or genesis.hash
        kept: Iterable[DagBlock] = self.store.headers_from(self.store.low())
        if root != genesis.hash:
            kept = kept_above(kept, root).values()
        dag = Dag(self.parameters.dag, kept, genesis.hash)
        base = self.store.place_at(known(dag, root).order.blue_score)
        assert base is not None
        self._base, self._chain = base, self.store.chain_from(base)
        return dag

    def _begin(self) -> None:
        """Commit the state of genesis, and keep the header that names it."""
        run = self.machine.genesis_run()
        header = genesis_header(self.parameters, self.machine.root_after(run))
        self.machine.write(run)
        self.machine.stores.commit(self.store.genesis_changes(genesis_block(header)))
        self.store.count = 1

    # --- reading ------------------------------------------------------------------------

    @property
    def tip(self) -> DagBlock:
        """The block whose state is committed."""
        return known(self.dag, self._chain[-1])

    @property
    def tip_place(self) -> int:
        """The tip's place on the selected chain; genesis has 0."""
        return self._base + len(self._chain) - 1

    @property
    def database(self) -> UndoDatabase:
        """Where the index of outcomes is read."""
        return self._database

    def find(self, block: Hash32) -> DagBlock | None:
        """Return a block that was ever taken; one below the root is read from disk."""
        return self.dag.find(block) or self.store.find(block)

    def knows(self, block: Hash32) -> bool:
        """Return whether a block was ever taken."""
        return self.dag.find(block) is not None or self.store.number_of(block) is not None

    def place_of(self, block: Hash32) -> int | None:
        """Return a block's place on the selected chain; None off it."""
        found = self.find(block)
        if found is None:
            return None
        place = self.store.place_at(found.order.blue_score)
        return None if place is None or self.chain_hash(place) != block else place

    def chain_hash(self, place: int) -> Hash32 | None:
        """Return the block at a place of the selected chain; None above the tip."""
        if place >= self._base:
            return self._chain[place - self._base] if place <= self.tip_place else None
        return self.store.chain_hash(place) if place >= 0 else None

    def version_of(self, block: Hash32) -> int | None:
        """Return the version of the state that a block's header names; None off the chain."""
        at = self.place_of(block)
        return None if at is None else at + 1

    def chain_block(self, blue_score: int) -> DagBlock | None:
        """Return the highest block of the selected chain with at most this blue score."""
        place = self.store.place_below(blue_score)
        block = None if place is None else self.chain_hash(place)
        return None if block is None else self.find(block)

    def headers_after(self, place: int) -> Iterator[tuple[int, DagBlock]]:
        """Yield what is in the tip's past and not in that of the chain block at a place.

        Parents before children, each with the place of the chain block that merges it or
        that it is; that block is the last of its place.
        """
        below = self.chain_hash(place)
        for at in range(place + 1, self.tip_place + 1):
            here = self.chain_hash(at)
            block = None if here is None else self.find(here)
            assert block is not None
            others = [self.find(other) for other in block.merge_set if other != below]
            for other in sorted((o for o in others if o is not None), key=lambda o: o.sort_key):
                yield at, other
            yield at, block
            below = here

    def unmerged(self) -> list[DagBlock]:
        """Return the blocks beside the tip and above it that no chain block merges, in order."""
        found: dict[Hash32, DagBlock] = {}
        pending = [name for name in self.dag.tips if name != self.tip.hash]
        while pending:
            name = pending.pop()
            block = self.dag.find(name)
            if name in found or block is None or self.dag.is_ancestor(name, self.tip.hash):
                continue
            found[name] = block
            pending += block.header.parents
        return sorted(found.values(), key=lambda block: block.sort_key)

    def body(self, block: Hash32) -> BlockBody:
        """Return the body of a block.

        Raises:
            BodyPruned: It is kept no more.
        """
        if block == self.dag.genesis:
            return GENESIS_BODY
        body = self._bodies.get(block)
        if body is None:
            data = self.store.body(block)
            if data is None:
                raise BodyPruned(f"the body of block {block.hex()} is not kept")
            body = self._remember(block, decode_body(data))
        return body

    def _remember(self, block: Hash32, body: BlockBody) -> BlockBody:
        self._bodies[block] = body
        if len(self._bodies) > MAX_CACHED_BODIES:
            del self._bodies[next(iter(self._bodies))]
        return body

    def state(self) -> Context:
        """Return the tip's committed state, to read."""
        tip = self.tip
        if self._state is None or self._state[0] != tip.hash:
            version = self.tip_place + 1
            ctx = self.machine.context_at(version, tip.order.blue_score, tip.chain_time_ms)
            self._state = (tip.hash, ctx)
        return self._state[1]

    def is_disqualified(self, block: Hash32) -> bool:
        """Return whether a block, or one on its selected chain, names a wrong state."""
        return block in self._disqualified

    # --- blocks in ----------------------------------------------------------------------

    def accept_block(self, block: Block, now_ms: int) -> ChainChange:
        """Keep a block and move to the best chain; one that is there already changes nothing.

        Raises:
            GhostdagRuleBroken: Its header breaks a rule; ``UnknownParent`` asks for more.
            InvalidBody: Its body does.
        """
        header = block.header
        if self.knows(header.hash):
            return ChainChange()
        check_alone(header, self.parameters.dag, now_ms)
        placed = place(self.dag, header, self.parameters.dag, self.dag.windows)
        check_body(block.body, header.hash_merkle_root, self.parameters.chain_id, self.verified)
        self.store.keep(placed, block.body.encode())
        self.dag.add(placed)
        self._remember(placed.hash, block.body)
        self._next = None
        if placed.order.selected_parent in self._disqualified:
            self._disqualified.add(placed.hash)
        elif placed.sort_key > self._best.sort_key and self._holds_ours(placed):
            self._best = placed
        left, joined, wrong = self._follow()
        self._let_go()
        return ChainChange(left, joined, wrong, is_new=True)

    def missing_parents(self, block: Block) -> tuple[Hash32, ...]:
        """Return the parents of a block that were never taken.

        Raises:
            UnknownParent: There are none, so that a parent is known and too far below.
        """
        missing = tuple(parent for parent in block.header.parents if not self.knows(parent))
        if not missing:
            raise UnknownParent("a parent is below what is kept in memory")
        return missing

    def _holds_ours(self, block: DagBlock) -> bool:
        """Return whether our pruning point is on a block's selected chain: no deeper change."""
        ours = self.tip.header.pruning_point
        return self.tip.hash == self.dag.genesis or self.dag.is_chain_ancestor(ours, block.hash)

    def _choose_best(self) -> DagBlock:
        right = (other for other in self.dag if other.hash not in self._disqualified)
        return max(filter(self._holds_ours, right), key=lambda other: other.sort_key)

    def _follow(
        self,
    ) -> tuple[tuple[Hash32, ...], tuple[ConnectedBlock, ...], tuple[Hash32, ...]]:
        """Move the state to the best block; on the way out of a wrong one, to the next best."""
        left: list[Hash32] = []
        joined: list[ConnectedBlock] = []
        wrong: list[Hash32] = []
        while self.tip.hash != self._best.hash:
            branch, fork = self._branch(self._best)
            if self.tip_place + 1 - fork > MAX_UNDO_BLOCKS:
                raise TooDeepReorganisation(
                    f"the best chain forks {self.tip_place + 1 - fork} below"
                )
            while self.tip_place + 1 > fork:
                gone = self._disconnect()
                if joined and joined[-1].block.hash == gone:
                    joined.pop()
                else:
                    left.append(gone)
            for block in branch:
                try:
                    joined.append(self._connect(block))
                except InvalidState:
                    wrong += self._disqualify(block)
                    break
        return tuple(left), tuple(joined), tuple(wrong)

    def _branch(self, wanted: DagBlock) -> tuple[list[DagBlock], int]:
        """Return the blocks from the chain to ``wanted``, and how many of the chain stay."""
        branch = []
        block = wanted
        while (place := self.place_of(block.hash)) is None:
            branch.append(block)
            assert block.order.selected_parent is not None
            block = known(self.dag, block.order.selected_parent)
        branch.reverse()
        return branch, place + 1

    def _disqualify(self, block: DagBlock) -> list[Hash32]:
        """Note a block and those whose selected chain goes through it; choose another best."""
        wrong = [
            other.hash
            for other in self.dag
            if self.dag.is_chain_ancestor(block.hash, other.hash)
            and other.hash not in self._disqualified
        ]
        self._disqualified.update(wrong)
        self._best = self._choose_best()
        return wrong

    def merged(self, order: Order) -> list[MergedBlock]:
        """Return a merge set with its bodies, in order: the selected parent first.

        Raises:
            BodyPruned: One is kept no more.
        """
        blues = set(order.blues)
        others = (known(self.dag, other) for other in order.blues[1:] + order.reds)
        ordered = sorted(others, key=lambda block: block.sort_key)
        hashes = (*order.blues[:1], *(block.hash for block in ordered))
        return [
            MergedBlock(block, self.body(block), block in blues and block != self.dag.genesis)
            for block in hashes
        ]

    def _run(self, order: Order, chain_time_ms: int, *, to_read: bool = False) -> MergeRun:
        """Return the run of a merge set over the state of its selected parent, which is the tip.

        The last few are remembered: siblings have one merge set, and so has the block that a
        template becomes. One of them must not be read when the state was another since then.
        """
        key = (order.blues, order.reds, chain_time_ms)
        state = (self.machine.stores, self.machine.stores.version)
        found = self._runs.get(key)
        if found is None or (to_read and found[0] != state):
            run = self.machine.run(
                self.merged(order), blue_score=order.blue_score, chain_time_ms=chain_time_ms
            )
            found = self._runs[key] = (state, run)
            if len(self._runs) > MAX_REMEMBERED_RUNS:
                del self._runs[next(iter(self._runs))]
        return found[1]

    def _connect(self, block: DagBlock) -> ConnectedBlock:
        """Execute a block's merge set over the state of its selected parent, and commit it.

        Raises:
            InvalidState: The header names another state, or other accepted transactions.
        """
        run = self._run(block.order, block.chain_time_ms)
        if run.accepted_root != block.header.accepted_id_merkle_root:
            raise InvalidState("other transactions are accepted")
        if self.machine.write_with_root(run) != block.header.utxo_commitment:
            self.machine.stores.rollback()
            raise InvalidState("the state is another")
        self._next = None
        place = self.tip_place + 1
        entries = index.entries_of(self._database, block.hash, block.order.blue_score, run.outcomes)
        self._database.height = place
        try:
            self.machine.stores.commit(self.store.chain_changes(block, place) | entries)
        finally:
            self._database.height = None
        self._chain.append(block.hash)
        return ConnectedBlock(block, run.outcomes)

    def _disconnect(self) -> Hash32:
        place = self.tip_place
        if not place or not self._database.undo(place):
            raise TooDeepReorganisation(f"nothing undoes block {place} of the selected chain")
        self._next = None
        self.machine.reopen()
        return self._chain.pop()

    # --- pruning ------------------------------------------------------------------------

    def _let_go(self) -> None:
        """Drop bodies below the pruning point, old states, and from memory what no rule asks."""
        point = self.tip.header.pruning_point
        if self.dag.genesis in {self.tip.hash, point}:
            return
        place = self.place_of(point)
        if place is None or place == self.store.bodies_from():
            return
        self._move_root(known(self.dag, point).order.blue_score - self.parameters.dag.reach)
        self.machine.stores.prune(KEEP_STATES)
        if self.archive:
            self.store.drop_bodies((), place, {})
            return
        bodies: list[Hash32] = []
        more: Changes = {}
        for at in range(max(self.store.bodies_from(), 1), place + 1):
            here = self.chain_hash(at)
            block = None if here is None else self.find(here)
            assert block is not None
            bodies += block.merge_set
            more |= index.forgotten_with(self._database, block.order.blue_score)
        self.store.drop_bodies(bodies, place, more)
        for gone in bodies:
            self._bodies.pop(gone, None)

    def _move_root(self, blue_score: int) -> None:
        root = self.chain_block(blue_score) if blue_score > 0 else None
        if root is None or root.hash in {self.dag.root, self.dag.genesis}:
            return
        place = self.place_of(root.hash)
        assert place is not None
        kept = kept_above(self.dag, root.hash)
        numbers = (self.store.number_of(block) for block in kept)
        low = min(number for number in numbers if number is not None)
        gone = {block.hash for block in self.dag if block.hash not in kept}
        self.store.move_root(root.hash, low, () if self.archive else gone)
        self.dag = Dag(self.parameters.dag, kept.values(), self.dag.genesis)
        self._disqualified -= gone
        self._chain = self._chain[place - self._base :]
        self._base = place

    # --- templates ----------------------------------------------------------------------

    def template(
        self, miner: Address, transactions: Iterable[Transaction], now_ms: int
    ) -> tuple[Block, MergeRun]:
        """Return the next block without work, and what its merge set did.

        Its selected parent is the tip; it merges as many other tips as the rules let it.
        """
        virtual, run = self.pending()
        body = BlockBody(miner, tuple(transactions))
        header = virtual.header(
            self.parameters.dag.version,
            timestamp_ms=now_ms,
            transactions_root=body.root,
            accepted_root=run.accepted_root,
            state_root=self.machine.root_after(run),
        )
        return Block(header, body), run

    def pending(self, *, to_read: bool = False) -> tuple[Virtual, MergeRun]:
        """Return the block that would come next, and what its merge set does to the state.

        Only with ``to_read`` may the state after the run be read.
        """
        if self._next is None:
            self._next = self._virtual()
        virtual = self._next
        return virtual, self._run(virtual.order, virtual.chain_time_ms, to_read=to_read)

    def _virtual(self) -> Virtual:
        tip = self.tip
        others = (known(self.dag, other) for other in self.dag.tips)
        beside = sorted(
            (o for o in others if o.sort_key < tip.sort_key),
            key=lambda other: other.sort_key,
            reverse=True,
        )
        parents = [tip.hash, *(block.hash for block in beside)][: self.parameters.dag.max_parents]
        while len(parents) > 1:
            # the deepest come last, and what is too deep once stays so
            try:
                return self._checked(parents)
            except GhostdagRuleBroken:
                parents.pop()
        return self._checked(parents)

    def _checked(self, parents: list[Hash32]) -> Virtual:
        p = self.parameters.dag
        virtual = virtual_above(self.dag, tuple(parents), p, self.dag.windows)
        check_merge_depth(self.dag, virtual.order, p)
        return virtual
