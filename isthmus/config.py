"""``net.toml``: which chains, validators, paths and accounts a local network has.

What is left out has its default, and no file at all gives the hub of four validators with
two zones. A wrong file is refused with the path of the key and what was expected there.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.limits import MAX_CHAIN_ID_BYTES
from isthmus.default_levels import default_levels
from isthmus.discovery import chain_kind_names

MAX_SPEC_BYTES = 262_144
MAX_CHAINS = 64
MAX_VALIDATORS = 100

_WHERE = re.compile(r"^(?P<problem>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]*)`")
_BROKER_URL = re.compile(r"mqtt://(?:[^/@\s]+@)?[^/@:\s]+(?::\d{1,5})?")
_POSITION = re.compile(r"\[[^\]]*\]")

EXPECTED = {
    "chains": f"1 to {MAX_CHAINS} tables [[chains]]",
    "chains.name": "a small letter, then at most 30 of a-z, 0-9 and -; new, none of ours",
    "chains.kind": "an installed chain kind",
    "chains.chain_id": f"a new id: a letter, then A-Z a-z 0-9 . _ -; at most {MAX_CHAIN_ID_BYTES}",
    "chains.validators": f"a whole number from 1 to {MAX_VALIDATORS}",
    "chains.denom": "a small letter, then 2 to 15 of a-z and 0-9",
    "chains.bech32_prefix": "1 to 16 small letters",
    "chains.timeout_propose_ms": "whole milliseconds from 0 to 600000",
    "chains.timeout_commit_ms": "whole milliseconds from 0 to 600000",
    "chains.keep_states": "a whole number, 0 or more",
    "chains.genesis": "tables by module, of texts, whole numbers, booleans and lists",
    "chains.engine": '"isthmus" or "cometbft"',
    "paths": "tables [[paths]], each joining two chains over a port once",
    "paths.a": "the name of a chain",
    "paths.b": "the name of another chain than a",
    "paths.port": "2 to 128 of A-Z, a-z, 0-9 and . _ + # < > -",
    "paths.version": "a text",
    "paths.ordering": '"unordered" or "ordered"',
    "paths.answer_channels": "true or false: open channels that others begin between the two too",
    "paths.ibc_v2": "true or false: packets of IBC v2 between the two clients too",
    "accounts": 'tables [[accounts]], with one named "relayer" where there are paths',
    "accounts.name": "a small letter, then at most 30 of a-z, 0-9 and -; new",
    "accounts.balance": "a whole number from 1 to 2^63 - 1",
    "accounts.chains": "a list of names of chains",
    "relayer": "a table [relayer]",
    "relayer.poll_ms": "whole milliseconds from 50 to 60000",
    "broker": "a table [broker]",
    "broker.kind": '"embedded", "external" or "none"',
    "broker.url": 'mqtt://[user:password@]host[:port] with kind = "external", else nothing',
}
"""What each key of net.toml must be, by its path without positions."""

RESERVED_NAMES = frozenset({"relayer", "logs", "broker", "up"})
"""Names that a network's home or its processes have already."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
ChainIdText = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z][A-Za-z0-9._-]*)?$")]
DenomText = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9]{2,15}$")]
PrefixText = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{1,16}$")]
PortText = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._+#<>-]{2,128}$")]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=600_000)]
Amount = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


class BadSpec(RuleBroken):
    """The network's description is wrong at one key."""

    def __init__(self, *, path: str, expected: str) -> None:
        super().__init__(f"{path}: expected {expected}")
        self.path = path
        self.expected = expected


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A TOML table whose unknown keys are refused."""


class ChainSpec(_Table, frozen=True):
    """One ``[[chains]]``; times in milliseconds."""

    name: Name
    kind: Name = "zone"
    """One of the installed kinds."""
    chain_id: ChainIdText = ""
    """``name-1`` where it is left out, so that its IBC revision is 1."""
    validators: Annotated[int, msgspec.Meta(ge=1, le=MAX_VALIDATORS)] = 1
    denom: DenomText = "stake"
    bech32_prefix: PrefixText = "isthmus"
    timeout_propose_ms: Milliseconds = 1_000
    timeout_commit_ms: Milliseconds = 500
    keep_states: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Recent states that a node keeps; 0 keeps all."""
    genesis: dict[str, object] = {}
    """Parts of the genesis state that differ from the kind's, by module."""
    engine: Literal["isthmus", "cometbft"] = "isthmus"
    """What decides its blocks: our engine, or CometBFT over ABCI, for kinds that can have it."""

    @property
    def id(self) -> str:
        """The chain id."""
        return self.chain_id or f"{self.name}-1"


class PathEndSpec(_Table, frozen=True):
    """One ``[[paths]]``: two chains that the relayer joins, by their names."""

    a: Name
    b: Name
    port: PortText = "transfer"
    version: str = "ics20-1"
    ordering: Literal["unordered", "ordered"] = "unordered"
    ibc_v2: bool = False
    answer_channels: bool = False


class AccountSpec(_Table, frozen=True):
    """One ``[[accounts]]``: a key that is funded in genesis, base units of the chain's denom."""

    name: Name
    balance: Amount = 1_000_000_000_000
    chains: tuple[Name, ...] = ()
    """Chains on which it is funded; all where it is left out."""


class RelayerSpec(_Table, frozen=True):
    """``[relayer]``."""

    poll_ms: Annotated[int, msgspec.Meta(ge=50, le=60_000)] = 500


class BrokerSpec(_Table, frozen=True):
    """``[broker]``: which MQTT broker wakes the relayer."""

    kind: Literal["embedded", "external", "none"] = "embedded"
    url: str = ""


_CHAINS = (
    ChainSpec(
        name="hub",
        kind="hub",
        validators=4,
        denom="uisth",
        genesis={"integrity": default_levels("isthmus", "uisth")},
    ),
    ChainSpec(name="zone-a", denom="utoka"),
    ChainSpec(name="zone-b", denom="utokb"),
)
_PATHS = (PathEndSpec(a="zone-a", b="hub"), PathEndSpec(a="hub", b="zone-b"))
_ACCOUNTS = (AccountSpec(name="alice"), AccountSpec(name="bob"), AccountSpec(name="relayer"))


class NetSpec(_Table, frozen=True):
    """A whole network."""

    chains: tuple[ChainSpec, ...] = _CHAINS
    paths: tuple[PathEndSpec, ...] = _PATHS
    accounts: tuple[AccountSpec, ...] = _ACCOUNTS
    relayer: RelayerSpec = RelayerSpec()
    broker: BrokerSpec = BrokerSpec()

    def chain(self, name: str) -> ChainSpec:
        """Return the chain of that name, which must be one of the spec's."""
        return next(chain for chain in self.chains if chain.name == name)


def parse_spec(toml: str) -> NetSpec:
    """Return the network that a TOML text describes.

    Raises:
        BadSpec: Not TOML, an unknown key, a value of another form, or names that do not
            fit together; path and expectation are named.
    """
    if len(toml.encode(errors="replace")) > MAX_SPEC_BYTES:
        raise BadSpec(path="net.toml", expected=f"at most {MAX_SPEC_BYTES} bytes")
    try:
        values = tomllib.loads(toml)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is no TOMLDecodeError
        raise BadSpec(path="net.toml", expected=f"TOML: {error}") from error
    try:
        spec = msgspec.convert(values, NetSpec)
    except msgspec.ValidationError as error:
        raise _located(str(error)) from error
    _check_chains(spec)
    _check_paths(spec)
    _check_accounts(spec)
    is_url = _BROKER_URL.fullmatch(spec.broker.url) is not None
    if not (is_url if spec.broker.kind == "external" else not spec.broker.url):
        raise _bad("broker.url")
    return spec


def with_broker(spec: NetSpec, url: str) -> NetSpec:
    """Return the network with a broker at a URL in place of its own.

    Raises:
        BadSpec: It is no URL of a broker.
    """
    if _BROKER_URL.fullmatch(url) is None:
        raise _bad("broker.url")
    return msgspec.structs.replace(spec, broker=BrokerSpec(kind="external", url=url))


def read_spec(path: Path | None) -> NetSpec:
    """Return the network of a file, or the default one.

    Raises:
        BadSpec: As :func:`parse_spec`, or the file cannot be read.
    """
    if path is None:
        return NetSpec()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSpec(path=str(path), expected=f"a readable text file: {error}") from error
    return parse_spec(text)


def _bad(path: str, more: str = "") -> BadSpec:
    """Return the refusal of a key by its path, which may have positions."""
    key = _POSITION.sub("", path)
    # Below a table of anybody's own keys, what the table must be is what is expected.
    while key not in EXPECTED:
        key = key.rpartition(".")[0]
    return BadSpec(path=path, expected=EXPECTED[key] + more)


def _located(message: str) -> BadSpec:
    """Turn msgspec's text into a key's path and what was expected there."""
    match = _WHERE.match(message)
    assert match is not None
    path = (match["path"] or "$").removeprefix("$").removeprefix(".")
    unknown = _UNKNOWN.match(match["problem"])
    if unknown is not None:
        table = _POSITION.sub("", path)
        prefix = f"{table}." if table else ""
        known = [
            key.removeprefix(prefix)
            for key in EXPECTED
            if key.startswith(prefix) and "." not in key.removeprefix(prefix)
        ]
        return BadSpec(
            path=f"{path}.{unknown['key']}".removeprefix("."),
            expected=f"no such key, but some of {', '.join(known)}",
        )
    missing = _MISSING.match(match["problem"])
    if missing is not None:
        path = f"{path}.{missing['key']}".removeprefix(".")
    return _bad(path)


def _check_chains(spec: NetSpec) -> None:
    kinds = chain_kind_names()
    if not 1 <= len(spec.chains) <= MAX_CHAINS:
        raise _bad("chains")
    names: set[str] = set()
    ids: set[str] = set()
    for index, chain in enumerate(spec.chains):
        where = f"chains[{index}]"
        if chain.name in names or chain.name in RESERVED_NAMES:
            raise _bad(f"{where}.name", f", but {chain.name} is taken")
        if chain.id in ids or len(chain.id) > MAX_CHAIN_ID_BYTES:
            raise _bad(f"{where}.chain_id")
        if chain.kind not in kinds:
            raise _bad(f"{where}.kind", f": {' or '.join(kinds)}")
        _check_genesis(chain.genesis, f"{where}.genesis")
        names.add(chain.name)
        ids.add(chain.id)


def _check_genesis(value: object, path: str) -> None:
    """Refuse what a genesis document cannot hold: floats and TOML's times."""
    match value:
        case dict():
            for key, below in value.items():
                _check_genesis(below, f"{path}.{key}")
        case list():
            for index, below in enumerate(value):
                _check_genesis(below, f"{path}[{index}]")
        case str() | bool() | int():
            return
        case _:
            raise _bad(path)


def _check_paths(spec: NetSpec) -> None:
    names = [chain.name for chain in spec.chains]
    joined: set[tuple[frozenset[str], str]] = set()
    for index, path in enumerate(spec.paths):
        where = f"paths[{index}]"
        for key, name in (("a", path.a), ("b", path.b)):
            if name not in names:
                raise _bad(f"{where}.{key}", f": one of {', '.join(names)}")
        if path.a == path.b:
            raise _bad(f"{where}.b")
        ends = (frozenset({path.a, path.b}), path.port)
        if ends in joined:
            raise _bad("paths", f", but {where} repeats {path.a} and {path.b} over {path.port}")
        joined.add(ends)


def _check_accounts(spec: NetSpec) -> None:
    names = [chain.name for chain in spec.chains]
    seen: set[str] = set()
    for index, account in enumerate(spec.accounts):
        where = f"accounts[{index}]"
        if account.name in seen:
            raise _bad(f"{where}.name", f", but {account.name} is taken")
        seen.add(account.name)
        for place, name in enumerate(account.chains):
            if name not in names:
                raise _bad(f"{where}.chains[{place}]", f": {', '.join(names)}")
    if spec.paths and "relayer" not in seen:
        raise _bad("accounts")
