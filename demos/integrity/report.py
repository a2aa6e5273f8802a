"""What the scenario found, for a person and as one JSON line."""

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; its fields are those of the JSON line."""

    levels: Mapping[str, int]
    """As the hub rated the chains when it knew their clients."""
    low_to_high_refused: bool
    """With the rule's code, and the sender has everything back."""
    high_to_low_delivered: bool
    """And acknowledged."""
    returned_home: bool
    indirect_refused: bool
    """The low chain's token, sent up by a user of the hub."""
    endorsed_delivered: bool
    """The same approval, after three independent offices have vouched for it."""
    endorsed_once: bool
    """The same approval a second time is refused: the endorsement is used up."""
    fraud_proved: bool
    level_dropped_blocks: int
    """Blocks of the hub between the proof and the fall of the level."""
    quarantined: bool
    """What came from the chain is listed, and its lots do not move."""
    contaminated_packets: int
    contaminated_lots: int
    appeal_upheld: bool
    """And the lot moves again."""
    others_undisturbed: bool
    """After the fraud the other chains still send and receive."""
    supply_agrees: bool
    """The hub's ledger of zones with every chain, over RPC."""
    reasons: Mapping[str, str]
    """The hub's own words for each refusal."""
    seconds: float

    def failures(self) -> tuple[str, ...]:
        """Return what does not hold; empty when the demo succeeded."""
        wrong = [
            each.name.replace("_", " ")
            for each in fields(self)
            if getattr(self, each.name) is False
        ]
        if self.level_dropped_blocks > 1:
            wrong.append(f"the level fell {self.level_dropped_blocks} blocks after the proof")
        return tuple(wrong)


def describe(report: Report) -> str:
    """Return the report for a person."""

    def mark(holds: bool) -> str:
        return "yes" if holds else "NO"

    levels = ", ".join(f"{name} {level}" for name, level in report.levels.items())
    lines = [
        ("levels", levels),
        ("low to high", f"refused: {mark(report.low_to_high_refused)}, and refunded"),
        ("high to low", f"delivered: {mark(report.high_to_low_delivered)}"),
        ("came home", mark(report.returned_home)),
        ("around the rule", f"refused: {mark(report.indirect_refused)}"),
        (
            "three offices",
            (f"lifted it: {mark(report.endorsed_delivered)}, once: {mark(report.endorsed_once)}"),
        ),
        (
            "fraud",
            (
                f"proved: {mark(report.fraud_proved)}, level 0 after "
                f"{report.level_dropped_blocks} block(s)"
            ),
        ),
        (
            "quarantine",
            (
                f"{mark(report.quarantined)}: {report.contaminated_packets} packets, "
                f"{report.contaminated_lots} lots"
            ),
        ),
        ("appeal", f"upheld: {mark(report.appeal_upheld)}"),
        ("the others", f"undisturbed: {mark(report.others_undisturbed)}"),
        ("supply", f"agrees with the chains: {mark(report.supply_agrees)}"),
        *((name.replace("_", " "), words) for name, words in report.reasons.items()),
        ("took", f"{report.seconds} s"),
    ]
    return "\n".join(["", *(f"  {name:<18} {text}" for name, text in lines)])
