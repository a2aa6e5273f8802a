"""A hub from nothing by ``isthmusd`` alone, in the order in which Hermes's own tests call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.network import Process, free_ports, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]
PROGRAM = str(Path(sys.executable).with_name("isthmusd"))
CHAIN = "ibc-alpha-f5a2a988"


def isthmusd(*arguments: object) -> str:
    command = [PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_hermes_bootstrap_of_one_node(tmp_path) -> None:
    """
    Init, keys, accounts, gentx, start with other addresses; then balances, a payment, a
    transfer that is refused, its search and a module's account, all as JSON.
    """
    home, keys = tmp_path / "node", ("--keyring-backend", "test")
    rpc, grpc, p2p = free_ports(3)
    node = ("--node", f"tcp://localhost:{rpc}")
    isthmusd("--home", home, "--chain-id", CHAIN, "init", CHAIN)
    wallets = {
        name: json.loads(isthmusd("--home", home, "keys", "add", name, *keys, "--output", "json"))[
            "address"
        ]
        for name in ("validator", "relayer", "user1")
    }
    held = 1_500_000_000_000_000_000
    accounts = ("--home", home, "genesis", "add-genesis-account")
    isthmusd(*accounts, wallets["validator"], f"{held + 10**12}stake")
    staked = ("genesis", "gentx", "validator", *keys, "--chain-id", CHAIN, f"{held}stake")
    isthmusd("--home", home, *staked, "--fees", "1stake")
    for name in ("relayer", "user1"):
        isthmusd(*accounts, wallets[name], f"{held}stake,{held}samoleans")
    isthmusd("--home", home, "genesis", "collect-gentxs")
    config = home / "config" / "config.toml"
    config.write_text(config.read_text().replace(":26656", f":{p2p}"))
    with (home / "log").open("wb") as log:
        places = ("--grpc.address", f"localhost:{grpc}", "--rpc.laddr", f"tcp://localhost:{rpc}")
        command = [PROGRAM, "--home", str(home), "start", "--pruning", "nothing", *places]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        running = Process(home, rpc)
        wait_until(lambda: running.height() >= 2, seconds=60, what="two blocks")
        balances = ("query", "bank", "balances")
        one = isthmusd(*node, *balances, wallets["user1"], "--denom", "samoleans")
        everything = json.loads(isthmusd(*node, *balances, wallets["relayer"], "-o", "json"))
        signing = ("--chain-id", CHAIN, "--home", home, *keys, "--fees", "5stake", "--yes")
        coins = (wallets["user1"], wallets["relayer"], "1000samoleans")
        sent = json.loads(isthmusd(*node, "tx", "bank", "send", *coins, *signing))
        found = ("--home", home, *node, "query", "tx", sent["txhash"], "--output", "json")
        wait_until(
            lambda: (
                subprocess.run(
                    [PROGRAM, *map(str, found)], capture_output=True, check=False
                ).returncode
                == 0
            ),
            seconds=60,
            what="the payment in a block",
        )
        committed = json.loads(isthmusd(*found))
        priced = (*signing[:-3], "--gas-prices", "0.25stake", "--yes", "--generate-only")
        adjusted = ("--gas", "auto", "--gas-adjustment", "1.5")
        estimated = json.loads(isthmusd(*node, "tx", "bank", "send", *coins, *priced, *adjusted))
        events = f"transfer.recipient={wallets['relayer']}"
        listed = json.loads(isthmusd(*node, "query", "txs", "--events", events))
        transfer = ("tx", "ibc-transfer", "transfer", "transfer", "channel-0", "cosmos1x", "5stake")
        unsent = json.loads(
            isthmusd(*node, *transfer, "--from", "user1", "--generate-only", *signing)
        )
        collector = ("query", "auth", "module-account", "fee_collector", "--output", "json")
        module = json.loads(isthmusd("--home", home, *node, *collector))
    finally:
        process.terminate()
        process.wait(30)

    assert json.loads(one) == {"denom": "samoleans", "amount": str(held)}
    assert {each["denom"] for each in everything["balances"]} == {"samoleans", "stake"}
    assert (sent["code"], committed["code"]) == (0, 0)
    assert [each["txhash"] for each in listed["txs"]] == [sent["txhash"]]
    assert unsent["body"]["messages"][0]["@type"] == "/ibc.applications.transfer.v1.MsgTransfer"
    assert unsent["signatures"] == []
    fee = estimated["auth_info"]["fee"]
    gas, used = int(fee["gas_limit"]), int(committed["gas_used"])
    assert used < gas < 2 * used
    assert fee["amount"] == [{"denom": "stake", "amount": str(-(-gas // 4))}]
    assert module["account"]["base_account"]["address"].startswith("isthmus1")
