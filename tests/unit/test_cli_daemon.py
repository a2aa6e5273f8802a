"""``isthmusd`` as tools of the Cosmos SDK call it: options in either place, files, JSON, refusals."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from chainkit.commitments.database import MemoryDatabase
from chainkit.modules.staking_params import decode_params
from chainkit.primitives.errors import RuleBroken
from isthmus.cli.daemon.options import node_url
from isthmus.cli.node import main
from isthmus.compose import node_parts, read_app_config
from isthmus.discovery import find_node_application
from isthmus.genesis_txs import verified_genesis_tx
from relay_chain.app.governance import VOTING_PERIOD_KEY
from relay_chain.app.staking import PARAMS_KEY
from relay_chain.node.config import read_config
from relay_chain.node.genesis import read_genesis

CHAIN = "ibc-alpha-1"
STAKE = 3_000_000


@pytest.fixture(autouse=True)
def _other_tests_keep_their_logs(monkeypatch) -> None:
    monkeypatch.setattr("isthmus.cli.node.configure_logs", lambda **_: None)


class Daemon:
    """The program on one home."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *arguments: str):
        return CliRunner().invoke(main, ["--home", str(self.home), *arguments])

    def ok(self, *arguments: str) -> str:
        found = self.run(*arguments)
        assert found.exit_code == 0, found.output
        return found.stdout

    def refused(self, *arguments: str) -> str:
        found = self.run(*arguments)
        assert found.exit_code != 0
        assert isinstance(found.exception, SystemExit), found.exception
        return found.stderr

    def add_key(self, name: str) -> dict[str, str]:
        text = self.ok("keys", "add", name, "--keyring-backend", "test", "--output", "json")
        return json.loads(text)

    @property
    def genesis(self):
        return read_genesis(self.home / "config" / "genesis.json")

    @property
    def gentx(self) -> Path:
        (found,) = (self.home / "config" / "gentx").glob("gentx-*.json")
        return found


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A hub's home with a funded key that staked."""
    found = Daemon(tmp_path / "node")
    found.ok("--chain-id", CHAIN, "init", CHAIN)
    address = found.add_key("validator")["address"]
    found.ok("genesis", "add-genesis-account", address, f"{2 * STAKE}stake,9samoleans")
    staked = ("genesis", "gentx", "validator", "--keyring-backend", "test", "--chain-id", CHAIN)
    found.ok(*staked, f"{STAKE}stake", "--fees", "1stake")
    return found


def test_a_home_has_the_files_and_sections_that_tools_change(daemon) -> None:
    """
    Sections that the Hermes tests write into are there, and what they write is read again.
    """
    config = tomllib.loads((daemon.home / "config" / "config.toml").read_text())
    app = tomllib.loads((daemon.home / "config" / "app.toml").read_text())
    path = daemon.home / "config" / "config.toml"
    path.write_text(
        'log_level = "info"\nmode = "validator"\nblock_sync = true\npprof_laddr = "tcp://x:1"\n'
        + path.read_text().replace('indexer = "kv"', 'indexer = "kv"\n')
    )

    assert {"rpc", "p2p", "mempool", "consensus", "tx_index"} <= config.keys()
    assert app["grpc"] == {"enable": True, "address": "localhost:9090"}
    assert (app["api"]["enable"], app["grpc-web"]["enable"]) == (False, False)
    assert read_config(path).moniker == CHAIN
    params = daemon.genesis.app_state["staking"]["params"]
    assert {"bond_denom", "max_entries", "unbonding_time", "historical_entries"} <= params.keys()


def test_collected_stake_makes_the_validator_and_keeps_the_supply(daemon) -> None:
    """
    The hub begins with the validator of the genesis transaction, and its stake is no longer
    in the account's balance.
    """
    daemon.ok("genesis", "collect-gentxs")
    genesis = daemon.genesis
    config = read_app_config(daemon.home / "config" / "app.toml")
    app = find_node_application(config.app)(MemoryDatabase(), node_parts(config, genesis, 0))
    result = app.init_chain(genesis)
    (balance,) = genesis.app_state["bank"]["balances"]

    assert [update.power for update in result.validators] == [STAKE // 1_000_000]
    assert {coin["denom"]: coin["amount"] for coin in balance["coins"]} == {
        "stake": str(STAKE),
        "samoleans": "9",
    }


def test_what_tools_change_in_genesis_counts(daemon) -> None:
    """
    Staking and governance take their parameters by the SDK's names; another form is refused.
    """
    daemon.ok("genesis", "collect-gentxs")
    path = daemon.home / "config" / "genesis.json"

    def started(old: str, new: str):
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        config = read_app_config(daemon.home / "config" / "app.toml")
        parts = node_parts(config, daemon.genesis, 0)
        app = find_node_application(config.app)(MemoryDatabase(), parts)
        app.init_chain(daemon.genesis)
        return app._run_genesis()[0]

    ctx = started('"voting_period": "172800s"', '"voting_period": "9s"')
    voting = ctx.store("gov").get(VOTING_PERIOD_KEY)
    ctx = started('"unbonding_time": "1814400s"', '"unbonding_time": "77s"')
    params = decode_params(ctx.store("staking").get(PARAMS_KEY))

    assert voting == b"9"
    assert (params.unbonding_seconds, params.max_entries) == (77, 7)
    with pytest.raises(RuleBroken, match="voting_period is not of the form 60s"):
        started('"voting_period": "9s"', '"voting_period": "9m"')


def test_keys_are_written_as_the_sdk_writes_them(daemon) -> None:
    """
    Address, type and key of the account; the words only when it is made.
    """
    made = daemon.add_key("alice")
    shown = json.loads(daemon.ok("keys", "show", "alice"))
    listed = json.loads(daemon.ok("keys", "list", "--output", "json"))

    assert len(made["mnemonic"].split()) == 24
    assert {name: made[name] for name in shown} == shown
    assert json.loads(shown["pubkey"])["@type"] == "/cosmos.crypto.secp256k1.PubKey"
    assert [entry["name"] for entry in listed] == ["validator", "alice"]
    assert daemon.ok("keys", "show", "alice", "-a").strip() == made["address"]
    assert "key not found" in daemon.refused("keys", "show", "nobody")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tx: tx["body"]["messages"][0]["value"].update(amount="1"), "signature verif"),
        (lambda tx: tx["body"].update(memo="x"), "signature verification failed"),
        (lambda tx: tx["auth_info"]["fee"].update(gas_limit="1"), "signature verification failed"),
        (lambda tx: tx.update(signatures=[]), "expected one signature"),
        (lambda tx: tx["body"].update(messages=[]), "expected one MsgCreateValidator"),
        (
            lambda tx: tx["body"]["messages"][0]["commission"].update(rate="many"),
            "commission.rate is no decimal",
        ),
        (
            lambda tx: tx["body"]["messages"][0].update(
                validator_address="isthmusvaloper1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq6vj5f2"
            ),
            "",
        ),
        (lambda tx: tx.update(body=7), "not the JSON of a transaction"),
    ],
)
def test_a_changed_genesis_transaction_is_refused(daemon, change, reason) -> None:
    """
    Whatever of it was changed after it was signed: it is named, and genesis stays as it was.
    """
    before = daemon.genesis
    tx = json.loads(daemon.gentx.read_text())
    change(tx)
    daemon.gentx.write_text(json.dumps(tx))

    assert reason in daemon.refused("genesis", "collect-gentxs")
    assert daemon.genesis == before
    with pytest.raises(RuleBroken):
        verified_genesis_tx(json.dumps(tx), before, "isthmus")


def test_a_genesis_transaction_of_another_chain_is_refused(daemon) -> None:
    """
    Its signature covers the chain's id.
    """
    path = daemon.home / "config" / "genesis.json"
    path.write_text(path.read_text().replace(CHAIN, "ibc-beta-1"))

    assert "signature verification failed for chain-id ibc-beta-1" in (
        daemon.refused("genesis", "collect-gentxs")
    )


def test_what_genesis_cannot_give_is_refused(daemon) -> None:
    """
    An account twice, another chain's address, more stake than is held, an unknown key, no
    transaction at all, a chain id that is not genesis's, a home that is there already.
    """
    address = json.loads(daemon.ok("keys", "show", "validator"))["address"]
    add = ("genesis", "add-genesis-account")
    daemon.add_key("poor")

    assert "existing address" in daemon.refused(*add, address, "1stake")
    assert "existing address" in daemon.refused(*add, "validator", "1stake")
    assert daemon.refused(*add, "isthmus1xyz", "1stake")
    assert daemon.refused(*add, "poor", "stake")
    assert "holds" in daemon.refused("genesis", "gentx", "validator", "9999999999stake")
    assert "does not have a balance" in daemon.refused("genesis", "gentx", "poor", "1stake")
    assert "key not found" in daemon.refused("genesis", "gentx", "nobody", "1stake")
    wrong = daemon.refused("genesis", "gentx", "validator", "1stake", "--chain-id", "other-1")
    assert "genesis is of ibc-alpha-1" in wrong
    assert "exists already" in daemon.refused("init", "x")
    daemon.gentx.unlink()
    assert "no genesis transaction" in daemon.refused("genesis", "collect-gentxs")


def test_options_count_before_and_behind_the_command(tmp_path: Path) -> None:
    """
    The one behind wins; a chain without stake begins with this node as its validator.
    """
    front, behind = tmp_path / "front", tmp_path / "behind"
    arguments = ["--home", str(front), "--chain-id", "a-1", "init", "m", "--home", str(behind)]
    found = CliRunner().invoke(main, [*arguments, "--app", "zone", "--chain-id", "b-1"])

    assert json.loads(found.stdout)["chain_id"] == "b-1"
    assert not front.exists()
    genesis = read_genesis(behind / "config" / "genesis.json")
    assert [(v.power, v.name) for v in genesis.validators] == [(10, "m")]
    assert "staking" not in genesis.app_state


def test_versions_and_levels_are_the_sdks(daemon) -> None:
    """
    The version stands on standard error too, where tools of the SDK look for it.
    """
    found = daemon.run("version")

    assert found.stderr.strip() == f"v{found.stdout.strip()}"
    assert "--log-level: expected one of" in daemon.refused("start", "--log-level", "loud")
    assert "--rpc.laddr" in daemon.refused("start", "--rpc.laddr", "nowhere")
    assert "type.key=value" in daemon.refused("query", "txs", "--events", "x")


def test_a_node_is_named_as_the_sdk_names_it() -> None:
    """
    tcp:// means HTTP.
    """

    def url(*front: str) -> str:
        seen: list[str] = []
        with main.make_context("isthmusd", [*front, "version"]).scope():
            seen.append(node_url(""))
        return seen[0]

    assert url("--node", "tcp://localhost:1") == "http://localhost:1"
    assert url("--node", "http://a:2") == "http://a:2"
    assert url() == "http://localhost:26657"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--gas", "much"), "--gas: expected auto or a number above 0, got 'much'"),
        (("--gas", "0"), "--gas: expected auto or a number above 0, got '0'"),
        (("--gas", str(2**64)), "--gas: expected auto or a number above 0"),
        (("--gas", "auto", "--gas-adjustment", "0.5"), "--gas-adjustment: expected 1 to 100"),
        (("--gas", "auto", "--gas-adjustment", "nan"), "--gas-adjustment: expected 1 to 100"),
        (("--fees", "1stake", "--gas-prices", "1stake"), "--fees and --gas-prices: one of them"),
        (("--gas-prices", "stake"), "not a gas price: 'stake'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_pay_is_refused_before_a_node_is_asked(daemon, options, said) -> None:
    """One line says which option, what it takes and what it was."""
    send = ("tx", "bank", "send", "validator", "isthmus1x", "1stake", "--chain-id", CHAIN)
    assert said in daemon.refused(*send, *options)
