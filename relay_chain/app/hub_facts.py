"""What the hub measures of itself, on the axes on which it rates others."""

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.runtime.addresses import format_address
from chainkit.runtime.context import Context
from ibc.ics02_client.assurance import Finality
from integrity.axes import (
    MILLION,
    Axis,
    Reading,
    Source,
    change_control_score,
    control_score,
    liveness_score,
)
from relay_chain.app.governance import GovernanceModule
from relay_chain.app.slashing import SlashingModule
from relay_chain.app.staking import StakingModule

A_THIRD = Fraction(1, 3)


@dataclass(frozen=True, slots=True)
class HubFacts:
    """Reads stake, absences and governance (fits the monitor's ``OwnFacts``).

    Verification does not apply: the hub verifies itself by executing. Its finality is
    accountable, since two votes of one height are evidence that costs a stake. Who stakes and
    is not jailed counts from genesis on, before the first set is made.
    """

    staking: StakingModule
    slashing: SlashingModule
    governance: GovernanceModule
    account_prefix: str

    def readings(self, ctx: Context) -> tuple[Reading, ...]:
        """Return what is measured now."""
        power: Counter[str] = Counter()
        due = missed = 0
        window = self.slashing.params(ctx).signed_blocks_window
        for validator in self.staking.validators(ctx):
            if validator.jailed or not validator.tokens:
                continue
            power[format_address(self.account_prefix, validator.operator)] += validator.tokens
            info = self.slashing.signing_info(ctx, validator.consensus_address)
            due += window
            missed += 0 if info is None else info.missed_blocks_counter
        needed = control_score(power, A_THIRD)
        present = liveness_score(due - missed, due)
        delay_s = self.governance.voting_period(ctx) // NS_PER_SECOND
        rules = change_control_score(delay_s, keys=len(power))
        return (
            _measured(Axis.CONTROL, needed, f"{needed} of {len(power)} operators hold a third"),
            _measured(Axis.FINALITY, Finality.ACCOUNTABLE, "two votes of one height cost a stake"),
            _measured(Axis.CHANGE_CONTROL, rules, f"votes end after {delay_s} s"),
            _measured(Axis.LIVENESS, present, f"{present * 100 // MILLION} % of votes came"),
        )


def _measured(axis: Axis, score: int, note: str) -> Reading:
    return Reading(axis, score, Source.MEASURED, note)
