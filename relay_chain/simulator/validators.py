"""Whose votes count at which height: the validator sets of a run, and their changes."""

from collections.abc import Mapping

from chainkit.formats.tendermint.types import Validator, ValidatorSet
from chainkit.formats.tendermint.validator_set import (
    increment_proposer_priority,
    new_validator,
    new_validator_set,
    update_with_changes,
)
from chainkit.primitives.types import Address, BlockHeight, VotingPower
from relay_chain.consensus.votes import Electorate, electorate_of
from relay_chain.simulator.keys import Keys
from relay_chain.simulator.plan import Plan


class ValidatorSets:
    """The sets by height. Mutable: later ones are made when they are asked for.

    Nodes are numbered as the first set orders its validators. A change acts at its height
    whatever happens, as if a block two heights earlier had carried it.
    """

    def __init__(self, plan: Plan, keys: Keys) -> None:
        made = [
            new_validator(keys.public_key(number), VotingPower(power))
            for number, power in enumerate(plan.powers)
        ]
        first = new_validator_set(made)
        self.members: tuple[Validator, ...] = first.validators
        """The validator of each node."""
        self.node_of: Mapping[Address, int] = {
            validator.address: number for number, validator in enumerate(first.validators)
        }
        self.are_real = plan.real_signatures
        """Whether their keys sign with ed25519."""
        self._sets: list[ValidatorSet] = [first]
        self._electorates: list[Electorate] = [electorate_of(first)]
        self._nodes = [tuple(range(len(self.members)))]
        self._changes: dict[int, list[tuple[int, int]]] = {}
        for height, node, power in plan.changes:
            self._changes.setdefault(height, []).append((node, power))

    def at(self, height: BlockHeight) -> ValidatorSet:
        """Return the set of a height: changed, and one turn further than the one before."""
        while len(self._sets) < height:
            self._grow()
        return self._sets[height - 1]

    def electorate(self, height: BlockHeight) -> Electorate:
        """Return who votes at a height with which power."""
        self.at(height)
        return self._electorates[height - 1]

    def nodes_at(self, height: BlockHeight) -> tuple[int, ...]:
        """Return the node of each validator index of a height."""
        self.at(height)
        return self._nodes[height - 1]

    def _grow(self) -> None:
        changed = self._sets[-1]
        changes = self._changes.get(len(self._sets) + 1)
        if changes:
            updates = [
                Validator(
                    self.members[node].address, self.members[node].public_key, VotingPower(power)
                )
                for node, power in changes
            ]
            changed = update_with_changes(changed, updates)
        self._sets.append(increment_proposer_priority(changed, 1))
        electorate, nodes = self._electorates[-1], self._nodes[-1]
        if changes:
            electorate = electorate_of(self._sets[-1])
            nodes = tuple(self.node_of[address] for address in electorate.addresses)
        self._electorates.append(electorate)
        self._nodes.append(nodes)
