"""What a locked node prevotes, and what opens its lock.

The rule is a value so that the simulator can mix networks: only :class:`KeepLock` runs in
a node (docs/adr/0004-lock-rule.md). The paper prevotes nil when locked on another block,
and CometBFT 0.38 opens a lock on any later polka, nil too. A nil polka that includes our
nil prevote would therefore unlock CometBFT's nodes after a decision and let them decide
again; so a locked node of ours prevotes its locked block, never nil.
"""

from dataclasses import dataclass
from typing import Protocol

from chainkit.formats.tendermint.types import NIL_BLOCK_ID, BlockId
from chainkit.primitives.types import Round


@dataclass(frozen=True, slots=True)
class Lock:
    """The block that a node precommitted last, and in which round."""

    block_id: BlockId
    round: Round


@dataclass(frozen=True, slots=True)
class Offer:
    """A round's proposal as far as a prevote depends on it."""

    block_id: BlockId
    is_valid: bool
    pol_round: Round
    """Round whose +2/3 prevotes for the block this node has seen; -1 for none needed."""


class LockRule(Protocol):
    """How a lock binds prevotes."""

    def prevote(self, lock: Lock | None, offer: Offer | None) -> BlockId:
        """Return what to prevote, nil included; no offer means that the time ran out."""
        ...

    def after_polka(self, lock: Lock | None, round_: Round, block_id: BlockId) -> Lock | None:
        """Return the lock that is left after +2/3 prevoted a block or nil in a round."""
        ...


@dataclass(frozen=True, slots=True)
class KeepLock:
    """The rule of this chain: lines 23 and 29, with the locked block instead of nil."""

    def prevote(self, lock: Lock | None, offer: Offer | None) -> BlockId:
        """Return the offer if the lock allows it, else the locked block, else nil."""
        if offer is not None and offer.is_valid:
            # L23: lockedRound = -1 or lockedValue = v.
            if lock is None or lock.block_id == offer.block_id:
                return offer.block_id
            # L29: lockedRound <= vr: +2/3 prevoted it since we locked.
            if lock.round <= offer.pol_round:
                return offer.block_id
        return lock.block_id if lock is not None else NIL_BLOCK_ID

    def after_polka(
        self,
        lock: Lock | None,
        round_: Round,  # noqa: ARG002 - the port has it; this rule does not care
        block_id: BlockId,  # noqa: ARG002 - the same
    ) -> Lock | None:
        """Return the lock: only a precommit for another block (L38) replaces it."""
        return lock


KEEP_LOCK = KeepLock()
