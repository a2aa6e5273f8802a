"""CometBFT nodes as processes, beside ours on one chain."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

from relay_chain.node.config import PeerAddress, format_duration, read_config, write_config
from relay_chain.node.node import NodePaths
from tests.e2e.network import FAST, Process

CONFIG = """\
moniker = "{moniker}"
proxy_app = "{proxy_app}"
abci = "socket"
priv_validator_laddr = "{signer}"
log_level = "{log_level}"

[rpc]
laddr = "tcp://127.0.0.1:{rpc_port}"

[p2p]
laddr = "tcp://127.0.0.1:{p2p_port}"
persistent_peers = "{peers}"
addr_book_strict = false
allow_duplicate_ip = true
pex = {pex}

[consensus]
timeout_propose = "{timeouts[propose]}"
timeout_prevote = "{timeouts[prevote]}"
timeout_precommit = "{timeouts[precommit]}"
timeout_commit = "{timeouts[commit]}"
"""


@dataclass(frozen=True)
class GoSettings:
    """What differs between CometBFT homes."""

    proxy_app: str
    signer: str = ""
    pex: bool = True
    log_level: str = "info"
    timeouts: dict[str, str] = field(
        default_factory=lambda: {
            name: format_duration(getattr(FAST, f"{name}_ns"))
            for name in ("propose", "prevote", "precommit", "commit")
        }
    )


class GoNode(Process):
    """A CometBFT node in a home that was written for one of ours."""

    def __init__(self, program: Path, home: Path, rpc_port: int) -> None:
        super().__init__(home, rpc_port)
        self.program = program

    def start(self, **environment: str) -> None:
        """Start the node; what it prints goes to ``log`` in its home."""
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "start", "--home", self.home],
                stdout=log,
                stderr=log,
                env=os.environ | environment,
            )


def become_go(program: Path, node: Process, settings: GoSettings) -> GoNode:
    """Turn a home of ours into CometBFT's: the files are the same but for the settings."""
    paths = node.paths
    config = read_config(paths.config)
    paths.config.write_text(
        CONFIG.format(
            moniker=config.moniker,
            proxy_app=settings.proxy_app,
            signer=settings.signer,
            log_level=settings.log_level,
            rpc_port=node.rpc_port,
            p2p_port=config.p2p.laddr.port,
            peers=",".join(str(peer) for peer in config.p2p.persistent_peers),
            pex=str(settings.pex).lower(),
            timeouts=settings.timeouts,
        )
    )
    return GoNode(program, node.home, node.rpc_port)


def only_peers(node: Process, peers: tuple[PeerAddress, ...]) -> None:
    """Have a node of ours dial these peers and no others."""
    config = read_config(node.paths.config)
    write_config(
        node.paths.config, replace(config, p2p=replace(config.p2p, persistent_peers=peers))
    )


def wipe(node: Process) -> None:
    """Forget the chain, not the key nor what it signed."""
    paths = NodePaths(node.home)
    state = paths.validator_state.read_bytes()
    shutil.rmtree(paths.data)
    paths.data.mkdir()
    paths.validator_state.write_bytes(state)
