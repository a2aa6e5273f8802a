"""Times as whole nanoseconds, and their RFC 3339 text as Go prints it."""

import re
from datetime import UTC, datetime

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import DurationNs, TimestampNs

NS_PER_SECOND = 1_000_000_000
GO_ZERO_TIME_NS = TimestampNs(-62_135_596_800 * NS_PER_SECOND)
"""Go's zero ``time.Time``, 0001-01-01T00:00:00Z: what CometBFT writes for "no time"."""

_MAX_SECONDS = 253_402_300_799
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)


def split_timestamp(time: TimestampNs) -> tuple[int, int]:
    """Return (seconds, nanos) of a ``google.protobuf.Timestamp``; nanos is 0 to 999,999,999."""
    return divmod(time, NS_PER_SECOND)


def join_timestamp(seconds: int, nanos: int) -> TimestampNs:
    """Return the time of a ``google.protobuf.Timestamp``.

    Raises:
        MalformedMessage: Outside years 1 to 9999, or nanos outside 0 to 999,999,999.
    """
    if not GO_ZERO_TIME_NS // NS_PER_SECOND <= seconds <= _MAX_SECONDS:
        raise MalformedMessage(f"timestamp of {seconds} seconds is outside years 1 to 9999")
    if not 0 <= nanos < NS_PER_SECOND:
        raise MalformedMessage(f"timestamp has {nanos} nanoseconds")
    return TimestampNs(seconds * NS_PER_SECOND + nanos)


def format_rfc3339(time: TimestampNs) -> str:
    """Return Go's ``RFC3339Nano`` text in UTC: trailing zeros of the fraction dropped."""
    seconds, nanos = split_timestamp(time)
    days, second_of_day = divmod(seconds, 86_400)
    date = datetime.fromordinal(days + 719_163)
    hour, rest = divmod(second_of_day, 3_600)
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return (
        f"{date.year:04d}-{date.month:02d}-{date.day:02d}"
        f"T{hour:02d}:{rest // 60:02d}:{rest % 60:02d}{fraction}Z"
    )


def parse_rfc3339(text: str) -> TimestampNs:
    """Return the time that an RFC 3339 text names.

    Raises:
        MalformedMessage: Not such a text, or a date that does not exist.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise MalformedMessage(f"not an RFC 3339 time: {text[:40]!r}")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise MalformedMessage(f"not a date: {text[:40]!r}") from error
    seconds = (moment.toordinal() - 719_163) * 86_400 + hour * 3_600 + minute * 60 + second
    zone = match[8]
    if zone != "Z":
        offset = int(zone[1:3]) * 3_600 + int(zone[4:6]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    return join_timestamp(seconds, int((match[7] or "").ljust(9, "0")))


def seconds_to_ns(seconds: int) -> DurationNs:
    """Return a duration of whole seconds in nanoseconds."""
    return DurationNs(seconds * NS_PER_SECOND)
