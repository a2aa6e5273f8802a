"""Identifiers of clients, connections, channels and ports (ICS-24, "Identifiers")."""

import re

from chainkit.primitives.limits import UINT64_MAX
from chainkit.primitives.types import ChannelId, ClientId, ConnectionId, PortId
from ibc.errors import IbcError

_CHARACTERS = re.compile(r"[a-zA-Z0-9._+\-#\[\]<>]+", re.ASCII)
_CLIENT_FORMAT = re.compile(r"(\w+(?:[\w-]+\w)?)-(\d{1,20})", re.ASCII)
_NUMBER = re.compile(r"\d{1,20}", re.ASCII)
_MAX_LENGTH = 64
_MAX_PORT_LENGTH = 128

CHANNEL_PREFIX = "channel-"
CONNECTION_PREFIX = "connection-"
LOCALHOST = ClientId("09-localhost")


class InvalidIdentifier(IbcError):
    """A text breaks the rules of an identifier (ibc-go codespace ``host``)."""

    codespace = "host"
    code = 2
    reason = "invalid identifier"
    is_bad_argument = True


class InvalidPath(IbcError):
    """A text is not a path of the store."""

    codespace = "host"
    code = 3
    reason = "invalid path"


def check_identifier(text: str, minimum: int, maximum: int) -> None:
    """Check the characters and the length of an identifier.

    Raises:
        InvalidIdentifier: The length is not ``minimum`` to ``maximum``, or a character is
            not one of letters, digits and ``._+-#[]<>``.
    """
    if not minimum <= len(text) <= maximum or _CHARACTERS.fullmatch(text) is None:
        raise InvalidIdentifier(f"{text[:140]!r} as identifier of {minimum} to {maximum}")


def parse_client_id(text: str) -> ClientId:
    """Return a client id: 4 to 64 characters."""
    check_identifier(text, 4, _MAX_LENGTH)
    return ClientId(text)


def parse_connection_id(text: str) -> ConnectionId:
    """Return a connection id: 10 to 64 characters."""
    check_identifier(text, 10, _MAX_LENGTH)
    return ConnectionId(text)


def parse_channel_id(text: str) -> ChannelId:
    """Return a channel id: 8 to 64 characters."""
    check_identifier(text, 8, _MAX_LENGTH)
    return ChannelId(text)


def parse_port_id(text: str) -> PortId:
    """Return a port id: 2 to 128 characters."""
    check_identifier(text, 2, _MAX_PORT_LENGTH)
    return PortId(text)


def parse_sequence_after(text: str, prefix: str) -> int:
    """Return N of ``{prefix}{N}``, a decimal of at most 64 bits.

    Raises:
        InvalidIdentifier: Another form.
    """
    number = text.removeprefix(prefix)
    if not text.startswith(prefix) or _NUMBER.fullmatch(number) is None:
        raise InvalidIdentifier(f"{text[:140]!r} is not {prefix}N")
    if int(number) > UINT64_MAX:
        raise InvalidIdentifier(f"{text[:140]!r} has a number over 64 bits")
    return int(number)


def parse_channel_sequence(text: str) -> int:
    """Return N of ``channel-N``."""
    return parse_sequence_after(text, CHANNEL_PREFIX)


def parse_connection_sequence(text: str) -> int:
    """Return N of ``connection-N``."""
    return parse_sequence_after(text, CONNECTION_PREFIX)


def parse_client_sequence(text: str) -> tuple[str, int]:
    """Return (client type, N) of ``{client type}-{N}``; the localhost client is N = 0.

    Raises:
        InvalidIdentifier: Another form.
    """
    if text == LOCALHOST:
        return text, 0
    # The length first: the pattern takes the square of it.
    match = _CLIENT_FORMAT.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if match is None or int(match[2]) > UINT64_MAX:
        raise InvalidIdentifier(f"{text[:140]!r} is not {{client type}}-N")
    return match[1], int(match[2])


def is_channel_format(text: str) -> bool:
    """Return whether the text is ``channel-N``."""
    try:
        parse_channel_sequence(text)
    except InvalidIdentifier:
        return False
    return True


def is_client_format(text: str) -> bool:
    """Return whether the text is ``{client type}-N``."""
    try:
        parse_client_sequence(text)
    except InvalidIdentifier:
        return False
    return True


def check_path(text: str) -> None:
    """Check that a path has at least two parts, each an identifier of 1 to 64 characters.

    Raises:
        InvalidPath: There is no separator.
        InvalidIdentifier: A part is not an identifier.
    """
    parts = text.split("/")
    if len(parts) < 2:
        raise InvalidPath(f"{text[:140]!r} has no separator")
    for part in parts:
        check_identifier(part, 1, _MAX_LENGTH)
