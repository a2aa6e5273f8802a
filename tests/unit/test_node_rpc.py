"""The RPC server over a real socket: subscriptions, searches, evidence, hostile requests."""

import asyncio
import base64
import io
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yarl

from chainkit.formats.tendermint.block_codec import encode_evidence, hash_of_evidence
from chainkit.formats.tendermint.evidence import new_duplicate_vote_evidence
from chainkit.formats.tendermint.sign_bytes import vote_sign_bytes
from chainkit.formats.tendermint.types import (
    BlockId,
    DuplicateVoteEvidence,
    LightBlock,
    LightClientAttackEvidence,
    PartSetHeader,
    Vote,
    VoteType,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.runtime.events import Event
from chainkit.runtime.module import ValidatorUpdate
from chainkit.sigverify.ed25519 import sign
from isthmus.adapters import http
from isthmus.adapters.http import RpcServer
from relay_chain.node.config import RpcConfig, parse_config
from relay_chain.node.event_bus import EventBus, Published, TxPublished
from relay_chain.node.event_query import parse_query
from relay_chain.node.limits import (
    MAX_BATCH_REQUESTS,
    MAX_SUBSCRIPTIONS_PER_CLIENT,
    SUBSCRIPTION_BUFFER,
)
from relay_chain.node.p2p.address import PeerAddress
from relay_chain.node.ports import FinalizeBlockResult, TxResult
from relay_chain.node.rpc import methods
from relay_chain.node.rpc.dispatch import Dispatcher
from relay_chain.node.rpc.evidence_forms import evidence_from_json
from relay_chain.node.rpc.shapes import event_json, evidence_json
from relay_chain.node.rpc.unsafe import UnsafeMethods
from tests.node_in_memory import GENESIS, SEED, MemoryNode

NEW_BLOCK = "tm.event = 'NewBlock'"


@dataclass
class Served:
    """A node with its server, and a client's session."""

    node: MemoryNode
    server: RpcServer
    port: int
    url: str
    session: aiohttp.ClientSession

    async def call(self, method: str, **params: object) -> Any:
        """The whole answer to a POST."""
        body = {"jsonrpc": "2.0", "id": "x", "method": method, "params": params}
        async with self.session.post(self.url, json=body) as answer:
            return await answer.json()

    async def result(self, method: str, **params: object) -> Any:
        answer = await self.call(method, **params)
        assert "error" not in answer, answer
        return answer["result"]

    async def commit(self, tx: bytes) -> Any:
        """Commit a transaction; return its hash and height."""
        return await self.result("broadcast_tx_commit", tx=base64.b64encode(tx).decode())


@asynccontextmanager
async def serving(folder: Path, config: RpcConfig | None = None) -> AsyncIterator[Served]:
    node = MemoryNode(folder)
    if config is not None:
        node.executor.bus._buffer = config.subscription_buffer
    long = {"text": "x" * 32_000_000}
    routes = {**node.rpc.routes(), "long": (lambda _: long, ())}
    server = RpcServer(routes, node.executor.bus, config)
    async with node.running(), asyncio.TaskGroup() as group:
        running = group.create_task(server.run("127.0.0.1", 0))
        port = await server.wait_listening()
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            yield Served(node, server, port, f"http://127.0.0.1:{port}/", session)
        running.cancel()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as made:
        await made.node.reach(2)
        yield made


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nothing tells of."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)


async def exchanged(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The head of the answer to one request on a connection."""
    writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    return await reader.readuntil(b"\r\n\r\n")


async def ask(socket: aiohttp.ClientWebSocketResponse, method: str, **params: object) -> Any:
    """The answer to a call on a websocket; events that come before it are left out."""
    await socket.send_json({"jsonrpc": "2.0", "id": method, "method": method, "params": params})
    while True:
        answer = await socket.receive_json(timeout=20)
        if answer["id"] == method and not answer.get("result", {}).get("data"):
            return answer


# --- websocket ----------------------------------------------------------------------------


async def test_a_subscriber_gets_the_events_it_asked_for(tmp_path: Path) -> None:
    """
    The subscription is answered, then each match comes under its id with the query; what
    does not match does not come.
    """
    async with (
        serving(tmp_path) as served,
        served.session.ws_connect(served.url + "websocket") as ws,
    ):
        query = "tm.event = 'Tx' AND app.key = 'wanted'"
        assert (await ask(ws, "subscribe", query=query))["result"] == {}
        await served.commit(b"other=1")
        done = await served.commit(b"wanted=2")
        event = await ws.receive_json(timeout=20)

    assert event["id"] == "subscribe"
    assert event["result"]["query"] == query
    inner = event["result"]["data"]["value"]["TxResult"]
    assert inner["height"] == done["height"]
    assert base64.b64decode(inner["tx"]) == b"wanted=2"
    assert event["result"]["events"]["tx.hash"] == [done["hash"]]


async def test_blocks_come_in_order_until_unsubscribed(tmp_path: Path) -> None:
    """
    Heights follow each other without a gap; after the answer to ``unsubscribe`` none comes.
    """
    async with (
        serving(tmp_path) as served,
        served.session.ws_connect(served.url + "websocket") as ws,
    ):
        await ask(ws, "subscribe", query=NEW_BLOCK)
        heights = []
        for _ in range(5):
            event = await ws.receive_json(timeout=20)
            heights.append(int(event["result"]["data"]["value"]["block"]["header"]["height"]))
        assert (await ask(ws, "unsubscribe", query=NEW_BLOCK))["result"] == {}
        await served.node.reach(served.node.executor.state.last_block_height + 3)
        # The next thing on the socket is the answer to the next call.
        await ws.send_json({"jsonrpc": "2.0", "id": 7, "method": "health", "params": None})
        answer = await ws.receive_json(timeout=20)

    assert heights == list(range(heights[0], heights[0] + 5))
    assert answer == {"jsonrpc": "2.0", "id": 7, "result": {}}


async def test_subscriptions_are_bounded_and_their_misuse_is_refused(tmp_path: Path) -> None:
    """
    Twice the same query, an unknown one, no query, and one too many are errors; the socket
    stays, and ``unsubscribe_all`` makes room.
    """
    async with (
        serving(tmp_path) as served,
        served.session.ws_connect(served.url + "websocket") as ws,
    ):
        for number in range(MAX_SUBSCRIPTIONS_PER_CLIENT):
            assert (await ask(ws, "subscribe", query=f"a.b = 'x{number}'"))["result"] == {}
        too_many = await ask(ws, "subscribe", query="a.b = 'more'")
        again = await ask(ws, "subscribe", query="a.b = 'x0'")
        unknown = await ask(ws, "unsubscribe", query="a.b = 'nobody'")
        malformed = await ask(ws, "subscribe", query="not a query")
        await ask(ws, "unsubscribe_all")
        assert (await ask(ws, "subscribe", query="a.b = 'more'"))["result"] == {}
        await ws.send_str("{")
        broken = await ws.receive_json(timeout=20)

    assert "max_subscriptions_per_client" in too_many["error"]["data"]
    assert again["error"]["data"] == "already subscribed"
    assert unknown["error"]["data"] == "subscription not found"
    assert "error" in malformed
    assert broken["error"]["code"] == -32700


async def test_a_client_that_is_gone_leaves_nothing(tmp_path: Path) -> None:
    """
    A socket that closes takes its subscriptions with it.
    """
    async with serving(tmp_path) as served:
        bus = served.node.executor.bus
        async with served.session.ws_connect(served.url + "websocket") as ws:
            await ask(ws, "subscribe", query=NEW_BLOCK)
            assert len(bus._clients) == 1
        moved = asyncio.Event()
        bus.listen(lambda _: moved.set())
        while bus._clients:
            moved.clear()
            await moved.wait()


async def test_a_slow_subscriber_is_told_and_ended(tmp_path: Path) -> None:
    """
    A client that does not read loses its subscription after the buffer, gets no event out
    of order before that, and the node goes on.
    """
    node = MemoryNode(tmp_path)
    subscription = node.executor.bus.subscribe("slow", parse_query(NEW_BLOCK))
    other = node.executor.bus.subscribe("quick", parse_query("tm.event = 'NewBlockHeader'"))
    got = 0
    async with node.running():
        while node.executor.state.last_block_height < SUBSCRIPTION_BUFFER + 20:
            assert await other.queue.get() is not None
            got += 1
    items = [subscription.queue.get_nowait() for _ in range(subscription.queue.qsize())]

    assert subscription.ended
    assert items[-1] is None
    heights = [each.item.payload.block.header.height for each in items[:-1]]
    assert heights == list(range(1, SUBSCRIPTION_BUFFER + 1))
    assert not other.ended
    assert got >= SUBSCRIPTION_BUFFER + 20


async def test_a_slow_client_hears_that_its_subscription_ended() -> None:
    """
    After what was queued comes an error under the subscription's id; then it may ask again.
    """
    bus = EventBus()
    item = Published(TxPublished(1, 0, b"tx", TxResult()), (Event("tm", (("event", "NewBlock"),)),))
    server = RpcServer({}, bus)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(server.run("127.0.0.1", 0))
        url = f"http://127.0.0.1:{await server.wait_listening()}/websocket"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
            await ask(ws, "subscribe", query=NEW_BLOCK)
            for _ in range(SUBSCRIPTION_BUFFER + 2):
                bus._publish(item)
            answers = [await ws.receive_json() for _ in range(SUBSCRIPTION_BUFFER + 1)]
            again = await ask(ws, "subscribe", query=NEW_BLOCK)
        running.cancel()

    assert all("result" in answer for answer in answers[:-1])
    assert answers[-1]["id"] == "subscribe"
    assert "not pulling messages fast enough" in answers[-1]["error"]["data"]
    assert again["result"] == {}


# --- searches -----------------------------------------------------------------------------


async def test_transactions_are_found_by_what_they_did(tmp_path: Path) -> None:
    """
    By hash, by height, by one event's attributes, paged and in both orders; a page that is
    not there and a malformed query are refused.
    """
    async with serving(tmp_path) as served:
        done = [await served.commit(f"k{n}=v".encode()) for n in range(5)]
        first, last = int(done[0]["height"]), int(done[-1]["height"])

        async def found(query: str, **params: object) -> list[str]:
            answer = await served.result("tx_search", query=query, **params)
            return [tx["hash"] for tx in answer["txs"]]

        hashes = [each["hash"] for each in done]
        assert await found(f"tx.hash = '{hashes[2]}'") == [hashes[2]]
        assert await found(f"tx.height = {done[3]['height']}") == [hashes[3]]
        assert await found("app.key = 'k4'") == [hashes[4]]
        assert await found("app.key = 'k4' AND app.creator = 'nobody'") == []
        within = f"tx.height >= {first} AND tx.height <= {last}"
        assert await found(within) == hashes
        assert await found(within, order_by="desc") == hashes[::-1]
        assert await found(within, page="2", per_page="2") == hashes[2:4]
        page = await served.result("tx_search", query=within, page="1", per_page="1")
        assert page["total_count"] == "5"
        wrong = await served.call("tx_search", query=within, page="4", per_page="2")
        assert "page should be within [1, 3] range, given 4" in wrong["error"]["data"]
        assert "error" in await served.call("tx_search", query="k = ")
        assert "error" in await served.call("tx_search", query=within, order_by="sideways")
        one = await served.result(
            "tx", hash=base64.b64encode(bytes.fromhex(hashes[0])).decode(), prove=True
        )
        assert one["proof"]["proof"]["total"] == "1"
        missing = await served.call("tx", hash=base64.b64encode(bytes(32)).decode())
        assert "not found" in missing["error"]["data"]


async def test_blocks_are_found_by_height(tmp_path: Path) -> None:
    """
    Ranges of ``block.height``, newest first when asked.
    """
    async with serving(tmp_path) as served:
        await served.node.reach(6)
        answer = await served.result(
            "block_search", query="block.height > 2 AND block.height <= 5", order_by="desc"
        )

    assert [b["block"]["header"]["height"] for b in answer["blocks"]] == ["5", "4", "3"]
    assert answer["total_count"] == "3"


# --- evidence -----------------------------------------------------------------------------


def votes_of(node: MemoryNode, height: int) -> tuple[Vote, Vote]:
    """Two prevotes of the node's key for two blocks of one height."""
    pair = []
    for name in (b"a", b"b"):
        block_id = BlockId(name * 32, PartSetHeader(1, name * 32))
        vote = Vote(
            VoteType.PREVOTE, height, 0, block_id, GENESIS.genesis_time + 5, node.key.address, 0
        )
        message = vote_sign_bytes(GENESIS.chain_id, vote)
        pair.append(replace(vote, signature=sign(SEED, message)))
    return pair[0], pair[1]


def evidence_of_height(node: MemoryNode, height: int) -> DuplicateVoteEvidence:
    blocks, states = node.executor.blocks, node.executor.states
    time = blocks.meta(height).header.time
    return new_duplicate_vote_evidence(*votes_of(node, height), time, states.validators(height))


def as_relayers_write(value: Any) -> Any:
    """tendermint-rs's spelling: the protobuf's field names, and bytes lists where empty."""
    if isinstance(value, list):
        return [as_relayers_write(item) for item in value]
    if not isinstance(value, dict):
        return value
    spelled = {
        "part_set_header" if key == "parts" else key: as_relayers_write(item)
        for key, item in value.items()
    }
    return spelled | {key: [] for key in ("extension", "extension_signature") if key in spelled}


def as_go_writes(value: dict[str, Any]) -> dict[str, Any]:
    """Go's spelling: the fields of evidence that have no JSON name."""
    names = {
        "total_voting_power": "TotalVotingPower",
        "validator_power": "ValidatorPower",
        "timestamp": "Timestamp",
        "conflicting_block": "ConflictingBlock",
        "common_height": "CommonHeight",
        "byzantine_validators": "ByzantineValidators",
    }
    inner = {names.get(key, key): item for key, item in value["value"].items()}
    return {"type": value["type"], "value": inner}


async def test_evidence_is_taken_in_every_spelling(tmp_path: Path) -> None:
    """
    As relayers, CometBFT's clients and Go write it, and as protobuf bytes: its hash is the
    answer, and it waits for a block. False evidence is refused.
    """
    async with serving(tmp_path) as served:
        await served.node.reach(8)
        forms = (as_relayers_write, as_go_writes, lambda value: value)
        for height, spell in enumerate(forms, 3):
            piece = evidence_of_height(served.node, height)
            answer = await served.result("broadcast_evidence", evidence=spell(evidence_json(piece)))
            assert base64.b64decode(answer["hash"]) == hash_of_evidence(piece)
        piece = evidence_of_height(served.node, 6)
        data = base64.b64encode(encode_evidence(piece)).decode()
        answer = await served.result("broadcast_evidence", evidence=data)
        assert base64.b64decode(answer["hash"]) == hash_of_evidence(piece)

        forged = evidence_json(evidence_of_height(served.node, 7))
        forged["value"]["vote_a"]["signature"] = base64.b64encode(bytes(64)).decode()
        refused = await served.call("broadcast_evidence", evidence=forged)
        assert "error" in refused


async def test_an_attack_on_light_clients_is_read_back(tmp_path: Path) -> None:
    """
    Headers, commits, sets and keys in all spellings give the same evidence.
    """
    async with serving(tmp_path) as served:
        await served.node.reach(4)
        blocks, states = served.node.executor.blocks, served.node.executor.states
        validators = states.validators(3)
        piece = LightClientAttackEvidence(
            LightBlock(blocks.signed_header(3), validators), 2, validators.validators, 10, 7 * 10**9
        )
    for spell in (as_relayers_write, as_go_writes, lambda value: value):
        assert evidence_from_json(spell(evidence_json(piece))) == piece
    wrapped = evidence_json(piece)
    for each in wrapped["value"]["byzantine_validators"]:
        each["pub_key"] = {"Sum": each["pub_key"]}
    assert evidence_from_json(wrapped) == piece


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"type": "tendermint/DuplicateVoteEvidence"},
        {"type": "other", "value": {}},
        {"type": "tendermint/DuplicateVoteEvidence", "value": {"nothing": 1}},
        {"type": "tendermint/DuplicateVoteEvidence", "value": {"vote_a": {"height": 2**63}}},
        {"type": "tendermint/DuplicateVoteEvidence", "value": {"vote_a": {"round": 2**31}}},
        {"type": "tendermint/DuplicateVoteEvidence", "value": {"vote_a": {"signature": "!"}}},
        {"type": "tendermint/DuplicateVoteEvidence", "value": {"vote_a": {"timestamp": "now"}}},
        {
            "type": "tendermint/LightClientAttackEvidence",
            "value": {"byzantine_validators": [{"pub_key": {"type": "other", "value": ""}}]},
        },
        {
            "type": "tendermint/LightClientAttackEvidence",
            "value": {"byzantine_validators": [{}] * 10_001},
        },
    ],
)
def test_what_is_no_evidence_is_refused(value: object) -> None:
    """
    Any other JSON breaks a rule; none is a defect.
    """
    with pytest.raises(MalformedMessage):
        evidence_from_json(value)


# --- requests -----------------------------------------------------------------------------


REFUSED = [
    (b"{", 500, -32700),
    (b"\xff", 500, -32700),
    (b"[" * 100_000, 500, -32700),
    (b"1", 500, -32700),
    (b'[{"id": 1, "method": "health"}, 7]', 500, -32700),
    (b'{"id": [], "method": "health"}', 500, -32700),
    (b'{"id": 1, "method": 5}', 500, -32700),
    (b'{"id": NaN, "method": "health"}', 500, -32700),
    (b'{"id": 1}', 200, -32601),
    (b'{"id": 1, "method": "nothing"}', 200, -32601),
    (b'{"id": 1, "method": "subscribe"}', 200, -32601),
    (b'{"id": 1, "method": "unsafe_flush_mempool"}', 200, -32601),
    (b'{"id": 1, "method": "block", "params": "x"}', 200, -32602),
    (b'{"id": 1, "method": "block", "params": [1, 2]}', 200, -32602),
    (b'{"id": 1, "method": "block", "params": {"height": []}}', 200, -32602),
    (b'{"id": 1, "method": "block", "params": {"height": 1e99}}', 200, -32602),
    (b'{"id": 1, "method": "tx", "params": {"hash": "!"}}', 200, -32602),
    (b'{"id": 1, "method": "tx", "params": {"prove": 7}}', 200, -32602),
    (b'{"id": 1, "method": "block", "params": {"height": "99999999999"}}', 200, -32603),
    (b'{"id": 1, "method": "tx_search", "params": {"query": "("}}', 200, -32603),
]


async def test_requests_that_are_none_are_refused_by_their_codes(
    served: Served,
) -> None:
    """
    Not JSON, no request, an unknown method, wrong parameters: CometBFT's codes, and its HTTP
    status, which is 200 for whatever has an id. The node stays up.
    """
    for body, status, code in REFUSED:
        async with served.session.post(served.url, data=body) as answer:
            assert answer.status == status, body[:80]
            assert (await answer.json())["error"]["code"] == code, body[:80]
    assert await served.result("health") == {}


async def test_a_body_that_is_too_long_is_refused_in_the_protocols_form(served: Served) -> None:
    """
    It is an invalid request with no id, and the connection ends.
    """
    async with served.session.post(served.url, data=io.BytesIO(bytes(3_000_000))) as answer:
        assert answer.status == 400
        assert await answer.json() == {
            "jsonrpc": "2.0",
            "error": {
                "code": -32600,
                "message": "Invalid Request",
                "data": "error reading request body: http: request body too large",
            },
        }
    assert await served.result("health") == {}


async def test_batches_are_answered_in_order(served: Served) -> None:
    """
    Notifications get no answer, one answer stands alone, none is an empty body, and over the
    limit the batch is refused whole.
    """

    async def post(*requests: object) -> Any:
        async with served.session.post(served.url, json=list(requests)) as answer:
            assert answer.status == 200
            text = await answer.text()
            return json.loads(text) if text else None

    def call(identity: object, method: str = "health") -> dict[str, object]:
        return {"jsonrpc": "2.0", "id": identity, "method": method, "params": {}}

    three = await post(call(7), call(None), call("x", "nothing"), None, call(2.5))
    assert [answer["id"] for answer in three] == [7, "x", 2]
    assert three[1]["error"] == {"code": -32601, "message": "Method not found"}
    assert await post(call(1)) == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert await post() is None
    assert await post(call(None)) is None
    many = await post(*[call(number) for number in range(MAX_BATCH_REQUESTS + 1)])
    assert "exceeds maximum (10)" in many["error"]["data"]


URIS = [
    ("block?height=1", 200, "result"),
    ('block?height="1"', 200, "result"),
    ("block", 200, "result"),
    ("block?height=x", 500, -32602),
    ("block?height=0x01", 500, -32602),
    ("block?height=99999999", 500, -32603),
    ('tx_search?query="tx.height>0"&prove=true&page=1&order_by="desc"', 200, "result"),
    ("tx_search?query=tx.height>0", 500, -32602),
    ("tx_search?query=0x74782e6865696768743e30", 200, "result"),
    ("check_tx?tx=0x613d62", 200, "result"),
    ('check_tx?tx="a=b"', 200, "result"),
    ("check_tx?tx=a", 500, -32602),
    ("check_tx?tx=0x6", 500, -32602),
    ('abci_query?path="/key"&data=0x61&prove=maybe', 500, -32602),
    ("health?more=1", 200, "result"),
    ("subscribe?query=1", 404, -32601),
]


async def test_uris_are_calls(served: Served) -> None:
    """
    Texts in quotes, bytes in 0x-hex or quotes, numbers plain; else CometBFT's error under id -1.
    """
    for uri, status, expected in URIS:
        escaped = served.url + uri.replace('"', "%22").replace(">", "%3E")
        async with served.session.get(yarl.URL(escaped, encoded=True)) as answer:
            assert answer.status == status, uri
            value = await answer.json()
        assert value["id"] == -1
        found = "result" if "result" in value else value["error"]["code"]
        assert found == expected, uri


async def test_pages_that_are_no_calls(served: Served) -> None:
    """
    The root lists the methods with their parameters; a path that is none is not found.
    """
    async with served.session.get(served.url) as answer:
        assert answer.content_type == "text/html"
        page = await answer.text()
    assert "/block?height=_" in page
    assert "dial_peers" not in page
    async with served.session.get(served.url + "nothing") as answer:
        assert answer.status == 404
    async with served.session.post(served.url + "block", data={"height": "1"}) as answer:
        assert (await answer.json())["result"]["block"]["header"]["height"] == "1"
    async with served.session.post(served.url, data=b"") as answer:
        assert answer.content_type == "text/html"


# --- bounds -------------------------------------------------------------------------------


async def test_connections_are_bounded(tmp_path: Path) -> None:
    """
    One over the limit is told so, in JSON, and closed; when another goes there is room.
    """
    async with serving(tmp_path, RpcConfig(max_open_connections=2)) as served:
        one = await asyncio.open_connection("127.0.0.1", served.port)
        two = await asyncio.open_connection("127.0.0.1", served.port)
        await exchanged(*one)
        await exchanged(*two)
        three = await asyncio.open_connection("127.0.0.1", served.port)
        refused = await three[0].read()
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"too many open connections" in refused
        one[1].close()
        await until(lambda: served.server.open_connections() == 1)
        again = await asyncio.open_connection("127.0.0.1", served.port)
        assert b"200 OK" in await exchanged(*again)
        for _, writer in (two, three, again):
            writer.close()


async def test_half_open_and_unreading_clients_cost_their_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Half a head, half a body, and an answer that nobody reads: each connection ends by itself
    and leaves nothing.
    """
    monkeypatch.setattr(http, "RPC_IDLE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(http, "RPC_READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr(http, "RPC_WRITE_TIMEOUT_S", 0.2)
    async with serving(tmp_path) as served:
        for sent in (
            b"",
            b"POST / HTTP/1.1\r\nHost:",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(sent)
            left = await reader.read()
            assert left == b"" or b"i/o timeout" in left
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1)
        request = b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.write(request)
        await until(lambda: served.server.open_connections() == 1)
        await until(lambda: not served.server.open_connections())
        writer.close()
        assert await served.result("health") == {}


async def test_a_client_that_leaves_before_its_answer_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    It is gone when the answer is ready: nothing is logged as an error, and the node goes on.
    """
    answer, gate, done = Dispatcher.answer_uri, asyncio.Event(), asyncio.Event()

    async def late(self: Dispatcher, method: str, values: dict[str, str]) -> Any:
        await gate.wait()
        done.set()
        return await answer(self, method, values)

    async with serving(tmp_path) as served:
        monkeypatch.setattr(Dispatcher, "answer_uri", late)
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: served.server.open_connections() == 1)
        writer.transport.abort()
        await writer.wait_closed()
        for _ in range(100):
            await asyncio.sleep(0)  # the server hears of it in one of the next rounds
        gate.set()
        await done.wait()
        await until(lambda: not served.server.open_connections())
        monkeypatch.undo()
        assert await served.result("health") == {}
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == []


async def test_a_subscriber_that_never_reads_costs_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What waits for it is bounded by its buffer; it is cut off, and others get every block.
    """
    monkeypatch.setattr(http, "RPC_WRITE_TIMEOUT_S", 0.2)
    async with serving(tmp_path, RpcConfig(subscription_buffer=5)) as served:
        bus = served.node.executor.bus
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=999)
        writer.write(
            b"GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade"
            b"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"id": 1, "method": "subscribe", "params": {"query": NEW_BLOCK}}).encode()
        writer.write(bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body)
        await until(lambda: bool(bus._clients))
        item = Published(
            TxPublished(1, 0, bytes(4_000_000), TxResult()),
            (Event("tm", (("event", "NewBlock"),)),),
        )
        while bus._clients:
            bus._publish(item)
            await asyncio.sleep(0)
        await until(lambda: not served.server.open_connections())
        writer.close()
        assert await served.result("health") == {}


async def test_unsafe_methods_are_there_only_when_asked_for(tmp_path: Path) -> None:
    """
    Then they dial whom they are told and empty the mempool, and refuse what is no address.
    """
    node = MemoryNode(tmp_path)
    assert not {"dial_peers", "dial_seeds", "unsafe_flush_mempool"} & node.rpc.routes().keys()
    dialled: list[tuple[str, bool]] = []

    class Peers:
        def dial(self, address: PeerAddress, *, keep: bool) -> bool:
            dialled.append((str(address), keep))
            return len(dialled) < 3

    node.rpc.unsafe = UnsafeMethods(Peers(), node.executor.mempool).routes()
    node.executor.mempool.add(b"a=b")
    dispatcher = Dispatcher(node.rpc.routes())

    async def call(method: str, params: object) -> Any:
        return (await dispatcher.answer_body({"id": 1, "method": method, "params": params}))[0]

    one = "ab" * 20 + "@127.0.0.1:26656"
    assert "in progress" in (await call("dial_seeds", {"seeds": [one]}))["result"]["log"]
    assert "result" in await call("dial_peers", {"peers": [one], "persistent": True})
    assert "error" in await call("dial_peers", {"peers": [one]})
    assert "error" in await call("dial_peers", {"peers": []})
    assert "error" in await call("dial_peers", {"peers": ["nobody"]})
    assert (await call("unsafe_flush_mempool", None))["result"] == {}
    node.shell.close()

    assert dialled == [(one, False), (one, True), (one, False)]
    assert len(node.executor.mempool) == 0
    assert node.executor.mempool.total_bytes == 0
    node.executor.mempool.add(b"a=b")


# --- the other methods --------------------------------------------------------------------


async def test_the_genesis_document_comes_whole_or_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The pieces put together are the document; a document of several comes in no other way.
    """
    node = MemoryNode(tmp_path)
    node.shell.close()
    dispatcher = Dispatcher(node.rpc.routes())

    async def call(method: str, **params: object) -> Any:
        return (await dispatcher.answer_body({"id": 1, "method": method, "params": params}))[0]

    whole = (await call("genesis"))["result"]["genesis"]
    only = (await call("genesis_chunked", chunk="0"))["result"]
    assert (only["chunk"], only["total"]) == ("0", "1")
    assert json.loads(base64.b64decode(only["data"])) == whole
    monkeypatch.setattr(methods, "GENESIS_CHUNK_BYTES", 100)
    assert "genesis_chunked" in (await call("genesis"))["error"]["data"]
    total = int((await call("genesis_chunked"))["result"]["total"])
    pieces = [(await call("genesis_chunked", chunk=n))["result"]["data"] for n in range(total)]
    assert json.loads(b"".join(map(base64.b64decode, pieces))) == whole
    assert (await call("genesis_chunked", chunk=total))["error"]["data"] == (
        f"there are {total - 1} chunks, {total} is invalid"
    )
    assert (await call("genesis_chunked", chunk=-1))["error"]["code"] == -32602


async def test_the_consensus_state_is_dumped(tmp_path: Path) -> None:
    """
    Votes are shown as CometBFT shows them, in short and in full.
    """
    node = MemoryNode(tmp_path)
    dispatcher = Dispatcher(node.rpc.routes())
    async with node.running():
        await node.reach(3)
    answer, _ = await dispatcher.answer_body({"id": 1, "method": "dump_consensus_state"})
    full = answer["result"]["round_state"]
    answer, _ = await dispatcher.answer_body({"id": 1, "method": "consensus_state"})
    short = answer["result"]["round_state"]
    address = node.key.address.hex().upper()

    assert answer["result"].keys() == {"round_state"}
    height = int(full["height"])
    assert short["height/round/step"].startswith(f"{height}/0/")
    assert full["votes"] == short["height_vote_set"]
    assert short["proposer"] == {"address": address, "index": 0}
    assert full["validators"]["validators"][0]["address"] == address
    assert re.fullmatch(
        rf"Vote\{{0:{address[:12]} {height - 1}/00/SIGNED_MSG_TYPE_PRECOMMIT\(Precommit\) "
        r"[0-9A-F]{12} [0-9A-F]{12} 000000000000 @ [^ ]+Z\}",
        full["last_commit"]["votes"][0],
    )
    assert full["last_commit"]["votes_bit_array"] == "BA{1:x} 10/10 = 1.00"
    json.dumps(full)


async def test_transactions_that_the_mempool_refuses_are_refused(served: Served) -> None:
    """
    A transaction seen already is an error in each of the three ways, and one that CheckTx
    refuses is an answer with its code.
    """
    done = await served.commit(b"k=v")
    assert done["height"] != "0"
    tx = base64.b64encode(b"k=v").decode()
    for method in ("broadcast_tx_sync", "broadcast_tx_async", "broadcast_tx_commit"):
        error = (await served.call(method, tx=tx))["error"]
        assert error["code"] == -32603
        assert "tx already exists in cache" in error["data"]
    wrong = base64.b64encode(b"no pair").decode()
    assert (await served.result("broadcast_tx_sync", tx=wrong))["code"] == 1
    assert (await served.result("broadcast_tx_async", tx=wrong))["code"] == 0
    answer = await served.result("broadcast_tx_commit", tx=wrong)
    assert (answer["check_tx"]["code"], answer["height"]) == (1, "0")


async def test_what_a_block_changed_is_published(tmp_path: Path) -> None:
    """
    Its own events without the block, evidence in it, and validators that it named.
    """
    async with serving(tmp_path) as served:
        await served.node.reach(4)
        piece = evidence_of_height(served.node, 3)
        block = served.node.executor.blocks.block(2)
        block_id = served.node.executor.blocks.block_id(2)
    bus = EventBus()
    seen: list[Published] = []
    bus.listen(seen.append)
    result = FinalizeBlockResult(
        events=(Event("mint", (("amount", "5"),)),),
        validator_updates=(ValidatorUpdate(bytes(32), 0),),
    )
    bus.publish_block(replace(block, evidence=(piece,)), block_id, result)
    shown = [event_json("q", item) for item in seen]

    assert [each["data"]["type"].rpartition("/")[2] for each in shown] == [
        "NewBlock", "NewBlockHeader", "NewBlockEvents", "NewEvidence", "ValidatorSetUpdates"
    ]  # fmt: skip
    values = [each["data"]["value"] for each in shown]
    assert values[2]["height"] == "2"
    assert values[2]["num_txs"] == "0"
    assert shown[2]["events"]["mint.amount"] == ["5"]
    assert values[3] == {"height": "2", "evidence": evidence_json(piece)}
    assert values[4]["validator_updates"][0]["voting_power"] == "0"


async def test_subscribers_of_one_query_share_what_is_written() -> None:
    """
    An event is matched and written once for all of them.
    """
    bus = EventBus()
    query = parse_query(NEW_BLOCK)
    queues = [bus.subscribe(str(number), query).queue for number in range(3)]
    bus._publish(
        Published(TxPublished(1, 0, b"", TxResult()), (Event("tm", (("event", "NewBlock"),)),))
    )
    deliveries = [queue.get_nowait() for queue in queues]
    calls: list[str] = []

    def write(text: str, _: Published) -> bytes:
        calls.append(text)
        return b"x"

    assert {id(each) for each in deliveries} == {id(deliveries[0])}
    assert [each.written(write) for each in deliveries] == [b"x"] * 3
    assert calls == [NEW_BLOCK]


def test_the_rpc_listens_on_loopback_unless_told() -> None:
    """
    And the methods that change the node are off.
    """
    assert RpcConfig().laddr.host == "127.0.0.1"
    assert not RpcConfig().unsafe
    assert parse_config("").rpc == RpcConfig()


def test_the_documented_methods_are_those_that_there_are(tmp_path: Path) -> None:
    """
    With their parameters, in docs/reference/rpc.md.
    """
    node = MemoryNode(tmp_path)
    node.shell.close()
    unsafe = UnsafeMethods(EventBus(), node.executor.mempool).routes()
    expected = {name: names for name, (_, names) in (node.rpc.routes() | unsafe).items()}
    expected |= {"subscribe": ("query",), "unsubscribe": ("query",), "unsubscribe_all": ()}
    page = (Path(__file__).parents[2] / "docs" / "reference" / "rpc.md").read_text()
    table = page.partition("## Every method")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]

    assert {row[1].strip(" `"): tuple(re.findall("`([^`]+)`", row[2])) for row in rows} == expected
