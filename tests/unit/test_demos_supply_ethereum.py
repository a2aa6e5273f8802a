"""The supply reader's own account of an account chain, against a node of ours that tells it."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from chainkit.formats.ethereum.transactions import sign_transaction
from chainkit.formats.ethereum.types import DynamicFeeTransaction
from chainkit.primitives.hashing import sha256
from chainkit.primitives.keccak import keccak256
from demos.supply_equation import Block, End, SupplyWatch, local_name
from demos.supply_ethereum import BALANCE_OF, TOTAL_SUPPLY, EthereumBooks
from demos.supply_forms import Facts, ReadFailed, bech32, bech32_bytes, count_verified
from demos.supply_keccak import keccak256 as keccak_of_the_reader
from demos.supply_node import Source
from demos.supply_reader import open_books
from parachains.account.addresses import FACTORY_ADDRESS, HASH_LOCK_ADDRESS, voucher_address
from parachains.account.contracts.factory import created_address
from parachains.account.contracts.hash_lock import lock_id
from parachains.account.rpc import answer
from tests.account_relayed import Joined
from tests.account_worlds import (
    ANN,
    BOB,
    ETHER,
    EVM_CHAIN_ID,
    GWEI,
    NATIVE,
    PREFIX,
    SAM,
    User,
    call_data,
    total_of,
)
from tests.relaying import SECOND

PREIMAGE = bytes(range(32))
CREATE = "create(string,string,uint8,uint256,address)"
END = End("vault", "transfer", "channel-0")
VOUCHER = local_name("transfer/channel-0/stone")


class NodeInProcess:
    """A node's answers as they would come over HTTP; ``lies`` change one method's answer."""

    def __init__(self, account):
        self.methods = account.methods
        self.source = Source("vault", "http://nowhere", PREFIX, NATIVE, account.chain_id)
        self.lies = {}

    def ask_all(self, calls):
        results = []
        for method, params in calls:
            told = answer(self.methods, {"method": method, "params": list(params)})
            if told.get("result") is None:
                raise ReadFailed(f"{method}: {told.get('error')}")
            result = json.loads(json.dumps(told["result"]))
            results.append(self.lies.get(method, lambda found, _: found)(result, params))
        return results

    def call(self, method, **params):
        raise ReadFailed(f"the method {method} does not exist")

    ask = call


async def happened():
    """Coins leave and come home; foreign tokens come; a token is made, moved, minted; a lock."""
    joined = Joined()
    await joined.settle()
    account = joined.account
    ann = joined.zone.users["ann"].address
    await joined.from_account(SAM, ann, NATIVE, 90_000)
    await joined.from_zone(account.text(SAM), "stone", 700)
    await joined.settle()
    [voucher] = [d for d in await joined.zone_balances(ann) if d.startswith("ibc/")]
    await joined.from_zone(account.text(BOB), voucher, 40_000)
    await joined.settle()

    nonces = {user: await account.client(user).rpc.next_nonce(user.address) for user in (SAM, ANN)}

    def send(user, to, data=b"", value=0):
        transaction = DynamicFeeTransaction(
            EVM_CHAIN_ID, nonces[user], GWEI, 100 * GWEI, 1_000_000, to, value, data
        )
        nonces[user] += 1
        account.network.submit(0, sign_transaction(transaction, user.key))
        account.block()
        account.block()

    send(SAM, ANN.address, value=ETHER)
    send(SAM, voucher_address(VOUCHER), call_data("transfer(address,uint256)", BOB.address, 300))
    made = created_address(FACTORY_ADDRESS, 1)
    send(ANN, FACTORY_ADDRESS, call_data(CREATE, "T", "T", 0, 1_000, ANN.address))
    send(ANN, made, call_data("mint(address,uint256)", BOB.address, 50))
    expiry = account.clock.now() // SECOND + 3600
    lock = call_data("lock(bytes32,address,uint256)", sha256(PREIMAGE), User(99).address, expiry)
    send(ANN, HASH_LOCK_ADDRESS, lock, value=11)
    identity = lock_id(ANN.address, sha256(PREIMAGE))
    send(ANN, HASH_LOCK_ADDRESS, call_data("claim(bytes32,bytes)", identity, PREIMAGE))
    joined.made = f"erc20:0x{made.hex()}"
    return joined


@pytest.fixture(scope="module")
def joined():
    return asyncio.run(happened())


@pytest.fixture
def node(joined):
    return NodeInProcess(joined.account)


def watched(node):
    """What the equation says of all blocks; what packets explain is left to others."""
    books, watch = EthereumBooks(node), SupplyWatch(["vault"])
    for height in range(1, books.newest() + 1):
        busy = bool(books.events(height))
        supply, held = books.supply(height), books.held(height, is_busy=busy)
        foreign = {denom for denom in supply if denom.startswith("ibc/")}
        watch.add(
            Block(
                "vault",
                height,
                books.time_ns(height),
                (),
                {d: amount for d, amount in supply.items() if d not in foreign},
                {},
                {d: amount for d, amount in held.items() if d not in foreign},
                books.issued(height),
            )
        )
        assert {d: supply[d] for d in foreign} == {d: held[d] for d in foreign}
    watch.finish()
    return watch


def read_to(node, height=None):
    books = EthereumBooks(node)
    last = height or books.newest()
    for each in range(1, last + 1):
        books.events(each)
    return books, last


def test_the_reader_knows_the_form_by_asking(node):
    """Nobody tells it what kind of chain a node is of, only what other chains call it."""
    books = open_books(node)

    assert isinstance(books, EthereumBooks)
    assert books.chain_id == "account"


def test_every_block_agrees_with_the_state(node, joined):
    """Coins of all that blocks name, less what is burnt; tokens by contracts, logs, holders."""
    watch = watched(node)
    books, last = read_to(node)

    assert watch.violations == []
    assert watch.is_conserved
    assert watch.checks == last == joined.account.node.height
    assert books.escrow(END, last)[NATIVE] == 50_000
    supply, held = books.supply(last), books.held(last, is_busy=False)
    assert supply == held
    assert supply[VOUCHER] == 700
    assert supply[joined.made] == 1_050
    own = joined.account.node
    world = SimpleNamespace(ledger=own.chain.ledger, database=own.database)
    assert supply[NATIVE] == total_of(world)
    [end] = books.transfer_ends(last).items()
    assert end == (END, "zone-1")


def test_events_are_those_of_the_packets(node):
    """Every step of a packet is read from the logs, with the attributes that facts need."""
    books = EthereumBooks(node)
    seen = [event for height in range(1, books.newest() + 1) for event in books.events(height)]
    facts = Facts()
    facts.ends[END] = "zone"
    kinds = [type(fact).__name__ for fact in facts.of("vault", seen)]

    assert kinds == ["Sent", "Settled", "Received", "Answered", "Received", "Answered"]
    assert count_verified(seen)["recv_packet"] == 2
    assert count_verified(seen)["channel_open_ack"] == 1
    assert count_verified(seen)["update_client"] >= 3


@pytest.mark.parametrize("who", ["named", "unnamed at first"])
def test_coins_out_of_nothing_are_told(node, joined, who):
    """Given to somebody on the list at once; to somebody else when a block names him."""
    miner = node.ask_all([("eth_getBlockByNumber", ("0x1", False))])[0]["miner"].lower()
    lucky = miner if who == "named" else "0x" + User(99).address.hex()

    def lie(balance, params):
        address, height = params[0], int(params[1], 16)
        return hex(int(balance, 16) + (address == lucky and height >= 3))

    node.lies["eth_getBalance"] = lie
    watch = watched(node)

    assert not watch.is_conserved
    assert "supply of wei on vault went from" in watch.violations[0]


def test_coins_that_vanish_are_told(node):
    """What is burnt is the base fee of the gas, no more."""

    def lie(block, params):
        return block | {"gasUsed": hex(max(0, int(block["gasUsed"], 16) - 1))}

    node.lies["eth_getBlockByNumber"] = lie

    assert "supply of wei on vault went from" in watched(node).violations[0]


def test_tokens_that_no_log_made_are_told(node, joined):
    """A contract whose total and balances grow together, without a mint."""
    contract = joined.made.removeprefix("erc20:")
    last = joined.account.node.height

    def lie(told, params):
        call, height = params
        is_total = call["data"] == TOTAL_SUPPLY
        is_anns = call["data"] == BALANCE_OF + ANN.address.hex().rjust(64, "0")
        more = call["to"] == contract and int(height, 16) == last and (is_total or is_anns)
        return hex(int(told, 16) + more)

    node.lies["eth_call"] = lie
    (violation,) = watched(node).violations

    assert f"supply of {joined.made} on vault went from 1050 to 1051" in violation


def test_a_token_that_nobody_holds_is_told(node):
    """A voucher's total is what everybody holds of it."""

    def lie(told, params):
        return hex(int(told, 16) + 1) if params[0]["data"] == TOTAL_SUPPLY else told

    node.lies["eth_call"] = lie

    with pytest.raises(AssertionError):
        watched(node)


def of_another_block(receipts, _):
    return [receipt | {"blockHash": "0x00"} for receipt in receipts]


@pytest.mark.parametrize(
    ("method", "lie", "text"),
    [
        (
            "eth_getBlockByNumber",
            lambda block, params: block | ({"parentHash": "0x00"} if params[0] == "0x2" else {}),
            "block 2 of vault does not stand on the one before",
        ),
        ("eth_getBlockReceipts", of_another_block, "are another block's"),
        (
            "eth_getBlockByNumber",
            lambda block, _: block | {"stateRoot": 7},
            "a text is wanted, not 7",
        ),
    ],
)
def test_blocks_that_do_not_fit_end_the_reading(node, method, lie, text):
    """The chain is one chain, and receipts are those of the block."""
    node.lies[method] = lie

    with pytest.raises(ReadFailed, match=text):
        read_to(node)


def test_a_height_out_of_turn_is_refused(node):
    """Who was named before is on the list."""
    with pytest.raises(ReadFailed, match="block 2 of vault read after 0"):
        EthereumBooks(node).events(2)


def test_an_end_without_an_event_is_refused(node):
    """Its escrow was never asked for."""
    books, last = read_to(node)

    with pytest.raises(ReadFailed, match="opened without an event"):
        books.escrow(End("vault", "transfer", "channel-9"), last)


@pytest.mark.parametrize("answered", ["0x", None, 7, "x", {}])
def test_balances_of_another_form_are_refused(node, answered):
    """Nothing is taken for nothing."""
    node.lies["eth_getBalance"] = lambda *_: answered

    with pytest.raises((ReadFailed, ValueError)):
        read_to(node, 1)


@pytest.mark.parametrize("size", [0, 1, 135, 136, 137, 272, 500])
def test_the_reader_s_keccak_is_keccak(size):
    """Around the block's size of 136 bytes, too."""
    data = bytes(range(256)) * 2

    assert keccak_of_the_reader(data[:size]) == keccak256(data[:size])


def test_addresses_are_read_from_texts():
    """An account's address of the prefix, and nothing else."""
    address = SAM.address

    assert bech32_bytes("acct", bech32("acct", address)) == address
    for text in ("", "acct1", bech32("other", address), bech32("acct", address + bytes(12))):
        assert bech32_bytes("acct", text) is None
