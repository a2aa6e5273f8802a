"""A transaction is followed to its end, over restarts, before another is made."""

import asyncio

import pytest

from parachains.sdk.relaying import SignedTx, TxOutcome, TxRefused
from relayer.limits import TX_LIFETIME_BLOCKS
from relayer.ports import Submission
from relayer.submitter import LOST, Submitter, TxFateUnknown
from tests.relaying import MemoryJournal, two_chains


def start():
    clock, chain, _ = two_chains()
    journal = MemoryJournal()
    return clock, chain, journal, Submitter(chain, journal, clock)


def left_over(chain, journal):
    """What a relayer that died between its journal and the node leaves."""
    tx = asyncio.run(chain.sign(()))
    journal.submitted(
        Submission(chain.chain_id, tx.tx_hash, chain.height, "", tx.data, tx.account_sequence)
    )
    return tx.tx_hash


async def swallow(tx: SignedTx) -> None:
    """A node that takes a transaction and loses it."""


def test_an_earlier_run_s_transaction_is_handed_over_again() -> None:
    """
    The node never had it, perhaps: the same bytes end in a block once, and nothing else is
    signed before.
    """
    _, chain, journal, submitter = start()
    name = left_over(chain, journal)

    assert not asyncio.run(submitter.settle())
    assert chain.state.sequence == 1
    assert asyncio.run(submitter.settle())
    assert journal.rows[name][1] == 0
    assert asyncio.run(submitter.submit((), "")).code == 0
    assert chain.state.sequence == 2


def test_an_earlier_run_s_transaction_that_is_refused_now_has_ended() -> None:
    """
    What the node refuses for good is no reason to wait: the work is planned anew.
    """
    _, chain, journal, submitter = start()
    name = left_over(chain, journal)

    async def refuse(tx: SignedTx) -> None:
        raise TxRefused(code=11, codespace="sdk", log="out of gas")

    chain.broadcast = refuse
    assert asyncio.run(submitter.settle())
    assert journal.rows[name][1] == 11


def test_an_earlier_run_s_transaction_whose_sequence_is_taken_is_looked_for() -> None:
    """
    A block took its place, perhaps with itself: only a later look, or its age, ends it.
    """
    _, chain, journal, submitter = start()
    name = left_over(chain, journal)
    chain.state.sequence += 1

    assert not asyncio.run(submitter.settle())
    chain.outcomes[name] = TxOutcome(name, 3, 0, "", "")
    assert asyncio.run(submitter.settle())


def test_an_earlier_run_s_transaction_is_awaited_first() -> None:
    """
    It is in a mempool, perhaps: nothing is signed until a block holds it or it is too old.
    """
    _, chain, journal, submitter = start()
    name = left_over(chain, journal)
    took, chain.broadcast = chain.broadcast, swallow

    with pytest.raises(TxFateUnknown):
        asyncio.run(submitter.submit((), ""))
    assert not chain.transactions
    chain.outcomes[name], chain.broadcast = TxOutcome(name, 3, 0, "", ""), took
    assert asyncio.run(submitter.settle())
    assert asyncio.run(submitter.submit((), "")).code == 0


def test_a_transaction_that_no_block_holds_is_given_up_after_its_life() -> None:
    """
    The journal says so, and the work is planned anew.
    """
    _, chain, journal, submitter = start()
    name = left_over(chain, journal)
    chain.broadcast = swallow
    for _ in range(TX_LIFETIME_BLOCKS):
        chain.tick()
    assert not asyncio.run(submitter.settle())
    chain.tick()

    assert asyncio.run(submitter.settle())
    assert journal.rows[name][1] == LOST


def test_a_transaction_that_hangs_is_left_to_the_journal() -> None:
    """
    The wait ends, its name stays: it is looked for before anything else is sent.
    """
    _, chain, journal, submitter = start()
    chain.broadcast = swallow
    with pytest.raises(TxFateUnknown):
        asyncio.run(submitter.submit((), "hangs"))

    assert len(journal.unsettled(chain.chain_id)) == 1
    with pytest.raises(TxFateUnknown):
        asyncio.run(submitter.submit((), "next"))


def test_two_paths_share_an_account_without_a_clash() -> None:
    """
    Sequences are taken one after the other, though both submit at once.
    """
    _, chain, _, submitter = start()

    async def both():
        return await asyncio.gather(*(submitter.submit((), str(n)) for n in range(5)))

    outcomes = asyncio.run(both())
    assert [outcome.code for outcome in outcomes] == [0] * 5
    assert chain.state.sequence == 5
    assert not chain.refusals
