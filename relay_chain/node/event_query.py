"""The query language of searches and subscriptions (CometBFT ``libs/pubsub/query``).

``type.key OP value``, joined by AND; OP is one of ``= < <= > >= CONTAINS EXISTS``; a value is
a 'string', a number, ``TIME`` with an RFC 3339 time or ``DATE`` with a date.

In a search all conditions on one event type must hold within ONE event of that type: two
transfers in a transaction do not lend each other their attributes. The tags that the node adds
(``tm.event``, ``tx.hash``, ``tx.height``, ``block.height``) are about the whole transaction or
block. A subscription gets what CometBFT's gets: each condition may hold in another event.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.timestamps import NS_PER_SECOND, parse_rfc3339
from chainkit.primitives.types import TimestampNs
from chainkit.runtime.events import Event
from relay_chain.node.limits import MAX_QUERY_BYTES, MAX_QUERY_CONDITIONS

_FIRST_YEAR, _LAST_YEAR = 1900, 2999
"""CometBFT ``syntax/scanner.go``: other years are refused."""

WHOLE_TAGS = frozenset({"tm.event", "tx.hash", "tx.height", "block.height"})
"""Of the whole transaction or block, added by the node: an application may have ``tx.fee``."""

_NUMBER_AT_START = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_TOKEN = re.compile(
    r"""\s*(?:
      '(?P<string>[^']*)'
    | (?P<time>TIME\s+[0-9A-Z:+.-]+)(?![\w'])
    | (?P<date>DATE\s+[0-9A-Za-z-]+)(?![\w'])
    | (?P<number>\d+(?:\.\d+)?)(?![\w.'-])
    | (?P<word>[^\W\d][\w.-]*)
    | (?P<operator><=|>=|<|>|=)
    )""",
    re.VERBOSE,
)


class BadQuery(RuleBroken):
    """The text is not a query; the message says where."""

    def __init__(self, *, offset: int, reason: str) -> None:
        super().__init__(f"failed to parse query: offset {offset}: {reason}")
        self.offset = offset
        self.reason = reason


class Operator(Enum):
    """What a condition asks."""

    EQUALS = "="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "CONTAINS"
    EXISTS = "EXISTS"


class TokenKind(Enum):
    """What a word of a query is."""

    TAG = "tag"
    STRING = "string"
    NUMBER = "number"
    TIME = "time"
    DATE = "date"
    OPERATOR = "operator"
    AND = "AND"


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a query and where it begins."""

    kind: TokenKind
    text: str
    offset: int


Value = str | Decimal | TimestampNs


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; ``value`` is None for EXISTS."""

    tag: str
    operator: Operator
    value: Value | None
    is_time: bool = False
    is_date: bool = False
    """With ``is_time``: what it is compared with must be a date, not a time."""

    @property
    def event_type(self) -> str:
        """The part of the tag before its last dot."""
        return self.tag.rpartition(".")[0] or self.tag

    @property
    def key(self) -> str:
        """The part of the tag after its last dot; "" if it has none."""
        return self.tag.rpartition(".")[2] if "." in self.tag else ""


@dataclass(frozen=True, slots=True)
class Query:
    """Conditions that must all hold."""

    text: str
    conditions: tuple[Condition, ...]


def scan(text: str) -> tuple[Token, ...]:
    """Return the words of a query.

    Raises:
        BadQuery: At the first thing that is no word.
    """
    tokens: list[Token] = []
    offset = 0
    while text[offset:].strip():
        match = _TOKEN.match(text, offset)
        if match is None or match.lastgroup is None:
            raise BadQuery(offset=offset, reason=f"invalid input {text[offset:].strip()[:10]!r}")
        tokens.append(_token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        offset = match.end()
    return tuple(tokens)


def _token(group: str, text: str, offset: int) -> Token:
    match group:
        case "string":
            return Token(TokenKind.STRING, text, offset)
        case "number":
            return Token(TokenKind.NUMBER, text, offset)
        case "operator":
            return Token(TokenKind.OPERATOR, text, offset)
        case "time":
            _time(text[4:].strip(), offset)
            return Token(TokenKind.TIME, text[4:].strip(), offset)
        case "date":
            _date(text[4:].strip(), offset)
            return Token(TokenKind.DATE, text[4:].strip(), offset)
        case _:
            if text == "AND":
                return Token(TokenKind.AND, text, offset)
            if text in {"CONTAINS", "EXISTS"}:
                return Token(TokenKind.OPERATOR, text, offset)
            if text in {"TIME", "DATE"}:
                raise BadQuery(offset=offset, reason=f"invalid {text} value")
            return Token(TokenKind.TAG, text, offset)


def _time(text: str, offset: int) -> TimestampNs:
    try:
        time = parse_rfc3339(text)
    except MalformedMessage as error:
        raise BadQuery(offset=offset, reason="invalid TIME value") from error
    if not _FIRST_YEAR <= int(text[:4]) <= _LAST_YEAR:
        raise BadQuery(offset=offset, reason="invalid TIME value")
    return time


def _date(text: str, offset: int) -> TimestampNs:
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text) is None:
        raise BadQuery(offset=offset, reason="invalid DATE value")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise BadQuery(offset=offset, reason="invalid DATE value") from error
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise BadQuery(offset=offset, reason="invalid DATE value")
    return TimestampNs((day - date(1970, 1, 1)).days * 86_400 * NS_PER_SECOND)


def parse_query(text: str) -> Query:
    """Return the query that a text says.

    Raises:
        BadQuery: It says none, is no text that UTF-8 can write, or is over
            ``MAX_QUERY_BYTES`` or ``MAX_QUERY_CONDITIONS``.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise BadQuery(offset=error.start, reason="half of a surrogate pair") from error
    if size > MAX_QUERY_BYTES:
        raise BadQuery(offset=MAX_QUERY_BYTES, reason="maximum query length exceeded")
    tokens = scan(text)
    end = Token(TokenKind.AND, "end of query", len(text))
    conditions: list[Condition] = []
    position = 0
    while True:
        rest = (*tokens[position : position + 3], end, end, end)
        condition, used = _condition(rest[0], rest[1], rest[2])
        conditions.append(condition)
        position += used
        if position == len(tokens):
            break
        if tokens[position].kind is not TokenKind.AND:
            raise BadQuery(offset=tokens[position].offset, reason="wanted AND")
        position += 1
    if len(conditions) > MAX_QUERY_CONDITIONS:
        raise BadQuery(offset=0, reason=f"more than {MAX_QUERY_CONDITIONS} conditions")
    return Query(text, tuple(conditions))


def _condition(  # noqa: C901 - one arm a kind of word
    tag: Token, operator: Token, value: Token
) -> tuple[Condition, int]:
    if tag.kind is not TokenKind.TAG:
        raise BadQuery(offset=tag.offset, reason=f"got {tag.text[:20]!r}, wanted tag")
    if operator.kind is not TokenKind.OPERATOR:
        got = operator.kind.value if operator.text != "end of query" else operator.text
        raise BadQuery(offset=operator.offset, reason=f"got {got}, wanted an operator")
    asked = Operator(operator.text)
    if asked is Operator.EXISTS:
        return Condition(tag.text, asked, None), 2
    if asked is Operator.CONTAINS and value.kind is not TokenKind.STRING:
        raise BadQuery(offset=value.offset, reason="wanted string")
    match value.kind:
        case TokenKind.STRING:
            if asked not in {Operator.EQUALS, Operator.CONTAINS}:
                raise BadQuery(offset=value.offset, reason="wanted number, time or date")
            return Condition(tag.text, asked, value.text), 3
        case TokenKind.NUMBER:
            return Condition(tag.text, asked, Decimal(value.text)), 3
        case TokenKind.TIME:
            return Condition(tag.text, asked, _time(value.text, value.offset), is_time=True), 3
        case TokenKind.DATE:
            day = _date(value.text, value.offset)
            return Condition(tag.text, asked, day, is_time=True, is_date=True), 3
        case TokenKind.TAG | TokenKind.OPERATOR | TokenKind.AND:
            raise BadQuery(offset=value.offset, reason=f"got {value.text[:20]!r}, wanted a value")


def value_matches(condition: Condition, text: str) -> bool:
    """Return whether an attribute's value satisfies a condition.

    A number is compared with the number at the value's start ("100stake" is 100), a time
    with a value that is an RFC 3339 time, a date with a date; anything else does not match.
    """
    wanted = condition.value
    if condition.operator is Operator.EXISTS or wanted is None:
        return True
    if isinstance(wanted, str):
        return wanted in text if condition.operator is Operator.CONTAINS else wanted == text
    if condition.is_time:
        actual: Decimal | int | None = _time_of(text, is_date=condition.is_date)
    else:
        match = _NUMBER_AT_START.match(text)
        actual = Decimal(match[0]) if match else None
    return actual is not None and _compare(actual, condition.operator, wanted)


def _compare(actual: Decimal | int, operator: Operator, wanted: Decimal | int) -> bool:
    match operator:
        case Operator.EQUALS:
            return actual == wanted
        case Operator.LESS:
            return actual < wanted
        case Operator.AT_MOST:
            return actual <= wanted
        case Operator.GREATER:
            return actual > wanted
        case Operator.AT_LEAST:
            return actual >= wanted
        case Operator.CONTAINS | Operator.EXISTS:
            return True


def _time_of(text: str, *, is_date: bool) -> TimestampNs | None:
    try:
        return _date(text, 0) if is_date else parse_rfc3339(text)
    except (BadQuery, MalformedMessage):
        return None


def _holds_in(condition: Condition, event: Event) -> bool:
    if condition.tag == event.type:  # the type alone stands for an empty value
        return value_matches(condition, "")
    if not condition.tag.startswith(event.type):
        return False
    return any(
        condition.tag == f"{event.type}.{name}" and value_matches(condition, value)
        for name, value in event.attributes
    )


def matches(query: Query, events: Sequence[Event]) -> bool:
    """Return whether a search with this query finds what emitted the events."""
    types: dict[str, list[Condition]] = {}
    for condition in query.conditions:
        if condition.tag not in WHOLE_TAGS:
            types.setdefault(condition.event_type, []).append(condition)
        elif not any(_holds_in(condition, event) for event in events):
            return False
    return all(
        any(all(_holds_in(c, event) for c in conditions) for event in events)
        for conditions in types.values()
    )


def matches_anywhere(query: Query, events: Sequence[Event]) -> bool:
    """Return whether a subscription with this query gets what emitted the events."""
    return all(any(_holds_in(c, event) for event in events) for c in query.conditions)
