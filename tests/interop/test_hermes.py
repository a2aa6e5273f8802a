"""The Hermes relayer, as its makers build it, between a running hub and a running zone.

Hermes is a program of its own that reads ``isthmus hermes-config``'s settings; nothing here
knows how it works inside. Where it is not on PATH the tests are skipped by its name.
"""

import json
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from chainkit.primitives.hashing import sha256
from chainkit.runtime.addresses import format_address, module_address
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.cosmos.gov.v1 import query_pb2 as gov_query
from chainkit.wire.proto.cosmos.gov.v1 import tx_pb2 as gov_tx
from chainkit.wire.proto.cosmos.staking.v1beta1 import tx_pb2 as staking_tx
from chainkit.wire.proto.ibc.core.channel.v1 import query_pb2 as channel_query
from chainkit.wire.proto.ibc.core.client.v1 import query_pb2 as client_query
from chainkit.wire.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2
from isthmus.accounts import derive_account
from isthmus.cli.main import cli
from isthmus.config import NetSpec
from isthmus.homes import FIRST_OPERATOR_INDEX
from tests.clients.cosmos_network import SPEC, CosmosNetwork, cosmos_network
from tests.e2e.network import Process, Wallet, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]
COMMAND_S = 180
ARRIVAL_S = 240
TRANSFERS = 100
SHORT_PERIOD_S = 90
IDS = {"hub": "hub-1", "zone": "zone-1"}
OTHER = {"hub": "zone", "zone": "hub"}
DENOM = {"hub": "uisth", "zone": "utok"}
CLIENT = "07-tendermint-0"
CHANNEL = "channel-0"
NETWORK = msgspec.structs.replace(
    SPEC,
    chains=(
        msgspec.structs.replace(SPEC.chains[0], genesis={"gov": {"voting_seconds": 8}}),
        SPEC.chains[1],
    ),
)


@dataclass
class Hermes:
    """Hermes with its settings. Mutable: it counts what it has written logs of."""

    program: Path
    folder: Path
    logs: int = 0

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def run(self, *arguments: str) -> Any:
        """The result of a command that must succeed."""
        command = [str(self.program), "--json", "--config", str(self.config), *arguments]
        done = subprocess.run(command, capture_output=True, check=False, timeout=COMMAND_S)
        shown = f"{' '.join(arguments)}\n{done.stdout.decode()[-4_000:]}\n{done.stderr.decode()}"
        assert done.returncode == 0, shown
        answer = json.loads(done.stdout.decode().strip().splitlines()[-1])
        assert answer["status"] == "success", shown
        return answer["result"]

    @contextmanager
    def relaying(self) -> Iterator[Path]:
        """``hermes start`` until the block ends; yields its log, one JSON object a line."""
        self.logs += 1
        log = self.folder / f"start-{self.logs}.log"
        command = [str(self.program), "--json", "--config", str(self.config), "start"]
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield log
            assert process.poll() is None, log.read_text()[-4_000:]
        except BaseException:
            print(log.read_text()[-6_000:])
            raise
        finally:
            process.terminate()
            process.wait(timeout=30)


@dataclass(frozen=True)
class Joined:
    """Two chains that Hermes has joined."""

    network: CosmosNetwork
    hermes: Hermes

    def node(self, chain: str) -> Process:
        return self.network.nodes[chain]

    def send(self, chain: str, count: int, *more: str) -> None:
        """Let Hermes send transfers of one token each, paid by alice."""
        ends = ("--src-chain", IDS[chain], "--dst-chain", IDS[OTHER[chain]])
        coin = ("--amount", "1", "--denom", DENOM[chain], "--key-name", "alice")
        limits = more or ("--timeout-seconds", "3000")
        self.hermes.run(
            "tx", "ft-transfer", *ends, "--src-port", "transfer", "--src-channel", CHANNEL,
            *coin, "--number-msgs", str(count), *limits,
        )  # fmt: skip

    def pending(self, chain: str) -> int:
        """How many packets of a chain have not ended."""
        answer = self.node(chain).ask(
            "/ibc.core.channel.v1.Query/PacketCommitments",
            channel_query.QueryPacketCommitmentsRequest(port_id="transfer", channel_id=CHANNEL),
            channel_query.QueryPacketCommitmentsResponse,
        )
        return len(answer.commitments)

    def written(self, chain: str) -> int:
        """How many acknowledgements a chain has written."""
        request = channel_query.QueryPacketAcknowledgementsRequest(
            port_id="transfer", channel_id=CHANNEL
        )
        request.pagination.limit = 10_000
        path = "/ibc.core.channel.v1.Query/PacketAcknowledgements"
        answer = self.node(chain).ask(
            path, request, channel_query.QueryPacketAcknowledgementsResponse
        )
        return len(answer.acknowledgements)

    def balance(self, chain: str, account: str, denom: str) -> int:
        """What an account has on a chain."""
        address = self.network.settings(chain, account)["address"]
        answer = self.node(chain).ask(
            "/cosmos.bank.v1beta1.Query/Balance",
            bank_query.QueryBalanceRequest(address=str(address), denom=denom),
            bank_query.QueryBalanceResponse,
        )
        return int(answer.balance.amount)

    def vouchers(self, chain: str) -> int:
        """What Hermes, to whom its transfers go, has on a chain of the other chain's token."""
        path = f"transfer/{CHANNEL}/{DENOM[OTHER[chain]]}"
        return self.balance(chain, "relayer", f"ibc/{sha256(path.encode()).hex().upper()}")

    def client_height(self, chain: str, client_id: str) -> int:
        """The last height of the other chain that a client follows."""
        answer = self.node(chain).ask(
            "/ibc.core.client.v1.Query/ClientState",
            client_query.QueryClientStateRequest(client_id=client_id),
            client_query.QueryClientStateResponse,
        )
        state = tendermint_pb2.ClientState.FromString(answer.client_state.value)
        return int(state.latest_height.revision_height)

    def clear(self) -> None:
        """Let Hermes deliver and acknowledge what is pending, both ways."""
        channel = ("--port", "transfer", "--channel", CHANNEL)
        self.hermes.run("clear", "packets", "--chain", IDS["hub"], *channel)

    def wait_for_none_pending(self) -> None:
        wait_until(
            lambda: self.pending("hub") == self.pending("zone") == 0,
            seconds=ARRIVAL_S,
            what="every packet acknowledged",
        )


def configure(network: CosmosNetwork, folder: Path, *more: str) -> list[list[str]]:
    """Let ``isthmus hermes-config`` write settings; return the commands that it says to type."""
    command = ["hermes-config", "--home", str(network.home), "--folder", str(folder), "--json"]
    done = CliRunner().invoke(cli, [*command, *more])
    assert done.exit_code == 0, done.output
    lines = [shlex.split(line) for line in json.loads(done.stdout)["commands"]]
    # "hermes --config FILE" begins each.
    return [words[3:] for words in lines]


@contextmanager
def joining(hermes: Path, root: Path, spec: NetSpec) -> Iterator[Joined]:
    """A hub and a zone; Hermes has done all that ``hermes-config`` tells, up to ``start``."""
    with cosmos_network(root / "net", spec) as network:
        relayer = Hermes(hermes, root / "hermes")
        for words in configure(network, relayer.folder, "--account", "alice"):
            if words[:2] == ["keys", "add"]:
                relayer.run(*words)
        for words in configure(network, relayer.folder)[:-1]:
            relayer.run(*words)
        yield Joined(network, relayer)


@pytest.fixture(scope="module")
def joined(hermes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Joined]:
    """Two chains on our own engine."""
    with joining(hermes, tmp_path_factory.mktemp("hermes"), NETWORK) as made:
        yield made


def messages(log: Path, *levels: str) -> list[str]:
    """The messages of a log at some levels."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line["fields"]["message"] for line in lines if line["level"] in levels]


def test_the_health_check_passes_without_a_warning(joined: Joined) -> None:
    """Both chains are healthy: versions, fees, indexing, history, block times."""
    relayer = joined.hermes
    command = [str(relayer.program), "--json", "--config", str(relayer.config), "health-check"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=COMMAND_S)
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]

    assert lines[-1]["status"] == "success"
    assert [line for line in lines if line.get("level") in {"WARN", "ERROR"}] == []
    told = [line["fields"]["message"] for line in lines if "fields" in line]
    assert sum("chain is healthy" in each for each in told) == 2


@pytest.mark.parametrize("event_source", ["push", "pull"])
def test_transfers_and_acknowledgements_both_ways(joined: Joined, event_source: str) -> None:
    """
    A hundred transfers of each chain arrive on the other and are acknowledged, whether events
    are pushed or pulled; Hermes reports no error, its watch for misbehaviour included.
    """
    configure(joined.network, joined.hermes.folder, "--event-source", event_source)
    before = {chain: (joined.vouchers(chain), joined.written(chain)) for chain in IDS}
    with joined.hermes.relaying() as log:
        for chain in IDS:
            joined.send(chain, TRANSFERS)
        joined.wait_for_none_pending()

    for chain in IDS:
        vouchers, written = before[chain]
        assert joined.vouchers(chain) == vouchers + TRANSFERS
        assert joined.written(chain) == written + TRANSFERS
    assert messages(log, "ERROR") == []


def test_packets_left_pending_are_cleared(joined: Joined) -> None:
    """What was sent while no relayer ran is delivered and acknowledged by one command."""
    before = {chain: joined.vouchers(chain) for chain in IDS}
    for chain in IDS:
        joined.send(chain, 5)
    assert {chain: joined.pending(chain) for chain in IDS} == {"hub": 5, "zone": 5}

    joined.clear()
    assert {chain: joined.vouchers(chain) for chain in IDS} == {
        chain: found + 5 for chain, found in before.items()
    }
    assert {chain: joined.pending(chain) for chain in IDS} == {"hub": 0, "zone": 0}


@pytest.mark.parametrize("limit", [("--timeout-seconds", "1"), ("--timeout-height-offset", "1")])
def test_a_timeout_is_relayed_and_the_token_comes_back(joined: Joined, limit) -> None:
    """A packet that no relayer took in time, by clock or by height, is proved not received."""
    had, vouchers = joined.balance("hub", "alice", DENOM["hub"]), joined.vouchers("zone")
    joined.send("hub", 3, *limit)
    assert joined.balance("hub", "alice", DENOM["hub"]) == had - 3
    late = joined.node("zone").height() + 6
    wait_until(lambda: joined.node("zone").height() >= late, seconds=60, what="the limit to pass")
    with joined.hermes.relaying():
        joined.wait_for_none_pending()

    assert joined.balance("hub", "alice", DENOM["hub"]) == had
    assert joined.vouchers("zone") == vouchers


def test_a_client_is_updated_by_command(joined: Joined) -> None:
    """``update client`` brings the hub's client of the zone to the zone's present height."""
    before = joined.client_height("hub", CLIENT)
    height = joined.node("zone").height()
    joined.hermes.run("update", "client", "--host-chain", IDS["hub"], "--client", CLIENT)

    assert joined.client_height("hub", CLIENT) >= height > before


def test_a_client_is_kept_from_expiring(joined: Joined) -> None:
    """
    A client with a short trusting period, under a channel that carries nothing, is updated by
    ``hermes start`` before it expires.
    """
    relayer = joined.hermes
    made = [
        relayer.run(
            "create", "client", "--host-chain", IDS[chain], "--reference-chain", IDS[OTHER[chain]],
            "--trusting-period", f"{SHORT_PERIOD_S}s",
        )["CreateClient"]["client_id"]
        for chain in IDS
    ]  # fmt: skip
    ends = ("--a-client", made[0], "--b-client", made[1])
    found = relayer.run("create", "connection", "--a-chain", IDS["hub"], *ends)
    ports = ("--a-port", "transfer", "--b-port", "transfer")
    connection = ("--a-connection", found["a_side"]["connection_id"])
    relayer.run("create", "channel", "--a-chain", IDS["hub"], *connection, *ports)

    settings = relayer.config.read_text()
    relayer.config.write_text(
        settings.replace("[[chains]]", '[[chains]]\nclient_refresh_rate = "1/9"')
    )
    before = [joined.client_height(*each) for each in zip(IDS, made, strict=True)]
    with relayer.relaying():
        wait_until(
            lambda: all(
                joined.client_height(chain, client) > height
                for chain, client, height in zip(IDS, made, before, strict=True)
            ),
            seconds=SHORT_PERIOD_S,
            what="two refreshed clients",
        )
    relayer.config.write_text(settings)


def test_a_client_follows_an_upgrade_of_its_chain(joined: Joined) -> None:
    """
    Hermes proposes an upgrade, stake decides, and the hub stops at the plan's height; Hermes
    brings the zone's client over it, the hub goes on with a program that has the upgrade, and
    packets pass again.
    """
    hub, relayer = joined.node("hub"), joined.hermes
    relayer.run(
        "tx", "upgrade-chain", "--reference-chain", IDS["hub"], "--host-chain", IDS["zone"],
        "--host-client", CLIENT, "--amount", "10000000", "--denom", DENOM["hub"],
        "--height-offset", "40", "--upgrade-name", "v2", "--new-chain", IDS["hub"],
        "--gov-account", format_address("isthmus", module_address("gov")),
    )  # fmt: skip
    wait_until(lambda: proposals(hub) == 1, seconds=30, what="the proposal")
    vote_for_it(hub)
    log = hub.home / "log"
    wait_until(lambda: "node.upgrade_needed" in log.read_text(), seconds=120, what="the stop")
    stopped = hub.height()

    relayer.run(
        "upgrade", "client", "--host-chain", IDS["zone"], "--client", CLIENT,
        "--upgrade-height", str(stopped),
    )  # fmt: skip
    assert joined.client_height("zone", CLIENT) == stopped + 1
    assert hub.height() == stopped

    hub.stop()
    hub.start()
    assert hub.process is not None
    assert hub.process.wait(timeout=60) == 1
    assert f"error: upgrade v2 is due at height {stopped}: start a program" in log.read_text()
    app = hub.paths.app
    app.write_text(f'upgrades = ["v2"]\n{app.read_text()}')
    hub.start()
    wait_until(lambda: hub.height() > stopped, seconds=60, what="a block after the upgrade")
    before = {chain: joined.vouchers(chain) for chain in IDS}
    for chain in IDS:
        joined.send(chain, 2)
    joined.clear()
    assert {chain: joined.vouchers(chain) for chain in IDS} == {
        chain: found + 2 for chain, found in before.items()
    }


def vote_for_it(hub: Process) -> None:
    """Stake more than the validator has, and vote yes with it."""
    coin, prefix = DENOM["hub"], "isthmus"
    alice = Wallet(hub, derive_account("alice", 0), prefix=prefix, denom=coin)
    operator = derive_account("hub-0", FIRST_OPERATOR_INDEX)
    stake = staking_tx.MsgDelegate(
        delegator_address=alice.address,
        validator_address=Wallet(hub, operator, prefix=prefix, denom=coin).operator,
        amount=alice.coin(100_000_000),
    )
    vote = gov_tx.MsgVote(proposal_id=1, voter=alice.address, option=1)
    assert alice.send(stake, vote)["tx_result"]["code"] == 0


def proposals(hub: Process) -> int:
    """How many proposals there are."""
    answer = hub.ask(
        "/cosmos.gov.v1.Query/Proposals",
        gov_query.QueryProposalsRequest(),
        gov_query.QueryProposalsResponse,
    )
    return len(answer.proposals)


def test_chains_that_cometbft_runs_are_joined_the_same(
    hermes: Path, cometbft: Path, tmp_path: Path
) -> None:
    """With CometBFT as engine of both, our applications below it: ten transfers each way."""
    del cometbft  # found on PATH by the nodes
    chains = tuple(msgspec.structs.replace(chain, engine="cometbft") for chain in SPEC.chains)
    spec = msgspec.structs.replace(SPEC, chains=chains)
    with joining(hermes, tmp_path, spec) as made:
        for chain in IDS:
            made.send(chain, 10)
        made.clear()
        assert {chain: made.vouchers(chain) for chain in IDS} == {"hub": 10, "zone": 10}
        assert {chain: made.pending(chain) for chain in IDS} == {"hub": 0, "zone": 0}
