"""How surely a kind of light client knows the other chain: facts for whoever rates chains."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, runtime_checkable


class Verification(IntEnum):
    """How the hub learns of the chain's state."""

    ONE_ATTESTOR = 0
    """One signer, or an RPC node."""
    ATTESTORS = 1
    """k of n attestors, n at least 4."""
    HEADERS = 2
    """Headers with proof of work, or a committee's signatures."""
    FULL_HEADER = 3
    """Full headers with two thirds of a BFT set, and proofs of state."""
    RE_EXECUTED = 4
    """As before, and checkers execute the blocks again or verify a proof of validity."""


class Finality(IntEnum):
    """How surely a block stays."""

    REORGANISED = 0
    """A reorganisation deeper than the required depth was seen."""
    ONE_IN_THOUSAND = 1
    """The depth leaves an attacker with 30 % of the work a chance of at most 10^-3."""
    ONE_IN_MILLION = 2
    """The same with 10^-6."""
    BFT = 3
    """No block is ever undone while less than a third cheats."""
    ACCOUNTABLE = 4
    """As before, and who cheats leaves evidence that costs a stake."""


@dataclass(frozen=True, slots=True)
class Assurance:
    """What follows from how a light client verifies."""

    verification: Verification
    finality: Finality


@runtime_checkable
class Assured(Protocol):
    """A light client that says how surely it knows; one that does not counts as the lowest."""

    @property
    def assurance(self) -> Assurance:
        """Return how surely it knows."""
        ...
