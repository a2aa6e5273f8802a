"""The books of a chain with Ethereum's JSON-RPC, kept by the reader from blocks, receipts, logs.

No call of Ethereum's lists accounts, so the reader keeps a list of its own: everybody whom a
block names as its miner, a transaction's sender or receiver, in a log or in a packet, and the
escrow account of each channel. After every block it asks what they hold. An account that is
new to the list brings what genesis gave it; besides that, coins become fewer by the base fee
of the gas, which is burnt, and never more. So coins made for an account that no block names
are found out in the first block that does.

A token is a contract that logged a transfer. Its total must be what everybody on the list
holds of it; that of a token made on the chain moves by its own mints and burns only, that of
a voucher by packets (``supply_equation``).

Spec:
    ethereum/execution-apis; EIP-20; EIP-1559; Solidity documentation, "Contract ABI
    Specification".
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from demos.supply_equation import End, local_name
from demos.supply_forms import (
    HEADER_EVENT,
    PROOF_EVENTS,
    TRANSFER_PORT,
    Event,
    ReadFailed,
    bech32_bytes,
    escrow_digest,
    tracked_chain,
    transfer_channels,
)
from demos.supply_keccak import keccak256
from demos.supply_node import Node

WORD = 32
IBC = "0x" + f"{0x1BC0:040x}"
ZERO = "0x" + 40 * "0"
VOUCHER_NAME = "isthmus/voucher/"
"""A voucher's contract is at the end of the hash of this and its name."""

PACKET_LOGS = frozenset(
    {
        "send_packet",
        "recv_packet",
        "write_acknowledgement",
        "acknowledge_packet",
        "timeout_packet",
    }
)
PACKET_LOG = "(bytes32,uint64,string[],string[])"
OTHER_LOG = "(string[],string[])"
OPENING = "channel_open_"
_KINDS = PROOF_EVENTS | PACKET_LOGS | {HEADER_EVENT, f"{OPENING}init"}

Json = Mapping[str, object]


def _topic(signature: str) -> str:
    return "0x" + keccak256(signature.encode()).hex()


def _selector(signature: str) -> str:
    return _topic(signature)[:10]


def _signature(kind: str) -> str:
    return kind + (PACKET_LOG if kind in PACKET_LOGS else OTHER_LOG)


KIND_OF_TOPIC = {_topic(_signature(kind)): kind for kind in _KINDS}
TRANSFER = _topic("Transfer(address,address,uint256)")
BALANCE_OF = _selector("balanceOf(address)")
TOTAL_SUPPLY = _selector("totalSupply()")
QUERY = _selector("query(string,bytes)")


@dataclass(frozen=True, slots=True)
class _Page:
    """What a block did and what was there after it."""

    height: int
    block_hash: str
    state_root: str
    time_s: int
    events: list[Event]
    issued: dict[str, int]
    totals: dict[str, int]
    """Of tokens, as their contracts say."""
    balances: dict[tuple[str, str], int]
    """Of everybody on the list, by address and denomination."""

    def held(self) -> Counter[str]:
        """Return what everybody on the list holds."""
        held: Counter[str] = Counter()
        for (_, denom), amount in self.balances.items():
            held[denom] += amount
        return held


class EthereumBooks:
    """A chain whose every block is final. Mutable: it keeps the list, and the last block."""

    first_timed = 1

    def __init__(self, node: Node) -> None:
        """Take a node.

        Raises:
            ReadFailed: It answers in another form.
        """
        self._node = node
        node.ask_all([("eth_chainId", ())])
        self.chain_id = node.source.chain_id
        self._denom = node.source.denom
        self._names: set[str] = set()
        self._tokens: dict[str, str] = {}
        """Contracts and the denominations of their tokens."""
        self._vouchers: dict[str, str] = {}
        """Contracts that vouchers have, whether they were used or not."""
        self._page: _Page | None = None

    def newest(self) -> int:
        """Return the newest height."""
        return _integer(self._node.ask_all([("eth_blockNumber", ())])[0])

    def events(self, height: int) -> list[Event]:
        """Return what a block did."""
        return self._at(height).events

    def time_ns(self, height: int) -> int:
        """Return the time in a block's header."""
        return self._at(height).time_s * 10**9

    def supply(self, height: int) -> dict[str, int]:
        """Return the coins of everybody on the list, and the tokens that contracts tell."""
        page = self._at(height)
        return {self._denom: page.held()[self._denom]} | page.totals

    def issued(self, height: int) -> dict[str, int]:
        """Return what genesis gave to the accounts that are new, less what was burnt."""
        return self._at(height).issued

    def escrow(self, end: End, height: int) -> dict[str, int]:
        """Return the balances of a channel end's escrow account."""
        wanted = _escrow(end.port, end.channel)
        balances = self._at(height).balances
        if wanted not in self._names:
            raise ReadFailed(f"{end} opened without an event")
        return {denom: held for (address, denom), held in balances.items() if address == wanted}

    def held(self, height: int, *, is_busy: bool) -> dict[str, int]:  # noqa: ARG002 - the protocol
        """Return what everybody on the list holds."""
        page = self._at(height)
        held = page.held()
        return {denom: held[denom] for denom in (self._denom, *page.totals)}

    def transfer_ends(self, height: int) -> dict[End, str]:
        """Return the token channels here, each with the id of the chain that it leads to."""
        answer = self._query("/ibc.core.channel.v1.Query/Channels", b"", height)
        path = "/ibc.core.channel.v1.Query/ChannelClientState"
        return {
            end: tracked_chain(self._query(path, request, height))
            for end, request in transfer_channels(self._node.source.name, answer)
        }

    def _query(self, path: str, request: bytes, height: int) -> bytes:
        """Return the answer of the IBC contract to a gRPC query about the state after a block."""
        first, second = _dynamic(path.encode()), _dynamic(request)
        arguments = _word(2 * WORD) + _word(2 * WORD + len(first)) + first + second
        call = {"to": IBC, "data": QUERY + arguments.hex()}
        data = _bytes(self._node.ask_all([("eth_call", (call, hex(height)))])[0])
        return _dynamic_at(data, WORD)

    # --- blocks -------------------------------------------------------------------------

    def _at(self, height: int) -> _Page:
        if self._page is None or self._page.height != height:
            self._page = self._turn_to(height)
        return self._page

    def _turn_to(self, height: int) -> _Page:
        name, last = self._node.source.name, self._page
        read = 0 if last is None else last.height
        if height != read + 1:
            raise ReadFailed(f"block {height} of {name} read after {read}")
        block, receipts = self._node.ask_all(
            [
                ("eth_getBlockByNumber", (hex(height), False)),
                ("eth_getBlockReceipts", (hex(height),)),
            ]
        )
        header, done = _object(block), _objects(receipts)
        if last is not None and header["parentHash"] != last.block_hash:
            raise ReadFailed(f"block {height} of {name} does not stand on the one before")
        if {_text(each["blockHash"]) for each in done} - {_text(header["hash"])}:
            raise ReadFailed(f"receipts of {name}'s block {height} are another block's")
        logs = [log for each in done for log in _objects(each["logs"])]
        events = [_event(log) for log in logs if _text(log["address"]).lower() == IBC]
        known = set(self._names)
        self._names.update(_named_in_block(header, done), _named_in_logs(logs))
        self._names.update(self._named_in_events(events))
        self._learn_tokens(logs, events)
        new = sorted(self._names - known)
        issued = self._issued(logs)
        issued[self._denom] += sum(self._ask_balances(new, (self._denom,), 0).values())
        issued[self._denom] -= _integer(header["baseFeePerGas"]) * _integer(header["gasUsed"])
        root = _text(header["stateRoot"])
        # Under the same root is the same state: then only who is new is asked for.
        same = last if last is not None and last.state_root == root else None
        denoms = (self._denom, *self._tokens.values())
        balances = self._ask_balances(new if same else sorted(self._names), denoms, height)
        return _Page(
            height=height,
            block_hash=_text(header["hash"]),
            state_root=root,
            time_s=_integer(header["timestamp"]),
            events=events,
            issued=dict(issued),
            totals=same.totals if same else self._ask_totals(height),
            balances=same.balances | balances if same else balances,
        )

    # --- the list -------------------------------------------------------------------------

    def _named_in_events(self, events: Iterable[Event]) -> Iterator[str]:
        """Yield the accounts in attributes and packets, and the escrows of channels."""
        for kind, attributes in events:
            texts = list(attributes.values())
            if "packet_data_hex" in attributes:
                texts += map(str, _packet_data(attributes).values())
            for text in texts:
                address = bech32_bytes(self._node.source.prefix, text)
                if address is not None:
                    yield "0x" + address.hex()
            if kind.startswith(OPENING) and attributes.get("port_id") == TRANSFER_PORT:
                yield _escrow(TRANSFER_PORT, attributes["channel_id"])

    def _learn_tokens(self, logs: Iterable[Json], events: Iterable[Event]) -> None:
        """Note the contracts that logged a transfer; those of vouchers by packets that came."""
        for kind, attributes in events:
            if kind == "recv_packet" and attributes["packet_dst_port"] == TRANSFER_PORT:
                port, channel = attributes["packet_dst_port"], attributes["packet_dst_channel"]
                path = f"{port}/{channel}/{_packet_data(attributes).get('denom')}"
                denom = local_name(path)
                digest = keccak256((VOUCHER_NAME + denom).encode())
                self._vouchers["0x" + digest[-20:].hex()] = denom
        for log in logs:
            contract = _text(log["address"]).lower()
            if _topics(log)[:1] == [TRANSFER] and contract not in self._tokens:
                self._tokens[contract] = self._vouchers.get(contract, f"erc20:{contract}")

    def _issued(self, logs: Iterable[Json]) -> Counter[str]:
        """Return by how much the tokens of this chain became more by their logs."""
        issued: Counter[str] = Counter()
        for log in logs:
            contract, topics = _text(log["address"]).lower(), _topics(log)
            if topics[:1] == [TRANSFER] and contract not in self._vouchers:
                amount = int.from_bytes(_bytes(log["data"]), "big")
                sender, receiver = ("0x" + topic[-40:] for topic in topics[1:3])
                issued[self._tokens[contract]] += amount * ((sender == ZERO) - (receiver == ZERO))
        return issued

    # --- what there is --------------------------------------------------------------------

    def _ask_balances(
        self, names: Sequence[str], denoms: Sequence[str], height: int
    ) -> dict[tuple[str, str], int]:
        """Return what accounts hold after a block, by address and denomination."""
        contracts = {denom: contract for contract, denom in self._tokens.items()}
        keys = [(name, denom) for name in names for denom in denoms]
        calls: list[tuple[str, Sequence[object]]] = []
        for name, denom in keys:
            if denom == self._denom:
                calls.append(("eth_getBalance", (name, hex(height))))
            else:
                call = {"to": contracts[denom], "data": BALANCE_OF + name[2:].rjust(64, "0")}
                calls.append(("eth_call", (call, hex(height))))
        return {
            key: _number(answer)
            for key, answer in zip(keys, self._node.ask_all(calls), strict=True)
        }

    def _ask_totals(self, height: int) -> dict[str, int]:
        calls = [
            ("eth_call", ({"to": contract, "data": TOTAL_SUPPLY}, hex(height)))
            for contract in self._tokens
        ]
        answers = self._node.ask_all(calls)
        return dict(zip(self._tokens.values(), map(_number, answers), strict=True))


def _escrow(port: str, channel: str) -> str:
    return "0x" + escrow_digest(End("", port, channel)).hex()


def _named_in_block(header: Json, receipts: Iterable[Json]) -> Iterator[str]:
    """Yield a block's miner and who sent and received its transactions."""
    yield _text(header["miner"]).lower()
    for receipt in receipts:
        yield _text(receipt["from"]).lower()
        yield _text(receipt["to"]).lower()


def _named_in_logs(logs: Iterable[Json]) -> Iterator[str]:
    """Yield who logged, and each word of a log that may be an address."""
    for log in logs:
        yield _text(log["address"]).lower()
        words = [topic[2:] for topic in _topics(log)]
        data = _text(log["data"])[2:]
        if _text(log["address"]).lower() != IBC:
            words += [data[at : at + 64] for at in range(0, len(data), 64)]
        for word in words:
            # A number below 2^64 is an amount, a time or a sequence.
            if len(word) == 64 and int(word[:24], 16) == 0 and int(word, 16) >> 64:
                yield "0x" + word[24:]


def _event(log: Json) -> Event:
    """Return the event that a log of the IBC contract stands for."""
    data = _bytes(log["data"])
    names, values = (_texts(data, int.from_bytes(data[at : at + WORD], "big")) for at in (0, WORD))
    topic = _topics(log)[0]
    return KIND_OF_TOPIC.get(topic, topic), dict(zip(names, values, strict=True))


def _packet_data(attributes: Mapping[str, str]) -> Json:
    """Return the data of a token packet, which are JSON; nothing of another packet."""
    if TRANSFER_PORT not in {attributes["packet_src_port"], attributes["packet_dst_port"]}:
        return {}
    return _object(json.loads(bytes.fromhex(attributes["packet_data_hex"])))


# --- the ABI, and JSON's values ------------------------------------------------------------


def _word(number: int) -> bytes:
    return number.to_bytes(WORD, "big")


def _dynamic(data: bytes) -> bytes:
    """Return bytes behind their size, padded to words."""
    return _word(len(data)) + data + bytes(-len(data) % WORD)


def _dynamic_at(data: bytes, at: int) -> bytes:
    size = int.from_bytes(data[at : at + WORD], "big")
    found = data[at + WORD : at + WORD + size]
    if len(found) != size:
        raise ReadFailed("ABI data are cut short")
    return found


def _texts(data: bytes, at: int) -> list[str]:
    """Return an array of texts."""
    count, first = int.from_bytes(data[at : at + WORD], "big"), at + WORD
    if count * WORD > len(data):
        raise ReadFailed("ABI data are cut short")
    offsets = (
        int.from_bytes(data[p : p + WORD], "big")
        for p in range(first, at + WORD * (count + 1), WORD)
    )
    return [_dynamic_at(data, first + offset).decode() for offset in offsets]


def _object(value: object) -> Json:
    if not isinstance(value, dict):
        raise ReadFailed("an object is wanted")
    return value


def _objects(value: object) -> list[Json]:
    if not isinstance(value, list):
        raise ReadFailed("a list of objects is wanted")
    return [_object(item) for item in value]


def _topics(log: Json) -> list[str]:
    topics = log["topics"]
    if not isinstance(topics, list):
        raise ReadFailed("a log has a list of topics")
    return [_text(topic) for topic in topics]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ReadFailed(f"a text is wanted, not {value!r:.40}")
    return value


def _bytes(value: object) -> bytes:
    return bytes.fromhex(_text(value).removeprefix("0x"))


def _integer(value: object) -> int:
    return int(_text(value), 16)


def _number(value: object) -> int:
    """Return a quantity, or a contract's word."""
    text = _text(value)
    if text == "0x":
        raise ReadFailed("a contract answers nothing")
    return int(text, 16)
