"""The same traffic with a zone at peace and with the zone hostile in each of five ways."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demos.isolation.attacks import ATTACKS, HOSTILE, VICTIM, Attack, impersonate
from demos.isolation.world import ROOM, World
from demos.story import Story
from isthmus.cli.output import Output

ZONES = ("north", "south", "west", HOSTILE)
CALM = tuple(name for name in ZONES if name != HOSTILE)
WARM_UP = 5
BLOCKS = 30
DEPOSIT = 500
"""What a user of another zone had in the zone before it turned hostile."""
LEAST = 0.9
PAYMENT = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run."""

    packets: int
    """Packets between the other zones that arrived."""
    blocks: int
    isolated_after: int | None
    """Blocks of the hub until the zone was cut off; None if it never was."""
    reason: str
    level: int
    kept_out: int
    """Messages that the mempool did not take."""
    lost: int
    """Base units of others that the zone took, or that cannot leave it."""
    limit: int
    """What the zone held of others when it turned."""

    def per_block(self) -> float:
        """Return the others' packets in a block of the hub."""
        return self.packets / self.blocks


def run(attack: Attack | None, *, blocks: int = BLOCKS, gated: bool = True) -> Outcome:
    """Return what came of the traffic with or without an attack."""
    world = World(ZONES, gated=gated)
    world.send(VICTIM, HOSTILE, DEPOSIT)
    for _ in range(WARM_UP):
        _traffic(world)
        world.block()
    before, refused = _delivered(world), world.refused
    limit = world.held(VICTIM, HOSTILE)
    assert limit == DEPOSIT, "the deposit arrived while the zone was at peace"
    isolated_after = None
    for number in range(1, blocks + 1):
        if attack is not None:
            attack(world)
        _traffic(world)
        world.block()
        if world.isolated(HOSTILE) and isolated_after is None:
            isolated_after = number
    reason = world.isolated(HOSTILE)
    stuck = world.held(VICTIM, HOSTILE) if reason else 0
    return Outcome(
        packets=_delivered(world) - before,
        blocks=blocks,
        isolated_after=isolated_after,
        reason=reason,
        level=world.level(HOSTILE),
        kept_out=world.refused - refused,
        lost=limit - world.held(VICTIM, HOSTILE) + stuck,
        limit=limit,
    )


def _traffic(world: World) -> None:
    """Let a user of each of the other zones pay one of the next."""
    for sender, receiver in zip(CALM, CALM[1:] + CALM[:1], strict=True):
        world.send(sender, receiver, PAYMENT)


def _delivered(world: World) -> int:
    return sum(world.zones[name].delivered for name in CALM)


class IsolationDemo:
    """The demo, as ``isthmus demo`` runs it."""

    summary = "one zone turns hostile in five ways; the others keep their throughput"

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; nothing is kept in ``home``, since all is in this process.

        Returns:
            Whether the others kept their throughput, no loss passed its limit, and who was
            hostile was cut off.
        """
        del home
        with Story() as story:
            calm = run(None)
            story.say(f"undisturbed: {calm.per_block():.2f} packets of the others a block")
            outcomes = {}
            for name, attack in ATTACKS.items():
                outcomes[name] = run(attack)
                story.say(_line(name, outcomes[name], calm))
            innocent = run(impersonate)
            story.say(f"forged by a relayer: {_line('the zone', innocent, calm)}")
            open_gate = run(ATTACKS["spamming"], gated=False)
            story.say(f"spamming, without the gate: ratio {_ratio(open_gate, calm):.2f}")
        ratios = {name: _ratio(outcome, calm) for name, outcome in outcomes.items()}
        least = min(ratios.values())
        bounded = all(outcome.lost <= outcome.limit for outcome in outcomes.values())
        cut_off = all(outcome.isolated_after for outcome in outcomes.values())
        values = {
            "ok": least >= LEAST and bounded and cut_off and not innocent.reason,
            "all_isolated": cut_off,
            "least_ratio": least,
            "undisturbed_packets_per_block": calm.per_block(),
            "room_of_a_block": ROOM,
            "attacks": {name: _json(outcome, ratios[name]) for name, outcome in outcomes.items()},
            "forged_by_a_relayer": _json(innocent, _ratio(innocent, calm)),
            "spamming_without_gate_ratio": _ratio(open_gate, calm),
        }
        output.result(
            values,
            lambda: (
                f"the others kept {least:.2f} of their throughput or more; no loss above what"
                " the zone held; every hostile zone was cut off, and none for what a relayer"
                " forged in its name"
            ),
        )
        return bool(values["ok"])


def _ratio(outcome: Outcome, calm: Outcome) -> float:
    return round(outcome.per_block() / calm.per_block(), 3)


def _line(name: str, outcome: Outcome, calm: Outcome) -> str:
    end = (
        f"cut off after {outcome.isolated_after} blocks ({outcome.reason})"
        if outcome.isolated_after
        else "not cut off"
    )
    return (
        f"{name}: ratio {_ratio(outcome, calm):.2f}, {end}, level {outcome.level}, "
        f"{outcome.kept_out} messages kept out, {outcome.lost} lost of at most {outcome.limit}"
    )


def _json(outcome: Outcome, ratio: float) -> Mapping[str, object]:
    return {
        "ratio": ratio,
        "packets_per_block": outcome.per_block(),
        "isolated_after_blocks": outcome.isolated_after,
        "reason": outcome.reason,
        "level": outcome.level,
        "kept_out": outcome.kept_out,
        "lost": outcome.lost,
        "limit": outcome.limit,
    }
