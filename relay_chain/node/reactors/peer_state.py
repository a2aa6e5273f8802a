"""What a peer is known to have (CometBFT consensus, ``PeerState``)."""

from chainkit.formats.tendermint.types import PartSetHeader, Proposal, VoteType
from chainkit.primitives.types import BlockHeight, Round
from relay_chain.node.reactors.bit_arrays import BitArray
from relay_chain.node.reactors.consensus_messages import (
    BlockPart,
    ConsensusMessage,
    HasVote,
    NewRoundStep,
    NewValidBlock,
    ProposalMessage,
    ProposalPol,
    VoteMessage,
    VoteSetBits,
)

_NO_ROUND = Round(-1)


class PeerState:
    """A peer's height, round and step, and which parts and votes it has.

    Mutable, as a cache: each message changes one bit of it. Nothing in it is trusted
    beyond choosing what to send; a peer that lies only starves itself.
    """

    def __init__(self) -> None:
        self.height = BlockHeight(0)
        self.round = _NO_ROUND
        self.step = 0
        self.has_proposal = False
        self.part_set_header = PartSetHeader()
        self.parts: BitArray | None = None
        self.pol_round = _NO_ROUND
        self.pol: BitArray | None = None
        self.prevotes: BitArray | None = None
        self.precommits: BitArray | None = None
        self.last_commit_round = _NO_ROUND
        self.last_commit: BitArray | None = None
        self.catchup_round = _NO_ROUND
        self.catchup: BitArray | None = None
        self.owes_step = False
        """Our last ``NewRoundStep`` found its queue full and must be sent again."""

    # --- what the peer says ---------------------------------------------------------------

    def apply_step(self, message: NewRoundStep) -> None:
        """Follow the peer to a later height, round or step; older ones are ignored."""
        here = (self.height, self.round, self.step)
        if (message.height, message.round, message.step) <= here:
            return
        old_height, old_round, old_precommits = self.height, self.round, self.precommits
        self.height, self.round, self.step = message.height, message.round, message.step
        if (old_height, old_round) != (message.height, message.round):
            self.has_proposal = False
            self.part_set_header, self.parts = PartSetHeader(), None
            self.pol_round, self.pol = _NO_ROUND, None
            self.prevotes = self.precommits = None
        if old_height == message.height:
            if old_round != message.round and message.round == self.catchup_round:
                # The peer came to the round of the commit that it was being sent.
                self.precommits = self.catchup
            return
        came_by_commit = old_height + 1 == message.height and old_round == message.last_commit_round
        self.last_commit = old_precommits if came_by_commit else None
        self.last_commit_round = message.last_commit_round
        self.catchup_round, self.catchup = _NO_ROUND, None

    def apply_valid_block(self, message: NewValidBlock) -> None:
        """Take over which block the peer gathers, and what it has of it."""
        if self.height != message.height:
            return
        if self.round != message.round and not message.is_commit:
            return
        self.part_set_header, self.parts = message.part_set_header, message.parts

    def apply_pol(self, message: ProposalPol) -> None:
        """Take over which prevotes of the proof of lock the peer has."""
        if self.height == message.height and self.pol_round == message.pol_round:
            self.pol = message.votes

    def apply_has_vote(self, message: HasVote) -> None:
        """Note one vote that the peer has."""
        if self.height == message.height:
            self.set_has_vote(message.height, message.round, message.type, message.index)

    def apply_vote_set_bits(self, message: VoteSetBits, ours: int | None) -> None:
        """Take over which votes for a block the peer has.

        Args:
            message: The peer's answer.
            ours: Mask of our votes for that block; what the peer has of others stays.
                None when we cannot tell: then the answer replaces everything.
        """
        votes = self._votes(message.height, message.round, message.type)
        if votes is not None:
            kept = 0 if ours is None else votes.mask & ~ours
            self._set_votes(
                message.height,
                message.round,
                message.type,
                votes.with_mask(kept | message.votes.mask),
            )

    # --- what was sent or received --------------------------------------------------------

    def set_has(self, message: ConsensusMessage) -> None:
        """Note that the peer has what was sent to it."""
        match message:
            case ProposalMessage(proposal):
                self.set_has_proposal(proposal)
            case BlockPart(_, _, part):
                # A part for a lagging peer goes out under the peer's own height and round.
                self.set_has_part(self.height, self.round, part.index)
            case VoteMessage(vote):
                self.set_has_vote(vote.height, vote.round, vote.type, vote.validator_index)
            case _:
                pass

    def set_has_proposal(self, proposal: Proposal) -> None:
        """Note that the peer has the proposal of its round."""
        if (self.height, self.round) != (proposal.height, proposal.round) or self.has_proposal:
            return
        self.has_proposal = True
        if self.parts is not None:  # by a NewValidBlock
            return
        self.init_parts(proposal.block_id.part_set_header)
        self.pol_round, self.pol = proposal.pol_round, None

    def init_parts(self, header: PartSetHeader) -> None:
        """Begin to count the parts of a block, none of which the peer has."""
        if self.parts is None:
            self.part_set_header = header
            self.parts = BitArray(header.total)

    def set_has_part(self, height: BlockHeight, round_: Round, index: int) -> None:
        """Note one part that the peer has."""
        if (self.height, self.round) == (height, round_) and self.parts is not None:
            self.parts = self.parts.with_index(index)

    def set_has_vote(self, height: BlockHeight, round_: Round, type_: VoteType, index: int) -> None:
        """Note one vote that the peer has; an index outside the set is ignored."""
        votes = self._votes(height, round_, type_)
        if votes is not None:
            self._set_votes(height, round_, type_, votes.with_index(index))

    def ensure_votes(self, height: BlockHeight, validator_count: int) -> None:
        """Begin to count the votes of a height, once the size of its validator set is known."""
        if validator_count <= 0:
            return
        empty = BitArray(validator_count)
        if self.height == height:
            self.prevotes = self.prevotes or empty
            self.precommits = self.precommits or empty
            self.catchup = self.catchup or empty
            self.pol = self.pol or empty
        elif self.height == height + 1:
            self.last_commit = self.last_commit or empty

    def ensure_catchup(self, height: BlockHeight, round_: Round, validator_count: int) -> None:
        """Begin to count the precommits of a round that decided the peer's height."""
        if self.height != height or self.catchup_round == round_:
            return
        self.catchup_round = round_
        self.catchup = self.precommits if round_ == self.round else BitArray(validator_count)

    def votes_of(self, height: BlockHeight, round_: Round, type_: VoteType) -> BitArray | None:
        """Return which votes of a set the peer has; None where it is not worth sending."""
        return self._votes(height, round_, type_)

    def _votes(self, height: BlockHeight, round_: Round, type_: VoteType) -> BitArray | None:
        name = self._votes_name(height, round_, type_)
        if name is None:
            return None
        found: BitArray | None = getattr(self, name)
        return found

    def _set_votes(
        self, height: BlockHeight, round_: Round, type_: VoteType, votes: BitArray
    ) -> None:
        name = self._votes_name(height, round_, type_)
        assert name is not None
        setattr(self, name, votes)

    def _votes_name(self, height: BlockHeight, round_: Round, type_: VoteType) -> str | None:
        is_prevote = type_ is VoteType.PREVOTE
        if self.height == height:
            if self.round == round_:
                return "prevotes" if is_prevote else "precommits"
            if self.catchup_round == round_:
                return None if is_prevote else "catchup"
            if self.pol_round == round_:
                return "pol" if is_prevote else None
        elif self.height == height + 1 and self.last_commit_round == round_ and not is_prevote:
            return "last_commit"
        return None
