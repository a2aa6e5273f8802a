"""The multistore against a dictionary a version, through reopening and pruning."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.ics23 import (
    IAVL_SPEC,
    TENDERMINT_SPEC,
    verify_chained_membership,
    verify_chained_non_membership,
)
from chainkit.commitments.multistore import MultiStore

SPECS = (IAVL_SPEC, TENDERMINT_SPEC)
KEYS = st.binary(min_size=1, max_size=2)
WRITES = st.lists(st.tuples(KEYS, st.none() | st.binary(min_size=1, max_size=3)), max_size=25)
BLOCKS = st.lists(st.tuples(WRITES, st.booleans(), st.integers(1, 4)), min_size=1, max_size=8)


@settings(max_examples=40)
@given(BLOCKS, KEYS)
def test_every_kept_version_reads_and_proves_as_the_model(blocks, stranger):
    """Reads, ranges, presence and absence of each kept version are those of its dictionary."""
    database = MemoryDatabase()
    stores = MultiStore(database, ["ibc", "bank"])
    model, history, kept_from = {}, {}, 1
    for writes, reopen, keep in blocks:
        store = stores.store("ibc")
        for key, value in writes:
            if value is None:
                store.delete(key)
                model.pop(key, None)
            else:
                store.set(key, value)
                model[key] = value
        expected = stores.working_hash()
        commit = stores.commit()
        history[commit.version] = dict(model)
        assert commit.hash == expected == stores.app_hash()
        if reopen:
            stores = MultiStore(database, ["ibc", "bank"])
            assert (stores.version, stores.app_hash()) == (commit.version, commit.hash)
        stores.prune(keep)
        kept_from = max(kept_from, stores.version - keep + 1)
        assert stores.earliest_version() == kept_from
    for version in range(kept_from, stores.version + 1):
        state, then = stores.at(version), history[version]
        ordered = sorted(then.items())
        assert list(state.store("ibc").iterate(b"", None)) == ordered
        inside = [pair for pair in ordered if b"\x40" <= pair[0] < b"\xc0"]
        assert list(state.store("ibc").iterate(b"\x40", b"\xc0", reverse=True)) == inside[::-1]
        for key in [stranger, *list(then)[:6]] if then else []:
            proofs, path = tuple(state.prove("ibc", key)), (b"ibc", key)
            if key in then:
                verify_chained_membership(SPECS, proofs, state.hash, path, then[key])
            else:
                verify_chained_non_membership(SPECS, proofs, state.hash, path)
    stores.prune(1)
    nodes = sum(1 for _ in database.iterate(b"s/k:ibc/n", b"s/k:ibc/o"))
    assert nodes == max(0, 2 * len(model) - 1)


@given(WRITES, WRITES)
def test_rollback_leaves_no_trace(first, second):
    """Writes that are rolled back change neither the state nor the next root."""
    stores, twin = (MultiStore(MemoryDatabase(), ["ibc"]) for _ in range(2))
    for each in (stores, twin):
        for key, value in first:
            each.store("ibc").set(key, value or b"-")
        each.commit()
    for key, value in second:
        if value is None:
            stores.store("ibc").delete(key)
        else:
            stores.store("ibc").set(key, value)
    stores.working_hash()
    stores.rollback()

    assert stores.working_hash() == twin.working_hash()
    assert stores.commit() == twin.commit()
