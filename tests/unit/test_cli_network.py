"""``up``, ``down``, ``status``, ``keys`` and ``query``: shapes, and one line for what is wrong."""

import asyncio
import json
import os
import re
import shlex
import socket
import stat
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from chainkit.primitives.bech32 import decode_bech32
from chainkit.primitives.errors import OperationFailed
from chainkit.sigverify.engines import SLOW_NOTICE
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import ChannelState
from isthmus.cli.main import cli
from isthmus.cli.network import missing_channels, prepare_network
from isthmus.cli.node import main as node_cli
from isthmus.cli.output import Output
from isthmus.config import parse_spec
from isthmus.devnet import NetReader, NodeStatus, child_specs
from isthmus.homes import write_network
from isthmus.processes import running_processes, write_processes
from isthmus.routes import all_links
from parachains.sdk.relaying import HostedClient
from tests.fake_chain import _CHAINS, FakeUser, Net, install

ROOT = Path(__file__).parents[2]
WORDS = "abandon " * 11 + "about"
PUBLISHED = "cosmos19rl4cm2hmr8afy4kldpxz3fka4jguq0auqdal4"
"""The address of those words in every Cosmos wallet."""


@pytest.fixture
def net(tmp_path, monkeypatch) -> Net:
    install(tmp_path / "site", monkeypatch)
    return Net(tmp_path / "net")


@pytest.fixture(autouse=True)
def _other_tests_keep_their_logs(monkeypatch) -> None:
    """The daemons' logs would go on to a stream that is closed with the test."""
    monkeypatch.setattr("isthmus.cli.patience.PATIENCE_S", 600.0)
    for module in ("isthmus.cli.node", "isthmus.cli.relaying"):
        monkeypatch.setattr(f"{module}.configure_logs", lambda **_: None)


def run(net: Net, *arguments: str, stdin: str = ""):
    return CliRunner().invoke(cli, [*arguments, "--home", str(net.home)], input=stdin)


def commands(group: click.Group, path: tuple[str, ...] = ()):
    """Yield every command with its path, groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def test_every_command_shows_an_example_and_takes_json() -> None:
    """
    Whoever asks for help can copy a line, and whoever scripts reads one.
    """
    for group, program in ((cli, "isthmus"), (node_cli, "isthmusd")):
        for path, command in commands(group):
            text = CliRunner().invoke(group, [*path, "--help"]).output
            lines = text[text.index("\nExample:\n") :].splitlines()[2:]
            assert lines[0].startswith(f"  {program} "), path
            if program == "isthmus" and not isinstance(command, click.Group):
                assert "--json" in text or command.hidden, path


def typed_in_documents() -> list[tuple[str, str]]:
    """Return every command line that a document shows, with the document's name."""
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        (document.name, line)
        for document in documents
        for line in re.findall(
            r"^ *\$ (isthmusd? .+)$", document.read_text(encoding="utf-8"), re.MULTILINE
        )
    ]


@pytest.mark.parametrize(("document", "line"), typed_in_documents())
def test_a_command_in_a_document_is_one_that_can_be_typed(document, line) -> None:
    """
    Names, arguments and options of every example are those of the program.
    """
    program, *words = shlex.split(line)
    command: click.Command = {"isthmus": cli, "isthmusd": node_cli}[program]
    while isinstance(command, click.Group) and words and words[0] != "--help":
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            break
        command, words = found, words[1:]
    if "--help" in words:
        return
    command.make_context(program, words, resilient_parsing=False)


# --- keys -------------------------------------------------------------------------------


def test_keys_are_listed_added_and_shown(net) -> None:
    """
    A new key is written with its words; they derive the address that every wallet derives.
    """
    assert [a["name"] for a in json.loads(run(net, "keys", "--json").stdout)["accounts"]] == [
        "alice",
        "bob",
    ]
    added = json.loads(run(net, "keys", "add", "carol", "--json").stdout)
    again = run(net, "keys", "add", "dave", "--recover", stdin=WORDS)
    shown = json.loads(run(net, "keys", "show", "dave", "--secret", "--json").stdout)
    listed = json.loads(run(net, "keys", "list", "--json").stdout)

    assert len(added["mnemonic"].split()) == 24
    assert again.exit_code == 0
    assert decode_bech32(shown["addresses"]["hub"])[1] == decode_bech32(PUBLISHED)[1]
    assert len(bytes.fromhex(shown["private_key"])) == 32
    assert [entry["name"] for entry in listed["added"]] == ["carol", "dave"]
    assert "mnemonic" not in listed["added"][0]
    assert stat.S_IMODE((net.home / "keys.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "said"),
    [
        (("add", "alice"), "", 2, "alice is an account of the network already"),
        (("add", "a b"), "", 2, "name: expected letters"),
        (("add", "x", "--recover"), "", 2, "expected the words of a phrase"),
        (("add", "x", "--recover"), "abandon abandon", 1, "words of a BIP-39 phrase"),
        (("show", "nobody"), "", 1, "no account 'nobody': expected one of alice, bob"),
    ],
)
def test_a_wrong_key_is_refused(net, arguments, stdin, code, said) -> None:
    """
    A checksum of the words that does not fit is found before anything is written.
    """
    result = run(net, "keys", *arguments, stdin=stdin)

    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    assert not (net.home / "keys.json").exists()


def test_a_name_is_taken_once(net) -> None:
    """
    An added key is never written over.
    """
    assert run(net, "keys", "add", "carol").exit_code == 0
    result = run(net, "keys", "add", "carol")

    assert (result.exit_code, result.stderr) == (
        1,
        "error: there is a key named carol already\n",
    )


# --- query ------------------------------------------------------------------------------


def test_a_question_of_the_kind_is_a_command(net) -> None:
    """
    Names of accounts become addresses, and an argument that may be left out is.
    """
    result = run(net, "query", "echo", "bob", "--chain", "zone-b", "--json")

    assert json.loads(result.stdout) == {
        "asked": {"address": "isthmus1erxf3sa9q2j4vgseu7jq4a258ckmk7cyhywak2"}
    }
    assert json.loads(run(net, "query", "echo", "x", "y").stdout)["asked"] == {
        "address": "x",
        "more": "y",
    }


def test_an_answer_that_can_be_drawn_is_drawn(net) -> None:
    """
    With --svg, the document stands where the answer would; without, the answer.
    """
    drawn = run(net, "query", "sketch", "here", "--svg")
    told = run(net, "query", "sketch", "here", "--svg", "--json")
    plain = run(net, "query", "sketch", "here", "--json")

    assert drawn.stdout == "<svg>here</svg>\n"
    assert json.loads(told.stdout) == {"svg": "<svg>here</svg>\n"}
    assert json.loads(plain.stdout) == {"asked": {"address": "here"}}
    assert run(net, "query", "echo", "here", "--svg").exit_code == 2


def test_a_slow_answer_says_what_it_waits_for(net, monkeypatch) -> None:
    """
    Nobody wonders whether the command hangs.
    """
    told = []
    heard = asyncio.Event()

    async def ask(_self, _name, _arguments):
        await heard.wait()
        return {}

    def progress(_self, line):
        told.append(line)
        heard.set()

    monkeypatch.setattr("isthmus.cli.patience.PATIENCE_S", 0.0)
    monkeypatch.setattr(FakeUser, "ask", ask)
    monkeypatch.setattr(Output, "progress", progress)

    assert run(net, "query", "echo", "bob", "--chain", "hub").exit_code == 0
    assert told == ["waiting for hub to answer"]


def test_a_question_that_the_chain_does_not_answer_is_refused(net) -> None:
    """
    Another kind answers it, so the command exists; this chain says that it does not.
    """
    result = run(net, "query", "validators")

    assert (result.exit_code, result.stderr) == (1, "error: hub-1 has no query 'validators'\n")


# --- status -----------------------------------------------------------------------------


def test_status_tells_clients_and_pending_packets(net, monkeypatch) -> None:
    """
    A packet is counted where it waits; a client is old, expired or frozen by the host's clock.
    """
    net.chains["zone-a"].commitments_["channel-0"] = [1, 2, 3]
    net.chains["hub"].received.add(("channel-1", 1))
    net.chains["hub"].time += 65 * 10**9
    net.chains["zone-b"].time += 200 * 10**9
    net.chains["zone-a"].clients_.append(
        HostedClient("fake-9", AnyValue("/fake.frozen", b"zone-b-1"))
    )
    _answering(monkeypatch)
    result = run(net, "status", "--json")

    assert result.exit_code == 0, result.output
    status = json.loads(result.stdout)
    health = {(c["chain"], c["client_id"]): c["health"] for c in status["clients"]}
    assert health == {
        ("zone-a", "fake-0"): "active",
        ("zone-a", "fake-9"): "frozen",
        ("hub", "fake-0"): "old",
        ("hub", "fake-1"): "old",
        ("zone-b", "fake-0"): "expired",
    }
    [channel] = [c for c in status["channels"] if c["chain"] == "zone-a"]
    assert (channel["to_receive"], channel["to_acknowledge"]) == (2, 1)
    assert (channel["other_chain"], channel["other_channel_id"]) == ("hub", "channel-1")
    assert status["relayer"] == {"running": False, "paths": []}
    assert status["running"] is False


def _answering(monkeypatch) -> None:
    async def node_status(_self, node):
        return NodeStatus(node.name, 5, 3, is_catching_up=False)

    monkeypatch.setattr(NetReader, "node_status", node_status)


def test_status_goes_on_without_a_chain_that_does_not_answer(net, monkeypatch) -> None:
    """
    One dead chain does not hide the others.
    """
    _answering(monkeypatch)
    net.chains["zone-b"].away = OperationFailed("zone-b is away")
    status = json.loads(run(net, "status", "--json").stdout)

    assert status["silent"] == {"zone-b": "zone-b is away"}
    assert {c["chain"] for c in status["channels"]} == {"zone-a", "hub"}


def test_status_of_a_network_that_is_down_says_so(net) -> None:
    """
    Looking is allowed at any time.
    """
    result = run(net, "status")

    assert result.exit_code == 0
    assert "hub-0        no answer; no process of this network" in result.stdout
    assert "Relayer (does not run)" in result.stdout


# --- up and down ------------------------------------------------------------------------


async def test_up_waits_for_every_channel_and_says_how_far_it_is(net) -> None:
    """
    A transfer right after ``up`` finds its way.
    """
    spec = parse_spec("")
    users = {name: FakeUser(_CHAINS[f"{name}-1"]) for name in net.chains}
    assert missing_channels(spec, await all_links(users)) == ()

    chain = net.chains["zone-a"]
    [channel] = chain.channels_["connection-0"]
    object.__setattr__(channel.end, "state", ChannelState.TRYOPEN)
    net.chains["zone-b"].channels_.clear()

    assert missing_channels(spec, await all_links(users)) == (
        "transfer zone-a <-> hub, now TRYOPEN and OPEN",
        "transfer hub <-> zone-b, now OPEN and absent",
    )


def test_up_refuses_a_wrong_spec_in_one_line(tmp_path) -> None:
    """
    Before anything is written.
    """
    (tmp_path / "net.toml").write_text('[[chains]]\nname = "a"\nvalidators = 0\n')
    home = tmp_path / "net"
    result = CliRunner().invoke(
        cli, ["up", "--spec", str(tmp_path / "net.toml"), "--home", str(home)]
    )

    assert result.exit_code == 1
    assert result.stderr == "error: chains[0].validators: expected a whole number from 1 to 100\n"
    assert not home.exists()


def test_up_refuses_another_spec_for_a_network_that_is_there(net, tmp_path) -> None:
    """
    Keys of the folder may have signed for the first one.
    """
    (tmp_path / "net.toml").write_text("[relayer]\npoll_ms = 999\n")
    result = run(net, "up", "--spec", str(tmp_path / "net.toml"))

    assert result.exit_code == 1
    assert "was made from, or another --home" in result.stderr


def test_up_with_a_broker_s_url_uses_that_broker(tmp_path) -> None:
    """
    The network is the described one, with no broker of its own.
    """
    home = tmp_path / "net"
    (tmp_path / "net.toml").write_text('paths = []\n[[chains]]\nname = "solo"')
    place = prepare_network(home, tmp_path / "net.toml", "mqtt://127.0.0.1:1999")

    assert place.spec.broker.url == "mqtt://127.0.0.1:1999"
    app = (home / "solo" / "node0" / "config" / "app.toml").read_text()
    assert 'mqtt-url = "mqtt://127.0.0.1:1999"' in app
    assert [child.name for child in child_specs(home, place, broker=False)] == ["solo-0"]
    result = CliRunner().invoke(
        cli, ["up", "--mqtt-url", "nonsense", "--home", str(tmp_path / "x")]
    )
    assert (result.exit_code, "broker.url: expected mqtt://" in result.stderr) == (1, True)


def test_a_port_that_is_taken_is_one_line(tmp_path) -> None:
    """
    Another program may have taken it since the home was written.
    """
    home = tmp_path / "node"
    CliRunner().invoke(node_cli, ["init", "x", "--home", str(home), "--app", "kvstore"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = home / "config" / "config.toml"
        text = config.read_text()
        config.write_text(
            text.replace(":26657", f":{taken.getsockname()[1]}").replace(":26656", ":0")
        )
        app_toml = home / "config" / "app.toml"
        app_toml.write_text(app_toml.read_text().replace("enable = true", "enable = false"))
        result = CliRunner().invoke(node_cli, ["start", "--home", str(home)])

    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if line != SLOW_NOTICE]
    assert len(lines) == 1
    assert "address already in use" in lines[0]


def test_up_refuses_to_start_a_running_network_again(net, monkeypatch) -> None:
    """
    Two of them would fight for ports and databases.
    """
    monkeypatch.setattr("isthmus.processes._OURS", "python")
    write_processes(net.home, {"up": os.getpid()})
    result = run(net, "up")

    assert result.exit_code == 1
    assert f"runs in {net.home} (process {os.getpid()})" in result.stderr


def test_a_process_number_that_another_program_has_is_not_ours(net, monkeypatch) -> None:
    """
    After a crash the system may give the number away: down must not end a stranger.
    """
    monkeypatch.setattr("isthmus.processes._OURS", "no-such-command-line")
    write_processes(net.home, {"up": os.getpid(), "relayer": 999_999_999})

    assert running_processes(net.home) == ()
    assert run(net, "down").exit_code == 1
    assert not (net.home / "processes.json").exists()


def test_a_command_without_a_network_says_how_to_start_one(tmp_path) -> None:
    """
    The first thing that a stranger forgets.
    """
    for arguments in (("status",), ("keys",), ("trace", "a/b/1"), ("query", "supply")):
        result = CliRunner().invoke(cli, [*arguments, "--home", str(tmp_path)])
        assert result.exit_code == 1
        assert result.stderr == (
            f"error: no network in {tmp_path}: start one with isthmus up --home {tmp_path}\n"
        )


def test_a_network_that_is_not_up_is_told_from_a_chain_that_is_away(tmp_path) -> None:
    """
    "connection refused" would send the person looking for the wrong thing.
    """
    spec = parse_spec('paths = []\n[[chains]]\nname = "solo"')
    write_network(tmp_path, spec, genesis_time=1, seeds=(b"\x01" * 32,))
    result = CliRunner().invoke(cli, ["query", "supply", "--home", str(tmp_path)])

    assert result.exit_code == 1
    assert result.stderr == (
        f"error: the network in {tmp_path} does not run: isthmus up --home {tmp_path}\n"
    )


# --- damaged files ----------------------------------------------------------------------

GARBAGE = (b"", b"{", b"\xff\xfe\x00", b"[1, 2]", b'{"a": "b"}')


@pytest.mark.parametrize("content", GARBAGE)
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("net.json", ("keys",)),
        ("net.json", ("status",)),
        ("net.json", ("up",)),
        ("net.json", ("query", "supply")),
        ("keys.json", ("keys",)),
        ("keys.json", ("tx", "send", "alice", "bob", "1ucoin")),
        ("processes.json", ("status",)),
        ("processes.json", ("up",)),
        ("processes.json", ("down",)),
    ],
)
def test_a_damaged_file_of_the_network_is_named_in_one_line(net, name, command, content) -> None:
    """
    Which file, and what is wrong with it; no traceback.
    """
    (net.home / name).write_bytes(content)
    result = run(net, *command)

    assert result.exit_code == 1, result.output
    assert result.stderr.startswith(f"error: {net.home / name} is damaged: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("content", GARBAGE)
def test_a_damaged_file_of_the_relayer_is_named_in_one_line(tmp_path, content) -> None:
    """
    The relayer ends with exit code 1.
    """
    (tmp_path / "relayer.toml").write_bytes(content)
    result = CliRunner().invoke(cli, ["relay", "--home", str(tmp_path)])

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b'{"a": 1}', b"a = [" * 200])
@pytest.mark.parametrize(
    "name",
    [
        "config/config.toml",
        "config/app.toml",
        "config/genesis.json",
        "config/node_key.json",
        "config/priv_validator_key.json",
        "data/priv_validator_state.json",
        "data/chain.db",
        "data/application.db",
    ],
)
def test_a_damaged_file_of_a_node_is_one_line(tmp_path, name, content) -> None:
    """
    The node does not start, and says which file keeps it from starting.
    """
    home = tmp_path / "node"
    made = CliRunner().invoke(node_cli, ["init", "x", "--home", str(home), "--app", "zone"])
    assert made.exit_code == 0, made.output
    # SQLite takes a file that is shorter than its header for an empty one.
    (home / name).write_bytes(content.ljust(200) if name.endswith(".db") else content)
    result = CliRunner().invoke(node_cli, ["start", "--home", str(home)])

    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
