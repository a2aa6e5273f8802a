"""Four validators in this process over disks that outlive them, and a crash at any write.

The real shell, executor, key and log run; the network hands everything to everybody, and time
is a number: a timer fires only when nobody has anything else to do. A crash is a power cut: it
takes a node's memory, what databases put off, some of the application's commits that no sync
followed, and the end of a file's write that was under way.
"""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.tendermint.block_codec import encode_block
from chainkit.formats.tendermint.parts import split_block
from chainkit.formats.tendermint.types import VoteType
from chainkit.primitives.hashing import sha256_truncated
from chainkit.primitives.types import ChainId, TimestampNs, VotingPower
from chainkit.sigverify.ed25519 import public_key_from_seed
from relay_chain.consensus.messages import (
    BroadcastProposal,
    BroadcastVote,
    ProposalReceived,
    TimeoutFired,
    Timeouts,
    VoteReceived,
)
from relay_chain.node import block_store, executor, files, privval, state_store, wal
from relay_chain.node.consensus_shell import ConsensusShell
from relay_chain.node.genesis import Genesis, GenesisValidator
from relay_chain.node.limits import STATE_SYNC_BLOCKS
from relay_chain.node.privval import FilePrivateValidator, write_empty_state, write_private_key
from relay_chain.node.reactors.ports import PartReceived
from relay_chain.node.wal import WriteAheadLog
from tests.node_in_memory import make_executor

WRITERS = (block_store, executor, files, privval, state_store, wal)
SEEDS = [bytes([index + 1]) * 32 for index in range(4)]
START = 1_700_000_000_000_000_000
GENESIS = Genesis(
    ChainId("crash-1"),
    TimestampNs(START),
    validators=tuple(
        GenesisValidator(public_key_from_seed(seed), VotingPower(10), f"node{index}")
        for index, seed in enumerate(SEEDS)
    ),
)
MAX_TURNS = 20_000


class Died(BaseException):
    """The process ended here."""


class Key:
    """A key that remembers what it gave away: what is signed can be seen by all, for ever."""

    def __init__(self, inner, signed):
        self._inner, self._signed = inner, signed
        self.address = inner.address

    @property
    def last(self):
        return self._inner.last

    def sign_vote(self, chain_id, vote):
        signed = self._inner.sign_vote(chain_id, vote)
        self._signed[self.address, vote.height, vote.round, vote.type].add(vote.block_id)
        return signed

    def sign_proposal(self, chain_id, proposal):
        signed = self._inner.sign_proposal(chain_id, proposal)
        place = (self.address, proposal.height, proposal.round, "proposal")
        self._signed[place].add(proposal.block_id)
        return signed


class Shell(ConsensusShell):
    """The shell, with a timer in virtual time and a network that is a list."""

    cluster: "Cluster"
    alarm: tuple[int, TimeoutFired] | None = None

    def _schedule(self, effect):
        position = (effect.height, effect.round, int(effect.step))
        if position < self._timer_at:
            return
        self._timer_at = position
        fired = TimeoutFired(effect.height, effect.round, effect.step)
        self.alarm = (self.cluster.now + effect.duration_ns, fired)

    def _perform(self, effect):
        super()._perform(effect)
        board = self.cluster.board
        if isinstance(effect, BroadcastVote) and effect.vote not in board.votes:
            board.votes.append(effect.vote)
        elif isinstance(effect, BroadcastProposal) and effect.proposal not in board.proposals:
            board.proposals.append(effect.proposal)
            header, parts = split_block(encode_block(effect.block))
            board.parts[header] = parts


@dataclass
class Board:
    """All that anybody said."""

    votes: list = field(default_factory=list)
    proposals: list = field(default_factory=list)
    parts: dict = field(default_factory=dict)


class CutOffDatabase(MemoryDatabase):
    """What is on disk after a power cut: all up to the last sync, and perhaps more.

    ``sync_every`` as ``isthmus.adapters.sqlite`` has it.
    """

    def __init__(self, sync_every=1):
        super().__init__()
        self._sync_every, self._writes = sync_every, 0
        self._undo = []

    def write(self, changes):
        self.write_later(changes)
        self._writes += 1
        if self._writes % self._sync_every == 0:
            self._undo.clear()

    def write_later(self, changes):
        self._undo.append({key: self.get(key) for key in changes})
        super().write(changes)

    def cut_off(self, choice):
        """Take back what waits for a sync: all, or where commits have an end, some of the last."""
        count = choice % (len(self._undo) + 1) if self._sync_every > 1 else len(self._undo)
        for _ in range(count):
            super().write(self._undo.pop())
        self._undo.clear()


class Node:
    """A home folder and two databases; and the process, while there is one."""

    def __init__(self, cluster, index, folder):
        folder.mkdir()
        self.cluster, self.index, self.folder = cluster, index, folder
        self.chain, self.state = CutOffDatabase(), CutOffDatabase(STATE_SYNC_BLOCKS)
        write_private_key(folder / "key.json", SEEDS[index])
        write_empty_state(folder / "state.json")
        self.shell = None
        self.seen = set()
        self.points = []
        self.synced_sizes = []
        self.crash_at = None
        self.lives = 0

    def boot(self, crash_at=None):
        """Start; at write point ``crash_at`` of this life, counted from 0, it ends."""
        self.cluster.current, self.crash_at = self, crash_at
        self.lives += 1
        self.points, self.seen = [], set()
        try:
            made = make_executor(self.chain, self.state, genesis=GENESIS)
            key = FilePrivateValidator(self.folder / "key.json", self.folder / "state.json")
            log = WriteAheadLog(self.folder / "wal")
            self.shell = Shell(
                made, Key(key, self.cluster.signed), log, Timeouts(), lambda: self.cluster.now
            )
            self.shell.cluster = self.cluster
            self.shell._recover()
        except Died:
            self.die()
            return
        self.fill_mempool()

    def fill_mempool(self):
        """Put in a transaction that no other life has: a block made again is another block."""
        height = self.height
        key = f"{self.lives}-{self.index}-{height}"
        self.shell._executor.mempool.add(f"{key}=v".encode())

    def die(self):
        """Lose the memory; of what was being written, some bytes are on disk."""
        if self.shell is not None:
            log = self.shell._wal
            pending = bytes(log._pending)
            os.write(log._descriptor, pending[: len(self.points) * 7919 % (len(pending) + 1)])
            os.close(log._descriptor)
        self.shell = None
        self.chain.cut_off(0)
        self.state.cut_off(len(self.points))
        for path in sorted(self.folder.iterdir()):
            if not path.name.startswith("key"):
                self.cluster.disk.tear(path)

    def lose_syncs(self, count):
        """Cut the log to what it was some syncs ago: the disk lied about the last ones."""
        path = self.folder / "wal"
        sizes = [size for size in self.synced_sizes if size <= path.stat().st_size]
        os.truncate(path, sizes[-1 - count] if len(sizes) > count else 0)

    @property
    def address(self):
        return sha256_truncated(public_key_from_seed(SEEDS[self.index]))

    def votes(self):
        """What it told everybody."""
        return [vote for vote in self.cluster.board.votes if vote.validator_address == self.address]

    @property
    def height(self):
        return self.shell._executor.state.last_block_height if self.shell else -1

    def turn(self):
        """Do one thing; whether there was one."""
        shell = self.shell
        if shell is None:
            return False
        self.cluster.current = self
        height = self.height
        try:
            did = self._own() or self._hear()
        except Died:
            self.die()
            return True
        if self.height != height:
            self.fill_mempool()
        return did

    def _own(self):
        if not self.shell._own:
            return False
        self.shell._take(self.shell._own.popleft())
        return True

    def _hear(self):
        shell, board = self.shell, self.cluster.board
        at = (shell.machine.height, shell.machine.round)
        for kind, said in (("vote", board.votes), ("proposal", board.proposals)):
            for number, message in enumerate(said):
                near = message.height == at[0] or (
                    kind == "vote"
                    and message.height == at[0] - 1
                    and message.type is VoteType.PRECOMMIT
                )
                if not near or (kind, number, at) in self.seen:
                    continue
                self.seen.add((kind, number, at))
                of = VoteReceived if kind == "vote" else ProposalReceived
                shell._receive(of(message, "peer"))
                return True
        gathering = shell._parts
        if gathering is None or gathering.is_complete() or gathering.header not in board.parts:
            return False
        for part in board.parts[gathering.header]:
            shell._receive(PartReceived(at[0], at[1], part, "peer"))
        return True

    def hashes(self):
        """Every block that is on disk, by height."""
        rows = self.chain.iterate(b"bM", b"bN")
        return {int.from_bytes(key[2:], "big"): bytes(value[:32]) for key, value in rows}


class Disk:
    """What is durable of every file: ``fsync`` says so, and a power cut asks."""

    def __init__(self):
        self._durable = {}
        self.syncs = []

    def fsync(self, descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        if path.is_file():
            self._durable[path.stat().st_ino] = path.read_bytes()

    def tear(self, path):
        data, durable = path.read_bytes(), self._durable.get(path.stat().st_ino, b"")
        if data != durable:
            path.write_bytes(data[: (len(data) + len(durable)) // 2])


class Cluster:
    """Four nodes, what they say, and the one that dies."""

    def __init__(self, root, monkeypatch):
        self.now = START + 1_000_000_000
        self.board = Board()
        self.signed = defaultdict(set)
        self.disk = Disk()
        self.current = None
        monkeypatch.setattr(os, "fsync", self.disk.fsync)
        for module in WRITERS:
            monkeypatch.setattr(module, "reach", self.reach)
        self.nodes = [Node(self, index, root / f"node{index}") for index in range(4)]

    def reach(self, name):
        node = self.current
        if node is None:
            return
        if len(node.points) == node.crash_at:
            raise Died
        node.points.append(name)
        if name.startswith("wal.") and name.endswith(".synced"):
            node.synced_sizes.append((node.folder / "wal").stat().st_size)

    def boot_all(self):
        for node in self.nodes:
            node.boot()

    def run(self, until):
        """Let everybody work until the condition holds; time passes when all are idle."""
        for _ in range(MAX_TURNS):
            if until():
                return
            if not sum(node.turn() for node in self.nodes):
                self._fire()
        raise AssertionError(f"no end: heights {[node.height for node in self.nodes]}")

    def _fire(self):
        waiting = [
            (node.shell.alarm[0], node.index)
            for node in self.nodes
            if node.shell is not None and node.shell.alarm is not None
        ]
        assert waiting, f"stuck: heights {[node.height for node in self.nodes]}"
        deadline, index = min(waiting)
        shell = self.nodes[index].shell
        self.now = max(self.now, deadline)
        fired = shell.alarm[1]
        shell.alarm = None
        shell._feed_self(fired)

    def reach_height(self, height, nodes=None):
        self.run(lambda: all(node.height >= height for node in nodes or self.nodes if node.shell))

    def double_signs(self):
        """Places at which a key gave away signatures for two things."""
        return {place: ids for place, ids in self.signed.items() if len(ids) > 1}

    def judge(self):
        """Fail unless nobody contradicted itself and all have one chain and one state."""
        assert self.double_signs() == {}
        states = {}
        for node in self.nodes:
            chain = node.shell._executor
            assert chain.application.info().last_block_app_hash == chain.state.app_hash
            for height, digest in node.hashes().items():
                assert states.setdefault(height, digest) == digest, f"height {height}"
