"""Networks of real processes for tests; everything is asked through RPC."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from chainkit.primitives.types import ChainId, DurationNs, TimestampNs, VotingPower
from chainkit.sigverify.ed25519 import public_key_from_seed
from relay_chain.consensus.messages import Timeouts
from relay_chain.node.config import (
    Endpoint,
    NodeConfig,
    P2pConfig,
    PeerAddress,
    RpcConfig,
    write_config,
)
from relay_chain.node.files import write_durably
from relay_chain.node.genesis import Genesis, GenesisValidator, write_genesis
from relay_chain.node.node import NodePaths
from relay_chain.node.p2p.node_key import load_or_create_node_key
from relay_chain.node.privval import write_empty_state, write_private_key

MS = 1_000_000
FAST = Timeouts(
    propose_ns=DurationNs(1500 * MS),
    prevote_ns=DurationNs(500 * MS),
    precommit_ns=DurationNs(500 * MS),
    commit_ns=DurationNs(100 * MS),
)


class Process:
    """One node as a process."""

    def __init__(self, home: Path, rpc_port: int) -> None:
        self.home = home
        self.rpc_port = rpc_port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("isthmusd"), "start", "--home", self.home],
                stdout=log,
                stderr=log,
                env=os.environ | environment,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=10)

    def rpc(self, method: str, **params: object) -> Any:
        body = {"jsonrpc": "2.0", "id": "1", "method": method, "params": params}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rpc_port}/",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())["result"]

    def height(self) -> int:
        """The last height; -1 while the process does not answer."""
        try:
            return int(self.rpc("status")["sync_info"]["latest_block_height"])
        except OSError:
            return -1

    def log(self) -> str:
        return (self.home / "log").read_text()[-6000:]


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


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


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll a condition until it holds; fail with ``what`` at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)
