"""Forgeries through public RPC into real blocks, and the true messages after them.

A node's mempool checks packets and headers and would refuse most forgeries at the door, so
each comes behind a payment of its payer to itself: such a transaction is checked for its
fee and signature only, as in ibc-go, and its messages meet their handlers in a block.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from chainkit.modules.auth import ACCOUNT_PREFIX
from chainkit.modules.auth import STORE as ACCOUNTS
from chainkit.modules.bank import STORE as BANK
from chainkit.modules.bank import balance_key
from chainkit.primitives.types import BlockHeight, Sequence
from chainkit.runtime.addresses import module_address
from chainkit.runtime.ante import FEE_COLLECTOR
from chainkit.sigverify.secp256k1 import secp256k1_address
from demos.forged.copies import Key, NodeCopy
from demos.forged.judge import Payer, name_of
from demos.forged.values import Attempt
from demos.network import Network
from ibc.ics02_client.port import AnyValue
from integrity.store import STORE_NAME as INTEGRITY
from parachains.sdk.relaying import SignedTx, TxOutcome, TxRefused
from parachains.zone.accounts import tx_hash_of
from parachains.zone.client import ZoneClient
from relay_chain.app.slashing import STORE as SIGNING_RECORDS

MEASURED_AT: Key = (INTEGRITY, b"measured")
"""The height at which the hub last measured its chains: every block's own."""


@dataclass(frozen=True, slots=True)
class InBlock:
    """A forgery that a block holds, and the refusal's name."""

    attempt: Attempt
    height: BlockHeight
    code: int
    refusal: str


@dataclass(frozen=True, slots=True)
class Compared:
    """What blocks changed, by a whole dump of all stores before and after each."""

    fees: int
    """Changes of the payer's account and balance and of the collector's balance."""
    signing_records: int
    """Changes of who signed how many blocks, which every block begins with."""
    others: tuple[str, ...]
    """All else: what a refused transaction must not leave."""


class Blocks:
    """One payer's transactions on a real chain. Mutable: it counts the account's sequence."""

    def __init__(self, network: Network, client: ZoneClient, payer: Payer) -> None:
        self._network = network
        self._client = client
        self.payer = payer

    async def refuse(self, attempts: Iterable[Attempt]) -> tuple[InBlock, ...]:
        """Send all attempts, and return what blocks made of them."""
        sent = []
        for attempt in attempts:
            tx = await self._send(self.payer.send(1), *attempt.before, attempt.message)
            sent.append((attempt, tx))
        found = []
        for attempt, tx in sent:
            outcome = await self._outcome(tx)
            name = name_of(outcome.codespace, outcome.code)
            found.append(InBlock(attempt, outcome.height, outcome.code, name))
        return tuple(found)

    async def refused_at_the_door(self, attempt: Attempt) -> str:
        """Return with which name the mempool refuses a bare forgery; empty if it takes it."""
        data = self.payer.sign(attempt.message)
        tx = SignedTx(tx_hash_of(data), data, Sequence(self.payer.account.sequence))
        try:
            await self._client.broadcast(tx)
        except TxRefused as error:
            return name_of(error.codespace, error.code)
        return ""

    async def accept(self, message: AnyValue) -> TxOutcome:
        """Return what a block made of a true message."""
        return await self._outcome(await self._send(message))

    async def _send(self, *messages: AnyValue) -> SignedTx:
        data = self.payer.sign(*messages)
        tx = SignedTx(tx_hash_of(data), data, Sequence(self.payer.account.sequence))
        await self._client.broadcast(tx)
        self.payer = self.payer.next()
        return tx

    async def _outcome(self, tx: SignedTx) -> TxOutcome:
        return await self._network.wait_until(
            f"waiting for a block of {self._client.chain_id} to take {tx.tx_hash[:8]}",
            lambda: self._client.outcome(tx.tx_hash),
        )


def compare(copy: NodeCopy, payer: Payer, heights: Iterable[BlockHeight]) -> Compared:
    """Return what the blocks at ``heights`` changed beside the fees of ``payer``.

    Args:
        copy: A node's state with every height kept.
        payer: Who paid for all transactions of those blocks.
        heights: Blocks with forgeries and nothing else.
    """
    paid = _fee_keys(payer)
    fees = signing = 0
    others = []
    for height in heights:
        for key, (before, after) in copy.changes(height).items():
            if key in paid:
                fees += 1
            elif key[0] == SIGNING_RECORDS:
                signing += 1
            elif key == MEASURED_AT:
                continue  # the block's own height
            else:
                others.append(_describe(height, key, before, after))
    return Compared(fees, signing, tuple(others))


def _fee_keys(payer: Payer) -> frozenset[Key]:
    address = secp256k1_address(payer.key.public_key)
    return frozenset(
        {
            (ACCOUNTS, ACCOUNT_PREFIX + address),
            (BANK, balance_key(address, payer.denom)),
            (BANK, balance_key(module_address(FEE_COLLECTOR), payer.denom)),
        }
    )


def _describe(height: int, key: Key, before: bytes, after: bytes) -> str:
    name, path = key
    return (
        f"block {height}, {name}/{path!r}: {before.hex() or 'absent'} -> {after.hex() or 'absent'}"
    )
