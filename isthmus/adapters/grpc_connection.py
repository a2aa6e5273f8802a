"""One HTTP/2 connection of a gRPC server, without I/O: bytes in, bytes to send out.

Unary calls only, answered as soon as their message is whole. Everything is bounded: open
calls, the headers and message of a call, and what is kept for all of them together.

Spec:
    gRPC "gRPC over HTTP2"; RFC 9113.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from chainkit.runtime.grpc_status import Status
from relay_chain.node.api.limits import (
    HANDSHAKE_TIMEOUT_S,
    IDLE_TIMEOUT_S,
    MAX_BUFFERED_BYTES,
    MAX_CALLS_PER_CONNECTION,
    MAX_HEADER_BYTES,
    MAX_REQUEST_BYTES,
    STALLED_TIMEOUT_S,
)

PREFIX_BYTES = 5
"""Before each message: a flag of compression, and the length in 4 bytes."""

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may cost."""

    request_bytes: int = MAX_REQUEST_BYTES
    buffered_bytes: int = MAX_BUFFERED_BYTES
    handshake_s: float | None = HANDSHAKE_TIMEOUT_S
    idle_s: float | None = IDLE_TIMEOUT_S
    """None waits for ever."""
    stalled_s: float = STALLED_TIMEOUT_S


STRANGER = Bounds()
"""Of clients that anybody may be."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of a call; ``metadata`` are headers of a good one."""

    status: Status
    message: str = ""
    value: bytes = b""
    metadata: tuple[tuple[str, str], ...] = ()


Answer = Callable[[str, bytes, dict[str, str]], Reply]
"""From path, message and request headers to the outcome."""


@dataclass(slots=True)
class _Call:
    """A call that has begun; mutable, as bytes come and go."""

    path: str
    headers: dict[str, str]
    received: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    answered: bool = False


class GrpcConnection:
    """One client's connection. Mutable: it holds the calls that are open."""

    def __init__(self, answer: Answer, bounds: Bounds = STRANGER) -> None:
        self._answer = answer
        self._bounds = bounds
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_CALLS_PER_CONNECTION,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_BYTES,
            },
        )
        self._calls: dict[int, _Call] = {}
        self.is_closed = False
        """Nothing more will be answered: what is to be sent is a farewell."""
        self.progress = 0
        """Grows with each call that is done and each part of an answer that was taken."""

    @property
    def open_calls(self) -> int:
        """How many calls have begun and are not done."""
        return len(self._calls)

    @property
    def buffered_bytes(self) -> int:
        """What is kept of requests that are not whole and answers that are not sent."""
        return sum(len(call.received) + len(call.unsent) for call in self._calls.values())

    def start(self) -> bytes:
        """Return what a server sends first."""
        self._h2.initiate_connection()
        return self._h2.data_to_send()

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the client; return what must be sent to it now."""
        try:
            for event in self._h2.receive_data(data):
                self._handle(event)
                if self.is_closed:
                    break
            if self.buffered_bytes > self._bounds.buffered_bytes:
                self._h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
                self.is_closed = True
        except (H2Error, UnicodeDecodeError):
            # h2 has put the GOAWAY with the reason into what is to be sent, where it could.
            self.is_closed = True
        return self._h2.data_to_send()

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._begin(event)
            case DataReceived():
                self._take(event)
            case StreamEnded():
                self._end(event.stream_id)
            case StreamReset():
                self._calls.pop(event.stream_id, None)
            case WindowUpdated() | RemoteSettingsChanged():
                for stream_id in tuple(self._calls):
                    self._flush(stream_id)
            case ConnectionTerminated():
                self.is_closed = True
            case _:
                pass

    # --- requests -----------------------------------------------------------------------

    def _begin(self, event: RequestReceived) -> None:
        stream_id = event.stream_id
        headers = dict(cast("Headers", event.headers or []))
        call = _Call(headers.get(":path", ""), headers)
        self._calls[stream_id] = call
        if headers.get(":method") != "POST" or not headers.get("content-type", "").startswith(
            "application/grpc"
        ):
            self._h2.send_headers(stream_id, [(":status", "415")], end_stream=True)
            self._done(stream_id)
        elif headers.get("grpc-encoding", "identity") != "identity":
            text = f'grpc: Decompressor is not installed for "{headers["grpc-encoding"][:40]}"'
            self._refuse(stream_id, Status.UNIMPLEMENTED, text)

    def _take(self, event: DataReceived) -> None:
        stream_id = event.stream_id
        length = event.flow_controlled_length or 0
        call = self._calls.get(stream_id)
        if length:
            self._h2.acknowledge_received_data(length, stream_id)
        if call is None or call.answered:
            return
        call.received += event.data or b""
        declared = int.from_bytes(call.received[1:PREFIX_BYTES], "big")
        limit = self._bounds.request_bytes
        if len(call.received) >= PREFIX_BYTES and declared > limit:
            text = f"grpc: received message larger than max ({declared} vs. {limit})"
            self._refuse(stream_id, Status.RESOURCE_EXHAUSTED, text)
        elif len(call.received) > PREFIX_BYTES + declared and len(call.received) >= PREFIX_BYTES:
            self._refuse(stream_id, Status.INTERNAL, "more than the one message of a unary call")

    def _end(self, stream_id: int) -> None:
        call = self._calls.get(stream_id)
        if call is None or call.answered:
            return
        received = bytes(call.received)
        call.received.clear()
        if len(received) < PREFIX_BYTES:
            self._refuse(stream_id, Status.INTERNAL, "the call has no message")
        elif len(received) != PREFIX_BYTES + int.from_bytes(received[1:PREFIX_BYTES], "big"):
            self._refuse(stream_id, Status.INTERNAL, "unexpected EOF")
        elif received[0]:
            self._refuse(stream_id, Status.UNIMPLEMENTED, "compressed messages are not taken")
        else:
            self._send(stream_id, self._answer(call.path, received[PREFIX_BYTES:], call.headers))

    # --- answers ------------------------------------------------------------------------

    def _send(self, stream_id: int, reply: Reply) -> None:
        if reply.status is not Status.OK:
            self._refuse(stream_id, reply.status, reply.message)
            return
        call = self._calls[stream_id]
        call.answered = True
        headers = [(":status", "200"), ("content-type", "application/grpc"), *reply.metadata]
        self._h2.send_headers(stream_id, headers)
        call.unsent += b"\x00" + len(reply.value).to_bytes(4, "big") + reply.value
        self._flush(stream_id)

    def _flush(self, stream_id: int) -> None:
        """Send as much of an answer as the client's window lets, then the trailers."""
        call = self._calls[stream_id]
        if not call.answered:
            return
        while call.unsent:
            room = self._h2.local_flow_control_window(stream_id)
            size = min(room, self._h2.max_outbound_frame_size, len(call.unsent))
            if size <= 0:
                return
            self._h2.send_data(stream_id, bytes(call.unsent[:size]))
            del call.unsent[:size]
            self.progress += 1
        self._h2.send_headers(stream_id, [("grpc-status", "0")], end_stream=True)
        self._done(stream_id)

    def _refuse(self, stream_id: int, status: Status, text: str) -> None:
        headers = [
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-accept-encoding", "identity"),
            ("grpc-status", str(int(status))),
            ("grpc-message", percent_encoded(text)),
        ]
        self._h2.send_headers(stream_id, headers, end_stream=True)
        self._done(stream_id)

    def _done(self, stream_id: int) -> None:
        """Forget a call; what the client still sends of it is not wanted."""
        del self._calls[stream_id]
        self.progress += 1


def percent_encoded(text: str) -> str:
    """Return a status message as its header carries it: printable ASCII but the percent sign."""
    return "".join(
        chr(byte) if 0x20 <= byte <= 0x7E and byte != 0x25 else f"%{byte:02X}"
        for byte in text.encode("utf-8", "replace")
    )
