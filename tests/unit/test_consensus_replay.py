"""A replayed log, and the key that may know more than the log does."""

from dataclasses import replace

from chainkit.formats.tendermint.types import NIL_BLOCK_ID, VoteType
from chainkit.formats.tendermint.validator_set import new_validator, new_validator_set
from chainkit.primitives.types import VotingPower
from relay_chain.consensus.machine import new_machine
from relay_chain.consensus.messages import (
    SELF,
    AppendToWal,
    SignVote,
    Step,
    Timeouts,
    VoteReceived,
    WalEntry,
)
from relay_chain.consensus.replay import has_forgotten, is_behind_key, restart
from tests.unit.consensus_worlds import (
    BLOCK_A,
    ELECTORATE,
    OTHERS,
    PROPOSER,
    START,
    A,
    fired,
    machine,
    precommit,
    prevote,
    proposal,
    received,
)

ME, SECOND = OTHERS[0], OTHERS[1]


def lived() -> tuple[list[WalEntry], list[tuple[int, tuple[int, int, int]]]]:
    """Return a validator's log over two rounds, and the key's position by length of the log."""
    made = machine(ME)
    signed: list[tuple[int, tuple[int, int, int]]] = []
    history = [
        proposal(A), received(A, BLOCK_A), prevote(PROPOSER, A), prevote(SECOND, A),
        precommit(PROPOSER, NIL_BLOCK_ID), precommit(SECOND, NIL_BLOCK_ID),
        fired(Step.PRECOMMIT_WAIT), fired(Step.PROPOSE, 1),
    ]  # fmt: skip
    while history:
        effects = made.feed(history.pop(0))
        for effect in effects:
            if isinstance(effect, SignVote):
                logged = len(made.of(AppendToWal))
                vote = effect.vote
                signed.append((logged, (vote.height, vote.round, int(vote.type))))
                history.insert(0, VoteReceived(replace(vote, signature=b"own"), SELF))
    return [effect.entry for effect in made.of(AppendToWal)], signed


def test_a_log_that_lost_what_was_signed_is_behind_the_key() -> None:
    """
    Every prefix of the log is enough for what was signed by then, and too little for more.
    """
    log, signed = lived()

    assert [position for _, position in signed] == [
        (1, 0, VoteType.PREVOTE),
        (1, 0, VoteType.PRECOMMIT),
        (1, 1, VoteType.PREVOTE),
    ]
    for length in range(len(log) + 1):
        state, _ = restart(new_machine(ELECTORATE.addresses[ME], Timeouts()), START, log[:length])
        for logged, position in signed:
            assert is_behind_key(state, position) == (length < logged), (length, position)


def test_another_height_is_behind_only_where_it_is_lower() -> None:
    """
    A key that signed a later height has seen more than the stores; an earlier one nothing new.
    """
    state, _ = restart(new_machine(ELECTORATE.addresses[ME], Timeouts()), START, ())

    assert is_behind_key(state, (2, 0, 0))
    assert is_behind_key(state, (1, 0, 0))
    assert not is_behind_key(state, (0, 0, 0))
    assert not is_behind_key(state, (0, 5, VoteType.PRECOMMIT))


def test_a_validator_that_is_a_quorum_by_itself_goes_on() -> None:
    """
    Nobody could decide without it; one of four withholds its vote.
    """
    alone = new_validator_set([new_validator(b"\x01" * 32, VotingPower(10))])
    start = replace(START, validators=alone)
    one, _ = restart(new_machine(alone.validators[0].address, Timeouts()), start, ())
    of_four, _ = restart(new_machine(ELECTORATE.addresses[ME], Timeouts()), START, ())

    assert is_behind_key(one, (1, 0, VoteType.PREVOTE))
    assert not has_forgotten(one, (1, 0, VoteType.PREVOTE))
    assert has_forgotten(of_four, (1, 0, VoteType.PREVOTE))
