"""The reader process against chains that tell the truth, and one that does not."""

import base64
import json
import subprocess
import sys
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chainkit.primitives.timestamps import format_rfc3339
from chainkit.wire.codec import encode, pack_any
from chainkit.wire.proto.cosmos.auth.v1beta1.auth_pb2 import BaseAccount
from chainkit.wire.proto.cosmos.auth.v1beta1.query_pb2 import QueryAccountsResponse
from chainkit.wire.proto.cosmos.bank.v1beta1.query_pb2 import (
    QueryAllBalancesRequest,
    QueryAllBalancesResponse,
    QueryTotalSupplyResponse,
)
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from chainkit.wire.proto.ibc.core.channel.v1.channel_pb2 import Counterparty, IdentifiedChannel
from chainkit.wire.proto.ibc.core.channel.v1.query_pb2 import (
    QueryChannelClientStateResponse,
    QueryChannelsResponse,
)
from chainkit.wire.proto.ibc.core.client.v1.client_pb2 import IdentifiedClientState
from chainkit.wire.proto.ibc.lightclients.tendermint.v1.tendermint_pb2 import ClientState
from demos.supply_equation import End, local_name
from demos.supply_forms import escrow_account

READER = [
    sys.executable,
    "-c",
    "import sys; from demos.supply_reader import main; sys.exit(main())",
]
CHANNEL = "channel-0"
A_ESCROW = escrow_account(End("a", "transfer", CHANNEL), "cosmos")
B_ESCROW = escrow_account(End("b", "transfer", CHANNEL), "cosmos")
VOUCHER = local_name("transfer/channel-0/atok")
PACKET = {
    "packet_src_port": "transfer",
    "packet_src_channel": CHANNEL,
    "packet_dst_port": "transfer",
    "packet_dst_channel": CHANNEL,
    "packet_sequence": "1",
}
SENT = PACKET | {"packet_data_hex": b'{"denom":"atok","amount":"30"}'.hex()}
ANSWERED = PACKET | {"packet_ack_hex": b'{"result":"AQ=="}'.hex()}


def coins(balances):
    return [Coin(denom=denom, amount=str(amount)) for denom, amount in balances.items()]


class FakeChain:
    """A chain's RPC. ``blocks`` has for each height its events and what every account holds."""

    def __init__(self, chain_id, other_id, blocks):
        self.chain_id = chain_id
        self.other_id = other_id
        self.blocks = blocks
        self.supply_lie = {}

    def answer(self, method, params):
        height = int(params.get("height", len(self.blocks)))
        match method:
            case "status":
                last = {"latest_block_height": str(len(self.blocks))}
                return {"node_info": {"network": self.chain_id}, "sync_info": last}
            case "header":
                return {"header": {"time": format_rfc3339(height * 10**9)}}
            case "block_results":
                return {"txs_results": [self._tx(height)], "finalize_block_events": None}
            case "abci_query":
                value = self._query(params["path"], bytes.fromhex(params["data"]), height)
                return {"response": {"code": 0, "value": base64.b64encode(value).decode()}}

    def _tx(self, height):
        events = [
            {"type": kind, "attributes": [{"key": k, "value": v} for k, v in attributes.items()]}
            for kind, attributes in self.blocks[height - 1][0]
        ]
        return {"code": 0, "events": events}

    def _query(self, path, data, height):
        held = self.blocks[height - 1][1]
        match path.rpartition("/")[2]:
            case "TotalSupply":
                total = {}
                for balances in held.values():
                    for denom, amount in balances.items():
                        total[denom] = total.get(denom, 0) + amount
                return encode(QueryTotalSupplyResponse(supply=coins(total | self.supply_lie)))
            case "AllBalances":
                address = QueryAllBalancesRequest.FromString(data).address
                return encode(QueryAllBalancesResponse(balances=coins(held.get(address, {}))))
            case "Accounts":
                accounts = [pack_any(BaseAccount(address=address)) for address in held]
                return encode(QueryAccountsResponse(accounts=accounts))
            case "Channels":
                channel = IdentifiedChannel(
                    port_id="transfer", channel_id=CHANNEL, state=3, ordering=1,
                    counterparty=Counterparty(port_id="transfer", channel_id=CHANNEL),
                )  # fmt: skip
                return encode(QueryChannelsResponse(channels=[channel]))
            case "ChannelClientState":
                state = pack_any(ClientState(chain_id=self.other_id))
                client = IdentifiedClientState(client_id="07-tendermint-0", client_state=state)
                return encode(QueryChannelClientStateResponse(identified_client_state=client))


def serve(chain):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            result = {"result": chain.answer(call["method"], call["params"])}
            body = json.dumps({"jsonrpc": "2.0", "id": call["id"]} | result).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def chains():
    opened = ("channel_open_ack", {})
    proof = ("update_client", {})
    a = FakeChain("a-1", "b-1", [
        ((), {"alice": {"atok": 100}}),
        ((proof, opened), {"alice": {"atok": 100}}),
        ((("send_packet", SENT),), {"alice": {"atok": 70}, A_ESCROW: {"atok": 30}}),
        ((), {"alice": {"atok": 70}, A_ESCROW: {"atok": 30}}),
        ((proof, ("acknowledge_packet", PACKET)), {"alice": {"atok": 70}, A_ESCROW: {"atok": 30}}),
    ])  # fmt: skip
    received = (proof, ("recv_packet", PACKET), ("write_acknowledgement", ANSWERED))
    b = FakeChain("b-1", "a-1", [
        ((), {"bob": {"btok": 5}}),
        ((proof, opened), {"bob": {"btok": 5}}),
        ((), {"bob": {"btok": 5}}),
        (received, {"bob": {"btok": 5, VOUCHER: 30}}),
    ])  # fmt: skip
    return a, b


def read(chains, until=(5, 4)):
    names = ("a", "b")
    with ExitStack() as stack:
        servers = [stack.enter_context(serve(chain)) for chain in chains]
        places = [
            {"name": name, "rpc": f"http://127.0.0.1:{server.server_port}", "prefix": "cosmos"}
            for name, server in zip(names, servers, strict=True)
        ]
        goal = dict(zip(names, until, strict=True))
        lines = json.dumps({"chains": places}) + "\n" + json.dumps({"until": goal}) + "\n"
        done = subprocess.run(
            READER, input=lines, capture_output=True, text=True, timeout=60, check=False
        )
        for server in servers:
            server.shutdown()
    return done.returncode, json.loads(done.stdout)


def test_an_honest_history_is_conserved_and_counted(chains):
    """Every height is compared, and what the chains verified is counted by kind."""
    code, verdict = read(chains)

    assert verdict["violations"] == []
    assert verdict["conserved"]
    assert code == 0
    assert verdict["heights"] == {"a": 5, "b": 4}
    assert verdict["comparisons"] == 9
    assert verdict["packets_in_flight"] == 0
    assert verdict["headers_verified"] == 4
    assert verdict["proofs_verified"] == {
        "channel_open_ack": 2,
        "recv_packet": 1,
        "acknowledge_packet": 1,
    }
    assert verdict["block_seconds"] == {"a": 1.0, "b": 1.0}


def test_a_history_that_ends_with_a_packet_in_flight_is_conserved(chains):
    """The escrow is full, no voucher exists yet, and the packet accounts for it."""
    code, verdict = read(chains, until=(4, 3))

    assert (code, verdict["conserved"], verdict["packets_in_flight"]) == (0, True, 1)


def test_minted_vouchers_are_told(chains):
    """Bob has one voucher more than what was sent to him."""
    chains[1].blocks[3][1]["bob"][VOUCHER] = 31
    code, verdict = read(chains)

    assert (code, verdict["conserved"]) == (1, False)
    assert "30 in escrow at a:transfer/channel-0, but 31 vouchers on b" in verdict["violations"][0]


def test_a_supply_that_hides_a_balance_is_told(chains):
    """The chain tells a conserved supply while an account holds more."""
    chains[1].blocks[3][1]["bob"][VOUCHER] = 31
    chains[1].supply_lie = {VOUCHER: 30}
    code, verdict = read(chains)

    assert (code, verdict["conserved"]) == (1, False)
    assert any("accounts on b hold" in violation for violation in verdict["violations"])


def test_a_block_that_cannot_be_read_is_not_conserved(chains):
    """A reader that fails says at which block, and does not say that all is well."""
    chains[1].blocks[3] = ((("recv_packet", {"packet_src_port": "transfer"}),), {})
    code, verdict = read(chains)

    assert (code, verdict["conserved"]) == (1, False)
    assert verdict["violations"] == ["block 4 of b is not of its form: KeyError('packet_dst_port')"]


def test_a_chain_that_does_not_answer_is_not_conserved():
    """Nor is one that nobody can reach."""
    places = [{"name": "a", "rpc": "http://127.0.0.1:9", "prefix": "cosmos"}]
    done = subprocess.run(
        READER, input=json.dumps({"chains": places}) + "\n\n",
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert not json.loads(done.stdout)["conserved"]
