"""Besu's methods about validators: who they are, and how this node votes about them.

Spec:
    Besu, ``QbftGetValidatorsByBlockNumber``, ``QbftGetValidatorsByBlockHash``,
    ``QbftProposeValidatorVote``, ``QbftDiscardValidatorVote``, ``QbftGetPendingVotes``.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass

from chainkit.formats.ethereum.qbft import decode_extra_data
from chainkit.primitives.types import Address
from parachains.account.chain import StoredBlock
from parachains.account.consensus.limits import MAX_OUTSTANDING_VOTES
from parachains.account.errors import InvalidRpcParams, RpcLimitExceeded
from parachains.account.rpc import Eth
from parachains.account.rpc_forms import data, parse_account


@dataclass(frozen=True, slots=True)
class ValidatorVotes:
    """The methods of one node; ``wishes`` is what its validator votes for."""

    eth: Eth
    wishes: MutableMapping[Address, bool]

    def by_number(self, which: object) -> list[str] | None:
        """``qbft_getValidatorsByBlockNumber``: who seals a block; "pending" is the next one."""
        if which == "pending":
            return [data(each) for each in self.eth.chain.tally.validators]
        return _validators(self.eth.find(which))

    def by_hash(self, wanted: object) -> list[str] | None:
        """``qbft_getValidatorsByBlockHash``."""
        return _validators(self.eth.find({"blockHash": wanted}))

    def pending(self) -> dict[str, bool]:
        """``qbft_getPendingVotes``: what this node votes for, until it is discarded."""
        return {data(address): add for address, add in self.wishes.items()}

    def propose(self, address: object, add: object) -> bool:
        """``qbft_proposeValidatorVote``: to add an address, or to drop it."""
        if not isinstance(add, bool):
            raise InvalidRpcParams("Invalid vote type parameter (index 1)")
        recipient = parse_account(address)
        if len(self.wishes) >= MAX_OUTSTANDING_VOTES and recipient not in self.wishes:
            raise RpcLimitExceeded(f"too many votes (maximum {MAX_OUTSTANDING_VOTES})")
        self.wishes[recipient] = add
        return True

    def discard(self, address: object) -> bool:
        """``qbft_discardValidatorVote``: vote no more about an address."""
        self.wishes.pop(parse_account(address), None)
        return True

    def methods(self, *, may_vote: bool) -> Mapping[str, Callable[..., object]]:
        """Return the methods by their names; those that change something only where they may."""
        reading: dict[str, Callable[..., object]] = {
            "qbft_getPendingVotes": self.pending,
            "qbft_getValidatorsByBlockHash": self.by_hash,
            "qbft_getValidatorsByBlockNumber": self.by_number,
        }
        if not may_vote:
            return reading
        return reading | {
            "qbft_discardValidatorVote": self.discard,
            "qbft_proposeValidatorVote": self.propose,
        }


def _validators(found: StoredBlock | None) -> list[str] | None:
    if found is None:
        return None
    return [data(each) for each in decode_extra_data(found.header.extra_data).validators]
