"""CometBFT nodes as processes, beside ours on one chain."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from relay_chain.node.config import (
    Endpoint,
    P2pConfig,
    PeerAddress,
    RpcConfig,
    format_duration,
    read_config,
    write_config,
)
from relay_chain.node.files import write_durably
from relay_chain.node.node import NodePaths
from relay_chain.node.p2p.node_key import load_or_create_node_key
from tests.e2e.network import FAST, Process, free_ports, wait_until

ISTHMUSD = Path(sys.executable).with_name("isthmusd")
CONFIG = """\
moniker = "{moniker}"
proxy_app = "{proxy_app}"
abci = "socket"
priv_validator_laddr = "{signer}"
log_level = "info"

[rpc]
laddr = "tcp://127.0.0.1:{rpc_port}"

[p2p]
laddr = "tcp://127.0.0.1:{p2p_port}"
persistent_peers = "{peers}"
addr_book_strict = false
allow_duplicate_ip = true

[statesync]
enable = {statesync}
rpc_servers = "{servers}"
trust_height = {trust_height}
trust_hash = "{trust_hash}"
trust_period = "168h0m0s"
discovery_time = "5s"

[consensus]
timeout_propose = "{timeouts[propose]}"
timeout_prevote = "{timeouts[prevote]}"
timeout_precommit = "{timeouts[precommit]}"
timeout_commit = "{timeouts[commit]}"
"""


@dataclass(frozen=True)
class GoSettings:
    """What differs between CometBFT homes."""

    proxy_app: str = ""
    """One of CometBFT's own applications; empty for ours, served by a process beside it."""
    signer: str = ""
    timeouts: dict[str, str] = field(
        default_factory=lambda: {
            name: format_duration(getattr(FAST, f"{name}_ns"))
            for name in ("propose", "prevote", "precommit", "commit")
        }
    )


class GoNode(Process):
    """A CometBFT node in a home that was written for one of ours, with our application."""

    def __init__(self, program: Path, home: Path, rpc_port: int, app: str) -> None:
        super().__init__(home, rpc_port)
        self.program = program
        self.app = app
        """Where the application of the home is served; empty if CometBFT has its own."""
        self.app_process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        """Start the application and the node; each prints to a log of its own in the home."""
        if self.app:
            log = self.home / "abci.log"
            command = [ISTHMUSD, "abci", "--home", self.home, "--address", self.app]
            with log.open("wb") as file:
                self.app_process = subprocess.Popen(command, stdout=file, stderr=file)
            wait_until(
                lambda: "abci.listening" in log.read_text(), seconds=60, what="the application"
            )
        with (self.home / "log").open("ab") as file:
            self.process = subprocess.Popen(
                [self.program, "start", "--home", self.home],
                stdout=file,
                stderr=file,
                env=os.environ | environment,
            )

    def kill(self) -> None:
        """Kill the node and its application with SIGKILL."""
        super().kill()
        if self.app_process is not None:
            self.app_process.send_signal(signal.SIGKILL)
            self.app_process.wait(timeout=30)

    def stop(self) -> None:
        """Ask both to end, and see that they did."""
        super().stop()
        if self.app_process is not None and self.app_process.poll() is None:
            self.app_process.terminate()
            try:
                self.app_process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.app_process.kill()
                self.app_process.wait(timeout=10)


def become_go(program: Path, node: Process, settings: GoSettings = GoSettings()) -> GoNode:
    """Turn a home of ours into CometBFT's: the files are the same but for the settings."""
    paths = node.paths
    config = read_config(paths.config)
    app = "" if settings.proxy_app else f"tcp://127.0.0.1:{free_ports(1)[0]}"
    paths.config.write_text(
        CONFIG.format(
            moniker=config.moniker,
            proxy_app=settings.proxy_app or app,
            signer=settings.signer,
            rpc_port=node.rpc_port,
            p2p_port=config.p2p.laddr.port,
            statesync=str(config.statesync.enable).lower(),
            servers=",".join(config.statesync.rpc_servers),
            trust_height=config.statesync.trust_height,
            trust_hash=config.statesync.trust_hash.hex(),
            peers=",".join(str(peer) for peer in config.p2p.persistent_peers),
            timeouts=settings.timeouts,
        )
    )
    return GoNode(program, node.home, node.rpc_port, app)


def peer_address(node: Process) -> PeerAddress:
    """Where a node of ours that is not Go yet is dialled."""
    port = read_config(node.paths.config).p2p.laddr.port
    return PeerAddress(load_or_create_node_key(node.paths.node_key).id, "127.0.0.1", port)


def with_peers(node: Process, peers: Sequence[PeerAddress]) -> None:
    """Have a node of ours dial these peers, take addresses on loopback, and hurry."""
    config = read_config(node.paths.config)
    p2p = replace(config.p2p, persistent_peers=tuple(peers), addr_book_strict=False)
    write_config(node.paths.config, replace(config, p2p=p2p, timeouts=FAST))


def follower(original: Process, home: Path, peers: Sequence[PeerAddress]) -> Process:
    """A node of the chain of ``original`` without a vote, that dials ``peers``."""
    paths = NodePaths(home)
    paths.config.parent.mkdir(parents=True)
    paths.data.mkdir()
    write_durably(paths.genesis, original.paths.genesis.read_bytes())
    app = original.paths.app.read_text().replace("enable = true", "enable = false")
    write_durably(paths.app, app.encode())
    p2p_port, rpc_port = free_ports(2)
    config = replace(
        read_config(original.paths.config),
        moniker=home.name,
        rpc=RpcConfig(Endpoint("127.0.0.1", rpc_port)),
        p2p=P2pConfig(Endpoint("127.0.0.1", p2p_port)),
    )
    write_config(paths.config, config)
    node = Process(home, rpc_port)
    with_peers(node, peers)
    return node
