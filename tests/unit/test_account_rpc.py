"""Ethereum's JSON-RPC of the account chain: shapes, block tags, errors as clients know them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainkit.formats.ethereum.accounts import verify_account_proof, verify_storage_proof
from chainkit.formats.ethereum.addresses import format_address
from chainkit.formats.ethereum.transactions import encode_transaction, transaction_hash
from chainkit.formats.ethereum.types import ZERO_ADDRESS
from chainkit.primitives.keccak import keccak256
from parachains.account import fee_history, log_filter
from parachains.account.addresses import FACTORY_ADDRESS, HASH_LOCK_ADDRESS
from parachains.account.chain import Chain
from parachains.account.contracts.abi import encode_abi
from parachains.account.contracts.erc20 import TRANSFER, mapping_slot
from parachains.account.errors import BlockRefused, InvalidRpcParams, RpcLimitExceeded
from parachains.account.limits import MAX_SUBSCRIPTIONS
from parachains.account.mempool import Mempool, PoolRules
from parachains.account.rpc import Eth, answer
from parachains.account.subscriptions import NO_SUBSCRIPTIONS
from tests.account_worlds import (
    ANN,
    BOB,
    EVM_CHAIN_ID,
    GWEI,
    MINER,
    SAM,
    AccountWorld,
    call_data,
)

CREATE = "create(string,string,uint8,uint256,address)"


class RpcWorld(AccountWorld):
    """A chain with its blocks stored, a pool, and the methods."""

    def __init__(self, **options):
        super().__init__(**options)
        rules = PoolRules(EVM_CHAIN_ID, self.head.gas_limit)
        self.pool = Mempool(rules, lambda address: self.world.account(address))  # noqa: PLW0108 - the newest
        node = SimpleNamespace(
            client_version="isthmus/1",
            peer_count=lambda: 3,
            highest_known=lambda: self.highest,
            submit=self.pool.add,
        )
        self.highest = 0
        self.methods = Eth(self.chain, self.pool, node).methods()

    def commit(self, block):
        if self.blocks:
            self.chain.append(block)
        else:
            self.chain = Chain(self.database, self.ledger, self.genesis)
            assert self.chain.head.block == block.block
        self.blocks.append(block)
        if len(self.blocks) > 1:
            self.pool.after_block()
        return block

    def ask(self, method, *params):
        response = answer(self.methods, {"id": 1, "method": method, "params": list(params)})
        assert response["id"] == 1
        return response.get("result", response.get("error"))

    def token(self):
        executed = self.run(SAM, FACTORY_ADDRESS, CREATE, "T", "T", 0, 1_000, ZERO_ADDRESS)
        return executed.outcome.output[-20:]


@pytest.fixture
def node():
    return RpcWorld()


def hexed(value):
    return "0x" + value.hex()


def test_a_block_has_every_field(node) -> None:
    """geth's fields of a London block; transactions as hashes or whole; null for none."""
    node.run(SAM, BOB.address, value=5)
    block = node.ask("eth_getBlockByNumber", "latest", False)
    assert set(block) == {
        "number", "hash", "parentHash", "nonce", "mixHash", "sha3Uncles", "logsBloom",
        "transactionsRoot", "stateRoot", "receiptsRoot", "miner", "difficulty",
        "totalDifficulty", "extraData", "size", "gasLimit", "gasUsed", "timestamp",
        "transactions", "uncles", "baseFeePerGas",
    }  # fmt: skip
    assert (block["number"], block["gasUsed"]) == ("0x1", hex(21_000))
    assert block["miner"] == format_address(MINER.address)
    full = node.ask("eth_getBlockByHash", block["hash"], True)
    assert [each["hash"] for each in full["transactions"]] == block["transactions"]
    assert full["transactions"][0]["from"] == format_address(SAM.address)
    assert node.ask("eth_getBlockByNumber", "0x99", False) is None
    assert node.ask("eth_getBlockByHash", "0x" + "00" * 32, False) is None


def test_tags_name_blocks(node) -> None:
    """latest, safe, finalized and pending are the head; earliest is block 0; EIP-1898 works."""
    node.run(SAM, BOB.address, value=5)
    head = node.ask("eth_getBlockByNumber", "latest", False)
    for tag in ("safe", "finalized", "pending", "0x1"):
        assert node.ask("eth_getBlockByNumber", tag, False) == head
    assert node.ask("eth_getBlockByNumber", "earliest", False)["number"] == "0x0"
    bob = hexed(BOB.address)
    assert node.ask("eth_getBalance", bob, {"blockHash": head["hash"]}) == "0x5"
    assert node.ask("eth_getBalance", bob, {"blockNumber": "0x0"}) == "0x0"
    assert node.ask("eth_getBalance", bob, "earliest") == "0x0"
    assert node.ask("eth_getBalance", bob, "0x7") == {
        "code": -32000, "message": "header not found",
    }  # fmt: skip


def test_a_transaction_and_its_receipt(node) -> None:
    """Both are null, then waiting, then in a block, with what was paid."""
    transaction = node.sign(SAM, BOB.address, value=7)
    key = hexed(transaction_hash(transaction))
    assert node.ask("eth_getTransactionByHash", key) is None
    assert node.ask("eth_sendRawTransaction", hexed(encode_transaction(transaction))) == key
    waiting = node.ask("eth_getTransactionByHash", key)
    assert (waiting["blockHash"], waiting["gasPrice"]) == (None, hex(100 * GWEI))
    assert node.ask("eth_getTransactionReceipt", key) is None
    assert node.ask("eth_getTransactionCount", hexed(SAM.address), "pending") == "0x1"
    node.block(*node.pool.in_block_order(0))

    placed = node.ask("eth_getTransactionByHash", key)
    receipt = node.ask("eth_getTransactionReceipt", key)
    price = hex(node.head.base_fee_per_gas + GWEI)
    assert (placed["blockNumber"], placed["gasPrice"]) == ("0x1", price)
    assert (placed["v"], placed["yParity"], placed["type"]) == (
        placed["yParity"], placed["v"], "0x2",
    )  # fmt: skip
    assert set(receipt) == {
        "transactionHash", "transactionIndex", "blockHash", "blockNumber", "from", "to",
        "contractAddress", "cumulativeGasUsed", "gasUsed", "effectiveGasPrice", "logs",
        "logsBloom", "status", "type",
    }  # fmt: skip
    assert (receipt["status"], receipt["effectiveGasPrice"]) == ("0x1", price)
    assert len(node.pool) == 0
    assert node.ask("eth_getBlockReceipts", "latest") == [receipt]
    assert node.ask("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x0") == placed
    assert node.ask("eth_getTransactionByBlockNumberAndIndex", "0x1", "0x1") is None


def test_logs_are_found_by_address_and_topics(node) -> None:
    """Filters by block, address and topics in their places; log indices count in the block."""
    token = node.token()
    node.nonces[SAM] = 1
    to_ann, to_bob = (
        node.sign(SAM, token, data=call_data("transfer(address,uint256)", user.address, 5))
        for user in (ANN, BOB)
    )
    node.block(to_ann, to_bob)
    ann = hexed(ANN.address.rjust(32, b"\x00"))
    wanted = {"fromBlock": "0x0", "address": hexed(token), "topics": [hexed(TRANSFER), None, ann]}
    (log,) = node.ask("eth_getLogs", wanted)
    assert log["transactionHash"] == hexed(transaction_hash(to_ann))
    assert (log["logIndex"], log["removed"]) == ("0x0", False)
    both = node.ask("eth_getLogs", {"topics": [[hexed(TRANSFER), ann]]})
    assert [each["logIndex"] for each in both] == ["0x0", "0x1"]
    block_hash = node.ask("eth_getBlockByNumber", "latest", False)["hash"]
    assert node.ask("eth_getLogs", {"blockHash": block_hash}) == both
    assert node.ask("eth_getLogs", {"address": hexed(BOB.address), "fromBlock": "0x0"}) == []
    assert len(node.ask("eth_getLogs", {"fromBlock": "earliest", "toBlock": "0x1"})) == 2


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"fromBlock": "0x5", "toBlock": "0x1"}, -32602),
        ({"fromBlock": "0x0", "toBlock": "0xffff"}, -32005),
        ({"blockHash": "0x" + "11" * 32}, -32000),
        ({"blockHash": "0x" + "11" * 32, "fromBlock": "0x0"}, -32602),
        ({"topics": ["0x12"]}, -32602),
        ({"topics": [None] * 5}, -32602),
        ({"address": ["0x1"]}, -32602),
        ("latest", -32602),
    ],
)
def test_bad_filters_are_refused(node, options, code) -> None:
    """Backwards, too wide, an unknown block, both ways of naming blocks, bad topics."""
    assert node.ask("eth_getLogs", options)["code"] == code


def test_a_call_tells_its_refusal(node) -> None:
    """Code 3 with the ABI's Error(string) as data, as geth answers a revert."""
    token = node.token()
    call = {
        "from": hexed(ANN.address),
        "to": hexed(token),
        "data": hexed(call_data("transfer(address,uint256)", BOB.address, 1)),
    }
    error = node.ask("eth_call", call, "latest")
    assert error["code"] == 3
    assert error["message"] == "execution reverted: ERC20: transfer amount exceeds balance"
    assert error["data"].startswith("0x08c379a0")
    assert node.ask("eth_estimateGas", call) == error
    balance = {"to": hexed(token), "input": hexed(call_data("balanceOf(address)", SAM.address))}
    assert node.ask("eth_call", balance, "latest") == hexed((1_000).to_bytes(32, "big"))
    assert node.ask("eth_call", balance, "earliest") == "0x"
    assert node.ask("eth_call", {}, "latest")["code"] == -32000
    poor = {"from": hexed(BOB.address), "to": hexed(ANN.address), "value": "0x1"}
    assert node.ask("eth_call", poor)["message"].startswith("insufficient funds for transfer")


@pytest.mark.parametrize("case", ["transfer", "create", "token", "clear"])
def test_an_estimate_is_exact(node, case) -> None:
    """With the estimated gas the transaction succeeds; with one less it runs out."""
    token = node.token()
    to, payload = {
        "transfer": (BOB.address, b""),
        "create": (FACTORY_ADDRESS, call_data(CREATE, "Name", "N", 6, 77, ANN.address)),
        "token": (token, call_data("transfer(address,uint256)", ANN.address, 5)),
        "clear": (token, call_data("transfer(address,uint256)", ANN.address, 1_000)),
    }[case]
    call = {"from": hexed(SAM.address), "to": hexed(to), "data": hexed(payload)}
    gas = int(node.ask("eth_estimateGas", call), 16)
    (enough,) = node.build(node.sign(SAM, to, data=payload, gas_limit=gas, nonce=1))[0].executed
    assert enough.receipt.status == 1
    built, refused = node.build(node.sign(SAM, to, data=payload, gas_limit=gas - 1, nonce=1))
    assert refused or built.executed[0].receipt.status == 0


def test_a_proof_answer_verifies(node) -> None:
    """eth_getProof shows account, slot and absence under the block's state root (EIP-1186)."""
    token = node.token()
    slot = mapping_slot(SAM.address, bytes(32))
    answered = node.ask("eth_getProof", hexed(token), [hexed(slot), "0x99"], "latest")
    root = node.head.state_root
    nodes = [bytes.fromhex(each[2:]) for each in answered["accountProof"]]
    account = verify_account_proof(root, token, nodes)
    assert hexed(account.storage_root) == answered["storageHash"]
    words = []
    for item, key in zip(answered["storageProof"], (slot, bytes(31) + b"\x99"), strict=True):
        proof = [bytes.fromhex(each[2:]) for each in item["proof"]]
        words.append(verify_storage_proof(account.storage_root, key, proof))
    assert [int.from_bytes(word, "big") for word in words] == [1_000, 0]
    assert [item["value"] for item in answered["storageProof"]] == ["0x3e8", "0x0"]
    stored = node.ask("eth_getStorageAt", hexed(token), hexed(slot), "latest")
    assert stored == hexed((1_000).to_bytes(32, "big"))
    assert node.ask("eth_getCode", hexed(token), "latest") == hexed(b"\xfeisthmus/erc20/1")
    assert node.ask("eth_getCode", hexed(BOB.address), "latest") == "0x"


def test_fees_are_told(node) -> None:
    """History has one base fee more than blocks, ratios and rewards; prices follow the head."""
    for _ in range(3):
        node.run(SAM, BOB.address, value=1, max_priority_fee_per_gas=2 * GWEI)
    history = node.ask("eth_feeHistory", "0x2", "latest", [0, 50.5, 100])
    assert history["oldestBlock"] == "0x2"
    assert len(history["baseFeePerGas"]) == 3
    assert history["reward"] == [[hex(2 * GWEI)] * 3] * 2
    assert history["gasUsedRatio"] == [21_000 / 30_000_000] * 2
    assert node.ask("eth_maxPriorityFeePerGas") == hex(2 * GWEI)
    expected = int(history["baseFeePerGas"][-1], 16) + 2 * GWEI
    assert node.ask("eth_gasPrice") == hex(expected)
    assert node.ask("eth_feeHistory", 2, "latest", [50, 10])["code"] == -32602


def test_the_node_tells_of_itself(node) -> None:
    """Chain id, version, peers, syncing, the hash of Keccak's own example."""
    assert node.ask("eth_chainId") == hex(EVM_CHAIN_ID)
    assert node.ask("net_version") == str(EVM_CHAIN_ID)
    assert node.ask("net_peerCount") == "0x3"
    assert node.ask("net_listening") is True
    assert node.ask("eth_accounts") == []
    assert node.ask("eth_syncing") is False
    node.highest = 9
    assert node.ask("eth_syncing")["highestBlock"] == "0x9"
    assert node.ask("web3_clientVersion") == "isthmus/1"
    assert node.ask("web3_sha3", "0x68656c6c6f") == hexed(keccak256(b"hello"))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ([], -32600),
        ({"id": 1}, -32600),
        ({"id": 1, "method": "eth_nothing"}, -32601),
        ({"id": 1, "method": "eth_getBalance"}, -32602),
        ({"id": 1, "method": "eth_getBalance", "params": {}}, -32602),
        ({"id": 1, "method": "eth_chainId", "params": [1]}, -32602),
        ({"id": 1, "method": "eth_getBalance", "params": ["0x12"]}, -32602),
        ({"id": 1, "method": "eth_getBalance", "params": ["0x" + "1" * 40, "soon"]}, -32602),
        ({"id": 1, "method": "eth_sendRawTransaction", "params": ["0x00"]}, -32000),
        ({"id": 1, "method": "eth_sendRawTransaction", "params": ["0x" + "00" * 131_073]}, -32000),
        ({"id": 1, "method": "eth_call", "params": [{"to": "0x" + "1" * 40, "x": 1}]}, -32602),
        ({"id": 1, "method": "eth_getBlockByNumber", "params": ["latest", 1]}, -32602),
    ],
)
def test_bad_requests_have_the_standard_codes(node, request_, code) -> None:
    """JSON-RPC's own codes for form, -32000 for what the chain refuses."""
    assert answer(node.methods, request_)["error"]["code"] == code


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(("latest", "0x", "0x0", "0x5", "0x" + "11" * 20, "0x" + "22" * 32))
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("to", "from", "data", "address", "topics", "blockHash", "blockNumber")
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_parameters_get_an_answer(shared_node, data) -> None:
    """No parameters of any method break the node: a result, or an error with its code."""
    method = data.draw(st.sampled_from(sorted(shared_node.methods)))
    params = data.draw(st.lists(JSON, max_size=3))
    response = answer(shared_node.methods, {"id": 0, "method": method, "params": params})

    assert ("result" in response) != ("error" in response)
    if "error" in response:
        assert response["error"]["code"] in {3, -32000, -32602, -32005}


@pytest.fixture(scope="module")
def shared_node():
    return RpcWorld()


def test_pruned_states_are_refused_by_name() -> None:
    """Balances of a state that is not kept: an error, not a wrong answer."""
    node = RpcWorld(keep=2)
    for _ in range(4):
        node.run(SAM, BOB.address, value=1)
    assert node.ask("eth_getBalance", hexed(BOB.address), "0x3") == "0x3"
    assert "not kept" in node.ask("eth_getBalance", hexed(BOB.address), "0x2")["message"]


def test_subscriptions_hear_blocks_logs_and_transactions(node) -> None:
    """Each id hears its kind; unsubscribed ids and unknown kinds hear nothing."""
    token = node.token()
    subscriptions, heads = NO_SUBSCRIPTIONS.subscribe("newHeads")
    subscriptions, logs = subscriptions.subscribe("logs", {"address": hexed(token)})
    subscriptions, pending = subscriptions.subscribe("newPendingTransactions")
    node.run(SAM, token, "transfer(address,uint256)", ANN.address, 5)
    told = subscriptions.on_block(node.chain, node.chain.head)
    assert [each["params"]["subscription"] for each in told] == [heads, logs]
    assert told[0]["params"]["result"]["number"] == "0x2"
    assert told[1]["params"]["result"]["address"] == format_address(token)
    (hint,) = subscriptions.on_transaction(bytes(32))
    assert hint["params"] == {"subscription": pending, "result": "0x" + "00" * 32}
    subscriptions, was_there = subscriptions.unsubscribe(heads)
    assert was_there
    assert not subscriptions.unsubscribe(heads)[1]
    with pytest.raises(InvalidRpcParams):
        subscriptions.subscribe("everything")
    for _ in range(MAX_SUBSCRIPTIONS - 2):
        subscriptions, _ = subscriptions.subscribe("newHeads")
    with pytest.raises(RpcLimitExceeded):
        subscriptions.subscribe("newHeads")


def test_a_node_starts_where_it_stopped(node) -> None:
    """The chain reopens from its database; another genesis is refused."""
    node.run(SAM, BOB.address, value=5)
    ledger = type(node.ledger)(node.database, node.ledger.identity, **node.parts)
    again = Chain(node.database, ledger, node.genesis)
    assert again.head == node.chain.head
    assert ledger.state.root == node.ledger.state.root
    other = replace(node.genesis, timestamp=1)
    with pytest.raises(BlockRefused, match="another chain"):
        Chain(node.database, ledger, other)


def test_hash_locks_are_called_by_the_abi(node) -> None:
    """A read-only method answers through eth_call for an id that nobody used."""
    call = {"to": hexed(HASH_LOCK_ADDRESS), "data": hexed(call_data("locks(bytes32)", bytes(32)))}
    expected = encode_abi(
        ("address", "address", "address", "uint256", "uint256", "uint8", "bytes32"),
        (ZERO_ADDRESS, ZERO_ADDRESS, ZERO_ADDRESS, 0, 0, 0, bytes(32)),
    )
    assert node.ask("eth_call", call, "latest") == hexed(expected)


# --- what is asked for to hurt ----------------------------------------------------------


def test_a_number_that_no_block_has_is_no_block(node) -> None:
    """A quantity has up to 256 bits: such a block is not there, whatever is asked of it."""
    address = hexed(bytes(20))
    for which in ("0x10000000000000000", "0x" + "f" * 64):
        assert node.ask("eth_getBlockByNumber", which) is None
        assert node.ask("eth_getBlockReceipts", which) is None
        for method, params in (
            ("eth_getBalance", (address,)),
            ("eth_getTransactionCount", (address,)),
            ("eth_getProof", (address, [])),
            ("eth_call", ({"to": address},)),
            ("eth_estimateGas", ({"to": address},)),
        ):
            assert node.ask(method, *params, which)["message"] == "header not found"
        assert node.ask("eth_feeHistory", "0x1", which, [])["message"] == "header not found"
        logs = node.ask("eth_getLogs", {"fromBlock": which, "toBlock": which})
        assert logs == []


def test_logs_are_looked_for_by_headers_alone(node, monkeypatch) -> None:
    """No body is read where the bloom says that nothing is wanted, or that there are no logs."""
    node.token()
    with_log = node.head.number
    for _ in range(40):
        node.block()
    node.chain._recent.clear()
    read = []
    at = Chain.at
    monkeypatch.setattr(Chain, "at", lambda self, number: read.append(number) or at(self, number))
    everything = {"fromBlock": "0x0", "toBlock": hex(node.head.number)}
    nowhere = everything | {"address": hexed(bytes([9]) * 20)}

    assert len(node.ask("eth_getLogs", everything)) >= 1
    assert read == [with_log]
    read.clear()
    assert node.ask("eth_getLogs", nowhere) == []
    assert read == []


def test_a_search_is_bounded_by_what_it_looks_at(node, monkeypatch) -> None:
    """A filter that every bloom lets through and no log fits costs so many transactions at most."""
    for _ in range(4):
        node.token()
    query = {"fromBlock": "0x0", "toBlock": "latest"}
    topics = {"topics": [None, None, None, None]}
    assert node.ask("eth_getLogs", query | topics) == []
    monkeypatch.setattr(log_filter, "MAX_SEARCHED_TRANSACTIONS", 3)
    assert node.ask("eth_getLogs", query | topics)["message"] == "query is over 3 transactions"
    monkeypatch.setattr(log_filter, "MAX_SEARCHED_TRANSACTIONS", 4)
    monkeypatch.setattr(log_filter, "MAX_LOG_BYTES", 100)
    assert node.ask("eth_getLogs", query)["message"] == "query returned more than 100 bytes"


def test_a_fee_history_of_full_blocks_is_shorter(node, monkeypatch) -> None:
    """With percentiles every transaction is looked at: the newest blocks are told of, as asked."""
    for _ in range(6):
        node.run(SAM, BOB.address, value=1)
    monkeypatch.setattr(fee_history, "MAX_SEARCHED_TRANSACTIONS", 3)
    head = node.head.number
    found = node.ask("eth_feeHistory", "0x6", "latest", [50])
    fees_only = node.ask("eth_feeHistory", "0x6", "latest", [])

    assert int(found["oldestBlock"], 16) == head - 2
    assert len(found["reward"]) == len(found["gasUsedRatio"]) == 3
    assert len(found["baseFeePerGas"]) == 4
    assert len(fees_only["gasUsedRatio"]) == 6


def test_the_tip_is_found_once_a_block(node, monkeypatch) -> None:
    """Every wallet asks for it: 20 blocks are read for the first that does."""
    node.run(SAM, BOB.address, value=1)
    first = node.ask("eth_maxPriorityFeePerGas")
    with monkeypatch.context() as patch:
        patch.setattr(Chain, "receipts", lambda *_: pytest.fail("read again"))
        assert node.ask("eth_maxPriorityFeePerGas") == first
        assert node.ask("eth_gasPrice")
    node.block()
    read = []
    receipts = Chain.receipts
    monkeypatch.setattr(
        Chain, "receipts", lambda self, number: read.append(number) or receipts(self, number)
    )
    node.ask("eth_maxPriorityFeePerGas")
    assert read
