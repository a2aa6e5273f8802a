"""Lock rules of other nodes: CometBFT's, the paper's, and those of broken or hostile ones."""

from dataclasses import dataclass

from chainkit.formats.tendermint.types import NIL_BLOCK_ID, BlockId
from chainkit.primitives.types import Round
from relay_chain.consensus.lock_rule import Lock, Offer


@dataclass(frozen=True, slots=True)
class CometBftLock:
    """CometBFT 0.38: prevotes its locked block always, unlocks on any later polka."""

    def prevote(self, lock: Lock | None, offer: Offer | None) -> BlockId:
        """Return the locked block, else a valid offer, else nil (``defaultDoPrevote``)."""
        if lock is not None:
            return lock.block_id
        if offer is not None and offer.is_valid:
            return offer.block_id
        return NIL_BLOCK_ID

    def after_polka(self, lock: Lock | None, round_: Round, block_id: BlockId) -> Lock | None:
        """Return no lock once +2/3 prevoted nil or another block later (``addVote``)."""
        if lock is not None and lock.round < round_ and block_id != lock.block_id:
            return None
        return lock


@dataclass(frozen=True, slots=True)
class PaperLock:
    """The pure paper rule: nil when locked on another block (lines 26, 32 and 59).

    Safe among its own kind, and not in a network with CometBFT: the mutant that the
    mixed checks must catch.
    """

    def prevote(self, lock: Lock | None, offer: Offer | None) -> BlockId:
        """Return the offer if the lock allows it, else nil."""
        if offer is None or not offer.is_valid:
            return NIL_BLOCK_ID
        if lock is None or lock.block_id == offer.block_id or lock.round <= offer.pol_round:
            return offer.block_id
        return NIL_BLOCK_ID

    def after_polka(
        self,
        lock: Lock | None,
        round_: Round,  # noqa: ARG002 - the port has it
        block_id: BlockId,  # noqa: ARG002 - the port has it
    ) -> Lock | None:
        """Return the lock."""
        return lock


@dataclass(frozen=True, slots=True)
class Amnesia:
    """A hostile node's rule: it votes as if it had never locked."""

    def prevote(
        self,
        lock: Lock | None,  # noqa: ARG002 - forgotten, that is the attack
        offer: Offer | None,
    ) -> BlockId:
        """Return any valid offer."""
        return offer.block_id if offer is not None and offer.is_valid else NIL_BLOCK_ID

    def after_polka(
        self,
        lock: Lock | None,  # noqa: ARG002 - forgotten
        round_: Round,  # noqa: ARG002 - the port has it
        block_id: BlockId,  # noqa: ARG002 - the port has it
    ) -> Lock | None:
        """Return no lock."""
        return None
