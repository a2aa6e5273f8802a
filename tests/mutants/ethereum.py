"""Defences of RLP, of Ethereum's formats and of its trie's proofs."""

from tests.mutants.support import Mutant

_RLP = "chainkit/wire/rlp.py"
_PROOFS = "chainkit/commitments/patricia_trie/proofs.py"
_TRIE = "chainkit/commitments/patricia_trie/trie.py"
_FORMATS = "chainkit/formats/ethereum"
_RLP_TESTS = "tests/unit/test_rlp.py"
_TRIE_TESTS = "tests/unit/test_patricia_trie.py"
_FORMAT_TESTS = "tests/unit/test_ethereum_formats.py"
_TX_TESTS = "tests/unit/test_ethereum_transactions.py"
_BROKEN_RLP = f"{_RLP_TESTS}::test_what_is_not_canonical_is_refused_by_name"
_BROKEN_NODES = f"{_TRIE_TESTS}::test_nodes_that_no_trie_has_are_refused_by_name"
_FIXED_LENGTH = f"{_TRIE_TESTS}::test_under_hashed_keys_lengths_are_checked"
_BROKEN_EXTRA = f"{_FORMAT_TESTS}::test_broken_extra_data_are_refused_by_name"

MUTANTS = (
    Mutant(
        "rlp: trailing bytes",
        _RLP,
        "    if stop != len(data):",
        "    if stop > len(data):",
        _BROKEN_RLP,
    ),
    Mutant(
        "rlp: minimal lengths",
        _RLP,
        "        if size <= _SHORT:\n            raise",
        "        if size < 0:\n            raise",
        _BROKEN_RLP,
    ),
    Mutant(
        "rlp: leading zero of a length",
        _RLP,
        "        if data[at + 1] == 0:",
        "        if data[at + 1] < 0:",
        _BROKEN_RLP,
    ),
    Mutant(
        "rlp: a wrapped byte",
        _RLP,
        "    if size == 1 and not is_list and data[start] < _STRING:",
        "    if size == 1 and not is_list and data[start] < 0:",
        _BROKEN_RLP,
    ),
    Mutant(
        "rlp: an item within what encloses it",
        _RLP,
        "    if size > end - start:",
        "    if size > len(data) - start:",
        _BROKEN_RLP,
    ),
    Mutant(
        "rlp: depth",
        _RLP,
        "        if depth >= self.max_depth:",
        "        if depth > self.max_depth:",
        f"{_RLP_TESTS}::test_limits_are_exact",
    ),
    Mutant(
        "rlp: count of items",
        _RLP,
        "        self.items_left -= 1\n",
        "",
        f"{_RLP_TESTS}::test_limits_are_exact",
    ),
    Mutant(
        "rlp: minimal numbers",
        _RLP,
        '    if data[:1] == b"\\x00":',
        '    if data == b"":',
        f"{_RLP_TESTS}::test_numbers",
    ),
    Mutant(
        "rlp: minimal lengths, compiled",
        "chainkit/wire/_rlp.pyx",
        "        if size <= 55:\n            return False",
        "        if size < 0:\n            return False",
        _BROKEN_RLP,
        timeout_s=300,
        extension="chainkit.wire._rlp",
    ),
    Mutant(
        "trie proof: hashes",
        _PROOFS,
        "        if keccak256(node) != reference:",
        "        if len(reference) != _HASH_BYTES:",
        f"{_TRIE_TESTS}::test_every_changed_byte_of_a_proof_is_refused",
    ),
    Mutant(
        "trie proof: unused nodes",
        _PROOFS,
        "        if self.used != len(self.nodes):",
        "        if self.used > len(self.nodes):",
        f"{_TRIE_TESTS}::test_nodes_are_those_of_the_path_in_order",
    ),
    Mutant(
        "trie proof: size",
        _PROOFS,
        "        if len(nodes) > MAX_PROOF_NODES or size > MAX_PROOF_BYTES:",
        "        if len(nodes) > MAX_PROOF_NODES:",
        f"{_TRIE_TESTS}::test_huge_proofs_are_refused_before_they_are_hashed",
    ),
    Mutant(
        "trie proof: extension of length 0",
        _PROOFS,
        "        if not own:",
        "        if own is None:",
        _BROKEN_NODES,
    ),
    Mutant(
        "trie proof: size of embedded nodes",
        _PROOFS,
        "            if len(encode(reference)) >= _HASH_BYTES:",
        "            if len(encode(reference)) >= MAX_PROOF_BYTES:",
        _BROKEN_NODES,
    ),
    Mutant(
        "trie proof: size of hashed nodes",
        _PROOFS,
        "        if position and len(node) < _HASH_BYTES:",
        "        if position and not node:",
        _BROKEN_NODES,
    ),
    Mutant(
        "trie proof: an extension leads to a branch",
        _PROOFS,
        "            needs_branch = not is_branch",
        "            needs_branch = False",
        _BROKEN_NODES,
    ),
    Mutant(
        "trie proof: branches of two",
        _PROOFS,
        "        if len([child for child in items if child]) < 2:",
        "        if len([child for child in items if child]) < 1:",
        _BROKEN_NODES,
    ),
    Mutant(
        "trie proof: depth of a node's lists",
        _PROOFS,
        "_MAX_NODE_DEPTH = 4",
        "_MAX_NODE_DEPTH = 9",
        f"{_TRIE_TESTS}::test_a_node_that_is_no_rlp_is_refused",
    ),
    Mutant(
        "trie proof: a value at a branch",
        _PROOFS,
        "            if value:\n",
        "            if not path and value:\n",
        _FIXED_LENGTH,
    ),
    Mutant(
        "trie proof: length of a leaf's path",
        _PROOFS,
        "            if self.has_fixed_length and len(own) != len(path):",
        "            if self.has_fixed_length and len(own) < len(path):",
        _FIXED_LENGTH,
    ),
    Mutant(
        "trie proof: a path beyond its key",
        _PROOFS,
        "        if self.has_fixed_length and len(own) >= len(path):",
        "        if self.has_fixed_length and not path:",
        _FIXED_LENGTH,
    ),
    Mutant(
        "trie: a failed write is not remembered",
        _TRIE,
        "            self._store.write(changes)\n            self._engine.mark_stored(fresh)\n",
        "            self._engine.mark_stored(fresh)\n            self._store.write(changes)\n",
        f"{_TRIE_TESTS}::test_a_store_that_fails_is_given_the_nodes_again",
    ),
    Mutant(
        "ethereum: parity of typed transactions",
        f"{_FORMATS}/transactions.py",
        "    if parity > 1:",
        "    if parity > 2:",
        f"{_TX_TESTS}::test_a_wrong_parity_is_refused",
    ),
    Mutant(
        "ethereum: parity of legacy transactions",
        f"{_FORMATS}/transactions.py",
        "    elif v >= _PROTECTED_V:",
        "    elif v > _UNPROTECTED_V:",
        f"{_TX_TESTS}::test_a_legacy_v_without_meaning_is_refused",
    ),
    Mutant(
        "ethereum: the chain id is signed",
        f"{_FORMATS}/transactions.py",
        '        fields = (*fields, encode_uint(transaction.chain_id), b"", b"")\n',
        '        fields = (*fields, b"", b"", b"")\n',
        f"{_TX_TESTS}::test_another_chain_gives_another_sender",
    ),
    Mutant(
        "ethereum: low s",
        f"{_FORMATS}/signatures.py",
        "    if s > ORDER // 2:",
        "    if s > ORDER:",
        f"{_TX_TESTS}::test_a_high_s_is_refused",
    ),
    Mutant(
        "ethereum: checksum of addresses",
        f"{_FORMATS}/addresses.py",
        "    if digits not in {digits.lower(), digits.upper()} and text != format_address(address):",
        "    if not digits:",
        f"{_TX_TESTS}::test_addresses_have_checksums",
    ),
    Mutant(
        "ethereum: transactions under the header",
        f"{_FORMATS}/blocks.py",
        "    if header.transactions_root != transactions_root(block.transactions):",
        "    if not header.transactions_root:",
        f"{_TX_TESTS}::test_a_block_decodes_to_itself_and_has_its_body",
    ),
    Mutant(
        "ethereum: bloom of a receipt",
        f"{_FORMATS}/receipts.py",
        "    if receipt.logs_bloom != logs_bloom(logs):",
        "    if not receipt.logs_bloom:",
        f"{_FORMAT_TESTS}::test_malformed_receipts_are_refused",
    ),
    Mutant(
        "ethereum: counts of header fields",
        f"{_FORMATS}/headers.py",
        "<= MAX_FIELDS or len(fields) in _CANCUN_FIELDS:",
        "<= MAX_FIELDS:",
        f"{_FORMAT_TESTS}::test_counts_of_fields_that_no_fork_has_are_refused",
    ),
    Mutant(
        "ethereum: no zero word in a trie",
        f"{_FORMATS}/accounts.py",
        "    if not number:\n        raise",
        "    if number < 0:\n        raise",
        f"{_FORMAT_TESTS}::test_what_is_no_account_or_word_is_refused",
    ),
    Mutant(
        "ethereum: the state has keys of one length",
        _PROOFS,
        "    return _Walk(nodes, has_fixed_length=True)",
        "    return _Walk(nodes, has_fixed_length=False)",
        f"{_FORMAT_TESTS}::test_a_value_at_a_branch_of_the_state_is_refused",
    ),
    Mutant(
        "qbft: seals sign the round",
        f"{_FORMATS}/qbft.py",
        "    return header_hash(with_extra_data(header, replace(extra, seals=())))",
        "    return header_hash(with_extra_data(header, replace(extra, round=0, seals=())))",
        f"{_FORMAT_TESTS}::test_the_round_is_signed_but_not_named",
    ),
    Mutant(
        "qbft: the block's hash leaves out the round",
        f"{_FORMATS}/qbft.py",
        "    return header_hash(with_extra_data(header, replace(extra, round=0, seals=())))",
        "    return header_hash(with_extra_data(header, replace(extra, seals=())))",
        f"{_FORMAT_TESTS}::test_the_round_is_signed_but_not_named",
    ),
    Mutant(
        "qbft: the genesis block's hash",
        f"{_FORMATS}/qbft.py",
        "    return hash_without_round_and_seals(header) if header.number else header_hash(header)",
        "    return hash_without_round_and_seals(header)",
        f"{_FORMAT_TESTS}::test_the_genesis_block_is_hashed_as_it_is",
    ),
    Mutant(
        "qbft: five fields",
        f"{_FORMATS}/bft_extra_data.py",
        "    if isinstance(item, bytes) or len(item) != 5:",
        "    if isinstance(item, bytes) or len(item) < 5:",
        f"{_FORMAT_TESTS}::test_what_besu_would_not_write_is_refused",
    ),
    Mutant(
        "qbft: recovery id of a seal",
        f"{_FORMATS}/bft_extra_data.py",
        "    if item[64] > 1:",
        "    if item[64] > 3:",
        _BROKEN_EXTRA,
    ),
    Mutant(
        "qbft: numbers of a seal",
        f"{_FORMATS}/bft_extra_data.py",
        "    if not (0 < r < ORDER and 0 < s < ORDER):",
        "    if not (r < ORDER and s < ORDER):",
        _BROKEN_EXTRA,
    ),
    Mutant(
        "qbft: count of seals",
        f"{_FORMATS}/bft_extra_data.py",
        '        raise MalformedExtraData(f"seals are no list of at most {MAX_QBFT_VALIDATORS}")\n',
        "        return ()\n",
        _BROKEN_EXTRA,
    ),
)
