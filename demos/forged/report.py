"""What the scenario found, for a person and as one JSON line."""

from collections.abc import Mapping
from dataclasses import dataclass

MIN_ATTEMPTS = 2_000
MIN_CLASSES_THROUGH_RPC = 15


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; its fields are those of the JSON line."""

    attempts: int
    accepted: int
    """Forgeries after which the state differs from that of the original."""
    accepted_forgeries: tuple[str, ...]
    inert: int
    """Forgeries that lead to the very state that the original leads to."""
    inert_by_class: Mapping[str, int]
    refused: int
    refusals: Mapping[str, int]
    """By codespace, code and name."""
    classes: Mapping[str, int]
    classes_through_rpc: int
    through_rpc: tuple[Mapping[str, object], ...]
    """Class, forgery, height and refusal of each forgery in a real block."""
    judged_otherwise: tuple[str, ...]
    """Forgeries that a real block answers in another way than the copied state did."""
    at_the_door: Mapping[str, str]
    """With which name the mempool refuses what is a no-op in a block."""
    blocks_compared: int
    fee_changes: int
    signing_record_changes: int
    """Who signed how many blocks: every block begins with it, whatever it holds."""
    other_changes: tuple[str, ...]
    """What blocks of forgeries changed beside fee and sequence; empty, or a defect."""
    originals: Mapping[str, bool]
    """Whether the true messages were accepted by the real chain afterwards."""
    seconds: float
    seconds_by_part: Mapping[str, float]

    def failures(self) -> tuple[str, ...]:
        """Return what does not hold; empty when the demo succeeded."""
        refused = [name for name, accepted in self.originals.items() if not accepted]
        checks = (
            (not self.accepted, f"accepted: {'; '.join(self.accepted_forgeries)}"),
            (
                self.attempts > MIN_ATTEMPTS,
                f"{self.attempts} attempts, expected over {MIN_ATTEMPTS}",
            ),
            (
                self.classes_through_rpc >= MIN_CLASSES_THROUGH_RPC,
                (
                    f"{self.classes_through_rpc} classes through RPC, expected "
                    f"{MIN_CLASSES_THROUGH_RPC} or more"
                ),
            ),
            (
                not self.judged_otherwise,
                f"the network judged otherwise: {'; '.join(self.judged_otherwise)}",
            ),
            (not self.other_changes, f"state changed: {'; '.join(self.other_changes)}"),
            (all(self.at_the_door.values()), f"the mempool took a no-op: {self.at_the_door}"),
            (not refused, f"true messages were refused: {', '.join(refused)}"),
        )
        return tuple(text for holds, text in checks if not holds)


def describe(report: Report) -> str:
    """Return the report for a person."""
    lines = [
        "",
        f"  forgeries          {report.attempts}",
        f"  accepted           {report.accepted}",
        f"  inert              {report.inert} (the same state as the original leads to)",
        f"  refused            {report.refused}",
        *(f"    {count:>6}  {name}" for name, count in report.refusals.items()),
        (
            f"  through RPC        {len(report.through_rpc)} in {report.blocks_compared} blocks, "
            f"of {report.classes_through_rpc} classes"
        ),
        *(
            f"    {each['class']:<26} block {each['height']}: {each['refusal']}"
            for each in report.through_rpc
        ),
        (
            f"  all stores         {len(report.other_changes)} changes beside "
            f"{report.fee_changes} of fees and sequences"
        ),
        (
            f"  true messages      {sum(report.originals.values())} of "
            f"{len(report.originals)} accepted"
        ),
        f"  seconds            {report.seconds}",
    ]
    return "\n".join(lines)
