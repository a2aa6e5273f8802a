"""CometBFT 0.38's RPC: its requests are taken, and our answers have its shapes."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from chainkit.formats.tendermint.types import DuplicateVoteEvidence
from chainkit.primitives.types import TimestampNs, VotingPower
from isthmus.adapters.http import RpcServer
from relay_chain.node.event_bus import Published
from relay_chain.node.rpc.shapes import event_json, evidence_json
from tests.node_in_memory import MemoryNode
from tests.unit.test_node_privval import vote
from tests.vectors.support import load_json, vector_set, vectors_root

pytestmark = vector_set("tendermint-rs/rpc")
FOLDER = "tendermint-rs/rpc/kvstore_v0_38"


def differences(ours: object, theirs: object, path: str = "") -> list[str]:
    """
    Where our answer has another shape; null stands for any value.

    A header's ``version.app`` may be missing on our side: CometBFT's JSON leaves it out when
    it is 0 (``omitempty``, as the set's own evidence does), the recorded chain's was 1, and
    ours is 0. An event's transaction shows no gas where it is 0, as theirs was.
    """
    if ours is None or theirs is None:
        return []
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [f"{path}: not an object"]
        missing = [
            f"{path}.{key}: missing"
            for key in theirs
            if key not in ours
            and not path.endswith("events")
            and (not path.endswith(".header.version") or key != "app")
        ]
        extra = [
            f"{path}.{key}: not in theirs"
            for key in ours
            if key not in theirs
            and not path.endswith(("events", ".genesis"))
            and not key.startswith("gas_")
        ]
        return (
            missing
            + extra
            + [
                line
                for key in theirs
                if key in ours
                for line in differences(ours[key], theirs[key], f"{path}.{key}")
            ]
        )
    if isinstance(theirs, list):
        if not isinstance(ours, list):
            return [f"{path}: not a list"]
        return differences(ours[0], theirs[0], f"{path}[0]") if ours and theirs else []
    if type(ours) is not type(theirs):
        return [f"{path}: {ours!r} where {theirs!r}"]
    if (
        isinstance(theirs, str)
        and theirs.isdecimal()
        and not str(ours).isdecimal()
        and not path.endswith(("hash", "data", "value"))
    ):
        return [f"{path}: {ours!r} is not a number in a string"]
    return []


def answer_differences(name: str, ours: dict, theirs: dict) -> list[str]:
    """Where two answers differ in shape; of a refusal also the code, and for one case the words."""
    if not theirs:  # one answer is kept without its envelope
        theirs = {"result": {}}
    if "error" not in theirs or "error" not in ours:
        found = [key for key in ("result", "error") if (key in ours) is not (key in theirs)]
        return found or differences(ours["result"], theirs["result"])
    wrong = differences(ours["error"], theirs["error"])
    same = ("code", "message", "data") if name == "block_at_height_0" else ("code", "message")
    return wrong + [key for key in same if ours["error"][key] != theirs["error"][key]]


@asynccontextmanager
async def serving(server: RpcServer) -> AsyncIterator[str]:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(server.run("127.0.0.1", 0))
        yield f"http://127.0.0.1:{await server.wait_listening()}/"
        running.cancel()


async def call(session: aiohttp.ClientSession, url: str, request: dict) -> dict:
    """The answer to a request as it stands in the set, over HTTP or, to subscribe, a websocket."""
    if request["method"] != "subscribe":
        async with session.post(url, json=request) as response:
            return await response.json()
    async with session.ws_connect(url + "websocket") as socket:
        await socket.send_json(request)
        return await socket.receive_json(timeout=20)


async def test_answers_have_cometbfts_shapes(
    tmp_path: Path, vector_cases: Callable[[int], None]
) -> None:
    """
    Every request of the set is answered, by a node that runs, in the shape of the set's answer:
    the same keys and types, no key more, errors included.
    """
    node = MemoryNode(tmp_path)
    server = RpcServer(node.rpc.routes(), node.executor.bus)
    seen: list[Published] = []
    node.executor.bus.listen(seen.append)
    wrong, count = [], 0
    names = sorted(path.stem for path in (vectors_root() / FOLDER / "outgoing").glob("*.json"))
    order = sorted(names, key=lambda name: "search" in name)
    async with (
        node.running(),
        serving(server) as url,
        aiohttp.ClientSession() as session,
        asyncio.timeout(60),
    ):
        await node.reach(12)
        for name in order:
            request = load_json(f"{FOLDER}/outgoing/{name}.json")
            expected = load_json(f"{FOLDER}/incoming/{name}.json")
            count += 1
            if name == "block_by_hash":
                digest = node.executor.blocks.block_id(10).hash
                request["params"]["hash"] = base64.b64encode(digest).decode()
            if name == "abci_query_with_existing_key":
                tx = {"tx": base64.b64encode(b"tx0=v").decode()}
                commit = {"jsonrpc": "2.0", "id": "c", "method": "broadcast_tx_commit"}
                await call(session, url, commit | {"params": tx})
            ours = await call(session, url, request)
            assert ours.pop("id") == request["id"]
            assert ours.pop("jsonrpc") == "2.0"
            wrong += [f"{name}{line}" for line in answer_differences(name, ours, expected)]
    pushed = {"tendermint/event/NewBlock": "newblock", "tendermint/event/Tx": "txs"}
    for kind, name in pushed.items():
        query = f"tm.event = '{kind.rpartition('/')[2]}'"
        ours = [v for v in (event_json(query, item) for item in seen) if v["data"]["type"] == kind]
        for number in range(5):
            expected = load_json(f"{FOLDER}/incoming/subscribe_{name}_{number}.json")["result"]
            wrong += [f"{name}{line}" for line in differences(ours[-1], expected)]
            assert ours[-1]["query"] == expected["query"]
            count += 1
    evidence = load_json(f"{FOLDER}/incoming/block_search_evidence.json")
    theirs = evidence["result"]["blocks"][0]["block"]["evidence"]["evidence"][0]
    one = vote(5, 0, 2)
    piece = DuplicateVoteEvidence(one, one, VotingPower(3), VotingPower(1), TimestampNs(0))
    wrong += differences(evidence_json(piece), theirs)
    vector_cases(count + 1)

    assert not wrong, "\n".join(wrong)
