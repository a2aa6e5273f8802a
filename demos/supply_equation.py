"""Whether tokens are conserved over chains: escrow equals vouchers and what is on its way.

A second opinion on the ledgers, so it shares no code with them: standard library only.
:class:`SupplyWatch` takes each chain's blocks in order, puts them into an order in which no
packet arrives before it was sent, and after every block compares, for each denomination
that crossed a channel from A to B,

    escrow on A  =  vouchers on B  +  packets A -> B in flight  +  packets B -> A in flight

and, for each chain's own denominations, the supply with that of its first block and what its
rules issued since; and what all accounts of the block's chain hold with its supply. A refused
packet is in flight until its sender is refunded. A denomination or an escrowed balance that
no packet explains is a violation, and so is a packet that arrives without having been sent.

Spec: ICS-20, "Denomination traces"; ADR 001 of ibc-go for the hashed names.
"""

import hashlib
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

MAX_VIOLATIONS = 20
"""So many are told; the first is the one that matters."""

_HOP = re.compile(r"[A-Za-z0-9._+#<>\[\]-]{2,128}/channel-\d{1,20}/")


@dataclass(frozen=True, slots=True)
class End:
    """A channel end: which chain's, and its names there."""

    chain: str
    port: str
    channel: str

    def __str__(self) -> str:
        return f"{self.chain}:{self.port}/{self.channel}"


@dataclass(frozen=True, slots=True)
class PacketId:
    """A packet by where it was sent from."""

    source: End
    sequence: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A chain sent tokens; ``path`` is the packet's denomination."""

    packet: PacketId
    destination: End
    path: str
    amount: int


@dataclass(frozen=True, slots=True)
class Received:
    """The destination took a packet."""

    packet: PacketId


@dataclass(frozen=True, slots=True)
class Answered:
    """The destination wrote the acknowledgement."""

    packet: PacketId
    accepted: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """The source learned of the acknowledgement: delivered, or refunded."""

    packet: PacketId


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The source refunded a packet that did not arrive in time."""

    packet: PacketId


Fact = Sent | Received | Answered | Settled | TimedOut


@dataclass(frozen=True, slots=True)
class Block:
    """What one chain's block did, and what its ledger held after it; amounts in base units."""

    chain: str
    height: int
    time_ns: int
    facts: tuple[Fact, ...]
    supply: Mapping[str, int]
    escrows: Mapping[End, Mapping[str, int]]
    """Balances of the escrow accounts of this chain's channel ends."""
    held: Mapping[str, int] | None = None
    """What all accounts together hold; None where it was not asked."""
    issued: Mapping[str, int] = field(default_factory=dict)
    """What the chain's rules let the block add to the supply, such as a miner's subsidy."""


class _Stage(Enum):
    SENT = "sent"
    RECEIVED = "received"
    DELIVERED = "delivered"
    REFUSED = "refused"
    DONE = "done"


_IN_FLIGHT = (_Stage.SENT, _Stage.REFUSED)


@dataclass(slots=True)
class _Packet:
    sent: Sent
    stage: _Stage = _Stage.SENT


@dataclass(slots=True)
class _ChainState:
    waiting: deque[Block] = field(default_factory=deque)
    first: Mapping[str, int] | None = None
    last: Block | None = None
    issued: Counter[str] = field(default_factory=Counter)
    """Since the first block."""


@dataclass(frozen=True, slots=True)
class Route:
    """A denomination that crosses a channel: escrowed at ``home``, a voucher at ``away``."""

    home: End
    away: End
    path: str
    """Its name in packets that leave ``home``."""

    @property
    def escrowed(self) -> str:
        """Its name in the ledger at home."""
        return local_name(self.path)

    @property
    def voucher_path(self) -> str:
        """Its name in packets that leave ``away``."""
        return f"{self.away.port}/{self.away.channel}/{self.path}"

    @property
    def voucher(self) -> str:
        """Its name in the ledger away."""
        return local_name(self.voucher_path)


def local_name(path: str) -> str:
    """Return a ledger's name of a denomination: itself, or ``ibc/`` and the hash of its path."""
    if _HOP.match(path) is None:
        return path
    return "ibc/" + hashlib.sha256(path.encode()).hexdigest().upper()


def route_of(sent: Sent) -> Route:
    """Return the route that a packet goes along, in either direction."""
    here = f"{sent.packet.source.port}/{sent.packet.source.channel}/"
    if sent.path.startswith(here):
        return Route(sent.destination, sent.packet.source, sent.path.removeprefix(here))
    return Route(sent.packet.source, sent.destination, sent.path)


class SupplyWatch:
    """Compares after every block of every chain. Mutable: it knows packets and last states."""

    def __init__(self, chains: Sequence[str]) -> None:
        self._chains = {name: _ChainState() for name in chains}
        self._packets: dict[PacketId, _Packet] = {}
        self._routes: set[Route] = set()
        self.checks = 0
        self.violations: list[str] = []

    def add(self, block: Block) -> None:
        """Take a chain's next block, and compare for every block whose turn has come."""
        state = self._chains[block.chain]
        last = state.waiting[-1] if state.waiting else state.last
        expected = 1 if last is None else last.height + 1
        if block.height != expected:
            self._violation(f"{block.chain}: block {block.height} read after {expected - 1}")
        state.waiting.append(block)
        self._advance(is_last=False)

    def finish(self) -> None:
        """Compare what is left: no block comes any more."""
        self._advance(is_last=True)
        for name, state in self._chains.items():
            for block in state.waiting:
                self._violation(
                    f"{name}@{block.height} stands on a packet or answer that no chain wrote"
                )
                break

    @property
    def heights(self) -> dict[str, int]:
        """Up to where each chain was compared."""
        return {
            name: 0 if state.last is None else state.last.height
            for name, state in self._chains.items()
        }

    @property
    def in_flight(self) -> int:
        """How many packets are on their way."""
        return sum(packet.stage in _IN_FLIGHT for packet in self._packets.values())

    @property
    def is_conserved(self) -> bool:
        """Whether every comparison held, and each chain was compared."""
        return not self.violations and all(self.heights.values())

    def _advance(self, *, is_last: bool) -> None:
        while (name := self._next(is_last=is_last)) is not None:
            self._take(self._chains[name].waiting.popleft())

    def _next(self, *, is_last: bool) -> str | None:
        """Return the chain whose block is the oldest that depends on nothing unread.

        Before the end, every chain must have a block waiting: the missing one may be older.
        """
        if not is_last and not all(state.waiting for state in self._chains.values()):
            return None
        ready = [
            (state.waiting[0].time_ns, name)
            for name, state in self._chains.items()
            if state.waiting and self._is_caused(state.waiting[0])
        ]
        return min(ready)[1] if ready else None

    def _is_caused(self, block: Block) -> bool:
        """Return whether what the block's packets stand on was read already."""
        within = {fact.packet for fact in block.facts if isinstance(fact, Sent)}
        for fact in block.facts:
            known = self._packets.get(fact.packet)
            match fact:
                case Received() | TimedOut():
                    if known is None and fact.packet not in within:
                        return False
                case Settled():
                    if known is None or known.stage in {_Stage.SENT, _Stage.RECEIVED}:
                        return False
                case Sent() | Answered():
                    pass
        return True

    def _take(self, block: Block) -> None:
        state = self._chains[block.chain]
        if state.first is None:
            state.first = dict(block.supply)
        else:
            state.issued.update(block.issued)
        state.last = block
        for fact in block.facts:
            self._apply(block, fact)
        for problem in self._problems():
            self._violation(f"after {block.chain}@{block.height}: {problem}")
        self.checks += 1

    def _apply(self, block: Block, fact: Fact) -> None:
        where = f"{block.chain}@{block.height}"
        if isinstance(fact, Sent):
            if fact.packet in self._packets:
                self._violation(f"{where}: packet {fact.packet} sent twice")
            self._packets[fact.packet] = _Packet(fact)
            self._routes.add(route_of(fact))
            return
        packet = self._packets.get(fact.packet)
        if packet is None:
            self._violation(f"{where}: packet {fact.packet} was never sent")
            return
        allowed: tuple[_Stage, ...]
        match fact:
            case Received():
                allowed, stage = (_Stage.SENT,), _Stage.RECEIVED
            case Answered():
                stage = _Stage.DELIVERED if fact.accepted else _Stage.REFUSED
                allowed = (_Stage.RECEIVED,)
            case Settled():
                allowed, stage = (_Stage.DELIVERED, _Stage.REFUSED), _Stage.DONE
            case TimedOut():
                allowed, stage = (_Stage.SENT,), _Stage.DONE
        if packet.stage not in allowed:
            self._violation(
                f"{where}: packet {fact.packet} {stage.value} after {packet.stage.value}"
            )
        packet.stage = stage

    def _problems(self) -> Iterator[str]:
        explained: dict[str, set[str]] = {name: set() for name in self._chains}
        escrowed: set[tuple[End, str]] = set()
        for route in self._routes:
            explained.setdefault(route.away.chain, set()).add(route.voucher)
            escrowed.add((route.home, route.escrowed))
            yield from self._route_problem(route)
        for name, state in self._chains.items():
            if state.last is None or state.first is None:
                continue
            for denom in sorted({*state.first, *state.last.supply}):
                now = state.last.supply.get(denom, 0)
                expected = state.first.get(denom, 0) + state.issued[denom]
                if denom not in explained[name] and now != expected:
                    yield f"supply of {denom} on {name} went from {expected} to {now}"
            if state.last.held is not None and state.last.held != state.last.supply:
                yield f"accounts on {name} hold {state.last.held}, of {state.last.supply}"
            for end, balances in state.last.escrows.items():
                for denom, amount in balances.items():
                    if amount and (end, denom) not in escrowed:
                        yield f"{amount} {denom} in escrow at {end} that no packet left there"

    def _route_problem(self, route: Route) -> Iterator[str]:
        home, away = self._chains.get(route.home.chain), self._chains.get(route.away.chain)
        if home is None or away is None or home.last is None:
            yield f"{route.path} left over {route.home} to a chain that nobody reads"
            return
        locked = home.last.escrows.get(route.home, {}).get(route.escrowed, 0)
        vouchers = 0 if away.last is None else away.last.supply.get(route.voucher, 0)
        travelling = sum(
            packet.sent.amount
            for packet in self._packets.values()
            if packet.stage in _IN_FLIGHT and route_of(packet.sent) == route
        )
        if locked != vouchers + travelling:
            yield (
                f"{route.path}: {locked} in escrow at {route.home}, but {vouchers} vouchers on "
                f"{route.away.chain} and {travelling} in flight"
            )

    def _violation(self, text: str) -> None:
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(text)
