"""What the hub tells of integrity levels, asked by public RPC, in words for people."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import getmembers, isclass

from chainkit.primitives.errors import MalformedMessage, OperationFailed
from integrity import errors
from isthmus.ports import ChainUser
from parachains.sdk.ibc_queries import QueryFailed
from parachains.sdk.users import NotOffered

SERVICE = "/isthmus.integrity.v1.Query/"
Json = Mapping[str, object]
HUB = "hub"
"""The name under which the hub judges itself."""

EXCEPTIONS = {
    "return": "an asset that goes home, with nothing but a receiver",
    "preimage": "a preimage of a hash that the hub's own user stored",
}
"""Why a packet may rise whatever its label, by what it is."""


class NoHub(OperationFailed):
    """No chain of the network judges integrity."""


@dataclass(frozen=True, slots=True)
class HubView:
    """The chain of a network that keeps levels, and its name."""

    name: str
    user: ChainUser

    async def ask(self, method: str, **request: object) -> Json:
        """Return the answer to one of the hub's questions in JSON's values.

        Raises:
            OperationFailed: The hub answered with an error.
        """
        return await ask(self.user, method, **request)

    async def chains(self) -> tuple[Json, ...]:
        """Return every chain with its axes."""
        return objects(await self.ask("Chains"), "chains")


async def ask(user: ChainUser, method: str, **request: object) -> Json:
    """Return a chain's answer to a question about integrity.

    Raises:
        NotOffered, OperationFailed: The chain has no such questions, or answered with an error.
    """
    return await user.ask("grpc", {"method": SERVICE + method, "request": json.dumps(request)})


async def find_hub(users: Mapping[str, ChainUser], name: str = "") -> HubView:
    """Return the chain that keeps levels: the one of that name, else the first that answers.

    Raises:
        NoHub: None does.
        OperationFailed: A chain does not answer at all.
    """
    for each, user in users.items():
        if name not in {"", each}:
            continue
        try:
            await ask(user, "Params")
        except (NotOffered, QueryFailed):
            continue
        return HubView(each, user)
    raise NoHub(f"no chain keeps integrity levels among {', '.join(users)}")


def rule_names() -> Mapping[int, str]:
    """Return the rules of the codespace ``integrity`` by the codes of their refusals."""
    return {
        error.code: f"{error.rule}: {error.reason}"
        for _, error in getmembers(errors, isclass)
        if issubclass(error, errors.IntegrityRefusal) and error is not errors.IntegrityRefusal
    }


# --- reading JSON -----------------------------------------------------------------------


def objects(value: Json, key: str) -> tuple[Json, ...]:
    """Return a list of objects.

    Raises:
        MalformedMessage: It is none.
    """
    found = value.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise MalformedMessage(f"{key}: expected a list of objects")
    return tuple(found)


def inner(value: Json, key: str) -> Json:
    """Return an object inside another.

    Raises:
        MalformedMessage: It is none.
    """
    found = value.get(key, {})
    if not isinstance(found, Mapping):
        raise MalformedMessage(f"{key}: expected an object")
    return found


def number(value: Json, key: str) -> int:
    """Return a whole number, which protobuf's JSON writes as a text where it may be large.

    Raises:
        MalformedMessage: It is none.
    """
    found = value.get(key, 0)
    try:
        return int(str(found))
    except ValueError as error:
        raise MalformedMessage(f"{key}: expected a whole number") from error


def words(value: Json, key: str) -> tuple[str, ...]:
    """Return a list of texts.

    Raises:
        MalformedMessage: It is none.
    """
    found = value.get(key, [])
    if not isinstance(found, list):
        raise MalformedMessage(f"{key}: expected a list")
    return tuple(map(str, found))


def name_of(view: Json) -> str:
    """Return a chain's name."""
    return str(inner(view, "chain").get("name", ""))


def level_of(view: Json) -> int:
    """Return a chain's level now."""
    return number(inner(inner(view, "chain"), "level"), "level")


# --- words ------------------------------------------------------------------------------


def explain_level(view: Json, changes: Sequence[Json], floors: Sequence[Json]) -> Iterator[str]:
    """Yield why a chain has its level, a line each."""
    chain = inner(view, "chain")
    yield f"{name_of(view)} is of level {level_of(view)}"
    yield from (f"  {line}" for line in _reasons(view))
    if chain.get("isolated"):
        yield f"  isolated since height {chain.get('isolated_at')}: {chain['isolated']}"
    if not chain.get("client_id") and name_of(view) != HUB:
        yield "  no client is bound to it: what comes over a channel counts as level 0"
    yield f"  operator {chain.get('operator') or 'unknown'}, client {chain.get('client_id') or '-'}"
    yield from _axes(view)
    for floor in floors:
        yield (
            f"  its port {floor.get('port')} took data from below and counts as "
            f"{floor.get('level', 0)}"
        )
    for change in changes:
        yield (
            f"  height {change.get('height')}: {change.get('before', 0)} -> "
            f"{change.get('after', 0)}, {change.get('reason')}"
        )


def _reasons(view: Json) -> Iterator[str]:
    """Yield what decides: disqualified, the weakest axes, the cap, or a rise that waits."""
    state = inner(inner(view, "chain"), "level")
    cap, computed = number(state, "cap"), number(view, "computed")
    reasons = words(view, "disqualified")
    if reasons:
        yield f"0 whatever is measured: {'; '.join(reasons)}"
    elif words(view, "weakest"):
        yield f"its axes come to {computed}, by {', '.join(words(view, 'weakest'))}"
    if cap < computed:
        yield f"its operator caps it at {cap}"
    elif computed > level_of(view):
        since = number(state, "above_since")
        began = f"above since epoch {since - 1}, " if since else ""
        yield f"it may rise: {began}governance confirms it after a while"


def _axes(view: Json) -> Iterator[str]:
    """Yield the axes as a table."""
    yield f"  {'axis':<16}{'level':<7}{'score':<30}{'from':<10}facts"
    for axis in objects(view, "axes"):
        reading = inner(axis, "reading")
        source = "declared" if reading.get("declared") else "measured"
        following = number(axis, "next")
        score = str(number(reading, "score"))
        if following:
            score += f" ({following} for the next)"
        yield (
            f"  {reading.get('axis', '')!s:<16}{number(axis, 'level'):<7}{score:<30}"
            f"{source:<10}{reading.get('note', '')}"
        )
    if words(view, "not_applicable"):
        yield f"  does not apply: {', '.join(words(view, 'not_applicable'))}"


def explain_packet(record: Json) -> Iterator[str]:
    """Yield what a packet was made from and why it was let in."""
    label, wanted = number(record, "label"), number(record, "destination_level")
    yield (
        f"from {record.get('source')} to {record.get('destination')}, accepted at height "
        f"{record.get('height')} as {record.get('content')}"
    )
    yield f"  its label is {label}, the destination's level was {wanted}"
    if number(record, "endorsed"):
        names = ", ".join(words(record, "endorsers"))
        yield f"  lifted to {number(record, 'endorsed') - 1} by {names}"
    elif label < wanted:
        how = EXCEPTIONS.get(str(record.get("content")), str(record.get("delivery")))
        yield f"  let in all the same: {how}"
    if record.get("denom"):
        yield f"  {record.get('amount')}{record.get('denom')} for {record.get('receiver')}"
    if words(record, "ancestors"):
        yield f"  made from what came from {', '.join(words(record, 'ancestors'))}"


def explain_contamination(report: Json) -> Iterator[str]:
    """Yield what a chain brought since it is in doubt."""
    state = "in quarantine" if report.get("frozen") else "listed, not frozen"
    yield f"{report.get('chain')}: what it brought since height {report.get('since', 0)} is {state}"
    for packet in objects(report, "packets"):
        asset = f" {packet.get('amount')}{packet.get('denom')}" if packet.get("denom") else ""
        yield (
            f"  packet {packet.get('port')}/{packet.get('channel')}/{packet.get('sequence')} to "
            f"{packet.get('destination')} at height {packet.get('height')}{asset}"
        )
    for key, what in (("holdings", "lot of"), ("passed_on", "passed on over")):
        for holding in objects(report, key):
            for lot in objects(holding, "lots"):
                yield (
                    f"  {what} {holding.get('owner')}: {lot.get('amount')}{holding.get('denom')}, "
                    f"label {lot.get('label', 0)}, source {lot.get('source')}, "
                    f"height {lot.get('height')}"
                )
