"""The rules of integrity levels, each taken out once more: the random nets of chains must notice.

The machine (``tests/property/test_integrity_flows_long.py``) is the same at every run. A rule that
stands in two places, one behind the other, is taken out of both where that is one text, else the
outer one is named here.
"""

from tests.mutants.support import Mutant

_TEST = "tests/property/test_integrity_flows_long.py"
_RULES = "integrity/rules.py"
_GUARD = "integrity/guard.py"
_KEEPER = "integrity/lot_keeper.py"
_LOTS = "integrity/lots.py"
_ZONES = "integrity/zones.py"
_LEVELS = "integrity/levels.py"
_AXES = "integrity/axes.py"
_MONITOR = "integrity/monitor.py"
_MODULE = "integrity/module.py"
_ISOLATION = "integrity/isolation.py"
_FLOOD = "integrity/flood.py"
_ENDORSED = "integrity/endorsements.py"
_DOES = "integrity/corroboration.py"
_LIFT = "integrity/lifting.py"
_ROUTER = "ibc/ics26_routing/router.py"
_TIMEOUT_S = 600

_TABLE: tuple[tuple[str, str, str, str], ...] = (
    # What may flow.
    ("low to high", _RULES, "    if label < flow.destination:", "    if label < 0:"),
    (
        "a channel that wants more",
        _RULES,
        "    if flow.strict_equal and label == flow.destination:",
        "    if flow.strict_equal and label < 0:",
    ),
    (
        "the hub's own level",
        _RULES,
        "    if flow.destination > flow.hub:",
        "    if flow.destination > 4:",
    ),
    ("who is cut off", _RULES, "    if flow.isolated:", "    if flow.isolated and flow.label > 4:"),
    (
        "who is cut off is sent nothing",
        _GUARD,
        "        if chain.isolated:\n            raise ChainIsolated(chain.isolated)\n        if port_id",
        "        if port_id",
    ),
    (
        "a chain that nobody bound is of level 0",
        _GUARD,
        "LevelState(LOWEST), client_id=client_id)",
        "LevelState(Level(4)), client_id=client_id)",
    ),
    (
        "a port that took low data passes nothing up",
        _GUARD,
        "            store.lower_floor(destination.chain.name, destination.port, flow.label)\n",
        "            pass\n",
    ),
    (
        "a port that took a low lot passes nothing up",
        _KEEPER,
        "        if drawn.label() < wanted:\n",
        "        if drawn.label() < 0:\n",
    ),
    (
        "an answer from below is one bit",
        _GUARD,
        "        if chain.level.level >= hub_level(store):",
        "        if chain.level.level >= 0:",
    ),
    (
        "a preimage opens what was stored",
        _GUARD,
        "        if contents.preimage and self.hashes.is_open(ctx, sha256(contents.preimage)):",
        "        if contents.preimage:",
    ),
    # What returns.
    ("a return carries no memo", _GUARD, "            raise ReturnMemo\n", "            return\n"),
    (
        "a return names a plain receiver",
        _GUARD,
        "        if not _is_plain(contents.receiver):",
        "        if not contents.receiver:",
    ),
    (
        "nobody pays an escrow",
        _KEEPER,
        "        if store.is_escrow(owner):",
        "        if not owner:",
    ),
    (
        "a zone returns no more than it holds",
        _ZONES,
        "        raise ReturnExcess(",
        "        return replace(entry, held=0) or ReturnExcess(",
    ),
    (
        "the ledger before the application",
        _GUARD,
        "            came_home(store.zone(packet.destination_channel, denom), contents.amount)\n",
        "            store.zone(packet.destination_channel, denom)\n",
    ),
    (
        "a refund after a return",
        _ZONES,
        '        raise LedgerBroken(f"a refund of',
        '        return replace(entry, held=0) or LedgerBroken(f"a refund of',
    ),
    (
        "what goes home leaves the custody",
        _ZONES,
        "    return replace(entry, custody=entry.custody - amount, returning=entry.returning + amount)",
        "    return replace(entry, returning=entry.returning + amount)",
    ),
    (
        "what is taken back is held again",
        _ZONES,
        '        return replace(entry, held=entry.held + amount)\n    if amount > entry.custody:\n        raise LedgerBroken(f"{amount} of {entry.custody} in custody")\n    return replace(entry, custody=entry.custody - amount)\n',
        '        return entry\n    if amount > entry.custody:\n        raise LedgerBroken(f"{amount} of {entry.custody} in custody")\n    return replace(entry, custody=entry.custody - amount)\n',
    ),
    # Lots.
    (
        "a lot keeps its label on the hub",
        _KEEPER,
        "        wanted = LOWEST if goes_home else there.chain.level.level",
        "        wanted = LOWEST",
    ),
    (
        "the hub's own level binds its users",
        _KEEPER,
        "        if wanted > hub_level(store):",
        "        if wanted > 4:",
    ),
    (
        "a draw takes no lot below",
        _LOTS,
        "        part = 0 if lot.label < at_least or is_frozen(lot) else min(lot.amount, wanted)",
        "        part = 0 if is_frozen(lot) else min(lot.amount, wanted)",
    ),
    (
        "what several lots became has the least label",
        _LOTS,
        "        Level(min(first.label, second.label)),",
        "        Level(max(first.label, second.label)),",
    ),
    (
        "an escrow keeps the labels of its lots",
        _KEEPER,
        "            store.set_pool(channel_id, coin.denom, add(pool, drawn.taken))\n        store.set_zone",
        "            store.set_pool(channel_id, coin.denom, pool)\n        store.set_zone",
    ),
    (
        "lots follow gifts",
        _KEEPER,
        "add(store.lots(receiver, coin.denom), drawn.taken))",
        "store.lots(receiver, coin.denom))",
    ),
    (
        "a refund gives the lots back",
        _KEEPER,
        "        store.set_lots(owner, coin.denom, add(store.lots(owner, coin.denom), lots))\n\n    def moved",
        "\n    def moved",
    ),
    (
        "quarantine",
        _KEEPER,
        "        return since is not None and lot.height >= since",
        "        return False",
    ),
    # What was under way.
    (
        "what fell under way waits",
        _ROUTER,
        "                    if rule.check_receive(ctx, source, packet, relayer) is Admission.HOLD:",
        "                    if rule.check_receive(ctx, source, packet, relayer) is None:",
    ),
    (
        "what waits is judged by the level that its source has now",
        _GUARD,
        "            label=min(state.level, below),",
        "            label=min(was, below),",
    ),
    (
        "who asks in vain gains no time",
        _MODULE,
        "        if any(each.packet == held.packet for each in store.held()):",
        "        if not held.source:",
    ),
    (
        "what waits is refused when its time is over",
        _MODULE,
        "            if ctx.height >= held.deadline:",
        "            if ctx.height >= held.deadline + 10**6:",
    ),
    (
        "only what was under way waits",
        _LEVELS,
        "    if state.fell_at is None or state.previous is None or height > state.fell_at + hold_blocks:",
        "    if state.fell_at is None or state.previous is None:",
    ),
    # Levels.
    (
        "the least axis, not the mean",
        _AXES,
        "    level = min((entry.level for entry in axes), default=LOWEST)",
        "    level = Level(sum(entry.level for entry in axes) // max(len(axes), 1))",
    ),
    (
        "a fall is whole and instant",
        _LEVELS,
        "            level=target,\n            above_since=None,",
        "            level=Level(state.level - 1),\n            above_since=None,",
    ),
    ("a rise waits", _LEVELS, "    if lasted < params.rise_epochs:", "    if lasted < 0:"),
    (
        "a rise waits for its confirmation",
        _LEVELS,
        "    if state.confirmed_at is None or epoch < state.confirmed_at + params.confirm_delay_epochs:",
        "    if state.confirmed_at is not None and epoch < state.confirmed_at:",
    ),
    (
        "a rise waits after its confirmation",
        _LEVELS,
        " or epoch < state.confirmed_at + params.confirm_delay_epochs:",
        ":",
    ),
    ("a cap", _LEVELS, "    target = min(computed, state.cap)", "    target = computed"),
    (
        "a fraud is not forgotten at once",
        _MONITOR,
        "            if since < params.fraud_epochs:",
        "            if since < 0:",
    ),
    # Isolation.
    (
        "a proved fraud counts",
        _MONITOR,
        "        if frozen and chain.isolated != FROZEN:",
        "        if frozen and chain.isolated == FROZEN:",
    ),
    (
        "a fraud freezes what came lately",
        _ISOLATION,
        "    store.freeze(chain.name, last_known_good(params, ctx.height))\n",
        "",
    ),
    (
        "who inflates is cut off",
        _GUARD,
        "        if chain is not None and chain.isolated not in FRAUDS:",
        "        if chain is not None and chain.isolated in FRAUDS:",
    ),
    (
        "who inflates falls in the next block",
        _GUARD,
        "            store.convict(chain.name)\n",
        "",
    ),
    (
        "only a zone's own fraud cuts it off",
        _GUARD,
        "        if not isinstance(refusal, ReturnExcess):",
        "        if not isinstance(refusal, RuleBroken):",
    ),
    (
        "who halts is cut off",
        _MONITOR,
        "        if stale and not chain.isolated:",
        "        if stale and chain.isolated:",
    ),
    (
        "who moves again is joined again",
        _MONITOR,
        "        if chain.isolated == HALTED and not chain.silent_epochs:",
        "        if chain.isolated == HALTED:",
    ),
    (
        "the quota of a zone",
        _GUARD,
        "        if used >= params.packets_per_epoch:",
        "        if used < 0:",
    ),
    (
        "who floods is cut off",
        _ISOLATION,
        "    if params.flood_epochs and row >= params.flood_epochs:",
        "    if params.flood_epochs and row < 0:",
    ),
    (
        "a busy epoch is no flood",
        _ISOLATION,
        "    row = traffic.full_epochs + 1 if follows else 1",
        "    row = traffic.full_epochs + 1",
    ),
    (
        "a flood stops at the mempool",
        _FLOOD,
        "        if used >= params.packets_per_epoch:",
        "        if used < 0:",
    ),
    (
        "what is cut off fills no block",
        _FLOOD,
        "        if chain.isolated:",
        "        if not chain.name:",
    ),
    # Endorsements.
    (
        "an endorsement lifts no higher than its level",
        _RULES,
        "    label = max(flow.label, -1 if flow.endorsed is None else flow.endorsed)",
        "    label = flow.label if flow.endorsed is None else 4",
    ),
    (
        "as many sources as the hub demands",
        _ENDORSED,
        "    if len(words) < need.sources:\n        return None\n    return words[need.sources - 1]",
        "    if not words:\n        return None\n    return words[-1]",
    ),
    (
        "operators, not keys",
        _ENDORSED,
        "    if any(each.operator == vouch.operator for each in endorsement.vouches):",
        "    if any(each.source == vouch.source for each in endorsement.vouches):",
    ),
    (
        "not the origin's own operator",
        _ENDORSED,
        "    if vouch.operator == origin_operator:",
        "    if not vouch.operator:",
    ),
    (
        "not by a look at the origin alone",
        _ENDORSED,
        "    if vouch.chain == endorsement.key.origin:",
        "    if not vouch.chain:",
    ),
    (
        "the sender is no witness",
        _ENDORSED,
        "        if stands and high and vouch.account != need.sender:",
        "        if stands and high:",
    ),
    (
        "the sources' chains as they are now",
        _ENDORSED,
        "        high = need.standing(vouch.chain) >= endorsement.key.level - 1",
        "        high = need.standing(vouch.chain) >= -2",
    ),
    (
        "who looks at a low chain",
        _DOES,
        "        if standing < key.level - 1:",
        "        if standing < -2:",
    ),
    (
        "the time for challenges",
        _LIFT,
        "    return ready is not None and height >= ready",
        "    return ready is not None",
    ),
    (
        "a challenge stops an endorsement",
        _ENDORSED,
        "    if endorsement.state is not State.OPEN or endorsement.challenger:\n        return None",
        "    if endorsement.state is not State.OPEN:\n        return None",
    ),
    (
        "a false endorsement lifts nothing",
        _DOES,
        "            decided = replace(found, vouches=gone, state=State.FALSE)",
        "            decided = replace(found, vouches=gone)",
    ),
    (
        "an endorsement lifts one packet",
        _GUARD,
        '            use(ctx, open_endorsements(ctx), lift, "/".join(map(str, end)))\n',
        "",
    ),
    (
        "an endorsement is of these data alone",
        _ENDORSED,
        '    return _hash(b"packet", origin.encode(), port_id.encode(), channel_id.encode(), data)',
        '    return _hash(b"packet", origin.encode(), port_id.encode(), channel_id.encode(), data[:0])',
    ),
    (
        "the source's own account speaks",
        _DOES,
        "        if source is None or source.account != message.signer:",
        "        if source is None:",
    ),
    (
        "one client, one chain",
        _MODULE,
        "        if store.chain_of_client(message.client_id) is not None:",
        "        if not message.client_id:",
    ),
    # Who decides.
    *(
        (f"governance alone: {name}", _MODULE, old, new)
        for name, old, new in (
            (
                "binding",
                "        if message.signer not in {self._authority, params.registrar}:",
                "        if not message.signer:",
            ),
            (
                "a cap is the operator's",
                "        if self._text(message.signer) != chain.operator:",
                "        if not message.signer:",
            ),
            (
                "the rest",
                "        if signer != self._authority:",
                "        if not signer:",
            ),
        )
    ),
)

MUTANTS = tuple(
    Mutant(f"flows: {name}", file, old, new, _TEST, _TIMEOUT_S) for name, file, old, new in _TABLE
)
