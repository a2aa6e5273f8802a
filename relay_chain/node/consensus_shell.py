"""The consensus machine's hands: performs its effects, in order, on disk, key and network.

The order is law: an entry is appended (and synced where asked) before anything is signed
because of it, and a signed vote is in the log before peers can see it. Signatures are
checked here, before an input reaches the machine.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from chainkit.formats.tendermint.block_codec import decode_block, encode_block
from chainkit.formats.tendermint.errors import InvalidPart
from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.parts import PartSet, split_block
from chainkit.formats.tendermint.sign_bytes import proposal_sign_bytes, vote_sign_bytes
from chainkit.formats.tendermint.types import BlockId, Part, Proposal, Vote, VoteType
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.limits import MAX_BLOCK_SIZE_BYTES
from chainkit.primitives.types import BlockHeight, DurationNs, Round, TimestampNs
from chainkit.sigverify.ed25519 import verify, verify_remembered
from relay_chain.consensus.driver_state import new_machine, proposer_at, validators_for
from relay_chain.consensus.machine import step
from relay_chain.consensus.messages import (
    SELF,
    AnnounceStep,
    AnnounceValidBlock,
    AnnounceVote,
    AppendToWal,
    BlockBuilt,
    BlockReceived,
    BroadcastProposal,
    BroadcastVote,
    Decide,
    Effect,
    FetchBlock,
    Halt,
    Input,
    MakeProposal,
    PeerId,
    ProposalReceived,
    ReportEquivocation,
    ScheduleTimeout,
    SignProposal,
    SignVote,
    StartHeight,
    TimeoutFired,
    Timeouts,
    TxsAvailable,
    VoteReceived,
)
from relay_chain.consensus.replay import has_forgotten, restart
from relay_chain.consensus.state import next_height
from relay_chain.node.consensus_ports import (
    Announcer,
    NotSigned,
    PrivateValidator,
    Silent,
    keep_peer,
)
from relay_chain.node.executor import Executor
from relay_chain.node.limits import MAX_INPUTS_PER_TURN, MAX_PENDING_INPUTS
from relay_chain.node.privval import SigningRefused, SignStep
from relay_chain.node.reactors.ports import PartReceived, PeerInput, RoundView
from relay_chain.node.reactors.views import PartSetParts, RoundVotesView
from relay_chain.node.wal import WriteAheadLog
from relay_chain.node.wal_codec import decode_entry, encode_entry, entry_name

_log = structlog.get_logger()
_NS = 1_000_000_000


class ConsensusShell:
    """One node's consensus. Mutable: it owns the machine and its queues.

    Args:
        executor: Stores, application and chain state.
        key: None for a node that only follows.
        wal: Opened; its entries are replayed by ``run``.
        timeouts: Of the configuration.
        now: The clock, in nanoseconds since 1970.
    """

    def __init__(
        self,
        executor: Executor,
        key: PrivateValidator | None,
        wal: WriteAheadLog,
        timeouts: Timeouts,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._executor = executor
        self._key = key
        self._wal = wal
        self._timeouts = timeouts
        self._now = now
        self._address = key.address if key else None
        self.machine = new_machine(self._address, timeouts)
        self._follows = False
        """Whether it takes part in the present height without a vote."""
        self.announcer: Announcer = Silent()
        self.drop_peer: Callable[[PeerId, RuleBroken], None] = keep_peer
        """Ends a peer's connection; the node sets it."""
        self._own: deque[Input] = deque()
        self._from_peers: asyncio.Queue[PeerInput] = asyncio.Queue(MAX_PENDING_INPUTS)
        self._work = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: tuple[int, int, int] = (0, 0, 0)
        self._parts: PartSet | None = None
        self._built: PartSet | None = None
        """Of the block that this node made last; the machine may have refused it."""
        self._started_ns = now()

    # --- what reactors ask --------------------------------------------------------------

    @property
    def started_at(self) -> TimestampNs:
        """When the present height began."""
        return TimestampNs(self._started_ns)

    @property
    def initial_height(self) -> BlockHeight:
        """First height of the chain."""
        return self._executor.state.initial_height

    @property
    def max_block_bytes(self) -> int:
        """``block.max_bytes`` of the current parameters; -1 for the protocol's limit."""
        return self._executor.state.consensus_params.block_max_bytes

    def view(self) -> RoundView:
        """Return where consensus is now."""
        machine = self.machine
        last = machine.last_commit
        last_set = machine.context.last_validators
        return RoundView(
            height=machine.height,
            round=machine.round,
            step=machine.step,
            last_commit_round=last.round if last else Round(-1),
            seconds_since_start=max(0, self._now() - self._started_ns) // _NS,
            validator_count=len(machine.context.validators.validators),
            last_validator_count=len(last_set.validators) if last_set else 0,
            proposal=machine.proposal,
            parts=PartSetParts(self._parts) if self._parts else None,
            last_commit=RoundVotesView(last) if last else None,
        )

    def votes(self, round_: Round, type_: VoteType) -> RoundVotesView | None:
        """Return a vote set of the current height; None for a round it does not track."""
        votes = self.machine.votes
        found = votes.prevotes(round_) if type_ is VoteType.PREVOTE else votes.precommits(round_)
        return None if found is None else RoundVotesView(found)

    async def submit(self, message: PeerInput) -> None:
        """Queue a peer's message; waits while the queue is full, which slows that peer."""
        await self._from_peers.put(message)
        self._work.set()

    def txs_available(self) -> None:
        """Say that the mempool has a transaction."""
        if not self._timeouts.create_empty_blocks:
            self._feed_self(TxsAvailable(self.machine.height))

    def take_signed(self, message: Vote | Proposal) -> None:
        """Take what this node's key signed; the machine ignores what comes too late."""
        if isinstance(message, Vote):
            self._feed_self(VoteReceived(message, SELF))
        else:
            self._feed_self(ProposalReceived(message, SELF))

    # --- life ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Replay the log, then take part until cancelled.

        Raises:
            AssertionError: +2/3 decided what this node finds invalid; or a defect.
        """
        self._recover()
        while True:
            for _ in range(MAX_INPUTS_PER_TURN):
                if self._own:
                    self._take(self._own.popleft())
                elif not self._from_peers.empty():
                    self._receive(self._from_peers.get_nowait())
                else:
                    break
            if self._own or not self._from_peers.empty():
                await asyncio.sleep(0)  # let peers and RPC have their turn
                continue
            self._work.clear()
            await self._work.wait()

    def close(self) -> None:
        """Stop the timer and close the log."""
        if self._timer is not None:
            self._timer.cancel()
        self._wal.close()

    def _recover(self) -> None:
        state = self._executor.state
        found = self._wal.recovered
        if found.torn_bytes:
            _log.warning("wal.tail_repaired", torn_bytes=found.torn_bytes)
        entries = found.entries
        if (found.last_height or 0) != state.last_block_height:
            # The block was saved, or came by block sync, and the mark did not follow.
            self._wal.end_height(state.last_block_height)
            entries = ()
        start = self._start_height(DurationNs(0))
        decoded = tuple(decode_entry(entry) for entry in entries)
        self.machine, effects = restart(self.machine, start, decoded)
        if self._has_forgotten():
            _log.warning("consensus.vote_withheld", height=start.height, replayed=len(decoded))
            self._wal.end_height(state.last_block_height)
            self._follows = True
            self.machine, effects = restart(new_machine(None, self._timeouts), start, ())
        _log.info("consensus.started", height=start.height, replayed=len(decoded))
        self._perform_all(effects)
        self._follow_parts()

    def _has_forgotten(self) -> bool:
        if self._key is None:
            return False
        last = self._key.last.position
        signed = (last.height, last.round, last.step - SignStep.PROPOSE)
        return last.step is not SignStep.NONE and has_forgotten(self.machine, signed)

    def _feed_self(self, input_: Input) -> None:
        self._own.append(input_)
        self._work.set()

    def _take(self, input_: Input) -> None:
        before = self.machine
        self.machine, effects = step(before, input_)
        self._perform_all(effects)
        if self.machine is not before:
            self._follow_parts()

    # --- from peers ---------------------------------------------------------------------

    def _receive(self, message: PeerInput) -> None:
        match message:
            case VoteReceived():
                if self._is_good_vote(message.vote, message.peer_id):
                    self._take(message)
            case ProposalReceived():
                if self._is_good_proposal(message.proposal, message.peer_id):
                    self._take(message)
            case PartReceived():
                self._add_part(message)
            case _:
                self._take(message)

    def _is_good_vote(self, vote: Vote, peer_id: PeerId) -> bool:
        validators = validators_for(self.machine, vote.height)
        if validators is None or not 0 <= vote.validator_index < len(validators.validators):
            return False
        known = self.votes(vote.round, vote.type) if vote.height == self.machine.height else None
        if known is not None and known.vote(vote.validator_index) == vote:
            return False
        validator = validators.validators[vote.validator_index]
        if validator.address != vote.validator_address:
            return False
        message = vote_sign_bytes(self._executor.chain_id, vote)
        if verify_remembered(validator.public_key, message, vote.signature):
            return True
        _log.warning("vote.signature_refused", height=vote.height, index=vote.validator_index)
        self.drop_peer(peer_id, NotSigned(what="vote", height=vote.height, round_=vote.round))
        return False

    def _is_good_proposal(self, proposal: Proposal, peer_id: PeerId) -> bool:
        machine = self.machine
        if proposal.height != machine.height or machine.decided:
            return False
        if not machine.round <= proposal.round <= machine.round + 1:
            return False
        signer = proposer_at(machine, proposal.round)
        message = proposal_sign_bytes(self._executor.chain_id, proposal)
        if verify(signer.public_key, message, proposal.signature):
            return True
        height, round_ = proposal.height, proposal.round
        _log.warning("proposal.signature_refused", height=height, round=round_)
        self.drop_peer(peer_id, NotSigned(what="proposal", height=height, round_=round_))
        return False

    def _add_part(self, message: PartReceived) -> None:
        parts = self._parts
        if message.height != self.machine.height or parts is None or parts.is_complete():
            return
        try:
            added = parts.add(message.part)
        except InvalidPart as error:
            _log.warning("part.refused", peer=message.peer_id, error=str(error))
            return
        if not added:
            return
        limit = self.max_block_bytes
        if parts.byte_size > (MAX_BLOCK_SIZE_BYTES if limit < 0 else limit):
            _log.warning("block.too_large", height=message.height, peer=message.peer_id)
            return
        self.announcer.wake()
        if parts.is_complete():
            self._receive_block(parts, message)

    def _receive_block(self, parts: PartSet, message: PartReceived) -> None:
        try:
            block = decode_block(parts.assemble())
        except MalformedMessage as error:
            _log.warning("block.malformed", height=message.height, error=str(error))
            return
        block_id = BlockId(header_hash(block.header), parts.header)
        valid = self._executor.is_valid(block)
        self._take(BlockReceived(message.height, block_id, block, valid, message.peer_id))

    def _follow_parts(self) -> None:
        """Gather the parts of what the machine is about: the decided block, or the proposal."""
        machine = self.machine
        target = machine.fetching
        if target is None and machine.proposal is not None:
            target = machine.proposal.block_id
        if target is None:
            if self._parts is not None and machine.commit_round < 0 and machine.proposal is None:
                self._parts = None
            return
        if self._parts is not None and self._parts.header == target.part_set_header:
            return
        known = machine.blocks.get(target)
        built = self._built
        if known is not None and built is not None and built.header == target.part_set_header:
            self._parts = built
        elif known is not None:
            header, parts = split_block(encode_block(known.block))
            self._parts = PartSet.of_parts(header, parts)
        else:
            try:
                self._parts = PartSet(target.part_set_header)
            except InvalidPart:
                self._parts = None

    # --- effects ------------------------------------------------------------------------

    def _perform_all(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self._perform(effect)

    def _perform(self, effect: Effect) -> None:  # noqa: C901 - one arm an effect
        match effect:
            case AppendToWal():
                self._append(effect)
            case SignVote():
                self._sign_vote(effect.vote)
            case SignProposal():
                self._sign_proposal(effect.proposal)
            case BroadcastVote() | BroadcastProposal():
                self._follow_parts()
                self.announcer.wake()
            case AnnounceStep() | AnnounceVote() | AnnounceValidBlock():
                self.announcer.announce(effect)
            case FetchBlock():
                self._follow_parts()
            case MakeProposal():
                self._make_proposal(effect)
            case ScheduleTimeout():
                self._schedule(effect)
            case Decide():
                self._decide(effect)
            case ReportEquivocation():
                vote = effect.vote_a
                _log.warning(
                    "vote.equivocation_found",
                    height=vote.height,
                    round=vote.round,
                    validator=vote.validator_address.hex(),
                )
                self._executor.report(effect.vote_a, effect.vote_b)
            case Halt():
                raise AssertionError(f"+2/3 decided an invalid block at {effect.height}")

    def _sign_vote(self, vote: Vote) -> None:
        assert self._key is not None
        vote = replace(vote, timestamp=TimestampNs(max(self._now(), vote.timestamp)))
        try:
            signed = self._key.sign_vote(self._executor.chain_id, vote)
        except SigningRefused as refusal:
            _log.warning("vote.signing_refused", height=vote.height, error=str(refusal))
            return
        if signed is not None:
            self.take_signed(signed)

    def _sign_proposal(self, proposal: Proposal) -> None:
        assert self._key is not None
        proposal = replace(proposal, timestamp=TimestampNs(self._now()))
        try:
            signed = self._key.sign_proposal(self._executor.chain_id, proposal)
        except SigningRefused as refusal:
            _log.warning("proposal.signing_refused", height=proposal.height, error=str(refusal))
            return
        if signed is not None:
            self.take_signed(signed)

    def _make_proposal(self, effect: MakeProposal) -> None:
        assert self._address is not None
        block = self._executor.build(effect.last_commit, self._address)
        header, parts = split_block(encode_block(block))
        # Not yet what is gathered: another proposal of this round may have come before it.
        self._built = PartSet.of_parts(header, parts)
        block_id = BlockId(header_hash(block.header), header)
        self._feed_self(BlockBuilt(effect.height, effect.round, block_id, block))

    def _append(self, effect: AppendToWal) -> None:
        if self._follows:
            # What a follower wrote would pass for a validator's log after a restart.
            return
        self._wal.append(encode_entry(effect.entry))
        if effect.sync:
            self._wal.sync(entry_name(effect.entry))

    def _schedule(self, effect: ScheduleTimeout) -> None:
        position = (effect.height, effect.round, int(effect.step))
        if position < self._timer_at:
            # The wait for precommits, asked for once, must not be lost to one for prevotes.
            return
        self._timer_at = position
        if self._timer is not None:
            self._timer.cancel()
        fired = TimeoutFired(effect.height, effect.round, effect.step)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(effect.duration_ns / _NS, self._feed_self, fired)

    def _decide(self, decide: Decide) -> None:
        began = self._now()
        block, block_id = decide.block, decide.block_id
        self._executor.save_block(block, block_id, self._parts_of(decide), decide.commit)
        self._wal.end_height(decide.height)
        self._executor.apply_block(block, block_id)
        self._parts = self._built = None
        if self._follows:
            self._follows = False
            self.machine = new_machine(self._address, self._timeouts)
        wait = max(0, self._timeouts.commit_ns - (self._now() - began))
        self._started_ns = self._now() + wait
        self._feed_self(self._start_height(DurationNs(wait)))
        if len(self._executor.mempool):
            self.txs_available()

    def _parts_of(self, decide: Decide) -> tuple[Part, ...]:
        parts = self._parts
        if (
            parts is None
            or parts.header != decide.block_id.part_set_header
            or not parts.is_complete()
        ):
            return split_block(encode_block(decide.block))[1]
        found = (parts.get(index) for index in range(parts.header.total))
        return tuple(part for part in found if part is not None)

    def _start_height(self, wait: DurationNs) -> StartHeight:
        state = self._executor.state
        last = state.last_block_height
        meta = self._executor.blocks.meta(last)
        return StartHeight(
            height=next_height(state),
            validators=state.validators,
            last_commit=self._executor.blocks.seen_commit(last),
            last_validators=state.last_validators if last else None,
            wait_ns=wait,
            needs_proof_block=meta is None or meta.header.app_hash != state.app_hash,
        )
