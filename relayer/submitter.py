"""Transactions on one chain: signed, written down, broadcast, and followed to their end.

The order is law: the journal has the transaction before the node has it. A relayer that
is killed in between finds it in the journal, hands the same bytes over again (a block can
hold them once only), waits until its fate is known, and only then plans again: the same
message is not paid for twice.
"""

import asyncio

from chainkit.primitives.errors import OperationFailed
from ibc.ics02_client.port import AnyValue
from parachains.sdk.relaying import (
    AccountSequenceWrong,
    SignedTx,
    TxOutcome,
    TxRedundant,
    TxRefused,
)
from relay_chain.node.crash_points import reach
from relayer.limits import (
    MAX_SEQUENCE_RETRIES,
    TX_LIFETIME_BLOCKS,
    TX_POLL_INTERVAL_NS,
    TX_WAIT_NS,
)
from relayer.ports import ChainClient, Clock, Journal, Submission

LOST = -1
"""The journal's code for a transaction that no block will hold."""


class TxFateUnknown(OperationFailed):
    """A transaction was broadcast and no block holds it yet; it is looked for again later."""

    def __init__(self, *, tx_hash: str) -> None:
        super().__init__(f"transaction {tx_hash} is in no block yet")
        self.tx_hash = tx_hash


class Submitter:
    """The relayer's account on one chain, used by every path. Mutable: it knows what is in flight.

    The lock spans from the account's sequence being read until the node has the
    transaction, so that two paths never sign the same sequence; blocks are awaited
    without it, so that paths do not wait for each other's blocks.
    """

    def __init__(self, chain: ChainClient, journal: Journal, clock: Clock) -> None:
        self.chain = chain
        self._journal = journal
        self._clock = clock
        self._lock = asyncio.Lock()
        self._in_flight: set[str] = set()
        self._point = f"relayer.{chain.chain_id}"

    async def settle(self) -> bool:
        """Find out what came of earlier transactions; return whether all are known now."""
        async with self._lock:
            return await self._settle()

    async def _settle(self) -> bool:
        pending = self._left_over()
        if not pending:
            return True
        height = (await self.chain.status()).height
        all_known = True
        for submission in pending:
            outcome = await self.chain.outcome(submission.tx_hash)
            if outcome is not None:
                self._journal.settled(submission.tx_hash, code=outcome.code, log=outcome.log)
            elif height > submission.height + TX_LIFETIME_BLOCKS:
                self._journal.settled(submission.tx_hash, code=LOST, log="in no block")
            elif not await self._hand_over_again(submission):
                all_known = False
        return all_known

    async def _hand_over_again(self, submission: Submission) -> bool:
        """Broadcast what perhaps no node has any more; return whether it ended by a refusal."""
        tx = SignedTx(submission.tx_hash, submission.data, submission.account_sequence)
        try:
            await self.chain.broadcast(tx)
        except AccountSequenceWrong:
            # Taken by it, in a block that is not indexed yet, or by another: a later look tells.
            return False
        except TxRefused as error:
            self._journal.settled(tx.tx_hash, code=error.code or LOST, log=error.log)
            return True
        return False

    def _left_over(self) -> tuple[Submission, ...]:
        """Return what an earlier run, or a wait that ended, left without a known fate."""
        return tuple(
            submission
            for submission in self._journal.unsettled(self.chain.chain_id)
            if submission.tx_hash not in self._in_flight
        )

    async def submit(self, messages: tuple[AnyValue, ...], summary: str) -> TxOutcome:
        """Return what a block made of the messages in one transaction.

        Raises:
            TxRefused: The node did not take it.
            TxFateUnknown: No block held it in time, or an earlier one's fate is still open.
            OperationFailed: The chain can't be reached.
        """
        async with self._lock:
            if not await self._settle():
                raise TxFateUnknown(tx_hash=self._left_over()[0].tx_hash)
            tx = await self._broadcast(messages, summary)
            self._in_flight.add(tx.tx_hash)
        try:
            return await self._follow(tx)
        finally:
            self._in_flight.discard(tx.tx_hash)

    async def _broadcast(self, messages: tuple[AnyValue, ...], summary: str) -> SignedTx:
        """Sign and hand over; with a fresh sequence where the account's was another."""
        attempts = 0
        while True:
            tx = await self.chain.sign(messages)
            height = (await self.chain.status()).height
            reach(f"{self._point}.before_journal")
            self._journal.submitted(
                Submission(
                    self.chain.chain_id,
                    tx.tx_hash,
                    height,
                    summary,
                    tx.data,
                    tx.account_sequence,
                )
            )
            reach(f"{self._point}.after_journal")
            try:
                await self.chain.broadcast(tx)
            except TxRefused as error:
                self._journal.settled(tx.tx_hash, code=error.code or LOST, log=error.log)
                attempts += 1
                if not isinstance(error, AccountSequenceWrong) or attempts > MAX_SEQUENCE_RETRIES:
                    raise
                # Another transaction of this account is in the mempool or was just
                # committed: the sequence that the chain names is right a block later.
                await self._clock.wait(TX_POLL_INTERVAL_NS)
                continue
            reach(f"{self._point}.after_broadcast")
            return tx

    async def _follow(self, tx: SignedTx) -> TxOutcome:
        deadline = self._clock.now() + TX_WAIT_NS
        while True:
            outcome = await self.chain.outcome(tx.tx_hash)
            if outcome is not None:
                reach(f"{self._point}.before_settled")
                self._journal.settled(tx.tx_hash, code=outcome.code, log=outcome.log)
                reach(f"{self._point}.after_settled")
                return outcome
            if self._clock.now() >= deadline:
                raise TxFateUnknown(tx_hash=tx.tx_hash)
            await self._clock.wait(TX_POLL_INTERVAL_NS)


def is_redundant(error: TxRefused) -> bool:
    """Return whether the refusal says that all was done already."""
    return isinstance(error, TxRedundant)
