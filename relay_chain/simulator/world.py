"""One run: virtual time, the network between the nodes, and the faults of a plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    Block,
    BlockId,
    Header,
    PartSetHeader,
    Proposal,
    ValidatorSet,
    Vote,
)
from chainkit.primitives.types import Address, BlockHeight, TimestampNs
from relay_chain.consensus.driver_state import ConsensusState
from relay_chain.consensus.lock_rule import KEEP_LOCK, LockRule
from relay_chain.consensus.messages import (
    Decide,
    Input,
    PeerId,
    TimeoutFired,
    VoteReceived,
)
from relay_chain.simulator.behaviour import (
    Mail,
    flatter,
    mail_proposal,
    mail_vote,
    on_cue,
    proposal_mail,
)
from relay_chain.simulator.disk import RegressionRefused
from relay_chain.simulator.gossip import answer
from relay_chain.simulator.invariants import InvariantBroken, Watcher
from relay_chain.simulator.keys import CHAIN_ID, Ed25519Keys, Keys, StubKeys
from relay_chain.simulator.network import ANY_INCARNATION, Network
from relay_chain.simulator.node import Crashed, SimNode
from relay_chain.simulator.plan import (
    HEALING_BOUND_NS,
    HEIGHTS_AFTER_HEALING,
    MS,
    Crash,
    Cut,
    DiskFault,
    Kind,
    Plan,
    Quality,
)
from relay_chain.simulator.rules import Amnesia, CometBftLock, PaperLock
from relay_chain.simulator.validators import ValidatorSets

GOSSIP_NS = 250 * MS
_FOREVER = 1 << 62
_ANSWERING = frozenset({Kind.FLATTERER, Kind.MIRROR, Kind.PUPPET})
"""They vote when a correct node does, and never of their own."""
_UNHELPFUL = _ANSWERING | {Kind.WITHHOLDER, Kind.AMNESIAC}
"""Byzantine validators that answer no question."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Start a crashed node."""

    node: int


@dataclass(frozen=True, slots=True)
class Gossip:
    """A node looks whether it got stuck, and asks a peer."""

    node: int


@dataclass(frozen=True, slots=True)
class Question:
    """A stuck node's question arrives at a peer."""

    asker: int
    peer: int
    state: ConsensusState


@dataclass(frozen=True, slots=True)
class Heal:
    """The chaos ends: everybody runs, everything arrives."""


Control = Crash | Cut | Quality | Restart | Gossip | Question | Heal


def rule_of(kind: Kind) -> LockRule:
    """Return the lock rule that a validator of a kind runs."""
    match kind:
        case Kind.COMETBFT:
            return CometBftLock()
        case Kind.PAPER:
            return PaperLock()
        case Kind.CORRECT | Kind.WITHHOLDER | Kind.GARBAGE:
            return KEEP_LOCK
        case (
            Kind.AMNESIAC
            | Kind.EQUIVOCATOR
            | Kind.HYDRA
            | Kind.FLATTERER
            | Kind.MIRROR
            | Kind.PUPPET
        ):
            return Amnesia()


class Simulation:
    """A run of a plan. Mutable: it is the world that the pure machines live in."""

    def __init__(self, plan: Plan, *, tolerates_forks: bool = False) -> None:
        self.plan = plan
        self.now = 0
        self.events = 0
        count = len(plan.powers)
        self._keys: Keys = Ed25519Keys(plan.seed) if plan.real_signatures else StubKeys()
        self.sets = ValidatorSets(plan, self._keys)
        correct = [index for index in range(count) if plan.kinds[index].is_correct]
        ours = [index for index in correct if plan.kinds[index] is Kind.CORRECT]
        self.watcher = Watcher(
            self.sets,
            frozenset(correct),
            frozenset(ours),
            tolerates_forks=tolerates_forks,
        )
        self.nodes = [
            SimNode(index, validator.address, rule_of(kind), plan.timeouts, self)
            for index, (kind, validator) in enumerate(
                zip(plan.kinds, self.sets.members, strict=True)
            )
        ]
        self._peers = [[peer for peer in range(count) if peer != index] for index in range(count)]
        self._rng = Random(f"run of {plan.seed}")
        self._network: Network[tuple[Input, ...] | Control] = Network(self._rng, self.count)
        self._push, self._post = self._network.push, self._network.post
        self._blocks: dict[BlockHeight, list[tuple[BlockId, Block]]] = {}
        self._block_count = 0
        self._gossiped_at: list[tuple[int, int]] = [(0, 0)] * count
        self._healed_at: int | None = None
        self._target = _FOREVER
        self._is_done = False
        self._said: dict[tuple[int, int, int, int], BlockId] = {}
        self._is_answered = bool(_ANSWERING.intersection(plan.kinds))
        self.trace: list[str] | None = None
        self._digest = sha256(repr(plan).encode())

    # --- running ------------------------------------------------------------------------

    def run(self, *, heights: int = 0, deadline_ns: int = 0) -> "Simulation":
        """Run the chaos, heal, and wait for progress; or only until ``heights``.

        Raises:
            InvariantBroken: Something happened that must not.
        """
        for time, fault in self.plan.faults:
            self._push(time, -1, ANY_INCARNATION, fault)
        for node in self.nodes:
            node.single_ticker = self.plan.seed % 2 == 1
            self._boot(node)
            offset = self._rng.randint(0, GOSSIP_NS)
            self._push(offset, node.index, ANY_INCARNATION, Gossip(node.index))
        if heights:
            self._target = heights
        else:
            self._push(self.plan.chaos_ns, -1, ANY_INCARNATION, Heal())
        self._loop(deadline_ns or _FOREVER)
        return self

    def _loop(self, deadline_ns: int) -> None:
        pop = self._network.pop
        while not self._is_done:
            self.now, sequence, target, incarnation, payload = pop()
            if self.now > deadline_ns:
                return
            self.events += 1
            if isinstance(payload, tuple):
                node = self.nodes[target]
                if node.machine is None:
                    continue
                if incarnation not in (node.incarnation, ANY_INCARNATION):
                    continue
                if self.trace is not None:
                    self._write_trace(sequence, target, payload)
                try:
                    node.feed(payload)
                except Crashed:
                    self._crash(node)
            else:
                if self.trace is not None:
                    self._write_trace(sequence, target, payload)
                self._control(payload)

    def _look_at_progress(self) -> None:
        """Note whether the heights that the run waits for are reached.

        Raises:
            InvariantBroken: They are not, in the time that healing may take.
        """
        heights = [self.nodes[index].disk.applied for index in self.watcher.correct]
        self._is_done = min(heights) >= self._target
        late = self._healed_at is not None and self.now > self._healed_at + HEALING_BOUND_NS
        if late and not self._is_done:
            raise InvariantBroken("progress after healing", f"heights {heights} in time")

    def _boot(self, node: SimNode) -> None:
        try:
            node.boot()
        except Crashed:
            self._crash(node)

    def _crash(self, node: SimNode) -> None:
        before, is_behind, fault = node.machine, node.wal_is_behind, node.disk_fault
        synced, is_following = node.disk.synced, node.follows
        lost = node.disk.crash(self._rng, fault)
        node.die()
        if lost:
            self.count("unsynced WAL entries lost")
        if node.disk.synced < synced:
            self.count("synced WAL entries lost")
        if node.disk.flipped_bit >= 0:
            self.count("bit flipped in the WAL")
            return
        if before is None or is_behind or lost or before.height in node.disk.blocks:
            return
        if is_following:
            return
        self.count("replay compared")
        if node.replayed() != before:
            raise InvariantBroken("replay gives the same state", f"node {node.index}: {before}")

    # --- controls -----------------------------------------------------------------------

    def _control(self, control: Control) -> None:
        match control:
            case Crash():
                self._plan_crash(control)
            case Cut():
                self._network.cut = control
            case Quality():
                self._network.quality = control
            case Restart():
                if self.nodes[control.node].machine is None:
                    self.count("restart")
                    self._boot(self.nodes[control.node])
            case Gossip():
                self._ask(control.node)
            case Question():
                self._answer(control)
            case Heal():
                self._heal()

    def _plan_crash(self, crash: Crash) -> None:
        node = self.nodes[crash.node]
        if node.machine is None or self._healed_at is not None:
            return
        self._push(self.now + crash.down_ns, -1, ANY_INCARNATION, Restart(crash.node))
        node.disk_fault = crash.disk
        if crash.after_effects == 0:
            self._crash(node)
        else:
            node.effects_until_crash = crash.after_effects

    def _heal(self) -> None:
        self._healed_at = self.now
        self._network.cut = Cut(frozenset())
        self._network.quality = Quality()
        for node in self.nodes:
            node.effects_until_crash = -1
            node.disk_fault = DiskFault.NONE
            if node.machine is None:
                self._boot(node)
        self._target = HEIGHTS_AFTER_HEALING + max(
            self.nodes[index].disk.applied for index in self.watcher.correct
        )

    def _ask(self, index: int) -> None:
        """Ask a random peer if nothing moved since the last time."""
        self._look_at_progress()
        self._push(self.now + GOSSIP_NS, index, ANY_INCARNATION, Gossip(index))
        state = self.nodes[index].machine
        if state is None:
            return
        position = (state.height, state.round)
        if position == self._gossiped_at[index]:
            peer = self._rng.choice(self._peers[index])
            self._post(index, peer, Question(index, peer, state))
        self._gossiped_at[index] = position

    def _answer(self, question: Question) -> None:
        peer = self.nodes[question.peer]
        if peer.machine is None or self.plan.kinds[question.peer] in _UNHELPFUL:
            return
        stored = peer.disk.blocks.get(question.state.height)
        peer_id = PeerId(str(question.peer))
        electorate = self.sets.electorate(max(question.state.height, BlockHeight(1)))
        missing = answer(question.state, peer.machine, stored, electorate, peer_id)
        if missing:
            self.count("gossip answered")
            self._post(question.peer, question.asker, missing)

    # --- the network --------------------------------------------------------------------

    def _post_all(self, sender: int, mail: Sequence[Mail]) -> None:
        for recipient, inputs in mail:
            self._post(sender, recipient, inputs)

    # --- what nodes ask (the port ``node.World``) ---------------------------------------

    def sign(self, index: int, message: Vote | Proposal) -> Vote | Proposal | None:
        """Return the message signed with the node's key; None if the key refuses."""
        node = self.nodes[index]
        clock = self._clock(index)
        if clock < message.timestamp:
            self.count("slow clock: vote as late as its block")
        candidate = self._signed(message, node.address, clock)
        if index not in self.watcher.correct:
            if self.plan.kinds[index] not in _ANSWERING:
                self._saw_signature(index, candidate)
            return candidate
        try:
            signed = node.disk.key.sign(message, candidate)
        except RegressionRefused:
            return None
        self._saw_signature(index, signed)
        if self._is_answered and isinstance(signed, Vote):
            self._answer_vote(index, signed)
        return signed

    def _answer_vote(self, index: int, vote: Vote) -> None:
        """Let the hostile that see everything answer a correct node's vote."""
        answers = [*flatter(self.plan, self, self._said, index, vote)]
        if self.plan.script:
            answers += on_cue(self.plan, self, index, vote)
        for hostile, recipient, inputs in answers:
            self._post(hostile, recipient, inputs)

    def sign_as(self, index: int, message: Vote | Proposal) -> Vote | Proposal:
        """Return a message signed with a Byzantine validator's own key."""
        assert index not in self.watcher.correct
        signed = self._signed(message, self.nodes[index].address, message.timestamp)
        self._saw_signature(index, signed)
        return signed

    def _signed(self, message: Vote | Proposal, address: Address, now: int) -> Vote | Proposal:
        """Return the message signed now, and not before the time that it asks for."""
        return self._keys.signed(message, address, TimestampNs(max(now, message.timestamp)))

    def _saw_signature(self, index: int, signed: Vote | Proposal) -> None:
        state = self.nodes[index].machine
        assert state is not None
        self.watcher.saw_signature(index, signed, state)

    def is_signed(self, message: Vote | Proposal, signer: Address) -> bool:
        """Return whether the signature is the signer's."""
        return self._keys.is_signed(message, signer)

    def make_block(
        self, index: int, height: BlockHeight, *, is_valid: bool
    ) -> tuple[BlockId, Block]:
        """Return a new block."""
        self._block_count += 1
        digest = sha256(f"{height} {index} {self._block_count}".encode()).digest()
        header = Header(
            CHAIN_ID,
            height,
            self._clock(index),
            NIL_BLOCK_ID,
            *(b"",) * 8,
            self.nodes[index].address,
        )
        block_id = BlockId(digest, PartSetHeader(1, digest))
        block = Block(header, (digest,), (), None)
        self._blocks.setdefault(height, []).append((block_id, block))
        self.watcher.saw_block(block_id, block, is_valid=is_valid)
        return block_id, block

    def address_of(self, index: int) -> Address:
        """Return a node's validator address."""
        return self.nodes[index].address

    def blocks_at(self, height: BlockHeight) -> tuple[tuple[BlockId, Block], ...]:
        """Return the blocks that anybody made for a height so far."""
        return tuple(self._blocks.get(height, ()))

    def send_vote(self, index: int, vote: Vote) -> None:
        """Send a node's own vote to everybody, or what a Byzantine one sends instead."""
        if index in self.watcher.correct:
            inputs = (VoteReceived(vote, PeerId(str(index))),)
            for peer in self._peers[index]:
                self._post(index, peer, inputs)
            return
        mail = mail_vote(self.plan, self, self._rng, index, self._peers[index], vote)
        self._post_all(index, tuple(mail))

    def send_proposal(self, index: int, proposal: Proposal, block: Block) -> None:
        """Send a node's own proposal to everybody, or what a Byzantine one sends instead."""
        peers = self._peers[index]
        if index in self.watcher.correct:
            inputs = proposal_mail(index, proposal, block, valid=True)
            for peer in peers:
                self._post(index, peer, inputs)
            return
        mail = mail_proposal(self.plan, self, self._rng, index, peers, proposal, block)
        self._post_all(index, tuple(mail))

    def schedule(self, index: int, delay_ns: int, timeout: TimeoutFired) -> None:
        """Deliver a timeout to this incarnation of the node."""
        self._push(self.now + delay_ns, index, self.nodes[index].incarnation, (timeout,))

    def decided(self, index: int, decide: Decide) -> None:
        """Note a decision of a correct node, and put it into the run's hash."""
        if index in self.watcher.correct:
            self.watcher.saw_decision(index, decide)
            line = f"{self.now} {index} {decide.height} {decide.round} {decide.block_id.hash.hex()}"
            self._digest.update(line.encode())

    def validators_at(self, height: BlockHeight) -> ValidatorSet:
        """Return the set of a height."""
        return self.sets.at(height)

    def _clock(self, index: int) -> TimestampNs:
        skew = self.plan.skew_ns[index] if self.plan.skew_ns else 0
        return TimestampNs(max(0, self.now + skew))

    def count(self, event: str) -> None:
        """Count a rare branch."""
        self.watcher.counters[event] += 1

    # --- results ------------------------------------------------------------------------

    def digest(self) -> str:
        """Return a hash over the plan, every decision with its time, and the counters."""
        final = self._digest.copy()
        final.update(f"{self.events} {sorted(self.watcher.counters.items())}".encode())
        return final.hexdigest()

    def _write_trace(
        self, sequence: int, target: int, payload: tuple[Input, ...] | Control
    ) -> None:
        assert self.trace is not None
        self.trace.append(f"{self.now / MS:10.3f} ms #{sequence} node {target}: {payload}")
