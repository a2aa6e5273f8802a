"""Defences of the packet layer."""

from tests.mutants.support import Mutant

_PACKETS = "ibc/ics04_channel/packets.py"
_CORE = "tests/unit/test_ibc_core.py"
_TRANSFER = "tests/unit/test_ibc_transfer.py"

MUTANTS = [
    Mutant(
        "ibc-receipt-on-receive",
        _PACKETS,
        "            store.set(path, _RECEIPT)\n",
        "",
        f"{_TRANSFER}::test_a_packet_is_received_once",
    ),
    Mutant(
        "ibc-commitment-deleted-before-the-timeout-callback",
        _PACKETS,
        "        ctx.store(paths.STORE_NAME).delete(_commitment_path(packet))\n"
        "        if end.ordering is Order.ORDERED:\n"
        "            closed",
        "        if end.ordering is Order.ORDERED:\n            closed",
        f"{_CORE}::test_a_callback_that_times_the_packet_out_again_finds_it_done",
    ),
    Mutant(
        "ibc-commitment-deleted-before-the-acknowledgement-callback",
        _PACKETS,
        "        ctx.store(paths.STORE_NAME).delete(_commitment_path(packet))\n"
        '        events.emit_packet(ctx, "acknowledge_packet", packet, end)',
        '        events.emit_packet(ctx, "acknowledge_packet", packet, end)',
        f"{_CORE}::test_a_callback_that_acknowledges_again_finds_it_done",
    ),
    Mutant(
        "ibc-timeout-checked-on-receive",
        _PACKETS,
        "        if has_timed_out(packet, self_height(ctx), ctx.time):\n",
        "        if False:\n",
        f"{_TRANSFER}::test_a_receive_after_the_timeout_is_refused_and_refunded",
    ),
    Mutant(
        "ibc-timeout-checked-on-timeout",
        _PACKETS,
        "        if not has_timed_out(packet, message.proof_height, time_there):\n",
        "        if False:\n",
        f"{_TRANSFER}::test_a_receive_after_the_timeout_is_refused_and_refunded",
    ),
    Mutant(
        "ibc-acknowledgement-encodes-back",
        "ibc/ics04_channel/acknowledgement.py",
        "    if canonical != data:\n",
        "    if False:\n",
        f"{_TRANSFER}::test_an_acknowledgement_must_encode_back",
    ),
    Mutant(
        "ibc-refused-receive-is-undone",
        "ibc/ics26_routing/router.py",
        "            dropped = savepoint.discard()\n",
        "            dropped = ()\n",
        f"{_TRANSFER}::test_events_of_a_refused_receive_are_prefixed",
    ),
    Mutant(
        "ibc-blocked-receivers",
        "ibc/ics20_transfer/transfers.py",
        "        if self.ledger.is_blocked(receiver):\n",
        "        if False:\n",
        f"{_TRANSFER}::test_a_blocked_receiver_is_refused_without_a_trace",
    ),
    Mutant(
        "ibc-escrows-pay-no-more-than-came",
        "ibc/ics20_transfer/state.py",
        "    if total < 0:\n",
        "    if total < -(10**9):\n",
        f"{_TRANSFER}::test_a_gift_to_an_escrow_pays_for_no_vouchers_out_of_nothing",
    ),
    Mutant(
        "ibc-forward-answers-only-after-the-last-hop",
        "ibc/forward/application.py",
        "        self._send_on(ctx, waiting, data, instruction, coin)\n        return None\n",
        "        self._send_on(ctx, waiting, data, instruction, coin)\n        return ACCEPTED\n",
        "tests/unit/test_ibc_forward.py::test_a_token_crosses_two_hops_and_the_answer_waits",
    ),
]
