"""Interchain accounts: nobody else's account, nothing that is not allowed, one channel."""

from tests.mutants.support import Mutant

_TESTS = "tests/unit/test_ibc_accounts.py"
_HOST = "ibc/ics27_accounts/host.py"
_CONTROLLER = "ibc/ics27_accounts/controller.py"

MUTANTS = [
    Mutant(
        "accounts: the account signs for nobody else",
        _HOST,
        "        if texts != {account}:",
        "        if not texts:",
        f"{_TESTS}::test_the_account_signs_for_nobody_else",
    ),
    Mutant(
        "accounts: only allowed messages",
        _HOST,
        "            if not params.allows(packed.type_url):",
        "            if not packed.type_url:",
        f"{_TESTS}::test_the_host_says_which_messages",
    ),
    Mutant(
        "accounts: port and connection are hashed apart",
        _HOST,
        '    return Address(sha256(b"".join(map(sha256, parts)))[:20])',
        '    return Address(sha256(b"".join(parts))[:20])',
        f"{_TESTS}::test_each_owner_and_connection_has_its_own_account",
    ),
    Mutant(
        "accounts: one channel of an owner",
        _CONTROLLER,
        "        if end.state is not ChannelState.CLOSED:",
        "        if end.state is ChannelState.CLOSED:",
        f"{_TESTS}::test_one_channel_at_a_time",
    ),
    Mutant(
        "accounts: only governance says what is allowed",
        "ibc/ics27_accounts/module.py",
        '        require_authority(message.signer, self._environment.ledger.module_address("gov"))\n'
        "        set_host_params(ctx, message.params)",
        "        set_host_params(ctx, message.params)",
        f"{_TESTS}::test_the_host_says_which_messages",
    ),
    Mutant(
        "accounts: the connections of the version are the channel's",
        "ibc/ics27_accounts/codec.py",
        "    if (metadata.controller_connection_id, metadata.host_connection_id) != (controller, host):",
        "    if not metadata.controller_connection_id:",
        f"{_TESTS}::test_versions_are_checked",
    ),
]
