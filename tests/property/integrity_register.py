"""What level each chain has, and whether it is cut off, judged from facts, block by block.

As ``integrity_judge``: nothing here imports the product's integrity levels.
"""

from collections import Counter
from dataclasses import dataclass

HUB = "hub"
TOP = 4
FRAUDS = ("proof", "ledger")


@dataclass(frozen=True)
class Terms:
    """What the hub's parameters are, in blocks and epochs."""

    epoch: int
    rise: int
    delay: int
    hold: int
    quota: int
    flood: int
    stale: int
    fraud: int
    sources: int
    window: int


class Register:
    """The chains as a run leaves them."""

    def __init__(self, levels: dict[str, int], bound: set[str], terms: Terms) -> None:
        self.terms = terms
        self.bound = bound
        """Zones that the hub was told of; others are of level 0."""
        self.levels = {name: levels[name] if name in bound | {HUB} else 0 for name in levels}
        self.facts = {name: (level, level) for name, level in levels.items()}
        self.caps = dict.fromkeys(levels, TOP)
        self.rising: dict[str, int] = {}
        self.confirmed: dict[str, int] = {}
        self.fell: dict[str, tuple[int, int]] = {}
        """The height of a chain's last fall, and the level before it."""
        self.cheated: dict[str, int] = {}
        self.isolated: dict[str, str] = {}
        self.accepted: Counter[tuple[str, int]] = Counter()
        self.full: dict[str, tuple[int, int]] = {}
        """The last epoch in which a quota was used up, and how many in a row."""
        self.seen: dict[str, str] = {}
        self.silent: Counter[str] = Counter()
        self.measured = 0
        self.due: set[str] = set()
        """Chains that the next block must look at."""

    def epoch(self, height: int) -> int:
        return height // self.terms.epoch

    def describe(self, name: str, level: int) -> None:
        """A chain was described anew: it starts at a level."""
        self.levels[name] = level
        self.facts[name] = (level, level)
        self.caps[name] = TOP
        for memory in (self.rising, self.confirmed, self.fell, self.cheated):
            memory.pop(name, None)

    # --- levels -------------------------------------------------------------------------

    def measure(self, name: str, height: int) -> None:
        """A fall is whole and at once; a rise is of one level, and waits for its confirmation."""
        epoch = self.epoch(height)
        cheated = self.cheated.get(name)
        sound = cheated is None or epoch - self.epoch(cheated) >= self.terms.fraud
        target = min(*self.facts[name], self.caps[name]) if sound else 0
        now = self.levels[name]
        if target < now:
            self.fell[name] = (height, now)
            self.levels[name] = target
        elif target > now and name not in self.rising:
            self.rising[name] = epoch
            return
        elif target > now:
            waited = self.confirmed.get(name)
            if waited is None or epoch < waited + self.terms.delay:
                return
            self.levels[name] = now + 1
        self.rising.pop(name, None)
        self.confirmed.pop(name, None)

    def may_confirm(self, name: str, height: int) -> bool:
        since = self.rising.get(name)
        waits = since is not None and self.epoch(height) - since >= self.terms.rise
        return waits and name not in self.confirmed

    def before_fall(self, name: str, height: int) -> int:
        """Return the level that what is under way was sent with."""
        fell = self.fell.get(name)
        if fell is None or height > fell[0] + self.terms.hold:
            return self.levels[name]
        return max(self.levels[name], fell[1])

    # --- isolation ----------------------------------------------------------------------

    def convict(self, name: str, height: int, reason: str) -> int:
        """A fraud is proved; return from where on what the zone brought is doubtful."""
        self.isolated[name] = reason
        self.cheated[name] = height
        self.due.add(name)
        return max((self.epoch(height) - 1) * self.terms.epoch, 1)

    def count(self, zone: str, height: int) -> bool:
        """Count an accepted packet; return whether the quota allowed it."""
        if zone not in self.bound:
            return True
        epoch = self.epoch(height)
        self.accepted[zone, epoch] += 1
        if self.accepted[zone, epoch] == self.terms.quota:
            last, row = self.full.get(zone, (-2, 0))
            row = row + 1 if row and last == epoch - 1 else 1
            self.full[zone] = (epoch, row)
            if row >= self.terms.flood:
                self.isolated[zone] = "quota"
        return self.accepted[zone, epoch] <= self.terms.quota

    def reinstate(self, name: str) -> None:
        self.isolated.pop(name, None)
        self.full.pop(name, None)

    def block(self, height: int, seen: dict[str, str], frozen: set[str]) -> dict[str, int]:
        """A block began; ``seen`` are the clients' heights, ``frozen`` those that are frozen.

        Returns:
            From which height on lots are doubtful, of zones that were convicted now.
        """
        boundary = self.epoch(height) > self.epoch(self.measured)
        self.measured = height
        doubtful = {}
        known = self.bound | {HUB}
        for name in known if boundary else self.due | {HUB}:
            if boundary and name in self.bound:
                moved = seen[name] != self.seen.get(name, "")
                self.seen[name] = seen[name]
                self.silent[name] = 0 if moved else self.silent[name] + 1
            if name in frozen and self.isolated.get(name) != "proof":
                doubtful[name] = self.convict(name, height, "proof")
            elif name in self.bound and name not in self.isolated:
                if self.silent[name] >= self.terms.stale:
                    self.isolated[name] = "silence"
            elif self.isolated.get(name) == "silence" and not self.silent[name]:
                del self.isolated[name]
            self.measure(name, height)
        self.due.clear()
        return doubtful
