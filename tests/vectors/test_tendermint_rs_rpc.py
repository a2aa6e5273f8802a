"""CometBFT 0.38's RPC: its requests are taken, and our answers have its shapes."""

import base64
import json
from collections.abc import Callable
from inspect import isawaitable
from pathlib import Path

from chainkit.formats.tendermint.types import DuplicateVoteEvidence
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import TimestampNs, VotingPower
from relay_chain.node.event_bus import Published
from relay_chain.node.event_query import BadQuery, parse_query
from relay_chain.node.rpc.parameters import BadRequest, Parameters, named
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
    ours is 0.
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
        return missing + [
            line
            for key in theirs
            if key in ours
            for line in differences(ours[key], theirs[key], f"{path}.{key}")
        ]
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


def refusal_differences(name: str, ours: object, expected: dict) -> list[str]:
    """Where one of two refuses and the other does not; for one case, in other words."""
    if not isinstance(ours, Exception) or "error" not in expected:
        return [f"{name}: {ours!r} where {expected!r}"]
    theirs = expected["error"]["data"]
    same = name != "block_at_height_0" or str(ours) == theirs
    return [] if same else [f"{name}: {ours} where {theirs}"]


async def answer(node: MemoryNode, request: dict) -> object:
    method, names = node.rpc.routes()[request["method"]]
    value = method(Parameters(named(request["params"], names)))
    return await value if isawaitable(value) else value


async def test_answers_have_cometbfts_shapes(
    tmp_path: Path, vector_cases: Callable[[int], None]
) -> None:
    """
    Every request of the set is answered in the shape of the set's answer, errors included.
    """
    node = MemoryNode(tmp_path)
    seen: list[Published] = []
    node.executor.bus.listen(seen.append)
    wrong, count = [], 0
    names = sorted(path.stem for path in (vectors_root() / FOLDER / "outgoing").glob("*.json"))
    order = sorted(names, key=lambda name: "search" in name)
    async with node.running():
        await node.reach(12)
        for name in order:
            request = load_json(f"{FOLDER}/outgoing/{name}.json")
            expected = load_json(f"{FOLDER}/incoming/{name}.json")
            count += 1
            if request["method"] == "subscribe":
                try:
                    parse_query(request["params"]["query"])
                    refused = False
                except BadQuery:
                    refused = True
                assert refused is ("error" in expected)
                continue
            if name == "block_by_hash":
                digest = node.executor.blocks.block_id(10).hash
                request["params"]["hash"] = base64.b64encode(digest).decode()
            if name == "abci_query_with_existing_key":
                await answer(
                    node,
                    {
                        "method": "broadcast_tx_commit",
                        "params": {"tx": base64.b64encode(b"tx0=v").decode()},
                    },
                )
            try:
                ours = await answer(node, request)
            except (BadRequest, RuleBroken) as error:
                ours = error
            if isinstance(ours, Exception) or "error" in expected:
                wrong += refusal_differences(name, ours, expected)
                continue
            wrong += [f"{name}{line}" for line in differences(ours, expected["result"])]
            json.dumps(ours)
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
