"""Random requests to every method by REST and by gRPC: an answer or a refusal, never an exception."""

import base64
import json
import random
import re
from pathlib import Path

import pytest

from relay_chain.node.api.gateway import Gateway, RestRequest
from relay_chain.node.api.json_forms import message_to_json
from relay_chain.node.api.transactions import decode_tx_proto
from tests.api_world import ALICE, ZoneNode, address, send_tx

TRIES = 1_500
TEXTS = (
    *("", "1", "-1", "abc", "stake", "channel-0", "transfer", "07-tendermint-0", "connection-0"),
    *("9" * 20, "%00", "true", "\ud800", "1,2,x", "QUJD", "AA==", "ORDER_BY_ASC", address(ALICE)),
    *("tx.height>0", "tx.height=", "a.b='c'", "message.sender EXISTS"),
)
VALUES = (
    *(None, 1, -1, 1.5, "x", [], {}, True, "\ud800", 2**70, [[1]]),
    *({"@type": "/cosmos.bank.v1beta1.MsgSend"}, {"@type": "/nope"}, {"@type": 7}),
)
NAMES = ("pagination.limit", "pagination.key", "pagination.offset", "pagination", "x.y", "")


def mutated(rng: random.Random, value: object) -> object:
    """Return JSON like ``value`` with parts left out, doubled, added and replaced."""
    if rng.random() < 0.1:
        return rng.choice(VALUES)
    if isinstance(value, dict):
        found = {key: mutated(rng, each) for key, each in value.items() if rng.random() > 0.05}
        if rng.random() < 0.1:
            found[rng.choice(("@type", "x", "value", "txBytes"))] = rng.choice(VALUES)
        return found
    if isinstance(value, list):
        return [mutated(rng, each) for each in value for _ in range(rng.choice((1, 1, 1, 0, 2)))]
    return value


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_request_is_an_exception(tmp_path: Path, seed: int) -> None:
    """
    Paths, names, texts, bodies and bytes of strangers get a status of the protocol.
    """
    rng = random.Random(seed)
    node = ZoneNode(tmp_path)
    async with node.running():
        await node.reach(2)
    gateway = Gateway(node.api)
    tx = decode_tx_proto(send_tx(0))
    assert tx is not None
    body = {
        "tx": message_to_json(tx),
        "tx_bytes": base64.b64encode(send_tx(0)).decode(),
        "mode": "BROADCAST_MODE_SYNC",
    }
    pairs = [(method, text) for method in node.api.methods() for text in method.rest]
    statuses: set[int] = set()
    for _ in range(TRIES):
        method, text = rng.choice(pairs)
        verb, _, template = text.partition(" ")
        path = re.sub(r"\{\w+(=\*\*)?\}", lambda _: rng.choice(TEXTS) or "x", template)
        assert method.request is not None
        names = (*(field.name for field in method.request.DESCRIPTOR.fields), *NAMES)
        query = [(rng.choice(names), rng.choice(TEXTS)) for _ in range(rng.randrange(4))]
        data = b""
        if verb == "POST" or rng.random() < 0.1:
            data = json.dumps(mutated(rng, body)).encode()
            data = data[: rng.randrange(len(data))] if rng.random() < 0.2 else data
        answer = gateway.answer(RestRequest(verb, path, query, data, rng.choice(("", "1", "x"))))
        json.dumps(answer.body)
        statuses.add(answer.http_status)
        node.api.call(method.path, rng.randbytes(rng.randrange(40)), rng.randrange(3))

    assert {200, 400, 404} <= statuses
