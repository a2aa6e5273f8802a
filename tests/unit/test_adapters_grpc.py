"""The gRPC server and the REST gateway on real sockets, and one connection byte by byte."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import grpc
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    ResponseReceived,
    StreamEnded,
    TrailersReceived,
)
from h2.settings import SettingCodes

from chainkit.runtime.grpc_status import Status
from chainkit.wire.codec import encode
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_pb2
from isthmus.adapters import grpc_server, rest_server
from isthmus.adapters.grpc_connection import Bounds, GrpcConnection, Reply, percent_encoded
from isthmus.adapters.grpc_server import GrpcServer
from isthmus.adapters.rest_server import RestServer
from relay_chain.node.api.limits import (
    MAX_BUFFERED_BYTES,
    MAX_CALLS_PER_CONNECTION,
    MAX_REQUEST_BYTES,
    MAX_REST_BODY_BYTES,
)
from tests.api_world import ALICE, FUNDS, ZoneNode, address

BALANCE = "/cosmos.bank.v1beta1.Query/Balance"
REQUEST = encode(bank_pb2.QueryBalanceRequest(address=address(ALICE), denom="stake"))
LOCAL = "127.0.0.1"
FRAME = 16_384


@asynccontextmanager
async def serving(folder: Path, kind: type) -> AsyncIterator[int]:
    """A zone's node behind one of the servers; its port."""
    node = ZoneNode(folder)
    server = kind(node.api)
    async with node.running(), asyncio.TaskGroup() as group, asyncio.timeout(60):
        await node.reach(1)
        running = group.create_task(server.run(LOCAL, 0))
        yield await server.wait_listening()
        running.cancel()


# --- a whole server -----------------------------------------------------------------------


async def test_a_foreign_client_calls_and_is_refused_by_code(tmp_path: Path) -> None:
    """
    grpcio reads a balance with the height it is of, and gets code and text of a refusal.
    """

    def ask(port: int) -> list[object]:
        with grpc.insecure_channel(f"{LOCAL}:{port}") as channel:
            call = channel.unary_unary(BALANCE)
            answer, done = call.with_call(REQUEST, timeout=20)
            height = dict(done.initial_metadata())["x-cosmos-block-height"]
            refusals = []
            for path, metadata in (
                (BALANCE, [("x-cosmos-block-height", "1000000")]),
                (BALANCE, [("x-cosmos-block-height", "-1")]),
                ("/cosmos.bank.v1beta1.Query/Nothing", []),
            ):
                with pytest.raises(grpc.RpcError) as caught:
                    channel.unary_unary(path)(REQUEST, timeout=20, metadata=metadata)
                refusals.append((caught.value.code(), caught.value.details()))
            return [answer, int(height), refusals]

    async with serving(tmp_path, GrpcServer) as port:
        answer, height, refusals = await asyncio.to_thread(ask, port)

    assert bank_pb2.QueryBalanceResponse.FromString(answer).balance.amount == str(FUNDS)
    assert height >= 1
    assert [code for code, _ in refusals] == [
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNIMPLEMENTED,
    ]
    assert refusals[2][1] == "unknown method Nothing for service cosmos.bank.v1beta1.Query"


@pytest.mark.parametrize(
    "sent", [b"", b"PRI * HTTP/2.0\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 99]
)
@pytest.mark.parametrize("kind", [GrpcServer, RestServer])
async def test_a_connection_that_asks_nothing_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type, sent: bytes
) -> None:
    """
    Half open, half a preface, another protocol, garbage: the server ends it by itself.
    """
    monkeypatch.setattr(grpc_server, "STRANGER", Bounds(handshake_s=0.2))
    monkeypatch.setattr(rest_server, "IDLE_REST_TIMEOUT_S", 0.2)
    async with serving(tmp_path, kind) as port:
        reader, writer = await asyncio.open_connection(LOCAL, port)
        writer.write(sent)
        while await reader.read(4096):
            pass
        writer.close()


async def test_a_call_that_stalls_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A client that begins a call and sends a byte now and then makes no progress: it is closed.
    """
    monkeypatch.setattr(grpc_server, "STRANGER", Bounds(stalled_s=1.5))
    async with serving(tmp_path, GrpcServer) as port:
        client = Client()
        reader, writer = await asyncio.open_connection(LOCAL, port)
        client.h2.send_headers(1, client.headers(BALANCE))
        writer.write(client.h2.data_to_send())
        ended = asyncio.ensure_future(reader.read(-1))  # noqa: TID251 - reads while bytes are sent
        # Until the server is done with it, far from the minute that the test has.
        for _ in range(200):
            if ended.done():
                break
            client.h2.ping(b"12345678")
            writer.write(client.h2.data_to_send())
            await asyncio.wait([ended], timeout=0.05)
        assert ended.done()
        writer.close()


@pytest.mark.parametrize(("kind", "module"), [(GrpcServer, grpc_server), (RestServer, rest_server)])
async def test_a_connection_over_the_limit_is_closed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type, module: object
) -> None:
    """
    Those before it are kept; when one leaves there is room again.
    """
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 2)
    async with serving(tmp_path, kind) as port:
        kept = [await asyncio.open_connection(LOCAL, port) for _ in range(2)]
        for _, writer in kept:
            writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if kind is GrpcServer else b"GET")
        reader, writer = await asyncio.open_connection(LOCAL, port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        with suppress(ConnectionError):
            assert await reader.read(1) == b""
        writer.close()
        kept[0][1].close()
        while True:
            reader, again = await asyncio.open_connection(LOCAL, port)
            again.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" if kind is RestServer else b"")
            if await reader.read(9):
                break
            again.close()
        again.close()
        kept[1][1].close()


async def test_rest_answers_with_the_height(tmp_path: Path) -> None:
    """
    JSON, the state's height in a header, 405's of no route, a body over the limit refused.
    """
    async with serving(tmp_path, RestServer) as port, aiohttp.ClientSession() as session:
        base = f"http://{LOCAL}:{port}"
        path = f"{base}/cosmos/bank/v1beta1/balances/{address(ALICE)}"
        async with session.get(path, headers={"x-cosmos-block-height": "1"}) as found:
            assert found.status == 200
            assert found.headers["Grpc-Metadata-X-Cosmos-Block-Height"] == "1"
            assert len((await found.json())["balances"]) == 2
        async with session.get(path, headers={"x-cosmos-block-height": "x"}) as refused:
            assert (refused.status, (await refused.json())["code"]) == (400, 3)
        async with session.post(path, data=b"{}") as refused:
            assert (refused.status, (await refused.json())["code"]) == (501, 12)
        big = io.BytesIO(b'{"tx_bytes": "' + b"A" * MAX_REST_BODY_BYTES + b'"}')
        async with session.post(f"{base}/cosmos/tx/v1beta1/txs", data=big) as refused:
            assert refused.status == 413


# --- one connection -----------------------------------------------------------------------


class Client:
    """The other end of a connection, by the h2 library."""

    def __init__(self, **settings: int) -> None:
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        if settings:
            self.h2.update_settings({SettingCodes[name]: value for name, value in settings.items()})
        self.status: dict[int, str] = {}
        self.text: dict[int, str] = {}
        self.data: dict[int, bytes] = {}
        self.ended: list[int] = []
        self.goodbye: ErrorCodes | None = None

    @staticmethod
    def headers(path: str, **more: str) -> list[tuple[str, str]]:
        found = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": "x",
            "content-type": "application/grpc",
            "te": "trailers",
        }
        found |= {name.replace("_", "-"): value for name, value in more.items()}
        return list(found.items())

    def take(self, data: bytes, *, reading: bool = True) -> None:
        for event in self.h2.receive_data(data):
            match event:
                case ResponseReceived() | TrailersReceived():
                    headers = dict(event.headers)
                    if "grpc-status" in headers:
                        self.status[event.stream_id] = headers["grpc-status"]
                    if headers.get(":status", "200") != "200":
                        self.status[event.stream_id] = headers[":status"]
                    self.text[event.stream_id] = headers.get("grpc-message", "")
                case DataReceived():
                    self.data[event.stream_id] = self.data.get(event.stream_id, b"") + event.data
                    if reading:
                        self.h2.acknowledge_received_data(
                            event.flow_controlled_length, event.stream_id
                        )
                case StreamEnded():
                    self.ended.append(event.stream_id)
                case ConnectionTerminated():
                    self.goodbye = event.error_code
                case _:
                    pass

    def begin(self, stream_id: int, body: bytes, *, end: bool = True, **more: str) -> None:
        self.h2.send_headers(stream_id, self.headers("/a.B/C", **more))
        for start in range(0, max(len(body), 1), FRAME):
            last = end and start + FRAME >= len(body)
            self.h2.send_data(stream_id, body[start : start + FRAME], end_stream=last)


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def talk(client: Client, server: GrpcConnection, *, reading: bool = True) -> None:
    """Carry bytes both ways until neither has more to say."""
    while data := client.h2.data_to_send():
        client.take(server.receive(data), reading=reading)


def met(client: Client, value: bytes = b"", status: Status = Status.OK) -> GrpcConnection:
    def answer(path: str, data: bytes, _: dict[str, str]) -> Reply:
        assert (path, data) == ("/a.B/C", b"q")
        return Reply(status, "50% \u20ac", value)

    server = GrpcConnection(answer)
    client.take(server.start())
    return server


def test_a_large_answer_follows_the_readers_window() -> None:
    """
    An answer over the window waits for room, then arrives whole, before its trailers.
    """
    client = Client()
    server = met(client, b"x" * 200_000)
    client.begin(1, framed(b"q"))
    talk(client, server, reading=False)
    held = len(client.data[1])
    client.h2.increment_flow_control_window(300_000)
    client.h2.increment_flow_control_window(300_000, 1)
    talk(client, server)

    assert held == 65_535
    assert client.data[1] == framed(b"x" * 200_000)
    assert (client.status[1], client.ended, server.open_calls) == ("0", [1], 0)


@pytest.mark.parametrize(
    ("body", "more", "status"),
    [
        (b"", {}, "13"),
        (b"\0\0", {}, "13"),
        (b"\0\0\0\0\x09abc", {}, "13"),
        (framed(b"a") + framed(b"b"), {}, "13"),
        (b"\1" + framed(b"a")[1:], {}, "12"),
        (framed(b"a"), {"grpc_encoding": "gzip"}, "12"),
        (framed(b"a"), {"content_type": "text/html"}, "415"),
        (b"\0" + (MAX_REQUEST_BYTES + 1).to_bytes(4, "big"), {}, "8"),
        (b"\0\xff\xff\xff\xff" + bytes(100), {}, "8"),
    ],
)
def test_a_call_that_is_none_is_refused_and_the_next_one_answered(
    body: bytes, more: dict[str, str], status: str
) -> None:
    """
    No message, half of one, two, compressed, too large: its status, and the connection stays.
    """
    client = Client()
    server = met(client, b"yes")
    client.begin(1, body, **more)
    talk(client, server)
    client.begin(3, framed(b"q"))
    talk(client, server)

    assert client.status[1] == status
    assert (client.status[3], client.data[3]) == ("0", framed(b"yes"))
    assert server.buffered_bytes == 0


def test_a_refusals_text_is_percent_encoded() -> None:
    """
    A percent sign and what is not ASCII arrive as the text that was meant.
    """
    client = Client()
    server = met(client, status=Status.NOT_FOUND)
    client.begin(1, framed(b"q"))
    talk(client, server)

    assert (client.status[1], client.text[1]) == ("5", "50%25 %E2%82%AC")
    assert percent_encoded("a\nb") == "a%0Ab"


def test_what_one_client_makes_the_server_keep_is_bounded() -> None:
    """
    Many calls that never end are cut off with ENHANCE_YOUR_CALM before they fill the memory.
    """
    client = Client()
    server = met(client)
    most, stream_id, sent = 0, 1, MAX_REQUEST_BYTES
    while client.goodbye is None:
        if sent + FRAME > MAX_REQUEST_BYTES:
            stream_id, sent = stream_id + 2, 0
            client.h2.send_headers(stream_id, client.headers("/a.B/C"))
            client.h2.send_data(stream_id, b"\0" + MAX_REQUEST_BYTES.to_bytes(4, "big"))
        client.h2.send_data(stream_id, bytes(FRAME))
        sent += FRAME
        most = max(most, server.buffered_bytes)
        talk(client, server)

    assert client.goodbye == ErrorCodes.ENHANCE_YOUR_CALM
    assert server.is_closed
    assert MAX_REQUEST_BYTES < most <= MAX_BUFFERED_BYTES


def test_calls_over_the_limit_end_the_connection() -> None:
    """
    A client that opens more calls at once than it was told breaks HTTP/2.
    """
    client = Client()
    server = met(client)
    talk(client, server)
    client.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 10_000
    client.h2.remote_settings.acknowledge()
    for stream_id in range(1, 2 * MAX_CALLS_PER_CONNECTION + 2, 2):
        client.h2.send_headers(stream_id, client.headers("/a.B/C"))
    talk(client, server)

    assert server.is_closed
    assert server.open_calls <= MAX_CALLS_PER_CONNECTION


def test_a_call_that_is_reset_is_forgotten() -> None:
    """
    However often a client opens and resets, nothing of it stays.
    """
    client = Client()
    server = met(client)
    for stream_id in range(1, 2_001, 2):
        client.begin(stream_id, b"\0\0", end=False)
        client.h2.reset_stream(stream_id)
        talk(client, server)

    assert (server.open_calls, server.buffered_bytes) == (0, 0)
    client.begin(2_001, framed(b"q"))
    talk(client, server)
    assert client.status[2_001] == "0"
