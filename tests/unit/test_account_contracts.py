"""Native contracts: the ABI's one encoding, ERC-20, the factory, hash locks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.formats.ethereum.types import ZERO_ADDRESS
from chainkit.primitives.hashing import sha256
from parachains.account.addresses import FACTORY_ADDRESS, HASH_LOCK_ADDRESS
from parachains.account.contracts.abi import decode_abi, encode_abi, revert_data, selector_of
from parachains.account.contracts.erc20 import APPROVAL, TRANSFER
from parachains.account.contracts.hash_lock import CLAIMED, LOCKED, REFUNDED, lock_id
from parachains.account.errors import MalformedCall, Reverted
from tests.account_worlds import ANN, BOB, ETHER, SAM, AccountWorld

CREATE = "create(string,string,uint8,uint256,address)"
LOCK = "lock(bytes32,address,uint256)"
LOCK_TOKEN = "lockToken(bytes32,address,uint256,address,uint256)"
CLAIM = "claim(bytes32,bytes)"
REFUND = "refund(bytes32)"
PREIMAGE = bytes(range(32))
HASH = sha256(PREIMAGE)


def test_selectors_are_the_standard_ones() -> None:
    """Wallets call ERC-20 by these four bytes."""
    assert selector_of("transfer(address,uint256)").hex() == "a9059cbb"
    assert selector_of("approve(address,uint256)").hex() == "095ea7b3"
    assert selector_of("balanceOf(address)").hex() == "70a08231"
    assert revert_data("")[:4].hex() == "08c379a0"


def test_the_abi_s_example() -> None:
    """The Solidity documentation's ``sam(bytes,bool,uint256[])`` with dave, true, [1, 2, 3]."""
    data = encode_abi(("bytes", "bool", "uint256[]"), (b"dave", True, (1, 2, 3)))
    words = [data[at : at + 32].hex().lstrip("0") for at in range(0, len(data), 32)]

    assert words[:4] == ["60", "1", "a0", "4"]
    assert decode_abi(("bytes", "bool", "uint256[]"), data) == (b"dave", True, (1, 2, 3))


TYPES = ("uint256", "bytes", "address", "string[]", "bytes32", "bytes[]")
VALUES = (7, b"abc", bytes(range(20)), ("x", "yy" * 40), bytes(32), (b"", b"\x01" * 33))


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 100), value=st.binary(min_size=1, max_size=32), cut=st.integers(0, 64))
def test_arguments_have_one_encoding(at, value, cut) -> None:
    """Any change of the bytes gives other values or a refusal, never the same values."""
    data = encode_abi(TYPES, VALUES)
    place = at * 32 % len(data)
    changed = data[:place] + value + data[place + len(value) :]
    for spoilt in (changed, data[: len(data) - cut], data + value):
        try:
            decoded = decode_abi(TYPES, spoilt)
        except MalformedCall:
            continue
        assert (decoded == VALUES) == (spoilt == data)


def test_deep_or_endless_arguments_are_refused() -> None:
    """An array that claims 2**255 items, or more than the limit, is refused at once."""
    for count in (2**255, 2_000):
        data = (32).to_bytes(32, "big") + count.to_bytes(32, "big") + bytes(64)
        with pytest.raises(MalformedCall):
            decode_abi(("string[]",), data)


def created(world, supply=1_000, owner=ZERO_ADDRESS, user=SAM):
    """A token of the factory, whose supply its creator has."""
    executed = world.run(user, FACTORY_ADDRESS, CREATE, "Stone", "STN", 6, supply, owner)
    assert executed.receipt.status == 1
    (token,) = decode_abi(("address",), executed.outcome.output)
    return token


def number(output):
    return decode_abi(("uint256",), output)[0]


def test_a_token_tells_what_it_is() -> None:
    """name, symbol (also longer than a word), decimals and supply, as the creator gave them."""
    world = AccountWorld()
    token = created(world)
    assert decode_abi(("string",), world.call(token, "name()")) == ("Stone",)
    assert decode_abi(("string",), world.call(token, "symbol()")) == ("STN",)
    assert number(world.call(token, "decimals()")) == 6
    assert number(world.call(token, "totalSupply()")) == 1_000
    long = "L" * 200
    executed = world.run(SAM, FACTORY_ADDRESS, CREATE, long, "S", 0, 0, ZERO_ADDRESS)
    (token,) = decode_abi(("address",), executed.outcome.output)
    assert decode_abi(("string",), world.call(token, "name()")) == (long,)


def test_a_transfer_moves_and_logs() -> None:
    """transfer: balances move, one Transfer log with both parties as topics."""
    world = AccountWorld()
    token = created(world)
    executed = world.run(SAM, token, "transfer(address,uint256)", ANN.address, 300)

    assert number(executed.outcome.output) == 1
    assert number(world.call(token, "balanceOf(address)", ANN.address)) == 300
    assert number(world.call(token, "balanceOf(address)", SAM.address)) == 700
    (log,) = executed.receipt.logs
    padded = [user.address.rjust(32, b"\x00") for user in (SAM, ANN)]
    assert log.address == token
    assert log.topics == (TRANSFER, *padded)
    assert log.data == (300).to_bytes(32, "big")


def test_nobody_spends_what_they_do_not_have() -> None:
    """More than the balance, to nobody, or without an allowance: reverted, nothing moved."""
    world = AccountWorld()
    token = created(world)
    for signature, *values in (
        ("transfer(address,uint256)", ANN.address, 1_001),
        ("transfer(address,uint256)", ZERO_ADDRESS, 1),
        ("transferFrom(address,address,uint256)", ANN.address, SAM.address, 1),
        ("mint(address,uint256)", SAM.address, 1),
    ):
        executed = world.run(SAM, token, signature, *values)
        assert executed.receipt.status == 0, signature
    assert number(world.call(token, "balanceOf(address)", SAM.address)) == 1_000
    assert number(world.call(token, "totalSupply()")) == 1_000


def test_an_allowance_is_used_up() -> None:
    """approve, then transferFrom takes at most that; the largest number is never used up."""
    world = AccountWorld()
    token = created(world)
    executed = world.run(SAM, token, "approve(address,uint256)", ANN.address, 100)
    assert executed.receipt.logs[0].topics[0] == APPROVAL
    take = "transferFrom(address,address,uint256)"
    assert world.run(ANN, token, take, SAM.address, BOB.address, 60).receipt.status == 1
    assert world.run(ANN, token, take, SAM.address, BOB.address, 41).receipt.status == 0
    allowance = world.call(token, "allowance(address,address)", SAM.address, ANN.address)
    assert number(allowance) == 40
    world.run(SAM, token, "approve(address,uint256)", ANN.address, 2**256 - 1)
    assert world.run(ANN, token, take, SAM.address, BOB.address, 60).receipt.status == 1
    allowance = world.call(token, "allowance(address,address)", SAM.address, ANN.address)
    assert number(allowance) == 2**256 - 1


def test_only_the_owner_mints() -> None:
    """The owner that the creator named mints; the creator does not, and no one overflows."""
    world = AccountWorld()
    token = created(world, owner=ANN.address)
    mint = "mint(address,uint256)"
    assert world.run(SAM, token, mint, SAM.address, 5).receipt.status == 0
    assert world.run(ANN, token, mint, BOB.address, 5).receipt.status == 1
    assert number(world.call(token, "totalSupply()")) == 1_005
    assert world.run(ANN, token, mint, BOB.address, 2**256 - 1).receipt.status == 0


def test_a_cleared_slot_earns_its_refund() -> None:
    """Sending everything clears a slot: at most a fifth of the gas comes back (EIP-3529)."""
    world = AccountWorld()
    token = created(world)
    first = world.run(SAM, token, "transfer(address,uint256)", ANN.address, 999)
    last = world.run(SAM, token, "transfer(address,uint256)", ANN.address, 1)

    assert first.outcome.refund == 0
    assert last.outcome.refund == 4_800
    assert last.gas_used == last.outcome.gas_used - 4_800


def locked(world, *, expiry=100, value=5 * ETHER, preimage=PREIMAGE):
    """A lock of Sam for Ann; returns its id."""
    when = world.head.timestamp + expiry
    executed = world.run(
        SAM, HASH_LOCK_ADDRESS, LOCK, sha256(preimage), ANN.address, when, value=value
    )
    assert executed.receipt.status == 1
    assert executed.receipt.logs[0].topics[0] == LOCKED
    return lock_id(SAM.address, sha256(preimage))


def test_a_preimage_pays_the_claimer() -> None:
    """A claim before the expiry pays Ann, whoever sends it, once, and shows the preimage."""
    world = AccountWorld()
    identity = locked(world)
    before = world.world.balance(ANN.address)
    executed = world.run(SAM, HASH_LOCK_ADDRESS, CLAIM, identity, PREIMAGE)
    assert executed.receipt.logs[0].topics == (CLAIMED, identity)
    assert executed.receipt.logs[0].data == PREIMAGE
    assert world.world.balance(ANN.address) == before + 5 * ETHER

    assert world.run(SAM, HASH_LOCK_ADDRESS, CLAIM, identity, PREIMAGE).receipt.status == 0
    assert world.run(SAM, HASH_LOCK_ADDRESS, REFUND, identity, seconds=500).receipt.status == 0


@pytest.mark.parametrize("size", [0, 31, 33, 64, 520, 521])
def test_a_preimage_has_32_bytes(size) -> None:
    """Another size opens no lock, even where its hash is the lock's."""
    world = AccountWorld()
    preimage = bytes(size)
    identity = locked(world, preimage=preimage)
    executed = world.run(ANN, HASH_LOCK_ADDRESS, CLAIM, identity, preimage)

    assert executed.receipt.status == 0
    assert executed.outcome.error.reason == "hash lock: a preimage has 32 bytes"


@pytest.mark.parametrize("offset", [-2, -1, 0, 1])
def test_exactly_one_of_claim_and_refund_is_possible(offset) -> None:
    """The claim strictly before the expiry, the refund from it on: never both, never neither."""
    world = AccountWorld()
    identity = locked(world, expiry=50)
    expiry = world.blocks[0].block.header.timestamp + 50
    to_go = expiry + offset - world.head.timestamp
    claim = world.build(
        world.sign(ANN, HASH_LOCK_ADDRESS, data=_call(CLAIM, identity, PREIMAGE), nonce=0),
        seconds=to_go,
    )[0]
    refund = world.build(
        world.sign(ANN, HASH_LOCK_ADDRESS, data=_call(REFUND, identity), nonce=0),
        seconds=to_go,
    )[0]

    statuses = [built.executed[0].receipt.status for built in (claim, refund)]
    assert statuses == ([1, 0] if offset < 0 else [0, 1])


def _call(signature, *values):
    types = tuple(signature[signature.index("(") + 1 : -1].split(","))
    return selector_of(signature) + encode_abi(types, values)


def test_a_hash_serves_once() -> None:
    """No second lock of the sender under a hash, and none of anyone once its preimage is known."""
    world = AccountWorld()
    identity = locked(world)
    later = world.head.timestamp + 100
    terms = (HASH, BOB.address, later)
    again = world.run(SAM, HASH_LOCK_ADDRESS, LOCK, *terms, value=1)
    other = world.run(ANN, HASH_LOCK_ADDRESS, LOCK, *terms, value=1)
    assert (again.receipt.status, other.receipt.status) == (0, 1)
    world.run(ANN, HASH_LOCK_ADDRESS, CLAIM, identity, PREIMAGE)
    for user in (SAM, ANN):
        executed = world.run(user, HASH_LOCK_ADDRESS, LOCK, *terms, value=1)
        assert executed.receipt.status == 0
    assert executed.outcome.error.reason == "hash lock: the preimage is known"


@pytest.mark.parametrize(
    ("claimer", "expiry", "value", "reason"),
    [
        (ZERO_ADDRESS, 50, 1, "claimer is the zero address"),
        (ANN.address, 1, 1, "expiry is not in the future"),
        (ANN.address, 50, 0, "nothing is locked"),
    ],
)
def test_terms_that_lose_coins_are_refused(claimer, expiry, value, reason) -> None:
    """Nobody to claim, a time that is past, nothing locked."""
    world = AccountWorld()
    when = world.head.timestamp + expiry
    executed = world.run(SAM, HASH_LOCK_ADDRESS, LOCK, HASH, claimer, when, value=value, seconds=1)

    assert executed.receipt.status == 0
    assert executed.outcome.error.reason == f"hash lock: {reason}"


def test_tokens_are_locked_by_allowance() -> None:
    """ERC-20 tokens lie in the contract until the refund; without an allowance nothing moves."""
    world = AccountWorld()
    token = created(world)
    when = world.head.timestamp + 50
    terms = (HASH, ANN.address, when, token, 400)
    assert world.run(SAM, HASH_LOCK_ADDRESS, LOCK_TOKEN, *terms).receipt.status == 0
    world.run(SAM, token, "approve(address,uint256)", HASH_LOCK_ADDRESS, 400)
    assert world.run(SAM, HASH_LOCK_ADDRESS, LOCK_TOKEN, *terms).receipt.status == 1
    assert number(world.call(token, "balanceOf(address)", HASH_LOCK_ADDRESS)) == 400
    identity = lock_id(SAM.address, HASH)
    executed = world.run(paid_bob(world), HASH_LOCK_ADDRESS, REFUND, identity, seconds=60)

    assert executed.receipt.logs[-1].topics == (REFUNDED, identity)
    assert number(world.call(token, "balanceOf(address)", SAM.address)) == 1_000


def paid_bob(world):
    """Bob with something for gas."""
    world.run(SAM, BOB.address, value=ETHER)
    return BOB


def test_a_lock_needs_a_token_that_is_one() -> None:
    """An address without a token's code is no token."""
    world = AccountWorld()
    terms = (HASH, ANN.address, world.head.timestamp + 50, BOB.address, 1)
    executed = world.run(SAM, HASH_LOCK_ADDRESS, LOCK_TOKEN, *terms)

    assert executed.outcome.error.reason == "hash lock: no such token"


def test_a_call_changes_nothing() -> None:
    """A call on the newest state tells the outcome, with the refusal's text, and keeps nothing."""
    world = AccountWorld()
    token = created(world)
    root = world.ledger.state.root
    assert number(world.call(token, "transfer(address,uint256)", ANN.address, 5)) == 1
    assert number(world.call(token, "balanceOf(address)", ANN.address)) == 0
    with pytest.raises(Reverted, match="transfer amount exceeds balance") as refusal:
        world.call(token, "transfer(address,uint256)", ANN.address, 5_000)

    assert refusal.value.data == revert_data("ERC20: transfer amount exceeds balance")
    assert refusal.value.rpc_code == 3
    assert world.ledger.state.root == root
