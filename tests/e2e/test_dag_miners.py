"""Three DAG miners as processes: parallel blocks, kill -9, a late joiner, and hostile peers.

One network for all tests, in their order: it goes on from where the test before left it.
"""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, suppress

import pytest

from isthmus.homes import free_ports
from parachains.dag import connections as limits
from parachains.dag import wire
from parachains.dag.settings import DagSettings, write_settings
from parachains.dag.wire import Kind
from tests.dag_worlds import ALICE, BOB, CAROL, DAVE, MINERS, pay

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]
DEADLINE_S = 120
MINING = 3
FUNDS = 1_000_000
CHAIN_ID = "dag-1"


class Refused(Exception):
    """The node answered with an error."""


class Process:
    """One node, asked through RPC."""

    def __init__(self, home, number, ports, genesis_time_ms):
        home.mkdir()
        self.home, self.log = home, home / "log"
        self.p2p_port, self.rpc_port = ports[number]
        self.process = None
        users = (ALICE, BOB, CAROL, DAVE)
        write_settings(
            home,
            DagSettings(
                chain_id=CHAIN_ID, denom="udag", address_prefix="dag",
                genesis_time_ms=genesis_time_ms, interval_ms=400, reward=5,
                balances=tuple((user.address.hex(), str(FUNDS)) for user in users),
                p2p_port=self.p2p_port, rpc_port=self.rpc_port,
                peers=tuple(f"127.0.0.1:{p2p}" for p2p, _ in ports[:number]),
                miner_key=MINERS[number].seed.hex(),
                mining_share_millionths=1_000_000 // MINING if number < MINING else 0,
                archive=number == 0, operator_methods=True, light_clients=(), applications=(),
            ),
        )  # fmt: skip

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "isthmus.cli.host", "dag", "--home", str(self.home)],
                stdout=log,
                stderr=log,
            )

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def call(self, method, **params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        request = urllib.request.Request(f"http://127.0.0.1:{self.rpc_port}", body.encode())
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)["result"]
        except urllib.error.HTTPError as error:
            raise Refused(json.load(error)["error"]["message"]) from error

    def score(self):
        return self.call("getSinkBlueScore")["blueScore"]

    def wait_until(self, condition):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            with suppress(OSError):
                if condition():
                    return
            assert self.process.poll() is None, self.log.read_text()[-2_000:]
            assert time.monotonic() < deadline, self.log.read_text()[-2_000:]
            time.sleep(0.05)

    def reasons(self):
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line["reason"] for line in lines if line["event"] == "dag.peer_dropped"]


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dag")
    numbers = free_ports(8)
    ports = list(zip(numbers[::2], numbers[1::2], strict=True))
    began = time.time_ns() // 1_000_000 - 1_000
    nodes = [Process(folder / f"node{number}", number, ports, began) for number in range(4)]
    try:
        for node in nodes[:MINING]:
            node.start()
        for node in nodes[:MINING]:
            node.wait_until(lambda node=node: node.call("net_info")["n_peers"] == "2")
        yield nodes
    finally:
        for node in nodes:
            node.stop()


def agree(nodes):
    """Wait until no block is under way and all have one tip; the miners are paused."""
    for node in nodes:
        if node.process is not None:
            node.call("setGenerate", generate=False)
    first, *others = nodes
    for other in others:
        other.wait_until(lambda other=other: other.call("getSink") == first.call("getSink"))
    return first.call("getSink")["sink"]


def go_on(nodes):
    for node in nodes:
        node.call("setGenerate", generate=True)


def test_miners_make_parallel_blocks_and_accept_a_transaction_once(net) -> None:
    """Blocks of three processes merge; a payment given to two of them moves coins once."""
    tx = pay(ALICE, BOB, 7, 0)
    for node in net[:2]:
        with suppress(Refused):  # the second may have heard of it, and of its acceptance
            node.call("submitTransaction", transaction=tx.encode().hex())
    for node in net[:3]:
        node.wait_until(lambda node=node: node.score() >= 12)
        told = {}

        def is_accepted(node=node, told=told):
            told.update(node.call("getTransaction", transactionId=tx.id.hex()) or {})
            return told.get("status") == "accepted"

        node.wait_until(is_accepted)
        assert (told["code"], told["accepted"]) == (0, True)
        assert node.call("getBalanceByAddress", address=BOB.text) == {"balance": FUNDS + 7}
    # hasten until two blocks were made beside each other
    for node in net[:3]:
        node.call("setGenerate", generate=True, share_millionths=1_500_000)
    net[0].wait_until(
        lambda: any(
            len(block["header"]["parents"]) > 1
            for block in net[0].call("getBlocks", includeBlocks=True)["blocks"]
        )
    )
    agree(net[:3])
    blocks = net[0].call("getBlocks", includeBlocks=True)["blocks"]
    assert {block["miner"] for block in blocks[1:]} == {key.text for key in MINERS[:3]}


def test_a_double_spend_in_parallel_blocks_counts_once(net) -> None:
    """Two miners each put another payment of one coin into blocks beside each other."""
    sequence = net[0].call("getAccount", address=CAROL.text)["sequence"]
    spends = [pay(CAROL, receiver, 9, sequence) for receiver in (BOB, DAVE)]
    made = [
        node.call("generateBlock", transactions=[tx.encode().hex()], broadcast=False)
        for node, tx in zip(net[:2], spends, strict=True)
    ]
    for node, block in zip(net[:2], made, strict=True):
        node.call("submitBlock", block=block["block"])
    net[2].wait_until(
        lambda: {block["hash"] for block in made} <= {*net[2].call("getBlockDagInfo")["tipHashes"]}
    )
    net[2].call("generateBlock")
    agree(net[:3])
    for node in net[:3]:
        told = [node.call("getTransaction", transactionId=tx.id.hex()) for tx in spends]
        assert sorted(one["status"] for one in told) == ["accepted", "refused"]
        assert node.call("getAccount", address=CAROL.text)["sequence"] == sequence + 1
    go_on(net[:3])


def test_a_killed_miner_comes_back_with_what_it_had(net) -> None:
    """kill -9 while it mines; it opens at its last block and catches up by itself."""
    before = net[1].score()
    net[1].kill()
    net[0].wait_until(lambda: net[0].score() > before + 4)
    net[1].start()
    net[1].wait_until(lambda: net[1].score() > before + 4)
    started = [json.loads(x) for x in net[1].log.read_text().splitlines() if "dag.started" in x]
    assert started[-1]["height"] >= before
    agree(net[:3])
    roots = {node.call("ibcChainBlock", blue_score=node.score())["state_root"] for node in net[:3]}
    assert len(roots) == 1
    go_on(net[:3])


def test_a_split_heals(net) -> None:
    """A miner without peers goes on alone; heard again, all blocks of both sides are in one DAG."""
    net[2].call("setNetworkActive", active=False)
    alone = net[2].score()
    net[2].wait_until(lambda: net[2].score() > alone + 3)
    lonely = net[2].call("getSink")["sink"]
    net[2].call("setNetworkActive", active=True)
    net[0].wait_until(lambda: _knows(net[0], lonely))
    agree(net[:3])
    go_on(net[:3])


def _knows(node, block):
    with suppress(Refused):
        return node.call("getBlock", hash=block)["verboseData"]["hash"] == block
    return False


def test_a_late_joiner_syncs(net) -> None:
    """A fourth node, which mines nothing, gets every block and the same state."""
    net[3].start()
    net[3].wait_until(lambda: net[3].score() >= net[0].score() - 2)
    tip = agree(net)
    assert net[3].call("getBlockDagInfo")["headerCount"] >= net[3].score() + 1
    assert net[3].call("getBlock", hash=tip)["verboseData"]["isChainBlock"]
    assert net[3].call("getBalanceByAddress", address=BOB.text) == net[0].call(
        "getBalanceByAddress", address=BOB.text
    )
    assert net[3].call("status")["sync_info"]["catching_up"] is False


# --- hostile peers of the fourth node ---------------------------------------------


def frame(magic, kind, payload=b""):
    return wire.encode_frame(magic, kind, payload)


def dropped(node, magic, genesis, data):
    """Why a peer that greets and sends this is dropped."""
    known = len(node.reasons())
    hello = wire.encode_hello(wire.Hello(wire.PROTOCOL_VERSION, CHAIN_ID, genesis, 1))
    with closing(socket.create_connection(("127.0.0.1", node.p2p_port), timeout=10)) as peer:
        with suppress(OSError):
            peer.sendall(frame(magic, Kind.HELLO, hello) + data)
        node.wait_until(lambda: len(node.reasons()) > known)
        with suppress(ConnectionError):  # the connection ends for the peer, too
            while peer.recv(65_536):
                pass
    return node.reasons()[-1]


def test_hostile_peers_are_dropped_with_a_reason(net) -> None:
    """Floods, garbage, lengths without end and other networks; the node goes on answering."""
    node = net[3]
    genesis = bytes.fromhex(node.call("getRawBlocks", start=1, count=1)[0]["header"])[18:50]
    magic = genesis[: wire.MAGIC_BYTES]
    huge = magic + bytes([Kind.BLOCK]) + (2**32 - 1).to_bytes(4, "big")
    cases = {
        "over 2000 messages a second": frame(magic, Kind.GET_BLOCKS, wire.encode_get_blocks([]))
        * (limits.MAX_MESSAGES_PER_SECOND),
        "4294967295 bytes": huge,
        "of the kind 200": magic + b"\xc8" + bytes(4),
        "another network": b"\x00" * 9,
        "headers": frame(magic, Kind.HEADERS, b"\xff\xff"),
        "greets twice": frame(magic, Kind.HELLO),
        "not asked for": frame(magic, Kind.NOT_FOUND, wire.encode_not_found([genesis], 0)),
    }
    for reason, data in cases.items():
        assert reason in dropped(node, magic, genesis, data)
    assert "another genesis" in dropped_greeting(node, magic)
    info = node.call("getInfo")
    assert (info["wantedBlocks"], info["orphans"]) == (0, 0)
    assert node.call("net_info")["n_peers"] == "3"


def dropped_greeting(node, magic):
    known = len(node.reasons())
    hello = wire.encode_hello(wire.Hello(wire.PROTOCOL_VERSION, CHAIN_ID, bytes(32), 1))
    with closing(socket.create_connection(("127.0.0.1", node.p2p_port), timeout=10)) as peer:
        peer.sendall(frame(magic, Kind.HELLO, hello))
        node.wait_until(lambda: len(node.reasons()) > known)
    return node.reasons()[-1]
