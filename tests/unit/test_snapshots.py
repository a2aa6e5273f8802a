"""Snapshots: the state that comes out is the state that went in, and no hostile chunk is taken."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.multistore import MultiStore
from chainkit.commitments.snapshot import InvalidSnapshot, Restorer, export_state
from chainkit.primitives.hashing import sha256
from chainkit.wire.proto.tendermint.abci import types_pb2 as pb
from relay_chain.abci.driver import AbciDriver
from relay_chain.node import snapshots as snapshots_module
from relay_chain.node.snapshots import (
    ChunkVerdict,
    OfferVerdict,
    Snapshot,
    Snapshots,
    snapshot_hash,
)
from tests.abci_world import GENESIS, Engine, application, asked, block, payment

NAMES = ("alpha", "beta", "empty")
HEIGHT = 12


def busy_store(seed: int = 3) -> tuple[MemoryDatabase, MultiStore]:
    """Some versions of writes, overwrites and deletes."""
    dice = random.Random(seed)
    database = MemoryDatabase()
    stores = MultiStore(database, NAMES)
    for _ in range(HEIGHT):
        for name in NAMES[:2]:
            store = stores.store(name)
            for _ in range(40):
                key = bytes([dice.randrange(90)])
                if dice.random() < 0.3:
                    store.delete(key)
                else:
                    store.set(key, dice.randbytes(dice.randrange(60)))
        stores.commit()
    return database, stores


def feed_all(restorer: Restorer, stream: bytes, size: int) -> None:
    """Feed a stream in pieces, and finish."""
    for start in range(0, len(stream), size):
        restorer.feed(stream[start : start + size])
    restorer.finish({})


def restored(stream: bytes, app_hash: bytes, size: int = 7) -> MultiStore:
    """The stores of a stream that came in pieces."""
    database = MemoryDatabase()
    feed_all(Restorer(database, NAMES, HEIGHT, app_hash), stream, size)
    return MultiStore(database, NAMES)


def test_a_restored_store_is_the_store_and_stays_so() -> None:
    """Same root, same pairs, same proofs; and the same writes give the same roots ever after, with
    pruning."""
    _, stores = busy_store()
    state = stores.at(HEIGHT)
    again = restored(b"".join(export_state(state)), stores.app_hash())

    assert again.app_hash() == stores.app_hash()
    assert again.version == again.earliest_version() == HEIGHT
    for name in NAMES:
        pairs = list(state.store(name).iterate(b"", None))
        assert list(again.at(HEIGHT).store(name).iterate(b"", None)) == pairs
        for key, _ in pairs:
            assert again.prove(name, key, HEIGHT) == stores.prove(name, key, HEIGHT)
    dice = random.Random(4)
    for _ in range(HEIGHT):
        for name in NAMES:
            for _ in range(20):
                key, value = bytes([dice.randrange(90)]), dice.randbytes(9)
                for each in (stores, again):
                    if value[0] < 80:
                        each.store(name).delete(key)
                    else:
                        each.store(name).set(key, value)
        assert again.commit() == stores.commit()
        again.prune(2)


def test_every_changed_byte_of_the_stream_is_noticed() -> None:
    """Whatever byte is changed, the state is refused and nothing of it is kept."""
    _, stores = busy_store()
    stream = b"".join(export_state(stores.at(HEIGHT)))
    dice = random.Random(5)
    for at in sorted(dice.sample(range(len(stream)), 300)):
        changed = bytearray(stream)
        changed[at] ^= 1 << dice.randrange(8)
        database = MemoryDatabase()
        restorer = Restorer(database, NAMES, HEIGHT, stores.app_hash())
        with pytest.raises(InvalidSnapshot):
            feed_all(restorer, bytes(changed), 97)
        restorer.abandon()
        assert list(database.iterate(b"", None)) == []


BAD_STREAMS = [
    (b"\x00", "root of the state"),
    (b"", "ends early"),
    (b"\x00\x00", "behind the end"),
    (b"\x07", "item of kind 07"),
    (b"\x01\x05gamma\x00", "no store 'gamma'"),
    (b"\x01\x01\xff\x00", "not ASCII"),
    (b"\x01\x04beta\x01\x05alpha\x00", "order of their names"),
    (b"\x01\x04beta\x01\x04beta\x00", "order of their names"),
    (b"\x02\x01\x01k\x01v", "outside of a store"),
    (b"\x01\x04beta\x02\x01\x00\x01v", "without a key"),
    (b"\x01\x04beta\x02\x0d\x01k\x01v", "version 13"),
    (b"\x01\x04beta\x02\x00\x01k\x01v", "version 0"),
    (b"\x01\x04beta\x03\x01", "without two children"),
    (b"\x01\x04beta\x02\x01\x01k\x01v\x02\x01\x01l\x01v\x00", "more than one root"),
    (b"\x01\x04beta" + b"\x02\x01\x01k\x01v" * 129, "higher than any"),
    (b"\x01\x41" + b"a" * 65, "65 bytes where 64"),
    (b"\x01\x04beta\x02\x01\xff\xff\x7f", "bytes where 65535"),
    (b"\x01\x04beta\x02\x81\x00", "number: "),
    (b"\x01\x04beta\x02" + b"\xff" * 10, "number: "),
]


@pytest.mark.parametrize(("stream", "reason"), BAD_STREAMS)
@pytest.mark.parametrize("size", [1, 1_000])
def test_a_stream_that_is_none_is_refused_by_name(stream: bytes, reason: str, size: int) -> None:
    """In one piece or byte by byte."""
    with pytest.raises(InvalidSnapshot, match=reason):
        restored(stream, b"\x01" * 32, size)


# --- chunks -------------------------------------------------------------------------------


def chain_with_snapshot(folder: Path) -> tuple[Snapshots, Engine]:
    """An application that took a snapshot at height 2 and went on to 4."""
    app = application(MemoryDatabase())
    snapshots = Snapshots(folder, app, GENESIS, interval=2, keep_recent=2, chunk_bytes=80)
    engine = Engine(((payment(0),), (payment(1),), (payment(2),)))
    engine.run(AbciDriver(app, GENESIS, snapshots))
    while snapshots.work():
        pass
    return snapshots, engine


def fresh(folder: Path) -> tuple[Snapshots, AbciDriver]:
    """An application without a state."""
    app = application(MemoryDatabase())
    snapshots = Snapshots(folder, app, GENESIS)
    return snapshots, AbciDriver(app, GENESIS, snapshots)


def wire(snapshot: Snapshot) -> pb.Snapshot:
    """As ABCI carries it."""
    return pb.Snapshot(
        height=snapshot.height,
        format=snapshot.format,
        chunks=snapshot.chunks,
        hash=snapshot.hash,
        metadata=snapshot.metadata,
    )


def test_over_abci_a_state_is_offered_and_restored_and_goes_on(tmp_path: Path) -> None:
    """All four calls: the second application has height and hash of the first, and the next block
    gives the same app hash."""
    source, engine = chain_with_snapshot(tmp_path / "a")
    giver = AbciDriver(application(MemoryDatabase()), GENESIS, source)
    _, taker = fresh(tmp_path / "b")
    (snapshot,) = asked(giver, pb.RequestListSnapshots()).snapshots
    assert (snapshot.height, snapshot.format) == (2, 1)
    assert snapshot.chunks > 3

    offer = pb.RequestOfferSnapshot(snapshot=snapshot, app_hash=engine.hashes[1])
    assert asked(taker, offer).result == pb.ResponseOfferSnapshot.ACCEPT
    for index in range(snapshot.chunks):
        load = pb.RequestLoadSnapshotChunk(height=2, format=1, chunk=index)
        chunk = asked(giver, load).chunk
        given = pb.RequestApplySnapshotChunk(index=index, chunk=chunk, sender="peer")
        assert asked(taker, given).result == pb.ResponseApplySnapshotChunk.ACCEPT
    info = asked(taker, pb.RequestInfo())
    assert (info.last_block_height, info.last_block_app_hash) == (2, engine.hashes[1])
    assert asked(taker, pb.RequestCheckTx(tx=payment(2))).code == 0
    assert asked(taker, block(3, payment(2))).app_hash == engine.hashes[2]
    asked(taker, pb.RequestCommit())
    assert asked(giver, pb.RequestLoadSnapshotChunk(height=9, format=1, chunk=0)).chunk == b""
    assert asked(giver, pb.RequestLoadSnapshotChunk(height=2, format=2, chunk=0)).chunk == b""


def test_a_wrong_chunk_is_fetched_again_from_another_and_its_sender_named(tmp_path: Path) -> None:
    """Garbage, an oversized chunk and one of another place: RETRY with the sender; then the right
    one is taken. A chunk out of order asks for the one that is due."""
    source, engine = chain_with_snapshot(tmp_path / "a")
    (snapshot,) = source.list_snapshots()
    taker, _ = fresh(tmp_path / "b")
    assert taker.offer(snapshot, engine.hashes[1]) is OfferVerdict.ACCEPT
    right = source.load_chunk(2, 1, 0)
    for wrong in (b"", b"garbage", right + b"x", source.load_chunk(2, 1, 1), b"x" * 1_048_577):
        answer = taker.apply_chunk(0, wrong, "liar")
        assert answer.verdict is ChunkVerdict.RETRY
        assert (answer.refetch_chunks, answer.reject_senders) == ((0,), ("liar",))
    assert taker.apply_chunk(1, source.load_chunk(2, 1, 1), "p").refetch_chunks == (0,)
    for index in range(snapshot.chunks):
        chunk = source.load_chunk(2, 1, index)
        assert taker.apply_chunk(index, chunk, "honest").verdict is ChunkVerdict.ACCEPT


def test_a_snapshot_of_another_state_is_rejected_with_all_who_sent_it(tmp_path: Path) -> None:
    """Every chunk has the hash that the offer says, and the root is not the trusted one: the
    snapshot is rejected at its end, its senders named, nothing kept; an honest one then restores."""
    source, engine = chain_with_snapshot(tmp_path / "a")
    (snapshot,) = source.list_snapshots()
    taker, driver = fresh(tmp_path / "b")
    assert taker.offer(snapshot, b"\x01" * 32) is OfferVerdict.ACCEPT
    for index in range(snapshot.chunks):
        answer = taker.apply_chunk(index, source.load_chunk(2, 1, index), f"liar{index % 2}")
    assert answer.verdict is ChunkVerdict.REJECT_SNAPSHOT
    assert answer.reject_senders == ("liar0", "liar1")
    assert asked(driver, pb.RequestInfo()).last_block_height == 0
    assert taker.apply_chunk(0, source.load_chunk(2, 1, 0), "").verdict is ChunkVerdict.ABORT
    assert taker.offer(snapshot, engine.hashes[1]) is OfferVerdict.ACCEPT
    for index in range(snapshot.chunks):
        answer = taker.apply_chunk(index, source.load_chunk(2, 1, index), "honest")
    assert answer.verdict is ChunkVerdict.ACCEPT
    assert asked(driver, pb.RequestInfo()).last_block_height == 2


def test_offers_of_another_form_are_rejected(tmp_path: Path) -> None:
    """Another format, hash, count or size; none begins a restore. With a state, state sync is
    over."""
    source, engine = chain_with_snapshot(tmp_path / "a")
    (good,) = source.list_snapshots()
    taker, _ = fresh(tmp_path / "b")
    long = good.metadata[:8] + b"\x01" * 32 * 65_537
    offers = [
        (replace(good, format=2), OfferVerdict.REJECT_FORMAT),
        (replace(good, hash=b"\x01" * 32), OfferVerdict.REJECT),
        (replace(good, height=3), OfferVerdict.REJECT),
        (replace(good, chunks=good.chunks + 1), OfferVerdict.REJECT),
        (replace(good, metadata=good.metadata[:-1]), OfferVerdict.REJECT),
        (Snapshot(2, 1, 0, snapshot_hash(2, 1, good.metadata[:8]), good.metadata[:8]),
         OfferVerdict.REJECT),
        (Snapshot(2, 1, 65_537, snapshot_hash(2, 1, long), long), OfferVerdict.REJECT),
        (Snapshot(0, 1, good.chunks, snapshot_hash(0, 1, good.metadata), good.metadata),
         OfferVerdict.REJECT),
    ]  # fmt: skip
    for offer, verdict in offers:
        assert taker.offer(offer, engine.hashes[1]) is verdict
    assert taker.offer(good, b"short") is OfferVerdict.REJECT
    assert taker.apply_chunk(0, b"", "").verdict is ChunkVerdict.ABORT
    assert source.offer(good, engine.hashes[1]) is OfferVerdict.ABORT


def test_old_snapshots_go_and_unfinished_ones_are_forgotten(tmp_path: Path) -> None:
    """The newest are kept, as many as wanted; what a killed process left is removed at the next
    start."""
    app = application(MemoryDatabase())
    snapshots = Snapshots(tmp_path, app, GENESIS, interval=1, keep_recent=2, chunk_bytes=80)
    driver, engine = AbciDriver(app, GENESIS), Engine([])
    for height in range(1, 5):
        engine.planned = [()] * height
        engine.run(driver)
        snapshots.committed(height)
        while height < 4 and snapshots.work():
            pass
    snapshots.work()
    assert [each.height for each in snapshots.list_snapshots()] == [3, 2]
    assert (tmp_path / "4.new").exists()
    again = Snapshots(tmp_path, app, GENESIS)
    assert not (tmp_path / "4.new").exists()
    assert [each.height for each in again.list_snapshots()] == [3, 2]


def test_a_snapshot_of_a_state_that_was_pruned_is_given_up(tmp_path: Path) -> None:
    """The chain was faster than the snapshot: it is not offered, and the next one is taken."""
    app = application(MemoryDatabase(), keep=1)
    snapshots = Snapshots(tmp_path, app, GENESIS, interval=1, chunk_bytes=80)
    driver, engine = AbciDriver(app, GENESIS), Engine([()])
    engine.run(driver)
    snapshots.committed(1)
    engine.planned = [()] * 2
    engine.run(driver)
    assert not snapshots.work()
    assert snapshots.list_snapshots() == ()
    snapshots.committed(2)
    while snapshots.work():
        pass
    assert [each.height for each in snapshots.list_snapshots()] == [2]


def test_a_state_of_too_many_chunks_is_not_offered(tmp_path: Path, monkeypatch) -> None:
    """It is given up, and the chain goes on."""
    monkeypatch.setattr(snapshots_module, "MAX_SNAPSHOT_CHUNKS", 2)
    snapshots, _ = chain_with_snapshot(tmp_path)
    assert snapshots.list_snapshots() == ()


def test_the_hash_of_a_snapshot_is_over_all_that_it_says() -> None:
    """Height, format and metadata."""
    assert snapshot_hash(2, 1, b"m") == sha256(b"\0" * 7 + b"\x02" + b"\0\0\0\x01" + b"m")
