"""Defences of endorsements, challenges, appeals and of what waits."""

from tests.mutants.support import Mutant

_PURE = "integrity/endorsements.py"
_DOES = "integrity/corroboration.py"
_LIFT = "integrity/lifting.py"
_GUARD = "integrity/guard.py"
_MODULE = "integrity/module.py"
_TEST = "tests/unit/test_integrity_endorsements.py"

MUTANTS = (
    Mutant(
        "endorsement: as many as the hub demands",
        _PURE,
        "    if len(words) < need.sources:",
        "    if len(words) < need.sources - 1:",
        f"{_TEST}::test_what_counts_is_distinct_operators_of_high_enough_chains",
    ),
    Mutant(
        "endorsement: operators, not keys",
        _PURE,
        "    if any(each.operator == vouch.operator for each in endorsement.vouches):",
        "    if any(each.source == vouch.source for each in endorsement.vouches):",
        f"{_TEST}::test_two_keys_of_one_operator_are_one_source",
    ),
    Mutant(
        "endorsement: not the origin's own operator",
        _PURE,
        "    if vouch.operator == origin_operator:",
        "    if not vouch.operator:",
        f"{_TEST}::test_the_origins_own_operator_is_no_witness",
    ),
    Mutant(
        "endorsement: not by a look at the origin alone",
        _PURE,
        "    if vouch.chain == endorsement.key.origin:",
        "    if not vouch.chain:",
        f"{_TEST}::test_who_sees_only_the_origin_is_no_witness",
    ),
    Mutant(
        "endorsement: the sender is no witness",
        _PURE,
        "        if stands and high and vouch.account != need.sender:",
        "        if stands and high:",
        f"{_TEST}::test_the_senders_own_word_does_not_count",
    ),
    Mutant(
        "endorsement: the sources' chains as they are now",
        _PURE,
        "        high = need.standing(vouch.chain) >= endorsement.key.level - 1",
        "        high = need.standing(vouch.chain) >= 0",
        f"{_TEST}::test_what_counts_is_distinct_operators_of_high_enough_chains",
    ),
    Mutant(
        "endorsement: who looks at a low chain",
        _DOES,
        "        if standing < key.level - 1:",
        "        if standing < 0:",
        f"{_TEST}::test_a_source_that_looks_at_a_low_chain_lifts_nothing_high",
    ),
    Mutant(
        "endorsement: the time for challenges",
        _LIFT,
        "    return ready is not None and height >= ready",
        "    return ready is not None",
        f"{_TEST}::test_an_endorsement_acts_only_after_the_time_for_challenges",
    ),
    Mutant(
        "endorsement: a challenge stops it",
        _PURE,
        "    if endorsement.state is not State.OPEN or endorsement.challenger:\n        return None",
        "    if endorsement.state is not State.OPEN:\n        return None",
        f"{_TEST}::test_a_challenged_endorsement_lifts_nothing_and_a_false_one_costs_the_bonds",
    ),
    Mutant(
        "endorsement: one packet only",
        _GUARD,
        '            use(ctx, open_endorsements(ctx), lift, "/".join(map(str, end)))\n',
        "",
        f"{_TEST}::test_three_independent_offices_lift_exactly_one_packet",
    ),
    Mutant(
        "endorsement: of these data alone",
        _PURE,
        '    return _hash(b"packet", origin.encode(), port_id.encode(), channel_id.encode(), data)',
        '    return _hash(b"packet", origin.encode(), port_id.encode(), channel_id.encode(), data[:0])',
        f"{_TEST}::test_an_endorsement_is_of_one_origin_and_one_channel",
    ),
    Mutant(
        "endorsement: a false one costs the bonds",
        _DOES,
        "            self._slash(ctx, params, found)\n",
        "",
        f"{_TEST}::test_a_challenged_endorsement_lifts_nothing_and_a_false_one_costs_the_bonds",
    ),
    Mutant(
        "endorsement: a false one that was used freezes",
        _DOES,
        "                store.freeze(message.key.origin, found.used_at)\n",
        "                pass\n",
        f"{_TEST}::test_a_false_endorsement_that_was_used_freezes_what_came_since",
    ),
    Mutant(
        "endorsement: bonds stay as long as their words can be challenged",
        _PURE,
        "    return bool(ended) and height > ended + window",
        "    return bool(ended)",
        f"{_TEST}::test_a_used_endorsement_can_be_challenged_for_a_while_and_then_pays_out",
    ),
    Mutant(
        "endorsement: a bond is paid back once",
        _PURE,
        "    if vouch.paid_back or endorsement.challenger",
        "    if endorsement.challenger",
        f"{_TEST}::test_a_bond_comes_back_when_its_word_can_no_longer_be_challenged",
    ),
    Mutant(
        "endorsement: the source's own account speaks",
        _DOES,
        "        if source is None or source.account != message.signer:",
        "        if source is None:",
        f"{_TEST}::test_who_is_no_source_does_not_endorse",
    ),
    Mutant(
        "endorsement: governance decides challenges",
        _MODULE,
        "        self._require_authority(message.signer)\n        self.corroboration.resolve",
        "        self.corroboration.resolve",
        f"{_TEST}::test_only_governance_decides_and_only_what_is_challenged",
    ),
    Mutant(
        "endorsement: governance names the sources",
        _MODULE,
        "        self._require_authority(message.signer)\n        self.corroboration.add_source",
        "        self.corroboration.add_source",
        f"{_TEST}::test_only_governance_decides_and_only_what_is_challenged",
    ),
    Mutant(
        "appeal: its sources decide, not its time",
        _DOES,
        "            verdict, to = Verdict.REFUSED, self.ledger.module_address(COMMON)",
        "            verdict, to = Verdict.UPHELD, self.ledger.module_address(COMMON)",
        f"{_TEST}::test_an_appeal_that_nobody_supports_is_refused_when_its_time_is_over",
    ),
    Mutant(
        "appeal: the owner is no witness",
        _DOES,
        "store.chain(key.origin), found.owner)",
        'store.chain(key.origin), Address(b""))',
        f"{_TEST}::test_the_owner_is_no_witness_of_the_own_appeal",
    ),
    Mutant(
        "appeal: an upheld one frees the lot",
        _DOES,
        "        freed = replace(appeal.lot, height=since - 1)",
        "        freed = replace(appeal.lot, height=since)",
        f"{_TEST}::test_an_appeal_that_independent_sources_support_is_upheld",
    ),
    Mutant(
        "quarantine: governance releases it",
        _MODULE,
        "        self._require_authority(message.signer)\n        store = open_store(ctx)\n        if store.frozen_since",
        "        store = open_store(ctx)\n        if store.frozen_since",
        f"{_TEST}::test_governance_releases_a_whole_quarantine",
    ),
    Mutant(
        "held: judged again, not waved through",
        _MODULE,
        "        if any(each.packet == held.packet for each in store.held()):",
        "        if not held.source:",
        f"{_TEST}::test_a_held_packet_is_judged_again_when_somebody_asks",
    ),
    Mutant(
        "lots: a channel's first packet",
        "ibc/ics20_transfer/transfers.py",
        "        self.labels.escrow(ctx, escrow)\n",
        "",
        "tests/unit/test_integrity_guard.py::test_a_channels_first_packet_takes_labelled_lots_too",
    ),
    Mutant(
        "hub: its own control counts",
        "relay_chain/app/hub_facts.py",
        "        needed = control_score(power, A_THIRD)",
        "        needed = len(power)",
        "tests/unit/test_hub_facts.py::test_when_one_operator_can_halt_it_its_level_falls_in_the_next_block",
    ),
    Mutant(
        "hub: what it measures goes before what is declared",
        "integrity/monitor.py",
        "            measured = () if self.own is None else self.own.readings(ctx)",
        "            measured = ()",
        "tests/unit/test_hub_facts.py::test_the_hub_measures_itself_on_the_axes_on_which_it_rates_others",
    ),
    Mutant(
        "audit: a zone with more than the ledger says",
        "isthmus/supply_audit.py",
        "        return self.found <= self.ledger if self.busy else self.found == self.ledger",
        "        return self.busy or self.found == self.ledger",
        "tests/unit/test_integrity_view.py::test_a_busy_channel_is_held_to_a_bound_and_a_quiet_one_to_the_number",
    ),
)
