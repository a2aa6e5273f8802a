"""The RPC server over a real socket: subscriptions, searches, evidence, hostile requests."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

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
from chainkit.sigverify.ed25519 import sign
from isthmus.adapters.http import RpcServer
from relay_chain.node.event_bus import EventBus, Published, TxPublished
from relay_chain.node.event_query import parse_query
from relay_chain.node.limits import MAX_SUBSCRIPTIONS_PER_CLIENT, SUBSCRIPTION_BUFFER
from relay_chain.node.ports import TxResult
from relay_chain.node.rpc.evidence_forms import evidence_from_json
from relay_chain.node.rpc.parameters import Parameters
from relay_chain.node.rpc.shapes import evidence_json
from tests.node_in_memory import GENESIS, SEED, MemoryNode

NEW_BLOCK = "tm.event = 'NewBlock'"


@dataclass
class Served:
    """A node with its server, and a client's session."""

    node: MemoryNode
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
async def serving(folder: Path) -> AsyncIterator[Served]:
    node = MemoryNode(folder)
    server = RpcServer(node.rpc.routes(), node.executor.bus)
    async with node.running(), asyncio.TaskGroup() as group:
        running = group.create_task(server.run("127.0.0.1", 0))
        port = await server.wait_listening()
        async with aiohttp.ClientSession() as session, asyncio.timeout(60):
            yield Served(node, f"http://127.0.0.1:{port}/", session)
        running.cancel()


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
    heights = [item.payload.block.header.height for item in items[:-1]]
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


@pytest.mark.parametrize(
    ("uri", "name", "value"),
    [({"tx": '"a=b"'}, "tx", b"a=b"), ({"tx": "0x613d62"}, "tx", b"a=b")],
)
def test_uris_give_bytes_in_their_own_forms(uri: dict[str, str], name: str, value: bytes) -> None:
    """
    A URI's byte strings are quoted text or 0x-hex.
    """
    assert Parameters(uri, from_uri=True).data(name) == value


async def test_requests_that_are_none_are_refused_by_their_codes(tmp_path: Path) -> None:
    """
    Not JSON, a batch, no method, an unknown one, and wrong parameters; the node stays up.
    """
    async with serving(tmp_path) as served:
        for body, code in (
            (b"{", -32700),
            (b"[" * 100_000, -32700),
            (b"[]", -32600),
            (b"1", -32600),
            (b'{"method": "nothing"}', -32601),
            (b'{"method": "block", "params": "x"}', -32602),
            (b'{"method": "block", "params": {"height": []}}', -32602),
            (b'{"method": "block", "params": {"height": "99999999999"}}', -32603),
        ):
            async with served.session.post(served.url, data=body) as answer:
                assert (await answer.json())["error"]["code"] == code, body[:50]
        async with served.session.post(served.url, data=io.BytesIO(bytes(3_000_000))) as answer:
            assert answer.status == 413
        async with served.session.get(served.url + "block?height=1") as answer:
            assert (await answer.json())["result"]["block"]["header"]["height"] == "1"
        assert await served.result("health") == {}
