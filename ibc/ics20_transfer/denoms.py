"""Denominations with the channels they came by (ICS-20, "Denomination traces").

ibc-go takes ``{client type}-N`` as a hop's second part beside ``channel-N``; ibc-rs takes
``channel-N`` after a valid port only. We do as ibc-go: both name the voucher by the hash of
the whole path, so the balance is the same either way.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from chainkit.primitives.amounts import parse_denom
from chainkit.primitives.hashing import sha256
from chainkit.primitives.limits import MAX_DENOM_HOPS
from chainkit.primitives.types import ChannelId, Denom, Hash32, PortId
from ibc.ics20_transfer.errors import InvalidDenom
from ibc.ics24_host.identifiers import (
    is_channel_format,
    is_client_format,
    parse_channel_id,
    parse_port_id,
)

VOUCHER_PREFIX = "ibc"
_CACHED = 64
"""Vouchers' names that are remembered; a packet's is asked for several times."""
_HASH = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hop:
    """A port and channel of a receiving chain."""

    port_id: PortId
    channel_id: ChannelId

    def __str__(self) -> str:
        return f"{self.port_id}/{self.channel_id}"


@dataclass(frozen=True, slots=True)
class TracedDenom:
    """A base denomination and the hops it came by, the last chain's first."""

    base: str
    trace: tuple[Hop, ...] = ()

    def path(self) -> str:
        """Return the text that packets carry: the hops, then the base."""
        return "/".join([*map(str, self.trace), self.base])

    def hash(self) -> Hash32:
        """Return SHA-256 of the path."""
        return sha256(self.path().encode())

    def is_native(self) -> bool:
        """Return whether it came by no channel."""
        return not self.trace

    def has_prefix(self, port_id: PortId, channel_id: ChannelId) -> bool:
        """Return whether the last hop was this port and channel."""
        return self.trace[:1] == (Hop(port_id, channel_id),)

    def local_denom(self) -> Denom:
        """Return the name in the ledger: the base, or ``ibc/{HASH}`` of a voucher."""
        return _local_denom(self)

    def arrived_by(self, port_id: PortId, channel_id: ChannelId) -> "TracedDenom":
        """Return the denomination with one more hop."""
        return replace(self, trace=(Hop(port_id, channel_id), *self.trace))

    def returned(self) -> "TracedDenom":
        """Return the denomination without its last hop."""
        assert self.trace
        return replace(self, trace=self.trace[1:])

    def sort_key(self) -> tuple[str, int, str]:
        """Return ibc-go's order: base, number of hops, path."""
        return self.base, len(self.trace), self.path()


@lru_cache(_CACHED)
def _local_denom(denom: TracedDenom) -> Denom:
    if denom.is_native():
        return Denom(denom.base)
    return Denom(f"{VOUCHER_PREFIX}/{denom.hash().hex().upper()}")


def split_trace(
    parts: list[str], is_hop: Callable[[str, str], bool]
) -> tuple[tuple[Hop, ...], list[str]]:
    """Return the longest run of hops at the start, and the parts after it."""
    index = 0
    while index + 1 < len(parts) and is_hop(parts[index], parts[index + 1]):
        index += 2
    hops = tuple(Hop(PortId(parts[at]), ChannelId(parts[at + 1])) for at in range(0, index, 2))
    return hops, parts[index:]


def extract_denom(path: str) -> TracedDenom:
    """Return what a denomination's path says (ibc-go ``ExtractDenomFromPath``); never refuses."""
    parts = path.split("/")
    if len(parts) <= 2:
        return TracedDenom(path)
    trace, rest = split_trace(
        parts, lambda _port, channel: is_channel_format(channel) or is_client_format(channel)
    )
    return TracedDenom("/".join(rest), trace)


def validate_hop(hop: Hop) -> None:
    """Refuse a hop whose parts are not identifiers."""
    parse_port_id(hop.port_id)
    parse_channel_id(hop.channel_id)


def validate_denom(denom: TracedDenom) -> None:
    """Refuse a blank base, a hop that is none, and more than 16 hops.

    Raises:
        InvalidDenom: The base is blank or there are too many hops.
        InvalidIdentifier: A hop is not a port and a channel.
    """
    if not denom.base.strip():
        raise InvalidDenom("base denomination cannot be blank")
    if len(denom.trace) > MAX_DENOM_HOPS:
        raise InvalidDenom(f"{len(denom.trace)} hops")
    for hop in denom.trace:
        validate_hop(hop)


def validate_denoms(denoms: Iterable[TracedDenom]) -> None:
    """Refuse a list with an invalid denomination or one listed twice."""
    seen: set[Hash32] = set()
    for denom in denoms:
        if denom.hash() in seen:
            raise InvalidDenom(f"duplicated denomination {denom.path()[:140]!r}")
        validate_denom(denom)
        seen.add(denom.hash())


def parse_local_denom(text: str) -> Denom:
    """Return a ledger's denomination, refusing ``ibc`` without a hash behind it.

    Raises:
        MalformedMessage: Not a denomination at all.
        InvalidDenom: It starts as a voucher and has no 32-byte hash.
    """
    denom = parse_denom(text)
    first, _, rest = text.partition("/")
    if first == VOUCHER_PREFIX and _HASH.fullmatch(rest) is None:
        raise InvalidDenom(f"{text[:140]!r} is not ibc/{{hash}}")
    return denom


def parse_voucher_hash(text: str) -> Hash32:
    """Return the 32 bytes that hex text writes.

    Raises:
        InvalidDenom: Another form.
    """
    if _HASH.fullmatch(text) is None:
        raise InvalidDenom(f"{text[:80]!r} is not a hash")
    return Hash32(bytes.fromhex(text))
