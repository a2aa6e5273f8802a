"""A wrong net.toml is refused with the key's path and what was expected, for every key."""

import re
from pathlib import Path

import msgspec
import pytest

from isthmus.config import EXPECTED, BadSpec, NetSpec, parse_spec, read_spec

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "net-toml.md"

WHOLE = """
    [[chains]]
    name = "solo"
    kind = "zone"
    chain_id = "solo-7"
    validators = 2
    denom = "ucoin"
    bech32_prefix = "solo"
    timeout_propose_ms = 900
    timeout_commit_ms = 0
    keep_states = 10
    engine = "isthmus"
    [chains.genesis.validators]
    unbonding_seconds = 60
    [[chains]]
    name = "other"
    [[paths]]
    a = "solo"
    b = "other"
    port = "datagram"
    version = "isthmus-datagram-1"
    ordering = "ordered"
    ibc_v2 = true
    answer_channels = true
    [[accounts]]
    name = "carol"
    balance = 5
    chains = ["solo"]
    [[accounts]]
    name = "relayer"
    [relayer]
    poll_ms = 100
    [broker]
    kind = "external"
    url = "mqtt://user:secret@127.0.0.1:1883"
"""

WRONG = {
    "chains": "[]",
    "chains.name": '"Not A Name"',
    "chains.kind": '"moon"',
    "chains.chain_id": '"-"',
    "chains.validators": "0",
    "chains.denom": '"x"',
    "chains.bech32_prefix": '"Prefix"',
    "chains.timeout_propose_ms": "-1",
    "chains.timeout_commit_ms": "600001",
    "chains.keep_states": "-1",
    "chains.genesis": "3",
    "chains.engine": '"tendermint"',
    "paths": "3",
    "paths.a": '"moon"',
    "paths.b": '"solo"',
    "paths.port": '"x"',
    "paths.version": "1",
    "paths.ordering": '"any"',
    "paths.ibc_v2": '"yes"',
    "paths.answer_channels": "1",
    "accounts": "[]",
    "accounts.name": '"A"',
    "accounts.balance": "0",
    "accounts.chains": '["moon"]',
    "relayer": "1",
    "relayer.poll_ms": "49",
    "broker": "1",
    "broker.kind": '"maybe"',
    "broker.url": '"http://broker"',
}


def keys_of(kind: type, prefix: str = "") -> set[str]:
    """Return every key that the code reads, as a path without positions."""
    found = set()
    for field in msgspec.structs.fields(kind):
        path = prefix + field.name
        found.add(path)
        inner = getattr(field.type, "__args__", (field.type,))[0]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            found |= keys_of(inner, f"{path}.")
    return found


def with_wrong(key: str, wrong: str) -> str:
    """Return the whole description with one key's value replaced by a wrong one."""
    table, _, name = key.rpartition(".")
    if not table or key == "chains.genesis":
        return _without_table(key, wrong) if not table else _inline_genesis(wrong)
    lines = WHOLE.splitlines()
    inside = ""
    for number, line in enumerate(lines):
        header = re.fullmatch(r"\s*\[+([a-z.]+)\]+", line)
        if header:
            inside = header[1]
        if inside == table and line.strip().startswith(f"{name} ="):
            lines[number] = f"{name} = {wrong}"
            return "\n".join(lines)
    raise AssertionError(key)


def _without_table(key: str, wrong: str) -> str:
    kept, inside = [f"{key} = {wrong}"], ""
    for line in WHOLE.splitlines():
        header = re.fullmatch(r"\s*\[+([a-z]+)[a-z.]*\]+", line)
        inside = header[1] if header else inside
        if inside != key:
            kept.append(line)
    return "\n".join(kept)


def _inline_genesis(wrong: str) -> str:
    text = WHOLE.replace("[chains.genesis.validators]", "").replace("unbonding_seconds = 60", "")
    return text.replace("keep_states = 10", f"keep_states = 10\ngenesis = {wrong}")


def test_the_whole_description_is_read() -> None:
    """
    Every key can be given, and what is given is what is used.
    """
    spec = parse_spec(WHOLE)

    assert spec.chain("solo").id == "solo-7"
    assert spec.chain("solo").genesis == {"validators": {"unbonding_seconds": 60}}
    assert spec.accounts[0].balance == 5
    assert spec.relayer.poll_ms == 100
    assert spec.broker.url.startswith("mqtt://")


def test_default_network() -> None:
    """
    No file gives the hub of four validators between two zones.
    """
    spec = parse_spec("")

    assert spec == NetSpec() == read_spec(None)
    assert [(c.name, c.id, c.validators) for c in spec.chains] == [
        ("hub", "hub-1", 4),
        ("zone-a", "zone-a-1", 1),
        ("zone-b", "zone-b-1", 1),
    ]


def test_every_key_has_an_expectation_and_a_refusal() -> None:
    """
    A key that is added without saying what it must be, or without a refusal here, fails.
    """
    assert keys_of(NetSpec) == set(EXPECTED) == set(WRONG)


@pytest.mark.parametrize("key", sorted(WRONG))
def test_a_wrong_value_is_refused_with_path_and_expectation(key: str) -> None:
    """
    Whoever wrote the file reads which key is wrong and what belongs there.
    """
    with pytest.raises(BadSpec) as refused:
        parse_spec(with_wrong(key, WRONG[key]))

    assert re.sub(r"\[\d+\]", "", refused.value.path) == key
    assert str(refused.value).startswith(f"{refused.value.path}: expected {EXPECTED[key]}")


@pytest.mark.parametrize("key", sorted(set(EXPECTED) - {"chains", "paths", "accounts"}))
def test_a_value_of_another_type_is_refused_in_the_same_words(key: str) -> None:
    """
    A list where a scalar or a table belongs is no crash.
    """
    with pytest.raises(BadSpec) as refused:
        parse_spec(with_wrong(key, "[[1]]"))

    assert re.sub(r"\[\d+\]", "", refused.value.path) == key
    assert EXPECTED[key] in str(refused.value)


@pytest.mark.parametrize(
    ("toml", "path", "expected"),
    [
        ("chains = [", "net.toml", "TOML"),
        ("x = 1\n" * 60_000, "net.toml", "at most"),
        ('[[chains]]\nname = "a"\nvalidators = "4"', "chains[0].validators", "whole number"),
        ('[[chains]]\nname = "a"\nvalidator = 1', "chains[0].validator", "some of name, kind"),
        ("[[chains]]\nvalidators = 1", "chains[0].name", "small letter"),
        ('[[chains]]\nname = "a"\n[[chains]]\nname = "a"', "chains[1].name", "a is taken"),
        ('[[chains]]\nname = "relayer"', "chains[0].name", "relayer is taken"),
        ('[[chains]]\nname = "a"\nkind = "moon"', "chains[0].kind", "zone"),
        ('[[chains]]\nname = "a"\nchain_id = "' + "x" * 51 + '"', "chains[0].chain_id", "50"),
        (
            '[[chains]]\nname = "a"\n[chains.genesis.x]\ny = [1.5]',
            "chains[0].genesis.x.y[0]",
            "whole",
        ),
        ('[[paths]]\na = "hub"\nb = "zone-c"', "paths[0].b", "zone-b"),
        ('[[paths]]\na = "hub"\nb = "hub"', "paths[0].b", "another"),
        ('[[paths]]\na = "hub"', "paths[0].b", "name of another chain"),
        ('paths = [{a="hub",b="zone-a"},{a="zone-a",b="hub"}]', "paths", "paths[1] repeats"),
        ('[[accounts]]\nname = "x"', "accounts", "relayer"),
        ('[[accounts]]\nname = "relayer"\nchains = ["moon"]', "accounts[0].chains[0]", "hub"),
        ('[broker]\nkind = "external"', "broker.url", "mqtt://"),
        ('[broker]\nurl = "mqtt://x"', "broker.url", "mqtt://"),
        ("moon = 1", "moon", "some of chains, paths, accounts, relayer, broker"),
    ],
)
def test_wrong_spec(toml: str, path: str, expected: str) -> None:
    """
    The refusal names the key and what belongs there.
    """
    with pytest.raises(BadSpec) as refused:
        parse_spec(toml)

    assert refused.value.path == path
    assert expected in refused.value.expected


def test_missing_file(tmp_path) -> None:
    """
    A file that is not there is a wrong spec, not a crash.
    """
    with pytest.raises(BadSpec, match="readable"):
        read_spec(tmp_path / "net.toml")


def test_the_reference_lists_every_key_with_its_expectation() -> None:
    """
    docs/reference/net-toml.md says of each key what the code says of it, and of no other key.
    """
    rows = dict(re.findall(r"^\| `([a-z0-9_.]+)` \| (.*?) \|", REFERENCE.read_text(), re.MULTILINE))

    assert {key: text.replace("\\|", "|") for key, text in rows.items()} == EXPECTED


def test_the_reference_names_every_default() -> None:
    """
    A default in the reference is the code's.
    """
    rows = re.findall(
        r"^\| `([a-z0-9_.]+)` \| .*? \| (.*?) \|$", REFERENCE.read_text(), re.MULTILINE
    )
    told = {key: text.strip("`") for key, text in rows}

    for kind, prefix in _tables(NetSpec):
        for field in msgspec.structs.fields(kind):
            path = prefix + field.name
            if isinstance(field.default, (str, int)) and field.default not in ("", ()):
                is_flag = isinstance(field.default, bool)
                default = str(field.default).lower() if is_flag else str(field.default)
                assert told[path] == default, path


def test_the_example_of_the_reference_is_a_network() -> None:
    """
    What a reader copies is accepted.
    """
    text = REFERENCE.read_text()
    lines = text[text.index("    [[chains]]") :].splitlines()
    example = [line for line in lines if line.startswith("    ")]

    spec = parse_spec("paths = []\n" + "\n".join(example))
    assert spec.chain("hub").genesis["gov"] == {"voting_seconds": 30}


def _tables(kind: type, prefix: str = ""):
    yield kind, prefix
    for field in msgspec.structs.fields(kind):
        inner = getattr(field.type, "__args__", (field.type,))[0]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield from _tables(inner, f"{prefix}{field.name}.")
