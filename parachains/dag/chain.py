"""One node's DAG and the state of its selected chain: blocks in, state moved, templates out.

Every block here has a right header and a right body. Whether its header names the right
state is judged when the selected chain comes to hold it, since only then its past is
executed. One that does not is *disqualified*: it stays in the DAG and is merged like any
other, but no selected chain of ours goes through it. The state is that of the best block
whose selected chain holds no such one; each block of that chain is one atomic write with
its inverse, as on the UTXO chain.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from chainkit.formats.ghostdag.blocks import DagBlock, Order
from chainkit.formats.ghostdag.building import Virtual, virtual_above
from chainkit.formats.ghostdag.dag import Dag
from chainkit.formats.ghostdag.errors import GhostdagRuleBroken
from chainkit.formats.ghostdag.headers import decode_header
from chainkit.formats.ghostdag.order import known
from chainkit.formats.ghostdag.rules import check_merge_depth
from chainkit.primitives.types import Address, Hash32
from parachains.dag.blocks import GENESIS_BODY, Block, genesis_header
from parachains.dag.errors import InvalidState, TooDeepReorganisation
from parachains.dag.limits import MAX_UNDO_BLOCKS
from parachains.dag.state_machine import MergedBlock, MergeRun, Outcome, StateMachine
from parachains.dag.transactions import BlockBody, Transaction, check_body, decode_body
from parachains.sdk.undo import UndoDatabase

_BODY = b"b/"
_HEADER = b"h/"
_CHAIN = b"c/"
_GENESIS = b"genesis"
_NUMBER_BYTES = 8


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


class DagChain:
    """One node's blocks and state; mutable, it owns the database."""

    def __init__(self, database: UndoDatabase, machine: StateMachine) -> None:
        self.parameters = machine.parameters
        self.machine = machine
        self._database = database
        self._disqualified: set[Hash32] = set()
        self._chain: list[Hash32] = []
        """The selected chain, genesis first; a block's place plus one is its state's version."""
        self._bodies: dict[Hash32, BlockBody] = {}
        self.dag = self._load()
        self._best = self.dag.selected_tip
        self._follow()

    def _load(self) -> Dag:
        if self.machine.stores.version == 0:
            self._begin()
        raw = self._database.get(_GENESIS)
        assert raw is not None
        genesis = decode_header(raw)
        dag = Dag.from_genesis(self.parameters.dag, genesis)
        for _, data in self._database.iterate(_HEADER, _HEADER[:-1] + b"0"):
            dag.insert_in_place(decode_header(data))
        pairs = self._database.iterate(_CHAIN, _CHAIN[:-1] + b"0")
        self._chain = [Hash32(value) for _, value in pairs]
        return dag

    def _begin(self) -> None:
        """Commit the state of genesis, and keep the header that names it."""
        run = self.machine.genesis_run()
        header = genesis_header(self.parameters, self.machine.root_after(run))
        self.machine.write(run)
        self.machine.stores.commit(
            {_GENESIS: header.encode(), _chain_key(0): header.hash, _BODY + header.hash: b""}
        )

    @property
    def tip(self) -> DagBlock:
        """The block whose state is committed."""
        return known(self.dag, self._chain[-1])

    def version_of(self, block: Hash32) -> int | None:
        """Return the version of the state that a block's header names; None off the chain."""
        at = self._place(block)
        return None if at is None else at + 1

    def chain_block(self, blue_score: int) -> DagBlock | None:
        """Return the highest block of the selected chain with at most this blue score."""
        low, high = 0, len(self._chain)
        while low < high:
            middle = (low + high) // 2
            if known(self.dag, self._chain[middle]).order.blue_score <= blue_score:
                low = middle + 1
            else:
                high = middle
        return known(self.dag, self._chain[low - 1]) if low else None

    def body(self, block: Hash32) -> BlockBody:
        """Return the body of a block in the DAG."""
        if block == self.dag.genesis:
            return GENESIS_BODY
        body = self._bodies.get(block)
        if body is None:
            data = self._database.get(_BODY + block)
            assert data is not None
            body = self._bodies[block] = decode_body(data)
            if len(self._bodies) > MAX_UNDO_BLOCKS:
                del self._bodies[next(iter(self._bodies))]
        return body

    def is_disqualified(self, block: Hash32) -> bool:
        """Return whether a block, or one on its selected chain, names a wrong state."""
        return block in self._disqualified

    def accept_block(self, block: Block, now_ms: int) -> ChainChange:
        """Keep a block and move to the best chain; one that is there already changes nothing.

        Raises:
            GhostdagRuleBroken: Its header breaks a rule; ``UnknownParent`` asks for more.
            InvalidBody: Its body does.
            TooDeepReorganisation: The best chain forks below what can be undone.
        """
        if self.dag.find(block.header.hash) is not None:
            return ChainChange()
        check_body(block.body, block.header.hash_merkle_root, self.parameters.chain_id)
        number = len(self.dag)
        placed = self.dag.insert(block.header, now_ms)
        self._database.write(
            {
                _HEADER + number.to_bytes(_NUMBER_BYTES, "big"): block.header.encode(),
                _BODY + placed.hash: block.body.encode(),
            }
        )
        if placed.order.selected_parent in self._disqualified:
            self._disqualified.add(placed.hash)
        elif placed.sort_key > self._best.sort_key:
            self._best = placed
        return self._follow()

    def _follow(self) -> ChainChange:
        """Move the state to the best block; on the way out of a wrong one, to the next best."""
        left: list[Hash32] = []
        joined: list[ConnectedBlock] = []
        wrong: list[Hash32] = []
        while self.tip.hash != self._best.hash:
            branch, fork = self._branch(self._best)
            if len(self._chain) - fork > MAX_UNDO_BLOCKS:
                raise TooDeepReorganisation(f"the best chain forks {len(self._chain) - fork} below")
            while len(self._chain) > fork:
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
        return ChainChange(tuple(left), tuple(joined), tuple(wrong))

    def _branch(self, wanted: DagBlock) -> tuple[list[DagBlock], int]:
        """Return the blocks from the chain to ``wanted``, and how many of the chain stay."""
        branch = []
        block = wanted
        while (place := self._place(block.hash)) is None:
            branch.append(block)
            assert block.order.selected_parent is not None
            block = known(self.dag, block.order.selected_parent)
        branch.reverse()
        return branch, place + 1

    def _place(self, block: Hash32) -> int | None:
        found = self.dag.find(block)
        if found is None:
            return None
        score = found.order.blue_score
        low, high = 0, len(self._chain)
        while low < high:
            middle = (low + high) // 2
            if known(self.dag, self._chain[middle]).order.blue_score < score:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._chain) and self._chain[low] == block else None

    def _disqualify(self, block: DagBlock) -> list[Hash32]:
        """Note a block and those whose selected chain goes through it; choose another best."""
        wrong = [
            other.hash
            for other in self.dag
            if self.dag.is_chain_ancestor(block.hash, other.hash)
            and other.hash not in self._disqualified
        ]
        self._disqualified.update(wrong)
        right = (other for other in self.dag if other.hash not in self._disqualified)
        self._best = max(right, key=lambda other: other.sort_key)
        return wrong

    def _merged(self, order: Order) -> list[MergedBlock]:
        """Return a merge set with its bodies, in order: the selected parent first."""
        blues = set(order.blues)
        others = (known(self.dag, other) for other in order.blues[1:] + order.reds)
        ordered = sorted(others, key=lambda block: block.sort_key)
        hashes = (*order.blues[:1], *(block.hash for block in ordered))
        return [
            MergedBlock(block, self.body(block), block in blues and block != self.dag.genesis)
            for block in hashes
        ]

    def _connect(self, block: DagBlock) -> ConnectedBlock:
        """Execute a block's merge set over the state of its selected parent, and commit it.

        Raises:
            InvalidState: The header names another state, or other accepted transactions.
        """
        run = self.machine.run(
            self._merged(block.order),
            blue_score=block.order.blue_score,
            chain_time_ms=block.chain_time_ms,
        )
        if run.accepted_root != block.header.accepted_id_merkle_root:
            raise InvalidState("other transactions are accepted")
        if self.machine.root_after(run) != block.header.utxo_commitment:
            raise InvalidState("the state is another")
        self.machine.write(run)
        place = len(self._chain)
        self._database.height = place
        try:
            self.machine.stores.commit({_chain_key(place): block.hash})
        finally:
            self._database.height = None
        self._chain.append(block.hash)
        return ConnectedBlock(block, run.outcomes)

    def _disconnect(self) -> Hash32:
        place = len(self._chain) - 1
        if not place or not self._database.undo(place):
            raise TooDeepReorganisation(f"nothing undoes block {place} of the selected chain")
        self.machine.reopen()
        return self._chain.pop()

    def template(
        self, miner: Address, transactions: Iterable[Transaction], now_ms: int
    ) -> tuple[Block, MergeRun]:
        """Return the next block without work, and what its merge set did.

        Its selected parent is the tip; it merges as many other tips as the rules let it.
        """
        virtual = self._virtual()
        run = self.machine.run(
            self._merged(virtual.order),
            blue_score=virtual.order.blue_score,
            chain_time_ms=virtual.chain_time_ms,
        )
        body = BlockBody(miner, tuple(transactions))
        header = virtual.header(
            self.parameters.dag.version,
            timestamp_ms=now_ms,
            transactions_root=body.root,
            accepted_root=run.accepted_root,
            state_root=self.machine.root_after(run),
        )
        return Block(header, body), run

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


def _chain_key(place: int) -> bytes:
    return _CHAIN + place.to_bytes(_NUMBER_BYTES, "big")
