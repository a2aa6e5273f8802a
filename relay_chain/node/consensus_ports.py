"""What the consensus shell asks of the key that votes and of the node's peers."""

from typing import Protocol

from chainkit.formats.tendermint.types import Proposal, Vote
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address, ChainId
from relay_chain.consensus.messages import AnnounceStep, AnnounceValidBlock, AnnounceVote, PeerId
from relay_chain.node.privval import SignState


class NotSigned(RuleBroken):
    """A peer passed on a vote or proposal whose signature does not verify: no honest node does."""

    codespace = "consensus"
    code = 2

    def __init__(self, *, what: str, height: int, round_: int) -> None:
        super().__init__(f"{what} at {height}/{round_} is not signed by the validator it names")
        self.what = what
        self.height = height
        self.round = round_


class PrivateValidator(Protocol):
    """The key that votes. One that is far away answers later, through ``take_signed``."""

    @property
    def address(self) -> Address:
        """The address that it votes as."""
        ...

    @property
    def last(self) -> SignState:
        """What it signed last, or may have signed, as this node's files remember it."""
        ...

    def sign_vote(self, chain_id: ChainId, vote: Vote) -> Vote | None:
        """Return the vote signed, None if it comes later, or raise ``SigningRefused``."""
        ...

    def sign_proposal(self, chain_id: ChainId, proposal: Proposal) -> Proposal | None:
        """Return the proposal signed, None if it comes later, or raise ``SigningRefused``."""
        ...


class Announcer(Protocol):
    """The consensus reactor, as the shell sees it."""

    def announce(self, effect: AnnounceStep | AnnounceVote | AnnounceValidBlock) -> None:
        """Tell peers."""
        ...

    def wake(self) -> None:
        """Look again at what peers lack."""
        ...


class Silent:
    """The announcer of a node without peers."""

    def announce(self, effect: AnnounceStep | AnnounceVote | AnnounceValidBlock) -> None:
        """Tell nobody."""

    def wake(self) -> None:
        """Do nothing."""


def keep_peer(peer_id: PeerId, reason: RuleBroken) -> None:
    """Drop nobody: a node without peers."""
