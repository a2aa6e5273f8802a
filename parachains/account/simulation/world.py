"""One run: the nodes, the network between them, and the faults of a plan."""

from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random

from chainkit.primitives.types import Address, BlockHeight, Hash32, Round, TimestampNs
from parachains.account.consensus.codec import sign_draft
from parachains.account.consensus.messages import (
    Decide,
    Draft,
    Input,
    Message,
    MessageReceived,
    PeerId,
    RoundChange,
    SealableBlock,
)
from parachains.account.consensus.validators import quorum_of
from parachains.account.consensus.votes import VoteTally, choose_vote, count_vote
from parachains.account.simulation.behaviour import mail
from parachains.account.simulation.invariants import Watcher
from parachains.account.simulation.keys import Keys, Secp256k1Keys, SimBlock, StubKeys, make_block
from parachains.account.simulation.node import SimNode
from parachains.account.simulation.plan import (
    EPOCH_LENGTH,
    HEALING_BOUND_NS,
    HEIGHTS_AFTER_HEALING,
    Kind,
    Plan,
)
from relay_chain.simulator.invariants import InvariantBroken
from relay_chain.simulator.network import ANY_INCARNATION, Network
from relay_chain.simulator.node import NEVER, Crashed
from relay_chain.simulator.plan import MS, Crash, Cut, DiskFault, Quality

ASK_NS = 250 * MS
_FOREVER = 1 << 62
STRANGER = Address(b"a stranger to all...")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message arrives."""

    sender: int
    message: Message


@dataclass(frozen=True, slots=True)
class Restart:
    """Start a crashed node."""

    node: int


@dataclass(frozen=True, slots=True)
class LookAround:
    """A node looks whether it got stuck, and asks a peer for blocks."""

    node: int


@dataclass(frozen=True, slots=True)
class Question:
    """A stuck node asks for the sealed block of a height."""

    asker: int
    peer: int
    height: BlockHeight


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """A peer's answer."""

    asker: int
    sealed: Decide


@dataclass(frozen=True, slots=True)
class Heal:
    """The chaos ends: everybody runs, everything arrives."""


Control = Crash | Cut | Quality | Restart | LookAround | Question | SealedBlock | Heal
Payload = Input | Delivery | Control


class Simulation:
    """A run of a plan. Mutable: it is the world that the pure machines live in."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.events = 0
        count = len(plan.kinds)
        self.keys: Keys = Secp256k1Keys(plan.seed) if plan.real_signatures else StubKeys()
        addresses = [self.keys.address(number) for number in range(count)]
        self._addresses = addresses
        correct = {addresses[i]: i for i in range(count) if plan.kinds[i] is Kind.CORRECT}
        self._tallies = [VoteTally(()), VoteTally(self.first_validators())]
        self.watcher = Watcher(self.keys, correct, self.validators_at)
        self.nodes = [SimNode(index, addresses[index], self) for index in range(count)]
        self._rng = Random(f"qbft run of {plan.seed}")
        self._network: Network[Payload] = Network(self._rng, self.count)
        self._blocks: dict[BlockHeight, list[SimBlock]] = {}
        self._block_count = 0
        self._looked_at: list[tuple[int, int]] = [(0, 0)] * count
        self._healed_at: int | None = None
        self._target = _FOREVER
        self._is_done = False
        self.trace: list[str] | None = None
        self._digest = sha256(repr(plan).encode())

    # --- running ------------------------------------------------------------------------

    def run(self, *, heights: int = 0) -> "Simulation":
        """Run the chaos, heal, and wait for progress; or only until ``heights``.

        Raises:
            InvariantBroken: Something happened that must not.
        """
        push = self._network.push
        for time, fault in self.plan.faults:
            push(time, NEVER, ANY_INCARNATION, fault)
        for node in self.nodes:
            self._boot(node)
            offset = self._rng.randint(0, ASK_NS)
            push(offset, node.index, ANY_INCARNATION, LookAround(node.index))
        if heights:
            self._target = heights
        else:
            push(self.plan.chaos_ns, NEVER, ANY_INCARNATION, Heal())
        while not self._is_done:
            self._next()
        return self

    def _next(self) -> None:
        _, sequence, target, incarnation, payload = self._network.pop()
        self.events += 1
        if self.trace is not None:
            self.trace.append(f"{self._network.now / MS:10.3f} ms #{sequence} {target}: {payload}")
        if isinstance(payload, Control):
            self._control(payload)
            return
        node = self.nodes[target]
        if node.machine is None or incarnation not in (node.incarnation, ANY_INCARNATION):
            return
        input_: Input
        if isinstance(payload, Delivery):
            carried = self.keys.carry(payload.message)
            if carried is None:
                self.count("bad signature refused")
                return
            input_ = MessageReceived(carried, PeerId(str(payload.sender)))
        else:
            input_ = payload
        try:
            node.feed(input_)
        except Crashed:
            self._crash(node)

    def _boot(self, node: SimNode) -> None:
        try:
            node.boot()
        except Crashed:
            self._crash(node)

    def _crash(self, node: SimNode) -> None:
        before, is_behind, is_following = node.machine, node.wal_is_behind, node.follows
        lost = node.disk.crash(self._rng, node.disk_fault)
        node.die()
        if lost:
            self.count("WAL entries lost")
        if node.disk.has_lost:
            self.count("synced WAL entries lost")
        if before is None or is_behind or lost or is_following:
            return
        if before.height in node.disk.blocks:
            self.count("crash between block and next height")
            return
        self.count("replay compared")
        node.follows = False
        replayed = node.replay()[0]
        if replayed != replace(before, future=()):
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
            case LookAround():
                self._look_around(control.node)
            case Question():
                self._answer(control)
            case SealedBlock():
                self._import(control)
            case Heal():
                self._heal()

    def _plan_crash(self, crash: Crash) -> None:
        node = self.nodes[crash.node]
        if node.machine is None or self._healed_at is not None:
            return
        restart_at = self._network.now + crash.down_ns
        self._network.push(restart_at, NEVER, ANY_INCARNATION, Restart(crash.node))
        node.disk_fault = crash.disk
        if crash.after_effects == 0:
            self._crash(node)
        else:
            node.effects_until_crash = crash.after_effects

    def _heal(self) -> None:
        self._healed_at = self._network.now
        self._network.cut = Cut(frozenset())
        self._network.quality = Quality()
        for node in self.nodes:
            node.effects_until_crash, node.disk_fault = NEVER, DiskFault.NONE
            if node.machine is None:
                self._boot(node)
        self._target = HEIGHTS_AFTER_HEALING + max(self._heads())

    def _heads(self) -> list[BlockHeight]:
        return [self.nodes[index].disk.head for index in self.watcher.correct.values()]

    def _look_around(self, index: int) -> None:
        now = self._network.now
        self._is_done = min(self._heads()) >= self._target
        is_late = self._healed_at is not None and now > self._healed_at + HEALING_BOUND_NS
        if is_late and not self._is_done:
            raise InvariantBroken("progress after healing", f"heights {self._heads()} in time")
        self._network.push(now + ASK_NS, index, ANY_INCARNATION, LookAround(index))
        state = self.nodes[index].machine
        if state is None:
            return
        position = (int(state.height), int(state.round))
        if position == self._looked_at[index]:
            peer = self._rng.choice([other for other in range(len(self.nodes)) if other != index])
            self._network.post(index, peer, Question(index, peer, state.height))
        self._looked_at[index] = position

    def _answer(self, question: Question) -> None:
        peer = self.nodes[question.peer]
        sealed = peer.disk.blocks.get(question.height)
        kind = self.plan.kinds[question.peer]
        if peer.machine is None or kind in {Kind.SILENT, Kind.LIAR}:
            return
        if kind is Kind.GARBAGE:
            sealed = self._forged(question) if sealed is None else _unsealed(sealed)
        if sealed is not None:
            self._network.post(question.peer, question.asker, SealedBlock(question.asker, sealed))

    def _forged(self, question: Question) -> Decide | None:
        """Return a block that one validator sealed alone, as often as a quorum."""
        blocks = self._blocks.get(question.height)
        if not blocks:
            return None
        block = blocks[-1]
        seal = self.keys.sign(question.peer, block.digest)
        return Decide(block.height, block.round, block, (seal,) * len(self.nodes))

    def _import(self, arrived: SealedBlock) -> None:
        node, sealed = self.nodes[arrived.asker], arrived.sealed
        if node.machine is None or sealed.height != node.machine.height:
            return
        block = sealed.block
        assert isinstance(block, SimBlock)
        validators = node.disk.tally.validators
        authors = {self.keys.seal_author(block.digest, seal) for seal in sealed.seals}
        enough = len(authors & set(validators)) >= quorum_of(len(validators))
        if not enough or len(authors) != len(sealed.seals) or not authors <= set(validators):
            self.count("badly sealed block refused")
            return
        if not node.judge(block):
            return
        self.count("sealed block imported")
        try:
            node.import_block(sealed)
        except Crashed:
            self._crash(node)

    # --- what nodes ask (the port ``node.World``) ---------------------------------------

    def is_correct(self, index: int) -> bool:
        """Return whether the node's key refuses anything."""
        return self.plan.kinds[index] is Kind.CORRECT

    def sign(self, index: int, draft: Draft) -> Message:
        """Return the draft's message, signed with the node's key."""
        if self.is_correct(index):
            self.watcher.saw_signature(index, draft)
        return self.sign_as(index, draft)

    def sign_as(self, index: int, draft: Draft) -> Message:
        """Return a draft's message, whatever was signed before."""
        return sign_draft(
            draft, self._addresses[index], lambda digest: self.keys.sign(index, digest)
        )

    def make_block(
        self,
        index: int,
        height: BlockHeight,
        round_: Round,
        *,
        parent: Hash32,
        earliest: int,
        tally: VoteTally,
    ) -> SimBlock:
        """Return a new block by the node, with its vote."""
        timestamp = TimestampNs(max(self.clock(index), earliest))
        coinbase = self._addresses[index]
        return self._note(
            make_block(
                height,
                coinbase,
                round_,
                parent,
                timestamp,
                self._block_count,
                is_sound=True,
                vote=choose_vote(tally, self._wishes(index, height), coinbase, height),
            )
        )

    def _wishes(self, index: int, height: BlockHeight) -> dict[Address, bool]:
        """Return how a node votes: the correct as planned, the others against a correct one."""
        if not self.is_correct(index):
            return {self._addresses[min(self.watcher.correct.values())]: False, STRANGER: True}
        return {
            self._addresses[node]: not first <= height < end
            for node, first, end in self.plan.absences
        }

    def _note(self, block: SimBlock) -> SimBlock:
        self._block_count += 1
        self._blocks.setdefault(block.height, []).append(block)
        return block

    def rival(self, index: int, block: SealableBlock, *, is_sound: bool) -> SimBlock:
        """Return another block of the same height and round, made by the node."""
        assert isinstance(block, SimBlock)
        coinbase = self._addresses[index]
        rival = make_block(
            block.height,
            coinbase,
            block.round,
            block.parent,
            block.timestamp,
            self._block_count,
            is_sound=is_sound,
            vote=block.vote,
        )
        return self._note(rival)

    def blocks_at(self, height: BlockHeight) -> tuple[SimBlock, ...]:
        """Return the blocks that anybody made for a height so far."""
        return tuple(self._blocks.get(height, ()))

    def heard(self, index: int) -> tuple[RoundChange, ...]:
        """Return the round changes that a Byzantine node has."""
        state = self.nodes[index].machine
        return tuple(state.round_changes.values()) if state is not None else ()

    def send(self, index: int, message: Message) -> None:
        """Send a node's own message to everybody, or what a Byzantine one sends instead."""
        peers = [peer for peer in range(len(self.nodes)) if peer != index]
        if self.is_correct(index):
            for peer in peers:
                self._network.post(index, peer, Delivery(index, message))
            return
        kind = self.plan.kinds[index]
        for peer, instead in tuple(mail(kind, self, self._rng, index, peers, message)):
            self._network.post(index, peer, Delivery(index, instead))

    def schedule(self, index: int, delay_ns: int, input_: Input) -> None:
        """Deliver an input to this incarnation of the node."""
        incarnation = self.nodes[index].incarnation
        self._network.push(self._network.now + delay_ns, index, incarnation, input_)

    def decided(self, index: int, decide: Decide) -> None:
        """Note a decision of a correct node, and put it into the run's hash."""
        if self.is_correct(index):
            self.watcher.saw_decision(index, decide)
            self._count_vote(decide)
            if len(self.validators_at(decide.height)) < len(self.nodes):
                self.count("decided by a changed set")
            if self.plan.real_signatures:
                self.count("decided with real signatures")
            block_hash = decide.block.block_hash.hex()
            line = f"{self._network.now} {index} {decide.height} {decide.round} {block_hash}"
            self._digest.update(line.encode())

    def first_validators(self) -> tuple[Address, ...]:
        """Return the set of height 1, ascending."""
        return tuple(sorted(self._addresses))

    def validators_at(self, height: BlockHeight) -> tuple[Address, ...]:
        """Return the set of a height whose parent a correct node has decided."""
        return self._tallies[height].validators

    def _count_vote(self, decide: Decide) -> None:
        """Keep the tally after a decided block; only the planned changes may come of the votes.

        Raises:
            InvariantBroken: The hostile added or dropped somebody.
        """
        block = decide.block
        assert isinstance(block, SimBlock)
        if decide.height != len(self._tallies) - 1:
            return
        before = self._tallies[-1]
        tally = count_vote(
            before, block.height, block.coinbase, block.vote, epoch_length=EPOCH_LENGTH
        )
        self._tallies.append(tally)
        planned = {self._addresses[node] for node, *_ in self.plan.absences}
        if set(tally.validators).symmetric_difference(self._addresses) - planned:
            raise InvariantBroken("validators by majority", f"height {decide.height}: {tally}")
        if before.votes and not tally.votes and before.validators == tally.validators:
            self.count("votes forgotten at an epoch's end")
        if len(tally.validators) < len(before.validators):
            self.count("validator voted out")
        if len(tally.validators) > len(before.validators):
            self.count("validator voted in")

    def clock(self, index: int) -> int:
        """Return a node's own time, two seconds after the epoch at the beginning."""
        return self._network.now + 2_000 * MS + self.plan.skew_ns[index]

    def count(self, event: str) -> None:
        """Count a rare branch."""
        self.watcher.counters[event] += 1

    def digest(self) -> str:
        """Return a hash over the plan, every decision with its time, and the counters."""
        final = self._digest.copy()
        final.update(f"{self.events} {sorted(self.watcher.counters.items())}".encode())
        return final.hexdigest()


def _unsealed(sealed: Decide) -> Decide:
    """Return a decided block with one seal left out and another there twice."""
    seals = (*sealed.seals[1:], sealed.seals[-1])
    return Decide(sealed.height, sealed.round, sealed.block, seals)
