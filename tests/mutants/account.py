"""Defences of the account chain: transactions, state, contracts, seals."""

from tests.mutants.support import Mutant

_EXECUTION = "tests/unit/test_account_execution.py"
_CONTRACTS = "tests/unit/test_account_contracts.py"
_IBC = "tests/unit/test_account_ibc.py"
_STATE = "tests/unit/test_account_state.py"
_GOSSIP = "tests/unit/test_account_gossip.py"
_NETWORK = "tests/unit/test_account_network.py"
_POOL = "tests/unit/test_account_mempool.py"
_LOCK = "parachains/account/contracts/hash_lock.py"
_TOKEN = "parachains/account/contracts/erc20.py"

MUTANTS = (
    Mutant(
        "account: a transaction names this chain",
        "parachains/account/checks.py",
        "    if transaction.chain_id != chain_id:",
        "    if transaction.chain_id == 0:",
        f"{_EXECUTION}::test_a_refused_transaction_is_named_as_clients_know_it",
    ),
    Mutant(
        "account: a transaction without a chain is refused",
        "parachains/account/checks.py",
        "    if transaction.chain_id is None:",
        "    if transaction.chain_id == 0:",
        f"{_EXECUTION}::test_a_transaction_without_a_chain_is_refused",
    ),
    Mutant(
        "account: a nonce serves once",
        "parachains/account/checks.py",
        "    if transaction.nonce < account.nonce:",
        "    if transaction.nonce < account.nonce - 1:",
        f"{_EXECUTION}::test_a_transaction_cannot_be_replayed",
    ),
    Mutant(
        "account: a failed call moves no value",
        "parachains/account/execution.py",
        "            error = refusal\n            savepoint.discard()",
        "            error = refusal",
        f"{_EXECUTION}::test_a_failed_transaction_leaves_its_nonce_and_fee_only",
    ),
    Mutant(
        "account: the base fee burns",
        "parachains/account/execution.py",
        "gas_used * (price - self.block.base_fee)",
        "gas_used * price",
        f"{_EXECUTION}::test_fees_go_to_the_proposer_and_the_base_fee_burns",
    ),
    Mutant(
        "account: a block has no more gas than its limit",
        "parachains/account/execution.py",
        "        if transaction.gas_limit > block.gas_limit - self.gas_used:",
        "        if transaction.gas_limit > block.gas_limit:",
        f"{_EXECUTION}::test_a_block_takes_no_more_gas_than_its_limit",
    ),
    Mutant(
        "account: the state root is checked",
        "parachains/account/ledger.py",
        '"transactions_root", "state_root")',
        '"transactions_root")',
        f"{_STATE}::test_a_header_with_another_field_is_refused",
    ),
    Mutant(
        "account: a node that came again is not pruned",
        "parachains/account/state.py",
        "        writes = self._pruning(height, stale) | writes",
        "        writes = writes | self._pruning(height, stale)",
        f"{_STATE}::test_a_node_that_comes_again_is_not_pruned",
    ),
    Mutant(
        "account: pruned nodes go",
        "parachains/account/nodes.py",
        "                writes[key] = None",
        "                pass",
        f"{_STATE}::test_pruning_leaves_only_what_the_kept_states_need",
    ),
    Mutant(
        "account: arguments have one encoding",
        "chainkit/formats/ethereum/abi.py",
        "    if _encode_tuple(parsed, values) != data:",
        "    if not values:",
        f"{_CONTRACTS}::test_arguments_have_one_encoding",
    ),
    Mutant(
        "account: an allowance bounds transferFrom",
        _TOKEN,
        "    if allowed < amount:",
        "    if allowed < 0:",
        f"{_CONTRACTS}::test_nobody_spends_what_they_do_not_have",
    ),
    Mutant(
        "account: only the owner mints",
        _TOKEN,
        "    if owner == ZERO_ADDRESS or call.sender != owner:",
        "    if owner == ZERO_ADDRESS:",
        f"{_CONTRACTS}::test_only_the_owner_mints",
    ),
    Mutant(
        "account: a voucher has no owner",
        _TOKEN,
        "    if owner == ZERO_ADDRESS or call.sender != owner:",
        "    if owner != ZERO_ADDRESS and call.sender != owner:",
        f"{_IBC}::test_a_voucher_has_no_owner",
    ),
    Mutant(
        "account: a preimage has 32 bytes",
        _LOCK,
        "    if len(preimage) != PREIMAGE_BYTES:",
        "    if len(preimage) > 1_024:",
        f"{_CONTRACTS}::test_a_preimage_has_32_bytes",
    ),
    Mutant(
        "account: a claim ends at the expiry",
        _LOCK,
        "    if is_expired(lock, _now(call.ctx)):",
        "    if is_expired(lock, _now(call.ctx) - 1):",
        f"{_CONTRACTS}::test_exactly_one_of_claim_and_refund_is_possible",
    ),
    Mutant(
        "account: a refund waits for the expiry",
        _LOCK,
        "    if not is_expired(lock, _now(call.ctx)):",
        "    if not is_expired(lock, _now(call.ctx) + 1):",
        f"{_CONTRACTS}::test_exactly_one_of_claim_and_refund_is_possible",
    ),
    Mutant(
        "account: a hash serves once",
        _LOCK,
        "    if any(load(ctx, call.this, _shown_slot(ctx, hash_lock))):",
        "    if not any(_shown_slot(ctx, hash_lock)):",
        f"{_CONTRACTS}::test_a_hash_serves_once",
    ),
    Mutant(
        "account: messages are of the caller",
        "parachains/account/contracts/ibc.py",
        "            if any(signer != call.sender for signer in route.signers(message)):",
        "            if not route.signers(message):",
        f"{_IBC}::test_messages_are_the_caller_s",
    ),
    Mutant(
        "account: what a refused receive logged is gone",
        "parachains/account/contracts/ibc.py",
        "                elif not event.type.endswith(LOG_EVENT):",
        "                else:",
        f"{_IBC}::test_a_refusal_after_the_mint_takes_it_back",
    ),
    Mutant(
        "account: contracts take no tokens by packet",
        "parachains/account/contracts/ledger.py",
        "        return address in _BLOCKED",
        "        return address == ZERO_ADDRESS",
        f"{_IBC}::test_a_refused_receive_leaves_an_answer_only",
    ),
    Mutant(
        "account: host time is the block's",
        "parachains/account/execution.py",
        "TimestampNs(block.timestamp * NS_PER_SECOND)",
        "TimestampNs((block.timestamp - 60) * NS_PER_SECOND)",
        f"{_IBC}::test_host_time_is_the_block_s",
    ),
    Mutant(
        "account: heights have revision 0",
        "chainkit/primitives/heights.py",
        '    return ChainId(f"{chain_id}-0") if chain_revision(chain_id) else chain_id',
        "    return chain_id",
        f"{_IBC}::test_heights_have_revision_0",
    ),
    Mutant(
        "account: a replacement pays a tenth more",
        "parachains/account/mempool.py",
        "(_PERCENT + PRICE_BUMP_PERCENT)",
        "_PERCENT",
        f"{_POOL}::test_a_replacement_pays_a_tenth_more",
    ),
    Mutant(
        "account: two thirds of the seals",
        "parachains/account/sealing.py",
        "    if len(sealers) < quorum_of(len(validators)):",
        "    if not sealers:",
        f"{_NETWORK}::test_a_block_needs_enough_of_the_right_seals",
    ),
    Mutant(
        "account: a seal counts once",
        "parachains/account/sealing.py",
        "    if len(set(sealers)) != len(sealers):",
        "    if not sealers:",
        f"{_NETWORK}::test_a_block_needs_enough_of_the_right_seals",
    ),
    Mutant(
        "account: a header does not choose its validators",
        "parachains/account/sealing.py",
        "    if extra.validators != rules.tally.validators:",
        "    if not extra.validators:",
        f"{_NETWORK}::test_a_header_that_names_its_own_validators_is_refused",
    ),
    Mutant(
        "account: consensus messages are passed on",
        "parachains/account/gossip.py",
        "            if state.known.add(name)\n",
        "            if False\n",
        f"{_GOSSIP}::test_validators_that_are_not_all_connected_decide_in_round_0",
    ),
    Mutant(
        "account: a message is passed on once to each peer",
        "parachains/account/gossip.py",
        "            if state.known.add(name)\n",
        "            if number != peer\n",
        f"{_GOSSIP}::test_a_message_is_passed_on_once_and_not_back",
    ),
    Mutant(
        "account: a flood is not carried for its author",
        "parachains/account/gossip.py",
        "        return self._passed_on[author] <= MAX_PASSED_ON\n",
        "        return True\n",
        f"{_GOSSIP}::test_a_flood_of_one_validator_is_not_carried",
    ),
    Mutant(
        "account: only validators' messages of near heights travel",
        "parachains/account/gossip.py",
        "        if height not in near or author not in self._engine.validators:\n",
        "        if not near:\n",
        f"{_GOSSIP}::test_what_a_stranger_or_a_distant_height_says_is_not_passed_on",
    ),
    Mutant(
        "account: what the machine refused is not passed on",
        "parachains/account/gossip.py",
        "        if not self._engine.receive(message, PeerId(str(peer))) or not self._is_fit(message):\n",
        "        self._engine.receive(message, PeerId(str(peer)))\n        if not self._is_fit(message):\n",
        f"{_GOSSIP}::test_a_refused_message_is_not_passed_on",
    ),
    Mutant(
        "account: hashes of messages are forgotten",
        "parachains/account/gossip.py",
        "        if len(self._hashes) > self._limit:\n",
        "        if not self._limit:\n",
        f"{_GOSSIP}::test_only_so_many_hashes_are_remembered",
    ),
)
