"""The relayer's settings: right ones are read, wrong ones are named by their place."""

import tomllib

import pytest

from ibc.ics04_channel.types import Order
from relayer.config import parse_settings
from relayer.errors import WrongSetting
from relayer.limits import POLL_INTERVAL_NS

GOOD = f"""
trusting_period_s = 600
mqtt_url = "mqtt://127.0.0.1:1883"
[[chains]]
id = "hub-1"
rpc = ["http://127.0.0.1:26657"]
private_key = "{"11" * 32}"
address_prefix = "iso"
fee_denom = "stake"
gas_price_millionths = 2500
[[chains]]
id = "zone-a"
rpc = ["http://127.0.0.1:26667"]
private_key = "{"22" * 32}"
address_prefix = "zone"
fee_denom = "atoken"
[[paths]]
name = "a-hub"
a = "zone-a"
b = "hub-1"
channels = [
  {{ port_a = "transfer", port_b = "transfer", version = "ics20-1" }},
  {{ port_a = "datagram", port_b = "datagram", version = "datagram-1", ordering = "ordered" }},
]
"""


def test_settings_are_read() -> None:
    """
    Chains, paths, channels and periods; the key does not show in what is printed.
    """
    settings = parse_settings(tomllib.loads(GOOD))

    assert [chain.chain_id for chain in settings.chains] == ["hub-1", "zone-a"]
    assert settings.paths[0].channels[1].ordering is Order.ORDERED
    assert not settings.paths[0].has_v2
    assert parse_settings(tomllib.loads(GOOD + "ibc_v2 = true\n")).paths[0].has_v2
    assert settings.trusting_period_ns == 600 * 10**9
    assert "1111" not in repr(settings)
    assert str(settings.chains[0].private_key) not in repr(settings)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('b = "hub-1"', 'b = "hub-2"', r"paths\[0\]\.b"),
        ('b = "hub-1"', 'b = "zone-a"', r"paths\[0\]\.b"),
        ('id = "zone-a"', 'id = "hub-1"', "chains: expected each chain once"),
        ('b = "hub-1"', 'b = "hub-1"\nanswer_channels = 1', r"paths\[0\]\.answer_channels"),
        ('b = "hub-1"', 'b = "hub-1"\nibc_v2 = "yes"', r"paths\[0\]\.ibc_v2"),
        ("22" * 32, "22" * 31, r"chains\[1\]\.private_key"),
        ('["http://127.0.0.1:26657"]', "[]", r"chains\[0\]\.rpc"),
        ('["http://127.0.0.1:26657"]', '["127.0.0.1"]', r"chains\[0\]\.rpc"),
        ("= 2500", "= -1", "gas_price_millionths"),
        ('"ordered"', '"sorted"', r"paths\[0\]\.channels\[1\]\.ordering"),
        ("= 600", "= 0", "trusting_period_s"),
        ('name = "a-hub"', 'name = "a/hub"', r"paths\[0\]\.name"),
        ('fee_denom = "stake"', "", r"chains\[0\]\.fee_denom"),
    ],
)
def test_a_wrong_setting_is_named(old: str, new: str, where: str) -> None:
    """
    The key's path, and what was expected there.
    """
    with pytest.raises(WrongSetting, match=where):
        parse_settings(tomllib.loads(GOOD.replace(old, new)))


def test_the_poll_interval_is_read_or_refused() -> None:
    """
    In milliseconds; without it, the relayer's own.
    """
    given = parse_settings(tomllib.loads("poll_ms = 120\n" + GOOD))

    assert given.poll_interval_ns == 120_000_000
    assert parse_settings(tomllib.loads(GOOD)).poll_interval_ns == POLL_INTERVAL_NS
    for wrong in ("0", "-1", "1.5", "true", '"fast"'):
        with pytest.raises(WrongSetting, match="poll_ms: expected whole milliseconds"):
            parse_settings(tomllib.loads(f"poll_ms = {wrong}\n" + GOOD))
