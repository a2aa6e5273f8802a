"""``isthmus light-client verify``: files of headers, right and wrong, without a network."""

import io
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.header_chain import extend
from chainkit.formats.bitcoin.proof_of_work import REGTEST_RULES
from isthmus.cli.light_client import follow
from isthmus.cli.main import cli
from isthmus.file_verifiers import file_verifier_names, find_file_verifier
from light_clients.bitcoin import header_file
from light_clients.bitcoin.header_file import NETWORKS, FileVerdict, HeaderFile
from tests import miners
from tests.utxo_worlds import UtxoWorld

COUNT = 600


@pytest.fixture(scope="module")
def headers():
    """Genesis of Core's regtest and the headers after it."""
    world = UtxoWorld()
    found = [world.chain.tip.header]
    point = world.chain.tip
    for _ in range(COUNT):
        child = miners.work_on(
            replace(
                point.header,
                version=4,
                previous_block=point.header.hash,
                time=point.header.time + 600,
                nonce=0,
            )
        )
        point = extend(point, child, REGTEST_RULES, now=child.time)
        found.append(child)
    return found


def run(tmp_path, headers, *options, name="headers.bin"):
    file = tmp_path / name
    file.write_bytes(b"".join(header.encode() for header in headers))
    answer = CliRunner().invoke(
        cli, ["light-client", "verify", "bitcoin", str(file), "--rules", "regtest", *options]
    )
    return answer.exit_code, answer


def test_a_file_that_is_right(tmp_path, headers) -> None:
    """Count, heights, last hash and work are told; the exit code is 0."""
    code, answer = run(tmp_path, headers, "--json")
    told = json.loads(answer.stdout)

    assert code == 0
    assert told.pop("seconds") >= 0
    assert told == {
        "valid": True,
        "checked": COUNT + 1,
        "total": COUNT + 1,
        "first_height": 0,
        "last_height": COUNT,
        "last_hash": display_hash(headers[-1].hash),
        "work": f"{2 * (COUNT + 1):064x}",
    }
    _, answer = run(tmp_path, headers[5:], "--first-height", "5")
    assert f"{COUNT - 4} of {COUNT - 4} headers are right" in answer.stdout
    assert display_hash(headers[-1].hash) in answer.stdout


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"previous_block": b"\x01" * 32}, "prev-blk-not-found"),
        ({"bits": 0x207FFFFE}, "bad-diffbits"),
        ({"bits": 0x2100FFFF}, "high-hash"),
        ({"time": 1}, "time-too-old"),
        ({"time": 0xFFFFFFFF}, "time-too-new"),
        ({"version": 3}, "bad-version(0x00000003)"),
    ],
)
def test_the_first_wrong_header_is_named(tmp_path, headers, change, reason) -> None:
    """Its height, its hash and Bitcoin Core's reason; the exit code is 1."""
    at = 300
    wrong = replace(headers[at], **change)
    wrong = wrong if reason == "high-hash" else miners.work_on(wrong)
    code, answer = run(tmp_path, [*headers[:at], wrong, *headers[at + 1 :]], "--json")
    told = json.loads(answer.stdout)

    assert code == 1
    assert not told["valid"]
    assert told["checked"] == told["wrong"]["height"] == at
    assert told["last_hash"] == display_hash(headers[at - 1].hash)
    assert told["wrong"]["hash"] == display_hash(wrong.hash)
    assert told["wrong"]["reason"] == reason


def test_a_header_without_work_is_named_in_words(tmp_path, headers) -> None:
    """The same for a person."""
    bad = headers[9]
    while bad.hash[-1] < 0x80:
        bad = replace(bad, nonce=bad.nonce + 1)
    code, answer = run(tmp_path, [*headers[:9], bad, *headers[10:]])

    assert code == 1
    assert "9 of 601 headers are right" in answer.stdout
    assert "high-hash: proof of work failed" in answer.stdout


def test_the_first_header_can_be_pinned(tmp_path, headers) -> None:
    """Without a hash it is trusted; with one it must be that."""
    good = display_hash(headers[0].hash)
    assert run(tmp_path, headers, "--first-hash", good)[0] == 0
    code, answer = run(tmp_path, headers[1:], "--first-hash", good, "--json")

    assert code == 1
    assert json.loads(answer.stdout)["wrong"]["reason"] == "checkpoint mismatch"
    assert json.loads(answer.stdout)["checked"] == 0


def test_a_first_header_without_work_is_wrong(tmp_path, headers) -> None:
    """Nothing before it is known, yet its own work is checked."""
    bad = headers[4]
    while bad.hash[-1] < 0x80:
        bad = replace(bad, nonce=bad.nonce + 1)
    code, answer = run(tmp_path, [bad], "--first-height", "4", "--json")

    assert code == 1
    assert json.loads(answer.stdout)["wrong"]["reason"] == "high-hash"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--first-height", "-1"), "first-height: expected a whole number"),
        (("--first-height", "3000000000"), "first-height: expected a whole number"),
        (("--first-height", "²"), "first-height: expected a whole number"),
        (("--rules", "testnet9"), "rules: expected one of mainnet, regtest"),
        (("--rules", "mainnet", "--first-height", "5"), "5 after the start of its difficulty"),
        (("--period-start", "noon"), "period-start: expected a whole number"),
        (("--first-hash", "00"), "a hash is 64 hex digits"),
    ],
)
def test_wrong_settings_are_one_line(tmp_path, headers, options, words) -> None:
    """A setting that is not of its form is an error of one clear line."""
    code, answer = run(tmp_path, headers[:3], *options)

    assert code == 1
    assert words in answer.stderr
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("data", [b"", bytes(79), bytes(81)])
def test_what_is_no_row_of_headers_is_one_line(tmp_path, data) -> None:
    """An empty file, and one that ends inside a header."""
    file = tmp_path / "headers.bin"
    file.write_bytes(data)
    answer = CliRunner().invoke(cli, ["light-client", "verify", "bitcoin", str(file)])

    assert answer.exit_code == 1
    assert "are not 1 to 4000000 headers of 80" in answer.stderr


def test_a_file_too_large_is_not_read(tmp_path, monkeypatch) -> None:
    """Its size is looked at first."""
    monkeypatch.setattr(HeaderFile, "max_bytes", 80)
    file = tmp_path / "headers.bin"
    file.write_bytes(bytes(81))
    answer = CliRunner().invoke(cli, ["light-client", "verify", "bitcoin", str(file)])

    assert answer.exit_code == 1
    assert "81 bytes, more than 80" in answer.stderr


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("screen", "moves"), [(Terminal(), True), (io.StringIO(), False)])
def test_a_person_sees_a_bar(screen, moves) -> None:
    """A bar moves to the end on a terminal; a file or pipe gets none of it."""
    steps = [FileVerdict(count, 1_000, {}) for count in (256, 512, 1_000)]
    verdict = follow(iter(steps), "headers", screen)

    assert verdict is steps[-1]
    assert ("100%" in screen.getvalue()) == moves
    assert bool(screen.getvalue()) == moves


def test_progress_is_told_before_the_end(headers) -> None:
    """A long check shows that it moves."""
    data = b"".join(header.encode() for header in headers)
    values = {option.name: option.default for option in HeaderFile.options} | {"rules": "regtest"}
    steps = list(HeaderFile().verify(data, values, 2**32 - 1))

    assert [step.checked for step in steps] == [256, 512, COUNT + 1]


def test_versions_by_height() -> None:
    """BIP-34, BIP-66 and BIP-65 ended versions 1, 2 and 3 on the main chain."""
    mainnet = NETWORKS["mainnet"].minimum_version

    assert mainnet(227_930) < 1
    assert [mainnet(at) for at in (227_931, 363_724, 363_725, 388_380, 388_381)] == [2, 2, 3, 3, 4]


def test_verifiers_are_found_by_their_entry_points() -> None:
    """The command knows no name: a package brings it."""
    assert "bitcoin" in file_verifier_names()
    assert find_file_verifier("bitcoin").options == HeaderFile.options
    assert header_file.HEADERS_A_STEP < COUNT
