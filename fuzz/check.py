"""What must hold of a decoder for every input, and the loop that looks for an input where not.

* Total: a value, or a refusal of a named kind; never another exception.
* Bounded: no input takes over ``MAX_SECONDS`` of processor time; memory is limited by the
  runner (``make fuzz``), so that a bomb ends as a ``MemoryError``, which is no refusal.
* Consistent: what was accepted and is written again is accepted again and is the same value.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.primitives.errors import RuleBroken
from fuzz import corpus
from fuzz.discovery import Decoder, decoders
from fuzz.mutate import mutate
from fuzz.targets import TARGETS
from ibc.ics02_client.port import AnyValue
from relayer.errors import WrongSetting

MAX_SECONDS = 2.0
"""Processor time of one input; the largest inputs take milliseconds."""

ALLOWED: dict[str, tuple[type[Exception], ...]] = {
    "relayer.config.parse_settings": (WrongSetting,),
    "relay_chain.node.config_reading.parse_duration": (ValueError,),
}
"""Named refusals that are no :class:`RuleBroken`, by decoder."""


MAX_GROWN = 64
MAX_GROWN_CHARACTERS = 20_000
"""Accepted mutants that are begun from again: how many, and how long."""

_EMPTY: dict[str, object] = {
    "bytes": b"",
    "text": "",
    "json": None,
    "json_object": {},
    "any": AnyValue("", b""),
    "proto_any": AnyProto(),
}
"""Where a target without seeds begins."""


class TooSlow(Exception):
    """An input took more processor time than any input may."""


class NotTheSame(Exception):
    """What was decoded, encoded and decoded again is another value, or is refused."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to fuzz."""

    name: str
    kind: str
    run: Callable[[object], object]
    seeds: Sequence[object]
    crashers: Sequence[object]
    allowed: tuple[type[Exception], ...]


@dataclass(frozen=True, slots=True)
class Crash:
    """An input that a target did not survive."""

    target: Target
    value: object
    error: BaseException


@dataclass(slots=True)
class Tally:
    """What a run of one target saw. Mutable: it counts."""

    tried: int = 0
    accepted: int = 0
    slowest_s: float = 0.0


def targets() -> list[Target]:
    """Return every target, by name."""
    found = [_of_decoder(decoder) for decoder in decoders()[0]]
    for each in TARGETS:
        stored, crashers = corpus.load(each.name, each.kind)
        seeds = (*each.seeds(), *stored)
        found.append(Target(each.name, each.kind, each.run, seeds, crashers, each.allowed))
    return sorted(found, key=lambda target: target.name)


def _of_decoder(decoder: Decoder) -> Target:
    seeds, crashers = corpus.load(decoder.name, decoder.kind)
    allowed = (RuleBroken, *ALLOWED.get(decoder.name, ()))

    def run(value: object) -> object:
        decoded = decoder(value)
        if decoder.encoder is not None and decoded is not None:
            _require_same(decoder, decoded)
        return decoded

    return Target(decoder.name, decoder.kind, run, seeds, crashers, allowed)


def _require_same(decoder: Decoder, decoded: object) -> None:
    assert decoder.encoder is not None
    encoded = decoder.encoder(decoded)
    try:
        again = decoder(encoded)
    except RuleBroken as refusal:
        raise NotTheSame(f"its own encoding is refused: {refusal}") from refusal
    if again != decoded:
        raise NotTheSame(f"{decoded!r} became {again!r}"[:500])


def try_value(target: Target, value: object, tally: Tally) -> Crash | None:
    """Give a target one value; return a crash if it is one."""
    began = time.thread_time()
    try:
        target.run(value)
        tally.accepted += 1
    except target.allowed:
        pass
    except Exception as error:  # noqa: BLE001 - anything else is what the fuzzer looks for
        return Crash(target, value, error)
    spent = time.thread_time() - began
    tally.tried += 1
    tally.slowest_s = max(tally.slowest_s, spent)
    if spent > MAX_SECONDS:
        return Crash(target, value, TooSlow(f"{spent:.1f} s"))
    return None


def fuzz(target: Target, seed: int, goes_on: Callable[[int], bool]) -> tuple[Tally, Crash | None]:
    """Feed a target until ``goes_on`` (given the count) says no, or it crashes."""
    tally = Tally()
    rng = random.Random(f"{seed} {target.name}")
    for value in (*target.seeds, *target.crashers):
        crash = try_value(target, value, tally)
        if crash is not None:
            return tally, crash
    grown = list(target.seeds) or [_EMPTY[target.kind]]
    while goes_on(tally.tried):
        value = mutate(rng, target.kind, rng.choice(grown), target.seeds)
        before = tally.accepted
        crash = try_value(target, value, tally)
        if crash is not None:
            return tally, crash
        # An accepted mutant is a new place to begin from: it may be far from every seed.
        is_taken = tally.accepted > before and len(grown) < MAX_GROWN and rng.random() < 0.2
        if is_taken and len(repr(value)) < MAX_GROWN_CHARACTERS:
            grown.append(value)
    return tally, None
