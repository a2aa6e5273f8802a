"""The relayer's settings, read from TOML: chains, and the paths between them."""

import re
from dataclasses import dataclass, field

from chainkit.primitives.types import ChainId, DurationNs, PortId
from ibc.ics04_channel.types import Order
from relayer.errors import WrongSetting
from relayer.limits import POLL_INTERVAL_NS
from relayer.views import PathSpec, WantedChannel

DEFAULT_KIND = "zone"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ChainSettings:
    """How to reach a chain and pay on it."""

    chain_id: ChainId
    rpc_urls: tuple[str, ...]
    private_key: bytes = field(repr=False)
    address_prefix: str
    fee_denom: str
    gas_price_millionths: int
    kind: str = DEFAULT_KIND


@dataclass(frozen=True, slots=True)
class RelayerSettings:
    """Everything that a relayer is told."""

    chains: tuple[ChainSettings, ...]
    paths: tuple[PathSpec, ...]
    trusting_period_ns: DurationNs | None
    mqtt_url: str | None
    poll_interval_ns: DurationNs = POLL_INTERVAL_NS


def parse_settings(values: object) -> RelayerSettings:
    """Return the settings in a TOML document that was read.

    Raises:
        WrongSetting: Names the first setting that is missing or wrong.
    """
    document = _table(values, "the file")
    chains = tuple(
        _chain(entry, f"chains[{index}]")
        for index, entry in enumerate(_list(document.get("chains"), "chains"))
    )
    known = {chain.chain_id for chain in chains}
    if len(known) != len(chains):
        raise WrongSetting(setting="chains", expected="each chain once")
    paths = tuple(
        _path(entry, f"paths[{index}]", known)
        for index, entry in enumerate(_list(document.get("paths"), "paths"))
    )
    if len({path.name for path in paths}) != len(paths):
        raise WrongSetting(setting="paths", expected="a different name for each path")
    trusting = document.get("trusting_period_s")
    if trusting is not None and (not isinstance(trusting, int) or trusting <= 0):
        raise WrongSetting(setting="trusting_period_s", expected="whole seconds above 0")
    return RelayerSettings(
        chains=chains,
        paths=paths,
        trusting_period_ns=None if trusting is None else DurationNs(trusting * 10**9),
        mqtt_url=_text(document, "mqtt_url", "") if "mqtt_url" in document else None,
        poll_interval_ns=_poll_interval(document.get("poll_ms")),
    )


def _chain(entry: object, where: str) -> ChainSettings:
    table = _table(entry, where)
    urls = tuple(_string(url, f"{where}.rpc") for url in _list(table.get("rpc"), f"{where}.rpc"))
    if not urls or not all(url.startswith(("http://", "https://")) for url in urls):
        raise WrongSetting(setting=f"{where}.rpc", expected="a list of http:// or https:// URLs")
    key = _text(table, "private_key", where)
    if not re.fullmatch(r"[0-9a-fA-F]{64}", key):
        raise WrongSetting(setting=f"{where}.private_key", expected="32 bytes in hex")
    price = table.get("gas_price_millionths", 0)
    if not isinstance(price, int) or price < 0:
        raise WrongSetting(setting=f"{where}.gas_price_millionths", expected="a whole number")
    return ChainSettings(
        chain_id=ChainId(_text(table, "id", where)),
        rpc_urls=urls,
        private_key=bytes.fromhex(key),
        address_prefix=_text(table, "address_prefix", where),
        fee_denom=_text(table, "fee_denom", where),
        gas_price_millionths=price,
        kind=_text(table, "kind", where) if "kind" in table else DEFAULT_KIND,
    )


def _path(entry: object, where: str, known: set[ChainId]) -> PathSpec:
    table = _table(entry, where)
    name = _text(table, "name", where)
    if not _NAME.fullmatch(name):
        raise WrongSetting(setting=f"{where}.name", expected="letters, digits, '.', '_' or '-'")
    ends = []
    for end in ("a", "b"):
        chain_id = ChainId(_text(table, end, where))
        if chain_id not in known:
            raise WrongSetting(setting=f"{where}.{end}", expected="the id of one of the chains")
        ends.append(chain_id)
    if ends[0] == ends[1]:
        raise WrongSetting(setting=f"{where}.b", expected="another chain than a")
    channels = tuple(
        _channel(channel, f"{where}.channels[{index}]")
        for index, channel in enumerate(_list(table.get("channels"), f"{where}.channels"))
    )
    has_v2 = table.get("ibc_v2", False)
    if not isinstance(has_v2, bool):
        raise WrongSetting(setting=f"{where}.ibc_v2", expected="true or false")
    answers = table.get("answer_channels", False)
    if not isinstance(answers, bool):
        raise WrongSetting(setting=f"{where}.answer_channels", expected="true or false")
    return PathSpec(name, ends[0], ends[1], channels, has_v2, answers)


def _channel(entry: object, where: str) -> WantedChannel:
    table = _table(entry, where)
    ordering = table.get("ordering", "unordered")
    if ordering not in {"ordered", "unordered"}:
        raise WrongSetting(setting=f"{where}.ordering", expected="'ordered' or 'unordered'")
    return WantedChannel(
        port_a=PortId(_text(table, "port_a", where)),
        port_b=PortId(_text(table, "port_b", where)),
        version=_text(table, "version", where),
        ordering=Order.ORDERED if ordering == "ordered" else Order.UNORDERED,
    )


def _poll_interval(value: object) -> DurationNs:
    if value is None:
        return POLL_INTERVAL_NS
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise WrongSetting(setting="poll_ms", expected="whole milliseconds above 0")
    return DurationNs(value * 10**6)


def _table(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise WrongSetting(setting=where, expected="a table")
    return value


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise WrongSetting(setting=where, expected="a list")
    return value


def _string(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise WrongSetting(setting=where, expected="a text")
    return value


def _text(table: dict[str, object], name: str, where: str) -> str:
    return _string(table.get(name), f"{where}.{name}" if where else name)
