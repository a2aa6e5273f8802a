"""Targets that a name cannot find: machines that are fed, files that are read, whole requests.

Each returns whatever it likes and may raise what its ``allowed`` names; the seeds are here or
in the corpus.
"""

import asyncio
import json
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.iavl.tree import ImmutableTree, MutableTree
from chainkit.commitments.ics23 import IAVL_SPEC, verify_membership, verify_non_membership
from chainkit.commitments.patricia_trie import (
    MemoryNodeStore,
    SecureTrie,
    ordered_trie,
    verify_proof,
    verify_secure_proof,
)
from chainkit.formats.bitcoin import addresses
from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, BlockHeight, TimestampNs
from chainkit.runtime.abci import FinalizeBlockRequest
from chainkit.runtime.application import Application
from chainkit.runtime.transaction import AnyMessage
from chainkit.wire import rlp
from chainkit.wire.proto.cosmos.bank.v1beta1.query_pb2 import QueryBalanceRequest
from fuzz.handlers import handle, ibc_world, stored_messages
from ibc.datagram.module import APPLICATION as DATAGRAM
from ibc.forward.module import APPLICATION as FORWARDING
from ibc.ics02_client.port import AnyValue
from isthmus.adapters.http import RpcServer
from isthmus.adapters.mqtt import decode_block_message
from isthmus.compose import read_app_config, read_relayer_settings
from light_clients.tendermint import TendermintClient
from parachains.sdk.testing import GENESIS_TIME, LocalChain, LocalGenesis
from parachains.zone.user_codec import request_from_json
from relay_chain.app import hub_application
from relay_chain.node.p2p.errors import PeerError
from relay_chain.node.p2p.multiplex import ChannelDescriptor, MultiplexConnection
from relay_chain.node.p2p.secret_connection import Reply, SecretConnection
from relay_chain.node.privval import FilePrivateValidator, write_empty_state, write_private_key
from relay_chain.node.wal import WriteAheadLog, frame
from relayer.errors import WrongSetting
from tests.node_in_memory import MemoryNode

ALICE = b"\x01" * 32
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files go: in memory, since each is synced and there are thousands."""


@dataclass(frozen=True, slots=True)
class HandTarget:
    """What is fed, how it is mutated, what it begins from and what it may raise."""

    name: str
    kind: str
    run: Callable[..., object]
    seeds: Callable[[], Sequence[object]]
    allowed: tuple[type[Exception], ...] = (RuleBroken,)
    covers: str = ""
    """The discovered decoder that this target stands for, if it stands for one."""


# --- peers ------------------------------------------------------------------------------


def _pair() -> tuple[SecretConnection, SecretConnection]:
    """Return two sides that have agreed on keys and know each other."""
    a = SecretConnection(b"\x01" * 32, b"\x03" * 32)
    b = SecretConnection(b"\x02" * 32, b"\x04" * 32)
    to_b, to_a = _replies(a.receive(b.opening())), _replies(b.receive(a.opening()))
    a.receive(to_a)
    b.receive(to_b)
    return a, b


def _replies(events: Sequence[object]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Reply))


def _handshake(data: bytes) -> None:
    SecretConnection(b"\x01" * 32, b"\x03" * 32).receive(data)


def _handshake_seeds() -> Sequence[object]:
    a = SecretConnection(b"\x01" * 32, b"\x03" * 32)
    b = SecretConnection(b"\x02" * 32, b"\x04" * 32)
    return (b.opening(), b.opening() + _replies(b.receive(a.opening())))


def _frames(data: bytes) -> None:
    _pair()[0].receive(data)


def _packets(data: bytes) -> int:
    channels = (ChannelDescriptor(0x20, 6, 3, 10_000), ChannelDescriptor(0x30, 1, 3, 5_000))
    side = MultiplexConnection(channels, TimestampNs(0))
    # The plaintext comes in pieces of any size.
    return sum(
        len(message.message)
        for at in range(0, len(data), 700)
        for message in side.receive(data[at : at + 700])
    )


def _packet_seeds() -> Sequence[object]:
    channels = (ChannelDescriptor(0x20, 6, 3, 10_000), ChannelDescriptor(0x30, 1, 3, 5_000))
    side = MultiplexConnection(channels, TimestampNs(0))
    side.try_send(0x20, b"hello")
    side.try_send(0x30, b"x" * 3_000)
    return (side.next_batch(), b"\x04\x0a\x00\x12\x00", b"\x02\x0a\x00")


# --- files ------------------------------------------------------------------------------


def _with_file(read: Callable[[Path], object], name: str) -> Callable[[bytes | str], object]:
    """Return a target that writes what it is given to ``name`` and reads it from there."""

    def run(data: bytes | str) -> object:
        folder = Path(tempfile.mkdtemp(prefix="isthmus-fuzz-", dir=_MEMORY))
        try:
            content = data.encode(errors="surrogatepass") if isinstance(data, str) else data
            (folder / name).write_bytes(content)
            return read(folder / name)
        finally:
            shutil.rmtree(folder)

    return run


def _open_log(path: Path) -> None:
    first = WriteAheadLog(path)
    first.close()
    again = WriteAheadLog(path)
    again.close()
    assert again.recovered.torn_bytes == 0
    assert again.recovered.entries == first.recovered.entries


def _log_seeds() -> Sequence[object]:
    mark = frame(b"\x00" + (7).to_bytes(8, "big"))
    return (mark + frame(b"\x01abc") + frame(b"\x01" + b"d" * 40), frame(b"\x01x") + mark, b"")


def _key_file(path: Path) -> object:
    write_empty_state(path.with_name("state.json"))
    return FilePrivateValidator(path, path.with_name("state.json")).address


def _state_file(path: Path) -> object:
    write_private_key(path.with_name("key.json"), ALICE)
    return FilePrivateValidator(path.with_name("key.json"), path).address


@cache
def _file_seeds(kind: str) -> Sequence[object]:
    folder = Path(tempfile.mkdtemp(prefix="isthmus-fuzz-", dir=_MEMORY))
    try:
        write_private_key(folder / "key", ALICE)
        write_empty_state(folder / "state")
        found = [(folder / kind).read_bytes()]
    finally:
        shutil.rmtree(folder)
    if kind == "state":
        signed = {"height": "5", "round": 1, "step": 2, "signature": "AA==", "signbytes": "0AFF"}
        found.append(json.dumps(signed).encode())
    return found


_RELAYER_TOML = """
mqtt_url = "mqtt://127.0.0.1:1883"
trusting_period_s = 3600
[[chains]]
id = "zone-a-1"
rpc = ["http://127.0.0.1:1"]
private_key = "0101010101010101010101010101010101010101010101010101010101010101"
address_prefix = "isthmus"
fee_denom = "utoka"
[[chains]]
id = "hub-1"
rpc = ["http://127.0.0.1:2", "http://127.0.0.1:3"]
private_key = "0101010101010101010101010101010101010101010101010101010101010101"
address_prefix = "isthmus"
fee_denom = "uisth"
[[paths]]
name = "a"
a = "zone-a-1"
b = "hub-1"
[[paths.channels]]
port_a = "transfer"
port_b = "transfer"
version = "ics20-1"
ordering = "unordered"
"""
_APP_TOML = 'app = "hub"\nminimum-gas-prices = "0.1uisth"\naddress-prefix = "isthmus"\n'


# --- an application's doors -------------------------------------------------------------


@cache
def _chain() -> LocalChain:
    chain = LocalChain(accounts={ALICE: "1000stake"})
    chain.block()
    return chain


@cache
def _hub() -> Application:
    application = hub_application(
        MemoryDatabase(), light_clients=(TendermintClient(),), applications=(FORWARDING, DATAGRAM)
    )
    validator = {
        "operator_address": _chain().address_text(ALICE),
        "pub_key": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
        "tokens": "10000000",
    }
    genesis = LocalGenesis(_chain().chain_id, {"staking": {"validators": [validator]}})
    application.init_chain(genesis)
    application.finalize_block(
        FinalizeBlockRequest(BlockHeight(1), GENESIS_TIME, Address(bytes(20)), ())
    )
    application.commit()
    return application


def _message(value: AnyValue) -> int:
    tx = _chain().sign(ALICE, AnyMessage(value.type_url, value.value), sequence=0)
    return _hub().check_tx(tx, recheck=False).code


def _message_seeds() -> Sequence[object]:
    return tuple(AnyValue(url, b"\x0a\x02ab") for url in _hub()._runner._router.type_urls())


def _hub_handler(value: AnyValue) -> None:
    handle(_hub()._runner._router, _hub()._checking(), value)


def _ibc_handler(value: AnyValue) -> None:
    chain, _ = ibc_world()
    handle(chain._messages, chain.context(), value)


def _ibc_seeds() -> Sequence[object]:
    chain, seeds = ibc_world()
    return (*seeds, *stored_messages(chain._messages))


def _check_tx(data: bytes) -> int:
    return _hub().check_tx(data, recheck=False).code


def _query(value: AnyValue) -> int:
    return _hub().query(value.type_url, value.value, height=BlockHeight(0), prove=False).code


def _query_seeds() -> Sequence[object]:
    balance = QueryBalanceRequest(address="isthmus1", denom="stake").SerializeToString()
    return (
        AnyValue("/cosmos.bank.v1beta1.Query/Balance", balance),
        *(AnyValue(path, b"") for path in _hub()._queries.paths()),
        AnyValue("store/ibc/key", b"clients/x"),
        AnyValue("app/simulate", b"\x0a\x00"),
    )


@cache
def _server() -> tuple[RpcServer, asyncio.AbstractEventLoop]:
    folder = Path(tempfile.mkdtemp(prefix="isthmus-fuzz-", dir=_MEMORY))
    loop = asyncio.new_event_loop()

    async def make() -> RpcServer:
        node = MemoryNode(folder)
        async with node.running():
            await node.reach(2)
        # It would wait for a block, and no more blocks are made.
        routes = {
            name: route
            for name, route in node.rpc.routes().items()
            if name != "broadcast_tx_commit"
        }
        return RpcServer(routes, node.executor.bus)

    try:
        return loop.run_until_complete(make()), loop
    finally:
        shutil.rmtree(folder)


def _request(value: object) -> None:
    server, loop = _server()
    answer, _ = loop.run_until_complete(server.dispatcher.answer_body(value))
    json.dumps(answer)


def _request_seeds() -> Sequence[object]:
    given: dict[str, object] = {
        "height": "1", "prove": False, "page": "1", "per_page": "5", "order_by": "asc",
        "query": "tx.height = 1 AND a.b = 'c'", "hash": "AA==", "tx": "YT1i", "data": "61",
        "path": "/key", "minHeight": "1", "maxHeight": "2", "limit": "3", "evidence": {},
    }  # fmt: skip
    server, _ = _server()
    return tuple(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": method,
            "params": {name: given[name] for name in names if name in given},
        }
        for method, (_, names) in server.dispatcher.routes.items()
    )


def _uri(value: object) -> None:
    """Serve a request by URI: all of its parameters are texts."""
    server, loop = _server()
    assert isinstance(value, dict)
    texts = {str(key): str(item) for key, item in value.items() if key != "method"}
    method = str(value.get("method"))
    answer = loop.run_until_complete(server.dispatcher.answer_uri(method, texts))
    json.dumps(answer)


def _uri_seeds() -> Sequence[object]:
    return (
        {"method": "block", "height": "1"},
        {"method": "tx_search", "query": '"tx.height=1"', "prove": "true", "page": "1"},
        {"method": "abci_query", "path": '"/key"', "data": "0x61", "height": "1"},
        {"method": "broadcast_tx_sync", "tx": '"a=b"'},
        {"method": "tx", "hash": "0x00"},
    )


# --- the list ---------------------------------------------------------------------------


def _segwit(text: str) -> object:
    return addresses.decode_segwit_address(text, "bc")


def _address(text: str) -> object:
    return addresses.decode_address(text, addresses.MAINNET_ADDRESSES)


def _wif(text: str) -> object:
    return addresses.decode_private_key(text, addresses.MAINNET_ADDRESSES)


@cache
def _tree() -> ImmutableTree:
    database = MemoryDatabase()
    tree = MutableTree(database, b"t/")
    for number in range(9):
        tree.set(b"key%d" % number, b"value%d" % number)
    changes: dict[bytes, bytes | None] = {}
    tree.prepare_version(changes)
    database.write(changes)
    tree.finish_version()
    return tree.at(1)


def _existence(proof: bytes) -> None:
    verify_membership(IAVL_SPEC, _tree().hash, proof, b"key5", b"value5")


def _absence(proof: bytes) -> None:
    verify_non_membership(IAVL_SPEC, _tree().hash, proof, b"key55")


def _rlp(data: bytes) -> None:
    """Read by the extension, write back, and read by the twin: all agree."""
    item = rlp.decode(data)
    assert rlp.encode(item) == data
    assert rlp.decode_python(data) == item


def _trie_nodes(data: bytes) -> tuple[bytes, ...]:
    """Return a list of nodes; none for what is no list of texts."""
    nodes = rlp.decode(data)
    texts = [node for node in nodes if isinstance(node, bytes)] if isinstance(nodes, tuple) else []
    return tuple(texts) if len(texts) == len(nodes) else ()


def _trie_proof(data: bytes) -> None:
    """Take a list of nodes as a proof under the first one's hash."""
    nodes = _trie_nodes(data)
    if nodes:
        verify_proof(keccak256(nodes[0]), b"\x01", nodes)


def _secure_trie_proof(data: bytes) -> None:
    """Take a list of nodes as a proof of a hashed key."""
    nodes = _trie_nodes(data)
    if nodes:
        verify_secure_proof(keccak256(nodes[0]), b"\x01", nodes)


def _trie_proofs() -> Sequence[object]:
    tries = [ordered_trie([bytes((size,)) * size for size in sizes]) for sizes in _TRIE_SIZES]
    return [rlp.encode(trie.prove(b"\x01")) for trie in tries]


def _secure_trie_proofs() -> Sequence[object]:
    seeds = []
    for sizes in _TRIE_SIZES:
        trie = SecureTrie(MemoryNodeStore())
        for size in sizes:
            trie.put(bytes((size,)), bytes((size,)) * size)
        trie.commit()
        seeds += [rlp.encode(trie.prove(b"\x01"))]
    return seeds


_TRIE_SIZES = (range(1, 5), range(30, 60))
_SEGWIT = ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",)
_FILES = (RuleBroken, OperationFailed, tomllib.TOMLDecodeError)

TARGETS = (
    HandTarget(
        "p2p.secret_connection.handshake", "bytes", _handshake, _handshake_seeds, (PeerError,)
    ),
    HandTarget(
        "p2p.secret_connection.frames", "bytes", _frames,
        lambda: (_pair()[1].seal(b"hello"), _pair()[1].seal(b"x" * 3_000)), (PeerError,),
    ),
    HandTarget("p2p.multiplex.packets", "bytes", _packets, _packet_seeds, (PeerError,)),
    HandTarget("wal.file", "bytes", _with_file(_open_log, "cs.wal"), _log_seeds, _FILES),
    HandTarget(
        "privval.key_file", "bytes", _with_file(_key_file, "key"), lambda: _file_seeds("key")
    ),
    HandTarget(
        "privval.state_file", "bytes", _with_file(_state_file, "state"),
        lambda: _file_seeds("state"),
    ),
    HandTarget(
        "relayer.toml", "text",
        _with_file(lambda path: read_relayer_settings(path.parent), "relayer.toml"),
        lambda: (_RELAYER_TOML,), (*_FILES, WrongSetting),
    ),
    HandTarget(
        "app.toml", "text", _with_file(read_app_config, "app.toml"), lambda: (_APP_TOML,), _FILES
    ),
    HandTarget("application.message", "any", _message, _message_seeds, ()),
    HandTarget(
        "application.handler", "any", _hub_handler,
        lambda: stored_messages(_hub()._runner._router),
    ),
    HandTarget("ibc.handler", "any", _ibc_handler, _ibc_seeds),
    HandTarget(
        "application.check_tx", "bytes", _check_tx, lambda: (_chain().sign(ALICE, sequence=0),), ()
    ),
    HandTarget("application.query", "any", _query, _query_seeds, ()),
    HandTarget("rpc.request", "json", _request, _request_seeds, ()),
    HandTarget("rpc.uri", "json_object", _uri, _uri_seeds, ()),
    HandTarget(
        "rlp", "bytes", _rlp,
        lambda: (b"\x01", rlp.encode(b"v" * 60), rlp.encode((b"a", ((b"b" * 60,), b"")))),
    ),
    HandTarget("patricia_trie.proof", "bytes", _trie_proof, _trie_proofs),
    HandTarget("patricia_trie.secure_proof", "bytes", _secure_trie_proof, _secure_trie_proofs),
    HandTarget("ics23.existence", "bytes", _existence, lambda: (_tree().prove(b"key5"),)),
    HandTarget("ics23.absence", "bytes", _absence, lambda: (_tree().prove(b"key55"),)),
    HandTarget(
        "isthmus.adapters.mqtt.decode_block_message", "bytes",
        lambda payload: decode_block_message("isthmus/chain/hub-1/block", payload),
        lambda: (b'{"height": 5, "txs": 1}',), (),
        covers="isthmus.adapters.mqtt.decode_block_message",
    ),
    HandTarget(
        "parachains.zone.user_codec.request_from_json", "json_object",
        lambda value: request_from_json(value, QueryBalanceRequest),
        lambda: ({"address": "a", "denom": "b"},),
        covers="parachains.zone.user_codec.request_from_json",
    ),
    HandTarget(
        "chainkit.formats.bitcoin.addresses.decode_segwit_address", "text", _segwit,
        lambda: _SEGWIT, covers="chainkit.formats.bitcoin.addresses.decode_segwit_address",
    ),
    HandTarget(
        "chainkit.formats.bitcoin.addresses.decode_address", "text", _address,
        lambda: (*_SEGWIT, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        covers="chainkit.formats.bitcoin.addresses.decode_address",
    ),
    HandTarget(
        "chainkit.formats.bitcoin.addresses.decode_private_key", "text", _wif,
        lambda: (addresses.encode_private_key(ALICE, addresses.MAINNET_ADDRESSES),),
        covers="chainkit.formats.bitcoin.addresses.decode_private_key",
    ),
)  # fmt: skip
