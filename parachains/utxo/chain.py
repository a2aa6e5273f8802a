"""The block tree: which chain is active, connecting and disconnecting blocks.

A block is connected by one atomic write: coins, IBC state, undo data and the tip. The
active chain is the one with the most work whose blocks are all here and valid; of two
with equal work the first seen stays.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from chainkit.commitments.database import KeyValueDatabase
from chainkit.formats.bitcoin.blocks import (
    Block,
    check_block,
    check_witness_commitment,
    decode_block,
)
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.header_chain import ChainPoint, extend, genesis_point
from chainkit.formats.bitcoin.headers import BlockHeader, decode_header
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction
from light_clients.bitcoin.proofs import committed_root
from parachains.sdk.undo import UndoDatabase
from parachains.utxo.coins import (
    Coin,
    CoinView,
    coin_key,
    decode_coin,
    point_of_script_key,
    script_end,
    script_prefix,
)
from parachains.utxo.errors import TooDeepReorganisation
from parachains.utxo.index import entries_of, events_at, find_event, height_of, packets_of
from parachains.utxo.limits import MAX_UNDO_BLOCKS
from parachains.utxo.parameters import UtxoParameters
from parachains.utxo.state_machine import BlockRun, CarrierResult, StateMachine
from parachains.utxo.validation import connect_transactions

_BLOCK = b"b/"
_HEADER = b"h/"
_INVALID = b"i/"
_TIP = b"tip"


@dataclass(frozen=True, slots=True)
class ConnectedBlock:
    """A block that joined the active chain, with what its carriers did."""

    point: ChainPoint
    block: Block
    results: tuple[CarrierResult, ...]


@dataclass(frozen=True, slots=True)
class ChainChange:
    """How the active chain changed: what left it (newest first), then what joined it."""

    disconnected: tuple[Block, ...] = ()
    connected: tuple[ConnectedBlock, ...] = ()


class UnknownParent(BitcoinRuleBroken):
    """A block whose parent is not known: ask for headers before it."""

    code = 8

    def __init__(self, parent: bytes) -> None:
        super().__init__("prev-blk-not-found", display_hash(parent))
        self.parent = parent


class Chain:
    """One node's blocks and state; mutable, it owns the database."""

    def __init__(
        self, database: UndoDatabase, machine: StateMachine, parameters: UtxoParameters
    ) -> None:
        self.parameters = parameters
        self.machine = machine
        self._database = database
        self._points: dict[bytes, ChainPoint] = {}
        self._invalid: set[bytes] = set()
        self._active: list[bytes] = []
        self._load()

    def _load(self) -> None:
        genesis = genesis_point(self.parameters.genesis.header)
        self._points[genesis.header.hash] = genesis
        for _, raw in self._database.iterate(_HEADER, _HEADER + b"\xff" * 5):
            header = decode_header(raw)
            self._points[header.hash] = self._restored(header)
        self._invalid = {key[len(_INVALID) :] for key, _ in self._database.iterate(_INVALID, b"i0")}
        tip = self._database.get(_TIP) or genesis.header.hash
        while tip != genesis.header.hash:
            self._active.append(tip)
            tip = self._points[tip].header.previous_block
        self._active.append(genesis.header.hash)
        self._active.reverse()
        self._heaviest = self._find_heaviest()

    def _restored(self, header: BlockHeader) -> ChainPoint:
        """Return the point of a header that was checked before it was stored."""
        parent = self._points[header.previous_block]
        return extend(parent, header, self.parameters.rules, now=header.time)

    @property
    def tip(self) -> ChainPoint:
        """The active chain's newest block."""
        return self._points[self._active[-1]]

    def at(self, height: int) -> ChainPoint | None:
        """Return the active chain's block at a height, or None."""
        return self._points[self._active[height]] if 0 <= height < len(self._active) else None

    def point(self, block_hash: bytes) -> ChainPoint | None:
        """Return a known header, on the active chain or not."""
        return self._points.get(block_hash)

    def is_active(self, point: ChainPoint) -> bool:
        """Return whether a block is on the active chain."""
        return self.at(point.height) is point or (
            point.height < len(self._active) and self._active[point.height] == point.header.hash
        )

    def median_at(self, height: int) -> int:
        """Return the median time past of the active chain's block at a height."""
        return self._points[self._active[height]].median_time_past

    def block(self, block_hash: bytes) -> Block | None:
        """Return a stored block, or None."""
        if block_hash == self.parameters.genesis.header.hash:
            return self.parameters.genesis
        data = self._database.get(_BLOCK + block_hash)
        return None if data is None else decode_block(data)

    def coin(self, point: OutPoint) -> Coin | None:
        """Return an unspent output of the active chain, or None."""
        data = self._database.get(coin_key(point))
        return None if data is None else decode_coin(data)

    def height_of(self, txid: bytes) -> int | None:
        """Return the height of the active chain's block that holds a transaction, or None."""
        return height_of(self._database, txid)

    def packet_event(self, kind: str, channel: str, sequence: int) -> Mapping[str, object] | None:
        """Return height, txid and attributes of a packet's event on the active chain, or None."""
        return find_event(self._database, kind, channel, sequence)

    def packets_of(self, txid: bytes) -> list[Mapping[str, str]]:
        """Return the attributes of the packets that a transaction sent."""
        return packets_of(self._database, txid)

    def events_at(self, height: int) -> list[Mapping[str, object]]:
        """Return what the carriers of the active chain's block at a height did, in order."""
        return events_at(self._database, height)

    def coins_of(self, script: bytes) -> Iterator[tuple[OutPoint, Coin]]:
        """Yield the unspent outputs of the active chain that a script guards."""
        for key, _ in self._database.iterate(script_prefix(script), script_end(script)):
            point = point_of_script_key(script, key)
            coin = self.coin(point)
            assert coin is not None
            yield point, coin

    def coin_view(self) -> CoinView:
        """Return a view of the coins that collects changes."""
        return CoinView(self._database)

    def accept_header(self, header: BlockHeader, now: int) -> ChainPoint:
        """Check a header and keep it; return its point.

        Raises:
            UnknownParent: Its parent is not known.
            BitcoinRuleBroken: With Bitcoin Core's reject reason.
        """
        known = self._points.get(header.hash)
        if known is not None:
            if header.hash in self._invalid:
                raise BitcoinRuleBroken("duplicate-invalid")
            return known
        parent = self._points.get(header.previous_block)
        if parent is None:
            raise UnknownParent(header.previous_block)
        if header.previous_block in self._invalid:
            raise BitcoinRuleBroken("bad-prevblk")
        point = extend(
            parent,
            header,
            self.parameters.rules,
            now=now,
            minimum_version=self.parameters.minimum_version,
        )
        key = _HEADER + point.height.to_bytes(4, "big") + header.hash
        self._database.write({key: header.encode()})
        self._points[header.hash] = point
        if point.chain_work > self._heaviest.chain_work:
            self._heaviest = point
        return point

    def accept_block(self, block: Block, now: int) -> ChainChange:
        """Keep a block and move to the heaviest chain; ``now`` in UNIX seconds.

        Raises:
            UnknownParent: Its parent is not known.
            BitcoinRuleBroken: It, or what must be connected with it, breaks a rule.
            TooDeepReorganisation: The heavier chain forks below what can be undone.
        """
        point = self.accept_header(block.header, now)
        # Before it is stored: other bytes under the same header must not condemn the block.
        check_block(block)
        check_witness_commitment(block)
        block_hash = block.header.hash
        if self._database.get(_BLOCK + block_hash) is None:
            self._database.write({_BLOCK + block_hash: block.encoded})
        return self._activate(point)

    def _activate(self, wanted: ChainPoint) -> ChainChange:
        """Move to ``wanted`` if it is heavier and whole; go back where it proves invalid."""
        if wanted.chain_work <= self.tip.chain_work:
            return ChainChange()
        branch = self._branch(wanted)
        if branch is None:
            return ChainChange()
        fork_height = branch[0].height - 1
        if self.tip.height - fork_height > MAX_UNDO_BLOCKS:
            raise TooDeepReorganisation(f"the heavier chain forks at height {fork_height}")
        left = [self._disconnect() for _ in range(self.tip.height - fork_height)]
        joined: list[ConnectedBlock] = []
        try:
            for point in branch:
                joined.append(self._connect(point))  # noqa: PERF401 - what joined is counted on failure
        except BitcoinRuleBroken:
            self._mark_invalid(branch[len(joined)])
            for _ in joined:
                self._disconnect()
            for old in reversed(left):
                self._connect(self._points[old.header.hash])
            raise
        return ChainChange(tuple(left), tuple(joined))

    def _branch(self, wanted: ChainPoint) -> list[ChainPoint] | None:
        """Return the blocks from the active chain to ``wanted``; None where one is missing."""
        branch = []
        point = wanted
        while not self.is_active(point):
            block_hash = point.header.hash
            if block_hash in self._invalid or self._database.get(_BLOCK + block_hash) is None:
                return None
            branch.append(point)
            point = self._points[point.header.previous_block]
        branch.reverse()
        return branch

    def _mark_invalid(self, point: ChainPoint) -> None:
        """Mark a block and everything built on it."""
        bad = {point.header.hash}
        for candidate in sorted(self._points.values(), key=lambda known: known.height):
            if candidate.header.previous_block in bad:
                bad.add(candidate.header.hash)
        self._invalid |= bad
        self._heaviest = self._find_heaviest()
        self._database.write({_INVALID + block_hash: b"\x01" for block_hash in bad})

    def _connect(self, point: ChainPoint) -> ConnectedBlock:
        block = self.block(point.header.hash)
        assert block is not None
        parent = self.tip
        view = self.coin_view()
        spent = connect_transactions(block, parent, view, self.parameters, self.median_at)
        run = self.machine.begin_block(parent)
        results = run_transactions(run, block.transactions, spent)
        root = committed_root(block.transactions[0], self.parameters.commitment_tag)
        if root is None or root != self.machine.root_after(run):
            raise BitcoinRuleBroken("bad-ibc-commitment", "the coinbase names another state root")
        self.machine.write(run)
        self._database.height = point.height
        try:
            index = entries_of(point.height, block, results)
            self.machine.stores.commit({**view.changes, **index, _TIP: point.header.hash})
        finally:
            self._database.height = None
        self._active.append(point.header.hash)
        return ConnectedBlock(point, block, results)

    def _disconnect(self) -> Block:
        point = self.tip
        block = self.block(point.header.hash)
        assert block is not None
        if not self._database.undo(point.height):
            raise TooDeepReorganisation(f"nothing undoes the block at height {point.height}")
        self.machine.reopen()
        self._active.pop()
        return block

    def heaviest_header(self) -> ChainPoint:
        """Return the heaviest known header that is not invalid, its blocks here or not."""
        return self._heaviest if self._heaviest.chain_work > self.tip.chain_work else self.tip

    def _find_heaviest(self) -> ChainPoint:
        valid = (p for p in self._points.values() if p.header.hash not in self._invalid)
        return max(valid, key=lambda point: point.chain_work)

    def has_block(self, block_hash: bytes) -> bool:
        """Return whether a block is stored."""
        return self._database.get(_BLOCK + block_hash) is not None


def run_transactions(
    run: BlockRun, transactions: tuple[Transaction, ...], spent: tuple[tuple[Coin, ...], ...]
) -> tuple[CarrierResult, ...]:
    """Run what a block's transactions carry; the coinbase carries nothing.

    Raises:
        CarrierRefused: One breaks a rule: the block is invalid.
    """
    results = []
    for tx, coins in zip(transactions[1:], spent[1:], strict=True):
        result = run.transaction(tx, coins)
        if result is not None:
            results.append(result)
    return tuple(results)


def open_chain(
    database: KeyValueDatabase,
    machine_of: Callable[[KeyValueDatabase], StateMachine],
    parameters: UtxoParameters,
) -> Chain:
    """Return the chain that a database holds, or a new one."""
    undoable = UndoDatabase(database, MAX_UNDO_BLOCKS)
    return Chain(undoable, machine_of(undoable), parameters)
