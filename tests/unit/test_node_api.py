"""One table of methods behind gRPC, REST and abci_query: answers, JSON forms, refusals."""

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.tendermint.hashing import tx_hash
from chainkit.primitives.errors import RuleBroken
from chainkit.runtime.grpc_status import Status
from chainkit.wire.codec import encode, pack_any
from chainkit.wire.proto.cosmos.auth.v1beta1 import query_pb2 as auth_pb2
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from chainkit.wire.proto.cosmos.base.tendermint.v1beta1 import query_pb2 as tendermint_pb2
from chainkit.wire.proto.cosmos.gov.v1 import tx_pb2 as gov_pb2
from chainkit.wire.proto.cosmos.staking.v1beta1 import staking_pb2
from chainkit.wire.proto.cosmos.tx.v1beta1 import service_pb2, tx_pb2
from isthmus.discovery import find_ibc_applications, ibc_application_names
from light_clients.tendermint import LIGHT_CLIENT
from relay_chain.app import hub_application
from relay_chain.node.api.gateway import Gateway, RestRequest
from relay_chain.node.api.json_forms import any_to_json, message_to_json
from relay_chain.node.api.limits import MAX_ANY_DEPTH, MAX_REQUEST_BYTES
from relay_chain.node.api.methods import parse_height_metadata
from relay_chain.node.api.transactions import decode_tx_proto
from relay_chain.node.rpc.parameters import Parameters
from tests.api_world import ALICE, BOB, FUNDS, ZoneNode, address, send_tx

ROOT = Path(__file__).resolve().parents[2]
BALANCE = "/cosmos.bank.v1beta1.Query/Balance"
BROADCAST = "/cosmos.tx.v1beta1.Service/BroadcastTx"
SIMULATE = "/cosmos.tx.v1beta1.Service/Simulate"
STRANGER = address(bytes([9]) * 32)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[ZoneNode]:
    node = ZoneNode(tmp_path)
    async with node.running():
        await node.reach(2)
        yield node


def rest(node: ZoneNode, target: str, body: object = None, height: str = "") -> Any:
    path, _, query = target.partition("?")
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&") if pair]
    data = b"" if body is None else json.dumps(body).encode()
    verb = "GET" if body is None else "POST"
    answer = Gateway(node.api).answer(RestRequest(verb, path, pairs, data, height))
    json.dumps(answer.body)
    return answer


def broadcast(node: ZoneNode, tx: bytes) -> Any:
    request = service_pb2.BroadcastTxRequest(tx_bytes=tx, mode=2)
    result = node.api.call(BROADCAST, encode(request), 0)
    assert result.status is Status.OK, result
    return service_pb2.BroadcastTxResponse.FromString(result.value).tx_response


async def commit(node: ZoneNode, *txs: bytes) -> None:
    for tx in txs:
        assert broadcast(node, tx).code == 0
    while len(node.executor.mempool):
        await node.reach(node.executor.state.last_block_height + 1)


async def test_three_doors_give_one_answer(node: ZoneNode) -> None:
    """
    A balance is the same by gRPC, by the gateway and by abci_query: one handler answers all.
    """
    request = encode(bank_pb2.QueryBalanceRequest(address=address(ALICE), denom="stake"))
    by_grpc = node.api.call(BALANCE, request, 0)
    by_rest = rest(node, f"/cosmos/bank/v1beta1/balances/{address(ALICE)}/by_denom?denom=stake")
    by_abci = node.rpc.abci_query(Parameters({"path": BALANCE, "data": request.hex()}))["response"]

    assert bank_pb2.QueryBalanceResponse.FromString(by_grpc.value).balance.amount == str(FUNDS)
    assert by_rest.body == {"balance": {"denom": "stake", "amount": str(FUNDS)}}
    assert base64.b64decode(by_abci["value"]) == by_grpc.value


async def test_a_past_height_is_answered_and_named(node: ZoneNode) -> None:
    """
    x-cosmos-block-height chooses the state; the answer says of which height it is.
    """
    before = node.executor.state.last_block_height
    await commit(node, send_tx(0, amount=7))
    path = f"/cosmos/bank/v1beta1/balances/{address(BOB)}/by_denom?denom=stake"
    old, new = rest(node, path, height=str(before)), rest(node, path)

    assert (old.height, old.body["balance"]["amount"]) == (before, str(FUNDS))
    assert new.height > before
    assert new.body["balance"]["amount"] == str(FUNDS + 7)


async def test_an_unknown_account_is_not_found_in_every_dialect(node: ZoneNode) -> None:
    """
    gRPC's code 5, HTTP's 404, and over ABCI the words that cosmjs looks for.
    """
    request = encode(auth_pb2.QueryAccountRequest(address=STRANGER))
    path = "/cosmos.auth.v1beta1.Query/Account"
    by_grpc = node.api.call(path, request, 0)
    by_rest = rest(node, f"/cosmos/auth/v1beta1/accounts/{STRANGER}")
    by_abci = node.rpc.abci_query(Parameters({"path": path, "data": request.hex()}))["response"]

    assert by_grpc.status is Status.NOT_FOUND
    assert by_grpc.description == f"account {STRANGER} not found"
    assert (by_rest.http_status, by_rest.body["code"]) == (404, 5)
    assert by_abci["code"] == 22
    assert "rpc error: code = NotFound desc = account" in by_abci["log"]


@pytest.mark.parametrize(
    ("target", "http_status", "code"),
    [
        ("/cosmos/bank/v1beta1/nothing", 501, 12),
        ("/cosmos/auth/v1beta1/accounts/cosmos1xyz", 400, 3),
        ("/cosmos/tx/v1beta1/txs/ABCD", 404, 5),
        ("/cosmos/tx/v1beta1/txs/xyz", 400, 3),
        ("/cosmos/tx/v1beta1/txs", 400, 3),
        ("/cosmos/bank/v1beta1/supply?pagination.limit=many", 400, 3),
        ("/cosmos/bank/v1beta1/supply?pagination.limit=99999999999999999999", 400, 3),
        ("/cosmos/bank/v1beta1/supply?pagination.key=%%%", 400, 3),
        ("/cosmos/base/tendermint/v1beta1/blocks/1000000", 400, 3),
        ("/cosmos/base/tendermint/v1beta1/blocks/0", 404, 5),
        ("/ibc/core/client/v1/client_states/07-tendermint-9", 404, 5),
        ("/ibc/core/connection/v1/client_connections/07-tendermint-9", 404, 5),
        ("/ibc/core/client/v1/client_states/x", 400, 3),
        ("/ibc/core/client/v1/client_status/07-tendermint-9", 404, 5),
        ("/ibc/apps/transfer/v1/denoms/nothing", 400, 3),
        ("/cosmos/tx/v1beta1/txs?query=x", 400, 3),
        ("/cosmos/tx/v1beta1/txs?order_by=\ud800", 400, 3),
    ],
)
async def test_refusals_have_their_codes(
    node: ZoneNode, target: str, http_status: int, code: int
) -> None:
    """
    What is not there, or is no value of its type, is refused in the gateway's form.
    """
    answer = rest(node, target)

    assert (answer.http_status, answer.body["code"]) == (http_status, code)
    assert answer.body["message"]
    assert answer.body["details"] == []


@pytest.mark.parametrize("text", ["x", "1.5", "-1", "9" * 30, "\u0663"])
async def test_a_height_that_is_none_is_refused(node: ZoneNode, text: str) -> None:
    """
    No digits, a sign, or more than 64 bits: INVALID_ARGUMENT; a height to come, too.
    """
    with pytest.raises(RuleBroken):
        parse_height_metadata(text)
    path = "/cosmos/bank/v1beta1/supply"

    assert (parse_height_metadata(""), parse_height_metadata("7")) == (0, 7)
    assert rest(node, path, height=text).http_status == 400
    assert rest(node, path, height="1000000").http_status == 400


async def test_unknown_methods_are_told_from_unknown_services(node: ZoneNode) -> None:
    """
    Relayers fall back on another method when they read "unknown method" with code 12.
    """
    method = node.api.call("/ibc.core.client.v1.Query/Nothing", b"", 0)
    service = node.api.call("/nothing.Query/Params", b"", 0)

    assert (method.status, service.status) == (Status.UNIMPLEMENTED, Status.UNIMPLEMENTED)
    assert method.description == "unknown method Nothing for service ibc.core.client.v1.Query"
    assert service.description == "unknown service nothing.Query"


async def test_a_request_over_the_limit_is_not_decoded(node: ZoneNode) -> None:
    """
    RESOURCE_EXHAUSTED, as Go's server says of a message that is too large.
    """
    result = node.api.call(BALANCE, bytes(MAX_REQUEST_BYTES + 1), 0)

    assert result.status is Status.RESOURCE_EXHAUSTED


async def test_several_transactions_of_one_account_share_a_block(node: ZoneNode) -> None:
    """
    The mempool's state advances the sequence: the next is good at once, a gap and a repeat
    are refused with both numbers in the SDK's words.
    """
    results = [broadcast(node, send_tx(sequence)) for sequence in (0, 1, 2)]
    gap, repeat = broadcast(node, send_tx(9)), broadcast(node, send_tx(0, amount=8))
    await node.reach(node.executor.state.last_block_height + 2)

    assert [result.code for result in results] == [0, 0, 0]
    assert (gap.code, gap.codespace) == (32, "sdk")
    assert gap.raw_log == (
        "account sequence mismatch, expected 3, got 9: incorrect account sequence"
    )
    assert repeat.raw_log.startswith("account sequence mismatch, expected 3, got 0")
    account = rest(node, f"/cosmos/auth/v1beta1/accounts/{address(ALICE)}").body["account"]
    assert account["sequence"] == "3"


async def test_the_same_transaction_twice_is_in_the_cache(node: ZoneNode) -> None:
    """
    Code 19 of the SDK with the hash, as its client says of what the mempool has already.
    """
    tx = send_tx(0)
    broadcast(node, tx)
    again = broadcast(node, tx)

    assert (again.code, again.codespace) == (19, "sdk")
    assert again.txhash == tx_hash(tx).hex().upper()


async def test_a_fee_below_the_minimum_is_refused(tmp_path: Path) -> None:
    """
    Code 13 with what is required; the price itself is in the node's Config.
    """
    node = ZoneNode(tmp_path, minimum_gas_prices="0.01stake")
    async with node.running():
        await node.reach(1)
        low, enough = broadcast(node, send_tx(0, fee=1999)), broadcast(node, send_tx(0, fee=2000))
        config = rest(node, "/cosmos/base/node/v1beta1/config").body

    assert (low.code, low.codespace) == (13, "sdk")
    assert low.raw_log == (
        "insufficient fees; got: 1999stake required: 2000stake: insufficient fee"
    )
    assert enough.code == 0
    assert config["minimum_gas_price"] == "0.01stake"


@pytest.mark.parametrize("spelling", ["tx_bytes", "txBytes"])
async def test_both_spellings_of_the_body_are_read(node: ZoneNode, spelling: str) -> None:
    """
    mospy posts tx_bytes, cosmpy txBytes; a simulation tells the gas that the block then takes.
    """
    tx = send_tx(0, fee=1)
    body = {spelling: base64.b64encode(tx).decode(), "mode": "BROADCAST_MODE_SYNC"}
    only = {spelling: body[spelling]}
    simulated = rest(node, "/cosmos/tx/v1beta1/simulate", only).body
    sent = rest(node, "/cosmos/tx/v1beta1/txs", body).body["tx_response"]
    await node.reach(node.executor.state.last_block_height + 2)
    found = rest(node, f"/cosmos/tx/v1beta1/txs/{sent['txhash']}").body

    assert sent["code"] == 0
    assert found["tx_response"]["code"] == 0
    assert int(simulated["gas_info"]["gas_used"]) == int(found["tx_response"]["gas_used"])
    assert simulated["result"]["msg_responses"][0]["@type"].endswith("MsgSendResponse")
    assert found["tx"]["body"]["messages"][0]["amount"] == [{"denom": "stake", "amount": "7"}]
    assert found["tx_response"]["tx"]["@type"] == "/cosmos.tx.v1beta1.Tx"


async def test_a_readable_transaction_can_be_simulated(node: ZoneNode) -> None:
    """
    cosmpy sends the whole Tx in place of its bytes, by gRPC and as JSON.
    """
    tx = decode_tx_proto(send_tx(0))
    assert tx is not None
    by_grpc = node.api.call(SIMULATE, encode(service_pb2.SimulateRequest(tx=tx)), 0)
    by_rest = rest(node, "/cosmos/tx/v1beta1/simulate", {"tx": message_to_json(tx)})

    used = service_pb2.SimulateResponse.FromString(by_grpc.value).gas_info.gas_used
    assert used > 20_000
    assert by_rest.body["gas_info"]["gas_used"] == str(used)


async def test_a_simulation_without_a_fee_is_enough_for_one_with_it(node: ZoneNode) -> None:
    """
    A wallet that simulates without a fee, as it cannot know it, and then pays one has gas enough.
    """
    request = encode(service_pb2.SimulateRequest(tx_bytes=send_tx(0)))
    answer = node.api.call(SIMULATE, request, 0)
    told = service_pb2.SimulateResponse.FromString(answer.value).gas_info.gas_used
    tx = send_tx(0, fee=9, gas_limit=told)
    await commit(node, tx)

    found = rest(node, f"/cosmos/tx/v1beta1/txs/{tx_hash(tx).hex()}").body["tx_response"]
    assert found["code"] == 0
    assert int(found["gas_used"]) <= told


async def test_a_simulation_that_fails_says_why(node: ZoneNode) -> None:
    """
    UNKNOWN with the sequence error that relayers look for, and the gas used until then.
    """
    request = encode(service_pb2.SimulateRequest(tx_bytes=send_tx(5)))
    result = node.api.call(SIMULATE, request, 0)

    assert result.status is Status.UNKNOWN
    assert "account sequence mismatch, expected 0, got 5: incorrect account sequence with gas" in (
        result.description
    )


async def test_transactions_are_searched_by_event(node: ZoneNode) -> None:
    """
    By query and by the older list of events, newest first if asked, page by page.
    """
    await commit(node, send_tx(0), send_tx(1), send_tx(2))
    query = f"message.sender='{address(ALICE)}'"
    found = rest(node, f"/cosmos/tx/v1beta1/txs?query={query}&limit=2&order_by=ORDER_BY_DESC").body
    older = rest(node, f"/cosmos/tx/v1beta1/txs?events={query}&page=2&limit=2").body
    past = rest(node, f"/cosmos/tx/v1beta1/txs?query={query}&page=9&limit=2")

    sequences = [tx["auth_info"]["signer_infos"][0]["sequence"] for tx in found["txs"]]
    assert sequences == ["2", "1"]
    assert (found["total"], len(older["txs"])) == ("3", 1)
    assert older["tx_responses"][0]["height"] == older["tx_responses"][0]["height"]
    assert past.http_status == 400


async def test_what_is_no_transaction_is_not_broadcast(node: ZoneNode) -> None:
    """
    Nothing, a mode that waits for the block, and bytes that do not decode.
    """
    empty = rest(node, "/cosmos/tx/v1beta1/txs", {"tx_bytes": "", "mode": 2})
    waits = rest(node, "/cosmos/tx/v1beta1/txs", {"tx_bytes": "AA==", "mode": 1})

    assert (empty.http_status, empty.body["message"]) == (400, "invalid empty tx")
    assert "supported types: sync, async" in waits.body["message"]
    assert broadcast(node, b"\x01\x02").code == 2
    assert decode_tx_proto(b"\x01\x02") is None


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"nothing": 1}',
        b'{"tx_bytes": 5}',
        b'{"mode": "X"}',
        b"[" * 5_000,
        b"\xff",
        b'{"tx": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"tx": ' * 90 + b"1" + b"}" * 90,
        b'{"tx": {"body": {"messages": [{"@type": "/x.Y"}]}}}',
    ],
)
async def test_a_body_that_is_no_request_is_refused(node: ZoneNode, body: bytes) -> None:
    """
    Not JSON, another message, another type, too deep: 400, and the node goes on.
    """
    answer = Gateway(node.api).answer(RestRequest("POST", "/cosmos/tx/v1beta1/txs", body=body))
    simulated = Gateway(node.api).answer(
        RestRequest("POST", "/cosmos/tx/v1beta1/simulate", body=body)
    )

    assert (answer.http_status, simulated.http_status) == (400, 400)


async def test_pages_follow_their_keys(node: ZoneNode) -> None:
    """
    A page names the next one; key and offset together are refused.
    """
    path = f"/cosmos/bank/v1beta1/balances/{address(ALICE)}"
    first = rest(node, f"{path}?pagination.limit=1&pagination.countTotal=true").body
    key = first["pagination"]["next_key"]
    second = rest(node, f"{path}?pagination.limit=1&pagination.key={key}").body
    both = rest(node, f"{path}?pagination.offset=1&pagination.key={key}")

    assert (first["balances"][0]["denom"], first["pagination"]["total"]) == ("other", "2")
    assert (second["balances"][0]["denom"], second["pagination"]["next_key"]) == ("stake", "")
    assert both.http_status == 400


async def test_blocks_and_validators_are_read(node: ZoneNode) -> None:
    """
    The latest block and one by height, with the proposer's address as the SDK writes it.
    """
    latest = rest(node, "/cosmos/base/tendermint/v1beta1/blocks/latest").body
    first = rest(node, "/cosmos/base/tendermint/v1beta1/blocks/1").body
    validators = rest(node, "/cosmos/base/tendermint/v1beta1/validatorsets/latest").body
    at_one = rest(node, "/cosmos/base/tendermint/v1beta1/validatorsets/1").body
    info = rest(node, "/cosmos/base/tendermint/v1beta1/node_info").body

    assert int(latest["block"]["header"]["height"]) >= 2
    assert first["block"]["header"]["chain_id"] == "memory-1"
    assert first["sdk_block"]["header"]["proposer_address"].startswith("isthmusvalcons1")
    assert (
        validators["validators"][0]["address"] == (first["sdk_block"]["header"]["proposer_address"])
    )
    assert validators["validators"][0]["pub_key"]["@type"] == "/cosmos.crypto.ed25519.PubKey"
    assert at_one["block_height"] == "1"
    assert info["default_node_info"]["network"] == "memory-1"
    paths = [each["path"] for each in info["application_version"]["build_deps"]]
    assert "github.com/cometbft/cometbft" in paths
    assert rest(node, "/cosmos/base/tendermint/v1beta1/syncing").body == {"syncing": False}
    assert rest(node, "/cosmos/consensus/v1/params").body["params"]["block"]["max_gas"]
    status = rest(node, "/cosmos/base/node/v1beta1/status").body
    assert int(status["height"]) >= 2


async def test_abci_query_is_a_method_too(node: ZoneNode) -> None:
    """
    With its two proof operators; a negative height is refused.
    """
    path = "/cosmos.base.tendermint.v1beta1.Service/ABCIQuery"
    request = tendermint_pb2.ABCIQueryRequest(path="/store/acc/key", data=b"\x02", prove=True)
    result = node.api.call(path, encode(request), 0)
    answer = tendermint_pb2.ABCIQueryResponse.FromString(result.value)
    request.height = -1

    assert [op.type for op in answer.proof_ops.ops] == ["ics23:iavl", "ics23:simple"]
    assert node.api.call(path, encode(request), 0).status is Status.INVALID_ARGUMENT


async def test_every_rest_path_leads_to_its_method(node: ZoneNode) -> None:
    """
    No template hides another, whatever their order: each is found for texts of its form.
    """
    gateway = Gateway(node.api)
    for method in node.api.methods():
        for text in method.rest:
            verb, _, template = text.partition(" ")
            filled = template.replace("=**}", "}").replace("{", "A").replace("}", "1")
            found = gateway._find(RestRequest(verb, filled))
            assert found is not None
            assert found[0].path == method.path, text


def test_json_is_the_gateways() -> None:
    """
    Long integers as texts, decimals with their point, absent messages null, Any opened.
    """
    validator = staking_pb2.Validator(
        operator_address="v", delegator_shares=str(15 * 10**17), status=3, tokens="5"
    )
    found = message_to_json(validator)

    assert found["delegator_shares"] == "1.500000000000000000"
    assert (found["status"], found["jailed"]) == ("BOND_STATUS_BONDED", False)
    assert (found["consensus_pubkey"], found["unbonding_height"]) == (None, "0")
    params = staking_pb2.Params(min_commission_rate="0")
    params.unbonding_time.seconds = 60
    assert message_to_json(params)["unbonding_time"] == "60s"
    assert message_to_json(params)["min_commission_rate"] == "0.000000000000000000"
    mode = tx_pb2.ModeInfo(single=tx_pb2.ModeInfo.Single(mode=1))
    assert message_to_json(mode) == {"single": {"mode": "SIGN_MODE_DIRECT"}}


def test_json_of_strangers_bytes_is_bounded() -> None:
    """
    An unknown type, bytes that are none of their type, a time of no year, and a nest of Any
    deeper than any stack: base64 or null, never an exception.
    """
    nest = pack_any(gov_pb2.MsgSubmitProposal())
    for _ in range(500):
        nest = pack_any(gov_pb2.MsgSubmitProposal(messages=[nest]))
    shown, depth = any_to_json(nest), 0
    while "messages" in shown:
        shown, depth = shown["messages"][0], depth + 1
    broken = any_to_json(AnyProto(type_url="/cosmos.tx.v1beta1.Tx", value=b"\xff"))
    entry = staking_pb2.UnbondingDelegationEntry()
    entry.completion_time.seconds = 10**15

    assert depth == MAX_ANY_DEPTH
    assert base64.b64decode(shown["value"])
    assert broken == {"@type": "/cosmos.tx.v1beta1.Tx", "value": "/w=="}
    assert message_to_json(entry)["completion_time"] is None


def test_the_reference_lists_every_method(tmp_path: Path) -> None:
    """
    docs/reference/grpc-and-rest.md has each method of hub and zone with its REST paths, no other.
    """
    hub = hub_application(
        MemoryDatabase(),
        light_clients=(LIGHT_CLIENT,),
        applications=find_ibc_applications(ibc_application_names()),
    )
    methods = {route.path: route.rest for route in hub.query_routes()}
    methods |= {method.path: method.rest for method in ZoneNode(tmp_path).api.methods()}
    text = (ROOT / "docs" / "reference" / "grpc-and-rest.md").read_text()
    rows = re.findall(r"^\| `([\w.]+/\w+)` \| ([^|]+) \|", text, re.MULTILINE)
    listed = {f"/{name}": tuple(re.findall(r"`([^`]+)`", rest)) for name, rest in rows}

    assert listed == methods
