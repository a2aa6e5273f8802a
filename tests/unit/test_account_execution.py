"""Transactions on the account chain: what is refused by name, what they cost, what stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.formats.ethereum.transactions import sign_transaction
from chainkit.formats.ethereum.types import (
    ZERO_ADDRESS,
    AccessEntry,
    AccessListTransaction,
    LegacyTransaction,
)
from chainkit.primitives.types import Hash32
from parachains.account import errors
from parachains.account.addresses import FACTORY_ADDRESS, HASH_LOCK_ADDRESS, IBC_ADDRESS
from parachains.account.fees import GAS_TRANSACTION, intrinsic_gas, next_base_fee
from tests.account_worlds import (
    ANN,
    BOB,
    ETHER,
    EVM_CHAIN_ID,
    GENESIS_TIME,
    GWEI,
    MINER,
    SAM,
    AccountWorld,
    total_of,
)


@pytest.fixture(scope="module")
def shared():
    return AccountWorld()


REFUSED = {
    "another chain": ({"chain_id": 1}, errors.WrongChain, "invalid chain id for signer"),
    "no receiver": ({"to": None}, errors.CreationUnsupported, "contract creation"),
    "last nonce": ({"nonce": 2**64 - 1}, errors.NonceAtMaximum, "nonce has max value"),
    "nonce gap": ({"nonce": 1}, errors.NonceTooHigh, "nonce too high"),
    "over a block": ({"gas_limit": 30_000_001}, errors.ExceedsBlockGasLimit, "exceeds block gas"),
    "too little gas": ({"gas_limit": 20_999}, errors.IntrinsicGasTooLow, "intrinsic gas too low"),
    "tip above cap": (
        {"max_priority_fee_per_gas": 101 * GWEI},
        errors.TipAboveFeeCap,
        "max priority fee per gas higher than max fee per gas",
    ),
    "below the base fee": (
        {"max_fee_per_gas": 1, "max_priority_fee_per_gas": 1},
        errors.FeeCapTooLow,
        "max fee per gas less than block base fee",
    ),
    "poor": (
        {"value": 1_000 * ETHER},
        errors.InsufficientFunds,
        "insufficient funds for gas * price + value",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_transaction_is_named_as_clients_know_it(shared, case) -> None:
    """Each rule has its error, geth's text and code -32000; nothing of the state changes."""
    fields, error, text = REFUSED[case]
    to = fields.get("to", BOB.address)
    options = {"nonce": 0} | {name: value for name, value in fields.items() if name != "to"}
    built, refused = shared.build(shared.sign(SAM, to, **options))

    assert [type(refusal) for _, refusal in refused] == [error]
    assert str(refused[0][1]).startswith(text)
    assert refused[0][1].rpc_code == -32000
    assert built.block.header.state_root == shared.head.state_root


def test_a_transaction_cannot_be_replayed(shared) -> None:
    """The same transaction, in the same block and after it, is "nonce too low"."""
    world = AccountWorld()
    transaction = world.sign(SAM, BOB.address, value=1)
    built, refused = world.build(transaction, transaction)
    assert [type(refusal) for _, refusal in refused] == [errors.NonceTooLow]
    world.commit(built)

    _, refused = world.build(transaction)
    assert [type(refusal) for _, refusal in refused] == [errors.NonceTooLow]


def test_a_transaction_without_a_chain_is_refused(shared) -> None:
    """Before EIP-155 transactions named no chain; one of those could be replayed elsewhere."""
    legacy = LegacyTransaction(None, 0, 100 * GWEI, 21_000, BOB.address, 1, b"")
    _, refused = shared.build(sign_transaction(legacy, SAM.key))

    assert [type(refusal) for _, refusal in refused] == [errors.ReplayUnprotected]


def test_a_spoilt_signature_is_another_sender_or_none(shared) -> None:
    """A signature out of range gives no sender."""
    legacy = LegacyTransaction(EVM_CHAIN_ID, 0, 100 * GWEI, 21_000, BOB.address, 1, b"", 0, 0, 1)
    _, refused = shared.build(legacy)

    assert [type(refusal) for _, refusal in refused] == [errors.InvalidSender]


@pytest.mark.parametrize("kind", ["legacy", "access list", "dynamic fee"])
def test_every_type_of_transaction_moves_coins(kind) -> None:
    """Legacy, 2930 and 1559 transactions pay the same to the receiver, at their gas."""
    world = AccountWorld()
    common = (EVM_CHAIN_ID, 0, 3 * GWEI, 50_000, BOB.address, 7 * ETHER, b"")
    gas = GAS_TRANSACTION
    if kind == "legacy":
        transaction = sign_transaction(LegacyTransaction(*common), SAM.key)
    elif kind == "access list":
        entries = (AccessEntry(FACTORY_ADDRESS, (Hash32(bytes(32)),)),)
        transaction = sign_transaction(AccessListTransaction(*common, entries), SAM.key)
        gas += 2_400 + 1_900
    else:
        transaction = world.sign(SAM, BOB.address, value=7 * ETHER)
    executed = world.block(transaction).executed[0]

    assert executed.receipt.status == 1
    assert executed.gas_used == gas
    assert world.world.balance(BOB.address) == 7 * ETHER


def test_fees_go_to_the_proposer_and_the_base_fee_burns() -> None:
    """Sender's loss = value + tip to the proposer + base fee that no account has any more."""
    world = AccountWorld()
    before = total_of(world)
    built = world.block(world.sign(SAM, BOB.address, value=5, max_priority_fee_per_gas=2 * GWEI))
    base_fee = built.block.header.base_fee_per_gas

    assert world.world.balance(MINER.address) == 21_000 * 2 * GWEI
    assert total_of(world) == before - 21_000 * base_fee
    spent = 1_000 * ETHER - world.world.balance(SAM.address)
    assert spent == 5 + 21_000 * (base_fee + 2 * GWEI)


def test_a_failed_transaction_leaves_its_nonce_and_fee_only() -> None:
    """Reverted: the value is back, no log, status 0, the gas that was used is paid."""
    world = AccountWorld()
    executed = world.run(SAM, HASH_LOCK_ADDRESS, "refund(bytes32)", bytes(32), value=ETHER)

    assert executed.receipt.status == 0
    assert executed.receipt.logs == ()
    assert world.world.balance(HASH_LOCK_ADDRESS) == 0
    account = world.world.account(SAM.address)
    assert account.nonce == 1
    price = executed.transaction.max_priority_fee_per_gas
    price += world.head.base_fee_per_gas
    assert account.balance == 1_000 * ETHER - executed.gas_used * price
    assert 21_000 < executed.gas_used < 30_000


def test_out_of_gas_costs_the_whole_limit() -> None:
    """A call that runs out of gas has paid for its limit and done nothing."""
    world = AccountWorld()
    signature = "create(string,string,uint8,uint256,address)"
    values = ("T", "T", 0, 5, ZERO_ADDRESS)
    executed = world.run(SAM, FACTORY_ADDRESS, signature, *values, gas_limit=60_000)

    assert executed.receipt.status == 0
    assert executed.gas_used == 60_000
    assert world.world.account(FACTORY_ADDRESS).nonce == 1


def test_a_contract_takes_no_coins_that_it_did_not_ask_for() -> None:
    """Coins sent to a contract without data, or to a method that takes none, come back."""
    world = AccountWorld()
    for to in (IBC_ADDRESS, FACTORY_ADDRESS, HASH_LOCK_ADDRESS):
        assert world.run(SAM, to, value=5).receipt.status == 0
        assert world.world.balance(to) == 0


def test_gas_of_call_data_is_ethereum_s() -> None:
    """4 for a zero byte, 16 for another; 2,400 and 1,900 for what an access list names."""
    world = AccountWorld()
    transaction = world.sign(
        SAM,
        BOB.address,
        data=b"\x00\x00\x01",
        access_list=(AccessEntry(BOB.address, (Hash32(bytes(32)), Hash32(bytes(32)))),),
    )

    assert intrinsic_gas(transaction) == 21_000 + 8 + 16 + 2_400 + 3_800


def test_a_block_takes_no_more_gas_than_its_limit() -> None:
    """What does not fit is left for the next block, and is not refused."""
    world = AccountWorld()
    large = [world.sign(SAM, BOB.address, gas_limit=16_000_000) for _ in range(2)]
    built, refused = world.build(*large)

    assert [each.transaction for each in built.executed] == large
    assert refused == ()
    other = AccountWorld()
    tight = [other.sign(SAM, BOB.address, gas_limit=29_990_000) for _ in range(2)]
    built, refused = other.build(*tight)
    assert [each.transaction for each in built.executed] == tight[:1]
    assert refused == ()


@pytest.mark.parametrize(
    ("base_fee", "used", "limit", "following"),
    [
        (1_000_000_000, 10_000_000, 20_000_000, 1_000_000_000),
        (1_000_000_000, 20_000_000, 20_000_000, 1_125_000_000),
        (1_000_000_000, 0, 20_000_000, 875_000_000),
        (1_000_000_000, 9_000_000, 20_000_000, 987_500_000),
        (1_000_000_000, 11_000_000, 20_000_000, 1_012_500_000),
        (7, 0, 20_000_000, 7),
        (1, 20_000_000, 20_000_000, 2),
    ],
)
def test_the_base_fee_follows_the_formula(base_fee, used, limit, following) -> None:
    """EIP-1559: up or down by at most an eighth; at least one wei up. geth's own cases."""
    assert next_base_fee(base_fee, used, limit) == following


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_order_of_transactions_makes_or_loses_coins(data) -> None:
    """Sum of balances + burnt base fees = genesis; nonces count what is in blocks."""
    world = AccountWorld()
    users = (SAM, ANN, BOB)
    total, counts, burnt = total_of(world), dict.fromkeys(users, 0), 0
    for _ in range(data.draw(st.integers(1, 3))):
        transactions = []
        for _ in range(data.draw(st.integers(0, 4))):
            user = data.draw(st.sampled_from(users))
            nonce = counts[user] + data.draw(st.sampled_from((0, 0, 0, 1, -1)))
            transactions.append(
                world.sign(
                    user,
                    data.draw(st.sampled_from((*(u.address for u in users), HASH_LOCK_ADDRESS))),
                    nonce=max(nonce, 0),
                    value=data.draw(st.sampled_from((0, 1, 3 * ETHER, 990 * ETHER))),
                    gas_limit=data.draw(st.sampled_from((21_000, 40_000))),
                )
            )
        built, refused = world.build(*transactions)
        assert len(built.executed) + len(refused) == len(transactions)
        world.commit(built)
        burnt += built.block.header.gas_used * built.block.header.base_fee_per_gas
        for executed in built.executed:
            user = next(user for user in users if user.address == executed.sender)
            assert executed.transaction.nonce == counts[user]
            counts[user] += 1

    assert total_of(world) + burnt == total
    assert [world.world.account(user.address).nonce for user in users] == list(counts.values())


def test_blocks_are_the_same_on_every_node(shared) -> None:
    """Another node that judges the blocks has the same headers and roots."""
    world, other = AccountWorld(), AccountWorld()
    world.block(world.sign(SAM, BOB.address, value=5))
    world.block(world.sign(ANN, BOB.address, value=6), world.sign(SAM, ANN.address, value=7))
    for made in world.blocks[1:]:
        other.commit(other.ledger.judge(other.head, made.block))

    assert other.head == world.head
    assert other.ledger.state.root == world.ledger.state.root
    assert world.head.timestamp == GENESIS_TIME + 2
