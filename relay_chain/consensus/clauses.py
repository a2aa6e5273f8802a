"""Which clauses of the algorithm hold now, and what they make the node do."""

from chainkit.formats.tendermint.types import NIL_BLOCK_ID, BlockId, Proposal, Vote, VoteType
from chainkit.formats.tendermint.validator_set import proposer
from chainkit.primitives.types import DurationNs, Round, TimestampNs
from relay_chain.consensus import votes as tally
from relay_chain.consensus.driver_state import Turn, rotated
from relay_chain.consensus.lock_rule import Offer
from relay_chain.consensus.messages import (
    AnnounceValidBlock,
    Decide,
    FetchBlock,
    Halt,
    MakeProposal,
    ScheduleTimeout,
    SignProposal,
    SignVote,
    Step,
)
from relay_chain.consensus.round import (
    BlockPolka,
    CastPrecommit,
    CastPrevote,
    Enter,
    GoTo,
    LaterRoundSeen,
    NilPolka,
    OfferBlock,
    PolkaSeen,
    PrecommitQuorum,
    PrevoteQuorum,
    ProposalSeen,
    Propose,
    RoundEvent,
    RoundOutput,
    Wait,
    step_round,
)

BLOCK_TIME_IOTA_NS = 1_000_000
"""A vote is at least this much later than the block it is about (CometBFT ``voteTime``)."""

# Members of an enum are looked up slowly, and every vote asks for these.
_NEW_ROUND = Step.NEW_ROUND
_PROPOSE = Step.PROPOSE


def advance(turn: Turn) -> None:
    """Feed the clauses whose thresholds hold until none changes anything."""
    while not _commits(turn) and _try_clauses(turn):
        pass


def _commits(turn: Turn) -> bool:
    """L49 to L51: decide on +2/3 precommits of any round; return whether voting is over."""
    if turn.commit_round < 0:
        for round_, pair in turn.votes.rounds.items():
            majority = pair.precommits.majority
            if majority is not None and majority != NIL_BLOCK_ID:
                turn.commit_round = round_
                _announce_block(turn, round_, majority, is_commit=True)
                break
        else:
            return False
    precommits = turn.votes.rounds[turn.commit_round].precommits
    block_id = precommits.majority
    assert block_id is not None
    known = turn.blocks.get(block_id)
    height = turn.context.height
    if known is None:
        _fetch(turn, turn.commit_round, block_id)
    elif not known.is_valid:
        turn.decided = True
        turn.effects.append(Halt(height, block_id))
    else:
        turn.decided = True
        commit = tally.to_commit(precommits)
        turn.effects.append(Decide(height, turn.commit_round, block_id, known.block, commit))
    return True


def _try_clauses(turn: Turn) -> bool:
    """Feed the clauses whose vote counts hold, in order; return whether one was let through.

    The marks of "for the first time" are asked here too: most votes come after them.
    """
    rounds, votes = turn.rounds, turn.votes
    here, step = rounds.round, rounds.step
    present = votes.rounds.get(here)
    if len(votes.rounds) > (present is not None) and _try_other_rounds(turn):
        return True
    if step is _NEW_ROUND or step is _PROPOSE:
        offer = _offer(turn)
        if offer is not None and feed(turn, ProposalSeen(here, offer)):
            return True
    if present is None:
        return False
    polka = present.prevotes.majority
    if polka is not None and not rounds.polka_was_seen and _try_polka(turn, polka):
        return True
    anything = not rounds.prevote_wait and present.prevotes.has_any_supermajority()
    if anything and feed(turn, PrevoteQuorum(here)):
        return True
    if rounds.precommit_wait or not present.precommits.has_any_supermajority():
        return False
    return feed(turn, PrecommitQuorum(here))


def _try_other_rounds(turn: Turn) -> bool:
    """Skip to a later round, or tell the lock of what can concern it."""
    here, lock = turn.rounds.round, turn.rounds.lock
    total = turn.context.electorate.total_power
    for round_, pair in turn.votes.rounds.items():
        is_ahead = round_ > here and tally.includes_correct(pair.voters_power(), total)
        if is_ahead and feed(turn, LaterRoundSeen(round_)):
            return True
        polka = pair.prevotes.majority
        # Only a later polka for something else can concern a lock, under any rule.
        concerns = polka and lock and lock.round < round_ <= here and polka != lock.block_id
        if polka and concerns and feed(turn, PolkaSeen(round_, polka)):
            return True
    return False


def _try_polka(turn: Turn, polka: BlockId) -> bool:
    here = turn.rounds.round
    if polka == NIL_BLOCK_ID:
        return feed(turn, NilPolka(here))
    known = turn.blocks.get(polka)
    if known is None:
        _fetch(turn, here, polka)
        return False
    return feed(turn, BlockPolka(here, polka, known.is_valid))


def _offer(turn: Turn) -> Offer | None:
    """Return the round's proposal once its block, and the polka it names, are here."""
    proposal = turn.proposals.get(turn.rounds.round)
    if proposal is None:
        return None
    known = turn.blocks.get(proposal.block_id)
    if known is None:
        return None
    # L28: 2f + 1 prevotes for it in vr.
    if proposal.pol_round >= 0 and turn.votes.polka(proposal.pol_round) != proposal.block_id:
        return None
    return Offer(proposal.block_id, known.is_valid, proposal.pol_round)


def feed(turn: Turn, event: RoundEvent) -> bool:
    """Apply a clause; return whether its guard let it through."""
    before = turn.rounds
    after, outputs = step_round(before, event, turn.context.rule)
    if after is before and not outputs:
        return False
    turn.rounds = after
    if after.polka_was_seen and not before.polka_was_seen:
        assert after.valid_block_id is not None
        _announce_block(turn, after.round, after.valid_block_id, is_commit=False)
    for output in outputs:
        _perform(turn, output)
    return True


def _perform(turn: Turn, output: RoundOutput) -> None:
    match output:
        case CastPrevote():
            _sign_vote(turn, VoteType.PREVOTE, output.block_id)
        case CastPrecommit():
            _sign_vote(turn, VoteType.PRECOMMIT, output.block_id)
        case Wait():
            _schedule(turn, output.step)
        case GoTo():
            enter_round(turn, output.round)
        case OfferBlock():
            if output.block_id is not None:
                sign_proposal(turn, output.block_id, output.pol_round)
                return
            commit = tally.to_commit(turn.last_commit) if turn.last_commit else None
            make = MakeProposal(turn.context.height, turn.rounds.round, commit)
            turn.effects.append(make)


def enter_round(turn: Turn, round_: Round) -> None:
    """L11: start a round: whose turn it is, and what of the old rounds is still needed."""
    context = turn.context
    turn.round_validators = rotated(turn.round_validators, round_ - turn.rounds.round)
    turn.votes = tally.enter_round(turn.votes, round_)
    may_wait = not (context.timeouts.create_empty_blocks or context.needs_proof_block)
    waits = may_wait and round_ == 0 and not turn.txs_available
    feed(turn, Enter(round_, waits))
    _forget(turn)
    if not waits:
        feed(turn, Propose(is_proposer(turn)))


def _forget(turn: Turn) -> None:
    """Keep the blocks that can still be voted for, so that rounds do not pile them up."""
    if not turn.proposals and not turn.blocks:
        return
    here = turn.rounds.round
    turn.proposals = {r: proposal for r, proposal in turn.proposals.items() if r >= here}
    needed = {proposal.block_id for proposal in turn.proposals.values()}
    if turn.rounds.lock is not None:
        needed.add(turn.rounds.lock.block_id)
    if turn.rounds.valid_block_id is not None:
        needed.add(turn.rounds.valid_block_id)
    for pair in turn.votes.rounds.values():
        needed |= {m for m in (pair.prevotes.majority, pair.precommits.majority) if m}
    turn.blocks = {key: known for key, known in turn.blocks.items() if key in needed}


# --- effects ----------------------------------------------------------------------------


def is_proposer(turn: Turn) -> bool:
    """Return whether it is this node's turn in the present round."""
    own = turn.context.own_address
    return own is not None and proposer(turn.round_validators).address == own


def _sign_vote(turn: Turn, type_: VoteType, block_id: BlockId) -> None:
    context, rounds = turn.context, turn.rounds
    if context.own_index is None or context.own_address is None:
        return
    earliest = TimestampNs(0)
    about = [block_id] if rounds.lock is None else [block_id, rounds.lock.block_id]
    for candidate in about:
        known = turn.blocks.get(candidate)
        if known is not None:
            earliest = TimestampNs(max(earliest, known.block.header.time + BLOCK_TIME_IOTA_NS))
    vote = Vote(
        type_,
        context.height,
        rounds.round,
        block_id,
        earliest,
        context.own_address,
        context.own_index,
    )
    turn.syncs = True
    turn.effects.append(SignVote(vote))


def sign_proposal(turn: Turn, block_id: BlockId, pol_round: Round) -> None:
    """Ask for the signature of this node's proposal of a block."""
    proposal = Proposal(turn.context.height, turn.rounds.round, pol_round, block_id, TimestampNs(0))
    turn.syncs = True
    turn.effects.append(SignProposal(proposal))


def _schedule(turn: Turn, step_: Step) -> None:
    duration: DurationNs = turn.context.timeouts.duration(step_, turn.rounds.round)
    if step_ is Step.NEW_ROUND and not duration:
        return
    turn.effects.append(ScheduleTimeout(turn.context.height, turn.rounds.round, step_, duration))


def _announce_block(turn: Turn, round_: Round, block_id: BlockId, *, is_commit: bool) -> None:
    height = turn.context.height
    turn.effects.append(AnnounceValidBlock(height, round_, block_id, is_commit))


def _fetch(turn: Turn, round_: Round, block_id: BlockId) -> None:
    if turn.fetching == block_id:
        return
    turn.fetching = block_id
    turn.effects.append(FetchBlock(turn.context.height, round_, block_id))
