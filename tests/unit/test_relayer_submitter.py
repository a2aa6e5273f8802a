"""A transaction is followed to its end, over restarts, before another is made."""

import asyncio

import pytest

from parachains.sdk.relaying import SignedTx, TxOutcome
from relayer.limits import TX_LIFETIME_BLOCKS
from relayer.ports import Submission
from relayer.submitter import LOST, Submitter, TxFateUnknown
from tests.relaying import MemoryJournal, two_chains


def start():
    clock, chain, _ = two_chains()
    journal = MemoryJournal()
    return clock, chain, journal, Submitter(chain, journal, clock)


def test_an_earlier_run_s_transaction_is_awaited_first() -> None:
    """
    It is in a mempool, perhaps: nothing is signed until a block holds it or it is too old.
    """
    _, chain, journal, submitter = start()
    journal.submitted(Submission(chain.chain_id, "earlier", chain.height, ""))

    with pytest.raises(TxFateUnknown):
        asyncio.run(submitter.submit((), ""))
    assert not chain.transactions
    chain.outcomes["earlier"] = TxOutcome("earlier", 3, 0, "", "")
    assert asyncio.run(submitter.settle())
    assert asyncio.run(submitter.submit((), "")).code == 0


def test_a_transaction_that_no_block_holds_is_given_up_after_its_life() -> None:
    """
    The journal says so, and the work is planned anew.
    """
    _, chain, journal, submitter = start()
    journal.submitted(Submission(chain.chain_id, "lost", chain.height, ""))
    for _ in range(TX_LIFETIME_BLOCKS):
        chain.tick()
    assert not asyncio.run(submitter.settle())
    chain.tick()

    assert asyncio.run(submitter.settle())
    assert journal.rows["lost"][1] == LOST


def test_a_transaction_that_hangs_is_left_to_the_journal() -> None:
    """
    The wait ends, its name stays: it is looked for before anything else is sent.
    """
    _, chain, journal, submitter = start()

    async def swallow(tx: SignedTx) -> None:
        return None

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
