"""The mempool: bounds, the cache, and what is checked again after a block."""

from dataclasses import dataclass, field

import pytest

from chainkit.primitives.limits import MAX_TX_BYTES
from relay_chain.node.config import MempoolConfig
from relay_chain.node.mempool import Mempool, MempoolFull, TxInCache, TxTooLarge, proto_size
from relay_chain.node.ports import TxResult


@dataclass
class Judge:
    """Accepts what is not in ``refused``; one unit of gas a byte."""

    refused: set[bytes] = field(default_factory=set)
    asked: list[tuple[bytes, bool]] = field(default_factory=list)

    def check_tx(self, tx: bytes, *, recheck: bool) -> TxResult:
        self.asked.append((tx, recheck))
        return TxResult(code=int(tx in self.refused), gas_wanted=len(tx))


def make(**settings: object) -> tuple[Mempool, Judge]:
    judge = Judge()
    return Mempool(MempoolConfig(**settings), judge, 1), judge


def test_a_full_mempool_refuses_and_keeps_what_it_has() -> None:
    """
    By number and by bytes: the next is refused unasked, nobody is evicted, and room is made
    by a block.
    """
    mempool, judge = make(size=2)
    mempool.add(b"one")
    mempool.add(b"two")
    with pytest.raises(MempoolFull, match="number of txs 2, total txs bytes 6"):
        mempool.add(b"three")
    assert [tx for tx, _ in judge.asked] == [b"one", b"two"]
    mempool.update(2, (b"one",), (TxResult(),))
    mempool.add(b"three")
    assert mempool.first(9) == (b"two", b"three")

    mempool, _ = make(max_txs_bytes=10)
    mempool.add(b"123456")
    with pytest.raises(MempoolFull):
        mempool.add(b"78901")
    mempool.add(b"7890")
    assert mempool.total_bytes == 10


def test_a_transaction_over_the_limit_is_refused() -> None:
    """
    At the limit it is taken; one byte more is refused before the application sees it.
    """
    mempool, judge = make()
    mempool.add(bytes(MAX_TX_BYTES))
    with pytest.raises(TxTooLarge):
        mempool.add(bytes(MAX_TX_BYTES + 1))
    assert len(judge.asked) == 1


def test_a_transaction_is_judged_once() -> None:
    """
    A second copy, waiting or committed, is refused; a refused or failed one may come again.
    """
    mempool, judge = make()
    mempool.add(b"kept")
    for _ in range(2):
        with pytest.raises(TxInCache):
            mempool.add(b"kept")
        mempool.update(2, (b"kept",), (TxResult(),))
    judge.refused = {b"bad"}
    assert mempool.add(b"bad").code == 1
    assert mempool.add(b"bad").code == 1
    mempool.add(b"failed")
    mempool.update(3, (b"failed",), (TxResult(code=5),))
    mempool.add(b"failed")

    assert [tx for tx, _ in judge.asked].count(b"kept") == 1
    assert mempool.first(9) == (b"failed",)


def test_the_cache_forgets_the_oldest() -> None:
    """
    Its size is bounded: what was committed long ago is judged by the application again.
    """
    mempool, judge = make(cache_size=2)
    for tx in (b"a", b"b", b"c"):
        mempool.add(tx)
        mempool.update(2, (tx,), (TxResult(),))
    mempool.add(b"a")
    with pytest.raises(TxInCache):
        mempool.add(b"c")
    assert [tx for tx, _ in judge.asked].count(b"a") == 2


def test_what_waits_is_checked_again_after_a_block() -> None:
    """
    One that became bad leaves, may come back later, and its bytes are counted no more.
    """
    mempool, judge = make()
    for tx in (b"good", b"stale", b"mined"):
        mempool.add(tx)
    judge.refused = {b"stale"}
    judge.asked.clear()
    mempool.update(2, (b"mined",), (TxResult(),))

    assert judge.asked == [(b"good", True), (b"stale", True)]
    assert mempool.first(9) == (b"good",)
    assert mempool.total_bytes == 4
    judge.refused = set()
    mempool.add(b"stale")
    assert mempool.first(9) == (b"good", b"stale")


def test_without_recheck_nothing_is_asked() -> None:
    """
    ``mempool.recheck = false`` leaves what waits alone.
    """
    mempool, judge = make(recheck=False)
    mempool.add(b"good")
    mempool.update(2, (), ())
    assert judge.asked == [(b"good", False)]


def test_a_block_takes_the_oldest_that_fit() -> None:
    """
    By bytes as they are encoded and by gas; -1 has no limit, and order is of arrival.
    """
    mempool, _ = make()
    for tx in (b"aaaa", b"bbbb", b"cc"):
        mempool.add(tx)
    size = proto_size(b"aaaa")

    assert mempool.reap(-1, -1) == (b"aaaa", b"bbbb", b"cc")
    assert mempool.reap(2 * size, -1) == (b"aaaa", b"bbbb")
    assert mempool.reap(2 * size - 1, -1) == (b"aaaa",)
    assert mempool.reap(-1, 9) == (b"aaaa", b"bbbb")
    assert mempool.reap(0, -1) == ()


async def test_a_peer_s_bad_transaction_is_no_fault() -> None:
    """
    Whatever a peer sends, adding it raises nothing; who sent it is noted.
    """
    mempool, judge = make(size=1)
    judge.refused = {b"bad"}
    await mempool.add_from_peer(b"bad", "peer")
    await mempool.add_from_peer(b"good", "peer")
    await mempool.add_from_peer(b"good", "other")
    await mempool.add_from_peer(b"too many", "peer")
    await mempool.add_from_peer(bytes(MAX_TX_BYTES + 1), "peer")

    entry = mempool.next_after(0)
    assert entry is not None
    assert (entry.tx, entry.senders) == (b"good", {"peer"})
    assert mempool.next_after(entry.position) is None
