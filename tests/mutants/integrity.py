"""Defences of integrity levels and of the ledger of zones."""

from tests.mutants.support import Mutant

_RULES = "integrity/rules.py"
_LEVELS = "integrity/levels.py"
_ZONES = "integrity/zones.py"
_AXES = "integrity/axes.py"
_LOTS = "integrity/lots.py"
_GUARD = "integrity/guard.py"
_KEEPER = "integrity/lot_keeper.py"
_MONITOR = "integrity/monitor.py"
_MODULE = "integrity/module.py"
_ISOLATION = "integrity/isolation.py"
_ROUTER = "ibc/ics26_routing/router.py"
_T_GUARD = "tests/unit/test_integrity_guard.py"
_T_MODULE = "tests/unit/test_integrity_module.py"
_T_RULES = "tests/unit/test_integrity_rules.py"
_T_LEVELS = "tests/unit/test_integrity_levels.py"
_T_ZONES = "tests/unit/test_integrity_zones.py"
_T_ISOLATION = "tests/unit/test_integrity_isolation.py"
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
    Mutant(
        "integrity: a chain that nobody bound is of level 0",
        _GUARD,
        "LevelState(LOWEST), client_id=client_id)",
        "LevelState(Level(4)), client_id=client_id)",
        f"{_T_GUARD}::test_a_channel_nobody_bound_is_of_level_0",
    ),
    Mutant(
        "integrity: a return carries no memo",
        _GUARD,
        "            raise ReturnMemo\n",
        "            return\n",
        f"{_T_GUARD}::test_what_returns_upward_carries_nothing_else",
    ),
    Mutant(
        "integrity: a return names a plain receiver",
        _GUARD,
        "        if not _is_plain(contents.receiver):",
        "        if not contents.receiver:",
        f"{_T_GUARD}::test_what_returns_upward_carries_nothing_else",
    ),
    Mutant(
        "integrity: the ledger before the application",
        _GUARD,
        "            came_home(store.zone(packet.destination_channel, denom), contents.amount)\n",
        "            store.zone(packet.destination_channel, denom)\n",
        f"{_T_GUARD}::test_a_zone_returns_no_more_than_the_ledger_says",
    ),
    Mutant(
        "integrity: the quota of a zone",
        _GUARD,
        "        if used >= params.packets_per_epoch:",
        "        if used < 0:",
        f"{_T_GUARD}::test_a_zone_that_floods_meets_its_quota",
    ),
    Mutant(
        "integrity: a port that took low data",
        _GUARD,
        "            store.lower_floor(destination.chain.name, destination.port, flow.label)\n",
        "            pass\n",
        f"{_T_GUARD}::test_whose_word_it_was_demotes_the_port_too",
    ),
    Mutant(
        "integrity: an answer from below is one bit",
        _GUARD,
        "        if chain.level.level >= hub_level(store):",
        "        if chain.level.level >= 0:",
        f"{_T_GUARD}::test_an_answer_from_below_is_one_bit",
    ),
    Mutant(
        "integrity: isolation of what is sent",
        _GUARD,
        "        if chain.isolated:",
        "        if not chain.name:",
        f"{_T_GUARD}::test_an_isolated_chain_neither_sends_nor_receives",
    ),
    Mutant(
        "integrity: the hub's own level binds its users",
        _KEEPER,
        "        if wanted > hub_level(store):",
        "        if wanted > 4:",
        f"{_T_GUARD}::test_users_of_a_hub_that_fell_send_nothing_upward_but_what_goes_home",
    ),
    Mutant(
        "integrity: a lot of the hub's users keeps its label",
        _KEEPER,
        "        wanted = LOWEST if goes_home else there.chain.level.level",
        "        wanted = LOWEST",
        f"{_T_GUARD}::test_a_lot_keeps_its_label_on_the_hub",
    ),
    Mutant(
        "integrity: an escrow keeps the labels of its lots",
        _KEEPER,
        "            store.set_pool(channel_id, coin.denom, add(pool, drawn.taken))\n        store.set_zone",
        "            store.set_pool(channel_id, coin.denom, pool)\n        store.set_zone",
        f"{_T_GUARD}::test_no_chain_in_between_strips_a_label",
    ),
    Mutant(
        "integrity: lots follow gifts",
        _KEEPER,
        "add(store.lots(receiver, coin.denom), drawn.taken))",
        "store.lots(receiver, coin.denom))",
        f"{_T_GUARD}::test_lots_follow_moves_between_accounts",
    ),
    Mutant(
        "integrity: quarantine",
        _KEEPER,
        "        return since is not None and lot.height >= since",
        "        return False",
        f"{_T_GUARD}::test_a_proved_fraud_isolates_and_freezes_what_was_accepted_lately",
    ),
    Mutant(
        "integrity: a hold keeps the application out",
        _ROUTER,
        "                    if rule.check_receive(ctx, source, packet, relayer) is Admission.HOLD:",
        "                    if rule.check_receive(ctx, source, packet, relayer) is None:",
        f"{_T_GUARD}::test_what_was_under_way_when_its_source_fell_is_held",
    ),
    Mutant(
        "integrity: who binds clients",
        _MODULE,
        "        if message.signer not in {self._authority, params.registrar}:",
        "        if not message.signer:",
        f"{_T_MODULE}::test_only_registrar_and_governance_bind_and_only_once",
    ),
    Mutant(
        "integrity: one client, one chain",
        _MODULE,
        "        if store.chain_of_client(message.client_id) is not None:",
        "        if not message.client_id:",
        f"{_T_MODULE}::test_a_client_stands_for_one_chain_and_must_exist",
    ),
    Mutant(
        "integrity: a proved fraud counts",
        _MONITOR,
        "        if frozen and chain.isolated != FROZEN:",
        "        if frozen and chain.isolated == FROZEN:",
        f"{_T_MODULE}::test_a_frozen_client_is_a_proved_fraud",
    ),
    Mutant(
        "integrity: who inflates is cut off",
        _GUARD,
        "        if chain is not None and chain.isolated not in FRAUDS:",
        "        if chain is not None and chain.isolated in FRAUDS:",
        f"{_T_ISOLATION}::test_a_zone_that_sends_back_more_than_it_holds_is_cut_off_by_the_ledger",
    ),
    Mutant(
        "integrity: who inflates falls in the next block",
        _GUARD,
        "            store.convict(chain.name)\n",
        "",
        f"{_T_ISOLATION}::test_an_inflating_zones_level_falls_in_the_next_block",
    ),
    Mutant(
        "integrity: only a zone's own fraud cuts it off",
        _GUARD,
        "        if not isinstance(refusal, ReturnExcess):",
        "        if not isinstance(refusal, RuleBroken):",
        f"{_T_ISOLATION}::test_other_refusals_cut_nobody_off",
    ),
    Mutant(
        "integrity: a refusal over v2 is heard",
        "ibc/v2/router.py",
        "            rule.hear_refusal(ctx, source, refusal)",
        "            del rule",
        f"{_T_ISOLATION}::test_an_inflating_zone_is_cut_off_over_v2_too",
    ),
    Mutant(
        "integrity: who floods is cut off",
        _ISOLATION,
        "    if params.flood_epochs and row >= params.flood_epochs:",
        "    if params.flood_epochs and row < 0:",
        f"{_T_ISOLATION}::test_a_zone_that_floods_epoch_after_epoch_is_cut_off_by_its_quota",
    ),
    Mutant(
        "integrity: a busy epoch is no flood",
        _ISOLATION,
        "    row = traffic.full_epochs + 1 if follows else 1",
        "    row = traffic.full_epochs + 1",
        f"{_T_ISOLATION}::test_a_busy_zone_is_not_cut_off_for_single_epochs",
    ),
    Mutant(
        "integrity: a preimage rises to a hash that was stored",
        _GUARD,
        "        if contents.preimage and self.hashes.is_open(ctx, sha256(contents.preimage)):",
        "        if contents.preimage:",
        "tests/unit/test_htlc_locks.py::test_32_bytes_that_open_nothing_do_not_rise",
    ),
    Mutant(
        "integrity: a flood stops at the mempool",
        "integrity/flood.py",
        "        if used >= params.packets_per_epoch:",
        "        if used < 0:",
        "tests/unit/test_integrity_flood.py::test_a_flood_stops_at_the_mempool",
    ),
    Mutant(
        "integrity: what is cut off fills no block",
        "integrity/flood.py",
        "        if chain.isolated:",
        "        if not chain.name:",
        "tests/unit/test_integrity_flood.py::test_what_is_cut_off_fills_no_block",
    ),
    Mutant(
        "integrity: a proof counts whenever the next block is measured",
        _MONITOR,
        "        chains = store.chains() if boundary else self._touched(ctx, store, since, convicted)",
        "        chains = store.chains() if boundary else self._touched(ctx, store, ctx.height, convicted)",
        "tests/unit/test_integrity_monitor.py::test_a_proof_is_not_lost_where_blocks_were_not_measured",
    ),
    Mutant(
        "integrity: a channel that wants more takes no equal lot",
        _KEEPER,
        "            least += 1\n",
        "            least += 0\n",
        "tests/unit/test_integrity_labels.py::test_a_channel_that_wants_more_takes_no_equal_lot_of_a_user",
    ),
    Mutant(
        "integrity: plain data above the hub",
        _GUARD,
        "            judge(Flow(hub, hub, chain.level.level, hub))",
        "            judge(Flow(hub, hub, hub, hub))",
        "tests/unit/test_integrity_guard.py::test_plain_data_of_the_hub_goes_no_higher_than_the_hub",
    ),
)
