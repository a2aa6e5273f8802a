"""A process that reads every block of every chain over public RPC and checks the token supply.

It shares no code with the ledgers or the relayer: JSON-RPC, protobuf, bech32, the escrow
accounts' addresses and the coins of Bitcoin's blocks are done here, with the standard
library. It counts the headers and proofs that the chains verified from the same events.

    echo '{"chains": [{"name": "hub", "rpc": "http://127.0.0.1:26657", "prefix": "isthmus"}]}
    {"until": {"hub": 40}}' | python -c "from demos.supply_reader import main; main()"

The first line of its input says what to read; the second, which may come much later, up to
where. Its only line of output is the verdict.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from demos.supply_bitcoin import BitcoinBooks
from demos.supply_equation import Block, SupplyWatch
from demos.supply_ethereum import EthereumBooks
from demos.supply_forms import HEADER_EVENT, PROOF_EVENTS, Facts, ReadFailed, count_verified
from demos.supply_node import Books, Node, Source
from demos.supply_tendermint import TendermintBooks

POLL_S = 0.2

FORMS: tuple[Callable[[Node], Books], ...] = (TendermintBooks, BitcoinBooks, EthereumBooks)
"""Each takes a node, or refuses one that answers in another form."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; ``conserved`` is only true if every height was read and compared."""

    conserved: bool
    heights: Mapping[str, int]
    comparisons: int
    violations: Sequence[str]
    packets_in_flight: int
    headers_verified: int
    proofs_verified: Mapping[str, int]
    block_seconds: Mapping[str, float]


def open_books(node: Node) -> Books:
    """Return a chain's books in the form in which its node answers.

    Raises:
        ReadFailed: It answers in none that is known, or not at all.
    """
    reasons = []
    for form in FORMS:
        try:
            return form(node)
        except (ReadFailed, KeyError) as error:
            reasons.append(str(error))
    raise ReadFailed(f"{node.source.name} answers in no known form: {'; '.join(reasons)}")


class Reader:
    """Reads all chains, block by block. Mutable: it knows how far it is."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._books = {source.name: open_books(Node(source)) for source in sources}
        self._names = {books.chain_id: name for name, books in self._books.items()}
        self._facts = Facts()
        self._next = dict.fromkeys(self._books, 1)
        self._times: dict[str, list[int]] = {name: [] for name in self._books}
        self._counts: Counter[str] = Counter()
        self.watch = SupplyWatch(tuple(self._books))

    def read(self, until: Mapping[str, int] | None) -> bool:
        """Read what is new, up to ``until``; return whether all of that is read."""
        for name, books in self._books.items():
            last = books.newest()
            if until is not None:
                last = min(last, until[name])
            while self._next[name] <= last:
                self.watch.add(self._read_block(name, books, self._next[name]))
                self._next[name] += 1
        return until is not None and all(self._next[name] > until[name] for name in self._books)

    def _read_block(self, name: str, books: Books, height: int) -> Block:
        try:
            return self._block(name, books, height)
        except (KeyError, ValueError, TypeError) as error:
            where = f"block {height} of {name}"
            raise ReadFailed(f"{where} is not of its form: {error!r}") from error

    def _block(self, name: str, books: Books, height: int) -> Block:
        events = books.events(height)
        if any(kind.startswith("channel_open") for kind, _ in events):
            for end, chain_id in books.transfer_ends(height).items():
                self._facts.ends[end] = self._names.get(chain_id, chain_id)
        self._counts += count_verified(events)
        at = books.time_ns(height)
        if height >= books.first_timed:
            self._times[name].append(at)
        return Block(
            chain=name,
            height=height,
            time_ns=at,
            facts=self._facts.of(name, events),
            supply=books.supply(height),
            escrows={
                end: books.escrow(end, height) for end in self._facts.ends if end.chain == name
            },
            held=books.held(height, is_busy=bool(events)),
            issued=books.issued(height),
        )

    def verdict(self) -> Verdict:
        """Return what was found; the reading is over."""
        self.watch.finish()
        proofs = {kind: count for kind, count in self._counts.items() if kind in PROOF_EVENTS}
        return Verdict(
            conserved=self.watch.is_conserved,
            heights=self.watch.heights,
            comparisons=self.watch.checks,
            violations=tuple(self.watch.violations),
            packets_in_flight=self.watch.in_flight,
            headers_verified=self._counts[HEADER_EVENT],
            proofs_verified=proofs,
            block_seconds={name: _mean_s(times) for name, times in self._times.items()},
        )


def _mean_s(times: Sequence[int]) -> float:
    """Return the mean time between blocks."""
    if len(times) < 2:
        return 0.0
    return round((times[-1] - times[0]) / (len(times) - 1) / 10**9, 3)


def main() -> int:
    """Read until told up to where, print the verdict; 0 if the supply was conserved."""
    told: list[Mapping[str, int]] = []
    config = json.loads(sys.stdin.readline())
    sources = [Source(**each) for each in config["chains"]]

    def listen() -> None:
        line = sys.stdin.readline()
        told.append(json.loads(line)["until"] if line.strip() else {})

    threading.Thread(target=listen, daemon=True).start()
    try:
        reader = Reader(sources)
        while True:
            until = told[0] if told else None
            if until == {} or reader.read(until):
                break
            time.sleep(POLL_S)
    except ReadFailed as error:
        _say({"conserved": False, "violations": [str(error)]})
        return 1
    verdict = reader.verdict()
    _say(asdict(verdict))
    return 0 if verdict.conserved else 1


def _say(values: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()
