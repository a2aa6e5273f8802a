"""Networks of real processes for tests; everything is asked through RPC."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message

from chainkit.primitives.bech32 import encode_bech32
from chainkit.primitives.types import (
    BlockHeight,
    ChainId,
    DurationNs,
    TimestampNs,
    VotingPower,
)
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx
from chainkit.sigverify.ed25519 import public_key_from_seed
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.auth.v1beta1 import auth_pb2
from chainkit.wire.proto.cosmos.auth.v1beta1 import query_pb2 as auth_query
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from isthmus.accounts import Account, derive_account
from isthmus.config import AccountSpec, BrokerSpec, ChainSpec, NetSpec
from isthmus.homes import FIRST_OPERATOR_INDEX, create_network, derive_accounts, free_ports
from relay_chain.consensus.messages import Timeouts
from relay_chain.node.config import (
    Endpoint,
    NodeConfig,
    P2pConfig,
    PeerAddress,
    RpcConfig,
    StateSyncConfig,
    read_config,
    write_config,
)
from relay_chain.node.files import write_durably
from relay_chain.node.genesis import Genesis, GenesisValidator, write_genesis
from relay_chain.node.node import NodePaths
from relay_chain.node.p2p.node_key import load_or_create_node_key
from relay_chain.node.privval import write_empty_state, write_private_key

M = TypeVar("M", bound=Message)
MS = 1_000_000
FAST = Timeouts(
    propose_ns=DurationNs(1500 * MS),
    prevote_ns=DurationNs(500 * MS),
    precommit_ns=DurationNs(500 * MS),
    commit_ns=DurationNs(100 * MS),
)


class RpcRefused(Exception):
    """The node answered with an error; the text is the error's ``data``."""


class Process:
    """One node as a process."""

    def __init__(self, home: Path, rpc_port: int) -> None:
        self.home = home
        self.rpc_port = rpc_port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        """Start the node; what it prints goes to ``log`` in its home."""
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("isthmusd"), "start", "--home", self.home],
                stdout=log,
                stderr=log,
                env=os.environ | environment,
            )

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> None:
        """Ask it to end, and see that it did."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=10)

    def rpc(self, method: str, **params: object) -> Any:
        """The result of a call.

        Raises:
            RpcRefused: The node answered with an error.
            OSError: It does not answer.
        """
        body = {"jsonrpc": "2.0", "id": "1", "method": method, "params": params}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rpc_port}/",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            answer = json.loads(response.read())
        if "error" in answer:
            raise RpcRefused(answer["error"].get("data", answer["error"]["message"]))
        return answer["result"]

    def height(self) -> int:
        """The last height; -1 while the process does not answer."""
        try:
            return int(self.rpc("status")["sync_info"]["latest_block_height"])
        except OSError:
            return -1

    def block(self, height: int) -> Any:
        """A block's JSON."""
        return self.rpc("block", height=str(height))["block"]

    def validators(self, height: int) -> dict[str, int]:
        """The voting power of a height's validators, by upper-case hex address."""
        found = self.rpc("validators", height=str(height))["validators"]
        return {each["address"]: int(each["voting_power"]) for each in found}

    def ask(self, path: str, request: Message, answer: type[M], height: int = 0) -> M:
        """A query of the application, by its gRPC name.

        Raises:
            RpcRefused: The application refused; the text is its log.
        """
        data = request.SerializeToString().hex()
        found = self.rpc("abci_query", path=path, data=data, height=str(height))["response"]
        if found.get("code", 0):
            raise RpcRefused(found["log"])
        return answer.FromString(base64.b64decode(found["value"] or ""))

    def signers(self, height: int) -> set[str]:
        """Upper-case hex addresses of those who signed a height's block, as far as known."""
        commit = self.rpc("commit", height=str(height))["signed_header"]["commit"]
        return {s["validator_address"] for s in commit["signatures"] if s["block_id_flag"] == 2}

    def address(self) -> str:
        """The upper-case hex address that its key votes as."""
        return str(json.loads(self.paths.validator_key.read_bytes())["address"])

    def log_text(self) -> str:
        """All that the node printed."""
        return (self.home / "log").read_text()

    @property
    def paths(self) -> NodePaths:
        """The files of its home."""
        return NodePaths(self.home)


class Wallet:
    """An account of a chain: signs, broadcasts, and waits for the block."""

    def __init__(self, node: Process, account: Account, *, prefix: str, denom: str) -> None:
        self.node = node
        self.key = account.private_key
        self.prefix = prefix
        self.denom = denom
        self.address = account.bech32(prefix)
        self.operator = encode_bech32(f"{prefix}valoper", account.address)

    def coin(self, amount: int) -> coin_pb2.Coin:
        """An amount of the chain's own token."""
        return coin_pb2.Coin(denom=self.denom, amount=str(amount))

    def balance(self, height: int = 0) -> int:
        """What the account has of the chain's own token."""
        request = bank_query.QueryBalanceRequest(address=self.address, denom=self.denom)
        path = "/cosmos.bank.v1beta1.Query/Balance"
        answer = self.node.ask(path, request, bank_query.QueryBalanceResponse, height)
        return int(answer.balance.amount)

    def place(self) -> tuple[int, int]:
        """The account's number and its next sequence."""
        answer = self.node.ask(
            "/cosmos.auth.v1beta1.Query/Account",
            auth_query.QueryAccountRequest(address=self.address),
            auth_query.QueryAccountResponse,
        )
        account = auth_pb2.BaseAccount.FromString(answer.account.value)
        return account.account_number, account.sequence

    def sign(
        self, *messages: Message, number: int, sequence: int, chain_id: ChainId, gas: int = 400_000
    ) -> bytes:
        """A signed transaction."""
        return build_tx(
            [AnyMessage(type_url(message), encode(message)) for message in messages],
            self.key,
            chain_id=chain_id,
            account_number=number,
            sequence=sequence,
            fee=(),
            gas_limit=gas,
        )

    def send(self, *messages: Message, gas: int = 400_000) -> Any:
        """Send a transaction and return what its block made of it, as ``tx`` shows it."""
        number, sequence = self.place()
        chain_id = ChainId(self.node.rpc("status")["node_info"]["network"])
        tx = self.sign(*messages, number=number, sequence=sequence, chain_id=chain_id, gas=gas)
        given = self.node.rpc("broadcast_tx_sync", tx=base64.b64encode(tx).decode())
        assert given["code"] == 0, given["log"]

        def is_committed() -> bool:
            with suppress(RpcRefused):
                return bool(found.append(self.node.rpc("tx", hash=digest)) or True)
            return False

        found: list[Any] = []
        digest = base64.b64encode(bytes.fromhex(given["hash"])).decode()
        wait_until(is_committed, seconds=60, what=f"transaction {given['hash']} in a block")
        return found[0]


def make_network(
    root: Path,
    validators: int,
    *,
    followers: int = 0,
    powers: Sequence[int] = (),
    timeouts: Timeouts = FAST,
    app: str = "kvstore",
) -> list[Process]:
    """Write homes of validators, then of followers, that all dial each other."""
    count = validators + followers
    ports = free_ports(2 * count)
    seeds = [bytes([index + 1]) * 32 for index in range(validators)]
    keys = [
        GenesisValidator(public_key_from_seed(seed), VotingPower(power))
        for seed, power in zip(seeds, powers or (10,) * validators, strict=True)
    ]
    genesis = Genesis(ChainId("e2e-1"), TimestampNs(time.time_ns()), validators=tuple(keys))
    homes = [NodePaths(root / f"node{index}") for index in range(count)]
    ids = []
    for paths in homes:
        paths.config.parent.mkdir(parents=True)
        paths.data.mkdir()
        ids.append(load_or_create_node_key(paths.node_key).id)
    processes = []
    for index, paths in enumerate(homes):
        if index < validators:
            write_private_key(paths.validator_key, seeds[index])
            write_empty_state(paths.validator_state)
        peers = tuple(
            PeerAddress(ids[other], "127.0.0.1", ports[other])
            for other in range(count)
            if other != index
        )
        config = NodeConfig(
            moniker=f"node{index}",
            rpc=RpcConfig(Endpoint("127.0.0.1", ports[count + index])),
            p2p=P2pConfig(laddr=Endpoint("127.0.0.1", ports[index]), persistent_peers=peers),
            timeouts=timeouts,
        )
        write_config(paths.config, config)
        write_genesis(paths.genesis, genesis)
        write_durably(paths.app, f'app = "{app}"\n'.encode())
        processes.append(Process(paths.home, ports[count + index]))
    return processes


@dataclass(frozen=True)
class Chain:
    """A chain of real processes with the application of a kind, and its funded accounts."""

    nodes: list[Process]
    spec: ChainSpec
    accounts: tuple[Account, ...]

    def wallet(self, index: int, node: int = 0) -> Wallet:
        """The funded account of that number, over a node."""
        return self._wallet(self.accounts[index], node)

    def operator(self, index: int, node: int = 0) -> Wallet:
        """The account that a genesis validator belongs to."""
        name = f"{self.spec.name}-{index}"
        return self._wallet(derive_account(name, FIRST_OPERATOR_INDEX + index), node)

    def _wallet(self, account: Account, node: int) -> Wallet:
        spec = self.spec
        return Wallet(self.nodes[node], account, prefix=spec.bech32_prefix, denom=spec.denom)


NO_BROKER = BrokerSpec(kind="none")


def make_chain(root: Path, spec: ChainSpec, broker: BrokerSpec = NO_BROKER) -> Chain:
    """Write the homes of a chain of a kind, with two funded accounts; nothing is started."""
    accounts = (AccountSpec(name="alice"), AccountSpec(name="bob"))
    net = NetSpec(chains=(spec,), paths=(), accounts=accounts, broker=broker)
    place = create_network(root, net)
    nodes = [
        Process(root / node.home, node.rpc_port) for chain in place.chains for node in chain.nodes
    ]
    return Chain(nodes, spec, derive_accounts(net))


def clone(original: Process, home: Path, dialled: Sequence[Process]) -> Process:
    """A second home with the validator key of ``original``, that dials ``dialled``.

    Its signing state is empty and its node key its own, as when an operator restores a
    backup while the first machine still runs.
    """
    paths = NodePaths(home)
    paths.config.parent.mkdir(parents=True)
    paths.data.mkdir()
    for name in ("genesis", "validator_key"):
        write_durably(getattr(paths, name), getattr(original.paths, name).read_bytes(), mode=0o600)
    # On one machine the two cannot both serve the original's gRPC and REST addresses.
    app = original.paths.app.read_text().replace("enable = true", "enable = false")
    write_durably(paths.app, app.encode(), mode=0o600)
    write_empty_state(paths.validator_state)
    p2p_port, rpc_port = free_ports(2)
    config = read_config(original.paths.config)
    peers = tuple(
        PeerAddress(
            load_or_create_node_key(node.paths.node_key).id,
            "127.0.0.1",
            read_config(node.paths.config).p2p.laddr.port,
        )
        for node in dialled
    )
    config = replace(
        config,
        moniker="clone",
        rpc=replace(config.rpc, laddr=Endpoint("127.0.0.1", rpc_port)),
        p2p=replace(config.p2p, laddr=Endpoint("127.0.0.1", p2p_port), persistent_peers=peers),
    )
    write_config(paths.config, config)
    return Process(home, rpc_port)


@contextmanager
def running(nodes: Sequence[Process]) -> Iterator[None]:
    """Start the nodes, and stop them in the end; a failure shows the ends of their logs."""
    try:
        for node in nodes:
            node.start()
        yield
    except BaseException:
        for node in nodes:
            print(f"--- {node.home.name}\n{node.log_text()[-3000:]}")
        raise
    finally:
        for node in nodes:
            node.stop()


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll a condition until it holds; fail with ``what`` at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


def wait_for_vote(voter: Process, witness: Process, after: int, *, seconds: float = 60) -> int:
    """Wait until a block above ``after`` carries the vote of ``voter``; return its height."""
    address = voter.address()
    seen = after + 1

    def is_there() -> bool:
        nonlocal seen
        # The commit of the last height is one node's own; the one below is in a block.
        while seen < witness.height():
            if address in witness.signers(seen):
                return True
            seen += 1
        return False

    wait_until(is_there, seconds=seconds, what=f"a vote of {address} in a block above {after}")
    return seen


def take_snapshots(node: Process, interval: int) -> None:
    """Have a node take a snapshot of its state at each multiple of a height."""
    settings = f"\n[state-sync]\nsnapshot-interval = {interval}\nsnapshot-keep-recent = 2\n"
    write_durably(node.paths.app, (node.paths.app.read_text() + settings).encode())


def state_syncing(original: Process, home: Path, peers: Sequence[PeerAddress]) -> Process:
    """A new node of a running chain that takes over a snapshot of ``peers``.

    It trusts the second block as ``original`` tells it, and asks it for headers.
    """
    paths = NodePaths(home)
    paths.config.parent.mkdir(parents=True)
    paths.data.mkdir()
    write_durably(paths.genesis, original.paths.genesis.read_bytes())
    app = original.paths.app.read_text().replace("enable = true", "enable = false")
    write_durably(paths.app, app.encode())
    p2p_port, rpc_port = free_ports(2)
    server = f"http://127.0.0.1:{original.rpc_port}"
    trusted = original.rpc("block", height="2")["block_id"]["hash"]
    config = NodeConfig(
        moniker=home.name,
        rpc=RpcConfig(Endpoint("127.0.0.1", rpc_port)),
        p2p=P2pConfig(Endpoint("127.0.0.1", p2p_port), persistent_peers=tuple(peers)),
        timeouts=FAST,
        statesync=StateSyncConfig(
            enable=True,
            rpc_servers=(server, server),
            trust_height=BlockHeight(2),
            trust_hash=bytes.fromhex(trusted),
        ),
    )
    write_config(paths.config, config)
    return Process(home, rpc_port)
