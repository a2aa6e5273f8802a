"""web3.py and ethers, in their own processes, on an account chain of four real nodes.

py-trie and ethereumjs' trie check its proofs.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from chainkit.formats.ethereum.addresses import format_address
from chainkit.formats.ethereum.signatures import address_of
from parachains.account.addresses import FACTORY_ADDRESS
from parachains.account.kind import CHAIN_KIND, evm_chain_id
from parachains.sdk.kinds import ChainPlan
from tests.clients.cosmos_network import npm_packages, run_node
from tests.e2e.network import free_ports

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]
REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("web3==8.0.0", "trie==4.0.0")
TARGET = REPOSITORY / ".venv" / "foreign" / PACKAGES[0]
SCRIPT = Path(__file__).with_name("web3_session.py")
KEY = (9).to_bytes(32, "big")
ETHERS = Path(__file__).with_name("ethers_session.mjs")
ETHERS_PACKAGES = ("ethers@6.17.0", "@ethereumjs/mpt@10.1.3", "@ethereumjs/rlp@10.1.3")
READY_S = 90


@pytest.fixture(scope="module")
def packages():
    """Where web3.py is; it is installed beside our own environment."""
    if not TARGET.is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(TARGET)]
        installed = subprocess.run([*command, *PACKAGES], capture_output=True, check=False)
        if installed.returncode != 0:
            if os.environ.get("INTEROP") == "1":
                pytest.fail(installed.stderr.decode())
            pytest.skip("web3.py can't be installed here (no package registry)")
    return TARGET


def height(port):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return int(json.load(response)["result"], 16)
    except OSError:
        return -1


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Four validators on loopback; the port of the first one's RPC."""
    plan = ChainPlan(
        name="account",
        chain_id="account-w3",
        denom="wei",
        address_prefix="acct",
        timeout_propose_ms=1_000,
        timeout_commit_ms=1_000,
        keep_states=0,
        genesis_time=(int(time.time()) - 5) * 10**9,
        seeds=tuple(number.to_bytes(32, "big") for number in range(1, 5)),
        operators=(),
        funded=((address_of(KEY), 10**20),),
        light_clients=(),
        applications=(),
        genesis={},
    )
    nodes = CHAIN_KIND.write_chain(tmp_path_factory.mktemp("account"), plan, iter(free_ports(8)))
    processes = []
    try:
        for node in nodes:
            with (node.home / "log").open("wb") as log:
                command = [sys.executable, "-m", *CHAIN_KIND.node_command(node.home)]
                processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY))
        deadline = time.monotonic() + READY_S
        while min(height(node.rpc_port) for node in nodes) < 1:
            assert time.monotonic() < deadline, "the chain makes no blocks"
            time.sleep(0.3)
        yield nodes[0].rpc_port
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def test_web3_reads_pays_calls_proves_and_listens(packages, chain) -> None:
    """Blocks, a payment, an ERC-20 transfer with its log, refusals as it knows them, proofs, heads."""
    done = subprocess.run(
        [
            sys.executable,
            str(SCRIPT),
            str(chain),
            "0x" + KEY.hex(),
            format_address(FACTORY_ADDRESS),
        ],
        capture_output=True,
        check=False,
        timeout=150,
        env=os.environ | {"PYTHONPATH": str(packages)},
        cwd=packages,
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    found = json.loads(done.stdout)
    number = evm_chain_id("account-w3")

    assert found["chain_id"] == number
    assert found["version"] == str(number)
    assert found["peers"] == 3
    assert found["payment"] == [1, 21_000, 123]
    assert found["replay"]["code"] == -32000
    assert found["replay"]["message"].startswith("nonce too low")
    assert found["created"] == 1
    assert found["transfer"] == [1, True, 77]
    assert found["token"] == [77, "Stone"]
    assert found["logs"] == 2
    assert found["revert"] == "execution reverted: ERC20: transfer amount exceeds balance"
    assert found["extra_data"] is True
    assert found["proven_supply"] == 1_000
    assert found["heads"] == [0, 1, 2]


def test_ethers_reads_pays_calls_proves_and_listens(chain) -> None:
    """The same with ethers; ethereumjs proves what is there, what is not, and refuses a lie."""
    packages = npm_packages("ethers-6.17.0", *ETHERS_PACKAGES)
    settings = {
        "port": chain,
        "key": "0x" + KEY.hex(),
        "factory": format_address(FACTORY_ADDRESS),
        "receiver": "0x" + "00" * 19 + "bb",
    }
    found = run_node(ETHERS, packages, settings)
    validators = sorted("0x" + address_of(n.to_bytes(32, "big")).hex() for n in range(1, 5))

    assert found["chain_id"] == evm_chain_id("account-w3")
    assert found["extra_data"][:3] == [32, 4, 0]
    assert 3 <= found["extra_data"][4] <= 4
    assert found["made_by_a_validator"] is True
    assert found["parent"] is True
    assert found["validators"] == validators
    assert found["payment"] == [1, 21_000, 456]
    assert found["sender"] is True
    assert found["created"] == 1
    assert found["transfer"] == [1, True, 88]
    assert found["token"] == [88, "Slate"]
    assert found["logs"] == 2
    assert found["revert"] == "ERC20: transfer amount exceeds balance"
    assert found["replay"] == "NONCE_EXPIRED"
    assert found["account"] == [1, True, True]
    assert found["proven_supply"] == 1_000
    assert found["proven_absent"] is True
    assert found["spoilt"] == "refused"
    assert found["heads"] == [0, 1, 2]
