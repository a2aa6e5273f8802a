"""Defences of the Bitcoin light client and of its formats."""

from tests.mutants.support import Mutant

_TESTS = "tests/unit/test_light_client_bitcoin.py"
_UPDATE = "light_clients/bitcoin/update.py"
_PROOFS = "light_clients/bitcoin/proofs.py"
_CHAIN = "chainkit/formats/bitcoin/header_chain.py"
_MERKLE = "chainkit/formats/bitcoin/merkle.py"

MUTANTS = (
    Mutant(
        "bitcoin: proof of work",
        _CHAIN,
        "    check_proof_of_work(header, rules)\n",
        "",
        f"{_TESTS}::test_a_header_without_work_is_refused",
    ),
    Mutant(
        "bitcoin: retarget",
        _CHAIN,
        "    if header.bits != wanted:",
        "    if header.bits < 0:",
        f"{_TESTS}::test_retarget_is_checked",
    ),
    Mutant(
        "bitcoin: median time past of headers",
        _CHAIN,
        "    if header.time <= point.median_time_past:",
        "    if header.time < 0:",
        f"{_TESTS}::test_bad_headers_are_refused_by_name",
    ),
    Mutant(
        "bitcoin: host time is median time past",
        _UPDATE,
        "median_time_past=point.median_time_past",
        "median_time_past=point.header.time",
        f"{_TESTS}::test_time_is_median_time_past_not_the_header_s",
    ),
    Mutant(
        "bitcoin: minimum work",
        _UPDATE,
        "work_of(header.bits) < client.minimum_work",
        "work_of(header.bits) < 0",
        f"{_TESTS}::test_minimum_work",
    ),
    Mutant(
        "bitcoin: depth of a final block",
        _UPDATE,
        "tip.height - client.confirmations + 1",
        "tip.height",
        f"{_TESTS}::test_headers_make_blocks_final_at_their_depth",
    ),
    Mutant(
        "bitcoin: fork choice by work",
        _UPDATE,
        "    if tip.chain_work <= states.read_point(store, client.tip).chain_work:\n        return ()\n",
        "",
        f"{_TESTS}::test_a_lighter_branch_is_kept_and_changes_nothing",
    ),
    Mutant(
        "bitcoin: deep reorganisation freezes",
        _UPDATE,
        "    return on_chain is None or on_chain.header.hash != final.block_hash",
        "    return False",
        f"{_TESTS}::test_deep_reorganisation_freezes",
    ),
    Mutant(
        "bitcoin: a reorganisation above the final block does not freeze",
        _UPDATE,
        "    return on_chain is None or on_chain.header.hash != final.block_hash",
        "    return message.headers[0].previous_block != client.tip",
        f"{_TESTS}::test_short_reorganisation_changes_nothing",
    ),
    Mutant(
        "bitcoin: a deep reorganisation changes no final state",
        "ibc/ics02_client/clients.py",
        '            _emit(ctx, "client_misbehaviour", client_id)\n            return\n',
        '            _emit(ctx, "client_misbehaviour", client_id)\n',
        "tests/unit/test_utxo_reorganised.py",
    ),
    Mutant(
        "bitcoin: only more work freezes",
        _UPDATE,
        "    if points[-1].chain_work <= states.read_point(store, client.tip).chain_work:\n        return False\n",
        "",
        f"{_TESTS}::test_deep_reorganisation_in_parts_freezes",
    ),
    Mutant(
        "bitcoin: only a coinbase commits",
        _PROOFS,
        "    if not coinbase.is_coinbase or",
        "    if",
        f"{_TESTS}::test_only_the_coinbase_at_index_0",
    ),
    Mutant(
        "bitcoin: the last commitment counts",
        _PROOFS,
        "reversed(coinbase.outputs)",
        "coinbase.outputs",
        f"{_TESTS}::test_a_commitment_followed_by_another_proves_nothing",
    ),
    Mutant(
        "bitcoin: a connection's delay in blocks",
        "ibc/ics02_client/delays.py",
        "        if host_height(ctx) < first:\n",
        "        if False:\n",
        f"{_TESTS}::test_delays",
    ),
    Mutant(
        "bitcoin: branch depth by the number of transactions",
        _MERKLE,
        "    if len(branch) != tree_depth(count) or any(len(node) != 32 for node in branch):",
        "    if any(len(node) != 32 for node in branch):",
        f"{_TESTS}::test_only_the_coinbase_at_index_0",
    ),
    Mutant(
        "bitcoin: repeated subtrees (CVE-2012-2459)",
        _MERKLE,
        "        if left == right:",
        "        if left == b'':",
        "tests/unit/test_bitcoin_merkle.py::test_a_partial_tree_with_a_repeated_subtree_is_refused",
    ),
    Mutant(
        "bitcoin: first hash of a file of headers",
        "light_clients/bitcoin/header_file.py",
        "    if first_hash and parse_display_hash(first_hash) != start.header.hash:",
        "    if first_hash and not parse_display_hash(first_hash):",
        "tests/unit/test_cli_light_client.py::test_the_first_header_can_be_pinned",
    ),
    Mutant(
        "bitcoin: work of a file's first header",
        "light_clients/bitcoin/header_file.py",
        "    check_proof_of_work(start.header, network.rules)\n",
        "",
        "tests/unit/test_cli_light_client.py::test_a_first_header_without_work_is_wrong",
    ),
)
