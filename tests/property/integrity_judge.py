"""What must hold of a hub and its zones, judged from the outside.

Nothing here imports the product's integrity levels: data is read as JSON, labels are computed
anew, and of lots the judge knows nothing. It counts: of each denomination, no more units may lie
in chains of a level and above than ever came with that level and above.
"""

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.property.integrity_register import FRAUDS, HUB, TOP, Register, Terms


@dataclass(frozen=True)
class Asset:
    """What a packet of ICS-20 moves, as the hub's side names it."""

    denom: str
    amount: int
    sender: str
    receiver: str
    comes_home: bool
    """Whether a zone sends back what the hub sent it."""
    onward: str = ""
    """The hub's channel that it goes on over; empty where it ends."""
    goes_home: bool = False
    carries: bool = False


def local(trace: str) -> str:
    """Return a chain's name for a trace (ICS-20)."""
    if "/" not in trace:
        return trace
    return "ibc/" + hashlib.sha256(trace.encode()).hexdigest().upper()


def read(packet, traces: dict[str, str]) -> Asset:
    """Return what a packet to the hub moves; ``traces`` learns the hub's names."""
    data = json.loads(packet.data)
    prefix = f"{packet.source_port}/{packet.source_channel}/"
    home = data["denom"].startswith(prefix)
    here = f"{packet.destination_port}/{packet.destination_channel}/"
    trace = data["denom"].removeprefix(prefix) if home else here + data["denom"]
    traces[local(trace)] = trace
    memo = json.loads(data.get("memo") or "{}")
    forward = memo.get("forward", {})
    channel = forward.get("channel", "")
    return Asset(
        local(trace),
        int(data["amount"]),
        data["sender"],
        forward.get("receiver", data["receiver"]),
        home,
        channel,
        bool(channel) and trace.startswith(f"transfer/{channel}/"),
        "next" in forward or (not channel and bool(data.get("memo"))),
    )


@dataclass
class Word:
    """A source's word for a datum, as the test gave it."""

    operator: str
    chain: str
    account: str
    height: int


@dataclass
class Datum:
    """What was said of a datum up to one level."""

    words: list[Word] = field(default_factory=list)
    spent: bool = False
    """Used or false."""
    challenged: bool = False


class Breach(AssertionError):
    """Something low reached something higher, or value came from nowhere."""


class Judge:
    """Keeps the books of a run."""

    def __init__(self, register: Register, operators: dict[str, str], terms: Terms) -> None:
        self.register = register
        self.levels, self.isolated = register.levels, register.isolated
        self.operators = operators
        self.terms = terms
        self.floors: dict[tuple[str, str], int] = {}
        self.demoting: set[str] = set()
        self.strictly: set[str] = set()
        """Chains whose channel lets only strictly higher data in."""
        self.arrived: dict[str, Counter[int]] = defaultdict(Counter)
        self.out: dict[str, dict[object, tuple[str, int, int]]] = defaultdict(dict)
        self.burned: dict[object, Counter[int]] = {}
        self.brought: dict[object, tuple[str, int, int]] = {}
        self.returned: dict[object, tuple[str, list]] = {}
        self.escrows: dict[str, str] = {}
        """The hub's escrows that hold something, by address: of which zone's channel."""
        self.said: dict[tuple[object, int], Datum] = {}
        self.log: list[tuple[int, str, str, int, object]] = []
        """Units that came: height, denomination, zone, amount, packet."""
        self.departed: list[tuple[int, str, int]] = []
        self.frozen: dict[str, dict[str, int]] = {}
        """By chain and denomination: what must not leave the hub's accounts."""

    # --- levels -------------------------------------------------------------------------

    def label(self, zone: str, port: str = "transfer") -> int:
        """Return what the word of a zone's port is worth."""
        return min(self.levels[zone], self.floors.get((zone, port), TOP))

    def own(self, denom: str, amount: int) -> None:
        """Note coins that never left the hub."""
        self.arrived[denom][TOP + 1] += amount

    # --- endorsements -------------------------------------------------------------------

    def say(self, datum: object, level: int, word: Word) -> None:
        """Note a source's word that the hub took."""
        self.said.setdefault((datum, level), Datum()).words.append(word)

    def lift(self, zone: str, datum: object, wanted: int, sender: str, height: int) -> int:
        """Return the level to which independent words lift a datum now; -1 for none. Uses it up."""
        for level in range(wanted, TOP + 1):
            found = self.said.get((datum, level))
            if found is None or found.spent or found.challenged:
                continue
            first: dict[str, int] = {}
            for word in sorted(found.words, key=lambda each: each.height):
                standing = -2 if word.chain in self.isolated else self.levels[word.chain]
                independent = word.operator != self.operators[zone] and word.account != sender
                if independent and standing >= level - 1:
                    first.setdefault(word.operator, word.height)
            heights = sorted(first.values())
            if (
                len(heights) >= self.terms.sources
                and height >= heights[self.terms.sources - 1] + self.terms.window
            ):
                found.spent = True
                return level
        return -1

    def may_speak(self, zone: str, datum: object, level: int, word: Word) -> bool:
        """Return whether the hub may take a source's word."""
        found = self.said.get((datum, level), Datum())
        standing = -2 if word.chain in self.isolated else self.levels[word.chain]
        spoken = {each.operator for each in found.words}
        alone = word.operator == self.operators[zone] or word.chain == zone
        closed = found.spent or found.challenged
        return not (alone or closed or word.operator in spoken) and standing >= level - 1

    # --- what the hub accepted ----------------------------------------------------------

    def accept(
        self,
        zone: str,
        height: int,
        wanted: int,
        *,
        label: int,
        what: str,
        target: str = "",
        strict: bool = False,
    ) -> None:
        """Judge that the hub took a zone's packet."""
        if zone in self.isolated or target in self.isolated:
            raise Breach(f"{what}: {zone} or {target} is cut off")
        if not self.register.count(zone, height):
            raise Breach(f"{what}: more packets of {zone} in an epoch than its quota")
        if wanted > self.levels[HUB]:
            raise Breach(f"{what}: the hub is below {wanted}")
        if label < wanted:
            raise Breach(f"{what}: label {label} of {zone} for level {wanted}")
        if strict and label == wanted:
            raise Breach(f"{what}: an equal label on a channel that wants more")

    def accept_asset(
        self, key: object, zone: str, packet, asset: Asset, target: str, height: int
    ) -> None:
        """Judge that the hub took an asset, which perhaps goes on to ``target``."""
        label = self.label(zone)
        if target and not (asset.goes_home and not asset.carries):
            wanted = self.levels[target]
            below = label < wanted or (target in self.strictly and label == wanted)
            if below and target in self.demoting:
                lowest = min(label, self.floors.get((target, "transfer"), TOP))
                self.floors[target, "transfer"] = lowest
                wanted = 0
            elif below:
                datum = (zone, packet.destination_port, packet.destination_channel, packet.data)
                label = max(label, self.lift(zone, datum, wanted, asset.sender, height))
            limit = wanted if target not in self.demoting else 0
            strict = target in self.strictly and target not in self.demoting
            self.accept(
                zone, height, limit, label=label, what="a forward", target=target, strict=strict
            )
        else:
            self.accept(zone, height, 0, label=label, what="an asset", target=target)
        rises = asset.goes_home and target and self.label(zone) < self.levels[target]
        if rises and (asset.carries or not asset.receiver.isalnum()):
            raise Breach("an asset that rose carried more than a receiver")
        if not asset.onward and asset.receiver in self.escrows:
            raise Breach(f"{zone} pays into an escrow of the hub")
        if asset.comes_home:
            taken, missing = self._take(asset.denom, zone, asset.amount)
            if missing:
                raise Breach(f"{zone} returned {missing}{asset.denom} more than it was sent")
            self.returned[key] = (asset.denom, taken)
        else:
            self.arrived[asset.denom][label] += asset.amount
            self.brought[key] = (asset.denom, label, asset.amount)
            self.log.append((height, asset.denom, zone, asset.amount, key))

    def taken_back(self, key: object) -> None:
        """Note that a packet which was to go on was refused after all."""
        if key in self.brought:
            denom, label, amount = self.brought.pop(key)
            self.arrived[denom][label] -= amount
            self.log = [entry for entry in self.log if entry[4] != key]
        if key in self.returned:
            denom, taken = self.returned.pop(key)
            for sent, zone, level, part in taken:
                held = self.out[denom].get(sent, (zone, level, 0))[2]
                self.out[denom][sent] = (zone, level, held + part)

    def best(self, denom: str) -> int:
        """Return the highest label of any unit that came; -1 where none did."""
        return max((label for label, n in self.arrived[denom].items() if n), default=-1)

    # --- quarantine ---------------------------------------------------------------------

    def freeze(self, zone: str, since: int) -> None:
        """Note that what a zone brought from a height on must stay, as far as it is here."""
        came: Counter[str] = Counter()
        for height, denom, source, amount, _ in self.log:
            if source == zone and height >= since:
                came[denom] += amount
        gone: Counter[str] = Counter()
        for height, denom, amount in self.departed:
            if height >= since:
                gone[denom] += amount
        self.frozen[zone] = {denom: max(came[denom] - gone[denom], 0) for denom in came}

    # --- what the hub sent --------------------------------------------------------------

    def sent(
        self, key: object, denom: str, amount: int, zone: str, *, home: bool, height: int
    ) -> None:
        """Judge that the hub sent an asset."""
        self.departed.append((height, denom, amount))
        if zone in self.isolated:
            raise Breach(f"{zone} is cut off and was sent {denom}")
        if home:
            gone: Counter[int] = Counter()
            for label in sorted(self.arrived[denom]):
                part = min(amount - gone.total(), self.arrived[denom][label])
                gone[label] += part
                self.arrived[denom][label] -= part
            self.burned[key] = gone
            return
        if zone in self.demoting:
            best = self.best(denom)
            floor = min(best, self.floors.get((zone, "transfer"), TOP))
            if best < self.levels[zone]:
                self.floors[zone, "transfer"] = floor
        level = 0 if zone in self.demoting else self.levels[zone] + (zone in self.strictly)
        if zone not in self.demoting and self.levels[zone] > self.levels[HUB]:
            raise Breach(f"the hub sent above itself, to {zone}")
        self.out[denom][key] = (zone, level, amount)
        self.count(denom)

    def refunded(self, key: object, denom: str, zone: str, amount: int) -> None:
        """Judge that what the hub sent is its user's again."""
        if key in self.burned:
            self.arrived[denom] += self.burned.pop(key)
            return
        left = self.out[denom].pop(key)[2]
        missing = self._take(denom, zone, amount - left)[1]
        if missing:
            raise Breach(f"a refund of {missing}{denom} that {zone} has sent back")

    def holds(self, denom: str, zone: str) -> int:
        """Return what a zone may send back."""
        return sum(left for where, _, left in self.out[denom].values() if where == zone)

    def inflates(self, zone: str, asset: Asset) -> bool:
        """Return whether a packet says that a zone has more than it was sent."""
        return asset.comes_home and asset.amount > self.holds(asset.denom, zone)

    def convict(self, zone: str, height: int) -> None:
        """Note that a zone's own packet convicts it."""
        if zone in self.register.bound and self.isolated.get(zone) not in FRAUDS:
            self.freeze(zone, self.register.convict(zone, height, "ledger"))

    def hold(self, zone: str, height: int, wanted: int) -> None:
        """Judge that the hub keeps a zone's packet back."""
        was = self.register.before_fall(zone, height)
        if min(was, self.floors.get((zone, "transfer"), TOP)) < wanted:
            raise Breach(f"a packet of {zone} waits that was never good for {wanted}")

    def _take(self, denom: str, zone: str, amount: int) -> tuple[list, int]:
        """Take units off what lies in a zone, the highest first: it might be those."""
        there = [(at, key) for key, (where, at, _) in self.out[denom].items() if where == zone]
        taken = []
        for level, key in sorted(there, key=lambda pair: -pair[0]):
            held = self.out[denom][key][2]
            part = min(amount, held)
            amount -= part
            self.out[denom][key] = (zone, level, held - part)
            if part:
                taken.append((key, zone, level, part))
        return taken, amount

    def count(self, denom: str) -> None:
        """Compare what lies high with what came high."""
        for level in range(1, TOP + 2):
            high = sum(amount for _, at, amount in self.out[denom].values() if at >= level)
            came = sum(n for label, n in self.arrived[denom].items() if label >= level)
            if high > came:
                raise Breach(f"{high}{denom} in chains of {level} or more; {came} came so high")
