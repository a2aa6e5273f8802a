"""A process that reads every block of every chain over public RPC and checks the token supply.

It shares no code with the ledgers or the relayer: JSON-RPC, protobuf, bech32 and the escrow
accounts' addresses are done here, with the standard library. It counts the headers and
proofs that the chains verified from the same block results.

    echo '{"chains": [{"name": "hub", "rpc": "http://127.0.0.1:26657", "prefix": "isthmus"}]}
    {"until": {"hub": 40}}' | python -c "from demos.supply_reader import main; main()"

The first line of its input says what to read; the second, which may come much later, up to
where. Its only line of output is the verdict.
"""

import base64
import http.client
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from demos.supply_equation import Block, End, SupplyWatch
from demos.supply_forms import (
    HEADER_EVENT,
    PROOF_EVENTS,
    TRANSFER_PORT,
    Facts,
    ReadFailed,
    addresses_of,
    bytes_of,
    coins_of,
    count_verified,
    escrow_account,
    events_of,
    protobuf_fields,
    protobuf_text,
    text_of,
    time_ns,
)

POLL_S = 0.2
CALL_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Source:
    """A chain to read: its name, the address of a node and its accounts' prefix."""

    name: str
    rpc: str
    prefix: str


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


class Node:
    """One node's JSON-RPC. Mutable: it keeps a connection."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._host = urlsplit(source.rpc).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=CALL_TIMEOUT_S)

    def call(self, method: str, **params: object) -> dict[str, object]:
        """Return the result of one call.

        Raises:
            ReadFailed: No answer, or an error.
        """
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        headers = {"Content-Type": "application/json"}
        try:
            self._connection.request("POST", "/", body, headers)
            answer = json.loads(self._connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise ReadFailed(f"{method} at {self.source.rpc}: {error!r}") from error
        result = answer.get("result")
        if not isinstance(result, dict):
            raise ReadFailed(f"{method} at {self.source.rpc}: {answer.get('error')}")
        return result

    def newest(self) -> int:
        """Return the newest height."""
        info = self.call("status")["sync_info"]
        assert isinstance(info, dict)
        return int(info["latest_block_height"])

    def time_ns(self, height: int) -> int:
        """Return a block's time."""
        header = self.call("header", height=str(height))["header"]
        assert isinstance(header, dict)
        return time_ns(str(header["time"]))

    def query(self, path: str, request: bytes, height: int) -> bytes:
        """Return the answer to a gRPC query about the state after ``height``."""
        answer = self.call("abci_query", path=path, data=request.hex(), height=str(height))
        response = answer["response"]
        assert isinstance(response, dict)
        if response.get("code"):
            raise ReadFailed(f"{path} at height {height}: {response.get('log')}")
        return base64.b64decode(response.get("value") or "")

    def supply(self, height: int) -> dict[str, int]:
        """Return the whole supply."""
        return coins_of(self.query("/cosmos.bank.v1beta1.Query/TotalSupply", b"", height))

    def balances(self, address: str, height: int) -> dict[str, int]:
        """Return an account's balances."""
        request = protobuf_text(1, address)
        return coins_of(self.query("/cosmos.bank.v1beta1.Query/AllBalances", request, height))

    def held(self, height: int) -> dict[str, int]:
        """Return what all accounts together hold."""
        answer = self.query("/cosmos.auth.v1beta1.Query/Accounts", b"", height)
        total: Counter[str] = Counter()
        for address in addresses_of(answer):
            total.update(self.balances(address, height))
        return dict(total)

    def transfer_ends(self, height: int) -> dict[End, str]:
        """Return the token channels here, each with the id of the chain that it leads to."""
        path = "/ibc.core.channel.v1.Query/Channels"
        found = {}
        for number, channel in protobuf_fields(self.query(path, b"", height)):
            if number == 1 and text_of(channel, 6) == TRANSFER_PORT:
                end = End(self.source.name, TRANSFER_PORT, text_of(channel, 7))
                found[end] = self._chain_behind(end, height)
        return found

    def _chain_behind(self, end: End, height: int) -> str:
        request = protobuf_text(1, end.port) + protobuf_text(2, end.channel)
        path = "/ibc.core.channel.v1.Query/ChannelClientState"
        identified = bytes_of(self.query(path, request, height), 1)
        state = bytes_of(bytes_of(identified, 2), 2)
        return text_of(state, 1)


class Reader:
    """Reads all chains, block by block. Mutable: it knows how far it is."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._nodes = {source.name: Node(source) for source in sources}
        self._names = {str(_network(node)): name for name, node in self._nodes.items()}
        self._facts = Facts()
        self._next = dict.fromkeys(self._nodes, 1)
        self._times: dict[str, list[int]] = {name: [] for name in self._nodes}
        self._counts: Counter[str] = Counter()
        self.watch = SupplyWatch(tuple(self._nodes))

    def read(self, until: Mapping[str, int] | None) -> bool:
        """Read what is new, up to ``until``; return whether all of that is read."""
        for name, node in self._nodes.items():
            last = node.newest()
            if until is not None:
                last = min(last, until[name])
            while self._next[name] <= last:
                self.watch.add(self._read_block(node, self._next[name]))
                self._next[name] += 1
        return until is not None and all(self._next[name] > until[name] for name in self._nodes)

    def _read_block(self, node: Node, height: int) -> Block:
        try:
            return self._block(node, height)
        except (KeyError, ValueError, TypeError) as error:
            where = f"block {height} of {node.source.name}"
            raise ReadFailed(f"{where} is not of its form: {error!r}") from error

    def _block(self, node: Node, height: int) -> Block:
        name = node.source.name
        events = events_of(node.call("block_results", height=str(height)))
        if any(kind.startswith("channel_open") for kind, _ in events):
            for end, chain_id in node.transfer_ends(height).items():
                self._facts.ends[end] = self._names.get(chain_id, chain_id)
        self._counts += count_verified(events)
        at = node.time_ns(height)
        supply = node.supply(height)
        self._times[name].append(at)
        return Block(
            chain=name,
            height=height,
            time_ns=at,
            facts=self._facts.of(name, events),
            supply=supply,
            escrows={
                end: node.balances(escrow_account(end, node.source.prefix), height)
                for end in self._facts.ends
                if end.chain == name
            },
            # Every account is asked where something was done: balances move by events only.
            held=node.held(height) if events or height == 1 else None,
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


def _network(node: Node) -> object:
    info = node.call("status")["node_info"]
    assert isinstance(info, dict)
    return info["network"]


def _mean_s(times: Sequence[int]) -> float:
    """Return the mean time between blocks; the first block has the genesis time."""
    if len(times) < 3:
        return 0.0
    return round((times[-1] - times[1]) / (len(times) - 2) / 10**9, 3)


def main() -> int:
    """Read until told up to where, print the verdict; 0 if the supply was conserved."""
    told: list[Mapping[str, int]] = []
    config = json.loads(sys.stdin.readline())
    sources = [Source(each["name"], each["rpc"], each["prefix"]) for each in config["chains"]]

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
