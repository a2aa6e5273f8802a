"""IBC v2: a counterparty once, proofs of the right keys, one answer, limits of time."""

from tests.mutants.support import Mutant

_INTEGRITY = "tests/unit/test_integrity_v2.py"
_TESTS = "tests/unit/test_ibc_v2.py"
_PACKETS = "ibc/v2/packets.py"
_ROUTER = "ibc/v2/router.py"
_PARTIES = "ibc/v2/counterparties.py"
_TRANSFER = "ibc/ics20_transfer/payloads.py"

MUTANTS = [
    Mutant(
        "v2: only who made a client registers its counterparty",
        _PARTIES,
        "    if store.get(paths.CLIENT_CREATOR) != signer:",
        "    if store.get(paths.CLIENT_CREATOR) is None:",
        f"{_TESTS}::test_only_who_made_a_client_registers_its_counterparty_once",
    ),
    Mutant(
        "v2: a counterparty is registered once",
        _PARTIES,
        "    if counterparty_of(ctx, client_id) is not None:",
        "    if counterparty_of(ctx, client_id) == counterparty.merkle_prefix:",
        f"{_TESTS}::test_only_who_made_a_client_registers_its_counterparty_once",
    ),
    Mutant(
        "v2: only allowed relayers",
        _PARTIES,
        "    if allowed and relayer not in",
        "    if not allowed and relayer not in",
        f"{_TESTS}::test_only_allowed_relayers_relay",
    ),
    Mutant(
        "v2: only the counterparty's packets",
        _PACKETS,
        "    if counterparty.client_id != other:",
        "    if not counterparty.client_id:",
        f"{_TESTS}::test_a_packet_of_another_client_is_not_received",
    ),
    Mutant(
        "v2: a late packet is not received",
        _PACKETS,
        "        if _seconds(ctx.time) >= packet.timeout_timestamp:",
        "        if _seconds(ctx.time) >= packet.timeout_timestamp + 1_000:",
        f"{_TESTS}::test_a_late_packet_is_refunded",
    ),
    Mutant(
        "v2: no timeout before its time",
        _PACKETS,
        "        if there < packet.timeout_timestamp:",
        "        if there < 0:",
        f"{_TESTS}::test_a_late_packet_is_refunded",
    ),
    Mutant(
        "v2: receipt on receive",
        _PACKETS,
        "        store.set(receipt, _RECEIPT)\n",
        "        store.set(receipt + b'x', _RECEIPT)\n",
        f"{_TESTS}::test_a_token_goes_and_comes_home",
    ),
    Mutant(
        "v2: a timeout needs the receipt's absence",
        _PACKETS,
        "                counterparty, paths.packet_receipt_v2(packet.destination_client, packet.sequence)\n",
        "                counterparty, paths.packet_receipt_v2(packet.source_client, 99)\n",
        f"{_TESTS}::test_a_received_packet_does_not_time_out",
    ),
    Mutant(
        "v2: the packet that was sent",
        _PACKETS,
        "        if commitment != commit_packet_v2(packet):",
        "        if not commitment:",
        f"{_TESTS}::test_another_packet_has_no_proof",
    ),
    Mutant(
        "v2: commitment deleted before callback",
        _PACKETS,
        '        self._drop(ctx, packet)\n        emit_packet_v2(ctx, "acknowledge_packet", packet)',
        '        emit_packet_v2(ctx, "acknowledge_packet", packet)',
        f"{_TESTS}::test_the_commitment_is_gone_before_the_application_hears",
    ),
    Mutant(
        "v2: fields are hashed before they are joined",
        "ibc/v2/commitments.py",
        '    return sha256(b"".join(map(sha256, fields)))',
        '    return sha256(b"".join(fields))',
        f"{_TESTS}::test_bytes_cannot_move_between_fields",
    ),
    Mutant(
        "v2: a refusal undoes every payload",
        _ROUTER,
        "                dropped = savepoint.discard()",
        "                dropped = ()",
        f"{_TESTS}::test_a_refusal_answers_for_all_payloads_and_refunds",
    ),
    Mutant(
        "v2: rules judge what is received",
        _ROUTER,
        "            rule.check_receive(ctx, source, seen, relayer) is Admission.HOLD",
        "            rule is Admission.HOLD",
        f"{_TESTS}::test_rules_judge_payloads_in_every_encoding",
    ),
    Mutant(
        "v2: rules judge what is sent",
        _ROUTER,
        "                rule.check_send(ctx, destination, payload.source_port, payload.value)",
        "                pass",
        f"{_TESTS}::test_rules_judge_what_is_sent",
    ),
    Mutant(
        "v2: nobody sends for another",
        _TRANSFER,
        "        if parse_address(data.sender, self.transfers.account_prefix) != signer:",
        "        if not parse_address(data.sender, self.transfers.account_prefix):",
        f"{_TESTS}::test_nobody_sends_for_another",
    ),
    Mutant(
        "v2: no slash in a base",
        _TRANSFER,
        '        if "/" in denom.base:',
        '        if "//" in denom.base:',
        f"{_TESTS}::test_a_base_with_a_slash_does_not_go",
    ),
    Mutant(
        "v2: both ports are transfer",
        _TRANSFER,
        "    if (payload.source_port, payload.destination_port) != (PORT_ID, PORT_ID):",
        "    if payload.source_port != PORT_ID:",
        f"{_TESTS}::test_nobody_sends_for_another",
    ),
    Mutant(
        "v2: no forwarding by memo",
        "ibc/forward/payloads.py",
        "        self.read(entry)\n        return self.inner",
        "        return self.inner",
        f"{_TESTS}::test_a_memo_that_asks_to_forward_is_refused",
    ),
    Mutant(
        "v2: a packet takes from the hub once",
        "integrity/lot_keeper.py",
        "        if store.has_sent(port_id, channel_id, sequence):",
        "        if not channel_id:",
        f"{_INTEGRITY}::test_two_payloads_of_one_port_are_refused",
    ),
    Mutant(
        "v2: a packet brings the hub one payload of a port",
        "integrity/guard.py",
        "        if is_v2 and store.packet(*end) is not None:",
        "        if not end:",
        f"{_INTEGRITY}::test_two_payloads_of_one_port_are_refused",
    ),
    Mutant(
        "v2: the guard finds the chain of a client",
        "ibc/ics26_routing/remotes.py",
        "        return RemotePort(client_id, port_id)\n",
        "        return None\n",
        f"{_INTEGRITY}::test_a_low_lot_does_not_rise_by_v2",
    ),
    Mutant(
        "v2: a list of relayers silences no report of misbehaviour",
        "ibc/ics26_routing/routes.py",
        "            _silent(report),",
        "            _silent(update),",
        f"{_TESTS}::test_a_list_of_relayers_silences_no_report_of_misbehaviour",
    ),
]
