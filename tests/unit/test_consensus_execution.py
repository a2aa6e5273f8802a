"""Blocks after blocks: what the state becomes, what a block must be, what evidence needs."""

from dataclasses import dataclass, replace

import pytest

from chainkit.formats.tendermint.block_codec import block_id_of, hash_of_evidence
from chainkit.formats.tendermint.errors import (
    InvalidBlock,
    InvalidCommit,
    InvalidConsensusParams,
    InvalidEvidence,
    InvalidValidatorSet,
    TendermintRuleBroken,
)
from chainkit.formats.tendermint.evidence import new_duplicate_vote_evidence
from chainkit.formats.tendermint.types import (
    BlockIdFlag,
    ConsensusParams,
    SignedHeader,
    Vote,
    VoteType,
)
from chainkit.formats.tendermint.validator_set import total_voting_power
from chainkit.runtime.module import ValidatorUpdate
from relay_chain.consensus import evidence_pool as pools
from relay_chain.consensus.execution import (
    EMPTY_COMMIT,
    is_valid_block,
    last_votes,
    make_block,
    max_tx_bytes,
    misbehaviour,
    validate_block,
)
from relay_chain.consensus.state import (
    genesis_state,
    next_state,
    state_after_init_chain,
    validate_params,
)
from tests import signers
from tests.signers import GENESIS_TIME, SECOND

CHAIN = "hub-1"
KEYS = signers.signers(4, "x")
NEW = signers.Signer("newcomer")


@dataclass(frozen=True)
class Outcome:
    app_hash: bytes = bytes(32)
    tx_results: tuple = ()
    validator_updates: tuple = ()
    consensus_param_updates: ConsensusParams | None = None


def _genesis(**changes):
    state = genesis_state(
        chain_id=CHAIN,
        genesis_time=GENESIS_TIME,
        validators=[key.validator(10) for key in KEYS],
        **changes,
    )
    return state_after_init_chain(state, app_hash=bytes(32))


class Chain:
    """A chain of blocks that all validators sign, a second apart."""

    def __init__(self, **changes):
        self.state = _genesis(**changes)
        self.blocks = {}
        self.sets = {}
        self.last_commit = EMPTY_COMMIT
        self.keys = [*KEYS, NEW]

    def propose(self, txs=(), evidence=()):
        height = max(self.state.last_block_height + 1, self.state.initial_height)
        return make_block(
            self.state,
            height,
            txs,
            self.last_commit,
            evidence,
            self.state.validators.validators[0].address,
        )

    def commit(self, block, outcome=None):
        validate_block(self.state, block)
        block_id = block_id_of(block)
        height = block.header.height
        validators = self.state.validators
        addresses = {v.address for v in validators.validators}
        keys = [key for key in self.keys if key.address in addresses]
        time = block.header.time + SECOND
        commit = signers.commit_of(CHAIN, validators, keys, block_id, height, time=time)
        self.blocks[height] = SignedHeader(block.header, commit)
        self.sets[height] = validators
        self.last_commit = commit
        self.state = next_state(self.state, block_id, block.header, outcome or Outcome())

    def run(self, count):
        for _ in range(count):
            self.commit(self.propose())
        return self

    def signed_header(self, height):
        return self.blocks.get(height)

    def validators(self, height):
        return self.sets.get(height)

    def latest_height(self):
        return self.state.last_block_height


def test_blocks_follow_blocks():
    """Blocks that the state makes are those that it accepts; time is the commit's median."""
    chain = Chain().run(3)

    assert chain.state.last_block_height == 3
    assert chain.state.last_block_time == GENESIS_TIME + 2 * SECOND
    assert chain.blocks[1].header.time == GENESIS_TIME


def test_the_first_block_may_have_any_height():
    """A chain that starts at height 7 has its first block there, without a last commit."""
    chain = Chain(initial_height=7).run(2)

    assert sorted(chain.blocks) == [7, 8]


def test_updates_of_validators_act_two_heights_later():
    """A validator that block 2 adds signs block 4, not block 3."""
    chain = Chain().run(1)
    update = ValidatorUpdate(NEW.public_key, 5)
    chain.commit(chain.propose(), Outcome(validator_updates=(update,)))
    chain.run(3)

    signs = {height: len(chain.sets[height].validators) for height in chain.sets}
    assert signs == {1: 4, 2: 4, 3: 4, 4: 5, 5: 5}
    assert chain.state.last_height_validators_changed == 4


def test_parameters_act_at_the_next_height():
    """New parameters of block 1 are those that block 2 is made with."""
    chain = Chain()
    params = replace(
        ConsensusParams(), block_max_bytes=100_000, evidence_max_bytes=1_000, app_version=3
    )
    chain.commit(chain.propose(), Outcome(consensus_param_updates=params))

    assert chain.propose().header.version_app == 3
    assert chain.state.last_height_params_changed == 2
    chain.run(1)


ALTERED = {
    "version_block": 10,
    "version_app": 1,
    "chain_id": "other",
    "height": 3,
    "time": GENESIS_TIME + 5 * SECOND,
    "last_block_id": signers.block_id_of("other"),
    "last_commit_hash": bytes(32),
    "data_hash": bytes(32),
    "validators_hash": bytes(32),
    "next_validators_hash": bytes(32),
    "consensus_hash": bytes(32),
    "app_hash": b"\1" * 32,
    "last_results_hash": bytes(32),
    "evidence_hash": bytes(32),
    "proposer_address": NEW.address,
}


@pytest.mark.parametrize("field", ALTERED)
def test_every_field_of_a_header_is_checked(field):
    """A block with any one field of its header altered does not follow."""
    chain = Chain().run(1)
    block = chain.propose()
    altered = replace(block, header=replace(block.header, **{field: ALTERED[field]}))

    assert is_valid_block(chain.state, block)
    with pytest.raises(InvalidBlock):
        validate_block(chain.state, altered)


def _propose_with(chain, commit):
    state = chain.state
    return make_block(state, state.last_block_height + 1, (), commit, (), KEYS[0].address)


def test_a_last_commit_of_too_few():
    """Half of the power does not prove the block before."""
    chain = Chain().run(1)
    validators = chain.sets[1]
    few = signers.commit_of(
        CHAIN, validators, KEYS[:2], chain.state.last_block_id, 1, time=GENESIS_TIME + SECOND
    )
    with pytest.raises(InvalidCommit, match="insufficient"):
        validate_block(chain.state, _propose_with(chain, few))


def test_a_commit_that_was_verified_is_not_verified_again():
    """The very commit that block sync verified is taken; any other is verified as ever."""
    chain = Chain().run(1)
    forged = replace(
        chain.last_commit,
        signatures=tuple(replace(s, signature=bytes(64)) for s in chain.last_commit.signatures),
    )
    block = _propose_with(chain, forged)
    validate_block(chain.state, block, forged)
    for verified in (None, chain.last_commit):
        with pytest.raises(InvalidCommit, match="wrong signature"):
            validate_block(chain.state, block, verified)


def test_an_initial_block_with_a_commit():
    """The first block has no last commit."""
    chain = Chain()
    commit = signers.commit_of(CHAIN, chain.state.validators, KEYS, signers.block_id_of("x"), 0)
    block = make_block(chain.state, 1, (), commit, (), KEYS[0].address)
    with pytest.raises(InvalidBlock, match="initial block"):
        validate_block(chain.state, block)


def test_time_must_advance():
    """A median that does not advance is no block time."""
    chain = Chain().run(1)
    stale = signers.commit_of(
        CHAIN, chain.sets[1], KEYS, chain.state.last_block_id, 1, time=GENESIS_TIME
    )
    with pytest.raises(InvalidBlock, match="not greater"):
        validate_block(chain.state, _propose_with(chain, stale))


def test_what_the_application_is_told():
    """It learns who signed the last block, by the set that signed it."""
    chain = Chain().run(1)
    commit = signers.commit_of(
        CHAIN, chain.sets[1], KEYS[1:], chain.state.last_block_id, 1, time=GENESIS_TIME + SECOND
    )
    votes = last_votes(chain.state, _propose_with(chain, commit))

    absent = [vote.validator_address for vote in votes if vote.flag is BlockIdFlag.ABSENT]
    assert absent == [KEYS[0].address]
    assert last_votes(_genesis(), Chain().propose()) == ()


def test_room_for_transactions():
    """Overhead, commit and evidence are taken off; too small a block has room for nothing."""
    state = Chain().state

    assert max_tx_bytes(state, ()) == 4_194_304 - 11 - 626 - 94 - 4 * 111


@pytest.mark.parametrize(
    "change",
    [
        {"block_max_bytes": 0},
        {"block_max_bytes": -2},
        {"block_max_bytes": 2**31},
        {"block_max_gas": -2},
        {"evidence_max_age_blocks": 0},
        {"evidence_max_age_duration_ns": 0},
        {"evidence_max_bytes": 2**30},
        {"evidence_max_bytes": -1},
        {"public_key_types": ()},
        {"vote_extensions_enable_height": -1},
    ],
)
def test_parameters_out_of_bounds(change):
    """Parameters that CometBFT refuses are refused."""
    validate_params(ConsensusParams(block_max_bytes=-1))
    with pytest.raises(InvalidConsensusParams):
        validate_params(replace(ConsensusParams(), **change))


def test_vote_extensions_begin_in_the_future_only():
    """An enable height that is past is refused (ASA-2024-001)."""
    chain = Chain().run(2)
    params = replace(ConsensusParams(), vote_extensions_enable_height=3)
    with pytest.raises(InvalidConsensusParams):
        chain.commit(chain.propose(), Outcome(consensus_param_updates=params))


def test_an_impossible_update_is_refused():
    """Removing a stranger is our defect, found on every node alike."""
    chain = Chain()
    with pytest.raises(InvalidValidatorSet):
        chain.commit(
            chain.propose(), Outcome(validator_updates=(ValidatorUpdate(NEW.public_key, 0),))
        )


def test_genesis_without_validators():
    """Someone must be able to make the first block."""
    state = genesis_state(chain_id=CHAIN, genesis_time=GENESIS_TIME, validators=())
    with pytest.raises(InvalidBlock):
        state_after_init_chain(state, app_hash=b"")
    update = ValidatorUpdate(KEYS[0].public_key, 1)
    chosen = state_after_init_chain(state, app_hash=b"", validator_updates=(update,))

    assert total_voting_power(chosen.next_validators) == 1


# --- evidence ---------------------------------------------------------------------------


def _equivocation(chain, height, key=KEYS[0], **changes):
    def vote(name):
        unsigned = Vote(
            VoteType.PRECOMMIT, height, 0, signers.block_id_of(name), GENESIS_TIME, key.address, 0
        )
        return key.sign_vote(unsigned, CHAIN)

    header = chain.blocks[height].header
    evidence = new_duplicate_vote_evidence(
        vote("one"), vote("two"), header.time, chain.sets[height]
    )
    return replace(evidence, **changes)


class TestEvidencePool:
    def test_from_a_peer_into_a_block(self):
        """Evidence waits, goes into one block, and is told to the application once."""
        chain = Chain().run(3)
        evidence = _equivocation(chain, 2)
        pool = pools.add_evidence(pools.EvidencePool(), evidence, chain.state, chain)
        pending = pools.pending_evidence(pool, 10_000)
        block = chain.propose(evidence=pending)
        pool = pools.check_block_evidence(pool, block.evidence, chain.state, chain)
        chain.commit(block)
        pool = pools.update(pool, block.evidence, chain.state, chain)

        assert pending == (evidence,)
        assert pool.pending == ()
        assert [m.validator_address for m in misbehaviour(block.evidence)] == [KEYS[0].address]
        assert pools.add_evidence(pool, evidence, chain.state, chain) == pool
        with pytest.raises(InvalidEvidence, match="already committed"):
            pools.check_block_evidence(pool, block.evidence, chain.state, chain)

    def test_from_our_own_votes(self):
        """Conflicting votes become evidence when their height's block is there."""
        chain = Chain().run(2)
        evidence = _equivocation(chain, 2)
        later = replace(evidence.vote_a, height=9)
        pool = pools.report_conflicting_votes(
            pools.EvidencePool(), evidence.vote_b, evidence.vote_a
        )
        pool = pools.report_conflicting_votes(pool, later, later)
        pool = pools.update(pool, (), chain.state, chain)

        assert pool.pending == (evidence,)
        assert pool.conflicting_votes == ((later, later),)

    @pytest.mark.parametrize(
        "change",
        [{"timestamp": GENESIS_TIME + 1}, {"validator_power": 9}, {"total_voting_power": 41}],
    )
    def test_facts_that_are_not_the_chains(self, change):
        """A time or power that the chain did not have is refused."""
        chain = Chain().run(3)
        with pytest.raises(InvalidEvidence):
            pools.add_evidence(
                pools.EvidencePool(), _equivocation(chain, 2, **change), chain.state, chain
            )

    def test_of_a_height_that_is_not_kept(self):
        """Evidence of an unknown height is refused."""
        chain = Chain().run(3)
        evidence = _equivocation(chain, 2)
        del chain.blocks[2]
        with pytest.raises(InvalidEvidence, match="don't have header"):
            pools.add_evidence(pools.EvidencePool(), evidence, chain.state, chain)

    def test_twice_in_one_block(self):
        """One offence is punished once a block."""
        chain = Chain().run(3)
        evidence = _equivocation(chain, 2)
        with pytest.raises(InvalidEvidence, match="duplicate"):
            pools.check_block_evidence(
                pools.EvidencePool(), (evidence, evidence), chain.state, chain
            )

    def test_old_evidence_goes(self):
        """Evidence that is old in blocks and time is refused, and forgotten."""
        params = ConsensusParams(evidence_max_age_blocks=2, evidence_max_age_duration_ns=SECOND)
        chain = Chain(consensus_params=params).run(2)
        evidence = _equivocation(chain, 1)
        pool = pools.add_evidence(pools.EvidencePool(), evidence, chain.state, chain)
        taken = pools.remember_committed(pool, (evidence,))
        chain.run(2)

        assert pools.update(pool, (), chain.state, chain).pending == ()
        assert pools.update(taken, (), chain.state, chain).committed == {}
        with pytest.raises(InvalidEvidence, match="too old"):
            pools.add_evidence(pools.EvidencePool(), evidence, chain.state, chain)

    def test_only_as_much_as_fits(self):
        """A block takes the oldest evidence that fits."""
        chain = Chain().run(3)
        pool = pools.EvidencePool()
        for height in (3, 2, 1):
            pool = pools.add_evidence(pool, _equivocation(chain, height), chain.state, chain)
        one = pools.pending_evidence(pool, 400)

        assert [piece.vote_a.height for piece in one] == [1]
        assert pools.pending_evidence(pool, 0) == ()
        assert len({hash_of_evidence(piece) for piece in pool.pending}) == 3

    def test_the_pool_is_bounded(self, monkeypatch):
        """A full pool drops what comes, and says nothing false."""
        monkeypatch.setattr(pools, "MAX_PENDING", 1)
        monkeypatch.setattr(pools, "MAX_CONFLICTING_VOTES", 1)
        chain = Chain().run(3)
        pool = pools.EvidencePool()
        for height in (2, 3):
            evidence = _equivocation(chain, height)
            pool = pools.add_evidence(pool, evidence, chain.state, chain)
            pool = pools.report_conflicting_votes(pool, evidence.vote_a, evidence.vote_b)

        assert len(pool.pending) == len(pool.conflicting_votes) == 1

    def test_too_much_evidence_in_a_block(self):
        """Evidence over the limit makes a block invalid."""
        params = ConsensusParams(evidence_max_bytes=100)
        chain = Chain(consensus_params=params).run(2)
        block = chain.propose(evidence=(_equivocation(chain, 1),))
        with pytest.raises(TendermintRuleBroken, match="too much evidence"):
            validate_block(chain.state, block)
