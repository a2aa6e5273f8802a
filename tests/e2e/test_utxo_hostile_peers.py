"""A UTXO node's process under peers that flood it, lie to it or do not listen: each is dropped.

One node with Core's ``regtest`` rules; the peers are plain sockets of this test.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace

import pytest

from chainkit.formats.bitcoin.encoding import encode_compact_size
from isthmus.homes import free_ports
from parachains.utxo import node as limits
from parachains.utxo import wire
from parachains.utxo.parameters import REGTEST
from parachains.utxo.settings import UtxoSettings, write_settings
from tests.utxo_worlds import UtxoWorld

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(180)]
DEADLINE_S = 60


class Node:
    """The process, asked through RPC; what it logs is read from its file."""

    def __init__(self, home):
        self.p2p_port, self.rpc_port = free_ports(2)
        self.log = home / "log"
        write_settings(
            home,
            UtxoSettings(
                parameters="regtest", chain_id="coin-1", denom="sat", address_prefix="isthmus",
                p2p_port=self.p2p_port, rpc_port=self.rpc_port, miner_key="07" * 32,
                light_clients=(), applications=(),
            ),
        )  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "isthmus.cli.host", "utxo", "--home", str(home)],
                stdout=log,
                stderr=log,
            )

    def call(self, method):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.rpc_port}", body)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["result"]

    def wait_until(self, condition):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            with suppress(OSError):
                if condition():
                    return
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()[-2_000:]
            time.sleep(0.05)

    def reasons(self):
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line["reason"] for line in lines if line["event"] == "utxo.peer_left"]

    def peers(self):
        return len(self.call("getpeerinfo"))


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    made = Node(tmp_path_factory.mktemp("node"))
    try:
        made.wait_until(lambda: made.call("getblockcount") == 0)
        yield made
    finally:
        made.process.terminate()
        made.process.wait(30)


def message(command, payload=b""):
    return wire.encode_message(REGTEST.magic, command, payload)


@contextmanager
def greeted(node, number=1):
    """A peer after the handshake; what the node says to it stays unread."""
    version = wire.Version(
        protocol=wire.PROTOCOL_VERSION, services=wire.SERVICES, time=int(time.time()),
        nonce=number, user_agent="/test/", start_height=0,
    )  # fmt: skip
    with closing(socket.create_connection(("127.0.0.1", node.p2p_port), timeout=10)) as peer:
        before = node.peers()
        peer.sendall(message("version", wire.encode_version(version)) + message("verack"))
        node.wait_until(lambda: node.peers() == before + 1)
        yield peer


def dropped(node, data):
    """Why a peer that sends this is dropped; the node goes on answering."""
    known = len(node.reasons())
    with greeted(node) as peer:
        with suppress(OSError):
            peer.sendall(data)
        node.wait_until(lambda: len(node.reasons()) > known)
        # The connection ends for the peer, too.
        with suppress(ConnectionError):
            while peer.recv(65_536):
                pass
    assert node.peers() == 0
    assert node.call("getblockcount") == 0
    return node.reasons()[-1]


def test_a_peer_that_floods_is_dropped(node) -> None:
    """More messages in a second than any honest peer sends, each of them harmless."""
    many = message("ping", bytes(8)) * (2 * limits.MAX_MESSAGES_PER_SECOND)

    assert dropped(node, many) == f"over {limits.MAX_MESSAGES_PER_SECOND} messages a second"


def test_a_peer_that_does_not_listen_is_dropped(node) -> None:
    """What it does not read is kept up to a bound, named by the length of its queue."""
    block = REGTEST.genesis
    wanted = wire.encode_inventory([(wire.BLOCK, block.header.hash)] * 2_000, witness=True)
    known = len(node.reasons())
    with greeted(node) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        with suppress(OSError):
            for _ in range(40):
                peer.sendall(message("getdata", wanted))
        node.wait_until(lambda: len(node.reasons()) > known)

    assert node.peers() == 0


HEADER = UtxoWorld().mined().header
LYING = {
    "high-hash": message("headers", wire.encode_headers([replace(HEADER, bits=0x1D00FFFF)])),
    "message of 4000001 bytes": REGTEST.magic
    + b"block".ljust(12, b"\0")
    + (wire.MAX_PAYLOAD_BYTES + 1).to_bytes(4, "little")
    + bytes(4),
    "command is no text": REGTEST.magic + bytes(20),
    "message of another network": b"\xf9\xbe\xb4\xd9" + message("ping", bytes(8))[4:],
    "checksum of a message is wrong": message("ping", bytes(8))[:-1] + b"\x01",
    "inv: ": message("inv", encode_compact_size(wire.MAX_INVENTORY + 1)),
    "headers: ": message("headers", encode_compact_size(wire.MAX_HEADERS + 1)),
    "getheaders: ": message("getheaders", bytes(4) + encode_compact_size(wire.MAX_LOCATOR + 1)),
    "block: ": message("block", b"\x01" * 90),
    "tx: ": message("tx", b"\x01" * 9),
}


@pytest.mark.parametrize("reason", LYING)
def test_a_peer_that_breaks_a_rule_is_dropped_with_its_reason(node, reason) -> None:
    """Headers without work, sizes over their bounds, and bytes that are no message."""
    assert reason in dropped(node, LYING[reason])


def test_connections_are_bounded_from_the_first_byte(node) -> None:
    """Whoever only connects and never greets takes a place, and the places are counted."""
    with ExitStack() as stack:
        peers = [
            stack.enter_context(
                closing(socket.create_connection(("127.0.0.1", node.p2p_port), timeout=10))
            )
            for _ in range(limits.MAX_PEERS + 8)
        ]
        greetings = 0
        for peer in peers:
            with suppress(ConnectionError):
                greetings += bool(peer.recv(wire.HEADER_BYTES))

        assert greetings == limits.MAX_PEERS
    node.wait_until(lambda: _is_greeted(node))


def _is_greeted(node):
    with closing(socket.create_connection(("127.0.0.1", node.p2p_port), timeout=10)) as peer:
        return bool(peer.recv(wire.HEADER_BYTES))
