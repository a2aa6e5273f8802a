"""A validator of four dies at every write, with torn and lost writes, and comes back."""

import pytest
import structlog

from tests.crashing import Cluster

HEIGHTS = 5
"""Enough for every validator to have proposed."""
SHARDS = 4
KINDS = {
    "privval.propose.saved", "privval.prevote.saved", "privval.precommit.saved",
    "privval.propose.written", "wal.own_proposal.before_sync", "wal.own_prevote.before_sync",
    "wal.own_precommit.before_sync", "block_store.saved", "wal.end_height.synced",
    "state_store.result_saved", "application.committed", "state_store.saved",
}  # fmt: skip


@pytest.fixture(autouse=True)
def quiet():
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.reset_defaults()


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Makes four validators in a folder of their own."""

    def make(name):
        (tmp_path / name).mkdir()
        return Cluster(tmp_path / name, monkeypatch)

    return make


def points_of_a_run(cluster):
    """Which write points a validator reaches that nothing kills."""
    made = cluster("whole")
    made.boot_all()
    made.reach_height(HEIGHTS)
    made.judge()
    assert set(made.nodes[0].points) >= KINDS
    return made.nodes[0].points


def until_it_dies(made, crash_at):
    victim, *others = made.nodes
    for node in others:
        node.boot()
    victim.boot(crash_at)
    made.run(lambda: victim.shell is None)
    return victim


def goes_on(made, stored, where):
    """Fail unless all go on as one, with what the victim had, and with its votes."""
    victim = made.nodes[0]
    height = max(node.height for node in made.nodes)
    made.reach_height(height + 2)
    made.judge()
    assert stored.items() <= victim.hashes().items(), where
    assert any(vote.height > height for vote in victim.votes()), where


def remembers(victim, where):
    """Fail unless it knows itself what it told peers of the height that it is at."""
    for vote in victim.votes():
        if vote.height == victim.shell.machine.height:
            known = victim.shell.votes(vote.round, vote.type)
            assert known is not None, where
            assert known.vote(vote.validator_index) == vote, where


@pytest.mark.parametrize("shard", range(SHARDS))
def test_kill_at_every_write_point(cluster, shard):
    """
    Nobody signs two things at one place, no stored block is lost, all have one chain and one
    state, what the dead one had said it still knows, and it votes again.
    """
    points = points_of_a_run(cluster)
    for index in range(shard, len(points), SHARDS):
        where = f"point {index}: {points[index]}"
        made = cluster(str(index))
        victim = until_it_dies(made, index)
        stored = victim.hashes()
        victim.boot()
        remembers(victim, where)
        goes_on(made, stored, where)


def test_kill_again_while_it_comes_back(cluster):
    """
    A crash during the recovery from a crash is one more crash.
    """
    points = points_of_a_run(cluster)
    for index in range(3, len(points), 17):
        for again in range(0, 12, 2):
            where = f"point {index}: {points[index]}, then {again}"
            made = cluster(f"{index}-{again}")
            victim = until_it_dies(made, index)
            stored = victim.hashes()
            victim.boot(again)
            made.run(lambda: victim.shell is None)  # noqa: B023 - run before the next
            stored |= victim.hashes()
            victim.boot()
            remembers(victim, where)
            goes_on(made, stored, where)


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_a_disk_that_lied_about_the_log_makes_nobody_sign_twice(cluster, lost):
    """
    The last entries of the log are gone though they were synced: the key's own state refuses
    to contradict them, and the next height finds the validator voting again.
    """
    points = points_of_a_run(cluster)
    after_proposing = [n for n, name in enumerate(points) if name.startswith("wal.own_proposal")]
    assert after_proposing
    for index in sorted({*after_proposing, *range(20 + lost, len(points), 10)}):
        made = cluster(str(index))
        victim = until_it_dies(made, index)
        stored = victim.hashes()
        victim.lose_syncs(lost)
        victim.boot()
        goes_on(made, stored, f"point {index}: {points[index]}")


def test_a_validator_that_lost_what_it_signed_says_no_more_at_that_height(cluster):
    """
    Its lock may be among what is lost: it follows without a vote, also after it died there once
    more, and votes again at the next height.
    """
    points = points_of_a_run(cluster)
    votes = ("privval.prevote.saved", "privval.precommit.saved")
    signed = [n for n, name in enumerate(points) if name in votes]
    total = set()
    for index in signed[::3]:
        where = f"point {index}: {points[index]}"
        made = cluster(str(index))
        victim = until_it_dies(made, index)
        stored = victim.hashes()
        victim.lose_syncs(1_000)
        victim.boot()
        height = victim.shell.machine.height
        said = said_at(made, victim, height)
        victim.die()
        victim.boot()
        goes_on(made, stored, where)

        assert said_at(made, victim, height) == said, where
        total |= said
    assert total


def said_at(made, victim, height):
    return {place for place in made.signed if place[:2] == (victim.address, height)}
