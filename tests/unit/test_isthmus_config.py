"""A wrong net.toml is refused with the key's path and what was expected."""

import pytest

from isthmus.config import BadSpec, NetSpec, parse_spec, read_spec


def test_default_network():
    """No file gives the hub of four validators between two zones."""
    spec = parse_spec("")

    assert spec == NetSpec() == read_spec(None)
    assert [(c.name, c.id, c.validators) for c in spec.chains] == [
        ("hub", "hub-1", 4),
        ("zone-a", "zone-a-1", 1),
        ("zone-b", "zone-b-1", 1),
    ]


def test_small_network():
    """Every key can be given."""
    spec = parse_spec("""
        paths = []
        [[chains]]
        name = "solo"
        chain_id = "solo-7"
        validators = 2
        timeout_commit_ms = 0
        [[accounts]]
        name = "carol"
        balance = 5
        chains = ["solo"]
        [relayer]
        poll_ms = 100
        [broker]
        kind = "external"
        url = "mqtt://127.0.0.1:1883"
    """)

    assert spec.chain("solo").id == "solo-7"
    assert spec.accounts[0].balance == 5
    assert spec.relayer.poll_ms == 100


@pytest.mark.parametrize(
    ("toml", "path", "expected"),
    [
        ("chains = [", "net.toml", "TOML"),
        ("chains = 3", "chains", "array"),
        ("chains = []", "chains", "1 to 64"),
        ('[[chains]]\nname = "a"\nvalidators = "4"', "chains[0].validators", "int"),
        ('[[chains]]\nname = "a"\nvalidators = 0', "chains[0].validators", ">= 1"),
        ('[[chains]]\nname = "a"\nvalidator = 1', "chains[0].validator", "no such key"),
        ('[[chains]]\nname = "a"\nkind = "moon"', "chains[0].kind", "moon"),
        ('[[chains]]\nname = "A b"', "chains[0].name", "regex"),
        ("[[chains]]\nvalidators = 1", "chains[0]", "name"),
        ('[[chains]]\nname = "a"\n[[chains]]\nname = "a"', "chains[1].name", "new"),
        ('[[chains]]\nname = "a"\nchain_id = "' + "x" * 51 + '"', "chains[0].chain_id", "50"),
        ('[[paths]]\na = "hub"\nb = "zone-c"', "paths[0].b", "zone-b"),
        ('[[paths]]\na = "hub"\nb = "hub"', "paths[0].b", "another"),
        ('[[accounts]]\nname = "x"', "accounts", "relayer"),
        ('[[accounts]]\nname = "relayer"\nchains = ["moon"]', "accounts[0].chains[0]", "hub"),
        ('[[accounts]]\nname = "relayer"\nbalance = 0', "accounts[0].balance", ">= 1"),
        ("[relayer]\npoll_ms = 1", "relayer.poll_ms", ">= 50"),
        ('[broker]\nkind = "external"', "broker.url", "URL"),
        ("moon = 1", "moon", "no such key"),
    ],
)
def test_wrong_spec(toml, path, expected):
    """The refusal names the key and what belongs there."""
    with pytest.raises(BadSpec) as refused:
        parse_spec(toml)

    assert refused.value.path == path
    assert expected in refused.value.expected


def test_missing_file(tmp_path):
    """A file that is not there is a wrong spec, not a crash."""
    with pytest.raises(BadSpec, match="readable"):
        read_spec(tmp_path / "net.toml")
