"""Defences of integrity levels and of the ledger of zones."""

from tests.mutants.support import Mutant

_RULES = "integrity/rules.py"
_LEVELS = "integrity/levels.py"
_ZONES = "integrity/zones.py"
_AXES = "integrity/axes.py"
_LOTS = "integrity/lots.py"
_T_RULES = "tests/unit/test_integrity_rules.py"
_T_LEVELS = "tests/unit/test_integrity_levels.py"
_T_ZONES = "tests/unit/test_integrity_zones.py"
_T_LOTS = "tests/unit/test_integrity_lots.py"

MUTANTS = (
    Mutant(
        "integrity: low to high",
        _RULES,
        "    if label < flow.destination:",
        "    if label < 0:",
        f"{_T_RULES}::test_strict_data_never_rises_without_an_endorsement",
    ),
    Mutant(
        "integrity: strict equals",
        _RULES,
        "    if flow.strict_equal and label == flow.destination:",
        "    if flow.strict_equal and label < 0:",
        f"{_T_RULES}::test_a_channel_may_refuse_equals",
    ),
    Mutant(
        "integrity: the hub's own level",
        _RULES,
        "    if flow.destination > flow.hub:",
        "    if flow.destination > 4:",
        f"{_T_RULES}::test_the_hub_delivers_nothing_above_its_own_level",
    ),
    Mutant(
        "integrity: isolation",
        _RULES,
        "    if flow.isolated:",
        "    if flow.isolated and flow.label > 4:",
        f"{_T_RULES}::test_an_isolated_chain_is_cut_off_but_for_control_bits",
    ),
    Mutant(
        "integrity: an endorsement lifts no higher than its level",
        _RULES,
        "    label = max(flow.label, -1 if flow.endorsed is None else flow.endorsed)",
        "    label = flow.label if flow.endorsed is None else 4",
        f"{_T_RULES}::test_an_endorsement_lifts_to_its_level_and_no_higher",
    ),
    Mutant(
        "integrity: the least axis, not the mean",
        _AXES,
        "    level = min((entry.level for entry in axes), default=LOWEST)",
        "    level = Level(sum(entry.level for entry in axes) // max(len(axes), 1))",
        "tests/unit/test_integrity_axes.py::test_a_chain_of_one_attestor_is_of_level_0_however_good_the_rest_is",
    ),
    Mutant(
        "integrity: a fall is instant",
        _LEVELS,
        "    if target < state.level:",
        "    if target < state.level - 4:",
        f"{_T_LEVELS}::test_a_fall_is_whole_and_instant",
    ),
    Mutant(
        "integrity: a rise is slow",
        _LEVELS,
        "    if lasted < params.rise_epochs:",
        "    if lasted < 0:",
        f"{_T_LEVELS}::test_a_level_never_exceeds_cap_or_outruns_its_wait",
    ),
    Mutant(
        "integrity: a cap",
        _LEVELS,
        "    target = min(computed, state.cap)",
        "    target = computed",
        f"{_T_LEVELS}::test_a_level_never_exceeds_cap_or_outruns_its_wait",
    ),
    Mutant(
        "integrity: a zone returns no more than it holds",
        _ZONES,
        "        raise ReturnExcess(",
        "        return entry or ReturnExcess(",
        f"{_T_ZONES}::test_a_zone_cannot_return_more_than_it_holds",
    ),
    Mutant(
        "integrity: a refund after a return",
        _ZONES,
        '        raise LedgerBroken(f"a refund of',
        '        return entry or LedgerBroken(f"a refund of',
        f"{_T_ZONES}::test_a_false_timeout_after_a_return_is_refused",
    ),
    Mutant(
        "integrity: a label stays with its lot",
        _LOTS,
        "        part = 0 if lot.label < at_least or is_frozen(lot) else min(lot.amount, wanted)",
        "        part = 0 if is_frozen(lot) else min(lot.amount, wanted)",
        f"{_T_LOTS}::test_a_draw_takes_the_lowest_that_will_do",
    ),
    Mutant(
        "integrity: what several lots became has the least label",
        _LOTS,
        "        Level(min(first.label, second.label)),",
        "        Level(max(first.label, second.label)),",
        f"{_T_LOTS}::test_above_the_bound_the_lowest_become_one_of_a_mixed_source",
    ),
)
