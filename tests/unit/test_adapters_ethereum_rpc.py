"""Ethereum's RPC over sockets: batches and clients that read slowly, or never ask, are bounded."""

import asyncio
import json
import socket
from contextlib import suppress

import aiohttp
import pytest

from isthmus.adapters import ethereum_rpc as rpc

DEADLINE_S = 20


class Echo:
    """Answers a number of bytes; says what it was asked."""

    def __init__(self, notify=None):
        self.asked, self.notify = [], notify

    def answer(self, request):
        self.asked.append(request)
        return {"id": request.get("id"), "result": "x" * request.get("size", 1)}

    def close(self):
        pass


def test_a_batch_is_answered_up_to_a_size(monkeypatch) -> None:
    """The rest is not even run, and each of it has its error by its id."""
    monkeypatch.setattr(rpc, "MAX_BATCH_ANSWER_BYTES", 1_000)
    session = Echo()
    batch = [{"id": number, "method": "m", "size": 600} for number in range(5)]
    answers = json.loads(asyncio.run(rpc.respond(session, json.dumps(batch))))

    assert len(session.asked) == 2
    assert [each["id"] for each in answers] == [0, 1, 2, 3, 4]
    assert [each["error"]["code"] for each in answers[2:]] == [rpc.TOO_LARGE] * 3


def test_others_have_their_turn_within_a_batch() -> None:
    """A batch of a thousand does not keep the node from its consensus until it is done."""

    async def scenario():
        session = Echo()
        seen = []

        async def other():
            while len(session.asked) < 100:
                seen.append(len(session.asked))
                await asyncio.sleep(0)

        batch = json.dumps([{"id": number, "method": "m"} for number in range(100)])
        async with asyncio.TaskGroup() as group:
            group.create_task(other())
            group.create_task(rpc.respond(session, batch))
        assert len(set(seen)) > 50

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("[]", rpc.INVALID_REQUEST),
        ("[" * 100_000, rpc.PARSE_ERROR),
        ("{", rpc.PARSE_ERROR),
        (json.dumps([{"id": 1, "method": "m"}] * (rpc.MAX_BATCH + 1)), rpc.INVALID_REQUEST),
    ],
    ids=["empty", "deep", "cut", "large"],
)
def test_what_is_no_request_is_an_error(body, code) -> None:
    """Empty, nested without end, cut short, or more than a batch may have."""
    assert json.loads(asyncio.run(rpc.respond(Echo(), body)))["error"]["code"] == code


def test_what_waits_for_a_client_is_bounded(monkeypatch) -> None:
    """By bytes and by number; one answer to a client that is not behind may be larger."""
    monkeypatch.setattr(rpc, "BYTES_KEPT", 100)
    monkeypatch.setattr(rpc, "MESSAGES_KEPT", 3)

    async def scenario():
        outgoing = rpc.Outgoing()
        outgoing.put("x" * 500)
        assert not outgoing.too_slow
        assert await outgoing.get() == "x" * 500
        outgoing.put("x" * 60)
        outgoing.put("x" * 60)
        assert outgoing.too_slow
        many = rpc.Outgoing()
        for _ in range(4):
            many.put("x")
        assert many.too_slow

    asyncio.run(scenario())


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def served(scenario, sessions=None):
    """Run a scenario beside a server of ``Echo`` sessions."""

    async def within():
        port = free_port()

        def open_session(notify):
            session = Echo(notify)
            if sessions is not None:
                sessions.append(session)
            return session

        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            task = group.create_task(rpc.serve_sessions(open_session, "127.0.0.1", port))
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.01)
                    continue
                writer.close()
                await writer.wait_closed()
                break
            try:
                await scenario(port)
            finally:
                task.cancel()

    asyncio.run(within())


def test_a_connection_that_asks_nothing_is_closed(monkeypatch) -> None:
    """Half a request is none: its place is free after a while; one that asked may stay."""
    monkeypatch.setattr(rpc, "REQUEST_TIMEOUT_S", 0.3)

    async def scenario(port):
        url = f"ws://127.0.0.1:{port}/"
        async with aiohttp.ClientSession() as client, client.ws_connect(url) as quiet:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n")
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            await quiet.send_str(json.dumps({"id": 1, "method": "m"}))
            assert json.loads((await quiet.receive()).data)["result"] == "x"

    served(scenario)


def test_connections_have_so_many_places(monkeypatch) -> None:
    """One more is closed at once, and consensus' own sockets have their files."""
    monkeypatch.setattr(rpc, "MAX_CONNECTIONS", 3)

    async def scenario(port):
        open_ones = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        for _, each in (*open_ones, (reader, writer)):
            each.close()
            await each.wait_closed()
        async with aiohttp.ClientSession() as client:
            while True:
                try:
                    answer = await client.post(f"http://127.0.0.1:{port}/", data='{"id": 1}')
                except aiohttp.ClientError:
                    continue
                assert (await answer.json())["result"] == "x"
                break

    served(scenario)


def test_websockets_have_fewer_places(monkeypatch) -> None:
    """Who subscribes costs something with every block: the next client is told to come later."""
    monkeypatch.setattr(rpc, "MAX_SOCKETS", 1)

    async def scenario(port):
        url = f"ws://127.0.0.1:{port}/"
        async with aiohttp.ClientSession() as client:
            async with client.ws_connect(url):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await client.ws_connect(url)
                assert refused.value.status == 503
            while True:
                try:
                    again = await client.ws_connect(url)
                except aiohttp.WSServerHandshakeError:
                    continue
                await again.close()
                break

    served(scenario)


def test_a_client_that_does_not_read_is_disconnected(monkeypatch) -> None:
    """Notifications do not wait in memory for it."""
    monkeypatch.setattr(rpc, "BYTES_KEPT", 100_000)
    sessions = []

    async def scenario(port):
        async with aiohttp.ClientSession() as client:
            deaf = await client.ws_connect(f"ws://127.0.0.1:{port}/")
            await deaf.send_str(json.dumps({"id": 1, "method": "m"}))
            await deaf.receive()
            for _ in range(200):
                sessions[-1].notify({"note": "x" * 10_000})
            while not deaf.closed:
                await deaf.receive()

    served(scenario, sessions)
