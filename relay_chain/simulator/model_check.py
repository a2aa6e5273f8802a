"""An exhaustive search for a fork: 3 correct nodes of any rules, 1 Byzantine, few rounds.

The search runs the real round machine (``step_round``) under an adversary that decides
everything else: what each node is offered (two blocks, with or without proof of lock, in
any round, as if every proposer were Byzantine), which polkas it sees and when, which
rounds it misses, and how the fourth validator votes (for everything at once). That is
more than one Byzantine node of four can do, so "no fork" holds for the real network.

Rounds are searched one after another, prevotes before precommits, which loses nothing: a
node's vote of round r depends only on votes of rounds up to r, however the network
orders them (communication-closed rounds).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, product

from chainkit.formats.tendermint.types import NIL_BLOCK_ID, BlockId
from chainkit.primitives.types import Round
from relay_chain.consensus.lock_rule import Lock, LockRule, Offer
from relay_chain.consensus.messages import NO_ROUND, Step
from relay_chain.consensus.round import (
    INITIAL,
    BlockPolka,
    CastPrecommit,
    CastPrevote,
    Enter,
    NilPolka,
    PolkaSeen,
    ProposalSeen,
    Propose,
    RoundEvent,
    RoundState,
    TimedOut,
    step_round,
)

BLOCK_A = BlockId(b"A" * 32)
BLOCK_B = BlockId(b"B" * 32)
CORRECT_FOR_QUORUM = 2
"""Of four validators three are needed, and the Byzantine one votes for everything."""

Polka = tuple[Round, BlockId]


@dataclass(frozen=True, slots=True)
class Network:
    """What matters after some rounds."""

    nodes: tuple[RoundState, ...]
    """The correct nodes between two rounds, of which only lock and valid block matter."""
    polkas: frozenset[Polka]
    decided: frozenset[BlockId]


@dataclass(frozen=True, slots=True)
class Found:
    """How far the search went, and the rounds that lead to a fork if there is one."""

    networks: int
    fork: tuple[Network, ...] | None


def search_fork(rules: Sequence[LockRule], rounds: int) -> Found:
    """Try everything; return a shortest path to two decided blocks, or none.

    Args:
        rules: Of the three correct nodes.
        rounds: How many rounds to search.
    """
    assert len(rules) == 3
    start = Network((INITIAL,) * 3, frozenset(), frozenset())
    came_from: dict[Network, Network | None] = {start: None}
    frontier = [start]
    for round_ in range(rounds):
        following: list[Network] = []
        for network in frontier:
            for after in _round(network, Round(round_), rules):
                if after in came_from:
                    continue
                came_from[after] = network
                following.append(after)
                if len(after.decided) > 1:
                    return Found(len(came_from), _path(came_from, after))
        frontier = following
    return Found(len(came_from), None)


def _path(came_from: dict[Network, Network | None], last: Network) -> tuple[Network, ...]:
    path = [last]
    while (before := came_from[path[-1]]) is not None:
        path.append(before)
    return tuple(reversed(path))


def _round(network: Network, round_: Round, rules: Sequence[LockRule]) -> Iterator[Network]:
    """Yield every network that one more round can lead to."""
    choices = [
        sorted(_prevotes(node, network.polkas, round_, rule), key=repr)
        for node, rule in zip(network.nodes, rules, strict=True)
    ]
    seen: set[tuple[tuple[RoundState, ...], BlockId | None]] = set()
    for prevoted in product(*choices):
        polka = _quorum([vote for _, vote in prevoted])
        nodes = tuple(state for state, _ in prevoted)
        if (nodes, polka) not in seen:
            seen.add((nodes, polka))
            yield from _precommit_step(network, nodes, polka, round_, rules)


def _precommit_step(
    network: Network,
    nodes: tuple[RoundState, ...],
    polka: BlockId | None,
    round_: Round,
    rules: Sequence[LockRule],
) -> Iterator[Network]:
    polkas = network.polkas if polka is None else network.polkas | {(round_, polka)}
    choices = [
        sorted(_precommits(state, polka, round_, rule), key=repr)
        for state, rule in zip(nodes, rules, strict=True)
    ]
    for precommitted in product(*choices):
        decision = _quorum([vote for _, vote in precommitted])
        decided = network.decided
        if decision is not None and decision != NIL_BLOCK_ID:
            decided |= {decision}
        yield Network(tuple(state for state, _ in precommitted), polkas, decided)


def _quorum(votes: Sequence[BlockId | None]) -> BlockId | None:
    """Return what can gather +2/3 with the Byzantine vote; of three votes, one thing."""
    for candidate in (BLOCK_A, BLOCK_B, NIL_BLOCK_ID):
        if votes.count(candidate) >= CORRECT_FOR_QUORUM:
            return candidate
    return None


def _prevotes(
    node: RoundState, polkas: frozenset[Polka], round_: Round, rule: LockRule
) -> set[tuple[RoundState, BlockId | None]]:
    """Return every way in which a node can prevote in a round, or miss it."""
    ways: set[tuple[RoundState, BlockId | None]] = {(node, None)}
    entered = _run(node, [Enter(round_, waits_for_txs=False), Propose(is_proposer=False)], rule)[0]
    for shown in _subsets(sorted(polkas, key=repr)):
        events: list[RoundEvent] = [PolkaSeen(*polka) for polka in shown]
        informed = _run(entered, events, rule)[0]
        ends: list[RoundEvent] = [TimedOut(round_, Step.PROPOSE)]
        for block_id in (BLOCK_A, BLOCK_B):
            proofs = [NO_ROUND, *(r for r, polka in shown if polka == block_id)]
            offers = (Offer(block_id, is_valid=True, pol_round=proof) for proof in proofs)
            ends.extend(ProposalSeen(round_, offer) for offer in offers)
        for end in ends:
            state, vote = _run(informed, [end], rule)
            assert vote is not None
            ways.add((state, vote))
    return ways


def _precommits(
    state: RoundState, polka: BlockId | None, round_: Round, rule: LockRule
) -> set[tuple[RoundState, BlockId | None]]:
    """Return every way in which a node can precommit after its prevote."""
    if state.step is not Step.PREVOTE:
        return {(_between_rounds(state), None)}
    endings: list[list[RoundEvent]] = [[], [TimedOut(round_, Step.PREVOTE_WAIT)]]
    if polka is not None:
        seen = PolkaSeen(round_, polka)
        if polka == NIL_BLOCK_ID:
            endings.append([seen, NilPolka(round_)])
        else:
            locks = BlockPolka(round_, polka, is_valid=True)
            late = TimedOut(round_, Step.PREVOTE_WAIT)
            endings += [[seen, locks], [seen, late], [seen, late, locks]]
    ways: set[tuple[RoundState, BlockId | None]] = set()
    for events in endings:
        after, vote = _run(state, events, rule)
        ways.add((_between_rounds(after), vote))
    return ways


def _run(
    state: RoundState, events: Sequence[RoundEvent], rule: LockRule
) -> tuple[RoundState, BlockId | None]:
    """Feed events; return the state, and the vote that was cast."""
    vote: BlockId | None = None
    for event in events:
        if isinstance(event, PolkaSeen) and not _concerns(state.lock, event):
            continue
        state, outputs = step_round(state, event, rule)
        for output in outputs:
            if isinstance(output, CastPrevote | CastPrecommit):
                assert vote is None
                vote = output.block_id
    return state, vote


def _concerns(lock: Lock | None, polka: PolkaSeen) -> bool:
    """Return whether the driver would tell a round machine about a polka (``clauses``)."""
    return lock is not None and lock.round < polka.round and polka.block_id != lock.block_id


def _between_rounds(state: RoundState) -> RoundState:
    """Forget what the next ``Enter`` resets, so that equal networks compare equal."""
    reset = replace(INITIAL, lock=state.lock)
    return replace(reset, round=state.round, step=Step.PRECOMMIT)


def _subsets(items: Sequence[Polka]) -> Iterator[tuple[Polka, ...]]:
    return chain.from_iterable(combinations(items, size) for size in range(len(items) + 1))
